//! Receiving in tests: messages that own their bytes, and bytes that arrive in pieces.

use tidings_websocket::{
    CloseCode, Decoder, Frame, Limits, Message, Opcode, ProtocolError, Role, Scratch, put_frame,
};

/// A [`Message`] that outlives the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Got {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<CloseCode>, String),
}

impl From<Message<'_>> for Got {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(text) => Got::Text(text.to_owned()),
            Message::Binary(bytes) => Got::Binary(bytes.to_vec()),
            Message::Ping(bytes) => Got::Ping(bytes.to_vec()),
            Message::Pong(bytes) => Got::Pong(bytes.to_vec()),
            Message::Close { code, reason } => Got::Close(code, reason.to_owned()),
        }
    }
}

pub(crate) fn text(text: &str) -> Got {
    Got::Text(text.to_owned())
}

/// Wide enough for everything but the tests of limits.
pub(crate) const WIDE: Limits = Limits {
    max_message_bytes: 1 << 20,
    max_frame_bytes: 1 << 20,
    max_fragments: 1 << 20,
};

pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The key with which frames go to a receiver of this role.
pub(crate) fn key_to(receiver: Role) -> Option<[u8; 4]> {
    (receiver == Role::Server).then_some(KEY)
}

/// A frame on its way to a receiver of this role.
pub(crate) fn to(receiver: Role, frame: Frame<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put_frame(&mut out, frame, key_to(receiver));
    out
}

/// A masked frame that may be a fragment.
pub(crate) fn part(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let frame = Frame {
        fin,
        compressed: false,
        opcode,
        payload,
    };
    to(Role::Server, frame)
}

/// A decoder with what it reported so far.
pub(crate) struct Receiver {
    pub(crate) decoder: Decoder,
    scratch: Scratch,
    limits: Limits,
    pub(crate) got: Vec<Got>,
}

impl Receiver {
    pub(crate) fn new(role: Role, deflate: bool, limits: Limits) -> Self {
        Self {
            decoder: Decoder::new(role, deflate),
            scratch: Scratch::new(),
            limits,
            got: Vec::new(),
        }
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<(), ProtocolError> {
        let mut input = bytes.to_vec();
        self.decoder.feed(
            &mut input,
            &self.limits,
            &mut self.scratch,
            &mut |message| self.got.push(message.into()),
        )
    }
}

/// Everything a fresh decoder reports about a stream that arrives in `pieces`.
pub(crate) fn receive<'p>(
    role: Role,
    deflate: bool,
    limits: Limits,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> (Vec<Got>, Result<(), ProtocolError>) {
    let mut receiver = Receiver::new(role, deflate, limits);
    for piece in pieces {
        if let Err(error) = receiver.feed(piece) {
            return (receiver.got, Err(error));
        }
    }
    (receiver.got, Ok(()))
}

/// As a server without compression, all at once and then byte by byte: both have to agree.
pub(crate) fn serve(bytes: &[u8]) -> (Vec<Got>, Result<(), ProtocolError>) {
    serve_with(false, WIDE, bytes)
}

pub(crate) fn serve_with(
    deflate: bool,
    limits: Limits,
    bytes: &[u8],
) -> (Vec<Got>, Result<(), ProtocolError>) {
    let whole = receive(Role::Server, deflate, limits, [bytes]);
    let single = receive(Role::Server, deflate, limits, bytes.chunks(1));
    assert_eq!(
        whole, single,
        "all at once, then byte by byte: {bytes:02x?}"
    );
    whole
}

//! Anything at all as the bytes of a connection: never a panic, never more than the limits, and the
//! same messages however the bytes are cut.
//!
//! The first byte of the input chooses role, compression and limits, the second how to cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidings_websocket::{Decoder, Limits, Message, ProtocolError, Role, Scratch};

const TIGHT: Limits = Limits {
    max_message_bytes: 300,
    max_frame_bytes: 200,
    max_fragments: 3,
};
const WIDE: Limits = Limits {
    max_message_bytes: 1 << 20,
    max_frame_bytes: 1 << 20,
    max_fragments: 1 << 20,
};

/// A message as bytes: its kind, then what it holds.
type Report = (Vec<Vec<u8>>, Result<(), ProtocolError>);

struct Setup {
    role: Role,
    deflate: bool,
    limits: Limits,
}

impl Setup {
    /// Receives the stream in pieces of `size` bytes, checking the limits after each.
    fn receive(&self, stream: &[u8], size: usize) -> Report {
        let mut decoder = Decoder::new(self.role, self.deflate);
        let mut scratch = Scratch::new();
        let mut got = Vec::new();
        let most = self.limits.max_message_bytes;
        let mut sink = |message: Message<'_>| {
            let (kind, bytes, most) = match message {
                Message::Text(text) => (1, text.as_bytes(), most),
                Message::Binary(bytes) => (2, bytes, most),
                Message::Ping(bytes) => (9, bytes, 125),
                Message::Pong(bytes) => (10, bytes, 125),
                Message::Close { reason, .. } => (8, reason.as_bytes(), 123),
            };
            assert!(bytes.len() <= most, "a message over its limit");
            got.push([&[kind], bytes].concat());
        };
        let mut input = stream.to_vec();
        for piece in input.chunks_mut(size) {
            let result = decoder.feed(piece, &self.limits, &mut scratch, &mut sink);
            assert!(decoder.held_bytes() <= most + 512, "too much is held");
            if result.is_err() {
                assert!(decoder.has_ended() && decoder.held_bytes() == 0);
                return (got, result);
            }
        }
        (got, Ok(()))
    }
}

fuzz_target!(|data: &[u8]| {
    let [choice, size, stream @ ..] = data else {
        return;
    };
    let setup = Setup {
        role: if choice & 1 == 0 {
            Role::Client
        } else {
            Role::Server
        },
        deflate: choice & 2 != 0,
        limits: if choice & 4 == 0 { WIDE } else { TIGHT },
    };
    let whole = setup.receive(stream, stream.len().max(1));
    assert_eq!(whole, setup.receive(stream, usize::from(*size).max(1)));
    assert_eq!(whole, setup.receive(stream, 1));
});

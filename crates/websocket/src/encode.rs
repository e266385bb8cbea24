//! Writing frames without compression, for one reader or shared by many.
//!
//! The functions that return [`Bytes`] make one complete frame of a server: unmasked, so the same
//! bytes go to every reader. The `put_` functions append to a buffer, so that several frames leave
//! in one write; with a mask key they write what a client has to send. The key is an argument,
//! because randomness has no place here.

use crate::close::{self, CloseCode};
use crate::frame::{Frame, MAX_CONTROL_BYTES, Opcode};
use bytes::{BufMut, Bytes, BytesMut};

/// A text message as one frame of a server.
pub fn text(payload: &str) -> Bytes {
    whole(Frame::whole(Opcode::Text, payload.as_bytes()))
}

/// A binary message as one frame of a server.
pub fn binary(payload: &[u8]) -> Bytes {
    whole(Frame::whole(Opcode::Binary, payload))
}

/// A ping of a server. The payload is cut at 125 bytes.
pub fn ping(payload: &[u8]) -> Bytes {
    whole(control(Opcode::Ping, payload))
}

/// A pong of a server. The payload is cut at 125 bytes; that of a received ping is never longer.
pub fn pong(payload: &[u8]) -> Bytes {
    whole(control(Opcode::Pong, payload))
}

/// A close frame of a server. Without a code the reason is left out (RFC 6455 §5.5.1); a reason
/// over [`crate::MAX_REASON_BYTES`] is cut between two characters.
pub fn close(code: Option<CloseCode>, reason: &str) -> Bytes {
    let (payload, used) = close::payload(code, reason);
    whole(Frame::whole(Opcode::Close, &payload[..used]))
}

/// Appends any frame as it stands, masked when there is a key. Nothing is checked.
pub fn put_frame(out: &mut impl BufMut, frame: Frame<'_>, key: Option<[u8; 4]>) {
    frame.write(out, key);
}

/// Appends a text message in one frame, masked when there is a key.
pub fn put_text(out: &mut impl BufMut, payload: &str, key: Option<[u8; 4]>) {
    Frame::whole(Opcode::Text, payload.as_bytes()).write(out, key);
}

/// Appends a binary message in one frame, masked when there is a key.
pub fn put_binary(out: &mut impl BufMut, payload: &[u8], key: Option<[u8; 4]>) {
    Frame::whole(Opcode::Binary, payload).write(out, key);
}

/// Appends a ping, masked when there is a key. The payload is cut at 125 bytes.
pub fn put_ping(out: &mut impl BufMut, payload: &[u8], key: Option<[u8; 4]>) {
    control(Opcode::Ping, payload).write(out, key);
}

/// Appends a pong, masked when there is a key. The payload is cut at 125 bytes.
pub fn put_pong(out: &mut impl BufMut, payload: &[u8], key: Option<[u8; 4]>) {
    control(Opcode::Pong, payload).write(out, key);
}

/// Appends a close frame, masked when there is a key; see [`close`].
pub fn put_close(
    out: &mut impl BufMut,
    code: Option<CloseCode>,
    reason: &str,
    key: Option<[u8; 4]>,
) {
    let (payload, used) = close::payload(code, reason);
    Frame::whole(Opcode::Close, &payload[..used]).write(out, key);
}

fn control(opcode: Opcode, payload: &[u8]) -> Frame<'_> {
    Frame::whole(opcode, &payload[..payload.len().min(MAX_CONTROL_BYTES)])
}

/// One frame in a buffer of exactly its size.
pub(crate) fn whole(frame: Frame<'_>) -> Bytes {
    let mut out = BytesMut::with_capacity(frame.wire_bytes(false));
    frame.write(&mut out, None);
    out.freeze()
}

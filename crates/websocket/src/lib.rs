//! Tidings' own WebSocket codec: RFC 6455 framing and RFC 7692 compression.
//!
//! It owns the bytes of the protocol and nothing else: handshake values, frames, masking,
//! permessage-deflate, limits and close codes. It must never see a socket, a runtime, a clock or a
//! source of randomness: bytes come in as slices, mask keys and limits come in as arguments.
//! A frame for many readers is encoded (and compressed) once and its [`bytes::Bytes`] is shared;
//! a [`Decoder`] of an idle connection owns no memory on the heap. Why this is a crate of its own:
//! `docs/decisions/0002-own-websocket-codec.md`.

mod close;
mod decode;
mod deflate;
mod encode;
mod error;
mod frame;
pub mod handshake;
mod inflate;
mod mask;
mod role;

pub use close::{CloseCode, MAX_REASON_BYTES};
pub use decode::{Decoder, Message, Scratch};
pub use deflate::Deflater;
pub use encode::{
    binary, close, ping, pong, put_binary, put_close, put_frame, put_ping, put_pong, put_text, text,
};
pub use error::ProtocolError;
pub use frame::{Frame, MAX_CONTROL_BYTES, MAX_HEADER_BYTES, Opcode};
pub use mask::apply_mask;
pub use role::{Limits, Role};

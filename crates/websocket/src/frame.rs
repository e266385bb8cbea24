//! One frame as RFC 6455 §5.2 lays it out: opcodes, and the header written and read.
//!
//! Owns the layout only. It must never decide whether a frame is allowed at its place: that is the
//! decoder's part, which has the state of the connection.

use crate::{ProtocolError, mask};
use bytes::BufMut;

/// Longest payload of a control frame in bytes (RFC 6455 §5.5).
pub const MAX_CONTROL_BYTES: usize = 125;
/// Longest header in bytes: two, eight of length, four of mask key.
pub const MAX_HEADER_BYTES: usize = 14;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_RSV3: u8 = 0x30;
const MASKED: u8 = 0x80;

/// What a frame is (RFC 6455 §11.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// Carries on the message that is open.
    Continuation = 0x0,
    /// Starts a message of UTF-8 text.
    Text = 0x1,
    /// Starts a message of bytes.
    Binary = 0x2,
    /// Ends the connection.
    Close = 0x8,
    /// Asks for a pong with the same payload.
    Ping = 0x9,
    /// Answers a ping, or says "alive" unasked.
    Pong = 0xA,
}

impl Opcode {
    /// Whether this is a control frame, which may stand between the fragments of a message.
    pub const fn is_control(self) -> bool {
        self as u8 >= 0x8
    }

    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }
}

/// One frame to be written, exactly as it says: nothing is checked, so that tests and the load
/// generator can write what is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The last frame of its message.
    pub fin: bool,
    /// RSV1: the message is compressed (RFC 7692 §6). Only on its first frame.
    pub compressed: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The payload before masking.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// A whole message, or a control frame, in one frame without compression.
    pub const fn whole(opcode: Opcode, payload: &'a [u8]) -> Self {
        Self {
            fin: true,
            compressed: false,
            opcode,
            payload,
        }
    }

    /// Bytes that this frame takes on the wire.
    pub const fn wire_bytes(&self, masked: bool) -> usize {
        let extended = match self.payload.len() {
            0..=125 => 0,
            126..=0xFFFF => 2,
            _ => 8,
        };
        2 + extended + if masked { 4 } else { 0 } + self.payload.len()
    }

    /// Appends the frame to `out`, masked when there is a key.
    pub(crate) fn write(&self, out: &mut impl BufMut, key: Option<[u8; 4]>) {
        let fin = if self.fin { FIN } else { 0 };
        let rsv1 = if self.compressed { RSV1 } else { 0 };
        let masked = if key.is_some() { MASKED } else { 0 };
        out.put_u8(fin | rsv1 | self.opcode as u8);
        match self.payload.len() {
            length @ 0..=125 => out.put_u8(masked | length as u8),
            length @ 126..=0xFFFF => {
                out.put_u8(masked | 126);
                out.put_u16(length as u16);
            }
            length => {
                out.put_u8(masked | 127);
                out.put_u64(length as u64);
            }
        }
        match key {
            None => out.put_slice(self.payload),
            Some(key) => {
                out.put_slice(&key);
                // A multiple of four, so that every piece starts with the key's first byte.
                let mut piece = [0; 512];
                for bytes in self.payload.chunks(piece.len()) {
                    let piece = &mut piece[..bytes.len()];
                    piece.copy_from_slice(bytes);
                    mask::apply_mask(piece, key);
                    out.put_slice(piece);
                }
            }
        }
    }
}

/// The first byte of a header, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) fin: bool,
    pub(crate) rsv1: bool,
    pub(crate) opcode: Opcode,
}

impl Start {
    pub(crate) fn parse(byte: u8) -> Result<Self, ProtocolError> {
        if byte & RSV2_RSV3 != 0 {
            return Err(ProtocolError::ReservedBits);
        }
        Ok(Self {
            fin: byte & FIN != 0,
            rsv1: byte & RSV1 != 0,
            opcode: Opcode::from_bits(byte & 0x0F).ok_or(ProtocolError::ReservedOpcode)?,
        })
    }
}

/// The second byte of a header, read: the mask bit and the short length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Second {
    pub(crate) masked: bool,
    /// 0–125 is the length itself, 126 and 127 announce two or eight bytes of it.
    pub(crate) short_length: u8,
}

impl Second {
    pub(crate) fn parse(byte: u8) -> Self {
        Self {
            masked: byte & MASKED != 0,
            short_length: byte & !MASKED,
        }
    }

    /// Where the length ends, counted from the first byte of the header.
    fn length_end(self) -> usize {
        match self.short_length {
            126 => 4,
            127 => 10,
            _ => 2,
        }
    }

    /// Length of the whole header in bytes.
    pub(crate) fn header_bytes(self) -> usize {
        self.length_end() + if self.masked { 4 } else { 0 }
    }

    /// The payload's length, or `None` when `head` does not hold all of it yet.
    pub(crate) fn payload_bytes(self, head: &[u8]) -> Result<Option<u64>, ProtocolError> {
        let Some(extended) = head.get(2..self.length_end()) else {
            return Ok(None);
        };
        let length = match *extended {
            [] => return Ok(Some(u64::from(self.short_length))),
            [a, b] => u64::from(u16::from_be_bytes([a, b])),
            _ => extended
                .iter()
                .fold(0, |length, byte| length << 8 | u64::from(*byte)),
        };
        let minimal = if extended.len() == 2 { 126 } else { 0x1_0000 };
        if length < minimal || length > i64::MAX as u64 {
            return Err(ProtocolError::BadLength);
        }
        Ok(Some(length))
    }

    /// The mask key of a complete header.
    pub(crate) fn key(self, head: &[u8]) -> Option<[u8; 4]> {
        let start = self.length_end();
        self.masked
            .then(|| head.get(start..start + 4)?.try_into().ok())
            .flatten()
    }
}

//! Compressing messages for permessage-deflate (RFC 7692 §7.2.1), one state for a whole core.
//!
//! Owns the compressor and its output buffer. Every message starts from a reset state (no context
//! takeover), so one compressed frame fits every reader. It must never loop over the output: a
//! message that does not get smaller is sent as it is.

use crate::encode;
use crate::frame::{Frame, Opcode};
use bytes::{BufMut, Bytes};
use flate2::{Compress, Compression, FlushCompress};

/// What a sync flush ends with and RFC 7692 §7.2.1 leaves out on the wire.
pub(crate) const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// Output memory that is kept between messages, in bytes.
const KEEP_BYTES: usize = 256 * 1024;

/// A compressor that is used for one message after the other. It owns about 300 KiB: have one a
/// core, never one a connection.
#[derive(Debug)]
pub struct Deflater {
    state: Compress,
    level: u32,
    bits: u8,
    /// Always filled up to its length, so that nothing is zeroed again for a message.
    out: Vec<u8>,
}

impl Deflater {
    /// A compressor of `level` 0 (none) to 9 (smallest); higher counts as 9.
    pub fn new(level: u32) -> Self {
        Self::with_window(level, 15)
    }

    /// The same with a smaller window, for one reader: `bits` 9 to 15, others count as the nearest.
    pub fn with_window(level: u32, bits: u8) -> Self {
        let (level, bits) = (level.min(9), bits.clamp(9, 15));
        Self {
            state: fresh(level, bits),
            level,
            bits,
            out: Vec::new(),
        }
    }

    /// A text message as one frame of a server: compressed when that makes it smaller.
    pub fn text(&mut self, payload: &str) -> Bytes {
        self.frame(Opcode::Text, payload.as_bytes(), encode::whole)
    }

    /// A binary message as one frame of a server: compressed when that makes it smaller.
    pub fn binary(&mut self, payload: &[u8]) -> Bytes {
        self.frame(Opcode::Binary, payload, encode::whole)
    }

    /// Appends a text message, compressed when that makes it smaller, masked when there is a key.
    pub fn put_text(&mut self, out: &mut impl BufMut, payload: &str, key: Option<[u8; 4]>) {
        self.frame(Opcode::Text, payload.as_bytes(), |frame| {
            frame.write(out, key);
        });
    }

    /// Appends a binary message, compressed when that makes it smaller, masked when there is a key.
    pub fn put_binary(&mut self, out: &mut impl BufMut, payload: &[u8], key: Option<[u8; 4]>) {
        self.frame(Opcode::Binary, payload, |frame| frame.write(out, key));
    }

    /// The payload of a compressed message (without its tail), or `None` when it would not be
    /// smaller than `payload`. Tests and the load generator make fragments of it.
    pub fn compress(&mut self, payload: &[u8]) -> Option<&[u8]> {
        // Room for an output as long as the input: a compressor that fills it has not helped.
        let room = payload.len() + TAIL.len();
        if self.out.len() < room {
            self.out.resize(room, 0);
        }
        self.state.reset();
        let status = self
            .state
            .compress(payload, &mut self.out[..room], FlushCompress::Sync);
        let written = self.state.total_out() as usize;
        let finished = status.is_ok()
            && self.state.total_in() == payload.len() as u64
            && written < room
            && self.out[..written].ends_with(&TAIL);
        if !finished {
            // A state that still holds output is not reused: zlib-rs 0.6.8 panics after such a reset.
            self.state = fresh(self.level, self.bits);
            return None;
        }
        Some(&self.out[..written - TAIL.len()])
    }

    fn frame<R>(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        write: impl FnOnce(Frame<'_>) -> R,
    ) -> R {
        let result = match self.compress(payload) {
            Some(smaller) => write(Frame {
                fin: true,
                compressed: true,
                opcode,
                payload: smaller,
            }),
            None => write(Frame::whole(opcode, payload)),
        };
        if self.out.len() > KEEP_BYTES {
            self.out = Vec::new();
        }
        result
    }
}

fn fresh(level: u32, bits: u8) -> Compress {
    Compress::new_with_window_bits(Compression::new(level), false, bits)
}

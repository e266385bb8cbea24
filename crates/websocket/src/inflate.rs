//! Inflating messages of permessage-deflate (RFC 7692 §7.2.2), one state for a whole core.
//!
//! Owns the inflater and its output buffer. Every message starts from a reset state, which is why
//! the handshake always answers `client_no_context_takeover`. It must never write more than the
//! limit, whatever the input promises.

use crate::ProtocolError;
use crate::deflate::TAIL;
use flate2::{Decompress, FlushDecompress, Status};

/// Output memory that is kept between messages, in bytes.
const KEEP_BYTES: usize = 64 * 1024;

/// How often a message may end a deflate stream (BFINAL) and start another one. RFC 7692 §7.2.3.4
/// allows it, nobody needs it often, and each start costs more than the bytes that ask for it.
const MAX_STREAMS: u32 = 16;

/// The inflate state of a core. Its memory is taken with the first compressed message.
#[derive(Debug, Default)]
pub(crate) struct Inflater {
    state: Option<Decompress>,
    /// Always filled up to its length, so that nothing is zeroed again for a message.
    out: Vec<u8>,
}

impl Inflater {
    /// Inflates one message of at most `limit` bytes; `payload` comes without its tail.
    pub(crate) fn inflate(&mut self, payload: &[u8], limit: usize) -> Result<&[u8], ProtocolError> {
        let state = match &mut self.state {
            Some(state) => {
                state.reset(false);
                state
            }
            none => none.insert(Decompress::new(false)),
        };
        let mut written = 0;
        let mut streams = 1;
        for mut input in [payload, &TAIL] {
            loop {
                grow(&mut self.out, written, limit, payload.len());
                let room = self.out.len().min(limit.saturating_add(1));
                let (before_in, before_out) = (state.total_in(), state.total_out());
                let status = state
                    .decompress(input, &mut self.out[written..room], FlushDecompress::Sync)
                    .map_err(|_| ProtocolError::InvalidDeflate)?;
                let read = (state.total_in() - before_in) as usize;
                let wrote = (state.total_out() - before_out) as usize;
                input = &input[read..];
                written += wrote;
                if written > limit {
                    return Err(ProtocolError::MessageTooBig);
                }
                if status == Status::StreamEnd {
                    // RFC 7692 §7.2.3.4 has a sender that ends a stream add a byte that makes a
                    // block of the tail. Many forget it; then the tail means nothing.
                    if input.is_empty() {
                        return Ok(&self.out[..written]);
                    }
                    streams += 1;
                    if streams > MAX_STREAMS {
                        return Err(ProtocolError::InvalidDeflate);
                    }
                    state.reset(false);
                } else if written < room {
                    // The output had room left, so the state holds nothing back.
                    if input.is_empty() {
                        break;
                    }
                    if read + wrote == 0 {
                        return Err(ProtocolError::InvalidDeflate);
                    }
                }
            }
        }
        Ok(&self.out[..written])
    }

    /// Gives memory back that one large message needed.
    pub(crate) fn trim(&mut self) {
        if self.out.len() > KEEP_BYTES {
            self.out = Vec::new();
        }
    }
}

/// Makes room for more output, at most one byte over the limit: that byte shows a message that is
/// too big.
fn grow(out: &mut Vec<u8>, written: usize, limit: usize, input: usize) {
    if written < out.len() {
        return;
    }
    let wanted = (written * 2).max(input.saturating_mul(4)).max(1024);
    let length = wanted.min(limit.saturating_add(1)).max(written + 1);
    out.resize(length, 0);
}

//! What a connection keeps of a frame or message that is not complete yet.
//!
//! Owns the buffers and how they grow: with what arrived, never with what was announced. It must
//! never decide what is allowed; it only refuses text that can no longer become UTF-8.

use crate::ProtocolError;
use crate::frame::{MAX_HEADER_BYTES, Opcode};

/// Everything partly received. Lives in a box, only while there is something in it.
#[derive(Debug, Default)]
pub(super) struct Partial {
    /// The first bytes of a header that was cut.
    pub(super) head: Head,
    /// The frame whose payload is still arriving.
    pub(super) frame: Option<OpenFrame>,
    /// The message whose last fragment is still to come. Control frames may come before that.
    pub(super) open: Option<OpenMessage>,
}

impl Partial {
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_empty() && self.frame.is_none() && self.open.is_none()
    }

    pub(super) fn held_bytes(&self) -> usize {
        let control = match &self.frame {
            Some(OpenFrame {
                body: Body::Control(_, bytes),
                ..
            }) => bytes.capacity(),
            _ => 0,
        };
        control + self.open.as_ref().map_or(0, |open| open.bytes.capacity())
    }

    /// The open message; opened as `kind` when there is none.
    pub(super) fn open_message(
        &mut self,
        kind: Option<Kind>,
        compressed: bool,
    ) -> &mut OpenMessage {
        self.open.get_or_insert_with(|| OpenMessage {
            kind: kind.unwrap_or(Kind::Binary),
            compressed,
            fragments: 0,
            checked: 0,
            bytes: Vec::new(),
        })
    }
}

/// The bytes of a header that are there so far.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Head {
    bytes: [u8; MAX_HEADER_BYTES],
    used: u8,
}

impl Head {
    pub(super) fn is_empty(&self) -> bool {
        self.used == 0
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.used)]
    }

    /// Adds one byte. A header is complete at 14 bytes, so there is always room.
    pub(super) fn push(&mut self, byte: u8) {
        self.bytes[usize::from(self.used)] = byte;
        self.used += 1;
    }

    /// Keeps a header that is not complete, so shorter than 14 bytes.
    pub(super) fn fill(&mut self, head: &[u8]) {
        for byte in head {
            self.push(*byte);
        }
    }

    pub(super) fn clear(&mut self) {
        self.used = 0;
    }
}

/// A frame whose payload is still arriving.
#[derive(Debug)]
pub(super) struct OpenFrame {
    pub(super) body: Body,
    /// The mask key, turned so that it fits the next byte.
    pub(super) key: [u8; 4],
    /// Bytes of payload to come, never 0.
    pub(super) remaining: usize,
}

impl OpenFrame {
    pub(super) fn new(body: Body, key: [u8; 4], here: usize, remaining: usize) -> Self {
        Self {
            body,
            key: crate::mask::advance(key, here),
            remaining,
        }
    }
}

/// Where the payload of an open frame goes.
#[derive(Debug)]
pub(super) enum Body {
    /// A control frame has a buffer of its own: it may stand inside of a message.
    Control(Opcode, Vec<u8>),
    /// A data frame adds to the open message.
    Data {
        /// Whether this frame is the message's last.
        fin: bool,
    },
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Binary,
}

/// A message that is not complete.
#[derive(Debug)]
pub(super) struct OpenMessage {
    pub(super) kind: Kind,
    pub(super) compressed: bool,
    /// Frames of this message so far.
    pub(super) fragments: u32,
    /// How many of the bytes are known to be whole UTF-8 characters.
    checked: usize,
    pub(super) bytes: Vec<u8>,
}

impl OpenMessage {
    /// Adds unmasked payload. The buffer doubles, but never past `most` bytes.
    pub(super) fn append(&mut self, payload: &[u8], most: usize) -> Result<(), ProtocolError> {
        let length = self.bytes.len() + payload.len();
        if length > self.bytes.capacity() {
            let room = (self.bytes.capacity() * 2).max(64).min(most).max(length);
            self.bytes.reserve_exact(room - self.bytes.len());
        }
        self.bytes.extend_from_slice(payload);
        if self.kind == Kind::Text && !self.compressed {
            self.check_text()?;
        }
        Ok(())
    }

    /// Fails as soon as the bytes cannot become UTF-8 any more; a character that is cut is fine.
    fn check_text(&mut self) -> Result<(), ProtocolError> {
        match str::from_utf8(&self.bytes[self.checked..]) {
            Ok(_) => self.checked = self.bytes.len(),
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(ProtocolError::InvalidUtf8),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Work that grows with what is already held would make a flood of bytes quadratic.
    #[test]
    fn one_byte_more_looks_at_no_more_than_a_character_and_seldom_moves_the_buffer() {
        let text = "aé世🦀".repeat(10_000);
        let mut partial = Partial::default();
        let open = partial.open_message(Some(Kind::Text), false);
        let mut moves = 0;
        for byte in text.as_bytes() {
            let capacity = open.bytes.capacity();
            assert_eq!(open.append(&[*byte], 1 << 20), Ok(()));
            assert!(open.bytes.len() - open.checked < 4);
            moves += u32::from(open.bytes.capacity() != capacity);
        }
        assert_eq!(open.bytes, text.as_bytes());
        assert_eq!(open.checked, text.len());
        assert!(moves <= 12, "{moves} moves for 100,000 bytes");
    }
}

//! Who we are in a connection and what we accept from the other side.
//!
//! Owns the role and the limits, both plain values given to the decoder. It must never hold a
//! default limit: the numbers and their reasons belong to the program that serves.

/// Which end of the connection this decoder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Receives masked frames and sends unmasked ones.
    Server,
    /// Receives unmasked frames and sends masked ones.
    Client,
}

impl Role {
    /// Whether the frames that this end receives have to be masked (RFC 6455 §5.1).
    pub(crate) fn receives_masked(self) -> bool {
        matches!(self, Role::Server)
    }
}

/// What one connection may send us. All three are checked on what a header announces, before
/// anything of its payload is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest message in bytes, all its fragments together. It holds twice for a compressed
    /// message: for the bytes on the wire and again for the bytes they inflate to.
    pub max_message_bytes: usize,
    /// Largest payload of one data frame in bytes.
    pub max_frame_bytes: usize,
    /// Largest number of data frames in one message, empty ones included. 0 counts as 1.
    pub max_fragments: u32,
}

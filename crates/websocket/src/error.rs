//! Everything a peer can do wrong after the handshake, with the close code and the words for it.
//!
//! Owns the mapping from a violation to RFC 6455 §7.4 close codes. The reasons are short, stable
//! and never hold anything that the peer sent.

use crate::CloseCode;

/// Why a connection has to be failed. Answer with a close frame of [`ProtocolError::close_code`]
/// and [`ProtocolError::reason`], then close the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProtocolError {
    /// RSV2 or RSV3 is set, or RSV1 where no compression was agreed or may start (RFC 6455 §5.2).
    ReservedBits,
    /// An opcode that RFC 6455 §5.2 keeps for later.
    ReservedOpcode,
    /// A client's frame without a mask (RFC 6455 §5.1).
    NotMasked,
    /// A server's frame with a mask (RFC 6455 §5.1).
    Masked,
    /// A control frame without FIN (RFC 6455 §5.5).
    FragmentedControl,
    /// A control frame with more than 125 bytes (RFC 6455 §5.5).
    LongControl,
    /// A length written in more bytes than it needs, or with its highest bit set (RFC 6455 §5.2).
    BadLength,
    /// A continuation frame where no message is open (RFC 6455 §5.4).
    StrayContinuation,
    /// A new message where one is still open (RFC 6455 §5.4).
    MissingContinuation,
    /// A close frame with one byte, or with a code that may not be sent (RFC 6455 §7.4).
    BadClose,
    /// Text or a close reason that is not UTF-8 (RFC 6455 §8.1).
    InvalidUtf8,
    /// A compressed message that does not inflate (RFC 7692 §7.2.2).
    InvalidDeflate,
    /// More fragments than [`crate::Limits::max_fragments`].
    TooManyFragments,
    /// A data frame longer than [`crate::Limits::max_frame_bytes`].
    FrameTooBig,
    /// A message longer than [`crate::Limits::max_message_bytes`], on the wire or inflated.
    MessageTooBig,
}

impl ProtocolError {
    /// The close code to answer with: 1002, 1007, 1008 or 1009.
    pub fn close_code(self) -> CloseCode {
        self.answer().0
    }

    /// The close reason to answer with: short, stable, ASCII.
    pub fn reason(self) -> &'static str {
        self.answer().1
    }

    fn answer(self) -> (CloseCode, &'static str) {
        match self {
            Self::ReservedBits => (CloseCode::PROTOCOL, "reserved bit set"),
            Self::ReservedOpcode => (CloseCode::PROTOCOL, "reserved opcode"),
            Self::NotMasked => (CloseCode::PROTOCOL, "frame not masked"),
            Self::Masked => (CloseCode::PROTOCOL, "frame masked"),
            Self::FragmentedControl => (CloseCode::PROTOCOL, "fragmented control frame"),
            Self::LongControl => (CloseCode::PROTOCOL, "control frame too long"),
            Self::BadLength => (CloseCode::PROTOCOL, "bad length encoding"),
            Self::StrayContinuation => (CloseCode::PROTOCOL, "nothing to continue"),
            Self::MissingContinuation => (CloseCode::PROTOCOL, "message not finished"),
            Self::BadClose => (CloseCode::PROTOCOL, "bad close frame"),
            Self::InvalidUtf8 => (CloseCode::INVALID_DATA, "invalid UTF-8"),
            Self::InvalidDeflate => (CloseCode::INVALID_DATA, "invalid compressed data"),
            Self::TooManyFragments => (CloseCode::POLICY, "too many fragments"),
            Self::FrameTooBig => (CloseCode::TOO_BIG, "frame too big"),
            Self::MessageTooBig => (CloseCode::TOO_BIG, "message too big"),
        }
    }
}

impl std::fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for ProtocolError {}

//! Close codes and the payload of a close frame (RFC 6455 §5.5.1 and §7.4).
//!
//! Owns which codes may travel and how reason and code are laid out. What a code of Tidings' own
//! range (4000–4999) means to a client is not decided here.

use crate::frame::MAX_CONTROL_BYTES;
use crate::{Message, ProtocolError};

/// Longest close reason in bytes: what a control frame leaves beside the code.
pub const MAX_REASON_BYTES: usize = MAX_CONTROL_BYTES - 2;

/// A close code that may stand in a close frame: 1000–1003, 1007–1014 or 3000–4999
/// (RFC 6455 §7.4 and the IANA registry). A code outside of these cannot exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: this end goes away, such as a server that stops.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// 1007: data that does not fit its type, such as text that is not UTF-8.
    pub const INVALID_DATA: Self = Self(1007);
    /// 1008: the peer broke a policy of this end.
    pub const POLICY: Self = Self(1008);
    /// 1009: a message that is too big.
    pub const TOO_BIG: Self = Self(1009);
    /// 1011: this end failed.
    pub const INTERNAL: Self = Self(1011);
    /// 1012: this end restarts.
    pub const RESTART: Self = Self(1012);
    /// 1013: this end has too much to do; try again later.
    pub const TRY_LATER: Self = Self(1013);

    /// The code with this number, or `None` when RFC 6455 §7.4 keeps it from being sent.
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number on the wire.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl std::fmt::Display for CloseCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Lays out a close payload; returns the buffer and how much of it is used. A reason that is too
/// long is cut at a character boundary.
pub(crate) fn payload(code: Option<CloseCode>, reason: &str) -> ([u8; MAX_CONTROL_BYTES], usize) {
    let mut buffer = [0; MAX_CONTROL_BYTES];
    let Some(code) = code else {
        return (buffer, 0);
    };
    let reason = &reason.as_bytes()[..reason.floor_char_boundary(MAX_REASON_BYTES)];
    buffer[..2].copy_from_slice(&code.get().to_be_bytes());
    buffer[2..2 + reason.len()].copy_from_slice(reason);
    (buffer, 2 + reason.len())
}

/// Reads a close payload that was received.
pub(crate) fn parse(payload: &[u8]) -> Result<Message<'_>, ProtocolError> {
    let (code, reason) = match payload {
        [] => (None, ""),
        [_] => return Err(ProtocolError::BadClose),
        [high, low, reason @ ..] => {
            let code =
                CloseCode::new(u16::from_be_bytes([*high, *low])).ok_or(ProtocolError::BadClose)?;
            let reason = str::from_utf8(reason).map_err(|_| ProtocolError::InvalidUtf8)?;
            (Some(code), reason)
        }
    };
    Ok(Message::Close { code, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_may_be_sent() {
        for code in [
            1000, 1001, 1002, 1003, 1007, 1008, 1014, 3000, 3999, 4000, 4999,
        ] {
            assert_eq!(
                CloseCode::new(code).map(CloseCode::get),
                Some(code),
                "{code}"
            );
        }
        for code in [
            0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
        ] {
            assert_eq!(CloseCode::new(code), None, "{code}");
        }
    }

    #[test]
    fn long_reason_is_cut_between_characters() {
        let reason = "é".repeat(100);
        let (buffer, used) = payload(Some(CloseCode::NORMAL), &reason);
        assert_eq!(used, 2 + 122);
        assert_eq!(
            parse(&buffer[..used]),
            Ok(Message::Close {
                code: Some(CloseCode::NORMAL),
                reason: &"é".repeat(61)
            })
        );
    }
}

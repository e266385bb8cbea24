//! WebSocket close codes, in ranges that tell a client when to come back. `[CL1]`
//!
//! Owns: the codes and their meaning. Never: closes anything.

/// When a client may connect again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComeBack {
    /// At once, with the usual jitter.
    Now,
    /// Later: start at a longer back-off.
    Later,
    /// Not before something about the client changed (token, version, code).
    Never,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $reason:literal;)*) => {
        /// Why the server closes a connection. 4000–4099: come back now; 4100–4199: later; 4200–4299: never as you are.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum CloseCode { $($(#[$doc])* $name = $code,)* }

        impl CloseCode {
            /// Every code, for documents and tests.
            pub const ALL: &'static [CloseCode] = &[$(CloseCode::$name,)*];

            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> u16 { self as u16 }

            /// What the code is called in this language.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(CloseCode::$name => stringify!($name),)* }
            }

            /// The stable reason text on the wire.
            #[must_use]
            pub const fn reason(self) -> &'static str {
                match self { $(CloseCode::$name => $reason,)* }
            }
        }
    };
}

codes! {
    /// The peer asked for the end.
    Normal = 1000, "bye";
    /// RFC 6455: the peer broke the framing rules.
    Protocol = 1002, "protocol_error";
    /// RFC 6455: text that is not UTF-8, or compressed data that does not inflate.
    InvalidData = 1007, "invalid_data";
    /// RFC 6455: a rule of ours was broken (too many fragments).
    Policy = 1008, "policy";
    /// RFC 6455: a message above the announced size.
    TooLarge = 1009, "too_large";
    /// The server restarts or drains; another may answer.
    Restarting = 4000, "restarting";
    /// Nothing was heard from the peer for longer than `SILENCE_MS_MAX`.
    Silent = 4001, "silent";
    /// A fault of ours ended this one session.
    Internal = 4100, "internal";
    /// Too many commands or connections.
    RateLimited = 4101, "rate_limited";
    /// The database is away: nothing can be read right now.
    Unavailable = 4102, "unavailable";
    /// No token, or one that is not valid (any more).
    Unauthenticated = 4200, "unauthenticated";
    /// The device was signed out.
    DeviceRemoved = 4201, "device_removed";
    /// No `hello` in time, or something else first.
    HelloExpected = 4202, "hello_expected";
    /// A message that is no object, or of the other format.
    BadFrame = 4203, "bad_frame";
    /// `hello` came again: a session has one.
    HelloRepeated = 4204, "hello_repeated";
}

impl ComeBack {
    /// The word for documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ComeBack::Now => "now",
            ComeBack::Later => "later",
            ComeBack::Never => "never",
        }
    }
}

impl CloseCode {
    /// When the client may come back.
    #[must_use]
    pub const fn come_back(self) -> ComeBack {
        come_back(self.code())
    }
}

/// When a client may come back after any close code, ours or another's (1001, 1006, 1011 to 1014 of RFC 6455).
#[must_use]
pub const fn come_back(code: u16) -> ComeBack {
    match code {
        4000..=4099 | 1000 | 1001 | 1005 | 1006 | 1012 => ComeBack::Now,
        4100..=4199 | 1011 | 1013 | 1014 => ComeBack::Later,
        _ => ComeBack::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_say_when_to_come_back() {
        // [CL1]
        assert_eq!(CloseCode::Restarting.come_back(), ComeBack::Now);
        assert_eq!(CloseCode::RateLimited.come_back(), ComeBack::Later);
        assert_eq!(CloseCode::DeviceRemoved.come_back(), ComeBack::Never);
        assert_eq!(come_back(1006), ComeBack::Now);
        for code in CloseCode::ALL {
            assert!(code.reason().len() <= 123, "a control frame has 125 bytes");
        }
    }
}

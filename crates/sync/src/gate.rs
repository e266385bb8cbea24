//! What a peer may say when: `hello` first, then the rest, never more commands than it may have waiting.
//!
//! Owns: the order of a session on the server's side, and what waits for the answer to `hello`.
//! Never: knows tokens, rooms or state.

use tidings_protocol::{
    ClientFrame, CloseCode, Presence, Refusal, RefusalCode,
    limits::{COMMANDS_IN_FLIGHT_MAX, EARLY_BYTES_MAX, EARLY_FRAMES_MAX, WATCHED_USERS_MAX},
};

/// What to do with a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is the `hello`: authenticate and welcome.
    Hello,
    /// It is a command: take it to the door.
    Command,
    /// It follows, signals or beats.
    Other,
    /// It came right after `hello`: judge it again when that is answered. See [`Early`].
    Wait,
    /// Answer it with a refusal.
    Refuse(Refusal),
    /// End the session.
    Close(CloseCode),
}

/// A session's stage, and the commands that wait for their answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gate {
    stage: Stage,
    in_flight: u16,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Fresh,
    Greeted,
    Welcomed,
}

impl Gate {
    /// Judges a frame. `[HS1]` `[CM8]` `[SG3]`
    pub fn frame(&mut self, frame: &ClientFrame) -> Verdict {
        match (self.stage, frame) {
            (Stage::Fresh, ClientFrame::Hello { .. }) => {
                self.stage = Stage::Greeted;
                Verdict::Hello
            }
            (Stage::Fresh, _) => Verdict::Close(CloseCode::HelloExpected),
            (_, ClientFrame::Hello { .. }) => Verdict::Close(CloseCode::HelloRepeated),
            (_, ClientFrame::Ping {}) => Verdict::Other,
            (Stage::Greeted, _) => Verdict::Wait,
            (Stage::Welcomed, frame) if frame.txn().is_some() => {
                if usize::from(self.in_flight) >= COMMANDS_IN_FLIGHT_MAX {
                    return Verdict::Refuse(
                        Refusal::new(RefusalCode::RateLimited).retry_after_ms(1_000),
                    );
                }
                self.in_flight += 1;
                Verdict::Command
            }
            (
                Stage::Welcomed,
                ClientFrame::Presence {
                    status: Presence::Offline,
                },
            ) => Verdict::Refuse(Refusal::with_message(
                RefusalCode::BadRequest,
                "A session is online or away; to be offline, end it.",
            )),
            (Stage::Welcomed, ClientFrame::Watch { users }) if users.len() > WATCHED_USERS_MAX => {
                Verdict::Refuse(RefusalCode::LimitReached.into())
            }
            (Stage::Welcomed, _) => Verdict::Other,
        }
    }

    /// The answer to `hello` was sent.
    pub fn welcomed(&mut self) {
        self.stage = Stage::Welcomed;
    }

    /// Whether `ready` or `reset` was sent.
    #[must_use]
    pub const fn is_welcomed(&self) -> bool {
        matches!(self.stage, Stage::Welcomed)
    }

    /// Whether no `hello` came yet.
    #[must_use]
    pub const fn is_fresh(&self) -> bool {
        matches!(self.stage, Stage::Fresh)
    }

    /// A command got its answer.
    pub fn answered(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }
}

/// What came right after `hello`, in order, until that is answered. `[HS5]`
#[derive(Debug)]
pub struct Early<T> {
    frames: Vec<T>,
    bytes: usize,
}

impl<T> Default for Early<T> {
    fn default() -> Early<T> {
        Early {
            frames: Vec::new(),
            bytes: 0,
        }
    }
}

impl<T> Early<T> {
    /// Keeps one more, of so many bytes. False when it does not fit: nobody has paid for these yet, so that is the end.
    #[must_use]
    pub fn keep(&mut self, frame: T, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_add(bytes);
        let fits = self.frames.len() < EARLY_FRAMES_MAX && self.bytes <= EARLY_BYTES_MAX;
        if fits {
            self.frames.push(frame);
        }
        fits
    }
}

impl<T> IntoIterator for Early<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> std::vec::IntoIter<T> {
        self.frames.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_protocol::UserId;

    fn hello() -> ClientFrame {
        serde_json::from_str(r#"{"type":"hello"}"#).unwrap()
    }

    fn mark() -> ClientFrame {
        serde_json::from_str(
            r#"{"type":"mark","txn":"t","room":"room_01h455vb4pex5vsknk084sn02q","seq":1}"#,
        )
        .unwrap()
    }

    #[test]
    fn hello_comes_first_and_once() {
        // [HS1]
        assert_eq!(
            Gate::default().frame(&mark()),
            Verdict::Close(CloseCode::HelloExpected)
        );
        let mut gate = Gate::default();
        assert_eq!(gate.frame(&hello()), Verdict::Hello);
        assert_eq!(
            gate.frame(&hello()),
            Verdict::Close(CloseCode::HelloRepeated)
        );
        gate.welcomed();
        assert_eq!(gate.frame(&mark()), Verdict::Command);
        assert_eq!(
            gate.frame(&hello()),
            Verdict::Close(CloseCode::HelloRepeated)
        );
    }

    #[test]
    fn what_follows_hello_waits_for_its_answer_within_limits() {
        // [HS5] [P5]
        let mut gate = Gate::default();
        gate.frame(&hello());
        assert_eq!(gate.frame(&mark()), Verdict::Wait);
        assert_eq!(gate.frame(&ClientFrame::Ping {}), Verdict::Other);
        let mut early = Early::default();
        for number in 0..EARLY_FRAMES_MAX {
            assert!(early.keep(number, 1));
        }
        assert!(!early.keep(EARLY_FRAMES_MAX, 1));
        assert!(early.into_iter().eq(0..EARLY_FRAMES_MAX), "in order");
        let mut early = Early::default();
        assert!(early.keep((), EARLY_BYTES_MAX), "the largest frame");
        assert!(!early.keep((), 1));
    }

    #[test]
    fn what_a_session_cannot_be_or_hear_is_refused_not_cut() {
        // [SG3]
        let mut gate = Gate::default();
        gate.frame(&hello());
        gate.welcomed();
        let code = |verdict| match verdict {
            Verdict::Refuse(refusal) => Some(refusal.code),
            _ => None,
        };
        for (status, expected) in [
            (Presence::Online, None),
            (Presence::Away, None),
            (Presence::Offline, Some(RefusalCode::BadRequest)),
        ] {
            assert_eq!(
                code(gate.frame(&ClientFrame::Presence { status })),
                expected
            );
        }
        let watch = |count: usize| ClientFrame::Watch {
            users: vec![UserId::from_bits(1); count],
        };
        assert_eq!(gate.frame(&watch(WATCHED_USERS_MAX)), Verdict::Other);
        assert_eq!(
            code(gate.frame(&watch(WATCHED_USERS_MAX + 1))),
            Some(RefusalCode::LimitReached)
        );
    }

    #[test]
    fn commands_in_flight_are_bounded() {
        // [CM8]
        let mut gate = Gate::default();
        gate.frame(&hello());
        gate.welcomed();
        for _ in 0..COMMANDS_IN_FLIGHT_MAX {
            assert_eq!(gate.frame(&mark()), Verdict::Command);
        }
        assert!(
            matches!(gate.frame(&mark()), Verdict::Refuse(r) if r.code == RefusalCode::RateLimited)
        );
        gate.answered();
        assert_eq!(gate.frame(&mark()), Verdict::Command);
    }
}

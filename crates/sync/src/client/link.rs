//! Whether there is a connection, whether it is alive, and when to try again. `[HB1]` `[CL1]` `[CL3]`
//!
//! Owns: connecting, the heartbeat of the client's side, back-off. Never: looks into a frame.

use tidings_protocol::{
    ClientFrame,
    close::{ComeBack, come_back},
    limits::{HEARTBEAT_MS, SILENCE_MS_MAX},
};

use super::effects::{Output, Status};
use crate::backoff::{Backoff, Dice, Millis};

/// From `Connect` to `ready`, at most. A server that is behind waits before it answers, so this is generous.
pub(super) const CONNECT_MS_MAX: u64 = 20_000;
/// A connection that lived this long was a good one: the next failure starts at the shortest wait.
const STEADY_MS: u64 = 10_000;
/// The longest spread that `reconnect` is believed in.
const JITTER_MS_MAX: u64 = 60_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Stopped {
        code: Option<u16>,
    },
    /// `firm`: the server set the time, so the network's return does not shorten it.
    Waiting {
        until: Millis,
        firm: bool,
    },
    Connecting {
        until: Millis,
    },
    /// The transport is up, `hello` was sent.
    Greeting {
        until: Millis,
    },
    Live {
        since: Millis,
    },
}

/// The state of the connection.
#[derive(Debug)]
pub(super) struct Link {
    phase: Phase,
    backoff: Backoff,
    pub(super) dice: Dice,
    online: bool,
    heard: Millis,
    pinged: Millis,
    leave_at: Option<Millis>,
    told: Status,
}

impl Link {
    pub(super) fn new(seed: u64) -> Link {
        Link {
            phase: Phase::Stopped { code: None },
            backoff: Backoff::default(),
            dice: Dice::from_seed(seed),
            online: true,
            heard: Millis::default(),
            pinged: Millis::default(),
            leave_at: None,
            told: Status::Stopped { code: None },
        }
    }

    pub(super) const fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live { .. })
    }

    pub(super) const fn is_greeting(&self) -> bool {
        matches!(self.phase, Phase::Greeting { .. })
    }

    const fn has_transport(&self) -> bool {
        matches!(
            self.phase,
            Phase::Connecting { .. } | Phase::Greeting { .. } | Phase::Live { .. }
        )
    }

    pub(super) const fn status(&self) -> Status {
        match self.phase {
            Phase::Stopped { code } => Status::Stopped { code },
            Phase::Waiting { .. } => Status::Waiting,
            Phase::Connecting { .. } | Phase::Greeting { .. } => Status::Connecting,
            Phase::Live { .. } => Status::Live,
        }
    }

    /// Says so when the status is another than the last one told.
    pub(super) fn tell(&mut self, out: &mut Vec<Output>) {
        let status = self.status();
        if status != self.told {
            self.told = status;
            out.push(Output::Status(status));
        }
    }

    pub(super) fn start(&mut self, now: Millis, out: &mut Vec<Output>) {
        match self.phase {
            Phase::Stopped { .. } => {
                self.backoff.reset();
                self.connect(now, out);
            }
            Phase::Waiting { .. } => self.connect(now, out),
            Phase::Connecting { .. } | Phase::Greeting { .. } | Phase::Live { .. } => {}
        }
    }

    pub(super) fn stop(&mut self, out: &mut Vec<Output>) {
        if self.has_transport() {
            out.push(Output::Disconnect);
        }
        self.leave_at = None;
        self.phase = Phase::Stopped { code: None };
    }

    fn connect(&mut self, now: Millis, out: &mut Vec<Output>) {
        if !self.online {
            self.phase = Phase::Waiting {
                until: now,
                firm: false,
            };
            return;
        }
        self.leave_at = None;
        self.phase = Phase::Connecting {
            until: now.plus(CONNECT_MS_MAX),
        };
        out.push(Output::Connect);
    }

    /// True when the transport was awaited, so that `hello` is due.
    pub(super) fn opened(&mut self, now: Millis) -> bool {
        let Phase::Connecting { until } = self.phase else {
            return false;
        };
        self.phase = Phase::Greeting { until };
        self.heard = now;
        self.pinged = now;
        true
    }

    pub(super) fn welcomed(&mut self, now: Millis) {
        self.phase = Phase::Live { since: now };
    }

    pub(super) fn heard(&mut self, now: Millis) {
        self.heard = now;
    }

    /// The server goes away soon: leave at a moment of our own within its spread. `[CL2]`
    pub(super) fn reconnect(&mut self, now: Millis, jitter_ms: u64) {
        let wait = self.dice.upto(jitter_ms.min(JITTER_MS_MAX));
        self.leave_at = Some(now.plus(wait));
    }

    /// The transport is gone. True when there was one. `changed`: what ended it will not be sent again, so that the
    /// client does not come back as it was.
    pub(super) fn closed(&mut self, now: Millis, code: u16, changed: bool) -> bool {
        if !self.has_transport() {
            return false;
        }
        self.settle(now);
        match (self.leave_at.take(), come_back(code)) {
            (_, ComeBack::Never) if changed => self.wait(now, false),
            (_, ComeBack::Never) => self.phase = Phase::Stopped { code: Some(code) },
            (Some(at), ComeBack::Now) => {
                self.phase = Phase::Waiting {
                    until: at,
                    firm: true,
                };
            }
            (_, ComeBack::Now) => self.wait(now, false),
            (_, ComeBack::Later) => {
                self.backoff.start_later();
                self.wait(now, true);
            }
        }
        true
    }

    /// Gives the connection up and tries again after a wait.
    pub(super) fn give_up(&mut self, now: Millis, out: &mut Vec<Output>) {
        self.settle(now);
        self.leave_at = None;
        out.push(Output::Disconnect);
        self.wait(now, false);
    }

    /// Leaves a connection that is well, for a new one at once. True when there was one.
    pub(super) fn renew(&mut self, now: Millis, out: &mut Vec<Output>) -> bool {
        if !self.has_transport() {
            return false;
        }
        self.settle(now);
        out.push(Output::Disconnect);
        self.connect(now, out);
        true
    }

    fn settle(&mut self, now: Millis) {
        if let Phase::Live { since } = self.phase
            && now.since(since) >= STEADY_MS
        {
            self.backoff.reset();
        }
    }

    fn wait(&mut self, now: Millis, firm: bool) {
        let until = now.plus(self.backoff.next_ms(&mut self.dice));
        self.phase = Phase::Waiting { until, firm };
    }

    pub(super) fn online(&mut self, now: Millis, online: bool, out: &mut Vec<Output>) {
        self.online = online;
        if online {
            self.hurry(now, out);
        }
    }

    /// The network or the page is back: try now, or find out whether the connection still lives.
    pub(super) fn hurry(&mut self, now: Millis, out: &mut Vec<Output>) {
        match self.phase {
            Phase::Waiting { firm: false, .. } => self.connect(now, out),
            Phase::Live { .. } => self.ping(now, out),
            Phase::Stopped { .. }
            | Phase::Waiting { firm: true, .. }
            | Phase::Connecting { .. }
            | Phase::Greeting { .. } => {}
        }
    }

    fn ping(&mut self, now: Millis, out: &mut Vec<Output>) {
        self.pinged = now;
        out.push(Output::Send(ClientFrame::Ping {}));
    }

    /// What time brings. True when a connection was given up.
    pub(super) fn tick(&mut self, now: Millis, out: &mut Vec<Output>) -> bool {
        match self.phase {
            Phase::Stopped { .. } => false,
            Phase::Waiting { until, .. } => {
                if self.online && now >= until {
                    self.connect(now, out);
                }
                false
            }
            Phase::Connecting { until } | Phase::Greeting { until } => {
                let late = now >= until;
                if late {
                    self.give_up(now, out);
                }
                late
            }
            Phase::Live { .. } => {
                if self.leave_at.is_some_and(|at| now >= at) {
                    return self.renew(now, out);
                }
                if now.since(self.heard) >= SILENCE_MS_MAX {
                    self.give_up(now, out);
                    return true;
                }
                if now >= self.beat_at() {
                    self.ping(now, out);
                }
                false
            }
        }
    }

    fn beat_at(&self) -> Millis {
        self.heard.max(self.pinged).plus(HEARTBEAT_MS)
    }

    /// When `tick` has something to do.
    pub(super) fn wake_at(&self) -> Option<Millis> {
        match self.phase {
            Phase::Stopped { .. } => None,
            Phase::Waiting { until, .. } => self.online.then_some(until),
            Phase::Connecting { until } | Phase::Greeting { until } => Some(until),
            Phase::Live { .. } => {
                let alive = self.beat_at().min(self.heard.plus(SILENCE_MS_MAX));
                Some(self.leave_at.map_or(alive, |at| at.min(alive)))
            }
        }
    }
}

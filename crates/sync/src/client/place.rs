//! How far the client has come in one log: what is held, what came too early, what must be fetched. `[EV3]` `[FO1]`
//!
//! Owns: applying each event of a log once and in order. Never: knows connections, cursors, or other logs.

use std::collections::BTreeMap;

use tidings_protocol::{Event, Seq};

use crate::backoff::Millis;

/// A fetch without an answer after this long is made again.
pub(super) const FETCH_WATCHDOG_MS: u64 = 10_000;
/// A fetch that failed or brought nothing new is made again after this long.
pub(super) const FETCH_AGAIN_MS: u64 = 1_000;

/// What a place needs from the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// The events after this one.
    Range(Seq),
    /// The latest history.
    Latest,
}

/// The client's place in one log.
#[derive(Debug, Default)]
pub(super) struct Place {
    held: Option<Seq>,
    /// Known to exist, and will not come by itself.
    target: Seq,
    /// Came before what is missing in front of it.
    buffer: BTreeMap<Seq, Event>,
    loading: bool,
    fetch: Option<u64>,
    again_at: Millis,
    /// `open` or `hello` asked for this log on the present connection.
    pub(super) asked: bool,
}

impl Place {
    /// A place of which this much is held.
    pub(super) fn after(held: Option<Seq>) -> Place {
        Place {
            held,
            ..Place::default()
        }
    }

    pub(super) const fn held(&self) -> Option<Seq> {
        self.held
    }

    pub(super) fn is_gap(&self) -> bool {
        self.held
            .is_some_and(|held| self.target > held || !self.buffer.is_empty())
    }

    /// Whether something is missing, awaited or kept back.
    pub(super) fn is_uneasy(&self) -> bool {
        self.loading || !self.buffer.is_empty() || self.is_gap()
    }

    pub(super) fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Takes an event; what can be applied now is added to `ready`. `space`: whether another may be kept back.
    pub(super) fn offer(&mut self, event: Event, space: bool, ready: &mut Vec<Event>) {
        match self.held {
            Some(held) if event.seq <= held => {}
            Some(held) if event.seq == held.next() => {
                self.held = Some(event.seq);
                ready.push(event);
                self.drain(ready);
            }
            _ => self.keep(event, space),
        }
    }

    /// Keeps an event until its turn; without space, only that it exists.
    fn keep(&mut self, event: Event, space: bool) {
        if space {
            self.buffer.insert(event.seq, event);
        } else {
            self.target = self.target.max(event.seq);
        }
    }

    /// The stream is at `seq`; if nothing is held, what comes before is not asked for.
    pub(super) fn begin_before(&mut self, seq: Seq) {
        self.held.get_or_insert(Seq(seq.0.saturating_sub(1)));
    }

    /// Everything up to `seq` is held.
    pub(super) fn level(&mut self, seq: Seq, ready: &mut Vec<Event>) {
        self.held = Some(seq);
        self.loading = false;
        self.drain(ready);
    }

    fn drain(&mut self, ready: &mut Vec<Event>) {
        while let Some(entry) = self.buffer.first_entry() {
            let held = self.held.unwrap_or_default();
            if *entry.key() > held.next() {
                return;
            }
            let event = entry.remove();
            if event.seq == held.next() {
                self.held = Some(event.seq);
                ready.push(event);
            }
        }
    }

    /// Forgets what is held; the latest history comes first, then what follows `from`. `[SB4]`
    pub(super) fn drop_held(&mut self, from: Seq) {
        self.held = None;
        self.buffer.clear();
        self.target = from;
        self.loading = true;
        self.fetch = None;
        self.again_at = Millis::default();
    }

    /// What is missing will never come: goes on with what came after it and was kept. False when nothing was.
    pub(super) fn skip_gap(&mut self, ready: &mut Vec<Event>) -> bool {
        self.fetch = None;
        self.again_at = Millis::default();
        let Some(first) = self.buffer.keys().next() else {
            return false;
        };
        self.level(Seq(first.0 - 1), ready);
        true
    }

    /// Events up to `from` will not come by themselves.
    pub(super) fn miss(&mut self, from: Seq) {
        self.target = self.target.max(from);
    }

    /// Forgets what belongs to a connection. What is held stays; the next connection goes on from there.
    pub(super) fn lost(&mut self) {
        self.buffer.clear();
        self.target = Seq::ZERO;
        self.loading = false;
        self.fetch = None;
        self.again_at = Millis::default();
        self.asked = false;
    }

    /// What to fetch now, if anything.
    pub(super) fn need(&self, now: Millis) -> Option<Need> {
        if now < self.again_at {
            return None;
        }
        if self.loading {
            return Some(Need::Latest);
        }
        self.held.filter(|_| self.is_gap()).map(Need::Range)
    }

    /// It is being fetched.
    pub(super) fn fetching(&mut self, fetch: u64, now: Millis) {
        self.fetch = Some(fetch);
        self.again_at = now.plus(FETCH_WATCHDOG_MS);
    }

    /// Whether this is the answer that is awaited.
    pub(super) fn awaits(&self, fetch: u64) -> bool {
        self.fetch == Some(fetch)
    }

    /// The fetch is answered. The next one, if something is still missing, may be made after `wait_ms`.
    pub(super) fn fetched(&mut self, now: Millis, wait_ms: u64) {
        self.fetch = None;
        self.again_at = now.plus(wait_ms);
    }

    /// When `need` may say something new by time alone.
    pub(super) fn wake_at(&self) -> Option<Millis> {
        (self.loading || self.is_gap()).then_some(self.again_at)
    }
}

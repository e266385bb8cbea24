//! From where a later session may go on without missing anything. `[CU2]` `[SB9]`
//!
//! Owns: when the cursor moves. Never: moves it past something that was not applied.
//!
//! With `follow: listed` the cursor stands for the summaries: `ready`, `reset` and `cursor` move it. With
//! `follow: all` the stream is in the order of positions, so each event moves it, unless something is missing.

use tidings_protocol::{Cursor, Event, Follow};

#[derive(Debug)]
pub(super) struct Reach {
    follow: Follow,
    /// Everything up to here was applied.
    safe: Option<Cursor>,
    /// Everything up to here came; something before it may be kept back.
    ahead: Option<Cursor>,
    moved: bool,
}

impl Reach {
    pub(super) fn new(follow: Follow, since: Option<Cursor>) -> Reach {
        Reach {
            follow,
            ahead: since.clone(),
            safe: since,
            moved: false,
        }
    }

    pub(super) const fn cursor(&self) -> Option<&Cursor> {
        self.safe.as_ref()
    }

    /// `ready` or `reset` came.
    pub(super) fn welcome(&mut self, reset: bool, cursor: &Cursor) {
        // With `follow: all` and a cursor of our own, what lies between the two cursors is still to come.
        if self.follow == Follow::All && !reset && self.safe.is_some() {
            return;
        }
        self.ahead = Some(cursor.clone());
        self.safe = Some(cursor.clone());
        self.moved = true;
    }

    /// `cursor` came: everything up to it was sent.
    pub(super) fn told(&mut self, cursor: Cursor) {
        match &mut self.ahead {
            Some(ahead) if ahead.epoch == cursor.epoch && self.follow == Follow::All => {
                let places = ahead.positions.iter_mut().zip(&cursor.positions);
                places.for_each(|(have, told)| *have = (*have).max(*told));
            }
            ahead => *ahead = Some(cursor),
        }
    }

    /// An event of a room came in the order of the stream.
    pub(super) fn came(&mut self, event: &Event) {
        if let Some(ahead) = &mut self.ahead
            && self.follow == Follow::All
        {
            ahead.advance(event.shard, event.position);
        }
    }

    /// The connection is gone: what came and was not applied will come again.
    pub(super) fn lost(&mut self) {
        self.ahead.clone_from(&self.safe);
    }

    /// All that came was applied, unless `gap`.
    pub(super) fn settle(&mut self, gap: bool) {
        if !gap && self.ahead != self.safe {
            self.safe.clone_from(&self.ahead);
            self.moved = true;
        }
    }

    pub(super) fn note_moved(&mut self) {
        self.moved = true;
    }

    /// Whether the cursor moved since last asked.
    pub(super) fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }
}

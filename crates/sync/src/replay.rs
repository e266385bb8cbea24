//! One peer following everything it may see, by position: `follow: all`, SSE, long poll. `[CU4]`
//!
//! Owns: how far the peer has come in each shard, what to read next, and the moment when it is live.
//! Never: holds events beyond the page being sent.

use tidings_protocol::{Cursor, Position, ShardId};

/// What to do next for a peer that is not live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Read what the peer may see of one shard, `after < position <= upto`.
    Read {
        /// Of this shard.
        shard: ShardId,
        /// After this position.
        after: Position,
        /// Up to and including this one.
        upto: Position,
    },
    /// A read is under way.
    Wait,
    /// The peer has everything that this node knows: from here on news goes straight to it.
    Live,
}

/// A peer's place in all shards.
#[derive(Debug, Clone)]
pub struct Replay {
    began: Cursor,
    cursor: Cursor,
    live: bool,
    reading: Option<(ShardId, Position)>,
}

impl Replay {
    /// Begins after `cursor`.
    #[must_use]
    pub fn after(cursor: Cursor) -> Replay {
        Replay {
            began: cursor.clone(),
            cursor,
            live: false,
            reading: None,
        }
    }

    /// Everything up to here was sent.
    #[must_use]
    pub const fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Whether an event that the peer may see is sent, sooner or later, because of this replay.
    #[must_use]
    pub fn covers(&self, shard: ShardId, position: Position) -> bool {
        position > self.began.position(shard)
    }

    /// Whether such an event was sent.
    #[must_use]
    pub fn has_sent(&self, shard: ShardId, position: Position) -> bool {
        self.covers(shard, position) && position <= self.cursor.position(shard)
    }

    /// Whether news goes straight to the peer.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.live
    }

    /// Whether the peer was sent everything that it may see up to `heads`, and nothing after them.
    #[must_use]
    pub fn is_level(&self, heads: &[Position]) -> bool {
        let positions = &self.cursor.positions;
        self.live && positions.iter().zip(heads).all(|(at, head)| at <= head)
    }

    /// The peer fell behind: its next events come from the log.
    pub fn fell_behind(&mut self) {
        self.live = false;
    }

    /// What to do next, when the node has seen everything up to `heads`.
    pub fn step(&mut self, heads: &[Position]) -> Step {
        if self.reading.is_some() {
            return Step::Wait;
        }
        let behind = heads.iter().enumerate().map(|(index, &upto)| {
            let shard = ShardId(index as u16);
            let after = self.cursor.position(shard);
            (upto.0.saturating_sub(after.0), shard, after, upto)
        });
        // The one that is furthest behind: a busy shard never keeps another waiting, not even from a reader who asks
        // for one page at a time.
        match behind.rev().max_by_key(|(distance, ..)| *distance) {
            Some((1.., shard, after, upto)) => {
                self.reading = Some((shard, upto));
                Step::Read { shard, after, upto }
            }
            _ => {
                self.live = true;
                Step::Live
            }
        }
    }

    /// Notes that an event at `position` was handed to the wire.
    pub fn sent(&mut self, shard: ShardId, position: Position) {
        self.cursor.advance(shard, position);
    }

    /// The page that was read has been sent. With `complete`, the peer has all it may see up to where the read reached.
    pub fn page_sent(&mut self, complete: bool) {
        if let Some((shard, upto)) = self.reading.take()
            && complete
        {
            self.cursor.advance(shard, upto);
        }
    }

    /// The read failed or its page was not sent to the end: it will be read again.
    pub fn page_lost(&mut self) {
        self.reading = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_protocol::Epoch;

    #[test]
    fn a_peer_is_live_when_level_in_every_shard() {
        // [CU4]
        let mut replay = Replay::after(Cursor::start(Epoch(1), 2));
        let heads = [Position(5), Position(3)];
        let read = |shard, after, upto| Step::Read {
            shard: ShardId(shard),
            after: Position(after),
            upto: Position(upto),
        };
        assert_eq!(replay.step(&heads), read(0, 0, 5));
        assert_eq!(replay.step(&heads), Step::Wait);
        replay.sent(ShardId(0), Position(2));
        replay.page_sent(false);
        assert_eq!(replay.step(&heads), read(0, 2, 5));
        replay.page_sent(true);
        assert_eq!(replay.step(&heads), read(1, 0, 3));
        replay.page_lost();
        assert_eq!(replay.step(&heads), read(1, 0, 3));
        replay.page_sent(true);
        assert!(!replay.is_live());
        assert!(!replay.is_level(&heads));
        assert_eq!(replay.step(&heads), Step::Live);
        assert!(replay.is_level(&heads) && replay.is_level(&[Position(6), Position(3)]));
        assert!(!replay.is_level(&[Position(6), Position(2)]));
        replay.fell_behind();
        assert_eq!(replay.step(&[Position(5), Position(4)]), read(1, 3, 4));
    }

    #[test]
    fn a_busy_shard_does_not_starve_another() {
        // [CU4] [LP1] Long polls: each answer is one page, and meanwhile the first shard moves on.
        let mut cursor = Cursor::start(Epoch(1), 2);
        let mut heads = [Position(40), Position(3)];
        for _ in 0..20 {
            let mut replay = Replay::after(cursor);
            assert!(matches!(replay.step(&heads), Step::Read { .. }));
            replay.page_sent(true);
            cursor = replay.cursor().clone();
            heads[0] = Position(heads[0].0 + 2);
            heads[1] = Position(heads[1].0 + 1);
        }
        for (shard, head) in heads.iter().enumerate() {
            let at = cursor.position(ShardId(shard as u16));
            assert!(head.0 - at.0 < 10, "shard {shard} is at {at} of {head}");
        }
    }
}

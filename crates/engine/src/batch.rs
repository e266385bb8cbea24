//! One commit on its way to readers: events in position order, cut into segments by log.
//!
//! Owns: the cutting, and each segment's bytes, made once for all readers of a log.
//! Never: knows who reads.

use std::sync::{Arc, OnceLock};

use bytes::{Bytes, BytesMut};
use tidings_core::StoredEvent;
use tidings_protocol::{Kind, LogId, Position, Seq, ShardId, UserId};

use crate::encoded::{FORMATS, Format, Logged};

/// Someone came to a room or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// Who.
    pub user: UserId,
    /// Came, or went.
    pub joined: bool,
}

/// Events of one log that every reader of the log gets alike, in order and without a gap.
/// A change of membership ends its segment: who may see changes between segments, never within. `[P6]`
#[derive(Debug)]
pub struct Segment {
    /// The log.
    pub log: LogId,
    /// The events.
    pub events: Vec<Arc<Logged>>,
    /// What the last event does to the membership.
    pub membership: Option<Membership>,
    frames: [OnceLock<Bytes>; FORMATS],
}

impl Segment {
    /// The first event's place in the log.
    #[must_use]
    pub fn first(&self) -> Seq {
        self.events[0].event().seq
    }

    /// The last event's place in the log.
    #[must_use]
    pub fn last(&self) -> Seq {
        self.events[self.events.len() - 1].event().seq
    }

    /// All frames of the segment in one piece, for everybody: one write a reader.
    #[must_use]
    pub fn frames(&self, format: Format) -> &Bytes {
        self.frames[format.index()].get_or_init(|| match &self.events[..] {
            [one] => one.frame(format).clone(),
            many => {
                let mut all = BytesMut::new();
                many.iter()
                    .for_each(|event| all.extend_from_slice(event.frame(format)));
                all.freeze()
            }
        })
    }

    /// The frames from `from` on, for one reader: with the `txn` of their own events.
    #[must_use]
    pub fn frames_for(&self, reader: UserId, format: Format, from: Seq) -> Bytes {
        let mut all = BytesMut::new();
        for event in self.events.iter().filter(|event| event.event().seq >= from) {
            all.extend_from_slice(&event.frame_for(reader, format));
        }
        all.freeze()
    }
}

/// What one commit of one shard brought, in position order without a gap.
#[derive(Debug)]
pub struct Batch {
    /// The shard.
    pub shard: ShardId,
    /// The events; never empty.
    pub events: Vec<Arc<Logged>>,
    /// The same events by log.
    pub segments: Vec<Segment>,
}

impl Batch {
    /// Cuts events of one shard, in position order, into segments. None when there are none.
    #[must_use]
    pub fn new(shard: ShardId, events: Vec<Arc<Logged>>) -> Option<Arc<Batch>> {
        if events.is_empty() {
            return None;
        }
        let mut segments: Vec<Segment> = Vec::new();
        for event in &events {
            let log = event.event().log;
            let membership = membership(event);
            // The last segment of this log takes the event, unless it ended with a change of membership.
            let open = segments
                .iter_mut()
                .rev()
                .find(|s| s.log == log)
                .filter(|s| s.membership.is_none());
            match open {
                Some(segment) => {
                    segment.events.push(Arc::clone(event));
                    segment.membership = membership;
                }
                None => segments.push(Segment {
                    log,
                    events: vec![Arc::clone(event)],
                    membership,
                    frames: Default::default(),
                }),
            }
        }
        Some(Arc::new(Batch {
            shard,
            events,
            segments,
        }))
    }

    /// A batch of events as read from the store.
    #[must_use]
    pub fn read(shard: ShardId, events: Vec<StoredEvent>) -> Option<Arc<Batch>> {
        Batch::new(shard, events.into_iter().map(Logged::read).collect())
    }

    /// The position of the first event.
    #[must_use]
    pub fn first(&self) -> Position {
        self.events[0].event().position
    }

    /// The position of the last event.
    #[must_use]
    pub fn last(&self) -> Position {
        self.events[self.events.len() - 1].event().position
    }
}

/// What an event does to the membership of its room.
#[must_use]
pub fn membership(event: &Logged) -> Option<Membership> {
    let envelope = event.event();
    if !envelope.is(Kind::MemberJoined) && !envelope.is(Kind::MemberLeft) {
        return None;
    }
    let (user, joined) = event.known()?.membership()?;
    Some(Membership { user, joined })
}

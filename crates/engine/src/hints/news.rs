//! What nodes say to each other, before it is sealed.
//!
//! Owns: the shapes. Never: is read before it opened under the key of this database.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tidings_core::StoredEvent;
use tidings_protocol::{EventId, LogId, Position, RoomId, Seq, ShardId, Timestamp, TxnId, UserId};

use crate::{batch::Batch, presence::Change};

/// A batch above this size is hinted without its events.
const HINT_BYTES_MAX: usize = 64 * 1024;

/// One piece of news.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum News {
    /// Something was committed.
    Batch {
        /// The shard.
        shard: ShardId,
        /// Its head before.
        before: Position,
        /// Its head after.
        last: Position,
        /// What lies between, when that is not much.
        events: Option<Vec<HintEvent>>,
    },
    /// Somebody types, or stopped.
    Typing {
        /// Where.
        room: RoomId,
        /// Who.
        user: UserId,
        /// Whether still.
        on: bool,
    },
    /// Everybody who is on the node.
    Presence {
        /// What others are to repeat, to show that they said what they say after this.
        token: u64,
        /// The last tokens of the nodes that were heard.
        echoes: Vec<([u8; 16], u64)>,
        /// The users.
        users: Vec<Change>,
    },
    /// One of them came, went or looked away.
    PresenceOf {
        /// Who, and how.
        user: Change,
    },
}

impl News {
    /// A commit that began after `before`.
    #[must_use]
    pub fn of(before: Position, batch: &Batch) -> News {
        let weight: usize = batch.events.iter().map(|event| event.weight()).sum();
        let events = (weight <= HINT_BYTES_MAX).then(|| {
            batch
                .events
                .iter()
                .map(|e| HintEvent::of(e.event()))
                .collect()
        });
        News::Batch {
            shard: batch.shard,
            before,
            last: batch.last(),
            events,
        }
    }
}

/// An event, as a hint carries it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HintEvent {
    position: Position,
    log: LogId,
    seq: Seq,
    id: EventId,
    at: i64,
    actor: UserId,
    count: u64,
    txn: Option<TxnId>,
    kind: Box<str>,
    body: Option<Arc<str>>,
}

impl HintEvent {
    /// A stored event.
    #[must_use]
    pub fn of(event: &StoredEvent) -> HintEvent {
        HintEvent {
            position: event.position,
            log: event.log,
            seq: event.seq,
            id: event.id,
            at: event.at.0,
            actor: event.actor,
            count: event.count,
            txn: event.txn.clone(),
            kind: event.kind.clone(),
            body: event.body.clone(),
        }
    }

    /// The event as the store holds it.
    #[must_use]
    pub fn stored(self, shard: ShardId) -> StoredEvent {
        StoredEvent {
            shard,
            position: self.position,
            log: self.log,
            seq: self.seq,
            id: self.id,
            at: Timestamp(self.at),
            actor: self.actor,
            count: self.count,
            txn: self.txn,
            kind: self.kind,
            body: self.body,
        }
    }
}

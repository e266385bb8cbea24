//! Log entries: as the appender writes them and as readers get them back.
//!
//! Owns: the form between decision, store and encoder, with the body already encoded as JSON.
//! Never: parses a body again on the way out.

use std::sync::Arc;

use tidings_protocol::{
    EventId, Kind, LogId, Position, Seq, ShardId, Timestamp, TxnId, UserId, content::Known,
};

use crate::chain::{Chain, Salt};

/// One log entry as read: the envelope, and the body as JSON text; none once erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// The shard.
    pub shard: ShardId,
    /// The place in the shard.
    pub position: Position,
    /// The log.
    pub log: LogId,
    /// The place in the log.
    pub seq: Seq,
    /// The id.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: UserId,
    /// Messages in the log up to and including this.
    pub count: u64,
    /// The client's id for the command; only on a command's first event.
    pub txn: Option<TxnId>,
    /// The kind, as on the wire.
    pub kind: Box<str>,
    /// The body as JSON (an object with `kind`); none once erased.
    pub body: Option<Arc<str>>,
}

/// One log entry as decided, on its way to the store.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The envelope and encoded body.
    pub event: StoredEvent,
    /// What it says.
    pub content: Known,
    /// A hash of the command, to tell a retry from a misuse of its `txn`; zero without one, and once the body is erased.
    pub fingerprint: i64,
    /// What the body is hashed with.
    pub salt: Salt,
    /// The log's chain up to this event.
    pub chain: Chain,
}

impl StoredEvent {
    /// Whether it is of this kind.
    #[must_use]
    pub fn is(&self, kind: Kind) -> bool {
        &*self.kind == kind.as_str()
    }

    /// The event with its body parsed, as clients get it; `txn` only for the actor. `[EV4]`
    ///
    /// # Errors
    /// When the stored body is not JSON with a kind: a damaged row.
    pub fn to_event(&self, reader: UserId) -> Result<tidings_protocol::Event, serde_json::Error> {
        Ok(tidings_protocol::Event {
            shard: self.shard,
            position: self.position,
            log: self.log,
            seq: self.seq,
            id: self.id,
            at: self.at,
            actor: self.actor,
            count: self.count,
            txn: if reader == self.actor {
                self.txn.clone()
            } else {
                None
            },
            answer: false,
            content: self.body.as_deref().map(serde_json::from_str).transpose()?,
        })
    }
}

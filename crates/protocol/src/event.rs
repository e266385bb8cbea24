//! The event: a thin permanent envelope and an erasable body. `[EV1]`
//!
//! Owns: the envelope as it stands on the wire. Never: decides what may follow what.

use serde::{Deserialize, Serialize};

use crate::{
    content::Content,
    id::{EventId, LogId, TxnId, UserId},
    number::{Position, Seq, ShardId},
    time::Timestamp,
};

/// What happened: numbered, permanent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// The shard of the log.
    pub shard: ShardId,
    /// The place in the shard.
    pub position: Position,
    /// The log: a room's id, or a user's for what concerns that user alone.
    pub log: LogId,
    /// The place in the log, from 1, without gaps.
    pub seq: Seq,
    /// The event's id; for a message also the message's.
    pub id: EventId,
    /// When it was committed, by the server's clock. The order is `seq`, never this.
    pub at: Timestamp,
    /// Who did it.
    pub actor: UserId,
    /// How many messages the log holds up to and including this event. Unread is a subtraction of two counts.
    pub count: u64,
    /// The client's own id for the command; only on copies for the actor's own devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txn: Option<TxnId>,
    /// It is told as the answer to a command, out of its place in the log: it moves no `seq` and no cursor. `[CM9]`
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub answer: bool,
    /// What it says; null once erased.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub content: Option<Content>,
}

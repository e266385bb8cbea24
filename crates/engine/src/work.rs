//! Work and its answers, on their way between cores, door, appenders and feed.
//!
//! Owns: the words that these say to each other. Never: does anything, so that none of them has to know the others.

use std::sync::Arc;

use tidings_core::Command;
use tidings_protocol::{LogId, Refusal, TxnId, UserId};
use tokio::sync::oneshot;

use crate::encoded::Logged;

/// A peer of a hub; the generation tells it from a later one in the same slot.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerId {
    /// The place in the hub.
    pub slot: u32,
    /// Which of the peers that had this place.
    pub generation: u32,
}

/// A command and who gives it.
#[derive(Debug, Clone)]
pub struct Work {
    /// Who.
    pub actor: UserId,
    /// The client's id for it.
    pub txn: Option<TxnId>,
    /// What.
    pub command: Command,
}

impl Work {
    /// The log that its events go to.
    #[must_use]
    pub fn log(&self) -> LogId {
        self.command.log(self.actor, self.txn.as_ref())
    }
}

/// Where the answer goes.
#[derive(Debug)]
pub enum Reply {
    /// To a task that waits.
    Once(oneshot::Sender<Answer>),
    /// To a peer of a core's hub.
    Peer {
        /// The core.
        core: u16,
        /// The peer.
        peer: PeerId,
    },
}

/// The answer to a command. `[CM2]`
#[derive(Debug, Clone)]
pub enum Answer {
    /// It happened; this is its first event.
    Happened(Arc<Logged>),
    /// It had happened before; this was its first event. `[CM3]`
    Before(Arc<Logged>),
    /// There was nothing to change.
    Unchanged(LogId),
    /// No.
    Refused(Refusal),
}

/// A command on its way.
#[derive(Debug)]
pub struct Submission {
    /// The command.
    pub work: Work,
    /// Where its answer goes.
    pub reply: Reply,
}

//! What clients of a running server did and saw, and the log at the end: the matter that auditors judge.
//!
//! Owns: the shapes of a recorded history, and the one clock that orders what was given and what was acknowledged.
//! Never: decides what a client does, or what is right; [`audit`] judges, from this alone.
//!
//! Every message's text begins with its `txn` and a blank, so that it can be told whoever reads it.

pub mod audit;
mod following;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    fmt,
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tidings_protocol::{
    Content, Event, EventId, LogId, Position, RefusalCode, RoomId, Seq, ShardId, TxnId, UserId,
    content::Known,
};

/// What an auditor found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which invariant is broken.
    pub invariant: &'static str,
    /// How.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.text)
    }
}

/// One count for the whole history: a lower one was before a higher one, for everybody.
#[derive(Debug, Clone, Default)]
pub struct Ticks(Arc<AtomicU64>);

impl Ticks {
    /// The next moment.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// A message that a client gave, however often it had to send it.
#[derive(Debug, Clone)]
pub struct Op {
    /// The client's id for it.
    pub txn: TxnId,
    /// Where to.
    pub room: RoomId,
    /// The text.
    pub text: String,
    /// Before it was sent for the first time.
    pub invoked: u64,
    /// After its event was heard, and the event; none while the client does not know.
    pub answered: Option<(u64, Seen)>,
    /// Whether it was refused in between. Then a later one may have overtaken it. `[CM4]`
    pub refused: bool,
}

/// An event as an observer got it: all that tells it from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its log.
    pub log: LogId,
    /// Its place in the log.
    pub seq: Seq,
    /// Its shard.
    pub shard: ShardId,
    /// Its place in the shard.
    pub position: Position,
    /// Its id.
    pub id: EventId,
    /// The count of messages that it carries.
    pub count: u64,
    /// What it says, hashed.
    pub body: u64,
    /// The `txn` that it carries. `[EV4]`
    pub txn: Option<TxnId>,
    /// Whether it came as an answer, out of its place. `[CM9]`
    pub answer: bool,
}

impl Seen {
    /// What is kept of an event.
    #[must_use]
    pub fn of(event: &Event) -> Seen {
        let mut hasher = DefaultHasher::new();
        match &event.content {
            Some(Content::Known(Known::Message { text })) => text.as_str().hash(&mut hasher),
            other => format!("{other:?}").hash(&mut hasher),
        }
        event.actor.hash(&mut hasher);
        Seen {
            log: event.log,
            seq: event.seq,
            shard: event.shard,
            position: event.position,
            id: event.id,
            count: event.count,
            body: hasher.finish(),
            txn: event.txn.clone(),
            answer: event.answer,
        }
    }
}

/// How an observer follows its rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Following {
    /// A socket with every room open, from the last event that it has.
    Open,
    /// A socket with `follow: all`, from the last cursor that it was told.
    All,
    /// SSE or long poll: from the cursor after the last event. Nothing repeated, nothing left out. `[CU4]`
    Exact,
    /// A socket with every room listed.
    Listed,
}

/// One thing that an observer noted, in the order in which it happened.
#[derive(Debug, Clone)]
pub enum Note {
    /// A session begins: `ready` and its rooms. `resumed`: with a cursor.
    Ready {
        /// Whether a cursor was given.
        resumed: bool,
        /// The heads that it told.
        heads: BTreeMap<RoomId, Seq>,
    },
    /// `reset` came. The logs never changed their epoch, so nobody may be told so.
    Reset,
    /// `open` was asked for with what the client had, and answered.
    Opened {
        /// Which room.
        room: RoomId,
        /// What was asked.
        after: Option<Seq>,
        /// What was answered.
        from: Seq,
        /// The head by the answer.
        head: Seq,
    },
    /// A command was sent in this session.
    Sent(TxnId),
    /// An event came.
    Event(Seen),
    /// A listed room moved.
    Moved(RoomId, Seq),
    /// A command was refused.
    Refused(TxnId, RefusalCode),
    /// Something came that nobody can read.
    Unreadable(String),
}

/// What one observer recorded over all its sessions.
#[derive(Debug, Clone)]
pub struct Record {
    /// How findings call it.
    pub name: String,
    /// Who it was.
    pub user: UserId,
    /// How it followed.
    pub following: Following,
    /// What it gave, in order; nothing when it only watched.
    pub ops: Vec<Op>,
    /// What it noted.
    pub notes: Vec<Note>,
}

/// Everything that auditors judge.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// One a client.
    pub records: Vec<Record>,
    /// The final log of each room, as read over REST from the first event to the head.
    pub logs: BTreeMap<RoomId, Vec<Event>>,
}

/// The `txn` in front of a message's text, if this is a message of ours.
#[must_use]
pub fn txn_in(event: &Event) -> Option<(TxnId, &str)> {
    match &event.content {
        Some(Content::Known(Known::Message { text })) => {
            let (txn, _) = text.as_str().split_once(' ')?;
            Some((txn.parse().ok()?, text.as_str()))
        }
        _ => None,
    }
}

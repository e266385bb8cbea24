//! What reaches one core: batches, answers, signals. Filled by other threads, emptied by the core at once.
//!
//! Owns: the one place where threads hand over to a core, with a limit. Never: grows without a bound `[P5]`:
//! when a core does not keep up, batches are dropped here, and the core reads the store instead.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;
use tidings_protocol::{RoomId, ShardId, TxnId, UserId};
use tokio::sync::Notify;

use crate::{
    batch::Batch,
    work::{Answer, PeerId},
};

/// Batches that wait for one core. Above it the core is told of a hole instead.
pub const INBOX_BATCHES_MAX: usize = 1_024;
/// Signals that wait for one core; above it they are dropped, as signals may be. `[SG1]`
pub const INBOX_SIGNALS_MAX: usize = 4_096;

/// One thing for a core to do.
#[derive(Debug)]
pub enum Item {
    /// Something was committed.
    Batch(Arc<Batch>),
    /// A command of one of the core's peers has its answer.
    Answer {
        /// Whose.
        peer: PeerId,
        /// To which command.
        txn: TxnId,
        /// What.
        answer: Answer,
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
    /// Somebody came, went or looked away: the presence book says how they are now.
    Presence {
        /// Who.
        user: UserId,
    },
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    missed: BTreeSet<ShardId>,
    batches: usize,
    signals: usize,
    missed_presence: bool,
    anew: bool,
}

/// What one core takes from its inbox.
#[derive(Debug, Default)]
pub struct Taken {
    /// In the order they came.
    pub items: VecDeque<Item>,
    /// Shards of which later batches were dropped, since too many waited: to be read from the store.
    pub missed: BTreeSet<ShardId>,
    /// Whether a change of presence was dropped.
    pub missed_presence: bool,
    /// Whether the core was told of what never was: it ends its sessions and begins anew, before anything else here.
    pub anew: bool,
}

/// The inbox of one core.
#[derive(Debug)]
pub struct Inbox {
    queue: Mutex<Queue>,
    wake: Notify,
    batches_max: usize,
}

impl Default for Inbox {
    fn default() -> Inbox {
        Inbox::holding(INBOX_BATCHES_MAX)
    }
}

impl Inbox {
    /// An inbox in which at most so many batches wait.
    #[must_use]
    pub fn holding(batches_max: usize) -> Inbox {
        Inbox {
            queue: Mutex::default(),
            wake: Notify::new(),
            batches_max,
        }
    }

    /// Hands a batch and the answers that go with it to the core, waking it once.
    pub fn deliver(&self, batch: Option<&Arc<Batch>>, answers: Vec<Item>) {
        if batch.is_none() && answers.is_empty() {
            return;
        }
        {
            let mut queue = self.queue.lock();
            if let Some(batch) = batch {
                if queue.batches < self.batches_max {
                    queue.batches += 1;
                    queue.items.push_back(Item::Batch(Arc::clone(batch)));
                } else {
                    queue.missed.insert(batch.shard);
                }
            }
            // Answers are bounded by the commands in flight of the core's own peers.
            queue.items.extend(answers);
        }
        self.wake.notify_one();
    }

    /// Hands a signal to the core; dropped when too many wait.
    pub fn signal(&self, item: Item) {
        {
            let mut queue = self.queue.lock();
            if queue.signals >= INBOX_SIGNALS_MAX {
                queue.missed_presence |= matches!(item, Item::Presence { .. });
                return;
            }
            queue.signals += 1;
            queue.items.push_back(item);
        }
        self.wake.notify_one();
    }

    /// What the core was told was not so: it is to begin anew at the node's heads. What waits of it is dropped.
    pub fn begin_anew(&self) {
        {
            let mut queue = self.queue.lock();
            queue.items.retain(|item| !matches!(item, Item::Batch(_)));
            queue.missed.clear();
            queue.batches = 0;
            queue.anew = true;
        }
        self.wake.notify_one();
    }

    /// Takes everything that waits.
    #[must_use]
    pub fn take(&self) -> Taken {
        let queue = std::mem::take(&mut *self.queue.lock());
        Taken {
            items: queue.items,
            missed: queue.missed,
            missed_presence: queue.missed_presence,
            anew: queue.anew,
        }
    }

    /// Waits until something is there.
    pub async fn wait(&self) {
        self.wake.notified().await;
    }
}

//! The one feed out: commits reach every core of this node in position order, whoever made them.
//!
//! Owns: how far this node has come in each shard, filling what it did not hear of from the store, and waking each
//! core once a batch; and how far the store itself has said that the log goes.
//! Never: trusts a hint over the store: where they differ the log is the truth, and nothing but the store can say that
//! the log itself went back. `[P7]`

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use tidings_core::StoredEvent;
use tidings_protocol::{Position, ShardId};
use tidings_store::{Store, StoreError};
use tokio::sync::{Mutex, Notify, oneshot};

use crate::{
    batch::Batch,
    hints::hinter::Hinter,
    inbox::{Inbox, Item},
    seldom::Seldom,
    work::Answer,
};

/// Events read at once when this node catches up with what other nodes wrote.
const FILL_PAGE: u32 = 500;

/// Answers by core; those for waiting tasks are sent after publishing, too, so they come along.
pub(crate) enum Routed {
    /// For a peer of a core.
    Core(u16, Item),
    /// For a task.
    Once(oneshot::Sender<Answer>, Answer),
}

/// Where commits of one shard meet, in order.
struct Shard {
    known: Position,
}

/// The feed of one node.
pub struct Feed {
    store: Store,
    shards: Vec<Mutex<Shard>>,
    heads: Vec<AtomicU64>,
    /// By shard: how far the store itself has said that the log goes, by a commit or a read of this node.
    stored: Vec<AtomicU64>,
    /// A hint told of what is not in the log: from here on hints only say that there may be more.
    doubts: AtomicBool,
    cores: Vec<Arc<Inbox>>,
    hinter: Option<Hinter>,
    rewound: Notify,
}

impl Feed {
    /// A feed that begins at the store's present heads.
    ///
    /// # Errors
    /// When the heads cannot be read.
    pub async fn start(
        store: Store,
        cores: Vec<Arc<Inbox>>,
        hinter: Option<Hinter>,
    ) -> Result<Feed, StoreError> {
        let heads = store.heads().await?;
        Ok(Feed {
            store,
            shards: heads
                .iter()
                .map(|&known| Mutex::new(Shard { known }))
                .collect(),
            heads: heads.iter().map(|head| AtomicU64::new(head.0)).collect(),
            stored: heads.iter().map(|head| AtomicU64::new(head.0)).collect(),
            doubts: AtomicBool::new(false),
            cores,
            hinter,
            rewound: Notify::new(),
        })
    }

    /// Waits until the store says that a log ends before where it said that it does: the database is another one than it
    /// was, a standby that lagged or a backup. This feed must not go on then. No hint can bring that about. `[CU3]`
    pub async fn rewound(&self) {
        self.rewound.notified().await;
    }

    /// The last position of each shard that was published on this node.
    #[must_use]
    pub fn heads(&self) -> Vec<Position> {
        self.heads
            .iter()
            .map(|head| Position(head.load(Ordering::Acquire)))
            .collect()
    }

    /// The inboxes of the cores.
    #[must_use]
    pub fn cores(&self) -> &[Arc<Inbox>] {
        &self.cores
    }

    /// Publishes a commit of this node that began after `before`, then hands out its answers.
    pub(crate) async fn publish(
        &self,
        shard: ShardId,
        before: Position,
        batch: Option<Arc<Batch>>,
        answers: Vec<Routed>,
    ) {
        if let Some(batch) = &batch {
            let mut at = self.shards[usize::from(shard.0)].lock().await;
            if at.known < before {
                // Other nodes wrote in between: theirs comes first.
                if let Err(error) = self.fill(shard, &mut at, Some(before)).await {
                    cannot_read(shard, &error);
                }
            }
            if at.known > before && self.stored(shard) < batch.last() {
                // What a hint said stands in these places; what is there is this commit.
                self.doubt(shard, &mut at, before);
            }
            self.store_reaches(shard, batch.last());
            if at.known == before {
                at.known = batch.last();
                self.send(shard, batch, answers);
            } else {
                // The hole stays until `look` fills it; the commit is durable, so its answers go out.
                self.answer(answers);
            }
            drop(at);
            if let Some(hinter) = &self.hinter {
                hinter.hint(before, batch);
            }
        } else {
            self.answer(answers);
        }
    }

    /// Takes a batch that another node of this database says to have committed after `before`, when it continues what is
    /// known. False when there is something to read instead: then [`Feed::catch_up`] is due.
    pub async fn hear(
        &self,
        shard: ShardId,
        before: Position,
        last: Position,
        events: Option<Vec<StoredEvent>>,
    ) -> bool {
        let Some(slot) = self.shards.get(usize::from(shard.0)) else {
            return true;
        };
        let mut at = slot.lock().await;
        if last <= at.known {
            return true;
        }
        if at.known != before || self.doubts.load(Ordering::Acquire) {
            return false;
        }
        let shards = self.shards.len() as u16;
        let fits = |events: &Vec<StoredEvent>| {
            let positions = events.iter().map(|event| event.position.0);
            positions.eq(before.0 + 1..=last.0)
                && events.iter().all(|event| event.log.shard(shards) == shard)
        };
        let Some(batch) = events.filter(fits).and_then(|e| Batch::read(shard, e)) else {
            return false;
        };
        at.known = last;
        self.send(shard, &batch, Vec::new());
        true
    }

    /// Reads what this node has not heard of in one shard.
    ///
    /// # Errors
    /// The store's.
    pub async fn catch_up(&self, shard: ShardId) -> Result<(), StoreError> {
        let Some(slot) = self.shards.get(usize::from(shard.0)) else {
            return Ok(());
        };
        let mut at = slot.lock().await;
        self.fill(shard, &mut at, None).await
    }

    /// Looks at the heads in the store and reads what this node has not heard of.
    ///
    /// # Errors
    /// The store's.
    pub async fn look(&self) -> Result<(), StoreError> {
        // Before the store's: what was published or read was committed, so the store is never behind it.
        let published = self.heads();
        let stored: Vec<Position> = (0..published.len())
            .map(|shard| self.stored(ShardId(shard as u16)))
            .collect();
        let heads = self.store.heads().await?;
        if heads.iter().zip(&stored).any(|(head, said)| head < said) {
            tracing::error!(?heads, ?stored, "a log ends before where it ended");
            self.rewound.notify_one();
            return Ok(());
        }
        for (index, head) in heads.into_iter().enumerate() {
            let shard = ShardId(index as u16);
            self.store_reaches(shard, head);
            if published[index] > head {
                let mut at = self.shards[index].lock().await;
                // Again, while nothing can be published: has the log come there meanwhile?
                let now = self.store.heads().await?[index];
                self.store_reaches(shard, now);
                if at.known > now {
                    self.doubt(shard, &mut at, now);
                }
            }
            if self.heads[index].load(Ordering::Acquire) < head.0 {
                let mut at = self.shards[index].lock().await;
                self.fill(shard, &mut at, None).await?;
            }
        }
        Ok(())
    }

    /// How far the store has said that a log goes.
    fn stored(&self, shard: ShardId) -> Position {
        Position(self.stored[usize::from(shard.0)].load(Ordering::Acquire))
    }

    fn store_reaches(&self, shard: ShardId, head: Position) {
        self.stored[usize::from(shard.0)].fetch_max(head.0, Ordering::AcqRel);
    }

    /// A hint told of what the store does not have after `known`. Its readers were told, too: their sessions end, and they
    /// come back to what is there. Nobody can make such a hint who is no node of this database; so this node believes its
    /// nodes no more, and reads.
    fn doubt(&self, shard: ShardId, at: &mut Shard, known: Position) {
        tracing::error!(
            shard = shard.0,
            told = at.known.0,
            stored = known.0,
            "another node told of what is not in the log: do all nodes reach the same database? From here on this one \
             reads everything itself"
        );
        self.doubts.store(true, Ordering::Release);
        at.known = known;
        self.heads[usize::from(shard.0)].store(known.0, Ordering::Release);
        for inbox in &self.cores {
            inbox.begin_anew();
        }
    }

    /// Reads and publishes everything after what is known, up to `upto` or the end.
    async fn fill(
        &self,
        shard: ShardId,
        at: &mut Shard,
        upto: Option<Position>,
    ) -> Result<(), StoreError> {
        loop {
            let mut events = self.store.shard_after(shard, at.known, FILL_PAGE).await?;
            if let Some(upto) = upto {
                events.retain(|event| event.position <= upto);
            }
            let full = events.len() == FILL_PAGE as usize;
            let Some(batch) = Batch::read(shard, events) else {
                return Ok(());
            };
            at.known = batch.last();
            self.store_reaches(shard, at.known);
            self.send(shard, &batch, Vec::new());
            if !full {
                return Ok(());
            }
        }
    }

    fn send(&self, shard: ShardId, batch: &Arc<Batch>, answers: Vec<Routed>) {
        self.heads[usize::from(shard.0)].store(batch.last().0, Ordering::Release);
        let (mut items, once) = self.split(answers);
        for (core, inbox) in self.cores.iter().enumerate() {
            inbox.deliver(Some(batch), std::mem::take(&mut items[core]));
        }
        once.into_iter().for_each(|routed| self.answer_once(routed));
    }

    /// Hands out answers that go with no batch.
    pub(crate) fn answer(&self, answers: Vec<Routed>) {
        let (items, once) = self.split(answers);
        for (inbox, items) in self.cores.iter().zip(items) {
            inbox.deliver(None, items);
        }
        once.into_iter().for_each(|routed| self.answer_once(routed));
    }

    fn split(&self, answers: Vec<Routed>) -> (Vec<Vec<Item>>, Vec<Routed>) {
        let mut items: Vec<Vec<Item>> = self.cores.iter().map(|_| Vec::new()).collect();
        let mut once = Vec::new();
        for routed in answers {
            match routed {
                Routed::Core(core, item) => {
                    if let Some(items) = items.get_mut(usize::from(core)) {
                        items.push(item);
                    }
                }
                routed @ Routed::Once(..) => once.push(routed),
            }
        }
        (items, once)
    }

    fn answer_once(&self, routed: Routed) {
        if let Routed::Once(sender, answer) = routed {
            // The task may have gone away; its command has happened all the same.
            let _ = sender.send(answer);
        }
    }
}

/// Every commit and every hint may meet it.
fn cannot_read(shard: ShardId, error: &StoreError) {
    static FAILED: Seldom = Seldom::new();
    if let Some(left_out) = FAILED.due() {
        tracing::warn!(shard = shard.0, %error, left_out, "cannot read what other nodes wrote; the next look will");
    }
}

#[cfg(test)]
mod tests;

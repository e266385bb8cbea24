//! The one feed out: commits reach every core of this node in position order, whoever made them.
//!
//! Owns: how far this node has come in each shard, filling what it did not hear of from the store, and waking each
//! core once a batch. Never: trusts a hint beyond "there may be more"; the log is the truth. `[P7]`

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tidings_core::StoredEvent;
use tidings_protocol::{Position, ShardId};
use tidings_store::{Store, StoreError};
use tokio::sync::{Mutex, Notify};

use crate::{
    appender::Routed,
    batch::Batch,
    hints::Hinter,
    inbox::{Inbox, Item},
};

/// Events read at once when this node catches up with what other nodes wrote.
const FILL_PAGE: u32 = 500;

/// Where commits of one shard meet, in order.
struct Shard {
    known: Position,
}

/// The feed of one node.
pub struct Feed {
    store: Store,
    shards: Vec<Mutex<Shard>>,
    heads: Vec<AtomicU64>,
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
            cores,
            hinter,
            rewound: Notify::new(),
        })
    }

    /// Waits until a log is found to end before what was published from it: the database is another one than it was, a
    /// standby that lagged or a backup. This feed must not go on then. `[CU3]`
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
                    tracing::warn!(shard = shard.0, %error, "cannot read what other nodes wrote; the next look will");
                }
            }
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

    /// Takes a batch that another node committed after `before`, or reads it if there is a hole.
    pub async fn hear(
        &self,
        shard: ShardId,
        before: Position,
        last: Position,
        events: Option<Vec<StoredEvent>>,
    ) {
        let Some(slot) = self.shards.get(usize::from(shard.0)) else {
            return;
        };
        let mut at = slot.lock().await;
        if last <= at.known {
            return;
        }
        if at.known == before
            && let Some(batch) = events.and_then(|events| Batch::read(shard, events))
            && batch.first() == before.next()
            && batch.last() == last
        {
            at.known = last;
            self.send(shard, &batch, Vec::new());
            return;
        }
        if let Err(error) = self.fill(shard, &mut at, None).await {
            tracing::warn!(shard = shard.0, %error, "cannot read what another node wrote; the next look will");
        }
    }

    /// Looks at the heads in the store and reads what this node has not heard of.
    ///
    /// # Errors
    /// The store's.
    pub async fn look(&self) -> Result<(), StoreError> {
        // Before the store's: what was published was committed, so the store is never behind it.
        let published = self.heads();
        let heads = self.store.heads().await?;
        if heads
            .iter()
            .zip(&published)
            .any(|(head, known)| head < known)
        {
            tracing::error!(
                ?heads,
                ?published,
                "a log ends before what was published from it"
            );
            self.rewound.notify_one();
            return Ok(());
        }
        for (index, head) in heads.into_iter().enumerate() {
            if self.heads[index].load(Ordering::Acquire) < head.0 {
                let mut at = self.shards[index].lock().await;
                self.fill(ShardId(index as u16), &mut at, None).await?;
            }
        }
        Ok(())
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

//! One task a shard on each node: takes what waits and commits it as one transaction.
//!
//! Owns: the batch. Lock the head, load what the commands need, decide each against exactly that state,
//! write events and rows, commit once; then publish, then answer.
//! Never: anything slow inside the transaction, an answer before the commit is on disk. `[P1]`

use std::{future::Future, pin::Pin, sync::Arc};

use tidings_core::{
    Executed, Needs, State,
    decide::{Ctx, execute},
};
use tidings_protocol::{Position, Refusal, RefusalCode, ShardId, TxnId};
use tidings_store::{Commit, Store, StoreError};
use tokio::sync::mpsc;

use crate::{
    batch::Batch,
    encoded::Logged,
    environment::Environment,
    feed::{Feed, Routed},
    inbox::Item,
    work::{Answer, Reply, Submission, Work},
};

/// Commands committed as one transaction, at most: one disk sync for all of them.
pub const BATCH_COMMANDS_MAX: usize = 256;
/// How often a command that lost a race of unique keys is decided anew: once against what the winner committed. A second
/// loss would be another race.
const RACES_MAX: u32 = 1;
/// Commands that wait for one shard's appender; above it the door says "not now".
pub const SHARD_QUEUE_MAX: usize = 8_192;

/// What a batch of commands came to.
#[derive(Debug)]
pub struct Ran {
    /// The shard's head before.
    pub before: Position,
    /// What was committed; none when nothing happened.
    pub batch: Option<Arc<Batch>>,
    /// One answer a command, in their order.
    pub answers: Vec<Answer>,
}

/// Commits a batch of commands of one shard.
///
/// # Errors
/// The store's; then nothing of the batch is known to have happened.
pub async fn commit(
    store: &Store,
    environment: &Arc<dyn Environment>,
    shard: ShardId,
    works: Arc<[Work]>,
) -> Result<Ran, StoreError> {
    let mut needs = Needs::default();
    for work in works.iter() {
        work.command
            .needs(work.actor, work.txn.as_ref(), &mut needs);
    }
    let environment = Arc::clone(environment);
    store
        .append(shard, needs, move |before, state| {
            decide_all(&environment, shard, before, state, &works)
        })
        .await
}

fn decide_all(
    environment: &Arc<dyn Environment>,
    shard: ShardId,
    before: Position,
    mut state: State,
    works: &[Work],
) -> (Commit, Ran) {
    let mut position = before;
    let mut entries = Vec::with_capacity(works.len());
    let mut events = Vec::with_capacity(works.len());
    let mut answers = Vec::with_capacity(works.len());
    let now = environment.now();
    for work in works {
        let mut ctx = Ctx {
            now,
            shard,
            position: &mut position,
            next_id: &mut || environment.event_id(),
            next_salt: &mut || environment.salt(),
        };
        let answer = match execute(
            &mut state,
            work.actor,
            work.txn.as_ref(),
            &work.command,
            &mut ctx,
        ) {
            Ok(Executed::Happened(happened)) => {
                let first = events.len();
                for entry in happened {
                    events.push(Logged::decided(entry.event.clone(), entry.content.clone()));
                    entries.push(entry);
                }
                Answer::Happened(Arc::clone(&events[first]))
            }
            Ok(Executed::Before(event)) => Answer::Before(Logged::read(*event)),
            Ok(Executed::Unchanged(log)) => Answer::Unchanged(log),
            Err(refusal) => Answer::Refused(refusal),
        };
        answers.push(answer);
    }
    (
        Commit { entries, state },
        Ran {
            before,
            batch: Batch::new(shard, events),
            answers,
        },
    )
}

/// What every appender task holds.
#[derive(Clone)]
pub struct Appender {
    /// The store.
    pub store: Store,
    /// Clock and ids.
    pub environment: Arc<dyn Environment>,
    /// Where commits are published.
    pub feed: Arc<Feed>,
}

impl Appender {
    /// Runs one shard until the door closes: everything that was taken is committed and answered first.
    pub async fn run(self, shard: ShardId, mut queue: mpsc::Receiver<Submission>) {
        let mut waiting = Vec::with_capacity(BATCH_COMMANDS_MAX);
        while queue.recv_many(&mut waiting, BATCH_COMMANDS_MAX).await > 0 {
            self.take(shard, std::mem::take(&mut waiting)).await;
        }
    }

    /// Commits, publishes and answers one batch.
    pub fn take(
        &self,
        shard: ShardId,
        submissions: Vec<Submission>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let (works, replies): (Vec<Work>, Vec<(Option<TxnId>, Reply)>) = submissions
                .into_iter()
                .map(|s| {
                    let reply = (s.work.txn.clone(), s.reply);
                    (s.work, reply)
                })
                .unzip();
            let works: Arc<[Work]> = works.into();
            match self.commit(shard, &works).await {
                Ok(ran) => {
                    let items = route(replies, ran.answers);
                    self.feed.publish(shard, ran.before, ran.batch, items).await;
                }
                // Two names raced, or one command is poison: alone, each gets the answer that is its own.
                Err(StoreError::Conflict | StoreError::Trouble(_)) if works.len() > 1 => {
                    tracing::warn!(
                        shard = shard.0,
                        commands = works.len(),
                        "a batch failed; running it one by one"
                    );
                    for (work, (_, reply)) in works.iter().zip(replies) {
                        self.take(
                            shard,
                            vec![Submission {
                                work: work.clone(),
                                reply,
                            }],
                        )
                        .await;
                    }
                }
                Err(error) => {
                    let answers = works
                        .iter()
                        .map(|work| Answer::Refused(self.trouble(&error, work)))
                        .collect();
                    self.feed.answer(route(replies, answers));
                }
            }
        })
    }

    /// Commits a batch. A command alone that lost a race (a name, the first account, a `txn`, each unique among all shards)
    /// is decided again: the winner's rows are there now, so it gets the answer that is its own, and no client hears of
    /// the race.
    async fn commit(&self, shard: ShardId, works: &Arc<[Work]>) -> Result<Ran, StoreError> {
        let mut races = 0;
        loop {
            let result = commit(&self.store, &self.environment, shard, Arc::clone(works)).await;
            match result {
                Err(StoreError::Conflict) if works.len() == 1 && races < RACES_MAX => races += 1,
                result => return result,
            }
        }
    }

    /// What a command hears whose commit failed. The id in it finds the line that is logged here.
    fn trouble(&self, error: &StoreError, work: &Work) -> Refusal {
        let request_id = uuid::Uuid::from_u128(self.environment.event_id().bits()).to_string();
        let log = work.log();
        let txn = work.txn.as_ref().map(tracing::field::display);
        let refusal = match error {
            // Alone, and lost a second race, to somebody else again.
            StoreError::Conflict => {
                tracing::info!(request_id, actor = %work.actor, %log, txn, "a command met a race");
                Refusal::new(RefusalCode::Unavailable).retry_after_ms(50)
            }
            StoreError::Unavailable(reason) => {
                tracing::warn!(request_id, actor = %work.actor, %log, txn, %reason, "the store is not available");
                Refusal::new(RefusalCode::Unavailable).retry_after_ms(1_000)
            }
            StoreError::Refused(reason) | StoreError::Trouble(reason) => {
                tracing::error!(request_id, actor = %work.actor, %log, txn, %reason, "a commit failed");
                Refusal::new(RefusalCode::Internal)
            }
        };
        refusal.request_id(request_id)
    }
}

fn route(replies: Vec<(Option<TxnId>, Reply)>, answers: Vec<Answer>) -> Vec<Routed> {
    replies
        .into_iter()
        .zip(answers)
        .filter_map(|((txn, reply), answer)| match reply {
            Reply::Once(sender) => Some(Routed::Once(sender, answer)),
            Reply::Peer { core, peer } => {
                txn.map(|txn| Routed::Core(core, Item::Answer { peer, txn, answer }))
            }
        })
        .collect()
}

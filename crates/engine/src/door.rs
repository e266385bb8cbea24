//! The one door in: every lasting change is submitted here.
//!
//! Owns: the queue to each shard's appender, and saying "not now" when it is full or closed.
//! Never: decides, or waits for room: a full queue is answered at once. `[P5]`

use std::sync::Arc;

use parking_lot::RwLock;
use tidings_protocol::{Refusal, RefusalCode, ShardId};
use tokio::sync::{mpsc, oneshot};

use crate::{
    appender::{Appender, SHARD_QUEUE_MAX},
    work::{Answer, Reply, Submission, Work},
};

/// The door. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Door {
    queues: Arc<RwLock<Vec<mpsc::Sender<Submission>>>>,
    shards: u16,
}

impl Door {
    /// Starts one appender a shard on the current runtime; the handles end when the door is closed.
    #[must_use]
    pub fn open(appender: &Appender) -> (Door, Vec<tokio::task::JoinHandle<()>>) {
        let shards = appender.store.shards();
        let mut queues = Vec::new();
        let mut tasks = Vec::new();
        for shard in 0..shards {
            let (sender, receiver) = mpsc::channel(SHARD_QUEUE_MAX);
            queues.push(sender);
            tasks.push(tokio::spawn(appender.clone().run(ShardId(shard), receiver)));
        }
        (
            Door {
                queues: Arc::new(RwLock::new(queues)),
                shards,
            },
            tasks,
        )
    }

    /// Puts a command into its shard's queue. When it does not fit, the submission comes back with the refusal.
    ///
    /// # Errors
    /// `unavailable` when the queue is full or the door closed; the submission is given back to be answered.
    pub fn put(&self, submission: Submission) -> Result<(), Box<(Submission, Refusal)>> {
        let shard = submission.work.log().shard(self.shards);
        let queues = self.queues.read();
        let refusal = || Refusal::new(RefusalCode::Unavailable).retry_after_ms(1_000);
        match queues.get(usize::from(shard.0)) {
            None => Err(Box::new((submission, refusal()))),
            Some(queue) => queue
                .try_send(submission)
                .map_err(|error| Box::new((error.into_inner(), refusal()))),
        }
    }

    /// Submits a command and waits for its answer.
    pub async fn submit(&self, work: Work) -> Answer {
        let (sender, receiver) = oneshot::channel();
        if let Err(back) = self.put(Submission {
            work,
            reply: Reply::Once(sender),
        }) {
            return Answer::Refused(back.1);
        }
        receiver
            .await
            .unwrap_or_else(|_| Answer::Refused(RefusalCode::Unavailable.into()))
    }

    /// Closes the door: what was put is still committed and answered, nothing more is taken.
    pub fn close(&self) {
        self.queues.write().clear();
    }
}

//! Reads of the store that hints set off.
//!
//! Owns: their pace. Never: reads more often, whatever hints say.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tidings_protocol::ShardId;
use tokio::sync::Notify;

/// The least time between two reads of the store that hints set off. In between they are put together.
const HINTED_READ_EVERY: Duration = Duration::from_millis(2);

/// Shards of which there is more than a hint brought.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    shards: Mutex<BTreeSet<ShardId>>,
    woken: Notify,
}

impl Wanted {
    pub(super) fn want(&self, shard: ShardId) {
        self.shards.lock().insert(shard);
        self.woken.notify_one();
    }
}

/// Reads what is wanted, one shard after another, no more often than [`HINTED_READ_EVERY`]: whatever hints say, this is
/// all the work that they can make.
pub(super) async fn read_wanted<R: Future<Output = ()>>(
    wanted: Arc<Wanted>,
    mut read: impl FnMut(ShardId) -> R,
) {
    loop {
        wanted.woken.notified().await;
        let shards = std::mem::take(&mut *wanted.shards.lock());
        for shard in shards {
            read(shard).await;
            tokio::time::sleep(HINTED_READ_EVERY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn whatever_hints_want_the_store_is_read_at_a_bounded_pace() {
        let wanted = Arc::new(Wanted::default());
        let reads = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&reads);
        let reading = tokio::spawn(read_wanted(Arc::clone(&wanted), move |shard| {
            to.lock().push(shard);
            std::future::ready(())
        }));
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(1) {
            // A flood: far more is wanted than can be read.
            for shard in 0..16 {
                wanted.want(ShardId(shard));
            }
            // tidy: allow sleep — the clock of this test is paused.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        reading.abort();
        let reads = reads.lock().clone();
        let most = began.elapsed().as_millis() / HINTED_READ_EVERY.as_millis() + 1;
        assert!(reads.len() as u128 <= most, "{} reads", reads.len());
        // Each shard had its turn.
        for shard in 0..16 {
            let turns = reads.iter().filter(|read| read.0 == shard).count();
            assert!(turns >= reads.len() / 16, "{turns} of shard {shard}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wanted_once_is_read_at_once() {
        let wanted = Arc::new(Wanted::default());
        let (done, read) = tokio::sync::oneshot::channel();
        let mut done = Some(done);
        tokio::spawn(read_wanted(Arc::clone(&wanted), move |shard| {
            done.take().map(|done| done.send(shard));
            std::future::ready(())
        }));
        let began = Instant::now();
        wanted.want(ShardId(3));
        assert_eq!(read.await.unwrap(), ShardId(3));
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}

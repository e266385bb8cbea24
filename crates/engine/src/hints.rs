//! Hints between nodes, over Redis: "there may be more", often with the batch itself; and signals.
//!
//! Owns: the channel, being heard again after a loss, and the pace of what hints set off.
//! Never: believes anybody. What does not open under the key of this very database is dropped; what opens is judged by
//! `ear`; and a batch is taken only where it continues what this node knows. A lost, late, doubled or forged hint costs
//! latency, or a look into the store, never a message and never a node. `[P7]`

pub mod ear;
pub mod news;
pub mod seal;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use parking_lot::{Mutex, RwLock};
use tidings_protocol::{Epoch, Position, RoomId, ShardId, UserId};
use tidings_store::{Store, StoreError};
use tokio::{
    sync::{Notify, mpsc},
    time::Instant,
};

use self::{
    ear::{Dropped, Ear, Heard, Tally},
    news::News,
    seal::{Boot, Key},
};
use crate::{
    batch::Batch,
    feed::Feed,
    inbox::Item,
    presence::{Change, PresenceBook},
    seldom::Seldom,
};

/// Hints that wait to be sent; above it they are dropped: the others look into the store every second anyway.
const OUTGOING_MAX: usize = 1_024;
/// Hints that travel to Redis together.
const TOGETHER_MAX: usize = 64;
/// How long to wait before connecting to Redis again.
const RECONNECT: Duration = Duration::from_millis(500);
/// How long Redis may take for anything.
const REDIS_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a node looks at the heads while hints arrive.
pub const LOOK_WITH_HINTS: Duration = Duration::from_secs(1);
/// How often it looks while they do not.
pub const LOOK_WITHOUT_HINTS: Duration = Duration::from_millis(100);
/// How often a node says who is there.
const PRESENCE_EVERY: Duration = Duration::from_secs(5);
/// How often it says so at most, whoever asks.
const ANSWER_EVERY: Duration = Duration::from_secs(1);
/// How often a node asks the store for the key: it changes when the database is served anew.
const KEY_EVERY: Duration = Duration::from_secs(1);
/// The least time between two reads of the store that hints set off. In between they are put together.
pub const HINTED_READ_EVERY: Duration = Duration::from_millis(2);
/// How often the log says that messages on the channel were not ours.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// The sending end. Cheap to clone; never waits.
#[derive(Debug, Clone)]
pub struct Hinter {
    sender: mpsc::Sender<News>,
}

/// What waits to be sent.
#[derive(Debug)]
pub struct Outgoing(mpsc::Receiver<News>);

impl Outgoing {
    /// The next piece, if one waits.
    pub fn next_now(&mut self) -> Option<News> {
        self.0.try_recv().ok()
    }
}

/// A sending end and what comes out of it.
#[must_use]
pub fn hinter() -> (Hinter, Outgoing) {
    let (sender, outgoing) = mpsc::channel(OUTGOING_MAX);
    (Hinter { sender }, Outgoing(outgoing))
}

impl Hinter {
    /// Hints at a commit of this node.
    pub fn hint(&self, before: Position, batch: &Batch) {
        // A full queue drops the hint; the others find the batch when they look.
        let _ = self.sender.try_send(News::of(before, batch));
    }

    /// Passes typing on to the other nodes.
    pub fn typing(&self, room: RoomId, user: UserId, on: bool) {
        let _ = self.sender.try_send(News::Typing { room, user, on });
    }

    /// Tells the other nodes how one user is here.
    pub fn presence_of(&self, user: Change) {
        let _ = self.sender.try_send(News::PresenceOf { user });
    }
}

/// The connection to Redis, before the feed exists.
pub struct Hints {
    client: redis::Client,
    channel: String,
    boot: Boot,
    hinter: Hinter,
    outgoing: Outgoing,
    line: Arc<Line>,
    ear: Ear,
}

/// What the tasks of the channel share.
struct Line {
    store: Store,
    key: RwLock<Arc<Key>>,
    connected: Arc<AtomicBool>,
    tally: Arc<Tally>,
    /// Somebody waits to hear who is here.
    asked: Notify,
    wanted: Arc<Wanted>,
    began: Instant,
}

impl Line {
    fn key(&self) -> Arc<Key> {
        Arc::clone(&self.key.read())
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Hints {
    /// Prepares hints over the Redis at `url`, for a node on this store. Redis itself may be away: it is tried again, for
    /// ever.
    ///
    /// # Errors
    /// When the address cannot be read, or the store not asked for its key.
    pub async fn new(url: &str, store: Store) -> Result<Hints, HintsError> {
        let (hinter, outgoing) = hinter();
        let epoch: Epoch = store.epoch();
        let key = Key::new(&store.hint_key().await?);
        let boot = Boot::from_be_bytes(random()?);
        Ok(Hints {
            client: redis::Client::open(url)?,
            channel: format!("tidings:{epoch}:hints"),
            boot,
            hinter,
            outgoing,
            line: Arc::new(Line {
                store,
                key: RwLock::new(Arc::new(key)),
                connected: Arc::default(),
                tally: Arc::default(),
                asked: Notify::new(),
                wanted: Arc::default(),
                began: Instant::now(),
            }),
            ear: Ear::new(boot, u64::from_be_bytes(random()?)),
        })
    }

    /// The sending end.
    #[must_use]
    pub fn hinter(&self) -> Hinter {
        self.hinter.clone()
    }

    /// Whether hints are being heard.
    #[must_use]
    pub fn connected(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.line.connected)
    }

    /// How many messages were taken, and dropped why.
    #[must_use]
    pub fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.line.tally)
    }

    /// Starts sending and hearing on the current runtime.
    pub fn start(self, feed: Arc<Feed>, presence: Arc<PresenceBook>) {
        let Hints {
            client,
            channel,
            boot,
            hinter,
            outgoing,
            line,
            ear,
        } = self;
        let ear = Arc::new(Mutex::new(ear));
        let sending = send(
            client.clone(),
            channel.clone(),
            boot,
            outgoing,
            Arc::clone(&line),
        );
        tokio::spawn(sending);
        tokio::spawn(keep_key(Arc::clone(&line)));
        let reader = Arc::clone(&feed);
        tokio::spawn(read_wanted(Arc::clone(&line.wanted), move |shard| {
            let feed = Arc::clone(&reader);
            async move {
                if let Err(error) = feed.catch_up(shard).await {
                    cannot_look(&error);
                }
            }
        }));
        tokio::spawn(announce(
            hinter,
            Arc::clone(&line),
            Arc::clone(&ear),
            Arc::clone(&presence),
            Arc::clone(&feed),
        ));
        let listener = Listener {
            line,
            ear,
            feed,
            presence,
            complained: None,
        };
        tokio::spawn(listener.hear(client, channel));
    }
}

/// Why hints cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum HintsError {
    /// The address of Redis does not read as one.
    #[error("{0}")]
    Redis(#[from] redis::RedisError),
    /// The store does not tell its key.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The system has no randomness.
    #[error("no randomness: {0}")]
    Random(getrandom::Error),
}

impl From<getrandom::Error> for HintsError {
    fn from(error: getrandom::Error) -> HintsError {
        HintsError::Random(error)
    }
}

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Seals what waits and sends it, in order.
async fn send(
    client: redis::Client,
    channel: String,
    boot: Boot,
    mut outgoing: Outgoing,
    line: Arc<Line>,
) {
    let mut connection: Option<redis::aio::MultiplexedConnection> = None;
    let mut waiting = Vec::with_capacity(TOGETHER_MAX);
    let mut count = 0u64;
    while outgoing.0.recv_many(&mut waiting, TOGETHER_MAX).await > 0 {
        if connection.is_none() {
            let connect = client.get_multiplexed_async_connection();
            connection = tokio::time::timeout(REDIS_TIMEOUT, connect)
                .await
                .ok()
                .and_then(Result::ok);
        }
        let Some(open) = &mut connection else {
            // Redis is away: what waited meanwhile is stale, and found by looking.
            waiting.clear();
            while outgoing.next_now().is_some() {}
            tokio::time::sleep(RECONNECT).await;
            continue;
        };
        let key = line.key();
        let mut together = redis::pipe();
        for news in waiting.drain(..) {
            if let Ok(text) = rmp_serde::to_vec(&news) {
                count += 1;
                let sealed = key.seal(boot, count, &text);
                together.cmd("PUBLISH").arg(&channel).arg(sealed).ignore();
            }
        }
        let sent = together.query_async::<()>(open);
        if !matches!(tokio::time::timeout(REDIS_TIMEOUT, sent).await, Ok(Ok(()))) {
            connection = None;
        }
    }
}

/// The key changes when the database is served anew: after a restart, by a standby, or from a backup.
async fn keep_key(line: Arc<Line>) {
    loop {
        tokio::time::sleep(KEY_EVERY).await;
        // Without an answer there is nothing to hint at either.
        if let Ok(key) = line.store.hint_key().await {
            *line.key.write() = Arc::new(Key::new(&key));
        }
    }
}

async fn announce(
    hinter: Hinter,
    line: Arc<Line>,
    ear: Arc<Mutex<Ear>>,
    presence: Arc<PresenceBook>,
    feed: Arc<Feed>,
) {
    let mut every = tokio::time::interval(PRESENCE_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = every.tick() => {
                if let Ok(token) = random() {
                    ear.lock().draw(u64::from_be_bytes(token));
                }
                tell(&feed, presence.forget_silent(line.now_ms()));
            }
            () = line.asked.notified() => {}
        }
        let list = ear.lock().announce(presence.here());
        let _ = hinter.sender.try_send(list);
        tokio::time::sleep(ANSWER_EVERY).await;
    }
}

/// Shards of which there is more than a hint brought.
#[derive(Debug, Default)]
struct Wanted {
    shards: Mutex<BTreeSet<ShardId>>,
    woken: Notify,
}

impl Wanted {
    fn want(&self, shard: ShardId) {
        self.shards.lock().insert(shard);
        self.woken.notify_one();
    }
}

/// Reads what is wanted, one shard after another, no more often than [`HINTED_READ_EVERY`]: whatever hints say, this is
/// all the work that they can make.
async fn read_wanted<R: Future<Output = ()>>(
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

struct Listener {
    line: Arc<Line>,
    ear: Arc<Mutex<Ear>>,
    feed: Arc<Feed>,
    presence: Arc<PresenceBook>,
    complained: Option<Instant>,
}

impl Listener {
    async fn hear(mut self, client: redis::Client, channel: String) {
        loop {
            if let Ok(Ok(mut pubsub)) =
                tokio::time::timeout(REDIS_TIMEOUT, client.get_async_pubsub()).await
                && matches!(
                    tokio::time::timeout(REDIS_TIMEOUT, pubsub.subscribe(&channel)).await,
                    Ok(Ok(()))
                )
            {
                self.line.connected.store(true, Ordering::Release);
                self.line.asked.notify_one();
                tracing::info!("hints arrive");
                if let Err(error) = self.feed.look().await {
                    cannot_look(&error);
                }
                let mut messages = pubsub.into_on_message();
                while let Some(message) = messages.next().await {
                    self.take(message.get_payload_bytes()).await;
                }
                self.line.connected.store(false, Ordering::Release);
                tracing::warn!("hints are lost; looking more often until they are back");
            }
            tokio::time::sleep(RECONNECT).await;
        }
    }

    async fn take(&mut self, bytes: &[u8]) {
        let (key, now_ms) = (self.line.key(), self.line.now_ms());
        let judged = self.ear.lock().hear(&key, now_ms, bytes);
        self.line.tally.note(&judged.heard);
        if judged.answer {
            self.line.asked.notify_one();
        }
        match judged.heard {
            Ok(heard) => self.act(heard, now_ms).await,
            Err(reason) => self.complain(reason),
        }
    }

    async fn act(&self, heard: Heard, now_ms: u64) {
        match heard {
            Heard::Batch {
                shard,
                before,
                last,
                events,
            } => {
                if !self.feed.hear(shard, before, last, events).await {
                    self.line.wanted.want(shard);
                }
            }
            Heard::Typing { room, user, on } => {
                for inbox in self.feed.cores() {
                    inbox.signal(Item::Typing { room, user, on });
                }
            }
            Heard::Presence { node, users } => {
                tell(&self.feed, self.presence.node(node, now_ms, users));
            }
            Heard::PresenceOf { node, user } => {
                let change = self.presence.node_user(node, now_ms, user);
                tell(&self.feed, change.into_iter().collect());
            }
            Heard::Own => {}
        }
    }

    /// Once in a while the log says that somebody else speaks on the channel.
    fn complain(&mut self, reason: Dropped) {
        let is_due = self
            .complained
            .is_none_or(|last| last.elapsed() >= COMPLAIN_EVERY);
        if matches!(reason, Dropped::Unsealed | Dropped::Foreign) && is_due {
            self.complained = Some(Instant::now());
            tracing::warn!(
                ?reason,
                "messages on Redis are not of the nodes of this database, and are dropped. Another server or a copy of \
                 this one may share the Redis, or nodes reach the database by different servers. The metric \
                 tidings_hints_heard counts them"
            );
        }
    }
}

/// Tells this node's cores of changed presence.
pub fn tell(feed: &Feed, changes: Vec<Change>) {
    for (user, _) in changes {
        for inbox in feed.cores() {
            inbox.signal(Item::Presence { user });
        }
    }
}

/// Looks at the heads for ever: often without hints, seldom with them. Only for a store that others write, too.
pub async fn look_for_ever(feed: Arc<Feed>, connected: Option<Arc<AtomicBool>>) {
    loop {
        let hinted = connected
            .as_ref()
            .is_some_and(|c| c.load(Ordering::Acquire));
        tokio::time::sleep(if hinted {
            LOOK_WITH_HINTS
        } else {
            LOOK_WITHOUT_HINTS
        })
        .await;
        if let Err(error) = feed.look().await {
            cannot_look(&error);
            tokio::time::sleep(LOOK_WITH_HINTS).await;
        }
    }
}

/// Looks for ever whether another process wrote to this node's own file (`tidings user` does), and reads what it wrote.
/// `known` is what the store said before the feed began.
pub async fn look_beside(feed: Arc<Feed>, store: Store, mut known: Option<i64>) {
    loop {
        tokio::time::sleep(LOOK_WITH_HINTS).await;
        let looked = async {
            let now = store.commits_by_others().await?;
            if now != known {
                feed.look().await?;
                known = now;
            }
            Ok::<_, StoreError>(())
        };
        if let Err(error) = looked.await {
            cannot_look(&error);
        }
    }
}

/// It is tried every second.
fn cannot_look(error: &StoreError) {
    static FAILED: Seldom = Seldom::new();
    if let Some(left_out) = FAILED.due() {
        tracing::warn!(%error, left_out, "cannot look for commits of others");
    }
}

/// Whether this reads as the address of a Redis.
#[must_use]
pub fn is_address(url: &str) -> bool {
    redis::Client::open(url).is_ok()
}

/// Whether a Redis answers at `url`.
///
/// # Errors
/// When it does not.
pub async fn check(url: &str) -> Result<(), redis::RedisError> {
    let mut connection = redis::Client::open(url)?
        .get_multiplexed_async_connection()
        .await?;
    redis::cmd("PING")
        .query_async::<String>(&mut connection)
        .await
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

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

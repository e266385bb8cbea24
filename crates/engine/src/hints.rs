//! Hints between nodes, over Redis: "there may be more", often with the batch itself; and signals.
//!
//! Owns: the channel and its key, and starting who says (`hinter`), who hears (`listener`) and who looks (`look`).
//! Never: believes anybody. What does not open under the key of this very database is dropped; what opens is judged by
//! `ear`; and a batch is taken only where it continues what this node knows. A lost, late, doubled or forged hint costs
//! latency, or a look into the store, never a message and never a node. `[P7]`

pub mod ear;
pub mod hinter;
mod listener;
pub mod look;
pub mod news;
pub mod seal;
mod wanted;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use tidings_protocol::Epoch;
use tidings_store::{Store, StoreError};
use tokio::{sync::Notify, time::Instant};

use self::{
    ear::{Ear, Tally},
    listener::Listener,
    look::{cannot_look, tell},
    seal::{Boot, Key},
    wanted::{Wanted, read_wanted},
};
pub use hinter::{Hinter, Outgoing, hinter};

use crate::{feed::Feed, presence::PresenceBook};

/// Hints that travel to Redis together.
const TOGETHER_MAX: usize = 64;
/// How long to wait before connecting to Redis again.
const RECONNECT: Duration = Duration::from_millis(500);
/// How long Redis may take for anything.
const REDIS_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a node says who is there.
const PRESENCE_EVERY: Duration = Duration::from_secs(5);
/// How often it says so at most, whoever asks.
const ANSWER_EVERY: Duration = Duration::from_secs(1);
/// How often a node asks the store for the key: it changes when the database is served anew.
const KEY_EVERY: Duration = Duration::from_secs(1);

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
    while outgoing.next(&mut waiting, TOGETHER_MAX).await > 0 {
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
        hinter.say(list);
        tokio::time::sleep(ANSWER_EVERY).await;
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

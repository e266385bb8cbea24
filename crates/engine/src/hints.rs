//! Hints between nodes, over Redis: "there may be more", often with the batch itself; and signals.
//!
//! Owns: the channel, what is said on it, and being heard again after a loss.
//! Never: is trusted. A lost, late, doubled or forged hint costs a look into the store, never a message. `[P7]`

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tidings_core::StoredEvent;
use tidings_protocol::{
    Epoch, EventId, LogId, Position, RoomId, Seq, ShardId, Timestamp, TxnId, UserId,
};
use tidings_store::{Store, StoreError};
use tokio::sync::mpsc;

use crate::{
    batch::Batch,
    feed::Feed,
    inbox::Item,
    presence::{Change, PresenceBook},
};

/// Hints that wait to be sent; above it they are dropped: the others look into the store every second anyway.
const OUTGOING_MAX: usize = 1_024;
/// A batch above this size is hinted without its events.
const HINT_BYTES_MAX: usize = 64 * 1024;
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

#[derive(Debug, Serialize, Deserialize)]
struct Hint {
    node: u64,
    news: News,
}

#[derive(Debug, Serialize, Deserialize)]
enum News {
    Batch {
        shard: ShardId,
        before: Position,
        last: Position,
        events: Option<Vec<HintEvent>>,
    },
    Typing {
        room: RoomId,
        user: UserId,
        on: bool,
    },
    /// Everybody who is on the node.
    Presence { users: Vec<Change> },
    /// One of them came, went or looked away.
    PresenceOf { user: Change },
}

#[derive(Debug, Serialize, Deserialize)]
struct HintEvent {
    position: Position,
    log: LogId,
    seq: Seq,
    id: EventId,
    at: i64,
    actor: UserId,
    count: u64,
    txn: Option<TxnId>,
    kind: Box<str>,
    body: Option<Arc<str>>,
}

impl HintEvent {
    fn of(event: &StoredEvent) -> HintEvent {
        HintEvent {
            position: event.position,
            log: event.log,
            seq: event.seq,
            id: event.id,
            at: event.at.0,
            actor: event.actor,
            count: event.count,
            txn: event.txn.clone(),
            kind: event.kind.clone(),
            body: event.body.clone(),
        }
    }

    fn stored(self, shard: ShardId) -> StoredEvent {
        StoredEvent {
            shard,
            position: self.position,
            log: self.log,
            seq: self.seq,
            id: self.id,
            at: Timestamp(self.at),
            actor: self.actor,
            count: self.count,
            txn: self.txn,
            kind: self.kind,
            body: self.body,
        }
    }
}

/// The sending end. Cheap to clone; never waits.
#[derive(Debug, Clone)]
pub struct Hinter {
    sender: mpsc::Sender<News>,
}

impl Hinter {
    /// Hints at a commit of this node.
    pub fn hint(&self, before: Position, batch: &Batch) {
        let weight: usize = batch.events.iter().map(|event| event.weight()).sum();
        let events = (weight <= HINT_BYTES_MAX).then(|| {
            batch
                .events
                .iter()
                .map(|e| HintEvent::of(e.event()))
                .collect()
        });
        // A full queue drops the hint; the others find the batch when they look.
        let _ = self.sender.try_send(News::Batch {
            shard: batch.shard,
            before,
            last: batch.last(),
            events,
        });
    }

    /// Passes typing on to the other nodes.
    pub fn typing(&self, room: RoomId, user: UserId, on: bool) {
        let _ = self.sender.try_send(News::Typing { room, user, on });
    }

    /// Tells the other nodes how one user is here.
    pub fn presence_of(&self, user: Change) {
        let _ = self.sender.try_send(News::PresenceOf { user });
    }

    /// Tells the other nodes who is here.
    fn presence(&self, users: Vec<Change>) {
        let _ = self.sender.try_send(News::Presence { users });
    }
}

/// The connection to Redis, before the feed exists.
pub struct Hints {
    client: redis::Client,
    channel: String,
    node: u64,
    hinter: Hinter,
    outgoing: mpsc::Receiver<News>,
    connected: Arc<AtomicBool>,
}

impl Hints {
    /// Prepares hints over the Redis at `url`; `node` tells this node from others.
    ///
    /// # Errors
    /// When the address cannot be read. Redis itself may be away: it is tried again, for ever.
    pub fn new(url: &str, epoch: Epoch, node: u64) -> Result<Hints, redis::RedisError> {
        let (sender, outgoing) = mpsc::channel(OUTGOING_MAX);
        Ok(Hints {
            client: redis::Client::open(url)?,
            channel: format!("tidings:{epoch}:hints"),
            node,
            hinter: Hinter { sender },
            outgoing,
            connected: Arc::new(AtomicBool::new(false)),
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
        Arc::clone(&self.connected)
    }

    /// Starts sending and hearing on the current runtime.
    pub fn start(self, feed: Arc<Feed>, presence: Arc<PresenceBook>) {
        let Hints {
            client,
            channel,
            node,
            hinter,
            outgoing,
            connected,
        } = self;
        tokio::spawn(send(client.clone(), channel.clone(), node, outgoing));
        tokio::spawn(announce(hinter, Arc::clone(&presence), Arc::clone(&feed)));
        tokio::spawn(hear(client, channel, node, feed, presence, connected));
    }
}

async fn send(
    client: redis::Client,
    channel: String,
    node: u64,
    mut outgoing: mpsc::Receiver<News>,
) {
    let mut connection: Option<redis::aio::MultiplexedConnection> = None;
    while let Some(news) = outgoing.recv().await {
        let Ok(bytes) = rmp_serde::to_vec(&Hint { node, news }) else {
            continue;
        };
        if connection.is_none() {
            let connect = client.get_multiplexed_async_connection();
            connection = tokio::time::timeout(REDIS_TIMEOUT, connect)
                .await
                .ok()
                .and_then(Result::ok);
        }
        let Some(open) = &mut connection else {
            // Redis is away: what waited meanwhile is stale, and found by looking.
            while outgoing.try_recv().is_ok() {}
            tokio::time::sleep(RECONNECT).await;
            continue;
        };
        let mut publish = redis::cmd("PUBLISH");
        let sent = publish.arg(&channel).arg(bytes).query_async::<i64>(open);
        if !matches!(tokio::time::timeout(REDIS_TIMEOUT, sent).await, Ok(Ok(_))) {
            connection = None;
        }
    }
}

async fn announce(hinter: Hinter, presence: Arc<PresenceBook>, feed: Arc<Feed>) {
    let mut every = tokio::time::interval(PRESENCE_EVERY);
    loop {
        every.tick().await;
        hinter.presence(presence.here());
        tell(&feed, presence.forget_silent(now_ms()));
    }
}

async fn hear(
    client: redis::Client,
    channel: String,
    node: u64,
    feed: Arc<Feed>,
    presence: Arc<PresenceBook>,
    connected: Arc<AtomicBool>,
) {
    loop {
        if let Ok(Ok(mut pubsub)) =
            tokio::time::timeout(REDIS_TIMEOUT, client.get_async_pubsub()).await
            && matches!(
                tokio::time::timeout(REDIS_TIMEOUT, pubsub.subscribe(&channel)).await,
                Ok(Ok(()))
            )
        {
            connected.store(true, Ordering::Release);
            tracing::info!("hints arrive");
            if let Err(error) = feed.look().await {
                tracing::warn!(%error, "cannot look at the heads");
            }
            let mut messages = pubsub.into_on_message();
            while let Some(message) = messages.next().await {
                if let Ok(hint) = rmp_serde::from_slice::<Hint>(message.get_payload_bytes())
                    && hint.node != node
                {
                    take(hint, &feed, &presence).await;
                }
            }
            connected.store(false, Ordering::Release);
            tracing::warn!("hints are lost; looking more often until they are back");
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

async fn take(hint: Hint, feed: &Arc<Feed>, presence: &PresenceBook) {
    match hint.news {
        News::Batch {
            shard,
            before,
            last,
            events,
        } => {
            let events = events.map(|events| {
                events
                    .into_iter()
                    .map(|event| event.stored(shard))
                    .collect()
            });
            feed.hear(shard, before, last, events).await;
        }
        News::Typing { room, user, on } => {
            for inbox in feed.cores() {
                inbox.signal(Item::Typing { room, user, on });
            }
        }
        News::Presence { users } => tell(feed, presence.node(hint.node, now_ms(), users)),
        News::PresenceOf { user } => {
            let change = presence.node_user(hint.node, now_ms(), user);
            tell(feed, change.into_iter().collect());
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
            tracing::warn!(%error, "cannot look at the heads");
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
            tracing::warn!(%error, "cannot look for commits of others");
        }
    }
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
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

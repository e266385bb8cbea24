//! One node: the store, the door, the feed, presence, and the settings that doors need.
//!
//! Owns: starting and stopping these together. Never: knows a socket.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tidings_core::Command;
use tidings_engine::{
    Answer, Door, Environment, Feed, Inbox, Logged, PresenceBook, SystemEnvironment, Work,
    appender::Appender,
    hints::{self, Hinter, Hints},
};
use tidings_protocol::{Epoch, Refusal, RefusalCode, TxnId, UserId};
use tidings_store::{Store, StoreConfig, upkeep};
use tokio::sync::{Notify, Semaphore};

use crate::{
    auth::{
        limits::{Limits, seats::Seats},
        passwords::Passwords,
        remembered::Remembered,
    },
    config::Config,
    mark::Marker,
    metrics::Metrics,
};

/// How long a drain waits for commands that were taken.
const DRAIN_WAIT: Duration = Duration::from_secs(10);

/// Pages of members read at a time; the rest wait, since the store has few readers and messages come first.
const MEMBER_READS_MAX: usize = 2;

/// Everything the doors of one node share. Cheap to clone by `Arc`.
pub struct Node {
    /// The settings.
    pub config: Config,
    /// The store.
    pub store: Store,
    /// The one door in.
    pub door: Door,
    /// The one feed out.
    pub feed: Arc<Feed>,
    /// Who is there.
    pub presence: Arc<PresenceBook>,
    /// Turns to read a page of a room's members, for the presence book.
    pub member_reads: Semaphore,
    /// Hints to other nodes, when there is a Redis.
    pub hinter: Option<Hinter>,
    /// Counters.
    pub metrics: Metrics,
    /// Hashing of passwords on a bounded pool.
    pub passwords: Passwords,
    /// How often somebody may try; shared by all cores.
    pub limits: Limits,
    /// Whose tokens were looked up last; shared by all cores.
    pub remembered: Remembered,
    /// Connections of those who are not known yet; shared by all cores.
    pub seats: Arc<Seats>,
    /// Clock and ids.
    pub environment: Arc<dyn Environment>,
    leaving: AtomicBool,
    draining: AtomicBool,
    failed: Arc<Notify>,
    appenders: parking_lot::Mutex<Vec<tokio::task::JoinHandle<()>>>,
    marker: Option<(Marker, tokio::task::JoinHandle<()>)>,
}

impl Node {
    /// Opens the store and starts appenders, hints and looks on the current runtime. `cores` are the inboxes of the
    /// threads that will serve.
    ///
    /// # Errors
    /// When the store cannot be opened, or an address cannot be read.
    pub async fn start(config: Config, cores: Vec<Arc<Inbox>>) -> anyhow::Result<Arc<Node>> {
        let store = Store::open(&store_config(&config)).await?;
        let by_others = store.commits_by_others().await?;
        let presence = Arc::new(PresenceBook::default());
        let hints = match &config.redis {
            Some(url) => {
                // What its parser says may quote a part of the address, and that may be the password.
                anyhow::ensure!(
                    hints::is_address(url.reveal()),
                    "the address of Redis does not read as one; it is redis://:PASSWORD@HOST:PORT"
                );
                Some(Hints::new(url.reveal(), store.clone()).await?)
            }
            None => None,
        };
        let hinter = hints.as_ref().map(Hints::hinter);
        let connected = hints.as_ref().map(Hints::connected);
        let metrics = Metrics::with_hints(hints.as_ref().map(Hints::tally));
        let feed = Arc::new(Feed::start(store.clone(), cores, hinter.clone()).await?);
        let failed = Arc::new(Notify::new());
        tokio::spawn(end_when_rewound(
            Arc::clone(&feed),
            store_config(&config),
            store.epoch(),
            Arc::clone(&failed),
        ));
        let marker = match Marker::new(&config, &store) {
            Some(marker) => {
                marker.mark(true).await?;
                let kept = tokio::spawn(marker.clone().keep(Arc::clone(&feed)));
                Some((marker, kept))
            }
            None => None,
        };
        let environment: Arc<dyn Environment> = Arc::new(SystemEnvironment);
        let appender = Appender {
            store: store.clone(),
            environment: Arc::clone(&environment),
            feed: Arc::clone(&feed),
        };
        let (door, appenders) = Door::open(&appender);
        if let Some(hints) = hints {
            hints.start(Arc::clone(&feed), Arc::clone(&presence));
        }
        if store.is_shared() {
            tokio::spawn(hints::look::look_for_ever(Arc::clone(&feed), connected));
        } else {
            tokio::spawn(hints::look::look_beside(
                Arc::clone(&feed),
                store.clone(),
                by_others,
            ));
        }
        Ok(Arc::new(Node {
            passwords: Passwords::new(config.password_threads),
            limits: Limits::new(&config),
            remembered: Remembered::default(),
            seats: Seats::new(open_files()),
            config,
            store,
            door,
            feed,
            presence,
            member_reads: Semaphore::new(MEMBER_READS_MAX),
            hinter,
            metrics,
            environment,
            leaving: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            failed,
            appenders: parking_lot::Mutex::new(appenders),
            marker,
        }))
    }

    /// Gives a command and waits for its first event; none when there was nothing to change.
    ///
    /// # Errors
    /// The refusal.
    pub async fn submit(
        &self,
        actor: UserId,
        txn: Option<TxnId>,
        command: impl Into<Command>,
    ) -> Result<Option<Arc<Logged>>, Refusal> {
        if self.is_draining() {
            return Err(Refusal::new(RefusalCode::Unavailable).retry_after_ms(1_000));
        }
        match self
            .door
            .submit(Work {
                actor,
                txn,
                command: command.into(),
            })
            .await
        {
            Answer::Happened(event) | Answer::Before(event) => Ok(Some(event)),
            Answer::Unchanged(_) => Ok(None),
            Answer::Refused(refusal) => Err(refusal),
        }
    }

    /// Whether the node is about to stop: it takes nothing new.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Whether new clients should go elsewhere. Those who come all the same are served until the node drains.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire) || self.is_draining()
    }

    /// Notes that the node is going to stop soon: `/readyz` says so before anybody is turned away.
    pub fn begin_to_leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    /// Notes that the node is about to stop.
    pub fn begin_drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Waits until this node finds that it must not go on.
    pub async fn failed(&self) {
        self.failed.notified().await;
    }

    /// Closes the door and waits until everything taken is committed and answered.
    pub async fn finish(&self) {
        self.door.close();
        let appenders = std::mem::take(&mut *self.appenders.lock());
        for appender in appenders {
            if tokio::time::timeout(DRAIN_WAIT, appender).await.is_err() {
                tracing::warn!("an appender did not end in time; its clients will send again");
            }
        }
        // Who copies the file of a stopped server gets all of it.
        if let Err(error) = self.store.settle().await {
            tracing::warn!(%error, "the write-ahead log was not copied back; the next start does it");
        }
        if let Some((marker, kept)) = &self.marker {
            kept.abort();
            if let Err(error) = marker.mark(false).await {
                tracing::warn!("{error:#}");
            }
        }
    }
}

/// What comes after a rewound log is another story than clients know. A new epoch sends them back to the beginning, and
/// this node ends, so that whoever runs it starts it anew on what is there now. `[CU3]`
async fn end_when_rewound(feed: Arc<Feed>, config: StoreConfig, epoch: Epoch, failed: Arc<Notify>) {
    feed.rewound().await;
    tracing::error!(
        "the database has lost commits that this node saw: a standby that lagged was promoted, or a backup restored. \
         A new epoch is drawn, and the node ends; every client starts anew when it is started again"
    );
    if let Err(error) = upkeep::renew_epoch(&config, epoch).await {
        tracing::error!(%error, "no new epoch could be drawn; run `tidings new-epoch` before the next start");
    }
    failed.notify_one();
}

/// How many files this process may open.
fn open_files() -> u64 {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Lets this process open as many files as it may: each connection is one, and what is set at first is often 1,024 for
/// the sake of old programs.
pub fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "the number of open files stays as it is");
    }
}

/// Where the settings say the data is.
#[must_use]
pub fn store_config(config: &Config) -> StoreConfig {
    match &config.database {
        Some(url) => StoreConfig::Postgres {
            url: url.reveal().to_owned(),
        },
        None => StoreConfig::Sqlite {
            path: config.data.join("tidings.db"),
        },
    }
}

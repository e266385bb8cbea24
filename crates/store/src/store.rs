//! The one door to the database.
//!
//! Owns: the choice between the two databases, and the signature of every question.
//! Never: has a branch by database beyond picking it; what differs is inside `sqlite` and `postgres`.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future;
use tidings_core::{Device, Entry, Member, Needs, Room, State, StoredEvent, User};
use tidings_protocol::{
    Cursor, Epoch, LastMessage, LogId, MemberInfo, Position, RoomId, RoomSummary, Seq, ShardId,
    UserId, UserProfile, Username, number::NUMBER_MAX,
};

use crate::{
    error::StoreError,
    hint_key::HintKey,
    postgres::Postgres,
    read::{
        history::{self, MessagePage, Page, View},
        log, people,
        reader::{self, Reader, Seen},
        resume::{self, Resume},
        room,
    },
    sqlite::{Sqlite, now},
    upkeep::Reached,
};

type Result<T> = std::result::Result<T, StoreError>;

/// Which database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreConfig {
    /// One file on a local disk.
    Sqlite {
        /// The file; made when it does not exist. Its folder must.
        path: PathBuf,
    },
    /// A temporary file that is gone at the end: for tests and trials. Nothing is promised about power cuts.
    SqliteMemory {
        /// Shards, at least one. A file has one; more are for tests of what spans them.
        shards: u16,
    },
    /// A PostgreSQL server, 13 or later, that several nodes may share.
    Postgres {
        /// As libpq takes it: `postgres://user:password@host/database`, or `host=… user=…`.
        url: String,
    },
}

/// What a batch of commands came to.
#[derive(Debug)]
pub struct Commit {
    /// The entries in order of position, from the shard's head on without a gap. When empty nothing is written.
    pub entries: Vec<Entry>,
    /// The state after them; its `changes` say which rows to write.
    pub state: State,
}

/// The database. Cheap to clone; the last clone closes it.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    backend: Backend,
    /// Whether the last commit could not be made for want of the database, or of room on its disk.
    failing: AtomicBool,
}

enum Backend {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>),
}

/// One statement: `read!(self, s => question(s, …))`.
macro_rules! read {
    ($self:ident, $s:ident => $question:expr) => {
        match &$self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.read(move |$s| now($question)).await,
            Backend::Postgres(postgres) => postgres.read(async move |$s| $question.await).await,
        }
    };
}

/// Several statements that see the same commit.
macro_rules! snapshot {
    ($self:ident, $s:ident => $question:expr) => {
        match &$self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.snapshot(move |$s| now($question)).await,
            Backend::Postgres(postgres) => postgres.snapshot(async move |$s| $question.await).await,
        }
    };
}

impl Store {
    /// Opens the database and brings its schema up to date, under a lock.
    ///
    /// # Errors
    /// `Refused` for a database that is newer, foreign, or cannot commit durably; `Unavailable` when it cannot be
    /// reached.
    pub async fn open(config: &StoreConfig) -> Result<Store> {
        Store::open_so(config, false).await
    }

    /// The same for a program that works beside a server, or in its place for a moment: the write-ahead log that a killed
    /// server left stays, since the next start asks for it.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_beside(config: &StoreConfig) -> Result<Store> {
        Store::open_so(config, true).await
    }

    async fn open_so(config: &StoreConfig, beside: bool) -> Result<Store> {
        let backend = match config {
            StoreConfig::Sqlite { path } => {
                Backend::Sqlite(Sqlite::open(Some(path.clone()), 1, beside).await?)
            }
            StoreConfig::SqliteMemory { shards } => {
                Backend::Sqlite(Sqlite::open(None, *shards, beside).await?)
            }
            StoreConfig::Postgres { url } => {
                Backend::Postgres(Box::new(Postgres::open(url).await?))
            }
        };
        Ok(Store(Arc::new(Inner {
            backend,
            failing: AtomicBool::new(false),
        })))
    }

    /// The incarnation of the logs: drawn when the database was made.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.epoch,
            Backend::Postgres(postgres) => postgres.epoch,
        }
    }

    /// How many shards the logs are spread over: fixed when the database was made.
    #[must_use]
    pub fn shards(&self) -> u16 {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.shards,
            Backend::Postgres(postgres) => postgres.shards,
        }
    }

    /// Whether other nodes may write to this database.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        match &self.0.backend {
            Backend::Sqlite(_) => false,
            Backend::Postgres(_) => true,
        }
    }

    /// A number that changes when another process commits to the file; none on a shared database, where a node looks at
    /// the heads.
    ///
    /// # Errors
    /// As every read.
    pub async fn commits_by_others(&self) -> Result<Option<i64>> {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.commits_by_others().await.map(Some),
            Backend::Postgres(_) => Ok(None),
        }
    }

    /// The last position of every shard, by shard.
    ///
    /// # Errors
    /// As every read: `Unavailable` or `Trouble`.
    pub async fn heads(&self) -> Result<Vec<Position>> {
        read!(self, s => log::heads(s))
    }

    /// The key under which the nodes of this database seal what they tell each other. It changes with the epoch, and when
    /// the database is served by another server or after another start: a node asks for it again and again.
    ///
    /// # Errors
    /// As every read.
    pub async fn hint_key(&self) -> Result<HintKey> {
        let running = match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.running.clone(),
            Backend::Postgres(postgres) => postgres.running().await?,
        };
        let secret = read!(self, s => log::hint_secret(s))?;
        Ok(HintKey::derive(self.epoch(), &secret, &running))
    }

    /// How far every shard has come, by shard.
    ///
    /// # Errors
    /// As every read.
    pub async fn reached(&self) -> Result<Vec<Reached>> {
        read!(self, s => log::reached(s))
    }

    /// Whether commits work. After one that could not be made it asks by a commit that means nothing, so that a disk
    /// that has room again is found out without a client's try; else it asks nothing.
    ///
    /// # Errors
    /// The store's, of that commit.
    pub async fn check_commits(&self) -> Result<()> {
        if !self.0.failing.load(Ordering::Relaxed) {
            return Ok(());
        }
        let tried = match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.try_commit().await,
            Backend::Postgres(postgres) => postgres.try_commit().await,
        };
        self.note(&tried);
        tried
    }

    /// Remembers whether commits work.
    fn note<T>(&self, result: &Result<T>) {
        match result {
            Ok(_) if self.0.failing.load(Ordering::Relaxed) => {
                self.0.failing.store(false, Ordering::Relaxed);
            }
            Err(StoreError::Unavailable(_)) => self.0.failing.store(true, Ordering::Relaxed),
            _ => {}
        }
    }

    /// Copies everything committed back into the file itself, so that the file alone is the whole database. For the end:
    /// it waits until nobody reads.
    ///
    /// # Errors
    /// As every read; then what is committed is in the file and its write-ahead log together, as while serving.
    pub async fn settle(&self) -> Result<()> {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.settle().await,
            Backend::Postgres(_) => Ok(()),
        }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// As every read.
    pub async fn ping(&self) -> Result<()> {
        read!(self, s => log::ping(s))
    }

    /// One transaction: lock the shard's head, load what is needed, decide, write entries, changed rows and head,
    /// commit. Durable when it returns `Ok`. `decide` must not wait, and may be asked twice, the second time about what
    /// was written meanwhile; a panic inside is rolled back.
    ///
    /// # Errors
    /// `Conflict`: nothing was written, decide again one by one. `Unavailable`: the outcome may be unknown, a retry
    /// with the same `txn` is safe. `Trouble`: nothing was written.
    pub async fn append<R: Send + 'static>(
        &self,
        shard: ShardId,
        needs: Needs,
        decide: impl FnMut(Position, State) -> (Commit, R) + Send + 'static,
    ) -> Result<R> {
        if shard.0 >= self.shards() {
            return Err(StoreError::Trouble(format!("there is no shard {shard}")));
        }
        let appended = match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.append(shard, needs, decide).await,
            Backend::Postgres(postgres) => postgres.append(shard, needs, decide).await,
        };
        self.note(&appended);
        appended
    }

    /// A piece of one log, in order of `seq`.
    ///
    /// # Errors
    /// As every read.
    pub async fn log_after(&self, log: LogId, after: Seq, limit: u32) -> Result<Vec<StoredEvent>> {
        read!(self, s => log::log_after(s, log, after, limit))
    }

    /// A piece of one shard, in order of position.
    ///
    /// # Errors
    /// As every read.
    pub async fn shard_after(
        &self,
        shard: ShardId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<StoredEvent>> {
        read!(self, s => log::shard_after(s, shard, after, limit))
    }

    /// The events of one shard with after < position ≤ upto that this user may see, in order of position: rooms they
    /// are in, from their joining on; rooms they left, from their joining to their leaving, it included; their own
    /// user log.
    ///
    /// None when the user left one of the shard's rooms after this position and joined it again: then the events of the
    /// earlier stay cannot be told, and a reader begins anew.
    ///
    /// # Errors
    /// As every read.
    pub async fn visible_after(
        &self,
        user: UserId,
        shard: ShardId,
        after: Position,
        upto: Position,
        limit: u32,
    ) -> Result<Option<Vec<StoredEvent>>> {
        // No position is above the head, and none above it is a number of the databases.
        let upto = upto.min(Position(NUMBER_MAX));
        let shards = self.shards();
        snapshot!(self, s => log::visible_after(s, shards, user, shard, after, upto, limit))
    }

    /// What `hello` is answered from, in one snapshot; none when there is no such user. The caller has checked that
    /// the cursor is of this epoch and not ahead.
    ///
    /// # Errors
    /// As every read.
    pub async fn resume(&self, user: UserId, cursor: Option<&Cursor>) -> Result<Option<Resume>> {
        let cursor = cursor.cloned();
        snapshot!(self, s => resume::resume(s, user, cursor))
    }

    /// A page of a room's messages in their current state, whoever asks. For audits; a reader is answered by
    /// [`messages_for`](Store::messages_for).
    ///
    /// # Errors
    /// As every read.
    pub async fn messages(
        &self,
        room: RoomId,
        reader: UserId,
        page: Page,
        limit: u32,
    ) -> Result<MessagePage> {
        let view = View::Audit(reader);
        snapshot!(self, s => async {
            let found = history::page(s, room, view, page, limit);
            let (found, row) = future::try_join(found, room::room(s, room)).await?;
            Ok(found.of(row.as_ref()))
        })
    }

    /// A page of a room's messages in their current state, for a reader. `[RM5]`
    ///
    /// # Errors
    /// As every read.
    pub async fn messages_for(
        &self,
        reader: Reader,
        room: RoomId,
        page: Page,
        limit: u32,
    ) -> Result<Seen<MessagePage>> {
        let view = View::Reader(reader.user);
        snapshot!(self, s => async {
            let reading = history::page(s, room, view, page, limit);
            let seen = reader::of_room(s, room, reader, reading).await?;
            Ok(seen.map(|(room, found)| found.of(Some(&room))))
        })
    }

    /// A piece of a room's log in order of `seq`, and the log's head, for a reader. `[RM5]`
    ///
    /// # Errors
    /// As every read.
    pub async fn events_for(
        &self,
        reader: Reader,
        room: RoomId,
        after: Seq,
        limit: u32,
    ) -> Result<Seen<(Vec<StoredEvent>, Seq)>> {
        snapshot!(self, s => async {
            let reading = log::room_log_for(s, room, after, limit, reader.user);
            let seen = reader::of_room(s, room, reader, reading).await?;
            Ok(seen.map(|(room, events)| (events, room.head)))
        })
    }

    /// A room as this user sees it; none unless they are a member or it is a public channel.
    ///
    /// # Errors
    /// As every read.
    pub async fn room_summary(&self, room: RoomId, user: UserId) -> Result<Option<RoomSummary>> {
        read!(self, s => room::summary(s, room, user))
    }

    /// A room's row.
    ///
    /// # Errors
    /// As every read.
    pub async fn room(&self, room: RoomId) -> Result<Option<Room>> {
        read!(self, s => room::room(s, room))
    }

    /// How far a room has come, and its last line there: the same for every member. None for a room that is not there.
    ///
    /// # Errors
    /// As every read.
    pub async fn last_line(&self, room: RoomId) -> Result<Option<(Seq, Option<LastMessage>)>> {
        read!(self, s => room::last_line(s, room))
    }

    /// A membership's row; of a former member the tombstone.
    ///
    /// # Errors
    /// As every read.
    pub async fn member(&self, room: RoomId, user: UserId) -> Result<Option<Member>> {
        read!(self, s => room::member(s, room, user))
    }

    /// The members of a room in the order of their ids, whoever asks. For audits; a reader is answered by
    /// [`members_for`](Store::members_for).
    ///
    /// # Errors
    /// As every read.
    pub async fn members(
        &self,
        room: RoomId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<MemberInfo>> {
        read!(self, s => room::members(s, room, after, limit))
    }

    /// The members of a room in the order of their ids, for a reader. `[RM5]`
    ///
    /// # Errors
    /// As every read.
    pub async fn members_for(
        &self,
        reader: Reader,
        room: RoomId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Seen<Vec<MemberInfo>>> {
        snapshot!(self, s => async {
            let reading = room::members_for(s, room, after, limit, reader.user);
            let seen = reader::of_room(s, room, reader, reading).await?;
            Ok(seen.map(|(_, members)| members))
        })
    }

    /// A page of who the members of a room are, in the order of their ids, and the last event of the room that the
    /// page takes into account; none for a room that is not there. A page that is not full is the last.
    ///
    /// # Errors
    /// As every read.
    pub async fn member_ids(
        &self,
        room: RoomId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Option<(Seq, Vec<UserId>)>> {
        snapshot!(self, s => room::member_ids(s, room, after, limit))
    }

    /// The public channels in the order of their ids, as this user sees them.
    ///
    /// # Errors
    /// As every read.
    pub async fn public_rooms(
        &self,
        user: UserId,
        after: Option<RoomId>,
        limit: u32,
    ) -> Result<Vec<RoomSummary>> {
        read!(self, s => room::public_rooms(s, user, after, limit))
    }

    /// An account.
    ///
    /// # Errors
    /// As every read.
    pub async fn user(&self, id: UserId) -> Result<Option<User>> {
        read!(self, s => people::user(s, id))
    }

    /// An account by its name.
    ///
    /// # Errors
    /// As every read.
    pub async fn user_by_name(&self, name: &Username) -> Result<Option<User>> {
        let name = name.clone();
        read!(self, s => people::user_by_name(s, name))
    }

    /// The profiles of those of these users that exist, in the order of their ids.
    ///
    /// # Errors
    /// As every read.
    pub async fn profiles(&self, ids: &[UserId]) -> Result<Vec<UserProfile>> {
        let ids = ids.to_vec();
        read!(self, s => people::profiles(s, ids))
    }

    /// A page of the users who have, for each word of the question, a word that begins so, without case and accents; all
    /// for an empty one. In the order of the words that were found, of all in that of their usernames; after one of them,
    /// the rest. `[RE15]`
    ///
    /// # Errors
    /// As every read.
    pub async fn search_users(
        &self,
        question: &str,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<UserProfile>> {
        let question = question.to_owned();
        snapshot!(self, s => people::search(s, question, after, limit))
    }

    /// The device with this token, and whose it is.
    ///
    /// # Errors
    /// As every read.
    pub async fn device_by_token(&self, token_hash: [u8; 32]) -> Result<Option<(Device, User)>> {
        read!(self, s => people::device_by_token(s, token_hash))
    }

    /// A user's devices, newest first.
    ///
    /// # Errors
    /// As every read.
    pub async fn devices(&self, user: UserId) -> Result<Vec<Device>> {
        read!(self, s => people::devices(s, user))
    }

    /// Those of the others who share a room with this user now.
    ///
    /// # Errors
    /// As every read.
    pub async fn sharing_room(&self, user: UserId, others: &[UserId]) -> Result<Vec<UserId>> {
        let others = others.to_vec();
        read!(self, s => people::sharing_room(s, user, others))
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("epoch", &self.epoch())
            .field("shards", &self.shards())
            .finish_non_exhaustive()
    }
}

/// Calls may be spawned: checked here, where both databases meet.
const _: fn() = || {
    fn sent<T: Send>(_: T) {}
    fn check(store: &'static Store) {
        sent(store.heads());
        sent(store.resume(UserId::from_bits(0), None));
        sent(store.append(ShardId(0), Needs::default(), |_, state| {
            let entries = Vec::new();
            (Commit { entries, state }, ())
        }));
    }
    let _ = check;
};

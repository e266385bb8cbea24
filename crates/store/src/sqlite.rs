//! SQLite: one file, one writer, a few readers.
//!
//! Owns: [`Sqlite`], the threads that hold the connections, and the bounded queues before them.
//! Never: runs a statement on the caller's thread, or commits from two threads.

mod checkpoint;
mod columns;
mod load;
mod open;
pub(crate) mod statements;
pub(crate) mod upkeep;
pub(crate) mod verify;
mod write;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
    thread,
};

use async_channel::Sender;
use parking_lot::Mutex;
use rusqlite::Connection;
use tidings_core::{Needs, State};
use tidings_protocol::{Epoch, Position, ShardId};
use tokio::sync::oneshot;

use crate::{Commit, error::StoreError};
pub(crate) use columns::now;
use open::Place;

/// Appends that wait for the writer. An engine has one appender a shard, so it is only ever full by mistake.
const WRITES_WAITING_MAX: usize = 64;
/// Reads that wait for a reader; above it the asker waits before its question is queued.
const READS_WAITING_MAX: usize = 1024;
/// Threads that read: as many as cores, within these.
const READERS_MIN: usize = 2;
const READERS_MAX: usize = 4;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A database file and the threads that hold it open. They end when this is dropped, after what is queued.
pub(crate) struct Sqlite {
    writer: Sender<Job>,
    readers: Sender<Job>,
    pub(crate) epoch: Epoch,
    pub(crate) shards: u16,
    /// Drawn when it was opened: one process alone serves a file, so nobody shares its key.
    pub(crate) running: String,
}

impl Sqlite {
    /// Opens the file, migrates it and starts the threads. `None` is a temporary database, gone at the end; only such a
    /// one may have more than one shard.
    /// `beside` leaves a write-ahead log that is there where it is.
    pub(crate) async fn open(
        path: Option<PathBuf>,
        shards: u16,
        beside: bool,
    ) -> Result<Sqlite, StoreError> {
        in_thread(move || Sqlite::open_now(path, shards, beside)).await
    }

    fn open_now(path: Option<PathBuf>, shards: u16, beside: bool) -> Result<Sqlite, StoreError> {
        let place = Arc::new(match path {
            Some(path) => {
                let keeps_log = beside && upkeep::log_of(&path).exists();
                Place::file(path, keeps_log)
            }
            None => Place::temporary()?,
        });
        let (mut writer, epoch) = open::writer(&place)?;
        if shards > 1 {
            open::spread(&mut writer, shards)?;
        }
        checkpoint::start_for(&mut writer, &place)?;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let readers = (0..cores.clamp(READERS_MIN, READERS_MAX))
            .map(|_| open::reader(&place))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Sqlite {
            writer: serve("store-write", &place, vec![writer], WRITES_WAITING_MAX)?,
            readers: serve("store-read", &place, readers, READS_WAITING_MAX)?,
            epoch,
            shards: shards.max(1),
            running: crate::hint_key::new_secret()?,
        })
    }

    /// See [`Store::append`](crate::Store::append).
    pub(crate) async fn append<R: Send + 'static>(
        &self,
        shard: ShardId,
        needs: Needs,
        decide: impl FnOnce(Position, State) -> (Commit, R) + Send + 'static,
    ) -> Result<R, StoreError> {
        run(&self.writer, move |connection| {
            write::append(connection, shard, &needs, decide)
        })
        .await
    }

    /// See [`Store::settle`](crate::Store::settle).
    pub(crate) async fn settle(&self) -> Result<(), StoreError> {
        run(&self.writer, |connection| {
            connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
                .map_err(columns::failed)
        })
        .await
    }

    /// A commit that means nothing, and takes as much of the disk as a small batch: SQLite writes no page that stays as
    /// it is.
    pub(crate) async fn try_commit(&self) -> Result<(), StoreError> {
        run(&self.writer, |connection| {
            connection
                .execute(upkeep::TRY, [upkeep::tried()])
                .map(drop)
                .map_err(columns::failed)
        })
        .await
    }

    /// What the one connection that writes sees of the commits of others.
    pub(crate) async fn commits_by_others(&self) -> Result<i64, StoreError> {
        run(&self.writer, |connection| {
            connection
                .pragma_query_value(None, "data_version", |row| row.get(0))
                .map_err(columns::failed)
        })
        .await
    }

    /// Runs a read of one statement.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        run(&self.readers, move |connection| read(connection)).await
    }

    /// Runs a read of several statements that see the same commit.
    pub(crate) async fn snapshot<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        run(&self.readers, move |connection| {
            // Rolled back when dropped; it wrote nothing.
            let transaction = connection.transaction().map_err(columns::failed)?;
            read(&transaction)
        })
        .await
    }
}

/// Threads, one a connection, that take jobs from one queue until every sender is gone.
fn serve(
    name: &str,
    place: &Arc<Place>,
    connections: Vec<Connection>,
    waiting_max: usize,
) -> Result<Sender<Job>, StoreError> {
    // Each job wakes one of the threads: with a lock around a queue for one, a second woke to wait for the next.
    let (sender, jobs) = async_channel::bounded::<Job>(waiting_max);
    for mut connection in connections {
        let (jobs, place) = (jobs.clone(), place.clone());
        start(name, move || {
            while let Ok(job) = jobs.recv_blocking() {
                job(&mut connection);
            }
            close(connection);
            drop(place);
        })?;
    }
    Ok(sender)
}

/// Closes connections one after another. The last one copies the log back and removes it, and only it can: two that close
/// at once take each other for the one that stays, and leave the log beside the file.
fn close(connection: Connection) {
    static CLOSING: Mutex<()> = Mutex::new(());
    let _turn = CLOSING.lock();
    drop(connection);
}

/// Hands a job to a queue and waits for its answer. A panic inside ends the job, not the thread.
async fn run<R: Send + 'static>(
    queue: &Sender<Job>,
    job: impl FnOnce(&mut Connection) -> Result<R, StoreError> + Send + 'static,
) -> Result<R, StoreError> {
    let (answer, answered) = oneshot::channel();
    let job: Job = Box::new(move |connection| {
        // An open transaction is rolled back while unwinding, so the connection stays sound.
        let result = catch_unwind(AssertUnwindSafe(|| job(connection)))
            .unwrap_or_else(|panic| Err(crate::error::panicked(&*panic)));
        // The asker may have gone away; what was committed stays committed.
        let _ = answer.send(result);
    });
    queue.send(job).await.map_err(|_| ended())?;
    answered.await.map_err(|_| ended())?
}

/// Does something with files on a thread of its own, and waits for it.
pub(crate) async fn in_thread<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, StoreError> + Send + 'static,
) -> Result<R, StoreError> {
    let (answer, answered) = oneshot::channel();
    start("store-open", move || {
        // Nobody waits any more when the asker went away; what was opened then closes again.
        let _ = answer.send(work());
    })?;
    answered.await.map_err(|_| ended())?
}

fn start(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map(drop)
        .map_err(|e| StoreError::trouble("starting a thread", e))
}

fn ended() -> StoreError {
    StoreError::Unavailable("the store is closing".to_owned())
}

#[cfg(test)]
mod tests;

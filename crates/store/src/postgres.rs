//! PostgreSQL: shared by any number of nodes; the lock of a shard's row orders their appends.
//!
//! Owns: [`Postgres`], its two pools, and the transaction that appends.
//! Never: uses LISTEN/NOTIFY (a global lock at commit), trusts a connection after an error, commits without the
//! server's sync.

mod columns;
mod kept;
mod load;
mod migrate;
mod pool;
mod session;
pub(crate) mod statements;
pub(crate) mod upkeep;
pub(crate) mod verify;
mod write;

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use futures_util::future;
use tidings_core::{Needs, State};
use tidings_protocol::{Epoch, Position, ShardId};
use tokio::time::timeout;

use crate::{Commit, batch, error::StoreError, value::Columns};
use kept::Kept;
use pool::{Home, Pool};
use session::Session;

/// Connections that append: one a shard is what an engine uses at once.
const APPENDERS_MAX: usize = 16;
/// Connections that read. More than this on one node only wait for the same processors.
const READERS_MAX: usize = 8;
/// How long any call may take before its connection is given up: longer than the server's own limits.
const CALL_TIMEOUT: Duration = Duration::from_secs(45);

/// A PostgreSQL database and the connections to it.
pub(crate) struct Postgres {
    appenders: Pool,
    readers: Pool,
    kept: Kept,
    pub(crate) epoch: Epoch,
    pub(crate) shards: u16,
}

impl Postgres {
    /// Connects, migrates under an advisory lock, and reads what was fixed when the database was made.
    pub(crate) async fn open(url: &str) -> Result<Postgres, StoreError> {
        let config = session::config(url)?;
        let made = migrate::migrate(&config, crate::migrate::POSTGRES).await?;
        Ok(Postgres {
            appenders: Pool::new(
                config.clone(),
                statements::names(),
                APPENDERS_MAX,
                Home::Anywhere,
            ),
            readers: Pool::new(config, session::reads(), READERS_MAX, Home::Thread),
            kept: Kept::new(made.shards),
            epoch: made.epoch,
            shards: made.shards,
        })
    }

    /// See [`Store::append`](crate::Store::append).
    pub(crate) async fn append<R: Send + 'static>(
        &self,
        shard: ShardId,
        needs: Needs,
        mut decide: impl FnMut(Position, State) -> (Commit, R) + Send + 'static,
    ) -> Result<R, StoreError> {
        let mut decide = move |head, state| {
            catch_unwind(AssertUnwindSafe(|| decide(head, state)))
                .map_err(|panic| crate::error::panicked(&*panic))
        };
        in_time(async {
            if let Some(answer) = self.guessed(shard, &needs, &mut decide).await? {
                return Ok(answer);
            }
            // A connection whose append fails, or whose caller goes away, is not given back but closed: the server
            // rolls back.
            let lease = self.appenders.lease().await?;
            let opened = self.appenders.opened();
            let (head, state) = load::locked(lease.session(), shard, &needs).await?;
            let (commit, answer) = decide(head, state)?;
            let mut last = head;
            if commit.entries.is_empty() {
                lease.session().end()?;
            } else {
                last = batch::check(shard, head, &commit.entries)?;
                write::commit(lease.session(), shard, &commit, last).await?;
            }
            lease.give_back();
            self.kept.keep(shard, head, last, commit.state, opened);
            Ok(answer)
        })
        .await
    }

    /// Messages alone, decided against the rows that the last append left, and committed in one trip if the head is still
    /// where it left it. None when that may not be, or was not so: then nothing happened.
    async fn guessed<R>(
        &self,
        shard: ShardId,
        needs: &Needs,
        decide: &mut impl FnMut(Position, State) -> Result<(Commit, R), StoreError>,
    ) -> Result<Option<R>, StoreError> {
        let opened = self.appenders.opened();
        let Some((head, state)) = self.kept.state(shard, needs, opened) else {
            return Ok(None);
        };
        let (commit, answer) = decide(head, state)?;
        if !batch::all_said(&commit, needs) {
            return Ok(None);
        }
        let last = batch::check(shard, head, &commit.entries)?;
        let lease = self.appenders.lease().await?;
        // Unless it is known to be committed, nothing of it is to be built on.
        let written = write::say(lease.session(), shard, &commit, head, last).await;
        match written {
            Ok(true) => {
                lease.give_back();
                self.kept.keep(shard, head, last, commit.state, opened);
                Ok(Some(answer))
            }
            Ok(false) => {
                lease.give_back();
                self.kept.forget(shard);
                Ok(None)
            }
            // A retry, or what alone would fail: the lock tells which.
            Err(StoreError::Conflict | StoreError::Trouble(_)) => {
                self.kept.forget(shard);
                Ok(None)
            }
            Err(error) => {
                self.kept.forget(shard);
                Err(error)
            }
        }
    }

    /// What a copy of this database does not share: which database of which server it is, and since when that runs.
    /// (The start has microseconds, and every user may ask for it.)
    pub(crate) async fn running(&self) -> Result<String, StoreError> {
        let text = "SELECT d.oid::text || ' ' || (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint::text \
                    FROM pg_database d WHERE d.datname = current_database()";
        self.read(async |session| {
            let row = session.client().query_one(text, &[]).await;
            let row = row.map_err(columns::failed)?;
            Ok(row.text(0)?.to_owned())
        })
        .await
    }

    /// A commit that means nothing.
    pub(crate) async fn try_commit(&self) -> Result<(), StoreError> {
        in_time(async {
            let lease = self.appenders.lease().await?;
            let text = "UPDATE shards SET head = head WHERE shard = 0";
            let client = lease.session().client();
            client.batch_execute(text).await.map_err(columns::failed)?;
            lease.give_back();
            Ok(())
        })
        .await
    }

    /// Runs a read of one statement.
    pub(crate) async fn read<T>(
        &self,
        read: impl AsyncFnOnce(&Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        in_time(async {
            let lease = self.readers.lease().await?;
            let answer = read(lease.session()).await?;
            lease.give_back();
            Ok(answer)
        })
        .await
    }

    /// Runs a read of several statements that see the same commit.
    pub(crate) async fn snapshot<T>(
        &self,
        read: impl AsyncFnOnce(&Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        in_time(async {
            let lease = self.readers.lease().await?;
            let session = lease.session();
            // The first question travels with the beginning.
            let (_, answer) = future::try_join(session.begin_snapshot(), read(session)).await?;
            session.end()?;
            lease.give_back();
            Ok(answer)
        })
        .await
    }
}

async fn in_time<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(CALL_TIMEOUT, call).await.unwrap_or_else(|_| {
        Err(StoreError::Unavailable(format!(
            "PostgreSQL did not answer within {} s",
            CALL_TIMEOUT.as_secs()
        )))
    })
}

#[cfg(test)]
mod tests;

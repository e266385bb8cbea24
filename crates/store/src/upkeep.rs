//! What operators do with a database beside serving from it: look, back up, begin a new epoch.
//!
//! Owns: these questions, for both databases. Never: migrates, or makes a database that is not there.

use std::path::{Path, PathBuf};

use tidings_protocol::Epoch;

use crate::{StoreConfig, error::StoreError, postgres, sqlite};

/// What a look at a database found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// There is no database yet; the first start makes it.
    Nothing,
    /// A database of an older version; the next start, or `migrate`, brings it to this one.
    Older {
        /// Migrations that it has.
        applied: usize,
        /// Migrations that this program knows.
        known: usize,
    },
    /// A database of this version.
    Current {
        /// The incarnation of its logs.
        epoch: Epoch,
        /// How many shards its logs are spread over.
        shards: u16,
    },
}

/// Looks at a database and changes nothing, not even a file beside it.
///
/// # Errors
/// `Refused` for a database that is newer, foreign or cannot be used; `Unavailable` when it cannot be reached.
pub async fn look(config: &StoreConfig) -> Result<Found, StoreError> {
    match config {
        StoreConfig::Sqlite { path } => {
            let path = path.clone();
            sqlite::in_thread(move || sqlite::upkeep::look(&path)).await
        }
        StoreConfig::SqliteMemory { .. } => Ok(Found::Nothing),
        StoreConfig::Postgres { url } => postgres::upkeep::look(url).await,
    }
}

/// Writes a copy of a SQLite database as of one commit, while a server may run. When the copy is opened for the first
/// time it draws a new epoch by itself.
///
/// # Errors
/// `Refused` when there is no database, the file exists already, or the database is not one in a file.
pub async fn back_up(config: &StoreConfig, to: &Path) -> Result<(), StoreError> {
    match config {
        StoreConfig::Sqlite { path } => {
            let (path, to): (PathBuf, PathBuf) = (path.clone(), to.to_owned());
            sqlite::in_thread(move || sqlite::upkeep::back_up(&path, &to)).await
        }
        StoreConfig::SqliteMemory { .. } | StoreConfig::Postgres { .. } => Err(StoreError::Refused(
            "This database is not a file of ours. PostgreSQL is backed up by its own programs: pg_dump, or a base \
             backup. After restoring one, run `tidings new-epoch`."
                .to_owned(),
        )),
    }
}

/// Draws a new epoch: every cursor of before is then answered by `reset`. `[CU3]` No server may run on the database
/// meanwhile; the caller sees to that for SQLite.
///
/// # Errors
/// `Refused` when there is no database, it is newer or foreign, or servers are connected to it.
pub async fn new_epoch(config: &StoreConfig) -> Result<Epoch, StoreError> {
    match config {
        StoreConfig::Sqlite { path } => {
            let path = path.clone();
            sqlite::in_thread(move || sqlite::upkeep::new_epoch(&path)).await
        }
        StoreConfig::SqliteMemory { .. } => Err(nothing_there("The temporary database")),
        StoreConfig::Postgres { url } => postgres::upkeep::new_epoch(url).await,
    }
}

/// The refusal where a database is expected and there is none.
pub(crate) fn nothing_there(what: &str) -> StoreError {
    StoreError::Refused(format!(
        "{what} holds no database of Tidings. Check --data, --database and --config."
    ))
}

/// Draws a new epoch from a server that found its database rewound, unless another has drawn one since `old`. The
/// server ends then; the next start serves the new epoch.
///
/// # Errors
/// `Unavailable` when the database cannot be reached.
pub async fn renew_epoch(config: &StoreConfig, old: Epoch) -> Result<(), StoreError> {
    match config {
        StoreConfig::Postgres { url } => postgres::upkeep::renew_epoch(url, old).await,
        // One process alone writes such a file, and does not lose sight of it.
        StoreConfig::Sqlite { .. } | StoreConfig::SqliteMemory { .. } => Ok(()),
    }
}

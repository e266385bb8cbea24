//! What operators do with a database beside serving from it: look, back up, begin a new epoch.
//!
//! Owns: these questions, for both databases. Never: migrates, or makes a database that is not there.

use std::path::{Path, PathBuf};

use tidings_core::Chain;
use tidings_protocol::{Epoch, Position};

use crate::{
    StoreConfig,
    error::StoreError,
    postgres, sqlite,
    verify::{Verified, Watch},
};

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

/// How far a shard had come: its last position, and the chain of the event there; none when that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// The last position.
    pub position: Position,
    /// What stands for the log of that event, up to it.
    pub chain: Option<Chain>,
}

/// Which life of the logs a database holds: what is compared with what was noted outside of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// The incarnation of its logs.
    pub epoch: Epoch,
    /// Those before it, oldest first.
    pub earlier: Vec<Epoch>,
    /// Whether it is a backup that nobody has opened yet: it begins a new epoch.
    pub is_copy: bool,
    /// How far each shard has come.
    pub reached: Vec<Reached>,
    /// The chains of the events at the positions that were asked for, by shard.
    pub at: Vec<Option<Chain>>,
}

/// Reads which life of the logs a database holds, and the chains at these positions, one a shard. Changes nothing. None:
/// there is no database.
///
/// # Errors
/// As [`look`].
pub async fn lineage(
    config: &StoreConfig,
    at: Vec<Position>,
) -> Result<Option<Lineage>, StoreError> {
    match config {
        StoreConfig::Sqlite { path } => {
            let path = path.clone();
            sqlite::in_thread(move || sqlite::upkeep::lineage(&path, &at)).await
        }
        StoreConfig::SqliteMemory { .. } => Ok(None),
        StoreConfig::Postgres { url } => postgres::upkeep::lineage(url, &at).await,
    }
}

/// The epochs in a text of `meta`.
pub(crate) fn epochs(text: Option<&str>) -> Vec<Epoch> {
    let each = text.unwrap_or_default().split(',');
    each.filter_map(|epoch| epoch.parse().ok().map(Epoch))
        .collect()
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

/// Writes a copy of a SQLite database as of one commit, while a server may run, and verifies it. When the copy is opened
/// for the first time it draws a new epoch by itself.
///
/// # Errors
/// `Refused` when there is no database, the file exists already, or the database is not one in a file. `Trouble` when what
/// was copied is damaged: then there is no copy.
pub async fn back_up(
    config: &StoreConfig,
    to: &Path,
    watch: Watch,
) -> Result<Verified, StoreError> {
    match config {
        StoreConfig::Sqlite { path } => {
            let (path, to): (PathBuf, PathBuf) = (path.clone(), to.to_owned());
            sqlite::in_thread(move || sqlite::upkeep::back_up(&path, &to, watch)).await
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

//! Opening the file: settings, migration, and what is refused.
//!
//! Owns: where the file is, the settings of each connection.
//! Never: opens a file that another program made, or that is newer.

use std::{
    fs::File,
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rusqlite::{Connection, TransactionBehavior, config::DbConfig, functions::FunctionFlags};
use tempfile::TempDir;
use tidings_core::{Salt, chain::body_hash};
use tidings_protocol::Epoch;

use super::{columns::failed, upkeep};
use crate::{
    batch,
    error::StoreError,
    hint_key,
    migrate::{self, Migration},
};

/// How long a connection waits for another process that writes. Batches take milliseconds.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it leaves the other to its work where SQLite itself does not wait.
const BUSY_RETRY: Duration = Duration::from_millis(5);
/// Where SQLite sorts what does not fit.
const TEMP_STORE: &str = "temp_store";
const TEMP_IN_FILE: i32 = 1;
const TEMP_IN_MEMORY: i32 = 2;
/// Prepared statements kept by a connection: more than there are.
const STATEMENTS_MAX: usize = 128;
/// "TIDG" in the file's header, so that `file` and other programs can tell.
const APPLICATION_ID: i32 = 0x5449_4447;
/// KiB of pages the writer keeps: the hot inner pages of every index.
const WRITER_CACHE_KIB: i32 = 32 * 1024;
/// KiB of pages a reader keeps; beyond it the system's cache serves.
const READER_CACHE_KIB: i32 = 8 * 1024;

/// Where the database is. A temporary one is removed when the last thread lets go of it.
pub(super) enum Place {
    File {
        path: PathBuf,
        /// Whether a write-ahead log that is there stays when the last connection closes.
        keeps_log: bool,
    },
    Temporary(TempDir),
}

impl Place {
    pub(super) fn file(path: PathBuf, keeps_log: bool) -> Place {
        Place::File { path, keeps_log }
    }

    pub(super) fn temporary() -> Result<Place, StoreError> {
        TempDir::with_prefix("tidings-")
            .map(Place::Temporary)
            .map_err(|e| StoreError::trouble("making a temporary folder", e))
    }

    pub(super) fn path(&self) -> PathBuf {
        match self {
            Place::File { path, .. } => path.clone(),
            Place::Temporary(folder) => folder.path().join("tidings.db"),
        }
    }

    /// FULL: a commit is on the disk when it returns, also after a power cut. A temporary one need not be.
    fn synchronous(&self) -> (&'static str, i64) {
        match self {
            Place::File { .. } => ("FULL", 2),
            Place::Temporary(_) => ("OFF", 0),
        }
    }
}

/// The connection that writes, with the file migrated.
pub(super) fn writer(place: &Place) -> Result<(Connection, Epoch), StoreError> {
    let path = place.path();
    let mut connection = connect(place, WRITER_CACHE_KIB)?;
    let mode = log_ahead(&connection)?;
    if mode != "wal" {
        return Err(StoreError::Refused(format!(
            "{} cannot use a write-ahead log (its journal is \"{mode}\"). Put the database on a local disk.",
            path.display()
        )));
    }
    // The checkpoint thread does it; see `checkpoint`.
    connection
        .pragma_update(None, "wal_autocheckpoint", 0)
        .map_err(failed)?;
    let (word, number) = place.synchronous();
    connection
        .pragma_update(None, "synchronous", word)
        .map_err(failed)?;
    let got: i64 = connection
        .pragma_query_value(None, "synchronous", |row| row.get(0))
        .map_err(failed)?;
    if got != number {
        return Err(StoreError::Refused(format!(
            "SQLite does not commit with full sync here (synchronous is {got}). Acknowledged messages could be lost."
        )));
    }
    let epoch = migrate(&mut connection, &path, migrate::SQLITE)?;
    Ok((connection, epoch))
}

/// Has the file use a write-ahead log; returns the journal that it then has. Two who do so to a new file at once each hold
/// what the other waits for: SQLite tells one of them without waiting, and a moment later it is done.
fn log_ahead(connection: &Connection) -> Result<String, StoreError> {
    let until = Instant::now() + BUSY_TIMEOUT;
    loop {
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0));
        match mode.map_err(failed) {
            Err(StoreError::Unavailable(_)) if Instant::now() < until => thread::sleep(BUSY_RETRY),
            mode => return mode,
        }
    }
}

/// A connection that only reads.
pub(super) fn reader(place: &Place) -> Result<Connection, StoreError> {
    let connection = connect(place, READER_CACHE_KIB)?;
    connection
        .pragma_update(None, "query_only", true)
        .map_err(failed)?;
    Ok(connection)
}

/// The connection that copies the write-ahead log back into the file.
pub(super) fn checkpointer(place: &Place) -> Result<Connection, StoreError> {
    let connection = connect(place, READER_CACHE_KIB)?;
    connection
        .pragma_update(None, "synchronous", place.synchronous().0)
        .map_err(failed)?;
    Ok(connection)
}

fn connect(place: &Place, cache_kib: i32) -> Result<Connection, StoreError> {
    let path = place.path();
    make_for_its_owner(&path)?;
    let connection = Connection::open(&path)
        .map_err(|e| StoreError::Refused(format!("{} cannot be opened: {e}.", path.display())))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    if let Place::File {
        keeps_log: true, ..
    } = place
    {
        upkeep::keep_log(&connection, &path)?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // A plan does not depend on the values bound: otherwise every statement with a bound LIMIT is prepared anew each time
    // it runs.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(failed)?;
    // A misspelled column is an error, not a text.
    for config in [
        DbConfig::SQLITE_DBCONFIG_DQS_DML,
        DbConfig::SQLITE_DBCONFIG_DQS_DDL,
    ] {
        connection.set_db_config(config, false).map_err(failed)?;
    }
    rusqlite::vtab::array::load_module(&connection).map_err(failed)?;
    functions(&connection)?;
    let set = |name: &str, value: i32| connection.pragma_update(None, name, value).map_err(failed);
    set("cache_size", -cache_kib)?;
    set(TEMP_STORE, TEMP_IN_MEMORY)?;
    // What is erased is overwritten, not only unlinked.
    set("secure_delete", 1)?;
    Ok(connection)
}

/// An empty file is a new database to SQLite, and what it makes beside it may be read by whom the file may be read by: hashes
/// of passwords are in all of them.
fn make_for_its_owner(path: &Path) -> Result<(), StoreError> {
    let made = File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Refused(format!(
            "{} cannot be made: {error}.",
            path.display()
        ))),
    }
}

/// The one function of ours that statements call: the hash that remains of an erased body; null without a salt.
fn functions(connection: &Connection) -> Result<(), StoreError> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_DIRECTONLY;
    connection
        .create_scalar_function("body_hash", 3, flags, |values| {
            let salt: Option<[u8; 16]> = values.get(0)?;
            let body = values.get_raw(2).as_str()?;
            let fingerprint = values.get(1)?;
            Ok(salt.map(|salt| body_hash(Salt(salt), fingerprint, body).0))
        })
        .map_err(failed)
}

/// Runs what is missing, in one transaction that also keeps a second process out. What is sorted meanwhile, as an index of
/// all messages is, goes to a file of SQLite's own: in memory it would be as large as the index.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    known: &[Migration],
) -> Result<Epoch, StoreError> {
    let temp = |connection: &Connection, place: i32| {
        connection
            .pragma_update(None, TEMP_STORE, place)
            .map_err(failed)
    };
    temp(connection, TEMP_IN_FILE)?;
    let migrated = migrate_now(connection, path, known);
    temp(connection, TEMP_IN_MEMORY)?;
    migrated
}

fn migrate_now(
    connection: &mut Connection,
    path: &Path,
    known: &[Migration],
) -> Result<Epoch, StoreError> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    let applied = history(&transaction, path)?;
    let ours = applied.is_some();
    let applied = applied.unwrap_or_default();
    if !ours {
        transaction
            .execute_batch(
                "CREATE TABLE migrations (version INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, \
                 checksum TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT",
            )
            .map_err(failed)?;
        transaction
            .pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(failed)?;
    }
    let now = now();
    let pending = migrate::pending(known, &applied)?;
    migrate::tell(pending, &applied);
    for migration in pending {
        transaction
            .execute_batch(migration.text)
            .map_err(|e| StoreError::trouble(migration.name, e))?;
        if migration.version == migrate::FOUND_BY {
            words(&transaction).map_err(failed)?;
            public_names(&transaction).map_err(failed)?;
        }
        transaction
            .execute(
                "INSERT INTO migrations (version, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)",
                (migration.version, migration.name, migration.checksum(), now),
            )
            .map_err(failed)?;
    }
    if applied.is_empty() {
        let values = [
            ("epoch", migrate::new_epoch()?.to_string()),
            ("shards", "1".to_owned()),
            ("created_at", now.to_string()),
        ];
        for (key, value) in values {
            transaction
                .execute(
                    "INSERT INTO meta (key, value) VALUES (?1, ?2)",
                    (key, value),
                )
                .map_err(failed)?;
        }
    }
    transaction
        .execute(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING",
            (hint_key::SECRET, hint_key::new_secret()?),
        )
        .map_err(failed)?;
    upkeep::begin_if_copy(&transaction)?;
    let epoch = epoch(&transaction)?;
    transaction.commit().map_err(failed)?;
    Ok(epoch)
}

/// Writes the words of every account.
fn words(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM user_words", [])?;
    let mut accounts = connection.prepare("SELECT id, username, display_name FROM users")?;
    let mut add = connection.prepare(super::statements::ADD_WORD)?;
    let mut rows = accounts.query([])?;
    while let Some(row) = rows.next()? {
        let id = row.get_ref(0)?;
        for word in batch::words_of(row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?) {
            add.execute((word, rusqlite::types::ToSqlOutput::Borrowed(id)))?;
        }
    }
    Ok(())
}

/// Writes the names of public channels as they are compared.
fn public_names(connection: &Connection) -> rusqlite::Result<()> {
    let text = "SELECT id, name FROM rooms WHERE visibility = 'public' AND name IS NOT NULL ORDER BY created_at, id";
    let mut channels = connection.prepare(text)?;
    let channels = channels.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let channels: Vec<(Vec<u8>, String)> = channels.collect::<rusqlite::Result<_>>()?;
    let mut set = connection.prepare(super::statements::SET_PUBLIC_NAME)?;
    for named in batch::public_names(channels) {
        set.execute(named)?;
    }
    Ok(())
}

/// Gives a fresh temporary database more shards: its table of events is made anew with a key that holds the shard.
pub(super) fn spread(connection: &mut Connection, shards: u16) -> Result<(), StoreError> {
    let transaction = connection.transaction().map_err(failed)?;
    let texts: Vec<String> = transaction
        .prepare("SELECT sql FROM sqlite_schema WHERE tbl_name = 'events' AND sql IS NOT NULL ORDER BY type DESC")
        .and_then(|mut s| s.query_map([], |row| row.get(0))?.collect())
        .map_err(failed)?;
    transaction
        .execute_batch("DROP TABLE events")
        .map_err(failed)?;
    for text in texts {
        let text = text
            .replace(
                "position INTEGER PRIMARY KEY NOT NULL",
                "position INTEGER NOT NULL",
            )
            .replace(" CHECK (shard = 0)", "")
            // Later columns stand before the last bracket without a line of their own.
            .replace(") STRICT", ",\n  PRIMARY KEY (shard, position)\n) STRICT");
        transaction.execute_batch(&text).map_err(failed)?;
    }
    for shard in 1..shards {
        transaction
            .execute("INSERT INTO shards (shard, head) VALUES (?1, 0)", [shard])
            .map_err(failed)?;
    }
    transaction
        .execute(
            "UPDATE meta SET value = ?1 WHERE key = 'shards'",
            [shards.to_string()],
        )
        .map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// The epoch as it stands.
pub(super) fn epoch(connection: &Connection) -> Result<Epoch, StoreError> {
    let text: String = connection
        .query_row("SELECT value FROM meta WHERE key = 'epoch'", [], |row| {
            row.get(0)
        })
        .map_err(failed)?;
    text.parse()
        .map(Epoch)
        .map_err(|_| StoreError::damaged("the epoch"))
}

/// Microseconds since 1970.
pub(super) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(0))
}

/// Which migrations ran; none in an empty file.
///
/// # Errors
/// `Refused` for tables that are not ours.
pub(super) fn history(
    connection: &Connection,
    path: &Path,
) -> Result<Option<Vec<migrate::Applied>>, StoreError> {
    let count = |text: &str| -> Result<i64, StoreError> {
        connection
            .query_row(text, [], |row| row.get(0))
            .map_err(failed)
    };
    if count("SELECT count(*) FROM sqlite_schema WHERE name = 'migrations'")? > 0 {
        return applied(connection).map(Some);
    }
    if count("SELECT count(*) FROM sqlite_schema")? > 0 {
        return Err(migrate::foreign(&path.display().to_string()));
    }
    Ok(None)
}

fn applied(connection: &Connection) -> Result<Vec<migrate::Applied>, StoreError> {
    let mut statement = connection
        .prepare("SELECT version, name, checksum FROM migrations ORDER BY version")
        .map_err(|_| migrate::foreign("The file"))?;
    let rows = statement
        .query_map([], |row| {
            Ok(migrate::Applied {
                version: row.get(0)?,
                name: row.get(1)?,
                checksum: row.get(2)?,
            })
        })
        .map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

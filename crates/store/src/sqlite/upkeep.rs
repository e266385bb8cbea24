//! Looking at the file, copying it, and its epoch.
//!
//! Owns: connections that never make a file. Never: writes to the database, but for the epoch when it is asked to.

use std::{fs::File, path::Path};

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, config::DbConfig};
use tidings_core::Chain;
use tidings_protocol::{Epoch, Position};

use super::{
    columns::{failed, now},
    open::{self, BUSY_TIMEOUT},
};
use crate::{
    error::StoreError,
    hint_key, migrate, read,
    upkeep::{Found, Lineage, epochs, nothing_there},
    verify::{Report, Verified, Watch},
};

/// In `meta` of a copy, until it is opened to be used.
pub(super) const COPY: &str = "copied_at";

/// Notes in `meta` that a commit was tried.
pub(super) const TRY: &str =
    "INSERT INTO meta (key, value) VALUES ('tried', ?1) ON CONFLICT (key) DO UPDATE SET value = ?1";

/// What is noted: another text each time, of 16 KiB.
pub(super) fn tried() -> String {
    open::now().to_string().repeat(1_024)
}

/// See [`look`](crate::upkeep::look).
pub(crate) fn look(path: &Path) -> Result<Found, StoreError> {
    if !path.exists() {
        return Ok(Found::Nothing);
    }
    let connection = read_only(path)?;
    let Some(applied) = open::history(&connection, path)? else {
        return Ok(Found::Nothing);
    };
    let pending = migrate::pending(migrate::SQLITE, &applied)?.len();
    if pending > 0 {
        return Ok(Found::Older {
            applied: applied.len(),
            known: migrate::SQLITE.len(),
        });
    }
    Ok(Found::Current {
        epoch: open::epoch(&connection)?,
        shards: 1,
    })
}

/// Refuses what is no database of this version.
pub(super) fn refuse_older(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let Some(applied) = open::history(connection, path)? else {
        return Err(nothing_there(&path.display().to_string()));
    };
    migrate::refuse_older(migrate::pending(migrate::SQLITE, &applied)?)
}

/// A connection that changes nothing, not even a file beside the database.
pub(super) fn read_only(path: &Path) -> Result<Connection, StoreError> {
    if !path.exists() {
        return Err(nothing_there(&path.display().to_string()));
    }
    // Without a write-ahead log nobody has the file open, and reading it as unchanging makes no files beside it. With one
    // SQLite may build its index of it (-shm) anew, as the next start would.
    let mut address = format!("file:{}?mode=ro", escaped(path));
    if is_alone(path) {
        address.push_str("&immutable=1");
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(address, flags).map_err(|e| unopened(path, &e))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    rusqlite::vtab::array::load_module(&connection).map_err(failed)?;
    Ok(connection)
}

/// Whether all that is committed is in the file itself.
pub(super) fn is_alone(path: &Path) -> bool {
    std::fs::metadata(log_of(path)).map_or(true, |log| log.len() == 0)
}

/// See [`back_up`](crate::upkeep::back_up).
pub(crate) fn back_up(path: &Path, to: &Path, watch: Watch) -> Result<Verified, StoreError> {
    if to.exists() {
        return Err(StoreError::Refused(format!(
            "{} exists already; a backup never replaces a file.",
            to.display()
        )));
    }
    let source = existing(path)?;
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let cannot = |e: &dyn std::fmt::Display| {
        StoreError::Refused(format!("{} cannot be written: {e}.", to.display()))
    };
    // For its owner alone, under another name until it is whole; gone again if something fails.
    let part = tempfile::Builder::new()
        .prefix(".tidings-backup-")
        .tempfile_in(folder)
        .map_err(|e| cannot(&e))?;
    let part_path = part
        .path()
        .to_str()
        .ok_or_else(|| cannot(&"its path is not UTF-8"))?;
    source
        .execute("VACUUM INTO ?1", [part_path])
        .map_err(|e| cannot(&e))?;
    drop(source);
    mark(part.path())?;
    let verified = verified(part.path(), watch)?;
    part.as_file().sync_all().map_err(|e| cannot(&e))?;
    part.persist_noclobber(to).map_err(|e| cannot(&e.error))?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| cannot(&e))?;
    Ok(verified)
}

/// Looks at everything in a fresh copy; of a database that is still to be upgraded, what SQLite itself can say.
///
/// # Errors
/// When something in it is not as it was committed: so it is in the database, too.
fn verified(copy: &Path, watch: Watch) -> Result<Verified, StoreError> {
    let mut report = Report::new(watch);
    let connection = read_only(copy)?;
    match refuse_older(&connection, copy) {
        Ok(()) => super::verify::look_at(&connection, &mut report)?,
        Err(_) => {
            super::verify::pages(&connection, &mut report);
            report.note(
                "the database is of an older version: its pages were looked at, its events and rows were not",
            );
        }
    }
    let verified = report.finish();
    match verified.damage.first() {
        None => Ok(verified),
        Some(first) => Err(StoreError::Trouble(format!(
            "what was copied is damaged, and the copy was not kept: {first} ({} in all). So is the database: \
             `tidings doctor --deep` names everything. Keep the backups from before; to save what can be saved, stop \
             the server and copy its whole folder",
            verified.damage.len()
        ))),
    }
}

/// Notes in a fresh copy that it is one.
fn mark(copy: &Path) -> Result<(), StoreError> {
    let connection = existing(copy)?;
    // One file, whatever the copy took over from its source.
    connection
        .query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))
        .map_err(failed)?;
    connection
        .execute(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING",
            (COPY, open::now().to_string()),
        )
        .map_err(failed)?;
    Ok(())
}

/// See [`new_epoch`](crate::upkeep::new_epoch).
pub(crate) fn new_epoch(path: &Path) -> Result<Epoch, StoreError> {
    let mut connection = existing(path)?;
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(failed)?;
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    draw(&transaction)?;
    let epoch = open::epoch(&transaction)?;
    transaction.commit().map_err(failed)?;
    Ok(epoch)
}

/// Draws a new epoch when this is a copy that nobody has used yet: what comes after it here is another story than what
/// came after it there. `[CU3]`
pub(super) fn begin_if_copy(connection: &Connection) -> Result<(), StoreError> {
    let copied: Option<String> = connection
        .query_row("SELECT value FROM meta WHERE key = ?1", [COPY], |row| {
            row.get(0)
        })
        .optional()
        .map_err(failed)?;
    if copied.is_some() {
        draw(connection)?;
        tracing::info!(
            "this database is a restored backup: it has a new epoch, and every client starts anew"
        );
    }
    Ok(())
}

fn draw(connection: &Connection) -> Result<(), StoreError> {
    connection.execute(REMEMBER_EPOCH, []).map_err(failed)?;
    let epoch = migrate::new_epoch()?.to_string();
    connection
        .execute("UPDATE meta SET value = ?1 WHERE key = 'epoch'", [epoch])
        .map_err(failed)?;
    // What nodes told each other before opens no more.
    connection
        .execute(
            "UPDATE meta SET value = ?2 WHERE key = ?1",
            (hint_key::SECRET, hint_key::new_secret()?),
        )
        .map_err(failed)?;
    connection
        .execute("DELETE FROM meta WHERE key = ?1", [COPY])
        .map(drop)
        .map_err(failed)
}

/// The epoch that ends now joins those before it.
const REMEMBER_EPOCH: &str = "INSERT INTO meta (key, value) SELECT 'earlier_epochs', value FROM meta WHERE key = 'epoch' \
    ON CONFLICT (key) DO UPDATE SET value = value || ',' || excluded.value";

/// See [`lineage`](crate::upkeep::lineage).
pub(crate) fn lineage(path: &Path, at: &[Position]) -> Result<Option<Lineage>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    let connection = read_only(path)?;
    let Some(applied) = open::history(&connection, path)? else {
        return Ok(None);
    };
    let text = "SELECT value FROM meta WHERE key = ?1";
    let meta = |key: &str| -> Result<Option<String>, StoreError> {
        let value = connection.query_row(text, [key], |row| row.get(0));
        value.optional().map_err(failed)
    };
    let (mut reached, mut chains) = (Vec::new(), vec![None; at.len()]);
    // Before it there is nothing to compare by.
    if applied.len() >= migrate::CHAIN {
        reached = now(read::log::reached(&connection))?;
        let text = "SELECT chain FROM events WHERE shard = ?1 AND position = ?2";
        for (shard, position) in at.iter().enumerate() {
            let place = (shard as i64, i64::try_from(position.0).unwrap_or(i64::MAX));
            let chain = connection.query_row(text, place, |row| row.get::<_, Option<[u8; 32]>>(0));
            chains[shard] = chain.optional().map_err(failed)?.flatten().map(Chain);
        }
    }
    Ok(Some(Lineage {
        epoch: open::epoch(&connection)?,
        earlier: epochs(meta("earlier_epochs")?.as_deref()),
        is_copy: meta(COPY)?.is_some(),
        reached,
        at: chains,
    }))
}

/// A connection to a database that is there, ours, and not newer.
fn existing(path: &Path) -> Result<Connection, StoreError> {
    if !path.exists() {
        return Err(nothing_there(&path.display().to_string()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| unopened(path, &e))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    keep_log(&connection, path)?;
    let Some(applied) = open::history(&connection, path)? else {
        return Err(nothing_there(&path.display().to_string()));
    };
    migrate::pending(migrate::SQLITE, &applied)?;
    Ok(connection)
}

/// Leaves a write-ahead log that is there where it is: a server that runs has it, or one that was killed left it, and the
/// next start asks for it.
pub(super) fn keep_log(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    if log_of(path).exists() {
        let keeps = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        connection.set_db_config(keeps, true).map_err(failed)?;
    }
    Ok(())
}

/// Where the write-ahead log of a database is.
pub(super) fn log_of(path: &Path) -> std::path::PathBuf {
    path.with_file_name(format!("{}-wal", name(path)))
}

fn unopened(path: &Path, error: &rusqlite::Error) -> StoreError {
    StoreError::Refused(format!("{} cannot be opened: {error}.", path.display()))
}

fn name(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// A path as it stands in an address of SQLite's.
fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            text.push(char::from(*byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

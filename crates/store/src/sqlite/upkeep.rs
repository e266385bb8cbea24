//! Looking at the file, copying it, and its epoch.
//!
//! Owns: connections that never make a file. Never: writes to the database, but for the epoch when it is asked to.

use std::{fs::File, path::Path};

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior};
use tidings_protocol::Epoch;

use super::{
    columns::failed,
    open::{self, BUSY_TIMEOUT},
};
use crate::{
    error::StoreError,
    hint_key, migrate,
    upkeep::{Found, nothing_there},
};

/// In `meta` of a copy, until it is opened to be used.
pub(super) const COPY: &str = "copied_at";

/// See [`look`](crate::upkeep::look).
pub(crate) fn look(path: &Path) -> Result<Found, StoreError> {
    if !path.exists() {
        return Ok(Found::Nothing);
    }
    // Without a write-ahead log nobody has the file open, and reading it as unchanging makes no files beside it. With one
    // SQLite may build its index of it (-shm) anew, as the next start would.
    let log = path.with_file_name(format!("{}-wal", name(path)));
    let is_alone = std::fs::metadata(log).map_or(true, |log| log.len() == 0);
    let mut address = format!("file:{}?mode=ro", escaped(path));
    if is_alone {
        address.push_str("&immutable=1");
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(address, flags).map_err(|e| unopened(path, &e))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
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

/// See [`back_up`](crate::upkeep::back_up).
pub(crate) fn back_up(path: &Path, to: &Path) -> Result<(), StoreError> {
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
    part.as_file().sync_all().map_err(|e| cannot(&e))?;
    part.persist_noclobber(to).map_err(|e| cannot(&e.error))?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| cannot(&e))
}

/// Checks a fresh copy and notes in it that it is one.
fn mark(copy: &Path) -> Result<(), StoreError> {
    let connection = existing(copy)?;
    let said: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(failed)?;
    if said != "ok" {
        return Err(StoreError::Trouble(format!("the copy is damaged: {said}")));
    }
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

/// A connection to a database that is there, ours, and not newer.
fn existing(path: &Path) -> Result<Connection, StoreError> {
    if !path.exists() {
        return Err(nothing_there(&path.display().to_string()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| unopened(path, &e))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    let Some(applied) = open::history(&connection, path)? else {
        return Err(nothing_there(&path.display().to_string()));
    };
    migrate::pending(migrate::SQLITE, &applied)?;
    Ok(connection)
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

//! The folder with the database and files: made when it is missing, and served from by one process at a time.
//!
//! Owns: the lock file in it. Never: removes the lock file (the lock is the kernel's, and ends with its process), or
//! keeps `tidings user` and `tidings backup` out: they work beside a server.

use std::{
    fs::{DirBuilder, File, Permissions, TryLockError},
    io::{Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use crate::{config::Config, mark::MARK_FILE};

/// The file whose lock says that a server runs.
const LOCK_FILE: &str = "tidings.lock";

/// Free bytes below which the server counts as not ready: what a few batches and the copying back of their log take.
pub const FREE_BYTES_MIN: u64 = 8 * 1024 * 1024;

/// The folder while this process serves from it.
#[derive(Debug)]
pub struct Held {
    _lock: File,
}

/// Makes the folder if the database will be in it: for its owner alone, since hashes of passwords are there.
///
/// # Errors
/// When it cannot be made.
pub fn prepare(config: &Config) -> anyhow::Result<()> {
    if config.database.is_none() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&config.data)
            .with_context(|| format!("cannot make the data folder {}", config.data.display()))?;
    }
    for path in open_to_others(&config.data) {
        let mode = if path.is_dir() { None } else { Some(0o600) };
        let shown = path.display();
        match mode.map(|mode| std::fs::set_permissions(&path, Permissions::from_mode(mode))) {
            Some(Ok(())) => {
                tracing::warn!("{shown} could be read by others; now by its owner alone")
            }
            Some(Err(error)) => tracing::warn!("{shown} can be read by others: {error}"),
            // Perhaps it is so on purpose, for a group that makes backups.
            None => tracing::warn!(
                "the folder {shown} is open to others on this machine; `chmod 700 {shown}` closes it. The files in it are \
                 for their owner alone"
            ),
        }
    }
    Ok(())
}

/// The folder and those of its files that others on this machine may read or write: hashes of passwords are in them.
#[must_use]
pub fn open_to_others(data: &Path) -> Vec<PathBuf> {
    let files = [
        "tidings.db",
        "tidings.db-wal",
        "tidings.db-shm",
        LOCK_FILE,
        MARK_FILE,
    ];
    let files = files.iter().map(|name| data.join(name));
    let is_open = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
    };
    std::iter::once(data.to_owned())
        .chain(files)
        .filter(is_open)
        .collect()
}

/// Bytes that the disk of a folder has for this user; none when it does not say.
#[must_use]
pub fn free_bytes(data: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(data).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Takes the folder for this process alone; none when the database is not in it. A second server would not hear what
/// the first one commits, nor who is there.
///
/// # Errors
/// When another process has it.
pub fn hold(config: &Config) -> anyhow::Result<Option<Held>> {
    if config.database.is_some() {
        return Ok(None);
    }
    let path = config.data.join(LOCK_FILE);
    let cannot = || format!("cannot lock {}", path.display());
    let mut lock = File::options()
        .create(true)
        .read(true)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .with_context(cannot)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Only for the sentence.
            let _ = lock.read_to_string(&mut holder);
            bail!(
                "another tidings (process {}) serves from {}; stop it first. Several nodes need PostgreSQL",
                holder.trim(),
                config.data.display()
            );
        }
        Err(TryLockError::Error(error)) => return Err(error).with_context(cannot),
    }
    lock.set_len(0).with_context(cannot)?;
    write!(lock, "{}", std::process::id()).with_context(cannot)?;
    Ok(Some(Held { _lock: lock }))
}

/// Whether a server has the folder now. Changes nothing.
///
/// # Errors
/// When that cannot be found out.
pub fn is_held(data: &Path) -> std::io::Result<bool> {
    let path: PathBuf = data.join(LOCK_FILE);
    let lock = match File::open(path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

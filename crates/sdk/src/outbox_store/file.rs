//! An outbox in one file: a line for each row added, a line for each row removed. JSON Lines.
//!
//! Owns: the file, its lock, and the thread that writes it. Rows that arrive while the disk is busy share one `fsync`.
//! Never: loses a row that was said to be stored. A torn last line was never said to be; it is cut off.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, Sender},
    thread::JoinHandle,
};

use serde::{Deserialize, Serialize};
use tidings_protocol::TxnId;
use tidings_sync::outbox::Row;
use tokio::sync::oneshot;

use super::{OutboxStore, Stored};

/// Lines that say nothing any more, before the file is written anew. It is rewritten when they are also the majority.
const DEAD_LINES_MAX: usize = 1_000;
/// Rows that share one `fsync`, at most.
const BATCH_MAX: usize = 256;

/// Keeps rows in a file. One process at a time may have it open.
#[derive(Debug)]
pub struct FileOutbox {
    loaded: Vec<Row>,
    unread: Vec<String>,
    // Bounded by the outbox: each row is added once and removed once, and both were asked for by it.
    asks: Option<Sender<Ask>>,
    thread: Option<JoinHandle<()>>,
}

enum Ask {
    Add(Box<Row>, oneshot::Sender<io::Result<()>>),
    Remove(TxnId),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line<R> {
    Add(R),
    Remove(TxnId),
}

/// As much of a row as every version can read.
#[derive(Deserialize)]
struct Named {
    txn: TxnId,
}

impl FileOutbox {
    /// Opens the file, or begins it. Blocks: it reads the file, writes it anew and waits for the disk.
    ///
    /// # Errors
    /// When another process has it open, when it cannot be read or written, or when a line inside it is not of an
    /// outbox: then nothing is changed, since guessing might lose a command. A command of another version that this one
    /// cannot read costs only itself: see [`FileOutbox::unread`].
    pub fn open(path: impl AsRef<Path>) -> io::Result<FileOutbox> {
        let journal = Journal::open(path.as_ref())?;
        let loaded = journal.rows.values().cloned().collect();
        let unread = journal.unread.values().cloned().collect();
        let (asks, asked) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("outbox".to_owned())
            .spawn(move || write_all(journal, &asked))?;
        Ok(FileOutbox {
            loaded,
            unread,
            asks: Some(asks),
            thread: Some(thread),
        })
    }

    /// The lines of commands that this version cannot read, as a reaction that was one emoji to an earlier version. They
    /// stay in the file and are not sent; [`OutboxStore::remove`] with their `txn` takes one out.
    #[must_use]
    pub fn unread(&self) -> &[String] {
        &self.unread
    }
}

impl OutboxStore for FileOutbox {
    fn load(&mut self) -> io::Result<Vec<Row>> {
        Ok(std::mem::take(&mut self.loaded))
    }

    fn add(&mut self, row: &Row) -> Stored {
        let (done, stored) = oneshot::channel();
        let ask = Ask::Add(Box::new(row.clone()), done);
        if let Some(asks) = &self.asks {
            // A thread that is gone drops `done`, which is an error below.
            drop(asks.send(ask));
        }
        Box::pin(async move {
            let gone = |_| {
                Err(io::Error::other(
                    "the thread that writes the outbox is gone",
                ))
            };
            stored.await.unwrap_or_else(gone)
        })
    }

    fn remove(&mut self, txn: &TxnId) {
        if let Some(asks) = &self.asks {
            drop(asks.send(Ask::Remove(txn.clone())));
        }
    }
}

impl Drop for FileOutbox {
    /// Waits until all that was asked is written, so that the file can be opened again at once.
    fn drop(&mut self) {
        self.asks = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn write_all(mut journal: Journal, asked: &Receiver<Ask>) {
    while let Ok(first) = asked.recv() {
        let mut added = Vec::new();
        let mut next = Some(first);
        while let Some(ask) = next {
            match ask {
                Ask::Add(row, done) => {
                    added.push((row.txn().clone(), done));
                    journal.add(*row);
                }
                Ask::Remove(txn) => journal.remove(&txn),
            }
            next = (added.len() < BATCH_MAX)
                .then(|| asked.try_recv().ok())
                .flatten();
        }
        let result = journal.commit(!added.is_empty());
        for (txn, done) in added {
            let answer = match &result {
                Ok(()) => Ok(()),
                Err(error) => {
                    journal.forget(&txn);
                    Err(io::Error::new(error.kind(), error.to_string()))
                }
            };
            drop(done.send(answer));
        }
    }
}

/// The file, and what it says.
#[derive(Debug)]
struct Journal {
    path: PathBuf,
    file: File,
    /// Held for as long as the file is open; the file itself is replaced, so it cannot carry the lock.
    _lock: Lock,
    rows: BTreeMap<u64, Row>,
    index: BTreeMap<TxnId, u64>,
    /// Lines of rows that only another version can read.
    unread: BTreeMap<TxnId, String>,
    next: u64,
    dead_lines: usize,
    buffer: Vec<u8>,
    /// A write failed, so nobody knows what the file holds: write it anew.
    broken: bool,
}

impl Journal {
    fn open(path: &Path) -> io::Result<Journal> {
        let lock = lock(path)?;
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut journal = Journal {
            path: path.to_owned(),
            file: OpenOptions::new().create(true).append(true).open(path)?,
            _lock: lock,
            rows: BTreeMap::new(),
            index: BTreeMap::new(),
            unread: BTreeMap::new(),
            next: 0,
            dead_lines: 0,
            buffer: Vec::new(),
            broken: false,
        };
        journal.read(&bytes)?;
        // Also cuts off a torn last line.
        journal.rewrite()?;
        Ok(journal)
    }

    fn read(&mut self, bytes: &[u8]) -> io::Result<()> {
        // What follows the last line's end was being written when the process ended.
        let whole = bytes
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |end| end + 1);
        for (number, line) in bytes[..whole].split(|&b| b == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            match serde_json::from_slice(line) {
                Ok(Line::Add(row)) => self.keep(row),
                Ok(Line::Remove(txn)) => self.forget(&txn),
                Err(error) => match serde_json::from_slice(line) {
                    Ok(Line::Add(Named { txn })) => {
                        let line = String::from_utf8_lossy(line).into_owned();
                        self.unread.insert(txn, line);
                    }
                    _ => {
                        let sentence = format!("line {} is not of an outbox: {error}", number + 1);
                        return Err(io::Error::new(io::ErrorKind::InvalidData, sentence));
                    }
                },
            }
        }
        Ok(())
    }

    fn keep(&mut self, row: Row) {
        if self.index.contains_key(row.txn()) {
            return;
        }
        self.index.insert(row.txn().clone(), self.next);
        self.rows.insert(self.next, row);
        self.next += 1;
    }

    fn forget(&mut self, txn: &TxnId) {
        self.unread.remove(txn);
        if let Some(order) = self.index.remove(txn) {
            self.rows.remove(&order);
            self.dead_lines += 2;
        }
    }

    fn add(&mut self, row: Row) {
        line(&mut self.buffer, &Line::Add(&row));
        self.keep(row);
    }

    fn remove(&mut self, txn: &TxnId) {
        line(&mut self.buffer, &Line::<&Row>::Remove(txn.clone()));
        self.forget(txn);
    }

    /// Writes what was asked for. With `durable`, waits for the disk.
    fn commit(&mut self, durable: bool) -> io::Result<()> {
        if self.broken || (self.dead_lines > DEAD_LINES_MAX && self.dead_lines > self.rows.len()) {
            self.buffer.clear();
            return self.rewrite();
        }
        let mut result = self.file.write_all(&self.buffer);
        self.buffer.clear();
        if durable && result.is_ok() {
            result = self.file.sync_data();
        }
        self.broken = result.is_err();
        result
    }

    /// Writes the file anew, with nothing but the rows, and puts it in the old one's place.
    fn rewrite(&mut self) -> io::Result<()> {
        self.broken = true;
        let mut bytes = Vec::new();
        for unread in self.unread.values() {
            bytes.extend_from_slice(unread.as_bytes());
            bytes.push(b'\n');
        }
        for row in self.rows.values() {
            line(&mut bytes, &Line::Add(row));
        }
        let fresh = beside(&self.path, ".new");
        let mut file = File::create(&fresh)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        let folder = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.dead_lines = 0;
        self.broken = false;
        Ok(())
    }
}

fn line<T: Serialize>(buffer: &mut Vec<u8>, line: &T) {
    serde_json::to_writer(&mut *buffer, line).expect("rows have text keys, and memory takes them");
    buffer.push(b'\n');
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// The lock of an outbox. It is let go of by name: a child that is being started meanwhile has copies of all open files for
/// a moment, and closing ours would not free the lock.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // What cannot be unlocked is free when the last copy closes.
        drop(self.0.unlock());
    }
}

fn lock(path: &Path) -> io::Result<Lock> {
    let file = File::create(beside(path, ".lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::WouldBlock,
            "another process has this outbox open",
        )),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests;

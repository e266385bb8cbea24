//! Where commands without an answer are kept, so that a crash does not lose them.
//!
//! Owns: the trait, and the store that keeps nothing beyond the process. Never: decides what is sent when.

mod file;

use std::{future::Future, io, pin::Pin};

use tidings_protocol::TxnId;
use tidings_sync::outbox::Row;

pub use file::FileOutbox;

/// Done when a row would survive a crash.
pub type Stored = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// Keeps the rows of one client's outbox.
pub trait OutboxStore: Send + 'static {
    /// The rows that an earlier process left, oldest first. Called once, before anything else.
    ///
    /// # Errors
    /// When they cannot be read.
    fn load(&mut self) -> io::Result<Vec<Row>>;

    /// Keeps a row. It is sent only when the returned future is done; rows are added in the order of the calls.
    fn add(&mut self, row: &Row) -> Stored;

    /// Forgets a row. Needs no guarantee: a row that comes back is asked again and gets the same answer.
    fn remove(&mut self, txn: &TxnId);
}

/// Keeps rows for as long as the process lives, and no longer. The outbox itself holds them, so there is nothing to do.
#[derive(Debug, Default, Clone, Copy)]
pub struct MemoryOutbox;

impl OutboxStore for MemoryOutbox {
    fn load(&mut self) -> io::Result<Vec<Row>> {
        Ok(Vec::new())
    }

    fn add(&mut self, _row: &Row) -> Stored {
        Box::pin(std::future::ready(Ok(())))
    }

    fn remove(&mut self, _txn: &TxnId) {}
}

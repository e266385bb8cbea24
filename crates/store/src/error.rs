//! Why the store could not do something, by what the caller can do about it.
//!
//! Owns: [`StoreError`] and the sentences shared by both databases.
//! Never: is shown to a client; a doorway turns it into `unavailable` or `internal`.

/// Why a call on the store failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A unique rule was violated by a race with another shard or node; nothing was written. Decide the commands
    /// again, one by one.
    #[error("a unique rule was violated by a race; decide the commands again")]
    Conflict,
    /// Not now: connection lost, busy, starting, or a commit whose outcome is unknown. A retry with the same `txn`
    /// is safe.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// This database cannot be used: newer, foreign, or without durable commits. The sentence is for the operator.
    #[error("{0}")]
    Refused(String),
    /// Anything else: a bug, a damaged row, a full disk.
    #[error("the database has trouble: {0}")]
    Trouble(String),
}

impl StoreError {
    /// Trouble with its context.
    pub(crate) fn trouble(context: &str, cause: impl std::fmt::Display) -> StoreError {
        StoreError::Trouble(format!("{context}: {cause}"))
    }

    /// The same of a call that may have reached the database: whether it did is not known.
    pub(crate) fn unknown(self) -> StoreError {
        if let StoreError::Trouble(what) = self {
            StoreError::Unavailable(what)
        } else {
            self
        }
    }

    /// A row that does not read as what this version writes.
    pub(crate) fn damaged(what: &str) -> StoreError {
        StoreError::Trouble(format!(
            "a stored row is damaged: {what} does not read as one"
        ))
    }
}

/// The tables whose unique rules two shards can meet at: there a violation is a race, elsewhere it is a bug.
pub(crate) const SHARED_BETWEEN_SHARDS: [&str; 4] = ["users", "first_account", "devices", "rooms"];

/// What a panic inside a job says.
pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> StoreError {
    let what = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    StoreError::Trouble(format!("a job panicked and was rolled back: {what}"))
}

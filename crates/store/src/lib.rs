//! All SQL of Tidings, and nothing but SQL: SQLite and PostgreSQL behind one type.
//!
//! Owns: [`Store`], the schema and its migrations, the transaction that appends, the reads.
//! Never: decides a command, waits for anything but its database, keeps state of its own between calls.
//!
//! Read in this order: [`Store`], `migrations/sqlite/0001_first.sql`, `sqlite/write.rs`, `query.rs`, `read/`.

// A closed list says what each of its members means: a new one is asked about everywhere.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

mod batch;
mod decode;
mod error;
#[cfg(test)]
mod growth;
mod hint_key;
mod migrate;
mod postgres;
mod query;
mod read;
mod sqlite;
mod store;
pub mod upkeep;
mod value;
pub mod verify;

pub use error::StoreError;
pub use hint_key::HintKey;
pub use read::{
    history::{MessagePage, Page},
    reader::{Reader, Seen},
    resume::{Following, Resume},
};
pub use store::{Commit, Store, StoreConfig};

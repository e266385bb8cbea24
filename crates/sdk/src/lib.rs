//! The Rust client of Tidings: for bots, bridges and load generators.
//!
//! Owns: REST calls ([`Client`]), and one lasting connection with its outbox ([`Connection`], [`Updates`]).
//! Never: decides what an event means for a room's state, or keeps history; both are the caller's.
//! The token stays out of URLs and of every `Debug` output.
//!
//! ```no_run
//! # async fn example() -> Result<(), tidings_sdk::Error> {
//! use tidings_sdk::{Client, ConnectOptions, Update};
//!
//! let client = Client::with_token("http://127.0.0.1:8080", "the token")?;
//! let (connection, mut updates) = client.connect(ConnectOptions::default()).await?;
//! while let Some(update) = updates.recv().await {
//!     if let Update::Room { room, .. } = update {
//!         connection.send(room.id, "hello").await?;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! This build speaks plain HTTP: a bot runs beside its server, or behind the same proxy that ends TLS.

mod address;
mod client;
mod connection;
mod error;
mod outbox_store;
mod rooms;
mod update;

pub use client::{Client, MessagesAt, SignIn, SignUp};
pub use connection::{ConnectOptions, Connection, Format, UPDATES_QUEUE_MAX, Updates};
pub use error::Error;
pub use outbox_store::{FileOutbox, MemoryOutbox, OutboxStore, Stored};
pub use update::Update;

pub use tidings_protocol as protocol;
pub use tidings_sync::{
    client::{Resume, Status},
    outbox::Row,
};

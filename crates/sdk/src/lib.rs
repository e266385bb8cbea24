//! The Rust client of Tidings: for bots, bridges and load generators.
//!
//! Owns: REST calls ([`Client`]), and one lasting connection with its outbox ([`Connection`], [`Updates`]).
//! Never: decides what an event means for a room's state, or keeps history; both are the caller's.
//! The token stays out of URLs and of every `Debug` output.
#![doc = concat!("\n```no_run\n", include_str!("../examples/hello.rs"), "```\n")]
//!
//! With `https` the machine's own trust store says which certificates are good; [`Server`] names other authorities.
//! TLS is rustls with aws-lc-rs: to build it takes a C compiler and nothing else on common targets.

// A closed list says what each of its members means: a new one is asked about everywhere.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

mod address;
mod client;
mod connection;
mod error;
mod outbox_store;
mod rooms;
mod server;
mod update;

pub use client::{Client, MessagesAt, SignIn, SignUp};
pub use connection::{ConnectOptions, Connection, Format, UPDATES_QUEUE_MAX, Updates};
pub use error::Error;
pub use outbox_store::{FileOutbox, MemoryOutbox, OutboxStore, Stored};
pub use server::Server;
pub use update::Update;

pub use tidings_protocol as protocol;
pub use tidings_sync::{
    client::{Resume, Status},
    outbox::Row,
};

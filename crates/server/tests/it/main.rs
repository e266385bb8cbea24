//! Tests of the doors as their users see them: requests in, answers out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod accounts;
mod backup;
mod base_path;
mod bugs;
mod commands;
mod compression;
mod disk;
mod documents;
mod doors;
mod drain;
mod hostile;
mod limits;
mod lineage;
mod log;
mod messages;
mod misfits;
mod operations;
mod origins;
mod proxies;
mod proxy_blocks;
mod resume;
mod rights;
mod rooms;
mod schema;
mod sdk;
mod seats;
mod server;
mod slow;
mod socket;
mod strangers;
mod stream;
mod trace;
mod trouble;
mod world;

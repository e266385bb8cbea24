//! The doors: HTTP, WebSocket, SSE, long poll; and the program around them.
//!
//! Owns: what comes from outside until it is a command, and what goes out once the hub says so.
//! Never: decides, or holds SQL. Only `main.rs` knows everything.
//!
//! Read in this order: [`config`], [`node`], [`reactor`], [`socket`], then [`http`].

// A closed list says what each of its members means: a new one is asked about everywhere.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod asyncapi;
pub mod auth;
pub mod backup;
pub mod config;
pub mod data_folder;
pub mod doctor;
pub mod echo;
pub mod http;
pub mod log;
pub mod mark;
pub mod metrics;
mod misfit;
pub mod node;
pub mod openapi;
pub mod output;
pub mod problem;
pub mod reactor;
pub mod socket;
pub mod stream;
pub mod user;
pub mod wire;

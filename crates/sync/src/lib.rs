//! How a peer keeps up: pure state machines for both ends of a stream.
//!
//! Owns: on the server what one peer has had and what it is due ([`subscription`], [`replay`], [`gate`]);
//! on the client what was applied, what is awaited and what waits to be sent ([`client`], [`outbox`], [`backoff`]).
//! Never: waits, reads a clock, draws a random number, touches a socket or a store. Time and chance are arguments.
//!
//! Read in this order: [`subscription`], [`replay`], [`gate`], then [`client`].

// A closed list says what each of its members means: a new one is asked about everywhere.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod backoff;
pub mod client;
pub mod gate;
pub mod outbox;
pub mod replay;
pub mod subscription;

pub use gate::{Early, Gate, Verdict};
pub use replay::{Replay, Step};
pub use subscription::{Due, Subscription};

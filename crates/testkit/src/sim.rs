//! Simulation by seed: the real appender, feed, hub and store, under faults that one number decides.
//!
//! Owns: the world (nodes, wires, clients, faults) and the order in which everything happens.
//! Never: judges; the auditors in [`audit`] do, from what was recorded.
//!
//! What runs here is real but for the sockets and the threads: commands are committed by `engine::appender` to a real
//! SQLite, batches travel by `engine::feed`, peers are served by `engine::hub`, bytes are framed by the codec. Beside
//! each client stands a strict [`observer`] that notes every frame. A seed that fails is run again by
//! `cargo xtask sim --seed N`.
//!
//! Read on in [`world`], then [`record`] (what is left of a run) and [`audit`].

pub mod audit;
pub mod client;
pub mod fold;
pub mod node;
pub mod observer;
pub mod random;
pub mod record;
mod rest;
pub mod wire;
pub mod world;

pub use audit::Finding;
pub use record::Record;
pub use wire::Fault;
pub use world::{Options, Outcome, run};

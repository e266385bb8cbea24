//! Simulation by seed: the real appender, feed, hub and store, under faults that one number decides.
//!
//! Owns: the world (nodes, wires, clients, faults) and the order in which everything happens.
//! Never: judges; the auditors in [`audit`] do, from what was recorded.
//!
//! What runs here is real but for the sockets and the threads: commands are committed by `engine::appender` to a real
//! SQLite, batches travel by `engine::feed`, peers are served by `engine::hub`, bytes are framed by the codec. Clients
//! are strict observers: they note every byte they get. A seed that fails is run again by
//! `cargo xtask sim --seed N`.

pub mod audit;
pub mod client;
pub mod node;
pub mod random;
pub mod wire;
pub mod world;

pub use audit::Finding;
pub use world::{Options, run};

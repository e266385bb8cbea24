//! What holds for every command of the list, shown from outside.
//!
//! Owns: the law by the list. Never: a command by its word; a new one is covered because it exists.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod door;
mod needs;
mod rights;

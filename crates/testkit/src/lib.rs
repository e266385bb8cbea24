//! What tests stand on: servers they start, the simulation by seed, the auditors.
//!
//! Owns: fixtures and judges that belong to one test process. Never: linked into the program.

#[cfg(feature = "commands")]
pub mod commands;
#[cfg(feature = "history")]
pub mod history;
#[cfg(feature = "load")]
pub mod load;
pub mod postgres;
pub mod process;
pub mod redis;
#[cfg(feature = "sim")]
pub mod sim;

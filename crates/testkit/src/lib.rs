//! What tests stand on: servers they start, the simulation by seed, the auditors.
//!
//! Owns: fixtures and judges that belong to one test process. Never: linked into the program.

pub mod postgres;
#[cfg(feature = "sim")]
pub mod sim;

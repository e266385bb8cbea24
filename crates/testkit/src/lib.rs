//! What tests stand on: a real PostgreSQL server.
//!
//! Owns: servers and fixtures that belong to one test process. Never: linked into the program.

pub mod postgres;

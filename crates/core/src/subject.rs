//! What each command means: what deciding it needs, and what follows from it.
//!
//! Owns: one file a subject, of the same name as the structs' in the protocol. The first to read is [`message`].
//! Never: touches the state; [`apply`](crate::apply) does, from the events alone.

pub mod account;
mod marker;
mod member;
mod message;
mod reaction;
pub(crate) mod room;

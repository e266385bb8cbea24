//! What a room means: pure decisions on plain state.
//!
//! Owns: commands, what they need to know, what they decide, how events fold into state, who may see what.
//! Never: reads a clock, makes a random number, waits, touches SQL, a socket or a file. Time and ids are arguments.
//!
//! Read in this order: [`command`], [`state`], [`subject`] (first `subject/message.rs`), [`decide`], [`apply`], [`permission`].

// A closed list says what each of its members means: a new one is asked about everywhere.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod apply;
pub mod chain;
pub mod command;
pub mod decide;
pub mod derive;
pub mod names;
pub mod permission;
pub mod room_fold;
pub mod state;
pub mod stored;
pub mod subject;

pub use chain::{BodyHash, Chain, Salt};
pub use command::{By, Command, Needs};
pub use decide::{Ctx, Executed, execute};
pub use state::{Changes, Device, Done, Member, MessageRow, ReactionKey, Room, State, User};
pub use stored::{Entry, StoredEvent};
pub use subject::account::{AddDevice, CreateUser, KeepDevices, RemoveDevice, SetPassword};

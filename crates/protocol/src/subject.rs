//! What people do, one file a subject: the plain struct of each command.
//!
//! Owns: the fields of a command as they stand in a frame, in a request and in the core. Never: a `txn`, which says nothing
//! of what is done, and no list; that is [`command`](crate::command).

pub mod marker;
pub mod member;
pub mod message;
pub mod reaction;
pub mod room;

pub use marker::MoveMarker;
pub use member::{AddMember, RemoveMember, SetRole};
pub use message::{DeleteMessage, EditMessage, SendContent, SendMessage};
pub use reaction::{AddReaction, RemoveReaction};
pub use room::{CreateRoom, RenameRoom};

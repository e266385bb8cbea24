//! The published language of Tidings: ids, events, frames, refusals, close codes and limits.
//!
//! Owns: what every byte on the wire means, and how it parses.
//! Never: decides anything, reads a clock, makes a random number, touches a socket or a database.
//! The rules in words are in `spec/PROTOCOL.md`; ids in brackets such as `[EV3]` quote them.
//!
//! Read in this order: [`id`], [`number`], [`content`], [`event`], [`cursor`], [`subject`], [`command`],
//! [`frame`],
//! [`refusal`], [`close`], [`limits`].

// A closed list says what each of its members means: a new one is asked about everywhere.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod close;
pub mod command;
pub mod content;
pub mod cursor;
pub mod event;
pub mod frame;
pub mod gone;
pub mod id;
pub mod last_line;
pub mod limits;
pub mod name;
pub mod number;
pub mod refusal;
pub mod rest;
pub mod subject;
pub mod summary;
pub mod time;

pub use close::CloseCode;
pub use command::Command;
pub use content::{Content, Kind};
pub use cursor::{Cursor, CursorError};
pub use event::Event;
pub use frame::{ClientFrame, Follow, LeftRoom, OpenRoom, Part, ServerFrame};
pub use gone::Gone;
pub use id::{DeviceId, EventId, IdError, LogId, RoomId, TxnId, UserId};
pub use last_line::last_line;
pub use name::{DisplayName, Emoji, MessageText, NameError, RoomName, Username};
pub use number::{Epoch, Position, Seq, ShardId};
pub use refusal::{FieldError, Refusal, RefusalCode};
pub use subject::SendContent;
pub use summary::{
    DeviceInfo, LastMessage, Marker, MemberInfo, Message, MessageReaction, Presence, Role,
    RoomHead, RoomKind, RoomSummary, ServerRole, UserKind, UserProfile, Visibility,
};
pub use time::Timestamp;

//! The spine at work: one door in, one commit, one feed out.
//!
//! Owns: the door, the appenders that commit, the feed that publishes in position order, the hub that delivers,
//! hints between nodes, presence. Never: speaks HTTP, holds SQL, decides what a command means.
//!
//! Read in this order: [`work`], [`door`], [`appender`], [`batch`], [`feed`], [`hub`], then [`hints`] and [`presence`].

// A closed list says what each of its members means: a new one is asked about everywhere.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod appender;
pub mod batch;
pub mod door;
pub mod encoded;
pub mod environment;
pub mod feed;
pub mod hints;
pub mod hub;
pub mod inbox;
pub mod presence;
#[cfg(test)]
mod random;
pub mod seldom;
pub mod work;

pub use appender::Appender;
pub use batch::{Batch, Segment};
pub use door::Door;
pub use encoded::{Format, Logged};
pub use environment::{Environment, SystemEnvironment};
pub use feed::Feed;
pub use hub::{Effect, Hello, Hub, Wire};
pub use inbox::{Inbox, Item};
pub use presence::PresenceBook;
pub use seldom::Seldom;
pub use work::{Answer, PeerId, Reply, Submission, Work};

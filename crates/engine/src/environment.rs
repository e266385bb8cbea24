//! The clock and the source of ids, behind one trait, so that a simulation can own both.
//!
//! Owns: the only reads of the system clock on the message path. Never: decides anything by them.

use tidings_protocol::{EventId, Timestamp};

/// Time and fresh ids.
pub trait Environment: Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// A fresh event id (`UUIDv7`, RFC 9562).
    fn event_id(&self) -> EventId;
}

/// The machine's clock and random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEnvironment;

impl Environment for SystemEnvironment {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX)))
    }

    fn event_id(&self) -> EventId {
        EventId::from_bits(uuid::Uuid::now_v7().as_u128())
    }
}

//! The clock and the source of ids, behind one trait, so that a simulation can own both.
//!
//! Owns: the only reads of the system clock on the message path. Never: decides anything by them.

use std::cell::RefCell;

use tidings_core::Salt;
use tidings_protocol::{EventId, Timestamp};

/// Random bytes that a thread asks the system for at a time.
const RANDOM_BYTES: usize = 1_024;

/// Time and fresh ids.
pub trait Environment: Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// A fresh event id (`UUIDv7`, RFC 9562).
    fn event_id(&self) -> EventId;
    /// Fresh random bytes that nobody can guess.
    fn salt(&self) -> Salt;
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

    fn salt(&self) -> Salt {
        thread_local! {
            /// What is left of the last portion.
            static RANDOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        RANDOM.with_borrow_mut(|random| {
            if random.len() < 16 {
                random.resize(RANDOM_BYTES, 0);
                getrandom::fill(random)
                    .expect("the system has randomness; ids are drawn from it, too");
            }
            let left = random.len() - 16;
            let mut salt = [0; 16];
            salt.copy_from_slice(&random[left..]);
            random.truncate(left);
            Salt(salt)
        })
    }
}

//! From which networks the owners of names have signed in.
//!
//! Owns: remembering it for a while, in memory, as hashes that nobody outside can compute.
//! Never: stands in the database, or decides who signs in; it only says whom strangers' tries must not keep waiting.
//! After a start nobody is remembered; the device's cookie (see [`known`](crate::auth::known)) outlives it.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    time::Duration,
};

/// How long a network is remembered after its last sign-in with a right password.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Pairs of name and network, at most: two megabytes. Full, the older half makes room.
const PAIRS_MAX: usize = 1 << 16;

/// Pairs of name and network that have signed in.
#[derive(Debug, Default)]
pub(super) struct Acquaintances {
    hasher: RandomState,
    /// When last.
    seen: HashMap<u64, Duration>,
}

impl Acquaintances {
    /// Whether the owner of the name signed in from this network lately.
    pub(super) fn has(&self, now: Duration, name: &str, network: impl Hash) -> bool {
        let seen = self.seen.get(&self.hasher.hash_one((name, network)));
        seen.is_some_and(|seen| now.saturating_sub(*seen) < REMEMBERED)
    }

    /// Remembers that they did.
    pub(super) fn meet(&mut self, now: Duration, name: &str, network: impl Hash) {
        if self.seen.len() >= PAIRS_MAX {
            let mut times: Vec<Duration> = self.seen.values().copied().collect();
            let middle = times.len() / 2;
            let median = *times.select_nth_unstable(middle).1;
            self.seen.retain(|_, seen| *seen > median);
        }
        let key = self.hasher.hash_one((name, network));
        self.seen.insert(key, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_signed_in_is_remembered_for_a_while() {
        let mut known = Acquaintances::default();
        let day = |n: u64| Duration::from_secs(n * 24 * 60 * 60);
        known.meet(day(1), "ada", 1);
        assert!(known.has(day(30), "ada", 1) && !known.has(day(31), "ada", 1));
        assert!(!known.has(day(1), "bob", 1) && !known.has(day(1), "ada", 2));
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_the_latest() {
        // [P5]
        let mut known = Acquaintances::default();
        for n in 0..3 * PAIRS_MAX as u64 {
            known.meet(Duration::from_millis(n), "ada", n);
            assert!(known.seen.len() <= PAIRS_MAX);
        }
        let now = Duration::from_secs(1_000);
        assert!(known.has(now, "ada", 3 * PAIRS_MAX as u64 - 1));
        assert!(!known.has(now, "ada", 0u64));
    }
}

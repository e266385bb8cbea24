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
/// Networks remembered for a name, at most: homes, offices and the phone's last ones. One who has an account and a
/// prefix of many networks fills these places and no others.
const NETWORKS_MAX: usize = 16;
/// Names that are remembered, at most: a few megabytes, 25 where each has all its networks. Full, the older half makes
/// room.
const NAMES_MAX: usize = 1 << 16;

/// The networks of a name, as hashes, and when it last signed in from each.
type Networks = Vec<(u64, Duration)>;

/// Pairs of name and network that have signed in.
#[derive(Debug, Default)]
pub(super) struct Acquaintances {
    hasher: RandomState,
    names: HashMap<u64, Networks>,
}

impl Acquaintances {
    /// Whether the owner of the name signed in from this network lately.
    pub(super) fn has(&self, now: Duration, name: &str, network: impl Hash) -> bool {
        let networks = self.names.get(&self.hasher.hash_one(name));
        let network = self.hasher.hash_one(network);
        let mut seen = networks.into_iter().flatten();
        seen.any(|(of, seen)| *of == network && now.saturating_sub(*seen) < REMEMBERED)
    }

    /// Remembers that they did.
    pub(super) fn meet(&mut self, now: Duration, name: &str, network: impl Hash) {
        let name = self.hasher.hash_one(name);
        if self.names.len() >= NAMES_MAX && !self.names.contains_key(&name) {
            self.forget_older_half();
        }
        let networks = self.names.entry(name).or_default();
        let network = self.hasher.hash_one(network);
        // The one that was seen last stands last.
        networks.retain(|(of, _)| *of != network);
        if networks.len() >= NETWORKS_MAX {
            networks.remove(0);
        }
        networks.push((network, now));
    }

    fn forget_older_half(&mut self) {
        let last = |networks: &Networks| networks.last().map_or(Duration::ZERO, |(_, seen)| *seen);
        let mut times: Vec<Duration> = self.names.values().map(last).collect();
        let middle = times.len() / 2;
        let median = *times.select_nth_unstable(middle).1;
        self.names.retain(|_, networks| last(networks) > median);
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
        for n in 0..3 * NAMES_MAX as u64 {
            known.meet(Duration::from_millis(n), &n.to_string(), 1);
            assert!(known.names.len() <= NAMES_MAX);
        }
        let now = Duration::from_secs(1_000);
        assert!(known.has(now, &(3 * NAMES_MAX - 1).to_string(), 1));
        assert!(!known.has(now, "0", 1));
    }

    #[test]
    fn one_name_of_many_networks_makes_nobody_elses_forgotten() {
        // [LI5] [P5] An account, and a prefix of as many networks as one likes.
        let mut known = Acquaintances::default();
        known.meet(Duration::ZERO, "ada", u64::MAX);
        for n in 0..200_000u64 {
            known.meet(Duration::from_millis(n), "mallory", n);
        }
        let now = Duration::from_secs(200);
        assert!(known.has(now, "ada", u64::MAX));
        let of_mallory = (0..200_000u64).filter(|n| known.has(now, "mallory", *n));
        assert_eq!(of_mallory.count(), NETWORKS_MAX);
        assert!(known.has(now, "mallory", 199_999u64));
        // The one that is used stays.
        let mut known = Acquaintances::default();
        for n in 0..100u64 {
            known.meet(Duration::from_millis(2 * n), "ada", n);
            known.meet(Duration::from_millis(2 * n + 1), "ada", u64::MAX);
        }
        assert!(known.has(now, "ada", u64::MAX));
    }
}

//! Turns at a place that too many strangers try, a name or a wide network: each address gets one, in the order in which
//! they asked.
//!
//! Owns: the appointments. A stranger above a shared budget is told when to come, and is let through then, however many
//! others try meanwhile: so one who knows the password gets in after a wait that is known and bounded.
//! Never: reads a clock, or forgets an appointment to make room for another. `[P5]`

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    time::Duration,
};

use tidings_protocol::limits::SIGN_IN_WAIT_MS_MAX;

/// The longest wait for a turn. Above that the turns of a name come closer together than its budget says, and a network
/// gives none.
pub(super) const WAIT_MAX: Duration = Duration::from_millis(SIGN_IN_WAIT_MS_MAX);
/// How long a turn stays open.
const OPEN: Duration = Duration::from_secs(5 * 60);
/// Appointments of all names. Full, one more is told the longest wait and has none.
const TURNS_MAX: usize = 1 << 16;

/// An address' turn at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It has none, or let it pass.
    None,
    /// It has to wait so long.
    In(Duration),
    /// It is now.
    Now,
}

/// The appointments.
#[derive(Debug, Default)]
pub(super) struct Turns {
    hasher: RandomState,
    /// When whom: by place and address.
    turns: HashMap<u64, Duration>,
    /// The last appointment at each place.
    last: HashMap<u64, Duration>,
}

impl Turns {
    /// Whether somebody waits at this place: then nobody goes past them.
    pub(super) fn is_waited_for(&self, now: Duration, place: impl Hash) -> bool {
        let last = self.last.get(&self.hasher.hash_one(place));
        last.is_some_and(|last| *last > now)
    }

    /// The turn that an address has at a place; looking at it does not use it up.
    pub(super) fn of(&self, now: Duration, place: impl Hash, address: impl Hash) -> Turn {
        match self.turns.get(&self.hasher.hash_one((place, address))) {
            Some(turn) if now < *turn => Turn::In(*turn - now),
            Some(turn) if now < *turn + OPEN => Turn::Now,
            _ => Turn::None,
        }
    }

    /// The turn was used.
    pub(super) fn used(&mut self, place: impl Hash, address: impl Hash) {
        self.turns.remove(&self.hasher.hash_one((place, address)));
    }

    /// How long the next one waits who makes an appointment at a place whose turns are so far apart.
    pub(super) fn next(&self, now: Duration, place: impl Hash, apart: Duration) -> Duration {
        let last = self.last.get(&self.hasher.hash_one(place));
        last.map_or(now, |last| (*last).max(now)) + apart - now
    }

    /// Makes an appointment for an address at several places, for one time that is free at all of them. The turns of each
    /// place come no closer together than they are apart there, but for where `now + wait` is the longest wait. Returns how
    /// long to wait.
    pub(super) fn appoint<P: Hash + Copy>(
        &mut self,
        now: Duration,
        wait: Duration,
        places: impl Iterator<Item = (P, Duration)>,
        address: impl Hash + Copy,
    ) -> Duration {
        if self.turns.len().max(self.last.len()) >= TURNS_MAX {
            self.turns.retain(|_, turn| now < *turn + OPEN);
            self.last.retain(|_, last| now < *last);
        }
        if self.turns.len() >= TURNS_MAX {
            return WAIT_MAX;
        }
        for (place, apart) in places {
            let key = self.hasher.hash_one((place, address));
            self.turns.insert(key, now + wait);
            // By its own measure alone: one who waits longer for another place leaves no hole here.
            let next = self.next(now, place, apart).min(WAIT_MAX);
            let last = self.last.entry(self.hasher.hash_one(place)).or_default();
            *last = (now + next).max(*last);
        }
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn appoint(turns: &mut Turns, now: Duration, place: &str, address: usize) -> Duration {
        let wait = turns.next(now, place, at(1)).min(WAIT_MAX);
        turns.appoint(now, wait, [(place, at(1))].into_iter(), address)
    }

    #[test]
    fn each_address_gets_its_turn_in_order() {
        let mut turns = Turns::default();
        for n in 1..=5usize {
            assert_eq!(turns.of(at(0), "ada", n), Turn::None);
            assert_eq!(appoint(&mut turns, at(0), "ada", n), at(n as u64));
        }
        assert!(turns.is_waited_for(at(4), "ada") && !turns.is_waited_for(at(5), "ada"));
        assert!(!turns.is_waited_for(at(0), "bob"));
        // Asking again moves nothing.
        assert_eq!(turns.of(at(1), "ada", 3usize), Turn::In(at(2)));
        assert_eq!(turns.of(at(3), "ada", 3usize), Turn::Now);
        // Once.
        turns.used("ada", 3usize);
        assert_eq!(turns.of(at(3), "ada", 3usize), Turn::None);
        // A turn that nobody took is over some time.
        assert_eq!(turns.of(at(400), "ada", 1usize), Turn::None);
    }

    #[test]
    fn an_appointment_at_several_places_is_for_one_time() {
        let mut turns = Turns::default();
        let places = || [("wide", at(1)), ("ada", at(60))].into_iter();
        for n in 1..=3usize {
            let wait = places().map(|(place, apart)| turns.next(at(0), place, apart));
            let wait = wait.max().unwrap();
            assert_eq!(turns.appoint(at(0), wait, places(), n), at(60 * n as u64));
            for (place, _) in places() {
                assert_eq!(turns.of(at(0), place, n), Turn::In(wait));
            }
        }
        // The wide place has been asked three times, a second apart.
        assert_eq!(turns.next(at(0), "wide", at(1)), at(4));
    }

    #[test]
    fn a_wait_is_bounded_and_so_is_the_memory() {
        // [P5]
        let mut turns = Turns::default();
        for n in 0..TURNS_MAX + 10 {
            assert!(appoint(&mut turns, at(0), "ada", n) <= WAIT_MAX);
        }
        assert_eq!(turns.turns.len(), TURNS_MAX);
        assert_eq!(
            turns.of(at(600), "ada", 400usize),
            Turn::Now,
            "nobody's turn is taken"
        );
        appoint(&mut turns, at(2_000), "bob", 1);
        appoint(&mut turns, at(2_000), "bob", 2);
        assert!(
            turns.turns.len() <= 2 && turns.last.len() == 1,
            "all others are over"
        );
    }
}

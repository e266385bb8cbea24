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
/// An appointment at most, from when it is made until it is over.
pub(super) const TURN_LASTS: Duration = WAIT_MAX.saturating_add(OPEN);
/// Appointments of all places. Full, one more is told the longest wait and has none.
pub(super) const TURNS_MAX: usize = 1 << 16;
/// How often all appointments are looked through for room, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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

/// When a turn comes, and until when it may be moved.
#[derive(Debug, Clone, Copy)]
struct Appointment {
    at: Duration,
    movable: Duration,
}

/// The appointments.
#[derive(Debug, Default)]
pub(super) struct Turns {
    hasher: RandomState,
    /// When whom: by place and address.
    turns: HashMap<u64, Appointment>,
    /// The last appointment at each place.
    last: HashMap<u64, Duration>,
    /// When those that are over are looked for again, once there is no room.
    look_again: Duration,
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
            Some(turn) if now < turn.at => Turn::In(turn.at - now),
            Some(turn) if now < turn.at + OPEN => Turn::Now,
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

    /// Whether so many more appointments can be made.
    pub(super) fn have_room(&mut self, now: Duration, more: usize) -> bool {
        let is_full = |turns: &Turns| turns.turns.len().max(turns.last.len()) + more > TURNS_MAX;
        if is_full(self) && now >= self.look_again {
            self.look_again = now + LOOK_EVERY;
            self.turns.retain(|_, turn| now < turn.at + OPEN);
            self.last.retain(|_, last| now < *last);
        }
        !is_full(self)
    }

    /// Makes an appointment for an address at several places, for one time that is free at all of them: `next` of each as
    /// [`Turns::next`] says it, cut to the longest wait. Returns how long to wait. There has to be room.
    pub(super) fn appoint<P: Hash + Copy>(
        &mut self,
        now: Duration,
        places: &[(P, Duration)],
        address: impl Hash + Copy,
    ) -> Duration {
        let wait = places.iter().map(|(_, next)| *next).max();
        let wait = wait.unwrap_or_default().min(WAIT_MAX);
        for (place, next) in places {
            let key = self.hasher.hash_one((place, address));
            let turn = Appointment {
                at: now + wait,
                movable: now + wait + OPEN + WAIT_MAX,
            };
            self.turns.insert(key, turn);
            // By its own measure alone: one who waits longer for another place leaves no hole here.
            let last = self.last.entry(self.hasher.hash_one(place)).or_default();
            *last = (now + (*next).min(WAIT_MAX)).max(*last);
        }
        wait
    }

    /// Moves a turn that an address has at a place, when it first has to wait elsewhere: nobody waits twice for one try, and
    /// nobody saves a turn up for ever.
    pub(super) fn postpone(
        &mut self,
        now: Duration,
        wait: Duration,
        place: impl Hash,
        address: impl Hash,
    ) {
        if let Some(turn) = self.turns.get_mut(&self.hasher.hash_one((place, address))) {
            turn.at = (now + wait).min(turn.movable).max(turn.at);
        }
    }

    #[cfg(test)]
    /// Those that are not over.
    pub(super) fn held(&self, now: Duration) -> usize {
        let held = self.turns.values().filter(|turn| now < turn.at + OPEN);
        held.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn appoint(turns: &mut Turns, now: Duration, place: &str, address: usize) -> Duration {
        if !turns.have_room(now, 1) {
            return WAIT_MAX;
        }
        let next = turns.next(now, place, at(1));
        turns.appoint(now, &[(place, next)], address)
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
        for n in 1..=3usize {
            let places = [("wide", at(1)), ("ada", at(60))];
            let places = places.map(|(place, apart)| (place, turns.next(at(0), place, apart)));
            let wait = at(60 * n as u64);
            assert_eq!(turns.appoint(at(0), &places, n), wait);
            for (place, _) in places {
                assert_eq!(turns.of(at(0), place, n), Turn::In(wait));
            }
        }
        // The wide place has been asked three times, a second apart.
        assert_eq!(turns.next(at(0), "wide", at(1)), at(4));
    }

    #[test]
    fn who_has_a_turn_and_waits_elsewhere_keeps_it() {
        let mut turns = Turns::default();
        appoint(&mut turns, at(0), "ada", 1);
        turns.postpone(at(2), at(500), "ada", 1usize);
        assert_eq!(turns.of(at(2), "ada", 1usize), Turn::In(at(500)));
        assert_eq!(turns.of(at(502), "ada", 1usize), Turn::Now);
        // Not for ever.
        for now in (2..5_000).step_by(500) {
            turns.postpone(at(now), at(600), "ada", 1usize);
        }
        assert_eq!(turns.of(at(5_000), "ada", 1usize), Turn::None);
        // Who has none gets none.
        turns.postpone(at(2), at(500), "ada", 2usize);
        assert_eq!(turns.of(at(2), "ada", 2usize), Turn::None);
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

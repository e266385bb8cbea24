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

/// The longest wait for a turn. Above that the turns come closer together than the name's budget says.
const WAIT_MAX: Duration = Duration::from_millis(SIGN_IN_WAIT_MS_MAX);
/// How long a turn stays open.
const OPEN: Duration = Duration::from_secs(5 * 60);
/// Appointments of all names. Full, one more is told the longest wait and has none.
const TURNS_MAX: usize = 1 << 16;

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

    /// Takes the turn that an address has at a place; none when it has none, or let it pass.
    ///
    /// # Errors
    /// How long to wait for it.
    pub(super) fn take(
        &mut self,
        now: Duration,
        place: impl Hash,
        address: impl Hash,
    ) -> Result<bool, Duration> {
        let key = self.hasher.hash_one((place, address));
        match self.turns.get(&key) {
            None => Ok(false),
            Some(turn) if now < *turn => Err(*turn - now),
            Some(turn) => {
                let open = now < *turn + OPEN;
                self.turns.remove(&key);
                Ok(open)
            }
        }
    }

    /// Makes an appointment for an address that has none there; turns are so far apart. Returns how long to wait.
    pub(super) fn appoint(
        &mut self,
        now: Duration,
        place: impl Hash + Copy,
        address: impl Hash,
        apart: Duration,
    ) -> Duration {
        if self.turns.len().max(self.last.len()) >= TURNS_MAX {
            self.turns.retain(|_, turn| now < *turn + OPEN);
            self.last.retain(|_, last| now < *last);
        }
        if self.turns.len() >= TURNS_MAX {
            return WAIT_MAX;
        }
        let key = self.hasher.hash_one((place, address));
        let last = self.last.entry(self.hasher.hash_one(place)).or_default();
        let turn = ((*last).max(now) + apart).min(now + WAIT_MAX);
        *last = turn.max(*last);
        self.turns.insert(key, turn);
        turn - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn each_address_gets_its_turn_in_order() {
        let mut turns = Turns::default();
        for n in 1..=5u64 {
            assert_eq!(turns.take(at(0), "ada", n), Ok(false));
            assert_eq!(turns.appoint(at(0), "ada", n, at(1)), at(n));
        }
        assert!(turns.is_waited_for(at(4), "ada") && !turns.is_waited_for(at(5), "ada"));
        assert!(!turns.is_waited_for(at(0), "bob"));
        // Asking again moves nothing.
        assert_eq!(turns.take(at(1), "ada", 3u64), Err(at(2)));
        assert_eq!(turns.take(at(3), "ada", 3u64), Ok(true));
        // Once.
        assert_eq!(turns.take(at(3), "ada", 3u64), Ok(false));
        // A turn that nobody took is over some time.
        assert_eq!(turns.take(at(400), "ada", 1u64), Ok(false));
    }

    #[test]
    fn a_wait_is_bounded_and_so_is_the_memory() {
        // [P5]
        let mut turns = Turns::default();
        for n in 0..TURNS_MAX + 10 {
            assert!(turns.appoint(at(0), "ada", n, at(1)) <= WAIT_MAX);
        }
        assert_eq!(turns.turns.len(), TURNS_MAX);
        assert_eq!(
            turns.take(at(600), "ada", 400usize),
            Ok(true),
            "nobody's turn is taken"
        );
        turns.appoint(at(2_000), "bob", 1, at(1));
        turns.appoint(at(2_000), "bob", 2, at(1));
        assert!(
            turns.turns.len() <= 2 && turns.last.len() == 1,
            "all others are over"
        );
    }
}

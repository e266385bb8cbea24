//! Who may try to sign in or up, and how soon. `[LI5]`
//!
//! Owns: the order of budgets. A caller known before (by the device's cookie, or from a network that the name signed in
//! from) has a budget that strangers cannot touch. A stranger pays at the own address, at each wider step of it, and at
//! the name; where one of those that are shared is spent, strangers come by turns.
//! Never: reads a clock, or treats a name that nobody has otherwise than one that somebody has.

use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    time::Duration,
};

use parking_lot::Mutex;
use tidings_protocol::limits::{KNOWN_NETWORK_TIMES, KNOWN_SIGN_INS_PER_MINUTE, NAME_NETWORKS};

use super::{
    acquaintances::Acquaintances,
    budgets::{Budgets, Rate},
    steps::{Step, WIDEST_TIMES, steps},
    turns::{TURN_LASTS, TURNS_MAX, Turn, Turns, WAIT_MAX},
};
use crate::auth::passwords::Lane;

const MINUTE: Duration = Duration::from_secs(60);
/// The rate of one known device, or of one name from one known network.
const KNOWN: Rate = Rate::new(KNOWN_SIGN_INS_PER_MINUTE, MINUTE);

/// What an address may hold of the appointments: with the 16 times of the widest network, and what comes back while they
/// last, no network has more than an eighth of all.
const HELD: Rate = Rate::new(TURNS_MAX as u32 / 16 / WIDEST_TIMES, TURN_LASTS);

/// Why somebody has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Their own address tried too often.
    Address(Duration),
    /// Too many strangers try there; this is their turn.
    Turn(Duration),
}

impl Wait {
    pub(super) const fn time(self) -> Duration {
        match self {
            Wait::Address(time) | Wait::Turn(time) => time,
        }
    }
}

/// Who tries, once they may.
#[derive(Debug)]
pub struct Try {
    name: String,
    steps: Vec<Step>,
    known: bool,
    /// Where the password waits to be hashed.
    pub lane: Lane,
}

/// The budgets of signing in and up.
#[derive(Debug)]
pub(super) struct SignIns {
    /// Of one address that is not known.
    rate: Rate,
    strangers: Budgets,
    known: Budgets,
    known_networks: Budgets,
    /// What an address and the networks around it may hold of the appointments.
    appointments: Budgets,
    turns: Mutex<Turns>,
    acquaintances: Mutex<Acquaintances>,
    hasher: RandomState,
}

impl SignIns {
    pub(super) fn new(per_minute: u32) -> SignIns {
        SignIns {
            rate: Rate::new(per_minute, MINUTE),
            strangers: Budgets::default(),
            known: Budgets::default(),
            known_networks: Budgets::default(),
            appointments: Budgets::default(),
            turns: Mutex::default(),
            acquaintances: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    /// Counts one try to sign in. `device` is what the device's cookie says, when it is sound and of this name.
    pub(super) fn sign_in(
        &self,
        now: Duration,
        name: &str,
        address: Option<IpAddr>,
        device: Option<u128>,
    ) -> Result<Try, Wait> {
        // As the name would be folded, so that another spelling is no other budget.
        let name = name.trim().to_ascii_lowercase();
        let steps = steps(address);
        let known = self.is_known(now, &name, &steps, device);
        if !known {
            self.stranger(now, &steps, Some(&name))?;
        }
        Ok(self.admitted(name, steps, known))
    }

    /// Counts one try to sign up. It guesses no password, so it is nothing to the name.
    pub(super) fn sign_up(&self, now: Duration, address: Option<IpAddr>) -> Result<Try, Wait> {
        let steps = steps(address);
        self.stranger(now, &steps, None)?;
        Ok(self.admitted(String::new(), steps, false))
    }

    /// The password was right: the name is known from there, and who was not gets back what the network paid, so that an
    /// office whose people all sign in does not wait. Those who are known pay from their own budget from then on.
    pub(super) fn was_right(&self, now: Duration, tried: &Try) {
        let Some(narrowest) = tried.steps.first() else {
            return;
        };
        let mut acquaintances = self.acquaintances.lock();
        let met = acquaintances.has(now, &tried.name, narrowest.key());
        acquaintances.meet(now, &tried.name, narrowest.key());
        drop(acquaintances);
        if !tried.known && !met {
            for (index, step) in tried.steps.iter().enumerate() {
                let rate = self.rate.times(step.times);
                match index {
                    0 => self.strangers.give_back(now, step.key(), rate, 1),
                    _ => {
                        let place = Place::Network(step.key());
                        self.strangers.give_back(now, place, rate, 1);
                    }
                }
            }
        }
    }

    /// A new account is known from where it was made.
    pub(super) fn signed_up(&self, now: Duration, name: &str, tried: &Try) {
        if let Some(narrowest) = tried.steps.first() {
            self.acquaintances.lock().meet(now, name, narrowest.key());
        }
    }

    #[cfg(test)]
    pub(super) fn turns_held(&self, now: Duration) -> usize {
        self.turns.lock().held(now)
    }

    fn admitted(&self, name: String, steps: Vec<Step>, known: bool) -> Try {
        let widest = steps.last().map(|step| step.key());
        let lane = if known {
            Lane::Known
        } else {
            Lane::Stranger(self.hasher.hash_one(widest))
        };
        Try {
            name,
            steps,
            known,
            lane,
        }
    }

    /// Whether the caller is known, and within the budget of those who are. Above it they are strangers again.
    fn is_known(&self, now: Duration, name: &str, steps: &[Step], device: Option<u128>) -> bool {
        let by_device =
            device.is_some_and(|device| self.known.spend(now, device, KNOWN, 1).is_ok());
        let by_network = || {
            let Some(narrowest) = steps.first().map(|step| step.key()) else {
                return false;
            };
            self.acquaintances.lock().has(now, name, narrowest)
                && self.known.spend(now, (name, narrowest), KNOWN, 1).is_ok()
        };
        let rate = self.rate.times(KNOWN_NETWORK_TIMES);
        (by_device || by_network())
            && spend_steps(&self.known_networks, now, steps, rate, 1).is_ok()
    }

    /// A stranger's try: of the own address' budget, and of each shared place's, or with a turn at that place.
    fn stranger(&self, now: Duration, steps: &[Step], name: Option<&str>) -> Result<(), Wait> {
        let Some((own, wider)) = steps.split_first() else {
            return Ok(());
        };
        let own_rate = self.rate.times(own.times);
        let spent = self.strangers.spend(now, own.key(), own_rate, 1);
        spent.map_err(Wait::Address)?;
        let refused = |wait| {
            self.strangers.give_back(now, own.key(), own_rate, 1);
            Wait::Turn(wait)
        };
        let wider = wider
            .iter()
            .map(|step| (Place::Network(step.key()), step.times));
        let name = name.map(|name| (Place::Name(name), NAME_NETWORKS));
        let places: Vec<_> = wider.chain(name).collect();
        let mut turns = self.turns.lock();
        let (mut full, mut kept) = (Vec::new(), Vec::new());
        for (place, times) in &places {
            let rate = self.rate.times(*times);
            match turns.of(now, place, own.key()) {
                Turn::In(wait) => return Err(refused(wait)),
                Turn::Now => kept.push(place),
                Turn::None => {
                    if !self.strangers.has(now, place, rate, 1) || turns.is_waited_for(now, place) {
                        full.push((place, turns.next(now, place, rate.window / rate.burst)));
                    }
                }
            }
        }
        if !full.is_empty() {
            // The turns of a network are never closer together than its budget says, whoever has it; and no network holds
            // so many that others get none.
            let never = |(place, next): &(&Place<'_>, Duration)| {
                *next > WAIT_MAX && matches!(place, Place::Network(_))
            };
            let held = u32::try_from(full.len()).unwrap_or(u32::MAX);
            if full.iter().any(never)
                || !turns.have_room(now, full.len())
                || spend_steps(&self.appointments, now, steps, HELD, held).is_err()
            {
                return Err(refused(WAIT_MAX));
            }
            // One time for all of them, so that nobody waits at one place and then at the next.
            let wait = turns.appoint(now, &full, own.key());
            for place in kept {
                turns.postpone(now, wait, place, own.key());
            }
            return Err(refused(wait));
        }
        for (place, times) in &places {
            turns.used(place, own.key());
            // With a turn it may be more than there is, since one may come late to it: then others wait for what was owed.
            self.strangers.owe(now, place, self.rate.times(*times), 1);
        }
        Ok(())
    }
}

/// What many strangers share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place<'a> {
    Network((u128, u8)),
    Name(&'a str),
}

/// Spends so much at each step, or at none.
fn spend_steps(
    budgets: &Budgets,
    now: Duration,
    steps: &[Step],
    rate: Rate,
    cost: u32,
) -> Result<(), Duration> {
    for (index, step) in steps.iter().enumerate() {
        if let Err(wait) = budgets.spend(now, step.key(), rate.times(step.times), cost) {
            for paid in &steps[..index] {
                budgets.give_back(now, paid.key(), rate.times(paid.times), cost);
            }
            return Err(wait);
        }
    }
    Ok(())
}

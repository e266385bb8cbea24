//! How often somebody may try: sign-ins by address and by name, requests and commands by user.
//!
//! Owns: the budgets, one for each user whichever door they come through.
//! Never: grows without a bound `[P5]`, or tells a limited caller whether the name exists.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::HashMapStateStore,
};
use tidings_core::Command;
use tidings_protocol::{Refusal, RefusalCode, UserId};

use crate::{auth::ClientAddress, config::Config, node::Node};

/// Keys of one limiter, at most: keys are hashed into this many. Two that meet share a budget; which ones do, nobody
/// outside can compute.
const BUCKETS: u64 = 1 << 20;
/// Checks after which unused keys are forgotten.
const PRUNE_EVERY: u32 = 1 << 14;
/// Networks that may try one name at full rate before it is refused to all.
const NETWORKS_PER_NAME: u32 = 10;
/// Milliseconds until one with too many sessions may try again.
const SESSION_WAIT_MS: u64 = 10_000;
/// What a session costs that begins with everything: every room is read. The unit is one command.
const FRESH_SESSION_COST: u32 = 5;
/// What one costs that goes on from a cursor: what moved is read.
const RESUMED_SESSION_COST: u32 = 2;
/// Seconds of the long-run rate that a user may spend at once: opening the app asks for many things.
const BURST_S: u32 = 4;

type Limiter = RateLimiter<u32, HashMapStateStore<u32>, DefaultClock, StateInformationMiddleware>;

/// What is left of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// What may be spent at once.
    pub limit: u32,
    /// What is left now.
    pub remaining: u32,
    /// Seconds until an empty budget is full again.
    pub window_s: u64,
}

impl Budget {
    /// Seconds until it is full again, if nothing is spent.
    #[must_use]
    pub fn reset_s(&self) -> u64 {
        let spent = u64::from(self.limit - self.remaining.min(self.limit));
        (spent * self.window_s).div_ceil(u64::from(self.limit.max(1)))
    }
}

/// A limiter with a bounded number of keys.
struct Keyed {
    limiter: Limiter,
    hasher: RandomState,
    checks: AtomicU32,
    burst: u32,
    window_s: u64,
}

impl Keyed {
    fn new(quota: Quota) -> Keyed {
        Keyed {
            limiter: RateLimiter::hashmap(quota).with_middleware(),
            hasher: RandomState::new(),
            checks: AtomicU32::new(0),
            burst: quota.burst_size().get(),
            window_s: quota.burst_size_replenished_in().as_secs().max(1),
        }
    }

    fn check(&self, key: impl Hash) -> Result<Budget, Refusal> {
        self.check_many(key, 1)
    }

    /// The same for something that costs more; never more than may be spent at once.
    fn check_many(&self, key: impl Hash, cost: u32) -> Result<Budget, Refusal> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % PRUNE_EVERY == PRUNE_EVERY - 1 {
            self.limiter.retain_recent();
        }
        let bucket = u32::try_from(self.hasher.hash_one(key) % BUCKETS)
            .expect("there are fewer buckets than a u32 counts");
        let cost = at_least_one(cost.min(self.burst));
        let result = self
            .limiter
            .check_key_n(&bucket, cost)
            .expect("the cost is at most the burst");
        match result {
            Ok(state) => Ok(Budget {
                limit: self.burst,
                remaining: state.remaining_burst_capacity(),
                window_s: self.window_s,
            }),
            Err(until) => {
                let wait = until.wait_time_from(DefaultClock::default().now());
                Err(refusal(wait))
            }
        }
    }
}

fn refusal(wait: Duration) -> Refusal {
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
    Refusal::new(RefusalCode::RateLimited).retry_after_ms(millis)
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

/// The budgets of one node.
pub struct Limits {
    addresses: Keyed,
    /// More than an address may: one stranger cannot lock the owner of a name out.
    names: Keyed,
    users: Keyed,
}

impl Limits {
    /// The budgets of these settings.
    #[must_use]
    pub fn new(config: &Config) -> Limits {
        let tries = Quota::per_minute(at_least_one(config.sign_ins_per_minute));
        let rate = at_least_one(config.commands_per_second);
        let burst = at_least_one(config.commands_per_second.saturating_mul(BURST_S));
        Limits {
            addresses: Keyed::new(tries),
            names: Keyed::new(Quota::per_minute(at_least_one(
                config.sign_ins_per_minute.saturating_mul(NETWORKS_PER_NAME),
            ))),
            users: Keyed::new(Quota::per_second(rate).allow_burst(burst)),
        }
    }

    /// Counts one try to sign in or up, for its address and for the name it tries, whether or not anybody has it.
    ///
    /// # Errors
    /// `rate_limited`, with the time to wait.
    pub fn sign_in(&self, address: Option<ClientAddress>, name: &str) -> Result<(), Refusal> {
        let network = address.map(ClientAddress::network);
        self.addresses.check(network)?;
        // As the name would be folded, so that another spelling is no other budget.
        let name = name.trim().to_ascii_lowercase();
        self.names.check(name)?;
        Ok(())
    }

    /// Counts the beginning of a session of a user, over whichever wire.
    ///
    /// # Errors
    /// `rate_limited`, with the time to wait.
    fn begin(&self, user: UserId, is_fresh: bool) -> Result<Budget, Refusal> {
        let cost = if is_fresh {
            FRESH_SESSION_COST
        } else {
            RESUMED_SESSION_COST
        };
        self.users.check_many(user, cost)
    }

    /// The budget of a user who has spent it all.
    #[must_use]
    pub fn nothing_left(&self) -> Budget {
        Budget {
            limit: self.users.burst,
            remaining: 0,
            window_s: self.users.window_s,
        }
    }

    /// Counts one request or command of a user: the same budget for REST and the socket.
    ///
    /// # Errors
    /// `rate_limited`, with the time to wait.
    pub fn spend(&self, user: UserId) -> Result<Budget, Refusal> {
        self.users.check(user)
    }
}

/// Counts something that a user did over the socket.
///
/// # Errors
/// `rate_limited`, with the time to wait.
pub fn command(node: &Node, user: UserId) -> Result<(), Refusal> {
    node.limits.spend(user).map(drop)
}

/// Counts what a command costs beyond what was paid already.
///
/// # Errors
/// `rate_limited`, with the time to wait.
pub fn command_beyond(
    node: &Node,
    user: UserId,
    command: &Command,
    paid: u32,
) -> Result<(), Refusal> {
    match command.cost().saturating_sub(paid) {
        0 => Ok(()),
        cost => node.limits.users.check_many(user, cost).map(drop),
    }
}

/// Counts the beginning of a session, and looks how many its user has on this node. One who has too many pays, too:
/// trying again and again costs work.
///
/// # Errors
/// `rate_limited`, with the time to wait.
pub fn session(node: &Node, user: UserId, is_fresh: bool) -> Result<Budget, Refusal> {
    let budget = node.limits.begin(user, is_fresh)?;
    if node.presence.sessions_here(user) >= node.config.sessions_per_user {
        let sentence = "You have too many connections here. Close some, then try again.";
        return Err(Refusal::with_message(RefusalCode::RateLimited, sentence)
            .retry_after_ms(SESSION_WAIT_MS));
    }
    Ok(budget)
}

impl std::fmt::Debug for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limits").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn limits(sign_ins: u32, commands: u32) -> Limits {
        let settings = Settings {
            sign_ins_per_minute: Some(sign_ins),
            commands_per_second: Some(commands),
            ..Settings::default()
        };
        Limits::new(&Config::load(None, settings).unwrap())
    }

    fn from(text: &str) -> Option<ClientAddress> {
        Some(ClientAddress(text.parse().unwrap()))
    }

    #[test]
    fn one_address_trying_many_names_is_stopped() {
        let limits = limits(3, 1);
        for name in ["a", "b", "c"] {
            limits.sign_in(from("192.0.2.1:1"), name).unwrap();
        }
        let refusal = limits.sign_in(from("192.0.2.1:2"), "d").unwrap_err();
        assert_eq!(refusal.code, RefusalCode::RateLimited);
        assert!(refusal.retry_after_ms.unwrap() > 0);
        limits.sign_in(from("192.0.2.2:1"), "d").unwrap();
    }

    #[test]
    fn many_addresses_trying_one_name_are_stopped_in_any_spelling() {
        let limits = limits(3, 1);
        let spellings = ["ada", "Ada", " ADA "].into_iter().cycle();
        for (number, name) in (0..3 * NETWORKS_PER_NAME).zip(spellings) {
            let address = format!("192.0.2.{number}:1");
            limits.sign_in(from(&address), name).unwrap();
        }
        assert!(limits.sign_in(from("192.0.2.99:1"), "ada").is_err());
        limits.sign_in(from("192.0.2.99:1"), "bob").unwrap();
    }

    #[test]
    fn one_who_guesses_does_not_lock_the_owner_out() {
        let limits = limits(3, 1);
        for _ in 0..100 {
            let _ = limits.sign_in(from("192.0.2.1:1"), "ada");
        }
        limits.sign_in(from("192.0.2.2:1"), "ada").unwrap();
    }

    #[test]
    fn a_budget_tells_what_is_left() {
        let limits = limits(1, 5);
        let user = UserId::from_bits(1);
        let first = limits.spend(user).unwrap();
        assert_eq!((first.limit, first.window_s), (20, 4));
        assert!(first.remaining >= 19 && first.reset_s() <= 1);
        while limits.spend(user).is_ok() {}
        limits.spend(UserId::from_bits(2)).unwrap();
    }

    #[test]
    fn a_session_costs_more_than_a_command_and_a_fresh_one_most() {
        let limits = limits(1, 5);
        let sessions = |number, fresh| {
            let user = UserId::from_bits(number);
            (0..20)
                .filter(|_| limits.begin(user, fresh).is_ok())
                .count()
        };
        assert_eq!((sessions(1, true), sessions(2, false)), (4, 10));
        let poor = self::limits(1, 1);
        assert!(poor.begin(UserId::from_bits(3), true).is_ok());
        assert!(poor.begin(UserId::from_bits(3), true).is_err());
    }

    #[test]
    fn keys_are_bounded_and_forgotten() {
        let limits = limits(1, 1_000);
        for number in 0..u128::from(3 * PRUNE_EVERY) {
            let _ = limits.spend(UserId::from_bits(number));
        }
        assert!(limits.users.limiter.len() < 3 * PRUNE_EVERY as usize);
    }
}

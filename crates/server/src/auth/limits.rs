//! How often somebody may try: sign-ins by network and by name, requests, commands and sessions by user.
//!
//! Owns: the budgets, one for each user whichever door they come through, and the one clock that they go by.
//! Never: grows without a bound `[P5]`, or tells a limited caller whether the name exists.
//!
//! One shape for all: [`budgets`] is the arithmetic, [`steps`] the networks of an address, [`sign_ins`] puts them in
//! order; [`seats`] counts connections of strangers by the same steps. How to set them stands in `docs/guides/limits.md`.

mod acquaintances;
mod budgets;
pub mod seats;
mod sign_ins;
#[cfg(test)]
mod simulation;
mod steps;
mod turns;

use std::time::Duration;

use tidings_protocol::{
    Refusal, RefusalCode, UserId,
    limits::{
        FRESH_SESSION_COST, KNOWN_SIGN_INS_PER_MINUTE, RESUMED_SESSION_COST,
        SESSION_FOLLOWED_PER_COST, SESSION_ROOMS_PER_COST, USER_BURST_S,
    },
};
use tokio::time::Instant;

pub use budgets::Budget;
use budgets::{Budgets, Rate};
pub use sign_ins::Try;
use sign_ins::{SignIns, Wait};

use crate::{auth::ClientAddress, config::Config, node::Node};

/// Milliseconds until one with too many sessions may try again.
const SESSION_WAIT_MS: u64 = 10_000;

/// The budgets of one node.
pub struct Limits {
    started: Instant,
    sign_ins: SignIns,
    /// Old passwords that a user asks about before a change.
    passwords: Budgets,
    user_rate: Rate,
    users: Budgets,
}

impl Limits {
    /// The budgets of these settings.
    #[must_use]
    pub fn new(config: &Config) -> Limits {
        let burst = config.commands_per_second.saturating_mul(USER_BURST_S);
        Limits {
            started: Instant::now(),
            sign_ins: SignIns::new(config.sign_ins_per_minute),
            passwords: Budgets::default(),
            user_rate: Rate::new(burst, Duration::from_secs(u64::from(USER_BURST_S))),
            users: Budgets::default(),
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Counts one try to sign in, whether or not anybody has the name. `device` is what the device's cookie says, when
    /// it is sound and of this name. `[LI5]`
    ///
    /// # Errors
    /// `rate_limited`, with the time to wait.
    pub fn sign_in(
        &self,
        address: Option<ClientAddress>,
        name: &str,
        device: Option<u128>,
    ) -> Result<Try, Refusal> {
        let ip = address.map(|address| address.0.ip());
        let tried = self.sign_ins.sign_in(self.now(), name, ip, device);
        tried.map_err(wait_to_sign_in)
    }

    /// Counts one try to sign up. `[LI5]`
    ///
    /// # Errors
    /// `rate_limited`, with the time to wait.
    pub fn sign_up(&self, address: Option<ClientAddress>) -> Result<Try, Refusal> {
        let ip = address.map(|address| address.0.ip());
        let tried = self.sign_ins.sign_up(self.now(), ip);
        tried.map_err(wait_to_sign_in)
    }

    /// The password of this try was right.
    pub fn was_right(&self, tried: &Try) {
        self.sign_ins.was_right(self.now(), tried);
    }

    /// This try has made an account of this name.
    pub fn signed_up(&self, name: &str, tried: &Try) {
        self.sign_ins.signed_up(self.now(), name, tried);
    }

    /// Counts one question of a user whether an old password is right.
    ///
    /// # Errors
    /// `rate_limited`, with the time to wait.
    pub fn old_password(&self, user: UserId) -> Result<(), Refusal> {
        let rate = Rate::new(KNOWN_SIGN_INS_PER_MINUTE, Duration::from_secs(60));
        let spent = self.passwords.spend(self.now(), user, rate, 1);
        spent.map(drop).map_err(refusal)
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
        self.spend_many(user, cost)
    }

    /// The budget of a user who has spent it all.
    #[must_use]
    pub fn nothing_left(&self) -> Budget {
        Budget {
            limit: self.user_rate.burst,
            remaining: 0,
            window_s: self.user_rate.window.as_secs(),
        }
    }

    /// Counts the rooms that a beginning session was given whole, and those that it follows, once they were read: nobody
    /// knows their number before. It may leave the user owing, which is paid before anything else is. `[LI3]`
    pub fn rooms_were_read(&self, user: UserId, whole: usize, followed: usize) {
        let count = |rooms| u32::try_from(rooms).unwrap_or(u32::MAX);
        let cost =
            count(whole) / SESSION_ROOMS_PER_COST + count(followed) / SESSION_FOLLOWED_PER_COST;
        self.users.owe(self.now(), user, self.user_rate, cost);
    }

    /// Counts one request or command of a user: the same budget for REST and the socket.
    ///
    /// # Errors
    /// `rate_limited`, with the time to wait.
    pub fn spend(&self, user: UserId) -> Result<Budget, Refusal> {
        self.spend_many(user, 1)
    }

    fn spend_many(&self, user: UserId, cost: u32) -> Result<Budget, Refusal> {
        let spent = self.users.spend(self.now(), user, self.user_rate, cost);
        spent.map_err(refusal)
    }
}

fn refusal(wait: Duration) -> Refusal {
    Refusal::new(RefusalCode::RateLimited).retry_after_ms(millis(wait))
}

fn wait_to_sign_in(wait: Wait) -> Refusal {
    let seconds = millis(wait.time()).div_ceil(1_000);
    let time = match seconds {
        0..=90 => format!("{seconds} s"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    };
    let sentence = match wait {
        Wait::Address(_) => {
            format!("Too many tries came from your address. Try again in {time}.")
        }
        Wait::Turn(_) => format!(
            "Too many others try to sign in. Your turn is in {time}; a device or network that has signed in before \
             need not wait."
        ),
    };
    Refusal::with_message(RefusalCode::RateLimited, sentence).retry_after_ms(millis(wait.time()))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(1_000))
        .unwrap_or(u64::MAX)
        .max(1)
}

/// Counts something that a user did over the socket.
///
/// # Errors
/// `rate_limited`, with the time to wait.
pub fn command(node: &Node, user: UserId) -> Result<(), Refusal> {
    node.limits.spend(user).map(drop)
}

/// Counts what a command costs beyond the one that was paid at the door.
///
/// # Errors
/// `rate_limited`, with the time to wait.
pub fn cost_beyond_one(node: &Node, user: UserId, cost: u32) -> Result<(), Refusal> {
    match cost.saturating_sub(1) {
        0 => Ok(()),
        cost => node.limits.spend_many(user, cost).map(drop),
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

    #[tokio::test(start_paused = true)]
    async fn a_session_costs_more_than_a_command_and_a_fresh_one_most() {
        // [LI3]
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

    #[tokio::test(start_paused = true)]
    async fn a_session_with_many_rooms_costs_as_much_more() {
        // [LI3]
        let limits = limits(1, 50);
        let mut begun = Vec::new();
        for (number, rooms) in [(1, 10), (2, 300), (3, 3_000), (4, 5_000)] {
            let user = UserId::from_bits(number);
            let start = tokio::time::Instant::now();
            let mut count = 0;
            while start.elapsed() < Duration::from_secs(60) {
                match limits.begin(user, true) {
                    Ok(_) => {
                        limits.rooms_were_read(user, rooms, rooms);
                        count += 1;
                    }
                    Err(refusal) => {
                        let wait = refusal.retry_after_ms.unwrap();
                        assert!(wait <= 4_200, "nobody owes more than a window: {wait}");
                        tokio::time::advance(Duration::from_millis(wait)).await;
                    }
                }
            }
            begun.push(count);
        }
        // In a minute: ten a second as before for a few rooms, one in three seconds for thousands.
        assert!((600..=700).contains(&begun[0]), "{begun:?}");
        assert!((150..=180).contains(&begun[1]), "{begun:?}");
        assert!((18..=23).contains(&begun[2]), "{begun:?}");
        assert!((13..=18).contains(&begun[3]), "{begun:?}");
    }

    #[test]
    fn who_waits_is_told_how_long_and_why() {
        let network = wait_to_sign_in(Wait::Address(Duration::from_millis(1_500)));
        assert_eq!(network.retry_after_ms, Some(1_500));
        assert!(network.message.contains("in 2 s"), "{}", network.message);
        let turn = wait_to_sign_in(Wait::Turn(Duration::from_secs(130)));
        assert!(turn.message.contains("in 3 minutes"), "{}", turn.message);
    }
}

//! Budgets by key: what may be spent at once, and how fast it comes back (GCRA).
//!
//! Owns: the arithmetic, and a bounded number of keys `[P5]`.
//! Never: reads a clock; the time is an argument, counted from whenever the caller likes.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    time::Duration,
};

use parking_lot::Mutex;

/// Keys of one set of budgets, at most: keys are hashed into this many. Two that meet share a budget; which ones do,
/// nobody outside can compute.
const BUCKETS: u64 = 1 << 20;
/// Spendings after which full budgets are forgotten.
pub(super) const PRUNE_EVERY: u32 = 1 << 14;

/// How much, and how fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    /// What may be spent at once; at least 1.
    pub(super) burst: u32,
    /// How long an empty budget takes to be full again.
    pub(super) window: Duration,
}

impl Rate {
    pub(super) const fn new(burst: u32, window: Duration) -> Rate {
        let burst = if burst == 0 { 1 } else { burst };
        Rate { burst, window }
    }

    /// So many times as much in the same time.
    pub(super) const fn times(self, factor: u32) -> Rate {
        Rate::new(self.burst.saturating_mul(factor), self.window)
    }

    fn price_ns(self, cost: u32) -> u64 {
        let all = u128::from(cost) * self.window.as_nanos() / u128::from(self.burst);
        u64::try_from(all).unwrap_or(u64::MAX)
    }
}

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

/// Budgets by key.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    hasher: RandomState,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// When each budget is full again, in nanoseconds; one that is full is not there.
    full_at: HashMap<u32, u64>,
    spendings: u32,
}

impl Budgets {
    /// Spends of a key's budget, or nothing. What costs more than may be spent at once costs that much.
    ///
    /// # Errors
    /// How long to wait until there is enough.
    pub(super) fn spend(
        &self,
        now: Duration,
        key: impl Hash,
        rate: Rate,
        cost: u32,
    ) -> Result<Budget, Duration> {
        let window = nanos(rate.window);
        let price = rate.price_ns(cost.min(rate.burst));
        self.change(now, key, |now, full_at| {
            let after = full_at.saturating_add(price);
            match after.saturating_sub(now).checked_sub(window) {
                Some(wait @ 1..) => Err(Duration::from_nanos(wait)),
                _ => {
                    *full_at = after;
                    Ok(left(rate, now, after))
                }
            }
        })
    }

    /// Whether so much could be spent.
    pub(super) fn has(&self, now: Duration, key: impl Hash, rate: Rate, cost: u32) -> bool {
        let price = rate.price_ns(cost.min(rate.burst));
        let most = nanos(now).saturating_add(nanos(rate.window));
        self.change(now, key, |_, full_at| full_at.saturating_add(price) <= most)
    }

    /// Spends afterwards for what was done already, below zero if need be: never by more than may be spent at once, so
    /// that nobody waits longer than the window.
    pub(super) fn owe(&self, now: Duration, key: impl Hash, rate: Rate, cost: u32) {
        let price = rate.price_ns(cost.min(rate.burst));
        let deepest = nanos(rate.window).saturating_mul(2);
        self.change(now, key, |now, full_at| {
            let most = now.saturating_add(deepest).max(*full_at);
            *full_at = full_at.saturating_add(price).min(most);
        });
    }

    /// Gives back what was spent.
    pub(super) fn give_back(&self, now: Duration, key: impl Hash, rate: Rate, cost: u32) {
        let price = rate.price_ns(cost.min(rate.burst));
        self.change(now, key, |_, full_at| {
            *full_at = full_at.saturating_sub(price)
        });
    }

    fn change<T>(
        &self,
        now: Duration,
        key: impl Hash,
        change: impl FnOnce(u64, &mut u64) -> T,
    ) -> T {
        let now = nanos(now);
        let bucket = u32::try_from(self.hasher.hash_one(key) % BUCKETS)
            .expect("there are fewer buckets than a u32 counts");
        let mut inner = self.inner.lock();
        inner.spendings = inner.spendings.wrapping_add(1);
        if inner.spendings.is_multiple_of(PRUNE_EVERY) {
            inner.full_at.retain(|_, full_at| *full_at > now);
            inner.full_at.shrink_to(PRUNE_EVERY as usize);
        }
        let mut full_at = inner.full_at.get(&bucket).copied().unwrap_or(0).max(now);
        let result = change(now, &mut full_at);
        if full_at > now {
            inner.full_at.insert(bucket, full_at);
        } else {
            inner.full_at.remove(&bucket);
        }
        result
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.inner.lock().full_at.len()
    }
}

fn left(rate: Rate, now: u64, full_at: u64) -> Budget {
    let window = nanos(rate.window).max(1);
    let free = window.saturating_sub(full_at.saturating_sub(now));
    let remaining = u128::from(free) * u128::from(rate.burst) / u128::from(window);
    Budget {
        limit: rate.burst,
        remaining: u32::try_from(remaining).unwrap_or(rate.burst),
        window_s: rate.window.as_secs().max(1),
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RATE: Rate = Rate::new(20, Duration::from_secs(4));

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn what_is_spent_comes_back_with_time() {
        let budgets = Budgets::default();
        let first = budgets.spend(at(0), 1, RATE, 1).unwrap();
        assert_eq!((first.limit, first.remaining, first.window_s), (20, 19, 4));
        assert_eq!(first.reset_s(), 1);
        budgets.spend(at(0), 1, RATE, 19).unwrap();
        assert_eq!(budgets.spend(at(0), 1, RATE, 1), Err(at(200)));
        budgets.spend(at(0), 2, RATE, 1).unwrap();
        budgets.spend(at(200), 1, RATE, 1).unwrap();
        assert_eq!(budgets.spend(at(200), 1, RATE, 2), Err(at(400)));
        budgets.give_back(at(200), 1, RATE, 2);
        budgets.spend(at(200), 1, RATE, 2).unwrap();
    }

    #[test]
    fn what_is_owed_is_paid_first_and_bounded() {
        let budgets = Budgets::default();
        for _ in 0..10 {
            budgets.owe(at(0), 1, RATE, 1_000);
        }
        assert_eq!(budgets.spend(at(0), 1, RATE, 1), Err(at(4_200)));
        budgets.spend(at(4_200), 1, RATE, 1).unwrap();
    }

    #[test]
    fn keys_are_bounded_and_forgotten() {
        // [P5]
        let budgets = Budgets::default();
        let quick = Rate::new(1, at(1));
        for number in 0..u64::from(3 * PRUNE_EVERY) {
            let _ = budgets.spend(at(number), number, quick, 1);
        }
        assert!(budgets.len() <= PRUNE_EVERY as usize);
    }

    proptest! {
        #[test]
        fn never_more_is_spent_than_the_rate_allows(steps in prop::collection::vec((0u64..500, 1u32..8), 1..200)) {
            let budgets = Budgets::default();
            let (mut now, mut spent) = (0, 0u64);
            for (later, cost) in steps {
                now += later;
                if budgets.spend(at(now), 1, RATE, cost).is_ok() {
                    spent += u64::from(cost);
                }
                prop_assert!(spent <= 20 + now / 200);
            }
        }
    }
}

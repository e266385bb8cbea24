//! How long to wait before trying again: full jitter under a ceiling that doubles. `[CL3]`
//!
//! Owns: the client's notion of time ([`Millis`]) and of chance ([`Dice`]), and the ceilings.
//! Never: waits, reads a clock, or finds a seed; all three are the caller's.

/// The ceiling of the first wait, in milliseconds.
pub const DELAY_MS_FIRST: u64 = 500;
/// The highest ceiling, in milliseconds: a server that comes back is found within a minute.
pub const DELAY_MS_MAX: u64 = 60_000;
/// Where "come back later" starts: a ceiling of eight seconds. `[CL1]`
const ATTEMPT_LATER: u32 = 4;

/// A moment, in milliseconds of a clock that never goes back. Where it starts does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub u64);

impl Millis {
    /// The moment so many milliseconds later.
    #[must_use]
    pub const fn plus(self, millis: u64) -> Millis {
        Millis(self.0.saturating_add(millis))
    }

    /// The milliseconds from an earlier moment to this one; 0 when it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Millis) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Numbers that follow from a seed (splitmix64). Good enough to spread clients, never for secrets.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall as the seed says. Clients need different seeds, or they come back together.
    #[must_use]
    pub const fn from_seed(seed: u64) -> Dice {
        Dice(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `most`, both included.
    pub fn upto(&mut self, most: u64) -> u64 {
        self.roll() % most.saturating_add(1)
    }
}

/// The longest wait before try number `attempt`, counted from 0.
#[must_use]
pub const fn ceiling_ms(attempt: u32) -> u64 {
    // Seven doublings reach the end; shifting further would overflow.
    if attempt >= 7 {
        return DELAY_MS_MAX;
    }
    DELAY_MS_FIRST << attempt
}

/// Waits that grow with each failure in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backoff {
    attempt: u32,
}

impl Backoff {
    /// How long to wait this time, in milliseconds; the next ceiling is the double.
    pub fn next_ms(&mut self, dice: &mut Dice) -> u64 {
        let delay = dice.upto(ceiling_ms(self.attempt));
        self.attempt = self.attempt.saturating_add(1);
        delay
    }

    /// It worked: start over.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }

    /// The other side asked for time: start further up.
    pub fn start_later(&mut self) {
        self.attempt = self.attempt.max(ATTEMPT_LATER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_double_from_half_a_second_to_a_minute() {
        // [CL3]
        let ceilings: Vec<u64> = (0..9).map(ceiling_ms).collect();
        assert_eq!(
            ceilings,
            [
                500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000
            ]
        );
        assert_eq!(ceiling_ms(u32::MAX), DELAY_MS_MAX);
    }

    #[test]
    fn jitter_is_full_and_follows_the_seed() {
        // [CL3]
        let waits = |seed| {
            let mut dice = Dice::from_seed(seed);
            (0..200)
                .map(|_| {
                    let mut backoff = Backoff::default();
                    backoff.start_later();
                    backoff.next_ms(&mut dice)
                })
                .collect::<Vec<u64>>()
        };
        let some = waits(7);
        assert_eq!(some, waits(7));
        assert_ne!(some, waits(8));
        assert!(some.iter().all(|&wait| wait <= 8_000));
        assert!(some.iter().any(|&wait| wait < 800) && some.iter().any(|&wait| wait > 7_200));
    }
}

//! Log lines about what may happen a thousand times a second: the first at once, then seldom, with a count.
//!
//! Owns: when such a line is due. Never: logs; whoever has the words does. Never counts what somebody may choose: one of
//! these belongs to one place of the code.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Between two lines of the same kind.
const EVERY: Duration = Duration::from_secs(30);

/// When the next line of its kind is due. A `static` beside the line that it is for.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    last: Option<Instant>,
    left_out: u64,
}

impl Seldom {
    /// One that has said nothing yet.
    #[must_use]
    pub const fn new() -> Seldom {
        Seldom(Mutex::new(Said {
            last: None,
            left_out: 0,
        }))
    }

    /// It has happened: how many lines were left out since the last one, when another is due.
    #[must_use]
    pub fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        let mut said = self.0.lock();
        if said
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < EVERY)
        {
            said.left_out += 1;
            return None;
        }
        said.last = Some(now);
        Some(std::mem::take(&mut said.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_said_at_once_and_the_rest_seldom_with_a_count() {
        let seldom = Seldom::new();
        let start = Instant::now();
        assert_eq!(seldom.due_at(start), Some(0));
        for millis in 1..=500 {
            assert_eq!(seldom.due_at(start + Duration::from_millis(millis)), None);
        }
        assert_eq!(seldom.due_at(start + EVERY), Some(500));
        assert_eq!(seldom.due_at(start + EVERY), None);
        assert_eq!(seldom.due_at(start + 3 * EVERY), Some(1));
    }
}

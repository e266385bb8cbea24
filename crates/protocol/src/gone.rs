//! Which messages of a room were deleted last: what the arithmetic of unread takes off. `[P8]`
//!
//! Owns: a list that keeps the highest, whatever order they come in. Never: loses a higher one to a lower one.

use serde::{Deserialize, Serialize};

use crate::{limits::GONE_MAX, number::Seq};

/// The `seq`s of a room's deleted messages, ascending: at most [`GONE_MAX`], the highest. What two lists name together is
/// named by their union alike, so they may be told in any order and more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Seq>", into = "Vec<Seq>")]
pub struct Gone(Vec<Seq>);

impl Gone {
    /// Notes a deleted message.
    pub fn add(&mut self, seq: Seq) {
        if let Err(place) = self.0.binary_search(&seq) {
            self.0.insert(place, seq);
            if self.0.len() > GONE_MAX {
                self.0.remove(0);
            }
        }
    }

    /// Notes all that another list names.
    pub fn join(&mut self, other: &Gone) {
        other.0.iter().for_each(|seq| self.add(*seq));
    }

    /// Forgets what stands at `seq` or before: there nobody counts any more whose marker is there.
    pub fn forget_upto(&mut self, seq: Seq) {
        self.0.retain(|gone| *gone > seq);
    }

    /// How many stand after a marker.
    #[must_use]
    pub fn after(&self, marker: Seq) -> u64 {
        self.0.iter().filter(|seq| **seq > marker).count() as u64
    }

    /// Whether none is named.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers, ascending.
    #[must_use]
    pub fn seqs(&self) -> &[Seq] {
        &self.0
    }
}

impl From<Vec<Seq>> for Gone {
    fn from(seqs: Vec<Seq>) -> Gone {
        let mut gone = Gone::default();
        seqs.into_iter().for_each(|seq| gone.add(seq));
        gone
    }
}

impl From<Gone> for Vec<Seq> {
    fn from(gone: Gone) -> Vec<Seq> {
        gone.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_stay_in_whatever_order_they_come() {
        // [P8]
        let all: Vec<Seq> = (1..=50).map(Seq).collect();
        let mut backwards = all.clone();
        backwards.reverse();
        let gone = Gone::from(all);
        assert_eq!(gone, Gone::from(backwards));
        assert_eq!(gone.seqs().len(), GONE_MAX);
        assert_eq!(gone.seqs()[0], Seq(51 - GONE_MAX as u64));
        assert_eq!(gone.after(Seq(48)), 2);
        let mut twice = gone.clone();
        twice.join(&gone);
        assert_eq!(twice, gone);
        twice.forget_upto(Seq(49));
        assert_eq!(twice.seqs(), [Seq(50)]);
    }
}

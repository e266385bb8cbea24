//! Passwords that wait to be hashed, in two lanes: those of callers known before, and those of strangers.
//!
//! Owns: whose turn is next, and how many may wait: in all, and of the strangers of one network.
//! Never: knows a clock or a thread, so that a simulation runs it.

use std::collections::{HashMap, VecDeque};

/// Passwords that wait in each lane for one thread: half a second of its work.
pub const WAITING_PER_THREAD: usize = 16;
/// The part of the strangers' lane that the strangers of one network may hold: the rest stays for others.
const NETWORK_PART: usize = 4;
/// Known callers that are served while a stranger waits, before the stranger is: neither lane starves the other.
const KNOWN_IN_A_ROW_MAX: u32 = 3;
/// Milliseconds after which somebody who met a full lane comes back.
pub(crate) const RETRY_MS: u64 = 1_000;

/// Where somebody waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Known before; see [`SignIns`](crate::auth::limits).
    Known,
    /// Not, and of this network: its widest step, as a number.
    Stranger(u64),
}

/// What waits.
pub(crate) struct Queue<T> {
    known: VecDeque<T>,
    strangers: VecDeque<(u64, T)>,
    networks: HashMap<u64, usize>,
    lane_max: usize,
    known_in_a_row: u32,
    closed: bool,
}

impl<T> Queue<T> {
    /// For so many threads.
    pub(crate) fn new(threads: usize) -> Queue<T> {
        Queue {
            known: VecDeque::new(),
            strangers: VecDeque::new(),
            networks: HashMap::new(),
            lane_max: threads * WAITING_PER_THREAD,
            known_in_a_row: 0,
            closed: false,
        }
    }

    /// Puts one at the end of its lane.
    ///
    /// # Errors
    /// Gives it back when the lane is full, or its network's part of it.
    pub(crate) fn put(&mut self, lane: Lane, work: T) -> Result<(), T> {
        match lane {
            Lane::Known if self.known.len() < self.lane_max => self.known.push_back(work),
            Lane::Known => return Err(work),
            Lane::Stranger(network) => {
                let waiting = self.networks.get(&network).copied().unwrap_or_default();
                let network_max = (self.lane_max / NETWORK_PART).max(1);
                if self.strangers.len() >= self.lane_max || waiting >= network_max {
                    return Err(work);
                }
                self.networks.insert(network, waiting + 1);
                self.strangers.push_back((network, work));
            }
        }
        Ok(())
    }

    /// The next one.
    pub(crate) fn take(&mut self) -> Option<T> {
        let strangers_turn =
            self.known_in_a_row >= KNOWN_IN_A_ROW_MAX && !self.strangers.is_empty();
        if !strangers_turn && let Some(work) = self.known.pop_front() {
            self.known_in_a_row += 1;
            return Some(work);
        }
        self.known_in_a_row = 0;
        let (network, work) = self.strangers.pop_front()?;
        if let Some(waiting) = self.networks.get_mut(&network) {
            *waiting -= 1;
            if *waiting == 0 {
                self.networks.remove(&network);
            }
        }
        Some(work)
    }

    /// Nothing comes any more.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Whether nothing comes any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lane_has_its_bound_and_each_network_its_part() {
        // [P5]
        let mut queue = Queue::new(2);
        let fill =
            |queue: &mut Queue<u32>, lane| (0..100).filter(|n| queue.put(lane, *n).is_ok()).count();
        assert_eq!(fill(&mut queue, Lane::Stranger(1)), 8);
        assert_eq!(fill(&mut queue, Lane::Stranger(2)), 8);
        assert_eq!(fill(&mut queue, Lane::Stranger(3)), 8);
        assert_eq!(fill(&mut queue, Lane::Stranger(4)), 8);
        assert_eq!(fill(&mut queue, Lane::Stranger(5)), 0, "the lane is full");
        assert_eq!(fill(&mut queue, Lane::Known), 32, "the other lane is not");
        while queue.take().is_some() {}
        assert!(queue.networks.is_empty());
        assert_eq!(fill(&mut queue, Lane::Stranger(1)), 8);
    }

    #[test]
    fn known_callers_go_first_and_strangers_still_come_on() {
        let mut queue = Queue::new(1);
        for n in 0..6 {
            queue.put(Lane::Stranger(n), 's').unwrap();
            queue.put(Lane::Known, 'k').unwrap();
        }
        let order: String = std::iter::from_fn(|| queue.take()).collect();
        assert_eq!(order, "kkkskkksssss");
    }
}

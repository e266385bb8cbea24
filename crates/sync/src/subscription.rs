//! One peer following one log from a `seq`. Start reading here.
//!
//! Owns: which event the peer is due next, and so what to do with each piece of news or page of the past.
//! Never: holds events. What is pending is the distance between `next` and the log's head, so a slow peer
//! costs a few words, whatever it missed. `[P5]`

use tidings_protocol::{Seq, limits::OPEN_REPLAY_EVENTS_MAX};

/// What a stretch of events `first..=last` means for a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Exactly what comes next: send all of it.
    All,
    /// Its beginning was sent before: send from this `seq` on.
    From(Seq),
    /// All of it was sent before.
    Nothing,
    /// Something before it is missing: the peer is catching up and will get to it.
    Later,
}

/// Where an `open` starts, and whether the client must drop what it holds. `[SB3]` `[SB4]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Events with a greater `seq` follow.
    pub from: Seq,
    /// False when `from` is not what the client asked for.
    pub resumed: bool,
}

/// One peer's place in one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscription {
    from: Seq,
    next: Seq,
}

impl Subscription {
    /// Begins after `from`.
    #[must_use]
    pub const fn after(from: Seq) -> Subscription {
        Subscription {
            from,
            next: from.next(),
        }
    }

    /// Whether an event is sent, sooner or later, because of this subscription: it came after the beginning.
    #[must_use]
    pub fn covers(&self, seq: Seq) -> bool {
        seq > self.from
    }

    /// Whether an event was sent because of this subscription.
    #[must_use]
    pub fn has_sent(&self, seq: Seq) -> bool {
        self.covers(seq) && seq < self.next
    }

    /// Where to start for a client that holds everything up to `after`, when the log's head is `head`. `[SB4]`
    ///
    /// A client may be ahead of this node's head (it was told by another node); then it is believed, within the
    /// distance that would be replayed, and the events that it has are passed over as they arrive here.
    #[must_use]
    pub fn start(after: Option<Seq>, head: Seq) -> Start {
        match after {
            Some(after) if after.0.abs_diff(head.0) <= OPEN_REPLAY_EVENTS_MAX => Start {
                from: after,
                resumed: true,
            },
            _ => Start {
                from: head,
                resumed: false,
            },
        }
    }

    /// The event that the peer is due next.
    #[must_use]
    pub const fn next(&self) -> Seq {
        self.next
    }

    /// The last event that the peer was sent.
    #[must_use]
    pub const fn last(&self) -> Seq {
        Seq(self.next.0 - 1)
    }

    /// What the events `first..=last`, in order and without a gap, mean for this peer. Changes nothing.
    #[must_use]
    pub fn due(&self, first: Seq, last: Seq) -> Due {
        if self.next == first {
            Due::All
        } else if self.next > last {
            Due::Nothing
        } else if self.next > first {
            Due::From(self.next)
        } else {
            Due::Later
        }
    }

    /// Notes that everything up to and including `last` was handed to the peer's wire.
    pub fn sent(&mut self, last: Seq) {
        debug_assert!(last >= self.last(), "a place in a log never goes back");
        self.next = last.next();
    }

    /// Whether the peer has everything up to `head`.
    #[must_use]
    pub fn is_level(&self, head: Seq) -> bool {
        self.next > head
    }

    /// Whether the peer is so far behind that replaying is worth less than starting over. `[SB5]`
    #[must_use]
    pub fn is_lost(&self, head: Seq) -> bool {
        head.0.saturating_sub(self.last().0) > OPEN_REPLAY_EVENTS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stretch_is_sent_once_and_in_order() {
        // [EV3] [SB3]
        let mut sub = Subscription::after(Seq(4));
        for (first, last, due) in [
            (5, 7, Due::All),
            (1, 4, Due::Nothing),
            (3, 6, Due::From(Seq(5))),
            (6, 9, Due::Later),
        ] {
            assert_eq!(sub.due(Seq(first), Seq(last)), due, "{first}..={last}");
        }
        sub.sent(Seq(7));
        assert_eq!(sub.due(Seq(5), Seq(7)), Due::Nothing);
        assert_eq!(sub.due(Seq(8), Seq(8)), Due::All);
        assert!(sub.is_level(Seq(7)));
    }

    #[test]
    fn every_order_of_arrival_ends_with_each_event_once() {
        // [EV3] All 720 orders of six stretches, the missing ones filled in by pages of the past.
        let stretches = [(1, 1), (2, 3), (4, 4), (5, 8), (9, 9), (10, 12)];
        let mut order = [0usize, 1, 2, 3, 4, 5];
        permute(&mut order, 0, &mut |order| {
            let mut sub = Subscription::after(Seq::ZERO);
            let mut got = Vec::new();
            for &index in order {
                let (first, last) = stretches[index];
                deliver(&mut sub, first, last, &mut got);
            }
            while !sub.is_level(Seq(12)) {
                let first = sub.next().0;
                deliver(&mut sub, first, (first + 2).min(12), &mut got);
            }
            assert_eq!(got, (1..=12).collect::<Vec<u64>>());
        });
    }

    fn deliver(sub: &mut Subscription, first: u64, last: u64, got: &mut Vec<u64>) {
        let from = match sub.due(Seq(first), Seq(last)) {
            Due::All => first,
            Due::From(seq) => seq.0,
            Due::Nothing | Due::Later => return,
        };
        got.extend(from..=last);
        sub.sent(Seq(last));
    }

    fn permute(order: &mut [usize; 6], from: usize, visit: &mut impl FnMut(&[usize; 6])) {
        if from == order.len() {
            visit(order);
        }
        for index in from..order.len() {
            order.swap(from, index);
            permute(order, from + 1, visit);
            order.swap(from, index);
        }
    }

    #[test]
    fn a_start_is_a_replay_or_a_clean_one() {
        // [SB4]
        let start = |after: Option<u64>, head| {
            let start = Subscription::start(after.map(Seq), Seq(head));
            (start.from.0, start.resumed)
        };
        assert_eq!(start(None, 10), (10, false));
        assert_eq!(start(Some(10), 10), (10, true));
        assert_eq!(start(Some(0), OPEN_REPLAY_EVENTS_MAX), (0, true));
        assert_eq!(
            start(Some(0), OPEN_REPLAY_EVENTS_MAX + 1),
            (OPEN_REPLAY_EVENTS_MAX + 1, false)
        );
        assert_eq!(start(Some(12), 10), (12, true));
        assert_eq!(start(Some(9_999), 10), (10, false));
    }
}

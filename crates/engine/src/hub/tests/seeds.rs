//! Long stories by seed: slow wires, late reads, batches of any cut; then everybody has everything, once, in order.

use std::collections::VecDeque;

use serde_json::Value;
use tidings_protocol::{Follow, Seq};

use super::model::{ADA, LIN, Node, OTHER, ROOM, Session};
use crate::{
    encoded::Format,
    hub::{Effect, Hello},
    random::Random,
};

/// What a client with one room open holds: the next `seq` it waits for, by the rules alone.
#[derive(Default)]
struct Follower {
    next: Option<u64>,
}

impl Follower {
    fn take(&mut self, frames: &[Value]) {
        for frame in frames {
            match frame["type"].as_str() {
                Some("opened") => {
                    let from = frame["from"].as_u64().unwrap();
                    // Never back: what was told before is not told again.
                    assert!(self.next.is_none_or(|next| from + 1 >= next), "{frame}");
                    self.next = Some(from + 1);
                }
                Some("event") if frame["log"] == ROOM.to_string() => {
                    let seq = frame["seq"].as_u64().unwrap();
                    assert_eq!(Some(seq), self.next, "in order, without a gap");
                    self.next = Some(seq + 1);
                }
                _ => {}
            }
        }
    }
}

fn story(seed: u64) {
    let mut random = Random(seed);
    let mut node = Node::new(2);
    let start = node.cursor();
    let open: Vec<(Session, std::cell::RefCell<Follower>)> = (0..4)
        .map(|n| {
            let session = node.listed(if n % 2 == 0 { ADA } else { LIN });
            node.open(&session, ROOM, None);
            (session, std::cell::RefCell::default())
        })
        .collect();
    let all: Vec<(Session, Vec<Value>)> = [Format::Plain, Format::Json]
        .map(|format| {
            let hello = Hello {
                follow: Follow::All,
                ..Hello::default()
            };
            (node.session(LIN, format, hello).0, Vec::new())
        })
        .into();
    let mut all = all;
    let mut late: VecDeque<Effect> = VecDeque::new();
    for _ in 0..400 {
        match random.below(10) {
            0..=3 => {
                for _ in 0..=random.below(40) {
                    let room = if random.below(3) == 0 { OTHER } else { ROOM };
                    node.write(room, ADA, "text");
                }
            }
            4..=5 => {
                let shard = random.below(2) as u16;
                node.deliver_some(shard, 1 + random.below(60));
            }
            step @ 6..=7 => {
                let mut sessions = open
                    .iter()
                    .map(|(s, _)| s)
                    .chain(all.iter().map(|(s, _)| s));
                let session = sessions.nth(random.below(6) as usize).unwrap();
                if step == 6 {
                    session.takes(random.below(4) as usize);
                } else if session.is_full() {
                    session.takes(1 + random.below(5) as usize);
                    node.hub.drained(session.id);
                }
            }
            8 => {
                // Open again from where one is.
                let (session, follower) = &open[random.below(4) as usize];
                follower.borrow_mut().take(&session.take());
                if let Some(next) = follower.borrow().next
                    && !session.is_full()
                {
                    let _ = node.hub.open(session.id, ROOM, Some(Seq(next - 1)));
                }
            }
            _ => node.hub.flush_listed(),
        }
        late.extend(node.hub.take_effects());
        while random.below(2) == 0
            && let Some(effect) = late.pop_front()
        {
            let read = node.read(&effect);
            if random.below(3) == 0 {
                // What was read is old when it arrives.
                node.deliver_some(0, 5);
                node.deliver_some(1, 5);
            }
            node.give(&effect, read);
        }
        for (session, follower) in &open {
            follower.borrow_mut().take(&session.take());
        }
        for (session, got) in &mut all {
            got.extend(session.take());
        }
    }
    // The weather clears: everybody comes to the head.
    for effect in late {
        let read = node.read(&effect);
        node.give(&effect, read);
    }
    node.deliver();
    for (session, follower) in &open {
        node.drain(session);
        follower.borrow_mut().take(&session.take());
        assert_eq!(
            follower.borrow().next,
            Some(node.head(ROOM) + 1),
            "seed {seed}"
        );
    }
    for (session, got) in &mut all {
        node.drain(session);
        got.extend(session.take());
        for shard in 0..2u16 {
            let since = start.positions[usize::from(shard)].0;
            let events = got
                .iter()
                .filter(|f| f["type"] == "event" && f["shard"] == shard);
            let positions: Vec<u64> = events.map(|f| f["position"].as_u64().unwrap()).collect();
            let expected = node.visible(LIN, shard);
            let expected: Vec<u64> = expected.into_iter().filter(|p| *p > since).collect();
            assert_eq!(positions, expected, "seed {seed}");
        }
    }
}

#[test]
fn everybody_ends_with_everything_once() {
    // [P2] [P4] [P5] [EV3] [CU4]
    for seed in 1..=40 {
        story(seed);
    }
}

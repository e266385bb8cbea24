//! What is believed, and what not however it is said.

use tidings_protocol::Presence;
use tidings_store::HintKey;

use super::*;

/// A node as others hear it.
struct Node {
    boot: Boot,
    key: Key,
    count: u64,
    ear: Ear,
    token: u64,
}

impl Node {
    fn new(boot: Boot) -> Node {
        Node {
            boot,
            key: Key::new(&HintKey::from_bytes([9; 32])),
            count: 0,
            ear: Ear::new(boot, boot as u64 * 1_000),
            token: boot as u64 * 1_000,
        }
    }

    fn say(&mut self, news: &News) -> Vec<u8> {
        self.count += 1;
        let text = rmp_serde::to_vec(news).unwrap();
        self.key.seal(self.boot, self.count, &text)
    }

    fn announce(&mut self) -> Vec<u8> {
        let news = self.ear.announce(vec![user(self.boot)]);
        self.say(&news)
    }

    /// Time for another list.
    fn draw(&mut self) {
        self.token += 1;
        self.ear.draw(self.token);
    }

    fn hear(&mut self, now_ms: u64, bytes: &[u8]) -> Judged {
        self.ear.hear(&self.key, now_ms, bytes)
    }
}

fn user(n: Boot) -> Change {
    (UserId::from_bits(n), Presence::Online)
}

fn typing() -> News {
    News::Typing {
        room: RoomId::from_bits(1),
        user: UserId::from_bits(2),
        on: true,
    }
}

fn dropped(judged: &Judged) -> Option<Dropped> {
    judged.heard.as_ref().err().copied()
}

/// Both have heard each other.
fn acquainted() -> (Node, Node) {
    let (mut one, mut two) = (Node::new(1), Node::new(2));
    let first = one.announce();
    let judged = two.hear(0, &first);
    assert_eq!(
        (dropped(&judged), judged.answer),
        (Some(Dropped::Stale), true)
    );
    let answer = two.announce();
    let judged = one.hear(0, &answer);
    assert!(matches!(judged.heard, Ok(Heard::Presence { node: 2, .. })));
    assert!(judged.answer, "it has not heard this one's echo");
    let answer = one.announce();
    let judged = two.hear(0, &answer);
    assert!(matches!(judged.heard, Ok(Heard::Presence { node: 1, .. })));
    assert!(!judged.answer, "nobody waits any more");
    (one, two)
}

#[test]
fn a_node_is_believed_once_it_has_answered() {
    let (mut one, mut two) = acquainted();
    let said = one.say(&typing());
    assert!(matches!(two.hear(5, &said).heard, Ok(Heard::Typing { .. })));
    let of = one.say(&News::PresenceOf { user: user(7) });
    assert!(matches!(
        two.hear(5, &of).heard,
        Ok(Heard::PresenceOf { node: 1, .. })
    ));
    // One's own words come back from Redis.
    let own = two.say(&typing());
    assert!(matches!(two.hear(5, &own).heard, Ok(Heard::Own)));
}

#[test]
fn what_was_said_before_is_dropped_again_and_out_of_order_too() {
    let (mut one, mut two) = acquainted();
    let (first, second) = (one.say(&typing()), one.say(&typing()));
    assert!(two.hear(5, &second).heard.is_ok());
    for said in [&first, &second, &first] {
        assert_eq!(dropped(&two.hear(5, said)), Some(Dropped::Old));
    }
}

#[test]
fn a_node_that_is_gone_does_not_come_back_by_its_old_words() {
    // All that node one ever said is kept by somebody who listens.
    let (mut one, mut two) = acquainted();
    let mut kept = Vec::new();
    for n in 1..=40u64 {
        one.draw();
        two.draw();
        let answer = two.announce();
        one.hear(n * 5_000, &answer);
        kept.push(one.announce());
        kept.push(one.say(&typing()));
        kept.push(one.say(&News::PresenceOf { user: user(7) }));
        // Node two was cut off from the thirtieth on, and node one is gone after the last.
        if n < 30 {
            for said in &kept[kept.len() - 3..] {
                assert!(two.hear(n * 5_000, said).heard.is_ok());
            }
        }
    }
    for _ in 0..TOKENS_MAX {
        two.draw();
    }
    for (hearer, now) in [(&mut two, 250_000), (&mut Node::new(3), 0)] {
        for said in &kept {
            let judged = hearer.hear(now, said);
            assert!(judged.heard.is_err(), "{:?}", judged.heard);
        }
    }
}

#[test]
fn strangers_and_other_servers_are_dropped_before_anything_is_read() {
    let (mut one, mut two) = acquainted();
    let mut other = Node::new(4);
    other.key = Key::new(&HintKey::from_bytes([8; 32]));
    let said = other.announce();
    let judged = two.hear(1, &said);
    assert_eq!(
        (dropped(&judged), judged.answer),
        (Some(Dropped::Foreign), false)
    );
    let mut changed = one.say(&typing());
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(dropped(&two.hear(1, &changed)), Some(Dropped::Unsealed));
    assert_eq!(dropped(&two.hear(1, b"PING")), Some(Dropped::Unsealed));
    // Nothing of it was noted: the true one is taken.
    let said = one.say(&typing());
    assert!(two.hear(1, &said).heard.is_ok());
    let tally = Tally::default();
    tally.note(&Err(Dropped::Foreign));
    tally.note(&Ok(Heard::Own));
    assert_eq!(tally.counts().map(|(_, n)| n), [0, 0, 1, 0, 0]);
}

#[test]
fn no_more_senders_are_kept_than_there_can_be() {
    let mut hearer = Node::new(1);
    for boot in 2..SENDERS_MAX as Boot + 100 {
        let said = Node::new(boot).announce();
        hearer.hear(0, &said);
    }
    assert_eq!(hearer.ear.senders.len(), SENDERS_MAX);
    // Silent ones make room.
    let said = Node::new(9_999).announce();
    assert!(hearer.hear(NODE_SILENCE_MS + 1, &said).answer);
    assert_eq!(hearer.ear.senders.len(), 1);
}

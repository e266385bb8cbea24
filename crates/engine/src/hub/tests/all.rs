//! Those who follow everything: exactly what they may see, with the cursor after each piece. `[CU4]`

use tidings_protocol::{Cursor, Follow, Position};

use super::model::{ADA, EVE, Heard, LIN, Node, OTHER, ROOM, Session, seqs, txn, types};
use crate::{encoded::Format, hub::Hello, work::Answer};

fn all(since: Option<&Cursor>) -> Hello {
    Hello {
        since: since.map(Cursor::to_string),
        follow: Follow::All,
        ..Hello::default()
    }
}

/// The positions of the events of one shard.
fn positions(heard: &[Heard], shard: u16) -> Vec<u64> {
    heard
        .iter()
        .filter(|(f, _)| f["type"] == "event" && f["shard"] == shard && f["answer"] != true)
        .map(|(f, _)| f["position"].as_u64().unwrap())
        .collect()
}

fn story(node: &mut Node) {
    for round in 0..10 {
        node.say(ROOM, ADA, &format!("room {round}"));
        node.write(OTHER, ADA, &format!("other {round}"));
        node.write(ROOM, LIN, &format!("both {round}"));
        node.deliver();
        node.work();
    }
}

#[test]
fn every_cursor_leads_to_exactly_the_rest() {
    // [CU4] [P4] Over rings, and over the store when the ring does not reach back.
    for shards in [1, 3] {
        let mut node = Node::new(shards);
        let start = node.cursor();
        let (live, _) = node.session(LIN, Format::Plain, all(None));
        story(&mut node);
        node.join(OTHER, LIN);
        story(&mut node);
        // What happened in the room is heard as it happens, and not by one who comes back when they have left it. [RM5]
        let mut due: Vec<Vec<u64>> = (0..shards).map(|s| node.visible(LIN, s)).collect();
        node.leave(ROOM, LIN);
        story(&mut node);
        let heard = live.take_heard();
        for shard in 0..shards {
            let due = &mut due[usize::from(shard)];
            due.extend(node.visible(LIN, shard));
            due.sort_unstable();
            due.dedup();
            let since = start.positions[usize::from(shard)].0;
            due.retain(|p| *p > since);
            assert_eq!(positions(&heard, shard), *due);
        }
        for (index, (_, cursor)) in heard.iter().enumerate() {
            let cursor = cursor.as_ref().expect("each piece has a cursor");
            let again = node.greet(LIN, Format::Plain, all(Some(cursor)));
            node.work();
            let rest = again.take_heard();
            assert_eq!(types(&[rest[0].0.clone()]), ["ready"]);
            for shard in 0..shards {
                let still = node.visible(LIN, shard);
                let mut due = positions(&heard[index + 1..], shard);
                due.retain(|position| still.contains(position));
                assert_eq!(positions(&rest, shard), due);
            }
            node.hub.disconnect(again.id);
        }
    }
}

#[test]
fn the_cursor_of_ready_is_the_one_that_was_given() {
    // [CU4] A client that is cut off before the first event comes back with what `ready` told it.
    let mut node = Node::new(2);
    let start = node.cursor();
    story(&mut node);
    let (_, ready) = node.session(LIN, Format::Plain, all(Some(&start)));
    assert_eq!(ready["cursor"], start.to_string());
    let (_, ready) = node.session(LIN, Format::Plain, all(None));
    assert_eq!(ready["cursor"], node.cursor().to_string());
}

#[test]
fn a_cursor_of_another_life_is_answered_by_reset() {
    // [CU3] [HS2]
    let mut node = Node::new(2);
    story(&mut node);
    let now = node.cursor();
    let mut ahead = now.clone();
    ahead.positions[1] = Position(ahead.positions[1].0 + 1);
    let mut foreign = now.clone();
    foreign.epoch = tidings_protocol::Epoch(8);
    let mut short = now.clone();
    short.positions.pop();
    let wrong = [
        ahead.to_string(),
        foreign.to_string(),
        short.to_string(),
        "nonsense".to_owned(),
    ];
    for since in wrong {
        for follow in [Follow::All, Follow::Listed] {
            let hello = Hello {
                since: Some(since.clone()),
                follow,
                ..Hello::default()
            };
            let (_, first) = node.session(LIN, Format::Plain, hello);
            assert_eq!(first["type"], "reset", "{since}");
            assert_eq!(first["rooms"].as_array().unwrap().len(), 1);
            assert_eq!(first["cursor"], now.to_string());
        }
    }
    let (_, first) = node.session(LIN, Format::Plain, all(Some(&now)));
    assert_eq!(first["type"], "ready");
}

#[test]
fn a_slow_one_falls_back_to_the_log_and_misses_nothing() {
    // [SB5] [P5]
    for format in [Format::Plain, Format::Json] {
        let mut node = Node::new(2);
        let start = node.cursor();
        let (slow, _) = node.session(LIN, format, all(None));
        let mut heard = Vec::new();
        for round in 0..40 {
            slow.takes(round % 3);
            for number in 0..30 {
                node.write(ROOM, ADA, &format!("{round} {number}"));
                node.write(OTHER, ADA, "not for lin");
            }
            node.deliver();
            node.work();
            heard.extend(slow.take_heard());
            if round % 5 == 4 {
                slow.takes(1 + round);
                node.hub.drained(slow.id);
                node.work();
                heard.extend(slow.take_heard());
            }
        }
        node.drain(&slow);
        heard.extend(slow.take_heard());
        for shard in 0..2 {
            let since = start.positions[usize::from(shard)].0;
            let expected = node.visible(LIN, shard);
            let expected: Vec<u64> = expected.into_iter().filter(|p| *p > since).collect();
            assert_eq!(positions(&heard, shard), expected, "{format:?}");
        }
    }
}

#[test]
fn what_waits_for_a_slow_one_is_bounded() {
    // [P5] A page of the longest messages does not stay in memory for a wire that takes nothing.
    let mut node = Node::new(1);
    let start = node.cursor();
    let long = "x".repeat(16_000);
    for _ in 0..300 {
        node.write(ROOM, ADA, &long);
    }
    node.deliver();
    // The ring has let go of the first by now: they are read from the store.
    let slow = node.greet(LIN, Format::Json, all(Some(&start)));
    slow.takes(3);
    node.work();
    assert!(slow.is_full());
    let held = node.held_bytes(&slow);
    assert!(held <= 128 * 1024, "{held}");
    let mut got = slow.seqs(ROOM);
    for _ in 0..300 {
        slow.takes(1);
        node.hub.drained(slow.id);
        node.work();
        got.extend(slow.seqs(ROOM));
    }
    assert_eq!(got, (4..=node.head(ROOM)).collect::<Vec<u64>>());
}

#[test]
fn nothing_reaches_one_who_left_while_behind() {
    // [P6] [SB8] [RM5]
    let mut node = Node::new(1);
    let (slow, _) = node.session(LIN, Format::Plain, all(None));
    slow.takes(0);
    node.say(ROOM, ADA, "a canary before");
    let left = node.leave(ROOM, LIN);
    node.deliver();
    node.say(ROOM, ADA, "canary");
    node.drain(&slow);
    node.say(ROOM, ADA, "canary again");
    let frames = slow.take();
    assert_eq!(seqs(&frames, ROOM), [left.0]);
    assert!(!format!("{frames:?}").contains("canary"));
}

#[test]
fn a_state_that_is_ahead_of_the_hub_is_not_told_twice() {
    // [CU4] [P6] The store knows more than this hub when the session begins; the hub hears of it later.
    let mut node = Node::new(2);
    let start = node.cursor();
    node.write(ROOM, ADA, "ahead");
    node.join(OTHER, LIN);
    node.write(OTHER, ADA, "seen");
    node.leave(ROOM, LIN);
    node.write(ROOM, ADA, "canary");
    let sessions: Vec<Session> = [None, Some(&start)]
        .map(|since| node.greet(LIN, Format::Plain, all(since)))
        .into();
    node.work();
    node.deliver();
    node.work();
    node.say(OTHER, ADA, "live");
    node.say(ROOM, ADA, "canary");
    let [fresh, since] = &sessions[..] else {
        panic!("two sessions")
    };
    let frames = fresh.take();
    assert_eq!(seqs(&frames, OTHER), [node.head(OTHER)]);
    assert_eq!(seqs(&frames, ROOM), Vec::<u64>::new());
    let heard = since.take_heard();
    for shard in 0..2 {
        let expected = node.visible(LIN, shard);
        let from = start.positions[usize::from(shard)].0;
        let expected: Vec<u64> = expected.into_iter().filter(|p| *p > from).collect();
        assert_eq!(positions(&heard, shard), expected);
    }
    assert!(!format!("{heard:?}{frames:?}").contains("canary"));
}

#[test]
fn an_earlier_change_does_not_hide_a_later_one() {
    // [CU4] The state a peer begins with is ahead of the hub: it knows of a leaving that the hub has yet to pass.
    let mut node = Node::new(1);
    node.join(OTHER, LIN);
    let since = node.cursor();
    for number in 0..4 {
        node.write(ROOM, ADA, &format!("before leaving {number}"));
    }
    node.leave(ROOM, LIN);
    let peer = node.greet(LIN, Format::Plain, all(Some(&since)));
    peer.takes(1);
    let effects = node.hub.take_effects();
    let read = node.read(&effects[0]);
    node.give(&effects[0], read);
    node.deliver_some(0, 5);
    node.drain(&peer);
    node.deliver();
    node.work();
    let left = since.positions[0].0 + 5;
    assert_eq!(positions(&peer.take_heard(), 0), [left]);
}

#[test]
fn one_who_is_removed_while_a_page_is_read_is_told_nothing_of_the_room() {
    // [P6] [RM5] The page was read while they were a member, or waits for a slow wire.
    for waits in [false, true] {
        let mut node = Node::new(1);
        let since = node.cursor();
        for number in 0..200 {
            node.write(ROOM, ADA, &format!("canary {number}"));
        }
        node.join(OTHER, LIN);
        node.write(OTHER, ADA, "for lin");
        let own = node.head(OTHER);
        let behind = node.greet(LIN, Format::Json, all(Some(&since)));
        node.deliver();
        let effects = node.hub.take_effects();
        let read = node.read(&effects[0]);
        node.give(&effects[0], read);
        behind.take();
        let effects = node.hub.take_effects();
        let read = node.read(&effects[0]);
        if waits {
            behind.takes(0);
            node.give(&effects[0], read);
            node.leave(ROOM, LIN);
            node.deliver();
            node.drain(&behind);
        } else {
            node.leave(ROOM, LIN);
            node.deliver();
            node.give(&effects[0], read);
            node.work();
        }
        let mut frames = behind.take();
        // What `ready` told was theirs when it was told.
        frames.retain(|frame| frame["type"] != "ready");
        assert_eq!(seqs(&frames, ROOM), [node.head(ROOM)]);
        assert!(!format!("{frames:?}").contains("canary"), "{frames:?}");
        assert_eq!(seqs(&frames, OTHER).last(), Some(&own));
    }
}

#[test]
fn no_cursor_tells_a_former_member_more_than_that_they_left() {
    // [RM5] [CU3] Every cursor that the server would take, and some that it would not.
    let mut node = Node::new(2);
    let start = node.cursor();
    story(&mut node);
    node.leave(ROOM, LIN);
    story(&mut node);
    let now = node.cursor();
    let left = node
        .visible(LIN, tidings_protocol::LogId::Room(ROOM).shard(2).0)
        .pop()
        .unwrap();
    for first in start.positions[0].0..=now.positions[0].0 + 1 {
        for second in [0, start.positions[1].0, left - 1, left, now.positions[1].0] {
            let mut forged = now.clone();
            forged.positions = vec![Position(first), Position(second)];
            for format in [Format::Plain, Format::Json] {
                let peer = node.greet(LIN, format, all(Some(&forged)));
                node.work();
                let frames = peer.take();
                let told = seqs(&frames, ROOM);
                assert!(told.len() <= 1, "{forged:?}: {told:?}");
                assert!(!format!("{frames:?}").contains("room 1"), "{forged:?}");
                node.hub.disconnect(peer.id);
            }
        }
    }
}

#[test]
fn an_earlier_stay_that_was_missed_is_a_reset() {
    // [P4] [SB11] Away, or there and too slow.
    let mut node = Node::new(1);
    let since = node.cursor();
    let (slow, _) = node.session(LIN, Format::Plain, all(Some(&since)));
    slow.takes(0);
    node.say(ROOM, ADA, "seen in the first stay");
    node.leave(ROOM, LIN);
    node.say(ROOM, ADA, "canary");
    node.join(ROOM, LIN);
    node.say(ROOM, ADA, "seen in the second");
    node.deliver();
    node.drain(&slow);
    assert_eq!(slow.closed(), Some(tidings_protocol::CloseCode::Restarting));
    assert!(!format!("{:?}", slow.take_heard()).contains("canary"));
    let (again, first) = node.session(LIN, Format::Plain, all(Some(&since)));
    assert_eq!(first["type"], "reset");
    assert_eq!(first["cursor"], node.cursor().to_string());
    let next = node.say(ROOM, ADA, "live");
    assert_eq!(again.seqs(ROOM), [next.0]);
    // A session that heard everything as it happened goes on, and so does one that lists its rooms.
    let now = node.cursor();
    let (live, _) = node.session(LIN, Format::Plain, all(Some(&now)));
    let (_, listed) = node.session(
        LIN,
        Format::Json,
        Hello {
            since: Some(since.to_string()),
            ..Hello::default()
        },
    );
    assert_eq!(listed["type"], "ready");
    node.leave(ROOM, LIN);
    node.join(ROOM, LIN);
    node.say(ROOM, ADA, "third stay");
    assert_eq!(live.closed(), None);
    assert_eq!(live.seqs(ROOM).len(), 3);
}

#[test]
fn a_creator_hears_of_the_room_from_its_first_event() {
    // [SB7] [CU4] Live and replayed alike.
    let mut node = Node::new(2);
    let start = node.cursor();
    let (live, _) = node.session(EVE, Format::Plain, all(None));
    let room = tidings_protocol::RoomId::from_bits(205);
    let created = tidings_protocol::content::Known::RoomCreated {
        room_kind: tidings_protocol::RoomKind::Group,
        visibility: tidings_protocol::Visibility::Private,
        name: None,
        between: None,
    };
    node.commit(room, EVE, created);
    node.join(room, EVE);
    node.deliver();
    node.say(room, EVE, "alone");
    assert_eq!(live.seqs(room), [1, 2, 3]);
    let again = node.greet(EVE, Format::Plain, all(Some(&start)));
    node.work();
    assert_eq!(again.seqs(room), [1, 2, 3]);
}

#[test]
fn an_answer_comes_though_its_event_is_past_a_reset() {
    // [CM2] [CM9] [SB11] The command was given in a stay that is not told any more.
    let mut node = Node::new(1);
    let since = node.cursor();
    let message = tidings_protocol::content::Known::Message {
        text: "hi".parse().unwrap(),
    };
    let seq = node.commit_txn(ROOM, LIN, message, Some("t-1"));
    node.leave(ROOM, LIN);
    node.join(ROOM, LIN);
    node.deliver();
    let peer = node.greet(LIN, Format::Json, all(Some(&since)));
    node.work();
    assert_eq!(types(&peer.take()), ["reset"]);
    let event = node.event(ROOM, seq);
    node.hub
        .answer(peer.id, &txn("t-1"), Answer::Happened(event));
    let frames = peer.take();
    assert_eq!((frames.len(), &frames[0]["answer"]), (1, &true.into()));
}

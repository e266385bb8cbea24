//! Rooms open and listed: slow wires, holes, erasures, those who come and go.

use serde_json::{Value, json};
use tidings_protocol::{
    RefusalCode, RoomId, Seq,
    content::Known,
    limits::{OPEN_REPLAY_EVENTS_MAX, OPEN_ROOMS_MAX},
};

use super::model::{ADA, EVE, LIN, Node, OTHER, ROOM, seqs, txn, types};
use crate::{
    encoded::Format,
    hub::Hello,
    inbox::{Inbox, Item},
    work::Answer,
};

#[test]
fn an_open_room_is_told_event_by_event_and_a_txn_to_its_actor() {
    // [SB3] [EV3] [EV4]
    let mut node = Node::new(1);
    let (ada, lin) = (node.opened(ADA), node.opened(LIN));
    let text = |text: &str| Known::Message {
        text: text.parse().unwrap(),
    };
    // One batch with events of several actors and rooms.
    node.commit_txn(ROOM, ADA, text("one"), Some("t-1"));
    node.commit_txn(OTHER, ADA, text("elsewhere"), Some("t-2"));
    node.commit_txn(ROOM, LIN, text("two"), Some("t-3"));
    node.deliver();
    let (hers, his) = (ada.take(), lin.take());
    assert_eq!(
        (seqs(&hers, ROOM), seqs(&his, ROOM)),
        (vec![4, 5], vec![4, 5])
    );
    let txns = |frames: &[Value]| -> Vec<Value> {
        let events = frames.iter().filter(|f| f["log"] == ROOM.to_string());
        events.map(|f| f["txn"].clone()).collect()
    };
    assert_eq!(txns(&hers), [json!("t-1"), Value::Null]);
    assert_eq!(txns(&his), [Value::Null, json!("t-3")]);
    assert_eq!(seqs(&his, OTHER), Vec::<u64>::new());
    // What is listed is told once for all that happened.
    node.work();
    assert_eq!(types(&ada.take()), ["rooms"]);
    assert_eq!(lin.take(), Vec::<Value>::new());
}

#[test]
fn a_slow_wire_gets_everything_later_and_nothing_twice() {
    // [P5] [EV3] [SB5] From the ring, from the store, and by `opened` again when it is too far behind.
    for (missed, from_store) in [(20, false), (127, false), (129, true), (499, true)] {
        let mut node = Node::new(1);
        let (slow, swift) = (node.opened(LIN), node.opened(ADA));
        slow.takes(0);
        for number in 0..missed {
            node.say(ROOM, ADA, &number.to_string());
        }
        assert_eq!(
            swift.seqs(ROOM).len(),
            missed,
            "nobody waits for the slow one"
        );
        slow.takes(usize::MAX);
        node.hub.drained(slow.id);
        let effects = node.hub.take_effects();
        assert_eq!(!effects.is_empty(), from_store, "{missed}");
        // News while the past is being read comes after it.
        node.say(ROOM, ADA, "meanwhile");
        for effect in effects {
            let read = node.read(&effect);
            node.give(&effect, read);
        }
        node.work();
        node.say(ROOM, ADA, "after");
        let expected: Vec<u64> = (4..=node.head(ROOM)).collect();
        assert_eq!(slow.seqs(ROOM), expected, "{missed}");
    }
    let mut node = Node::new(1);
    let slow = node.opened(LIN);
    slow.takes(0);
    for number in 0..=OPEN_REPLAY_EVENTS_MAX {
        node.say(ROOM, ADA, &number.to_string());
    }
    let head = node.head(ROOM);
    node.drain(&slow);
    node.say(ROOM, ADA, "after");
    let frames = slow.take();
    assert_eq!(
        frames[0],
        json!({ "type": "opened", "room": ROOM, "from": head, "head": head })
    );
    assert_eq!(seqs(&frames, ROOM), [head + 1]);
}

#[test]
fn a_wire_that_fills_up_in_the_middle_goes_on_where_it_stopped() {
    // [P5] [EV3]
    let mut node = Node::new(1);
    let slow = node.opened(LIN);
    slow.takes(0);
    // Long enough that a page is handed over in several pieces.
    let long = "x".repeat(8_000);
    for _ in 0..300 {
        node.say(ROOM, ADA, &long);
    }
    let mut got = Vec::new();
    for _ in 0..1_000 {
        slow.takes(1);
        node.hub.drained(slow.id);
        node.work();
        got.extend(slow.seqs(ROOM));
        if got.last() == Some(&node.head(ROOM)) {
            break;
        }
    }
    assert_eq!(got, (4..=node.head(ROOM)).collect::<Vec<u64>>());
}

#[test]
fn holes_are_read_and_repeats_passed_over() {
    // [P2] [EV3]
    let mut node = Node::new(1);
    let lin = node.opened(LIN);
    let first = node.hub.heads()[0].0 + 1;
    for number in 0..40 {
        node.write(ROOM, ADA, &number.to_string());
    }
    node.deliver_only(0, first, first + 4);
    // The next ten are lost, and some come twice or late.
    node.deliver_only(0, first + 15, first + 20);
    node.deliver_only(0, first + 25, first + 39);
    node.deliver_only(0, first, first + 2);
    assert_eq!(lin.seqs(ROOM), (4..=8).collect::<Vec<u64>>());
    assert_eq!(node.hub.take_effects().len(), 1, "one read fills all holes");
    node.hub.filled(tidings_protocol::ShardId(0), None, true);
    node.work();
    assert_eq!(lin.seqs(ROOM), (9..=43).collect::<Vec<u64>>());
    node.deliver_only(0, first + 3, first + 39);
    node.work();
    assert_eq!(lin.take(), Vec::<Value>::new());
}

#[test]
fn a_hole_that_opens_while_another_is_read_is_read_too() {
    // [P4] What is being read was looked at before the later news came.
    let mut node = Node::new(1);
    let peer = node.opened(LIN);
    for number in 0..3 {
        node.write(ROOM, ADA, &format!("{number}"));
    }
    let head = node.hub.heads()[0].0;
    node.deliver_only(0, head + 2, head + 3);
    let effects = node.hub.take_effects();
    let read = node.read(&effects[0]);
    node.write(ROOM, ADA, "later");
    node.deliver_only(0, head + 4, head + 4);
    node.give(&effects[0], read);
    node.work();
    assert_eq!(peer.seqs(ROOM), [4, 5, 6, 7]);
}

#[test]
fn news_that_was_dropped_on_the_way_is_read_without_waiting_for_more() {
    // [P4] [P5] A full inbox says which shards it dropped news of.
    let mut node = Node::new(1);
    let peer = node.opened(LIN);
    let inbox = Inbox::holding(2);
    let head = node.hub.heads()[0].0;
    for number in 1..=5 {
        node.write(ROOM, ADA, &format!("{number}"));
        let batch = node.batch(0, head + number, head + number);
        inbox.deliver(Some(&batch), Vec::new());
    }
    let taken = inbox.take();
    assert_eq!(taken.items.len(), 2);
    for item in taken.items {
        let Item::Batch(batch) = item else {
            panic!("{item:?}")
        };
        node.hub.batch(&batch);
    }
    assert_eq!(peer.seqs(ROOM), [4, 5]);
    for shard in taken.missed {
        node.hub.missed(shard);
    }
    node.work();
    assert_eq!(peer.seqs(ROOM), [6, 7, 8]);
    let after = inbox.take();
    assert!(after.items.is_empty() && after.missed.is_empty());
}

#[test]
fn what_was_deleted_is_erased_in_the_rings() {
    // [EV2] [EV8]
    let mut node = Node::new(1);
    let (_keeps, _all) = (
        node.opened(ADA),
        node.session(
            ADA,
            Format::Plain,
            Hello {
                follow: tidings_protocol::Follow::All,
                ..Hello::default()
            },
        ),
    );
    let before = node.cursor();
    let target = node.say(ROOM, LIN, "canary one");
    node.edit(ROOM, target, "canary two");
    let other = node.say(ROOM, LIN, "kept");
    node.edit(ROOM, other, "kept, too");
    node.delete(ROOM, target);
    node.deliver();
    let reader = node.listed(LIN);
    node.hub
        .open(reader.id, ROOM, Some(Seq(target.0 - 1)))
        .unwrap();
    assert_eq!(node.hub.take_effects(), [], "it comes from the ring");
    let frames = reader.take();
    assert_eq!(
        seqs(&frames, ROOM),
        (target.0..=node.head(ROOM)).collect::<Vec<u64>>()
    );
    assert!(!format!("{frames:?}").contains("canary"), "{frames:?}");
    assert!(format!("{frames:?}").contains("kept, too"));
    let hello = Hello {
        since: Some(before.to_string()),
        follow: tidings_protocol::Follow::All,
        ..Hello::default()
    };
    let all = node.greet(LIN, Format::Plain, hello);
    node.work();
    let frames = all.take();
    assert_eq!(seqs(&frames, ROOM).len(), 5);
    assert!(!format!("{frames:?}").contains("canary"), "{frames:?}");
    // The last line is the one before it; deleted, it shows nothing.
    let listed = node.listed(LIN);
    node.delete(ROOM, other);
    node.deliver();
    node.work();
    let frames = listed.take();
    assert_eq!(frames[0]["rooms"][0]["last"]["text"], Value::Null);
}

#[test]
fn summaries_are_coalesced_and_never_repeat_a_head() {
    // [SB2] [SB6]
    let mut node = Node::new(1);
    let (one, two) = (node.listed(LIN), node.listed(LIN));
    for number in 0..10 {
        node.say(ROOM, ADA, &number.to_string());
    }
    assert!(node.hub.wants_flush());
    node.work();
    for session in [&one, &two] {
        let frames = session.take();
        assert_eq!(types(&frames), ["rooms"]);
        let told = &frames[0]["rooms"][0];
        assert_eq!((&told["head"], &told["count"]), (&json!(13), &json!(10)));
        assert_eq!(told["last"]["text"], "9");
    }
    node.work();
    assert_eq!(one.take(), Vec::<Value>::new());
    // One whose wire was full is told when it has room.
    one.takes(0);
    node.say(ROOM, ADA, "unheard");
    node.work();
    assert_eq!(types(&two.take()), ["rooms"]);
    node.drain(&one);
    assert_eq!(one.take()[0]["rooms"][0]["head"], 14);
    // Closing goes back to summaries, and the first follows in any case. [SB6]
    node.open(&one, ROOM, None);
    node.hub.close_room(one.id, ROOM);
    node.work();
    assert_eq!(types(&one.take()), ["opened", "rooms"]);
    node.say(ROOM, ADA, "listed again");
    node.work();
    assert_eq!(types(&one.take()), ["rooms"]);
}

#[test]
fn a_page_that_comes_after_leaving_goes_nowhere() {
    // [P6] [SB8]
    let mut node = Node::new(1);
    for number in 0..150 {
        node.say(ROOM, ADA, &number.to_string());
    }
    let lin = node.listed(LIN);
    node.hub.open(lin.id, ROOM, Some(Seq(0))).unwrap();
    let effects = node.hub.take_effects();
    let read = node.read(&effects[0]);
    let left = node.leave(ROOM, LIN);
    node.deliver();
    node.say(ROOM, ADA, "canary");
    node.give(&effects[0], read);
    node.work();
    let frames = lin.take();
    assert_eq!(types(&frames).last(), Some(&"left"));
    assert!(seqs(&frames, ROOM).iter().all(|seq| *seq <= left.0));
    assert!(!format!("{frames:?}").contains("canary"));
    assert_eq!(
        node.hub.open(lin.id, ROOM, Some(Seq(0))).unwrap_err().code,
        RefusalCode::NotFound
    );
}

#[test]
fn no_cursor_is_told_while_something_is_owed() {
    // [SB9] A room that is being read, an open room that is behind, a wire that is full.
    let mut node = Node::new(1);
    let eve = node.listed(EVE);
    let beat_all = |node: &mut Node| (0..20).for_each(|_| node.hub.beat());
    beat_all(&mut node);
    assert_eq!(types(&eve.take()), ["cursor"]);
    node.join(ROOM, EVE);
    node.deliver();
    let effects = node.hub.take_effects();
    node.hub.heard(eve.id);
    beat_all(&mut node);
    assert_eq!(
        types(&eve.take()),
        Vec::<&str>::new(),
        "the new room is not told"
    );
    let read = node.read(&effects[0]);
    node.give(&effects[0], read);
    node.hub.heard(eve.id);
    beat_all(&mut node);
    let frames = eve.take();
    assert_eq!(types(&frames), ["room", "cursor"]);
    assert_eq!(frames[1]["cursor"], node.cursor().to_string());
    // Told once for what is the same.
    node.hub.heard(eve.id);
    beat_all(&mut node);
    assert_eq!(types(&eve.take()), Vec::<&str>::new());
    // Behind in an open room.
    node.open(&eve, ROOM, None);
    eve.takes(0);
    for number in 0..200 {
        node.say(ROOM, ADA, &number.to_string());
    }
    eve.takes(usize::MAX);
    node.hub.drained(eve.id);
    eve.take();
    let effects = node.hub.take_effects();
    node.hub.heard(eve.id);
    beat_all(&mut node);
    assert_eq!(types(&eve.take()), Vec::<&str>::new());
    let read = node.read(&effects[0]);
    node.give(&effects[0], read);
    node.work();
    node.hub.heard(eve.id);
    beat_all(&mut node);
    let frames = eve.take();
    assert_eq!(seqs(&frames, ROOM).len(), 200);
    assert_eq!(types(&frames).last(), Some(&"cursor"));
}

#[test]
fn answers_come_once_in_their_place_or_marked() {
    // [CM2] [CM9]
    let mut node = Node::new(1);
    let lin = node.opened(LIN);
    let text = || Known::Message {
        text: "hi".parse().unwrap(),
    };
    let seq = node.commit_txn(ROOM, LIN, text(), Some("t-1"));
    node.deliver();
    let event = node.event(ROOM, seq);
    node.hub
        .answer(lin.id, &txn("t-1"), Answer::Happened(event.clone()));
    let frames = lin.take();
    assert_eq!(seqs(&frames, ROOM), [seq.0]);
    assert_eq!((frames.len(), &frames[0]["txn"]), (1, &json!("t-1")));
    // Given again: told again, marked.
    node.hub.answer(lin.id, &txn("t-1"), Answer::Before(event));
    let frames = lin.take();
    assert_eq!(
        (&frames[0]["answer"], &frames[0]["txn"]),
        (&json!(true), &json!("t-1"))
    );
    // Not followed event by event: marked.
    node.hub.close_room(lin.id, ROOM);
    let seq = node.commit_txn(ROOM, LIN, text(), Some("t-2"));
    node.deliver();
    let event = node.event(ROOM, seq);
    node.hub
        .answer(lin.id, &txn("t-2"), Answer::Happened(event));
    assert_eq!(lin.take()[0]["answer"], true);
    // An answer that is faster than the news.
    node.open(&lin, ROOM, None);
    lin.take();
    let seq = node.commit_txn(ROOM, LIN, text(), Some("t-3"));
    let event = node.event(ROOM, seq);
    node.hub
        .answer(lin.id, &txn("t-3"), Answer::Happened(event));
    node.deliver();
    let frames = lin.take();
    assert_eq!((frames.len(), &frames[0]["answer"]), (2, &json!(true)));
    assert_eq!(seqs(&frames, ROOM), [seq.0]);
}

#[test]
fn rooms_open_at_once_are_bounded() {
    // [P5] [LI1]
    let mut node = Node::new(1);
    let rooms: Vec<RoomId> = (0..=OPEN_ROOMS_MAX as u128)
        .map(|n| RoomId::from_bits(1_000 + n))
        .collect();
    for room in &rooms {
        let created = Known::RoomCreated {
            room_kind: tidings_protocol::RoomKind::Group,
            visibility: tidings_protocol::Visibility::Private,
            name: None,
            between: None,
        };
        node.commit(*room, EVE, created);
    }
    node.deliver();
    let eve = node.listed(EVE);
    for room in &rooms[1..] {
        node.open(&eve, *room, None);
    }
    let refusal = node.hub.open(eve.id, rooms[0], None).unwrap_err();
    assert_eq!(refusal.code, RefusalCode::LimitReached);
    // One that is open may be opened again, and one that was closed makes room.
    node.open(&eve, rooms[1], None);
    node.hub.close_room(eve.id, rooms[1]);
    node.open(&eve, rooms[0], None);
}

#[test]
fn a_room_that_nobody_follows_is_forgotten() {
    // [P5]
    let mut node = Node::new(1);
    let (ada, lin) = (node.opened(ADA), node.opened(LIN));
    assert_eq!(node.hub.rooms_followed(), 2);
    node.hub.disconnect(ada.id);
    assert_eq!(node.hub.rooms_followed(), 1);
    node.leave(ROOM, LIN);
    node.deliver();
    assert_eq!(node.hub.rooms_followed(), 0);
    node.hub.disconnect(lin.id);
    assert!(node.hub.is_empty());
}

#[test]
fn the_places_in_a_table_stay_right_when_others_go() {
    // Opening, closing and leaving in every order among many followers of one room.
    let mut node = Node::new(1);
    let sessions: Vec<_> = (0..12)
        .map(|n| {
            if n % 2 == 0 {
                node.opened(ADA)
            } else {
                node.opened(LIN)
            }
        })
        .collect();
    for round in 0..60usize {
        let session = &sessions[(round * 7) % sessions.len()];
        match round % 3 {
            0 => node.hub.close_room(session.id, ROOM),
            1 => node.open(session, ROOM, Some(node.head(ROOM))),
            _ => node.open(session, ROOM, None),
        }
        node.work();
        sessions.iter().for_each(|s| drop(s.take()));
        let seq = node.say(ROOM, ADA, &round.to_string());
        node.work();
        for session in &sessions {
            let frames = session.take();
            assert_eq!(frames.len(), 1, "{round}: {frames:?}");
            let head = match frames[0]["type"].as_str() {
                Some("event") => &frames[0]["seq"],
                _ => &frames[0]["rooms"][0]["head"],
            };
            assert_eq!(*head, seq.0, "{round}");
        }
    }
}

#[test]
fn what_was_due_to_a_listed_room_is_told_before_it_is_opened() {
    // [SB2] [SB3] Opened from its head, nothing else tells of the last line and of how many are unread.
    let mut node = Node::new(1);
    let (fresh, known) = (node.listed(LIN), node.listed(LIN));
    node.say(ROOM, ADA, "unheard");
    let head = node.head(ROOM);
    node.hub.open(fresh.id, ROOM, None).unwrap();
    let frames = fresh.take();
    assert_eq!(types(&frames), ["rooms", "opened"]);
    let summary = &frames[0]["rooms"][0];
    assert_eq!(summary["head"], head);
    assert_eq!(summary["last"]["text"], "unheard");
    // Where the events themselves come, they tell; and nothing is told twice.
    node.hub.open(known.id, ROOM, Some(Seq(head - 1))).unwrap();
    assert_eq!(types(&known.take()), ["opened", "event"]);
    node.hub.close_room(fresh.id, ROOM);
    node.work();
    assert_eq!(types(&fresh.take()), ["rooms"], "in any case [SB6]");
    node.hub.open(fresh.id, ROOM, None).unwrap();
    assert_eq!(types(&fresh.take()), ["opened"]);
}

#[test]
fn a_room_that_one_has_just_joined_is_closed_and_opened_like_any_other() {
    // [SB4] [SB6] Nothing has happened in it since, so that the hub followed no event of it yet.
    let mut node = Node::new(1);
    node.write(OTHER, ADA, "long ago");
    node.deliver();
    let eve = node.listed(EVE);
    node.join(OTHER, EVE);
    node.deliver();
    node.work();
    assert_eq!(types(&eve.take()), ["room"]);
    let head = node.head(OTHER);
    for _ in 0..2 {
        node.hub.open(eve.id, OTHER, None).unwrap();
        let frames = eve.take();
        assert_eq!(types(&frames), ["opened"]);
        assert_eq!(
            (&frames[0]["from"], &frames[0]["head"]),
            (&json!(head), &json!(head))
        );
        node.hub.close_room(eve.id, OTHER);
        node.work();
        let frames = eve.take();
        assert_eq!(types(&frames), ["rooms"]);
        assert_eq!(frames[0]["rooms"][0]["head"], head);
    }
}

#[test]
fn a_room_that_is_ahead_of_the_hub_is_opened_again_from_where_it_was() {
    // [SB4] Closing it does not take back the head that the session began with.
    let mut node = Node::new(1);
    node.write(ROOM, ADA, "ahead of the hub");
    let head = node.head(ROOM);
    let lin = node.listed(LIN);
    for _ in 0..2 {
        node.hub.open(lin.id, ROOM, None).unwrap();
        assert_eq!(lin.take()[0]["from"], head);
        node.hub.close_room(lin.id, ROOM);
        node.work();
        assert_eq!(lin.take(), Vec::<Value>::new());
    }
    node.deliver();
    node.say(ROOM, ADA, "news");
    node.work();
    assert_eq!(lin.take()[0]["rooms"][0]["head"], head + 1);
}

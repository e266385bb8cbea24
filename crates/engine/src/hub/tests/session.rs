//! Beginnings, beats, signals and ends of sessions.

use serde_json::{Value, json};
use tidings_protocol::{
    CloseCode, DeviceId, Follow, Refusal, RefusalCode, Seq, ServerFrame, TxnId, content::Known,
};

use super::model::{ADA, EVE, LIN, Node, OTHER, ROOM, device, seqs, types};
use crate::{encoded::Format, hub::Hello, work::Answer};

fn since(node: &Node) -> Hello {
    Hello {
        since: Some(node.cursor().to_string()),
        ..Hello::default()
    }
}

#[test]
fn ready_tells_what_moved_since() {
    // [HS2] [HS3]
    let mut node = Node::new(2);
    let hello = since(&node);
    let (_, ready) = node.session(ADA, Format::Json, hello.clone());
    assert_eq!(ready["type"], "ready");
    assert_eq!(ready["rooms"], json!([]));
    node.say(OTHER, ADA, "moved");
    let (_, ready) = node.session(ADA, Format::Json, hello.clone());
    assert_eq!(ready["rooms"].as_array().unwrap().len(), 1);
    assert_eq!(ready["rooms"][0]["id"], json!(OTHER));
    node.leave(ROOM, LIN);
    node.deliver();
    let (_, ready) = node.session(LIN, Format::Json, hello);
    assert_eq!(
        (&ready["rooms"], &ready["left"]),
        (&json!([]), &json!([{ "room": ROOM, "by": ADA }]))
    );
}

#[test]
fn what_happens_while_the_state_is_read_is_told_after_it() {
    // [HS2] [SB2] [EV3]
    let mut node = Node::new(1);
    let lin = node.greet(LIN, Format::Json, Hello::default());
    let effects = node.hub.take_effects();
    let read = node.read(&effects[0]);
    let head = node.say(ROOM, ADA, "meanwhile");
    node.give(&effects[0], read);
    node.work();
    let frames = lin.take();
    assert_eq!(types(&frames), ["ready", "rooms"]);
    assert_eq!(frames[0]["rooms"][0]["head"], head.0 - 1);
    assert_eq!(frames[1]["rooms"][0]["head"], head.0);
}

#[test]
fn a_state_that_is_ahead_of_the_hub_is_told_once() {
    // [HS2] [EV3] The store knows more than this hub; what the hub hears later is not news to the session.
    let mut node = Node::new(1);
    node.write(ROOM, ADA, "ahead");
    let head = node.write(ROOM, ADA, "ahead, too");
    let open = tidings_protocol::OpenRoom {
        room: ROOM,
        after: Some(Seq(2)),
    };
    let hello = Hello {
        open: vec![open],
        ..Hello::default()
    };
    let (opened, listed) = (
        node.greet(LIN, Format::Json, hello),
        node.greet(LIN, Format::Json, Hello::default()),
    );
    node.work();
    assert_eq!(listed.take()[0]["rooms"][0]["head"], head.0);
    node.deliver();
    node.work();
    assert_eq!(listed.take(), Vec::<Value>::new());
    assert_eq!(opened.seqs(ROOM), (3..=head.0).collect::<Vec<u64>>());
    node.say(ROOM, ADA, "live");
    assert_eq!(opened.seqs(ROOM), [head.0 + 1]);
}

#[test]
fn a_state_that_is_ahead_of_the_hub_is_told_to_nobody_else() {
    // [P6] [SB8] One session begins with a state that the hub has not come to; another was removed before that.
    for follow in [Follow::Listed, Follow::All] {
        let mut node = Node::new(1);
        let lin = node.listed(LIN);
        node.leave(ROOM, LIN);
        node.write(ROOM, ADA, "canary");
        let hello = Hello {
            follow,
            ..Hello::default()
        };
        let _ada = node.greet(ADA, Format::Json, hello);
        node.work();
        node.open(&lin, ROOM, None);
        let frames = lin.take();
        assert_eq!(types(&frames), ["opened"]);
        assert_eq!(
            (&frames[0]["from"], &frames[0]["head"]),
            (&json!(3), &json!(3))
        );
        node.hub.close_room(lin.id, ROOM);
        node.work();
        let frames = lin.take();
        assert!(
            frames.iter().all(|f| f["rooms"][0]["head"] == 3),
            "{frames:?}"
        );
        node.deliver();
        node.work();
        assert_eq!(types(&lin.take()), ["left"]);
    }
}

#[test]
fn the_state_that_one_is_told_of_a_new_room_is_told_to_nobody_else() {
    // [P6] [SB7] [SB8] Eve has just joined, and the room is read for her from a store in which Lin has left.
    let mut node = Node::new(1);
    let eve = node.listed(EVE);
    node.join(ROOM, EVE);
    node.deliver();
    let reads = node.hub.take_effects();
    node.write(ROOM, ADA, "ahead of the hub");
    let lin = node.listed(LIN);
    let left = node.leave(ROOM, LIN);
    node.write(ROOM, ADA, "canary");
    for effect in &reads {
        let read = node.read(effect);
        node.give(effect, read);
    }
    node.work();
    assert_eq!(types(&eve.take()), ["room"]);
    node.deliver_some(0, 1);
    node.work();
    assert_eq!(lin.take(), Vec::<Value>::new());
    node.deliver();
    node.work();
    let frames = lin.take();
    let heads = frames.iter().filter_map(|f| f["rooms"][0]["head"].as_u64());
    assert!(heads.max() <= Some(left.0), "{frames:?}");
    assert_eq!(types(&frames).last(), Some(&"left"));
}

#[test]
fn a_head_is_told_with_its_own_last_line() {
    // [SB2] The head of a state that is ahead of the hub waits for the events that make it.
    let mut node = Node::new(1);
    let lin = node.listed(LIN);
    node.write(ROOM, ADA, "first");
    let head = node.write(ROOM, ADA, "second");
    let _ada = node.listed(ADA);
    node.deliver_some(0, 1);
    node.work();
    assert_eq!(lin.take(), Vec::<Value>::new());
    node.deliver();
    node.work();
    let frames = lin.take();
    assert_eq!(types(&frames), ["rooms"]);
    assert_eq!(frames[0]["rooms"][0]["head"], head.0);
    assert_eq!(frames[0]["rooms"][0]["last"]["text"], "second");
}

#[test]
fn a_head_that_a_room_was_told_with_is_not_taken_back() {
    // [SB2] [SB7] The news of joining reads the room, whose state is further on than the hub.
    let mut node = Node::new(1);
    let eve = node.listed(EVE);
    node.join(OTHER, EVE);
    node.write(OTHER, ADA, "one");
    let head = node.write(OTHER, ADA, "two");
    node.deliver_some(0, 1);
    node.work();
    let frames = eve.take();
    assert_eq!(types(&frames), ["room"]);
    assert_eq!(frames[0]["room"]["head"], head.0);
    node.deliver();
    node.work();
    assert_eq!(eve.take(), Vec::<Value>::new());
}

#[test]
fn a_membership_that_changes_meanwhile_is_read_again() {
    // [P6] [SB8]
    for follow in [Follow::Listed, Follow::All] {
        let mut node = Node::new(1);
        let hello = Hello {
            follow,
            ..Hello::default()
        };
        let lin = node.greet(LIN, Format::Json, hello);
        let effects = node.hub.take_effects();
        let read = node.read(&effects[0]);
        node.leave(ROOM, LIN);
        node.join(OTHER, LIN);
        node.deliver();
        node.give(&effects[0], read);
        assert_eq!(lin.take(), Vec::<Value>::new(), "not with the old state");
        node.work();
        let frames = lin.take();
        assert_eq!(frames[0]["rooms"].as_array().unwrap().len(), 1);
        assert_eq!(frames[0]["rooms"][0]["id"], json!(OTHER));
        node.say(ROOM, ADA, "canary");
        node.say(OTHER, ADA, "seen");
        node.work();
        let frames = lin.take();
        assert!(!format!("{frames:?}").contains("canary"));
        assert!(format!("{frames:?}").contains("seen"));
    }
}

#[test]
fn the_user_log_follows_from_where_the_client_is() {
    // [HS4]
    let mut node = Node::new(1);
    let move_marker = |node: &mut Node, to: u64| {
        let moved = Known::MarkerMoved {
            room: ROOM,
            seq: Seq(to),
            count: 0,
        };
        node.commit(LIN, LIN, moved);
        node.deliver();
    };
    let live = node.listed(LIN);
    (1..=3).for_each(|to| move_marker(&mut node, to));
    assert_eq!(live.seqs(LIN), [1, 2, 3]);
    let from = |seq| Hello {
        user_seq: Some(Seq(seq)),
        ..Hello::default()
    };
    let session = node.greet(LIN, Format::Json, from(1));
    node.work();
    assert_eq!(session.seqs(LIN), [2, 3]);
    (4..=700).for_each(|to| move_marker(&mut node, to));
    assert_eq!(session.seqs(LIN), (4..=700).collect::<Vec<u64>>());
    let far = node.greet(LIN, Format::Json, from(1));
    node.work();
    assert_eq!(far.seqs(LIN), (201..=700).collect::<Vec<u64>>());
    // A slow wire gets it later.
    live.take();
    live.takes(0);
    (701..=710).for_each(|to| move_marker(&mut node, to));
    node.drain(&live);
    assert_eq!(live.seqs(LIN), (701..=710).collect::<Vec<u64>>());
    let other = node.listed(ADA);
    move_marker(&mut node, 711);
    assert_eq!(other.take(), Vec::<Value>::new());
}

/// Beats until something is true; how many that took.
fn beats(node: &mut Node, upto: u32, mut is_it: impl FnMut() -> bool) -> Option<u32> {
    (1..=upto).find(|_| {
        node.hub.beat();
        is_it()
    })
}

#[test]
fn silence_is_pinged_and_then_the_end() {
    // [HB1] [HB2] One missed ping is forgiven.
    let mut node = Node::new(1);
    let lin = node.listed(LIN);
    for _ in 0..3 {
        let pinged = beats(&mut node, 60, || lin.pings() == 1).unwrap();
        assert!((18..=20).contains(&pinged), "{pinged}");
        node.hub.heard(lin.id);
        lin.forget_pings();
    }
    let dead = beats(&mut node, 60, || lin.closed().is_some()).unwrap();
    assert!((38..=40).contains(&dead), "{dead}");
    assert_eq!((lin.pings(), lin.closed()), (2, Some(CloseCode::Silent)));
    // It is over: nothing more is sent, and nothing ends twice.
    node.say(ROOM, ADA, "too late");
    node.work();
    beats(&mut node, 60, || false);
    assert!(node.hub.disconnect(lin.id).is_some());
}

#[test]
fn a_connection_that_does_not_say_hello_is_ended() {
    // [HS1]
    let mut node = Node::new(1);
    let silent = node.connect(Format::Json);
    let ended = beats(&mut node, 60, || silent.closed().is_some()).unwrap();
    assert!((10..=12).contains(&ended), "{ended}");
    assert_eq!(silent.closed(), Some(CloseCode::HelloExpected));
    assert_eq!(node.hub.disconnect(silent.id), None);
}

#[test]
fn those_who_cannot_speak_are_shown_a_sign_of_life() {
    // [SE3]
    let mut node = Node::new(1);
    let hello = Hello {
        follow: Follow::All,
        ..Hello::default()
    };
    let (stream, _) = node.session(LIN, Format::Plain, hello);
    beats(&mut node, 200, || false);
    assert!((9..=11).contains(&stream.pings()), "{}", stream.pings());
    assert_eq!(stream.closed(), None);
}

#[test]
fn a_drain_says_so_to_everybody_and_ends() {
    // [CL2]
    let mut node = Node::new(1);
    let (lin, full) = (node.opened(LIN), node.opened(LIN));
    full.takes(0);
    let fresh = node.connect(Format::Json);
    node.hub.drain(250);
    assert_eq!(
        lin.take(),
        [json!({ "type": "reconnect", "jitter_ms": 250 })]
    );
    for session in [&lin, &full, &fresh] {
        assert_eq!(session.closed(), Some(CloseCode::Restarting));
    }
    // A wire that has room again after its end is left in peace.
    node.drain(&full);
    node.say(ROOM, ADA, "too late");
    node.work();
    assert_eq!(full.take(), Vec::<Value>::new());
}

#[test]
fn what_is_owed_to_a_full_wire_is_bounded() {
    // [P5] [CL1]
    let mut node = Node::new(1);
    let lin = node.opened(LIN);
    lin.takes(0);
    let refuse = |node: &mut Node, number: u32| {
        let txn: TxnId = number.to_string().parse().unwrap();
        let answer = Answer::Refused(Refusal::new(RefusalCode::Forbidden));
        node.hub.answer(lin.id, &txn, answer);
    };
    (0..1_024).for_each(|number| refuse(&mut node, number));
    assert_eq!(lin.closed(), None);
    lin.takes(1_000);
    node.hub.drained(lin.id);
    let answers = lin.take();
    assert_eq!(answers.len(), 1_000);
    let txns = answers
        .iter()
        .map(|f| f["txn"].as_str().unwrap().to_owned());
    assert_eq!(
        txns.collect::<Vec<_>>(),
        (0..1_000).map(|n| n.to_string()).collect::<Vec<_>>()
    );
    (0..2_000).for_each(|number| refuse(&mut node, number));
    assert_eq!(lin.closed(), Some(CloseCode::RateLimited));
}

#[test]
fn what_is_owed_is_bounded_in_bytes_too() {
    // [P5]
    let mut node = Node::new(1);
    let lin = node.opened(LIN);
    lin.takes(0);
    let mut owed = 0;
    while lin.closed().is_none() && owed < 1_024 {
        let refusal = Refusal::with_message(RefusalCode::Forbidden, "ä".repeat(300));
        let txn: TxnId = owed.to_string().parse().unwrap();
        node.hub.answer(lin.id, &txn, Answer::Refused(refusal));
        owed += 1;
    }
    assert_eq!(lin.closed(), Some(CloseCode::RateLimited));
    assert!(owed < 500, "{owed} long answers wait");
}

#[test]
fn answers_go_before_what_was_missed() {
    // What is owed is sent first, in its order, and events after it are in theirs.
    let mut node = Node::new(1);
    let lin = node.opened(LIN);
    lin.takes(0);
    node.say(ROOM, ADA, "missed");
    node.hub.send(lin.id, &ServerFrame::Pong {});
    lin.takes(1);
    node.hub.drained(lin.id);
    assert_eq!(types(&lin.take()), ["pong"]);
    node.say(ROOM, ADA, "missed, too");
    node.drain(&lin);
    assert_eq!(lin.seqs(ROOM), [4, 5]);
}

#[test]
fn a_removed_device_is_ended_and_no_other() {
    // [CL1]
    let mut node = Node::new(1);
    let (lin, ada) = (node.opened(LIN), node.opened(ADA));
    let kept = node.connect(Format::Json);
    node.hub
        .greet(kept.id, LIN, DeviceId::from_bits(99), Hello::default());
    node.work();
    let removed = Known::DeviceRemoved {
        reason: Default::default(),
        device: device(LIN),
    };
    node.commit(LIN, LIN, removed);
    node.write(ROOM, ADA, "canary");
    node.deliver();
    assert_eq!(lin.closed(), Some(CloseCode::DeviceRemoved));
    assert_eq!((ada.closed(), kept.closed()), (None, None));
    node.say(ROOM, ADA, "canary");
    node.work();
    assert!(!format!("{:?}", lin.take()).contains("after"));
}

#[test]
fn a_peer_that_is_gone_gets_nothing_and_its_place_is_anothers() {
    let mut node = Node::new(1);
    let gone = node.listed(LIN);
    node.hub.open(gone.id, ROOM, Some(Seq(0))).unwrap();
    let reading = node.greet(LIN, Format::Json, Hello::default());
    let effects = node.hub.take_effects();
    node.hub.disconnect(gone.id);
    node.hub.disconnect(reading.id);
    let next = node.opened(ADA);
    assert_ne!(next.id, gone.id);
    gone.take();
    for effect in &effects {
        let read = node.read(effect);
        node.give(effect, read);
    }
    node.hub.drained(gone.id);
    node.hub.close_room(gone.id, ROOM);
    node.say(ROOM, ADA, "for the next");
    assert_eq!(gone.take(), Vec::<Value>::new());
    assert_eq!(seqs(&next.take(), ROOM).len(), 1);
}

#[test]
fn what_came_before_the_state_of_the_beginning_takes_nothing_of_it_back() {
    // [HS3] [SB8] The hub is behind the store: leaving and coming back is news to it, and none to the session, whose
    // cursor covers both.
    let mut node = Node::new(2);
    node.leave(ROOM, LIN);
    node.join(ROOM, LIN);
    let (lin, ready) = node.session(LIN, Format::Json, Hello::default());
    assert_eq!(ready["rooms"][0]["id"], ROOM.to_string());
    node.deliver();
    node.work();
    assert!(types(&lin.take()).iter().all(|kind| *kind == "rooms"));
    // What comes after it counts, also once the hub has come that far.
    for _ in 0..2 {
        node.leave(ROOM, LIN);
        node.deliver();
        node.work();
        assert_eq!(types(&lin.take()), ["left"]);
        node.join(ROOM, LIN);
        node.deliver();
        node.work();
        assert_eq!(types(&lin.take()), ["room"]);
        (0..3).for_each(|_| node.hub.beat());
        lin.take();
    }
}

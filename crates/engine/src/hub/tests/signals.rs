//! Typing, presence and counts of it: who is told what, and when.

use serde_json::{Value, json};
use tidings_protocol::{
    Presence, RoomId, Seq, UserId,
    limits::{PRESENCE_COUNT_SESSIONS, PRESENCE_EVERY_MS},
};

use super::model::{ADA, EVE, LIN, Node, OTHER, ROOM, Session};
use crate::{
    hub::{counts::COUNTS_AT_ONCE_MAX, signals::UNAWARE_AT_ONCE_MAX},
    presence::Counting,
};

#[test]
fn typing_reaches_others_with_the_room_open() {
    // [SG1] [SG2]
    let mut node = Node::new(1);
    let (typist, lin, full, listed) = (
        node.opened(ADA),
        node.opened(LIN),
        node.opened(LIN),
        node.listed(LIN),
    );
    full.takes(0);
    node.hub.typing(ROOM, ADA, true);
    assert_eq!(
        lin.take(),
        [json!({ "type": "typing", "room": ROOM, "user": ADA, "on": true })]
    );
    for session in [&typist, &listed] {
        assert_eq!(session.take(), Vec::<Value>::new());
    }
    // Dropped for a wire that is full, and not made up for.
    node.drain(&full);
    assert_eq!(full.take(), Vec::<Value>::new());
    node.leave(ROOM, LIN);
    node.deliver();
    lin.take();
    node.hub.typing(ROOM, ADA, true);
    assert_eq!(lin.take(), Vec::<Value>::new());
}

#[test]
fn presence_is_told_to_those_who_may_watch() {
    // [SG3]
    let mut node = Node::new(1);
    node.present = vec![(LIN, Presence::Offline)];
    let ada = node.listed(ADA);
    node.hub.watch(ada.id, vec![LIN, EVE]);
    node.work();
    let told = |user, status: &str| json!({ "type": "presence", "users": [{ "user": user, "status": status }] });
    assert_eq!(ada.take(), [told(LIN, "offline")]);
    node.hub.presence(EVE);
    node.hub.presence(LIN);
    node.hub.presence(LIN);
    node.hub.flush_presence(|_| Presence::Online);
    assert_eq!(
        ada.take(),
        [told(LIN, "online")],
        "as they are now, once, and nobody else"
    );
    // A list that is replaced while the other is being looked up does not come back.
    node.hub.watch(ada.id, vec![LIN]);
    let effects = node.hub.take_effects();
    node.hub.watch(ada.id, Vec::new());
    for effect in effects {
        let read = node.read(&effect);
        node.give(&effect, read);
    }
    ada.take();
    node.hub.presence(LIN);
    node.hub.flush_presence(|_| Presence::Offline);
    assert_eq!(ada.take(), Vec::<Value>::new());
}

#[test]
fn who_shares_no_room_any_more_is_not_heard_of() {
    // [SG3] [P6] Whichever of the two left.
    for leaver in [ADA, LIN] {
        let mut node = Node::new(1);
        node.present = vec![(LIN, Presence::Online)];
        let ada = node.listed(ADA);
        node.hub.watch(ada.id, vec![LIN]);
        node.work();
        node.leave(ROOM, leaver);
        node.present.clear();
        node.deliver();
        node.work();
        ada.take();
        node.hub.presence(LIN);
        node.hub.flush_presence(|_| Presence::Offline);
        assert_eq!(ada.take(), Vec::<Value>::new());
    }
}

#[test]
fn a_change_that_a_full_wire_missed_is_told_as_it_is_then() {
    // [SG3]
    let mut node = Node::new(1);
    node.present = vec![(LIN, Presence::Online)];
    let ada = node.listed(ADA);
    let gone = node.listed(ADA);
    for session in [&ada, &gone] {
        node.hub.watch(session.id, vec![LIN]);
        node.work();
        session.take();
        session.takes(0);
    }
    node.hub.presence(LIN);
    node.hub.flush_presence(|_| Presence::Away);
    node.hub.flush_presence(|_| Presence::Away);
    assert_eq!(ada.take(), Vec::<Value>::new());
    node.hub.disconnect(gone.id);
    node.drain(&ada);
    node.hub.flush_presence(|_| Presence::Offline);
    let told = json!({ "type": "presence", "users": [{ "user": LIN, "status": "offline" }] });
    assert_eq!(ada.take(), std::slice::from_ref(&told));
    node.hub.flush_presence(|_| Presence::Offline);
    assert_eq!(ada.take(), Vec::<Value>::new(), "once");
    // Whole changes were lost on the way to this hub.
    node.hub.missed_presence();
    node.hub.flush_presence(|_| Presence::Offline);
    assert_eq!(ada.take(), [told]);
}

#[test]
fn those_who_missed_changes_are_told_in_turn() {
    // [SG3] Changes are missed every second, and more watch than are told at once.
    let mut node = Node::new(1);
    node.present = (1..=100)
        .map(|n| (UserId::from_bits(n), Presence::Online))
        .collect();
    let users: Vec<UserId> = node.present.iter().map(|(user, _)| *user).collect();
    let sessions: Vec<Session> = (0..2 * UNAWARE_AT_ONCE_MAX / users.len() + 1)
        .map(|_| {
            let session = node.listed(ADA);
            node.hub.watch(session.id, users.clone());
            session
        })
        .collect();
    node.work();
    sessions.iter().for_each(|session| drop(session.take()));
    let mut told = vec![0; sessions.len()];
    for _ in 0..6 {
        node.hub.missed_presence();
        node.hub.flush_presence(|_| Presence::Away);
        let frames = sessions.iter().map(|session| session.take().len());
        let frames: Vec<usize> = frames.collect();
        let at_once = frames.iter().sum::<usize>() * users.len();
        assert!(at_once <= UNAWARE_AT_ONCE_MAX, "{at_once}");
        told.iter_mut().zip(frames).for_each(|(told, n)| *told += n);
    }
    assert!(told.iter().all(|told| (1..=3).contains(told)), "{told:?}");
}

fn counted(room: RoomId, count: u32) -> Value {
    json!({ "type": "presence_count", "room": room, "count": count })
}

/// The counts that came since the last look.
fn counts(session: &Session) -> Vec<Value> {
    let frames = session.take().into_iter();
    frames.filter(|f| f["type"] == "presence_count").collect()
}

/// A second passes.
fn beat(node: &mut Node) {
    node.hub.beat();
    node.hub.flush_presence(|_| Presence::Offline);
}

#[test]
fn who_has_a_room_open_is_told_how_many_are_there() {
    // [SG5]
    let mut node = Node::new(1);
    let (ada, listed) = (node.opened(ADA), node.listed(LIN));
    let seen = Seq(node.head(ROOM));
    assert_eq!(
        node.hub.take_counting(),
        [Counting::Begin { room: ROOM, seen }]
    );
    beat(&mut node);
    assert_eq!(counts(&ada), Vec::<Value>::new(), "not counted yet");
    node.hub.presence_count(ROOM, 1);
    node.hub.presence_count(ROOM, 2);
    beat(&mut node);
    assert_eq!(counts(&ada), [counted(ROOM, 2)], "the latest");
    beat(&mut node);
    assert_eq!(counts(&ada), Vec::<Value>::new(), "once");
    // Another one opens it: they are told, nobody again; a full wire is told when it can.
    let (lin, full) = (node.opened(LIN), node.opened(LIN));
    full.takes(0);
    beat(&mut node);
    assert_eq!(counts(&lin), [counted(ROOM, 2)]);
    node.hub.presence_count(ROOM, 3);
    beat(&mut node);
    beat(&mut node);
    for session in [&ada, &lin] {
        assert_eq!(counts(session), [counted(ROOM, 3)]);
    }
    node.drain(&full);
    beat(&mut node);
    assert_eq!(counts(&full), [counted(ROOM, 3)], "the latest alone");
    assert_eq!(counts(&listed), Vec::<Value>::new());
    assert_eq!(
        node.hub.take_counting(),
        [],
        "one room is counted once a core"
    );
    // Who comes and goes is passed on; who left hears no more.
    let came = node.join(ROOM, EVE);
    node.say(ROOM, ADA, "welcome");
    let went = node.leave(ROOM, LIN);
    node.deliver();
    let member = |seq, user, joined| Counting::Member {
        room: ROOM,
        seq,
        user,
        joined,
    };
    let news = node.hub.take_counting();
    assert_eq!(news, [member(came, EVE, true), member(went, LIN, false)]);
    node.hub.presence_count(ROOM, 4);
    beat(&mut node);
    assert_eq!(counts(&ada), [counted(ROOM, 4)]);
    assert_eq!(counts(&lin), Vec::<Value>::new());
}

#[test]
fn a_room_that_nobody_has_open_is_counted_no_more() {
    // [SG5]
    let mut node = Node::new(1);
    let ada = node.opened(ADA);
    node.open(&ada, OTHER, None);
    assert_eq!(node.hub.take_counting().len(), 2);
    // One that goes to and fro costs nothing.
    node.hub.close_room(ada.id, ROOM);
    (0..20).for_each(|_| beat(&mut node));
    node.open(&ada, ROOM, None);
    beat(&mut node);
    node.hub.close_room(ada.id, ROOM);
    (0..20).for_each(|_| beat(&mut node));
    assert_eq!(node.hub.take_counting(), []);
    let seen = Seq(node.head(ROOM));
    (0..20).for_each(|_| beat(&mut node));
    assert_eq!(
        node.hub.take_counting(),
        [Counting::End { room: ROOM, seen }]
    );
    node.join(ROOM, EVE);
    node.deliver();
    node.hub.presence_count(ROOM, 1);
    assert_eq!(node.hub.take_counting(), [], "nobody counts it");
    // One that nobody follows any more is forgotten at once.
    node.hub.disconnect(ada.id);
    let seen = Seq(node.head(OTHER));
    let end = Counting::End { room: OTHER, seen };
    assert_eq!(node.hub.take_counting(), [end]);
    beat(&mut node);
}

#[test]
fn a_room_that_very_many_have_open_is_told_more_seldom() {
    // [SG5]
    let mut node = Node::new(1);
    let sessions: Vec<Session> = (0..2 * PRESENCE_COUNT_SESSIONS + 1)
        .map(|_| {
            let session = node.listed(LIN);
            node.hub.open(session.id, ROOM, None).unwrap();
            session
        })
        .collect();
    node.work();
    let mut told = Vec::new();
    let seconds = 12;
    for second in 0..seconds {
        node.hub.presence_count(ROOM, 100 + second);
        beat(&mut node);
        let first = counts(&sessions[0]);
        assert!(sessions[1..].iter().all(|session| counts(session) == first));
        told.extend(first);
    }
    // Three times as slow, for a little more than twice as many.
    let expected = [100, 103, 106, 109].map(|count| counted(ROOM, count));
    assert_eq!(told, expected);
    assert_eq!(PRESENCE_EVERY_MS, 1_000, "as the beat");
}

#[test]
fn what_a_hub_may_have_passed_and_what_it_has_passed_are_not_the_same() {
    // [SG5] The state that a session began with is ahead of the hub: it may have come as far, or not.
    let mut node = Node::new(1);
    let state = node.write(ROOM, ADA, "ahead");
    let lin = node.opened(LIN);
    let (room, none) = (ROOM, Seq::ZERO);
    let begin = Counting::Begin { room, seen: state };
    assert_eq!(node.hub.take_counting(), [begin]);
    node.hub.disconnect(lin.id);
    let end = |seen| Counting::End { room, seen };
    assert_eq!(node.hub.take_counting(), [end(none)]);
    // The same for the state of a room to which the user has just come.
    node.deliver();
    for is_passed in [false, true] {
        let eve = node.listed(EVE);
        let seq = node.join(ROOM, EVE);
        node.deliver();
        let state = node.write(ROOM, ADA, "ahead");
        assert!(state > seq);
        node.open(&eve, ROOM, None);
        let begin = Counting::Begin { room, seen: state };
        assert_eq!(node.hub.take_counting(), [begin]);
        let mut passed = none;
        if is_passed {
            node.deliver();
            passed = node.say(ROOM, ADA, "after that");
        }
        node.hub.disconnect(eve.id);
        assert_eq!(node.hub.take_counting(), [end(passed)]);
        node.deliver();
        node.leave(ROOM, EVE);
        node.deliver();
    }
}

#[test]
fn a_core_tells_a_limited_number_of_counts_at_a_time() {
    // [SG5] Two rooms that very many have open change every second: each session hears of both, and no beat is long.
    let mut node = Node::new(1);
    let sessions: Vec<Session> = (0..COUNTS_AT_ONCE_MAX * 2 / 3)
        .map(|_| {
            let session = node.listed(ADA);
            for room in [ROOM, OTHER] {
                node.hub.open(session.id, room, None).unwrap();
            }
            session.take();
            session
        })
        .collect();
    node.work();
    let mut told = vec![[0, 0]; sessions.len()];
    for second in 1..=20 {
        node.hub.presence_count(ROOM, second);
        node.hub.presence_count(OTHER, second);
        beat(&mut node);
        let mut frames = 0;
        for (session, told) in sessions.iter().zip(&mut told) {
            for frame in counts(session) {
                frames += 1;
                told[usize::from(frame["room"] == json!(OTHER))] = frame["count"].as_u64().unwrap();
            }
        }
        assert!(frames <= COUNTS_AT_ONCE_MAX, "{frames} at second {second}");
    }
    let oldest = told.iter().flatten().min();
    assert!(
        oldest > Some(&10),
        "the last that somebody heard: {oldest:?}"
    );
}

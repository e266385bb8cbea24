//! Rooms told as a whole, by `room`: joins, roles, last lines; and what happens while they are read.

use serde_json::{Value, json};
use tidings_protocol::{Role, content::Known};

use super::model::{ADA, EVE, LIN, Node, ROOM, seqs, types};
use crate::{
    encoded::Format,
    hub::{Effect, Hello},
};

/// The last line that the last of some frames tells.
fn last_line(frames: &[Value]) -> Value {
    frames.last().unwrap()["rooms"][0]["last"].clone()
}

#[test]
fn a_last_line_that_the_hub_never_saw_is_erased_on_lists_too() {
    // [EV8] [SB2] It was said before anybody here followed the room; `ready` told it.
    let mut node = Node::new(1);
    let seq = node.say(ROOM, ADA, "canary");
    let (lin, ready) = node.session(LIN, Format::Json, Hello::default());
    assert_eq!(ready["rooms"][0]["last"]["text"], "canary");
    lin.take();
    let head = node.edit(ROOM, seq, "canary, edited");
    node.deliver();
    node.hub.flush_listed();
    assert_eq!(lin.take(), Vec::<Value>::new(), "told when it is known");
    node.work();
    let edited = lin.take();
    assert_eq!(
        (types(&edited), heads(&edited)),
        (vec!["rooms"], vec![head.0])
    );
    assert_eq!(last_line(&edited)["seq"], seq.0);
    assert_eq!(last_line(&edited)["text"], "canary, edited");
    node.delete(ROOM, seq);
    node.deliver();
    node.work();
    let deleted = lin.take();
    assert_eq!(types(&deleted), ["rooms"]);
    assert_eq!(last_line(&deleted)["seq"], seq.0);
    assert_eq!(last_line(&deleted)["text"], Value::Null);
    assert!(!format!("{deleted:?}").contains("canary"));
}

#[test]
fn a_last_line_is_read_once_for_all_who_list_the_room() {
    // [SB2] After a restart, with everybody back: the bytes are shared, too.
    let mut node = Node::new(1);
    let seq = node.say(ROOM, ADA, "the last line");
    let sessions: Vec<_> = (0..2_000).map(|_| node.listed(LIN)).collect();
    let head = node.edit(ROOM, seq, "edited");
    node.edit(ROOM, seq, "edited again");
    node.deliver();
    let effects = node.hub.take_effects();
    assert_eq!(effects, [Effect::ReadLast { room: ROOM }]);
    let read = node.read(&effects[0]);
    node.give(&effects[0], read);
    assert_eq!(node.hub.take_effects(), []);
    node.hub.flush_listed();
    for session in &sessions {
        let frames = session.take();
        assert_eq!(heads(&frames), [head.0 + 1]);
        assert_eq!(last_line(&frames)["text"], "edited again");
    }
}

#[test]
fn a_last_line_is_told_in_its_order_with_who_may_see_it() {
    // [P6] The store is ahead of the hub when it is read: of another edit, after a reader was removed.
    let mut node = Node::new(1);
    let seq = node.say(ROOM, ADA, "the last line");
    let (lin, ada) = (node.listed(LIN), node.listed(ADA));
    node.edit(ROOM, seq, "edited");
    node.deliver();
    node.leave(ROOM, LIN);
    let head = node.edit(ROOM, seq, "canary");
    node.work();
    assert_eq!(lin.take(), Vec::<Value>::new());
    node.deliver();
    node.work();
    assert_eq!(types(&lin.take()), ["left"]);
    let frames = ada.take();
    assert_eq!(heads(&frames), [head.0]);
    assert_eq!(last_line(&frames)["text"], "canary");
    // And behind it: something came while it was read.
    let mut node = Node::new(1);
    let seq = node.say(ROOM, ADA, "the last line");
    let ada = node.listed(ADA);
    node.edit(ROOM, seq, "edited");
    node.deliver();
    let effects = node.hub.take_effects();
    let read = node.read(&effects[0]);
    let head = node.delete(ROOM, seq);
    node.deliver();
    node.give(&effects[0], read);
    node.work();
    let frames = ada.take();
    assert_eq!(heads(&frames), [head.0]);
    assert_eq!(last_line(&frames)["text"], Value::Null);
}

#[test]
fn leaving_wins_over_the_summary_of_a_join() {
    // [P6] [SB7] [SB8] The room was read while they were a member, the answer comes after they left.
    let mut node = Node::new(1);
    let eve = node.listed(EVE);
    node.join(ROOM, EVE);
    node.deliver();
    let effects = node.hub.take_effects();
    let read = node.read(&effects[0]);
    node.leave(ROOM, EVE);
    node.deliver();
    node.give(&effects[0], read);
    node.work();
    node.say(ROOM, ADA, "canary");
    node.work();
    let frames = eve.take();
    assert!(!types(&frames).contains(&"rooms"), "{frames:?}");
    assert!(!format!("{frames:?}").contains("canary"), "{frames:?}");
    assert!(node.hub.open(eve.id, ROOM, None).is_err());
    // Coming back works, whatever is read when.
    node.join(ROOM, EVE);
    node.deliver();
    node.work();
    assert_eq!(types(&eve.take()), ["room"]);
    node.open(&eve, ROOM, Some(0));
    assert_eq!(eve.seqs(ROOM), (1..=node.head(ROOM)).collect::<Vec<u64>>());
}

#[test]
fn an_old_summary_of_a_join_is_not_taken_for_a_new_one() {
    // [HS3] [SB7] Each join has the room read; the reads come back in another order.
    let mut node = Node::new(1);
    let eve = node.listed(EVE);
    let mut reads = Vec::new();
    for _ in 0..3 {
        node.join(ROOM, EVE);
        node.deliver();
        let effects = node.hub.take_effects();
        let read = node.read(&effects[0]);
        reads.push((effects, read));
        if reads.len() < 3 {
            node.leave(ROOM, EVE);
            node.deliver();
        }
    }
    eve.take();
    let (effects, read) = reads.remove(0);
    node.give(&effects[0], read);
    assert_eq!(eve.take(), Vec::<Value>::new());
    let (effects, read) = reads.remove(1);
    node.give(&effects[0], read);
    let frames = eve.take();
    assert_eq!(types(&frames), ["room"]);
    assert_eq!(frames[0]["room"]["head"], node.head(ROOM));
}

#[test]
fn what_happens_while_a_new_room_is_read_is_told() {
    // [SB7] [SB2]
    let mut node = Node::new(1);
    let eve = node.listed(EVE);
    node.join(ROOM, EVE);
    node.deliver();
    let effects = node.hub.take_effects();
    let read = node.read(&effects[0]);
    let head = node.say(ROOM, ADA, "meanwhile");
    node.give(&effects[0], read);
    node.work();
    let frames = eve.take();
    assert_eq!(types(&frames), ["room", "rooms"]);
    assert_eq!(frames[1]["rooms"][0]["head"], head.0);
}

#[test]
fn another_role_is_told_to_who_has_it() {
    // [SB10] Listed: the room as a whole, to nobody else. Open: by the event alone.
    let mut node = Node::new(1);
    let (ada, lin, open) = (node.listed(ADA), node.listed(LIN), node.opened(LIN));
    let role_changed = |node: &mut Node, user| {
        let role = Role::Admin;
        let seq = node.commit(ROOM, ADA, Known::RoleChanged { user, role });
        node.deliver();
        seq
    };
    let seq = role_changed(&mut node, LIN);
    node.work();
    assert_eq!(types(&ada.take()), ["rooms"]);
    let told = lin.take();
    assert_eq!(types(&told), ["room"]);
    assert_eq!(
        (&told[0]["room"]["id"], &told[0]["room"]["head"]),
        (&json!(ROOM), &json!(seq.0))
    );
    assert_eq!(open.seqs(ROOM), [seq.0]);
    // One who was added a moment ago, and whose room is still being read, gets a newer answer, too.
    let eve = node.listed(EVE);
    node.join(ROOM, EVE);
    node.deliver();
    let joined = node.hub.take_effects();
    let before = node.read(&joined[0]);
    let seq = role_changed(&mut node, EVE);
    node.give(&joined[0], before);
    node.work();
    let told = eve.take();
    let last = told.iter().rfind(|frame| frame["type"] == "room");
    assert_eq!(last.unwrap()["room"]["head"], seq.0, "{told:?}");
}

/// The heads that frames told of a room, in their order.
fn heads(frames: &[Value]) -> Vec<u64> {
    let head = |frame: &Value| match frame["type"].as_str() {
        Some("room") => frame["room"]["head"].as_u64(),
        Some("rooms") => frame["rooms"][0]["head"].as_u64(),
        Some("opened") => frame["head"].as_u64(),
        _ => None,
    };
    frames.iter().filter_map(head).collect()
}

#[test]
fn a_room_that_is_read_as_a_whole_is_told_before_what_happens_meanwhile() {
    // [SB2] [SB10] [HS3] A client replaces what it has by `room`: told late, it would take the news back.
    let mut node = Node::new(1);
    let (lin, ada) = (node.listed(LIN), node.listed(ADA));
    let role = Role::Admin;
    let changed = node.commit(ROOM, ADA, Known::RoleChanged { user: LIN, role });
    node.deliver();
    let effects = node.hub.take_effects();
    let read = node.read(&effects[0]);
    let head = node.say(ROOM, ADA, "meanwhile");
    node.hub.flush_listed();
    assert_eq!(heads(&ada.take()), [head.0], "nobody else waits for it");
    node.give(&effects[0], read);
    node.work();
    let frames = lin.take();
    assert_eq!(types(&frames), ["room", "rooms"]);
    assert_eq!(heads(&frames), [changed.0, head.0]);
    assert_eq!(frames[1]["rooms"][0]["last"]["text"], "meanwhile");
}

#[test]
fn a_room_that_is_read_as_a_whole_is_opened_after_it_was_told() {
    // [SB3] [SB6] [SB10]
    for closes in [false, true] {
        let mut node = Node::new(1);
        let lin = node.listed(LIN);
        let role = Role::Admin;
        let changed = node.commit(ROOM, ADA, Known::RoleChanged { user: LIN, role });
        node.deliver();
        let effects = node.hub.take_effects();
        let read = node.read(&effects[0]);
        let head = node.say(ROOM, ADA, "meanwhile");
        node.hub.open(lin.id, ROOM, Some(changed)).unwrap();
        if closes {
            node.hub.close_room(lin.id, ROOM);
        }
        node.give(&effects[0], read);
        node.work();
        let frames = lin.take();
        assert_eq!(heads(&frames), [changed.0, head.0]);
        if closes {
            assert_eq!(types(&frames), ["room", "rooms"]);
        } else {
            assert_eq!(types(&frames), ["room", "opened", "event"]);
            assert_eq!(seqs(&frames, ROOM), [head.0]);
        }
    }
}

#[test]
fn an_open_room_is_not_told_as_a_whole_again() {
    // [SB7] [HS3] The state of the beginning was ahead of the hub: it had the join that the hub comes to now.
    let mut node = Node::new(1);
    let joined = node.join(ROOM, EVE);
    let hello = Hello {
        open: vec![tidings_protocol::OpenRoom {
            room: ROOM,
            after: Some(joined),
        }],
        ..Hello::default()
    };
    let (eve, ready) = node.session(EVE, Format::Json, hello);
    assert_eq!(ready["rooms"][0]["head"], joined.0);
    node.deliver();
    let head = node.say(ROOM, ADA, "news");
    node.work();
    let frames = eve.take();
    assert_eq!(types(&frames), ["event"]);
    assert_eq!(seqs(&frames, ROOM), [head.0]);
}

#[test]
fn what_an_event_alone_told_is_told_again_to_who_closes_the_room() {
    // [SB6] [EV8] [SB10] The event may have come after the client closed the room, which passes over it then.
    let role = Role::Admin;
    for erases in [false, true] {
        let mut node = Node::new(1);
        let old = node.say(ROOM, ADA, "the last line");
        let lin = node.opened(LIN);
        let head = if erases {
            node.delete(ROOM, old)
        } else {
            node.commit(ROOM, ADA, Known::RoleChanged { user: LIN, role })
        };
        node.deliver();
        node.hub.close_room(lin.id, ROOM);
        node.work();
        let frames = lin.take();
        assert_eq!(types(&frames), ["event", "room"]);
        assert_eq!(frames[1]["room"]["head"], head.0);
        node.hub.open(lin.id, ROOM, Some(head)).unwrap();
        node.hub.close_room(lin.id, ROOM);
        node.work();
        assert_eq!(types(&lin.take()), ["opened", "rooms"], "once");
    }
}

//! Cursors told from time to time: true for whoever gets one. `[SB9]`

use serde_json::Value;
use tidings_protocol::{Follow, limits::CURSOR_EVENTS_MAX};

use super::model::{ADA, EVE, LIN, Node, ROOM, Session, seqs, types};
use crate::{encoded::Format, hub::Hello};

/// Enough beats for a cursor to be told, and too few to count as silence.
const BEATS: usize = 20;

fn all(since: Option<String>) -> Hello {
    Hello {
        since,
        follow: Follow::All,
        ..Hello::default()
    }
}

/// The cursor that is told within some beats, if one is.
fn told(node: &mut Node, session: &Session) -> Option<String> {
    node.hub.heard(session.id);
    for _ in 0..BEATS {
        node.hub.beat();
    }
    let frames = session.take();
    let mut told = frames.iter().filter(|f| f["type"] == "cursor");
    let cursor = told
        .next()
        .map(|f| f["cursor"].as_str().unwrap().to_owned());
    assert_eq!(told.next(), None, "nothing has moved since");
    cursor
}

#[test]
fn one_who_follows_everything_is_told_cursors_too() {
    for shards in [1, 3] {
        let mut node = Node::new(shards);
        let (lin, _) = node.session(LIN, Format::Json, all(None));
        node.say(ROOM, ADA, "one");
        let cursor = told(&mut node, &lin).expect("a cursor");
        assert_eq!(told(&mut node, &lin), None);
        node.say(ROOM, ADA, "two");
        let again = node.greet(LIN, Format::Json, all(Some(cursor)));
        node.work();
        assert_eq!(seqs(&again.take(), ROOM), [5]);
    }
}

#[test]
fn one_who_is_cut_off_again_and_again_moves_on() {
    // [SB9] [P4] No beat comes in between. What came after the last cursor is all that is repeated.
    let many = CURSOR_EVENTS_MAX as usize;
    for live in [true, false] {
        let mut node = Node::new(2);
        let mut since = node.cursor().to_string();
        let mut seen = Vec::new();
        for _ in 0..20 {
            let session = node.greet(LIN, Format::Json, all(Some(since.clone())));
            if live {
                node.work();
            }
            for number in 0..many {
                node.write(ROOM, ADA, &format!("{number}"));
                if live {
                    node.deliver();
                }
            }
            if !live {
                node.deliver();
                node.work();
            }
            let frames = session.take();
            let mut told = frames.iter().filter(|f| f["type"] == "cursor");
            let told = told.next_back().expect("a cursor");
            since = told["cursor"].as_str().unwrap().to_owned();
            let new = seqs(&frames, ROOM);
            assert!(new.len() < 2 * many + 2, "{} repeated", new.len() - many);
            seen.extend(new);
            node.hub.disconnect(session.id);
        }
        seen.sort_unstable();
        seen.dedup();
        let head = node.head(ROOM);
        assert_eq!(seen, (seen[0]..=head).collect::<Vec<u64>>());
        assert_eq!(seen.len(), 20 * many);
    }
}

#[test]
fn one_who_follows_everything_and_is_behind_is_told_none() {
    let mut node = Node::new(1);
    let (lin, _) = node.session(LIN, Format::Json, all(None));
    lin.takes(0);
    node.say(ROOM, ADA, "one");
    assert_eq!(told(&mut node, &lin), None);
    lin.takes(usize::MAX);
    node.drain(&lin);
    node.work();
    assert!(told(&mut node, &lin).is_some());
}

#[test]
fn over_sse_the_cursor_comes_with_each_event_and_not_by_itself() {
    // [SE1]
    let mut node = Node::new(1);
    let (lin, _) = node.session(LIN, Format::Plain, all(None));
    node.say(ROOM, ADA, "one");
    assert_eq!(told(&mut node, &lin), None);
}

#[test]
fn no_cursor_passes_over_a_room_that_was_joined_and_not_told_yet() {
    // Else a client that comes back with it would never hear of the room.
    let mut node = Node::new(1);
    let eve = node.listed(EVE);
    node.join(ROOM, EVE);
    node.deliver();
    assert_eq!(told(&mut node, &eve), None);
    node.work();
    let frames: Vec<Value> = eve.take();
    assert_eq!(types(&frames), ["room"]);
    assert!(told(&mut node, &eve).is_some());
}

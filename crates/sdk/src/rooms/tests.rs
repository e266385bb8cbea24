//! The list of rooms after each output of the session.

use tidings_protocol::{
    ClientFrame, EventId, LeftRoom, Position, RoomKind, SendContent, Seq, ShardId, Timestamp,
    TxnId, Visibility, subject::SendMessage,
};
use tidings_sync::outbox::Row;

use super::*;

const ME: UserId = UserId::from_bits(1);
const OTHER: UserId = UserId::from_bits(2);
const ROOM: RoomId = RoomId::from_bits(7);

fn summary(head: u64, count: u64, marker: u64) -> RoomSummary {
    RoomSummary {
        id: ROOM,
        kind: RoomKind::Group,
        visibility: Visibility::Private,
        name: None,
        peer: None,
        created_at: Timestamp::default(),
        head: Seq(head),
        count,
        members: 2,
        gone: tidings_protocol::Gone::default(),
        role: None,
        marker: mark(marker),
        last: None,
    }
}

/// In these rooms every event is a message.
const fn mark(seq: u64) -> Marker {
    Marker {
        seq: Seq(seq),
        count: seq,
    }
}

fn held(head: u64, marker: u64) -> Rooms {
    let mut rooms = Rooms {
        me: Some(ME),
        ..Rooms::default()
    };
    rooms.fill(vec![summary(head, head, marker)]);
    rooms
}

fn message(seq: u64, actor: UserId) -> Event {
    Event {
        shard: ShardId(0),
        position: Position(seq),
        log: LogId::Room(ROOM),
        seq: Seq(seq),
        id: EventId::from_bits(u128::from(seq)),
        at: Timestamp::default(),
        actor,
        count: seq,
        txn: None,
        answer: false,
        content: Some(Content::Known(Known::Message {
            text: format!("{seq}").parse().unwrap(),
        })),
    }
}

fn history(head: u64, written: &[(u64, UserId)]) -> Output {
    let row = |(seq, actor): &(u64, UserId)| Message {
        id: EventId::from_bits(u128::from(*seq)),
        room: ROOM,
        seq: Seq(*seq),
        at: Timestamp::default(),
        actor: *actor,
        count: *seq,
        txn: None,
        text: Some(format!("{seq}").parse().unwrap()),
        edited: None,
        deleted: None,
        reactions: Vec::new(),
    };
    Output::History {
        room: ROOM,
        page: Box::new(Messages {
            messages: written.iter().map(row).collect(),
            head: Seq(head),
            more_before: true,
            more_after: false,
        }),
    }
}

fn answered(event: Event) -> Output {
    let txn: TxnId = "t1".parse().unwrap();
    let content = SendContent::Text {
        text: "hello".parse().unwrap(),
    };
    let frame = ClientFrame::give(
        txn,
        SendMessage {
            room: ROOM,
            content,
        },
    );
    Output::Answered {
        row: Box::new(Row::new(frame, Timestamp::default()).unwrap()),
        answer: Answer::Event(Box::new(event)),
    }
}

fn moved(head: u64, last: &Event) -> Output {
    Output::Moved(vec![RoomHead {
        room: ROOM,
        head: Seq(head),
        count: head,
        gone: tidings_protocol::Gone::default(),
        name: None,
        last: Some(LastMessage {
            id: last.id,
            seq: last.seq,
            at: last.at,
            actor: last.actor,
            text: None,
        }),
    }])
}

#[test]
fn what_a_history_covers_is_held() {
    // [SB4] [P8]
    let mut rooms = held(3, 3);
    rooms.take(&history(9, &[(7, OTHER), (8, OTHER)]));
    let room = rooms.get(ROOM).unwrap();
    assert_eq!((room.head, room.count, room.marker), (Seq(9), 8, mark(3)));
    assert_eq!(room.last.unwrap().text.as_deref(), Some("8"));
}

#[test]
fn what_was_deleted_is_not_unread() {
    // [P8] By an event, by a summary that tells it again, and by a page.
    let mut rooms = held(9, 3);
    let unread = |rooms: &Rooms| rooms.get(ROOM).unwrap().unread();
    assert_eq!(unread(&rooms), 6);
    let delete = |seq, target: u64| Event {
        content: Some(Content::Known(Known::MessageDeleted {
            message: message(target, OTHER).id,
            target: Seq(target),
        })),
        count: 9,
        ..message(seq, OTHER)
    };
    rooms.take(&Output::Apply(Box::new(delete(10, 5))));
    rooms.take(&Output::Apply(Box::new(delete(11, 2))));
    assert_eq!(unread(&rooms), 5, "one stood before the marker");
    let Output::Moved(mut heads) = moved(12, &message(12, OTHER)) else {
        unreachable!("it is a summary")
    };
    heads[0].gone = vec![Seq(5), Seq(6)].into();
    rooms.take(&Output::Moved(heads));
    assert_eq!(unread(&rooms), 12 - 3 - 2);
    let Output::History { room, mut page } = history(13, &[(7, OTHER), (13, OTHER)]) else {
        unreachable!("it is a page")
    };
    page.messages[0].deleted = Some(Seq(9));
    rooms.take(&Output::History { room, page });
    assert_eq!(unread(&rooms), 13 - 3 - 3);
}

#[test]
fn a_history_without_messages_moves_the_head() {
    let mut rooms = held(3, 3);
    rooms.take(&history(9, &[]));
    let room = rooms.get(ROOM).unwrap();
    assert_eq!((room.head, room.count), (Seq(9), 3));
}

#[test]
fn a_history_that_is_older_takes_nothing_back() {
    // [FO4] But what one wrote one has read.
    let mut rooms = held(9, 3);
    rooms.take(&history(8, &[(5, ME), (6, OTHER)]));
    let room = rooms.get(ROOM).unwrap();
    assert_eq!((room.head, room.count, room.marker), (Seq(9), 9, mark(5)));
    assert_eq!(room.last, None);
}

#[test]
fn what_one_wrote_one_has_read_however_it_is_heard_of() {
    // [FO4]
    let mut rooms = held(3, 1);
    let marker = |rooms: &Rooms| rooms.get(ROOM).unwrap().marker;
    rooms.take(&moved(4, &message(4, ME)));
    assert_eq!(marker(&rooms), mark(4), "by the last line");
    rooms.take(&moved(7, &message(7, OTHER)));
    assert_eq!(marker(&rooms), mark(4), "another's is not");
    rooms.take(&Output::Apply(Box::new(message(5, ME))));
    assert_eq!(marker(&rooms), mark(5), "by an event that the list knew of");
    rooms.take(&answered(message(6, ME)));
    assert_eq!(marker(&rooms), mark(6), "by an answer");
    assert_eq!(rooms.get(ROOM).unwrap().head, Seq(7));
    rooms.take(&answered(message(2, ME)));
    assert_eq!(marker(&rooms), mark(6), "and never back");
}

#[test]
fn an_answer_moves_no_head() {
    // [CM9]
    let mut rooms = held(3, 3);
    rooms.take(&answered(message(6, ME)));
    let room = rooms.get(ROOM).unwrap();
    assert_eq!((room.head, room.count), (Seq(3), 3));
}

#[test]
fn a_summary_from_before_an_answer_leaves_the_marker() {
    // [FO4] It may be the first that is heard of the room.
    for mut rooms in [held(3, 3), Rooms::default()] {
        rooms.take(&answered(message(5, ME)));
        rooms.take(&Output::Room {
            room: Box::new(summary(4, 4, 3)),
            users: Vec::new(),
        });
        assert_eq!(rooms.get(ROOM).unwrap().marker, mark(5));
        rooms.take(&Output::Left(LeftRoom {
            room: ROOM,
            by: None,
        }));
        rooms.fill(vec![summary(9, 9, 0)]);
        assert_eq!(rooms.get(ROOM).unwrap().marker, mark(0), "a new stay");
    }
}

#[test]
fn leaving_takes_the_room_away() {
    // [SB8] But not when one has come back since.
    let mut left = message(4, OTHER);
    left.content = Some(Content::Known(Known::MemberLeft { user: ME }));
    let mut rooms = held(5, 0);
    rooms.take(&Output::Apply(Box::new(left.clone())));
    assert!(rooms.get(ROOM).is_some());
    let mut rooms = held(3, 0);
    rooms.take(&Output::Apply(Box::new(left)));
    assert!(rooms.get(ROOM).is_none());
}

#[test]
fn what_rest_tells_of_a_room_is_taken_when_it_is_newer() {
    let mut rooms = held(5, 4);
    let named = |head, marker| RoomSummary {
        name: Some("harbour".parse().unwrap()),
        ..summary(head, head, marker)
    };
    rooms.told_again(named(4, 2));
    assert_eq!(rooms.get(ROOM), Some(summary(5, 5, 4)));
    rooms.told_again(named(8, 3));
    assert_eq!(rooms.get(ROOM), Some(named(8, 4)), "the marker stays");
    rooms.take(&Output::Left(LeftRoom {
        room: ROOM,
        by: None,
    }));
    rooms.told_again(named(9, 3));
    assert!(rooms.get(ROOM).is_none(), "a room that was left stays away");
}

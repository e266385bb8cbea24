//! Messages, reactions and read markers.

use super::*;

#[test]
fn messages_change_as_their_authors_and_admins_say() {
    // [RM6] [FO2]
    let mut w = World::new(3);
    let room = w.room(RoomKind::Channel, Visibility::Public, &[user(2), user(3)]);
    let other = w.room(RoomKind::Channel, Visibility::Public, &[user(2)]);
    let message = w.say(user(2), room, "first").unwrap();
    let edit = |room, text: &str| {
        Command::from(EditMessage {
            room,
            message,
            content: SendContent::Text {
                text: text.parse().unwrap(),
            },
        })
    };
    let delete = |room| Command::from(DeleteMessage { room, message });
    let react = |emoji: &str| {
        Command::from(AddReaction {
            room,
            message,
            emoji: emoji.parse().unwrap(),
        })
    };
    let unreact = |emoji: &str| {
        Command::from(RemoveReaction {
            room,
            message,
            emoji: emoji.parse().unwrap(),
        })
    };
    let script: [(u128, Command, Result<usize, RefusalCode>); 14] = [
        (1, edit(room, "no"), Err(RefusalCode::Forbidden)),
        (2, edit(other, "no"), Err(RefusalCode::NotFound)),
        (2, edit(room, "second"), Ok(1)),
        (2, edit(room, "second"), Ok(0)),
        (3, react("👍"), Ok(1)),
        (3, react("👍"), Ok(0)),
        (1, react("👍"), Ok(1)),
        (2, unreact("👍"), Ok(0)),
        (3, unreact("👍"), Ok(1)),
        (3, delete(room), Err(RefusalCode::Forbidden)),
        (1, delete(room), Ok(1)),
        (2, delete(room), Ok(0)),
        (2, edit(room, "third"), Err(RefusalCode::MessageDeleted)),
        (3, react("👍"), Err(RefusalCode::MessageDeleted)),
    ];
    for (index, (actor, command, expected)) in script.into_iter().enumerate() {
        let got = w.run(user(actor), None, &command).map(|e| happened(Ok(e)));
        assert_eq!(got, expected, "row {index}: {command:?}");
    }
    assert!(w.state.reactions.is_empty());
    assert!(
        w.state
            .changes
            .erased
            .iter()
            .any(|(_, _, id)| *id == message)
    );
}

#[test]
fn markers_only_go_forward_and_own_messages_are_read() {
    // [FO4] [P8]
    let mut w = World::new(2);
    let room = w.room(RoomKind::Group, Visibility::Private, &[user(2)]);
    for text in ["a", "b", "c"] {
        w.say(user(1), room, text).unwrap();
    }
    let head = w.state.rooms[&room].head;
    let mark = |seq| Command::from(MoveMarker { room, seq });
    assert_eq!(happened(w.run(user(2), None, &mark(head))), 1);
    assert_eq!(happened(w.run(user(2), None, &mark(Seq(head.0 - 1)))), 0);
    assert_eq!(
        w.run(user(2), None, &mark(Seq(head.0 + 1))).unwrap_err(),
        RefusalCode::BadRequest
    );
    assert_eq!(w.state.marker(room, user(2)).count, 3);
    assert_eq!(
        w.state.rooms[&room].count - w.state.marker(room, user(1)).count,
        0
    );
    w.say(user(1), room, "d").unwrap();
    assert_eq!(
        w.state.rooms[&room].count - w.state.marker(room, user(2)).count,
        1
    );
    assert_eq!(w.state.member(room, user(2)).unwrap().role, Role::Member);
}

#[test]
fn with_a_deleted_message_its_reactions_go_and_no_others() {
    let mut w = World::new(1);
    let rooms = [(); 2].map(|()| w.room(RoomKind::Group, Visibility::Private, &[]));
    let mut messages = Vec::new();
    for (room, text) in [(rooms[0], "a"), (rooms[0], "b"), (rooms[1], "c")] {
        let message = w.say(user(1), room, text).unwrap();
        let emoji = "👍".parse().unwrap();
        let react = AddReaction {
            room,
            message,
            emoji,
        };
        assert_eq!(happened(w.run(user(1), None, &react.into())), 1);
        messages.push((room, message));
    }
    // Even of the same id in another room, if there could be one.
    let (room, message) = messages[0];
    let twin = ReactionKey {
        room: rooms[1],
        message,
        emoji: "👍".parse().unwrap(),
        user: user(1),
    };
    w.state.reactions.insert(twin.clone());
    w.state.changes.reactions.insert(twin.clone(), true);
    let count = (twin.room, twin.message, twin.emoji.clone());
    w.state.reaction_counts.insert(count, 1);

    let delete = Command::from(DeleteMessage { room, message });
    assert_eq!(happened(w.run(user(1), None, &delete)), 1);
    let expected: BTreeSet<_> = [messages[1], messages[2], (twin.room, message)].into();
    let of = |key: &ReactionKey| (key.room, key.message);
    let left: BTreeSet<_> = w.state.reactions.iter().map(of).collect();
    assert_eq!(left, expected);
    let left: BTreeSet<_> = w.state.changes.reactions.keys().map(of).collect();
    assert_eq!(left, expected);
    let counts = w.state.reaction_counts.keys();
    let left: BTreeSet<_> = counts.map(|(room, message, _)| (*room, *message)).collect();
    assert_eq!(left, expected);
}

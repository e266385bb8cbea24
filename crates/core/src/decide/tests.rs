//! Tables of decisions: a script of commands in, refusals or events out.

use std::collections::BTreeSet;

use tidings_protocol::{
    DeviceId, RefusalCode, Role, RoomId, RoomKind, Seq, Visibility,
    command::Place,
    content::RemovedReason,
    limits::{DEVICE_NAME_BYTES_MAX, ROOMS_ADDED_MAX, ROOMS_PER_USER_MAX},
    subject::{
        AddMember, AddReaction, CreateRoom, DeleteMessage, EditMessage, MoveMarker, RemoveMember,
        RemoveReaction, RenameRoom, SendContent, SendMessage, SetRole,
    },
};

use super::*;
use crate::subject::account::{AddDevice, CreateUser, KeepDevices, RemoveDevice, SetPassword};
use crate::{
    chain::Salt,
    derive::direct_room,
    state::{ReactionKey, State},
};

struct World {
    state: State,
    position: Position,
    next: u128,
}

impl World {
    fn new(users: u128) -> World {
        let mut world = World {
            state: State::default(),
            position: Position::ZERO,
            next: 1000,
        };
        for n in 1..=users {
            let command = Command::from(CreateUser {
                only_first: false,
                user: user(n),
                username: format!("user{n}").parse().unwrap(),
                display_name: format!("User {n}").parse().unwrap(),
                kind: tidings_protocol::UserKind::Person,
                password_hash: "hash".into(),
            });
            world.run(user(n), None, &command).unwrap();
        }
        world
    }

    fn run(
        &mut self,
        actor: UserId,
        txn: Option<&str>,
        command: &Command,
    ) -> Result<Executed, RefusalCode> {
        let mut txn: Option<TxnId> = txn.map(|t| t.parse().unwrap());
        if let Command::Given(given) = command
            && given.place() == Place::Made
        {
            // The id of what it makes follows from it.
            self.next += 1;
            txn = txn.or_else(|| format!("drawn-{}", self.next).parse().ok());
        }
        let next = &mut self.next;
        let mut ctx = Ctx {
            now: Timestamp(1),
            shard: ShardId(0),
            position: &mut self.position,
            next_id: &mut || {
                *next += 1;
                EventId::from_bits(*next)
            },
            next_salt: &mut || Salt([0; 16]),
        };
        execute(&mut self.state, actor, txn.as_ref(), command, &mut ctx).map_err(|r| r.code)
    }

    fn room(&mut self, kind: RoomKind, visibility: Visibility, members: &[UserId]) -> RoomId {
        self.next += 1;
        let next = self.next;
        let name = (kind != RoomKind::Direct).then(|| format!("room {next}").parse().unwrap());
        let command = Command::from(CreateRoom {
            kind,
            visibility: Some(visibility),
            name,
            members: members.to_vec(),
        });
        made(self.run(user(1), None, &command).unwrap())
    }

    fn say(&mut self, actor: UserId, room: RoomId, text: &str) -> Result<EventId, RefusalCode> {
        let command = Command::from(SendMessage {
            room,
            content: SendContent::Text {
                text: text.parse().unwrap(),
            },
        });
        match self.run(actor, None, &command)? {
            Executed::Happened(entries) => Ok(entries[0].event.id),
            other => panic!("{other:?}"),
        }
    }
}

/// Kind, visibility, name, members; and how many events follow, or the refusal.
type Row = (
    RoomKind,
    Visibility,
    Option<&'static str>,
    &'static [u128],
    Result<usize, RefusalCode>,
);

fn user(n: u128) -> UserId {
    UserId::from_bits(n)
}

fn happened(result: Result<Executed, RefusalCode>) -> usize {
    match result {
        Ok(Executed::Happened(entries)) => entries.len(),
        Ok(Executed::Unchanged(_)) => 0,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_account_owns_the_server() {
    // [RM7]
    let world = World::new(2);
    assert_eq!(
        world.state.users[&user(1)].role,
        tidings_protocol::ServerRole::Owner
    );
    assert_eq!(
        world.state.users[&user(2)].role,
        tidings_protocol::ServerRole::Member
    );
    assert_eq!(world.state.users[&user(1)].password_hash, "hash");
}

#[test]
fn a_closed_server_makes_one_account() {
    // [RM7] Both looked whether anybody was there before either was made.
    let mut world = World::new(0);
    let create = |n: u128| {
        Command::from(CreateUser {
            user: user(n),
            username: format!("user{n}").parse().unwrap(),
            display_name: format!("User {n}").parse().unwrap(),
            kind: tidings_protocol::UserKind::Person,
            password_hash: String::new(),
            only_first: true,
        })
    };
    world.run(user(1), None, &create(1)).unwrap();
    let second = world.run(user(2), None, &create(2));
    assert_eq!(second.map(|_| ()), Err(RefusalCode::Forbidden));
}

#[test]
fn a_retry_gets_the_same_answer_and_another_command_is_refused() {
    // [P3] [CM3] [CM4]
    let mut w = World::new(1);
    let room = w.room(RoomKind::Channel, Visibility::Public, &[]);
    let send = Command::from(SendMessage {
        room,
        content: SendContent::Text {
            text: "hello".parse().unwrap(),
        },
    });
    let Ok(Executed::Happened(first)) = w.run(user(1), Some("t"), &send) else {
        panic!()
    };
    for _ in 0..3 {
        let Ok(Executed::Before(again)) = w.run(user(1), Some("t"), &send) else {
            panic!()
        };
        assert_eq!(*again, first[0].event);
    }
    let other = Command::from(SendMessage {
        room,
        content: SendContent::Text {
            text: "other".parse().unwrap(),
        },
    });
    assert_eq!(
        w.run(user(1), Some("t"), &other).unwrap_err(),
        RefusalCode::TxnReused
    );
    assert_eq!(w.state.rooms[&room].count, 1);
}

#[test]
fn a_retry_in_the_same_batch_does_not_tell_what_was_erased() {
    // [EV8]
    let mut w = World::new(1);
    let room = w.room(RoomKind::Channel, Visibility::Public, &[]);
    let send = Command::from(SendMessage {
        room,
        content: SendContent::Text {
            text: "secret".parse().unwrap(),
        },
    });
    let Ok(Executed::Happened(sent)) = w.run(user(1), Some("t1"), &send) else {
        panic!()
    };
    let message = sent[0].event.id;
    let edit = Command::from(EditMessage {
        room,
        message,
        content: SendContent::Text {
            text: "another".parse().unwrap(),
        },
    });
    w.run(user(1), Some("t2"), &edit).unwrap();
    w.run(
        user(1),
        None,
        &Command::from(DeleteMessage { room, message }),
    )
    .unwrap();
    for (txn, command) in [("t1", &send), ("t2", &edit)] {
        let Ok(Executed::Before(again)) = w.run(user(1), Some(txn), command) else {
            panic!()
        };
        assert_eq!(again.body, None);
    }
}

#[test]
fn a_refusal_changes_nothing() {
    // [CM4]
    let mut w = World::new(2);
    let room = w.room(RoomKind::Group, Visibility::Private, &[]);
    let before = (w.state.clone(), w.position);
    assert_eq!(w.say(user(2), room, "hi"), Err(RefusalCode::NotFound));
    assert_eq!((w.state.clone(), w.position), before);
}

#[test]
fn rooms_begin_as_their_kind_allows() {
    // [RM1] [RM2] [RM3]
    let mut w = World::new(3);
    let table: [Row; 8] = [
        (RoomKind::Direct, Visibility::Private, None, &[2], Ok(3)),
        (
            RoomKind::Direct,
            Visibility::Private,
            None,
            &[1],
            Err(RefusalCode::BadRequest),
        ),
        (
            RoomKind::Direct,
            Visibility::Private,
            None,
            &[2, 3],
            Err(RefusalCode::BadRequest),
        ),
        (
            RoomKind::Direct,
            Visibility::Private,
            Some("name"),
            &[2],
            Err(RefusalCode::BadRequest),
        ),
        (
            RoomKind::Group,
            Visibility::Public,
            None,
            &[2],
            Err(RefusalCode::BadRequest),
        ),
        (
            RoomKind::Group,
            Visibility::Private,
            None,
            &[2, 3, 2, 1],
            Ok(4),
        ),
        (
            RoomKind::Channel,
            Visibility::Public,
            None,
            &[],
            Err(RefusalCode::BadRequest),
        ),
        (
            RoomKind::Channel,
            Visibility::Private,
            Some("quiet"),
            &[9],
            Err(RefusalCode::NotFound),
        ),
    ];
    for (index, (kind, visibility, name, members, expected)) in table.into_iter().enumerate() {
        let members: Vec<UserId> = members.iter().map(|n| user(*n)).collect();
        let name = name.map(|n| n.parse().unwrap());
        let got = w.run(
            user(1),
            None,
            &Command::from(CreateRoom {
                kind,
                visibility: Some(visibility),
                name,
                members,
            }),
        );
        assert_eq!(got.map(|e| happened(Ok(e))), expected, "row {index}");
    }
    // [ID5] [CM6] From the other side it exists already.
    let room = direct_room(user(2), user(1));
    let again = Command::from(CreateRoom {
        kind: RoomKind::Direct,
        visibility: Some(Visibility::Private),
        name: None,
        members: vec![user(1)],
    });
    assert!(
        matches!(w.run(user(2), None, &again), Ok(Executed::Unchanged(log)) if log == LogId::Room(room))
    );
}

#[test]
fn members_come_and_go_as_their_roles_allow() {
    // [RM1] [RM2] [RM3] [RM4]
    let mut w = World::new(4);
    let direct = w.room(RoomKind::Direct, Visibility::Private, &[user(2)]);
    let group = w.room(RoomKind::Group, Visibility::Private, &[user(2)]);
    let private = w.room(RoomKind::Channel, Visibility::Private, &[user(2)]);
    let public = w.room(RoomKind::Channel, Visibility::Public, &[]);
    let add = |room, n| {
        Command::from(AddMember {
            room,
            user: Some(user(n)),
        })
    };
    let remove = |room, n| {
        Command::from(RemoveMember {
            room,
            user: Some(user(n)),
        })
    };
    let script: [(u128, Command, Result<usize, RefusalCode>); 22] = [
        (1, add(direct, 3), Err(RefusalCode::DirectRoom)),
        (3, add(direct, 3), Err(RefusalCode::NotFound)),
        (1, remove(direct, 1), Err(RefusalCode::DirectRoom)),
        (3, add(group, 3), Err(RefusalCode::NotFound)),
        (2, add(group, 3), Ok(1)),
        (2, add(group, 3), Ok(0)),
        (2, add(group, 99), Err(RefusalCode::NotFound)),
        (2, remove(group, 3), Err(RefusalCode::Forbidden)),
        (1, remove(group, 3), Ok(1)),
        (3, remove(group, 3), Ok(0)),
        (4, remove(group, 4), Err(RefusalCode::NotFound)),
        (1, remove(group, 1), Err(RefusalCode::LastOwner)),
        (2, remove(group, 2), Ok(1)),
        (1, remove(group, 1), Ok(1)),
        (2, add(private, 3), Err(RefusalCode::Forbidden)),
        (1, add(private, 3), Ok(1)),
        (4, add(private, 4), Err(RefusalCode::NotFound)),
        (4, add(public, 4), Ok(1)),
        (4, add(public, 4), Ok(0)),
        (3, remove(public, 4), Err(RefusalCode::Forbidden)),
        (4, remove(public, 1), Err(RefusalCode::Forbidden)),
        (4, remove(public, 4), Ok(1)),
    ];
    for (index, (actor, command, expected)) in script.into_iter().enumerate() {
        let got = w.run(user(actor), None, &command).map(|e| happened(Ok(e)));
        assert_eq!(got, expected, "row {index}: {command:?}");
    }
    assert_eq!(w.state.rooms[&group].members, 0);
    assert!(!w.state.members[&(group, user(1))].joined);
}

#[test]
fn others_cannot_take_all_places_of_a_user() {
    // [RM8]
    let table = [
        (ROOMS_ADDED_MAX - 1, [true, true, true, true]),
        (ROOMS_ADDED_MAX, [false, false, true, true]),
        (ROOMS_PER_USER_MAX - 1, [false, false, true, true]),
        (ROOMS_PER_USER_MAX, [false, false, false, false]),
    ];
    for (rooms, [created, added, joined, direct]) in table {
        let mut w = World::new(2);
        let public = w.room(RoomKind::Channel, Visibility::Public, &[]);
        let create = |kind| {
            Command::from(CreateRoom {
                kind,
                visibility: Some(Visibility::Private),
                name: None,
                members: vec![user(2)],
            })
        };
        let add = Command::from(AddMember {
            room: public,
            user: Some(user(2)),
        });
        let tries = [
            (1, create(RoomKind::Group), created),
            (1, add.clone(), added),
            (2, add, joined),
            (1, create(RoomKind::Direct), direct),
        ];
        for (actor, command, allowed) in tries {
            w.state.room_counts.insert(user(2), rooms as u32);
            let got = w.run(user(actor), None, &command).map(|_| ());
            let expected = if allowed {
                Ok(())
            } else {
                Err(RefusalCode::LimitReached)
            };
            assert_eq!(got, expected, "{rooms} rooms: {command:?}");
        }
    }
}

#[test]
fn owners_give_roles_and_a_room_with_members_keeps_an_owner() {
    // [RM4] [RM9]
    let mut w = World::new(4);
    let direct = w.room(RoomKind::Direct, Visibility::Private, &[user(2)]);
    let public = w.room(RoomKind::Channel, Visibility::Public, &[user(2), user(3)]);
    let group = w.room(RoomKind::Group, Visibility::Private, &[user(2)]);
    let give = |room, n, role| {
        Command::from(SetRole {
            room,
            user: user(n),
            role,
        })
    };
    let remove = |room, n| {
        Command::from(RemoveMember {
            room,
            user: Some(user(n)),
        })
    };
    let script: [(u128, Command, Result<usize, RefusalCode>); 26] = [
        (
            1,
            give(direct, 2, Role::Owner),
            Err(RefusalCode::DirectRoom),
        ),
        (3, give(direct, 2, Role::Owner), Err(RefusalCode::NotFound)),
        (4, give(group, 4, Role::Owner), Err(RefusalCode::NotFound)),
        (4, give(public, 4, Role::Owner), Err(RefusalCode::Forbidden)),
        (2, give(public, 2, Role::Owner), Err(RefusalCode::Forbidden)),
        (2, give(public, 3, Role::Admin), Err(RefusalCode::Forbidden)),
        (1, give(public, 4, Role::Admin), Err(RefusalCode::NotFound)),
        (
            1,
            give(public, 1, Role::Member),
            Err(RefusalCode::LastOwner),
        ),
        (1, give(public, 1, Role::Owner), Ok(0)),
        (1, give(public, 2, Role::Admin), Ok(1)),
        (1, give(public, 2, Role::Admin), Ok(0)),
        // An admin removes members, and gives no roles.
        (2, give(public, 3, Role::Admin), Err(RefusalCode::Forbidden)),
        (
            2,
            give(public, 2, Role::Member),
            Err(RefusalCode::Forbidden),
        ),
        (2, remove(public, 3), Ok(1)),
        (1, give(public, 3, Role::Member), Err(RefusalCode::NotFound)),
        (1, remove(public, 1), Err(RefusalCode::LastOwner)),
        (1, give(public, 2, Role::Owner), Ok(1)),
        // Two owners are equals: neither lowers nor removes the other.
        (
            2,
            give(public, 1, Role::Member),
            Err(RefusalCode::Forbidden),
        ),
        (2, remove(public, 1), Err(RefusalCode::Forbidden)),
        (1, give(public, 1, Role::Member), Ok(1)),
        (1, give(public, 1, Role::Owner), Err(RefusalCode::Forbidden)),
        (2, give(public, 2, Role::Admin), Err(RefusalCode::LastOwner)),
        (2, give(public, 1, Role::Owner), Ok(1)),
        (2, remove(public, 2), Ok(1)),
        (1, give(group, 2, Role::Owner), Ok(1)),
        (1, remove(group, 1), Ok(1)),
    ];
    for (index, (actor, command, expected)) in script.into_iter().enumerate() {
        let got = w.run(user(actor), None, &command).map(|e| happened(Ok(e)));
        assert_eq!(got, expected, "row {index}: {command:?}");
    }
    assert_eq!(w.state.rooms[&public].owners, 1);
    assert_eq!(w.state.rooms[&group].owners, 1);
    assert_eq!(w.state.member(group, user(2)).unwrap().role, Role::Owner);
    // A retry gets its answer even when the role has changed since; another role is another command. [CM3]
    let back = give(group, 2, Role::Owner);
    w.run(
        user(2),
        None,
        &Command::from(AddMember {
            room: group,
            user: Some(user(3)),
        }),
    )
    .unwrap();
    let first = w.run(user(2), Some("t"), &give(group, 3, Role::Admin));
    assert_eq!(happened(first), 1);
    assert!(matches!(
        w.run(user(2), Some("t"), &give(group, 3, Role::Admin)),
        Ok(Executed::Before(_))
    ));
    assert_eq!(
        w.run(user(2), Some("t"), &back).unwrap_err(),
        RefusalCode::TxnReused
    );
}

#[test]
fn who_joins_an_ownerless_channel_owns_it() {
    // [RM10]
    let mut w = World::new(3);
    let room = w.room(RoomKind::Channel, Visibility::Public, &[]);
    let join = |n| {
        Command::from(AddMember {
            room,
            user: Some(user(n)),
        })
    };
    let leave = |n| {
        Command::from(RemoveMember {
            room,
            user: Some(user(n)),
        })
    };
    assert_eq!(happened(w.run(user(1), None, &leave(1))), 1);
    assert_eq!(w.state.rooms[&room].owners, 0);
    assert_eq!(happened(w.run(user(2), None, &join(2))), 1);
    assert_eq!(happened(w.run(user(1), None, &join(1))), 1);
    assert_eq!(happened(w.run(user(2), None, &join(3))), 1);
    let roles = [1, 2, 3].map(|n| w.state.member(room, user(n)).unwrap().role);
    assert_eq!(roles, [Role::Member, Role::Owner, Role::Member]);
    assert_eq!(w.state.rooms[&room].owners, 1);
}

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
fn seq_and_position_have_no_gap() {
    // [P2]
    let mut w = World::new(2);
    let a = w.room(RoomKind::Group, Visibility::Private, &[user(2)]);
    let b = w.room(RoomKind::Channel, Visibility::Public, &[]);
    let mut positions = w.position.0;
    for n in 1..=5 {
        for room in [a, b] {
            let before = w.state.rooms[&room].head;
            w.say(user(1), room, "x").unwrap();
            assert_eq!(w.state.rooms[&room].head, before.next(), "{n}");
            positions += 1;
            assert_eq!(w.state.rooms[&room].head_position, Position(positions));
        }
    }
}

/// The room that was made.
fn made(executed: Executed) -> RoomId {
    match executed {
        Executed::Happened(entries) => entries[0].event.log.room().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_room_whose_id_follows_from_nothing_is_refused() {
    let world = World::new(2);
    let create = |kind, members: &[UserId]| {
        Command::from(CreateRoom {
            kind,
            visibility: None,
            name: None,
            members: members.to_vec(),
        })
    };
    for (command, expected) in [
        (create(RoomKind::Group, &[]), Err(RefusalCode::BadRequest)),
        (create(RoomKind::Direct, &[user(2)]), Ok(3)),
    ] {
        let by = By {
            actor: user(1),
            txn: None,
            log: command.log(user(1), None),
        };
        let got = command.decide(by, &world.state);
        assert_eq!(
            got.map(|events| events.len()).map_err(|no| no.code),
            expected
        );
    }
}

#[test]
fn a_public_channel_has_its_name_alone() {
    // [RM11]
    let mut world = World::new(2);
    let create = |world: &mut World, visibility, name: &str| {
        let command = Command::from(CreateRoom {
            kind: RoomKind::Channel,
            visibility: Some(visibility),
            name: Some(name.parse().unwrap()),
            members: Vec::new(),
        });
        world.run(user(1), None, &command).map(made)
    };
    let taken = Err(RefusalCode::NameTaken);
    let general = create(&mut world, Visibility::Public, "general").unwrap();
    for same in ["general", "#General", " GENERAL ", "ＧＥＮＥＲＡＬ"] {
        assert_eq!(
            create(&mut world, Visibility::Public, same),
            taken,
            "{same}"
        );
    }
    let private = create(&mut world, Visibility::Private, "general").unwrap();
    let tea = create(&mut world, Visibility::Public, "tea").unwrap();
    let rename = |world: &mut World, room, name: &str| {
        let name = name.parse().unwrap();
        let renamed = world.run(user(1), None, &Command::from(RenameRoom { room, name }));
        renamed.map(|_| room)
    };
    assert_eq!(rename(&mut world, tea, "General"), taken);
    assert_eq!(
        rename(&mut world, private, "tea"),
        Ok(private),
        "nobody else sees it"
    );
    assert_eq!(
        rename(&mut world, general, "GENERAL"),
        Ok(general),
        "its own"
    );
    assert_eq!(rename(&mut world, general, "all"), Ok(general));
    assert_eq!(
        rename(&mut world, tea, "general"),
        Ok(tea),
        "it is free again"
    );
    assert_eq!(create(&mut world, Visibility::Public, "ALL"), taken);
    let name = "All".parse().unwrap();
    let command = Command::from(RenameRoom { room: tea, name });
    let refusal = command
        .decide(
            By {
                actor: user(1),
                txn: None,
                log: LogId::Room(tea),
            },
            &world.state,
        )
        .unwrap_err();
    assert_eq!(
        refusal.room.as_deref(),
        Some(&general),
        "the page offers to open it"
    );
}

#[test]
fn a_password_is_changed_against_the_one_it_was_checked_with() {
    let mut world = World::new(2);
    let add = |n: u128, hash: &str| {
        Command::from(AddDevice {
            device: DeviceId::from_bits(n),
            name: String::new(),
            token_hash: [0; 32],
            checked_hash: Some(hash.to_owned()),
        })
    };
    world.run(user(1), None, &add(1, "hash")).unwrap();
    world.run(user(1), None, &add(2, "hash")).unwrap();
    world.run(user(2), None, &add(3, "hash")).unwrap();
    let set = |old: &str, new: &str, keep| {
        Command::from(SetPassword {
            password_hash: new.to_owned(),
            checked_hash: Some(old.to_owned()),
            keep,
        })
    };
    let one = KeepDevices::Only(DeviceId::from_bits(1));
    assert_eq!(
        world
            .run(user(1), None, &set("wrong", "new", one))
            .map(drop),
        Err(RefusalCode::WrongPassword)
    );
    let happened = world.run(user(1), None, &set("hash", "new", one)).unwrap();
    let Executed::Happened(entries) = happened else {
        panic!("{happened:?}");
    };
    let contents: Vec<_> = entries.iter().map(|entry| entry.content.clone()).collect();
    assert_eq!(
        contents,
        [
            Known::PasswordChanged {},
            Known::DeviceRemoved {
                device: DeviceId::from_bits(2),
                reason: RemovedReason::PasswordChanged,
            },
        ]
    );
    assert_eq!(world.state.users[&user(1)].password_hash, "new");
    let body = entries[0].event.body.clone().unwrap();
    assert_eq!(&*body, r#"{"kind":"password_changed"}"#, "nothing secret");
    // A sign-in whose password was checked before the change does not come after it.
    assert_eq!(
        world.run(user(1), None, &add(4, "hash")).map(drop),
        Err(RefusalCode::WrongCredentials)
    );
    world.run(user(1), None, &add(4, "new")).unwrap();
    assert!(
        world.state.devices.contains_key(&DeviceId::from_bits(3)),
        "somebody else's"
    );
}

#[test]
fn reserved_names_are_nobodys() {
    // [LI2]
    let mut world = World::new(0);
    let create = |name: &str| {
        Command::from(CreateUser {
            only_first: false,
            user: user(1),
            username: name.parse().unwrap(),
            display_name: name.parse().unwrap(),
            kind: tidings_protocol::UserKind::Person,
            password_hash: "hash".into(),
        })
    };
    for name in ["me", "Admin", "system", "everyone", "here", "room"] {
        let refused = world.run(user(1), None, &create(name)).map(drop);
        assert_eq!(refused, Err(RefusalCode::UsernameReserved), "{name}");
    }
    world.run(user(1), None, &create("adam")).unwrap();
}

#[test]
fn a_name_and_an_id_belong_to_one_account() {
    let mut world = World::new(1);
    for (id, name, expected) in [
        (1, "another", Err(RefusalCode::UsernameTaken)),
        (2, "user1", Err(RefusalCode::UsernameTaken)),
        (2, "another", Ok(1)),
    ] {
        let create = Command::from(CreateUser {
            only_first: false,
            user: user(id),
            username: name.parse().unwrap(),
            display_name: "Somebody".parse().unwrap(),
            kind: tidings_protocol::UserKind::Person,
            password_hash: String::new(),
        });
        let got = world.run(user(id), None, &create);
        assert_eq!(got.map(|e| happened(Ok(e))), expected, "{id} {name}");
    }
}

#[test]
fn devices_are_signed_in_and_out_by_their_own_user() {
    let mut world = World::new(2);
    let add = |device, len: usize| {
        Command::from(AddDevice {
            device: DeviceId::from_bits(device),
            name: "x".repeat(len),
            token_hash: [0; 32],
            checked_hash: None,
        })
    };
    let remove = |device| {
        Command::from(RemoveDevice {
            device: DeviceId::from_bits(device),
            reason: RemovedReason::SignedOut,
        })
    };
    for (actor, command, expected) in [
        (1, add(7, DEVICE_NAME_BYTES_MAX), Ok(1)),
        (
            1,
            add(8, DEVICE_NAME_BYTES_MAX + 1),
            Err(RefusalCode::TooLarge),
        ),
        (2, remove(7), Err(RefusalCode::NotFound)),
        (1, remove(9), Err(RefusalCode::NotFound)),
        (1, remove(7), Ok(1)),
        (1, remove(7), Err(RefusalCode::NotFound)),
    ] {
        let got = world.run(user(actor), None, &command);
        assert_eq!(
            got.map(|e| happened(Ok(e))),
            expected,
            "{actor}: {command:?}"
        );
    }
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

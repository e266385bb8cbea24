//! Who comes, who goes, and as what.

use super::*;

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

//! Rooms: made and named.

use super::*;

/// Kind, visibility, name, members; and how many events follow, or the refusal.
type Row = (
    RoomKind,
    Visibility,
    Option<&'static str>,
    &'static [u128],
    Result<usize, RefusalCode>,
);

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

//! Accounts, their names, passwords and devices.

use super::*;

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

//! What a command says it needs is all that deciding it reads: against those rows alone it is decided as against
//! everything there is. A row that nobody asked for would read as "absent", and be a wrong refusal, or a wrong right.

use std::collections::{BTreeMap, BTreeSet};

use tidings_core::{
    AddDevice, By, Command, CreateUser, Executed, KeepDevices, Needs, RemoveDevice, SetPassword,
    State,
};
use tidings_protocol::{
    Command as Given, DeviceId, RefusalCode, TxnId, UserId, UserKind,
    content::{Known, RemovedReason},
    limits::{DEVICES_PER_USER_MAX, ROOMS_ADDED_MAX, ROOMS_PER_USER_MAX},
};
use tidings_testkit::commands::{Numbers, Things, draw};

use crate::door::Door;

const SCRIPTS: u64 = 40;
const STEPS: usize = 400;
const PEOPLE: u128 = 3;
/// Rooms and devices that each may still come to.
const NEAR: usize = 2;

/// What there is, and what of it can be named.
#[derive(Default)]
struct World {
    door: Door,
    things: Things,
    devices: Vec<(UserId, DeviceId)>,
}

impl World {
    fn new() -> World {
        let mut world = World::default();
        for n in 1..=PEOPLE {
            let user = UserId::from_bits(n);
            world.things.users.push(user);
            world.run(user, None, &account(n, n, false)).unwrap();
            // Not far from the limits.
            let rooms = ROOMS_ADDED_MAX.min(ROOMS_PER_USER_MAX) - NEAR;
            world.door.state.room_counts.insert(user, rooms as u32);
            let devices = DEVICES_PER_USER_MAX - NEAR;
            world.door.state.device_counts.insert(user, devices as u32);
        }
        // One who does not exist.
        world.things.users.push(UserId::from_bits(99));
        world
            .things
            .rooms
            .push(tidings_protocol::RoomId::from_bits(98));
        world
    }

    fn run(
        &mut self,
        actor: UserId,
        txn: Option<&TxnId>,
        command: &Command,
    ) -> Result<Executed, RefusalCode> {
        let answer = self.door.give(actor, txn, command);
        if let Ok(Executed::Happened(entries)) = &answer {
            for entry in entries {
                let (event, log) = (&entry.event, entry.event.log);
                match &entry.content {
                    Known::RoomCreated { .. } => self.things.rooms.extend(log.room()),
                    Known::Message { .. } => {
                        self.things.messages.push((log.room().unwrap(), event.id));
                    }
                    Known::DeviceAdded { device, .. } => self.devices.push((event.actor, *device)),
                    _ => {}
                }
            }
        }
        answer.map_err(|refusal| refusal.code)
    }
}

fn account(n: u128, name: u128, only_first: bool) -> Command {
    let create = CreateUser {
        user: UserId::from_bits(n),
        username: format!("user{name}").parse().unwrap(),
        display_name: "User".parse().unwrap(),
        kind: UserKind::Person,
        password_hash: "hash 0".to_owned(),
        only_first,
    };
    create.into()
}

/// One of the commands that are no client's as they stand.
fn of_account(world: &World, numbers: &mut Numbers) -> Command {
    let checked = |numbers: &mut Numbers| {
        (numbers.below(2) == 0).then(|| format!("hash {}", numbers.below(2)))
    };
    let device = match world.devices.len() {
        0 => DeviceId::from_bits(7),
        len => world.devices[numbers.below(len)].1,
    };
    match numbers.below(4) {
        0 => {
            let (user, name) = (numbers.below(8), numbers.below(8));
            account(user as u128 + 1, name as u128 + 1, numbers.below(2) == 0)
        }
        1 => AddDevice {
            // Mostly a new one.
            device: match numbers.below(4) {
                0 => device,
                _ => DeviceId::from_bits(world.door.next_id + 1_000),
            },
            name: "a device".to_owned(),
            token_hash: [0; 32],
            checked_hash: checked(numbers),
        }
        .into(),
        2 => RemoveDevice {
            device,
            reason: RemovedReason::SignedOut,
        }
        .into(),
        _ => SetPassword {
            password_hash: format!("hash {}", numbers.below(2)),
            checked_hash: checked(numbers),
            keep: [
                KeepDevices::All,
                KeepDevices::Only(device),
                KeepDevices::None,
            ][numbers.below(3)],
        }
        .into(),
    }
}

/// The rows that were asked for, as a store loads them.
fn loaded(all: &State, needs: &Needs) -> State {
    let mut state = State {
        any_user: needs.any_user && all.any_user,
        ..State::default()
    };
    let mut part = |found: bool, take: &mut dyn FnMut(&mut State)| {
        if found {
            take(&mut state);
        }
    };
    for id in &needs.rooms {
        part(all.rooms.contains_key(id), &mut |s| {
            s.rooms.insert(*id, all.rooms[id].clone());
        });
    }
    for key in &needs.members {
        part(all.members.contains_key(key), &mut |s| {
            s.members.insert(*key, all.members[key].clone());
        });
    }
    for key in &needs.messages {
        part(all.messages.contains_key(key), &mut |s| {
            s.messages.insert(*key, all.messages[key].clone());
        });
    }
    for (room, message, emoji, user) in &needs.reactions {
        let key = tidings_core::ReactionKey {
            room: *room,
            message: *message,
            emoji: emoji.clone(),
            user: *user,
        };
        part(all.reactions.contains(&key), &mut |s| {
            s.reactions.insert(key.clone());
        });
        let key = (*room, *message, emoji.clone());
        part(all.reaction_counts.contains_key(&key), &mut |s| {
            s.reaction_counts
                .insert(key.clone(), all.reaction_counts[&key]);
        });
    }
    for id in &needs.users {
        part(all.users.contains_key(id), &mut |s| {
            s.users.insert(*id, all.users[id].clone());
        });
    }
    for name in &needs.usernames {
        part(all.usernames.contains_key(name), &mut |s| {
            s.usernames.insert(name.clone(), all.usernames[name]);
        });
    }
    for name in &needs.public_names {
        part(all.public_names.contains_key(name), &mut |s| {
            s.public_names.insert(name.clone(), all.public_names[name]);
        });
    }
    for key in &needs.markers {
        part(all.markers.contains_key(key), &mut |s| {
            s.markers.insert(*key, all.markers[key]);
        });
    }
    for key in &needs.counts {
        part(all.counts.contains_key(key), &mut |s| {
            s.counts.insert(*key, all.counts[key]);
        });
    }
    for (id, row) in &all.devices {
        let asked = needs.devices.contains(id) || needs.devices_of.contains(&row.user);
        part(asked, &mut |s| {
            s.devices.insert(*id, row.clone());
        });
    }
    for user in &needs.device_counts {
        part(true, &mut |s| {
            let count = all.device_counts.get(user).copied().unwrap_or_default();
            s.device_counts.insert(*user, count);
        });
    }
    for user in &needs.room_counts {
        part(true, &mut |s| {
            let count = all.room_counts.get(user).copied().unwrap_or_default();
            s.room_counts.insert(*user, count);
        });
    }
    state
}

#[test]
fn deciding_reads_no_row_that_was_not_asked_for() {
    let mut happened: BTreeMap<&str, usize> = BTreeMap::new();
    let mut refused: BTreeSet<(&str, RefusalCode)> = BTreeSet::new();
    for script in 1..=SCRIPTS {
        let mut numbers = Numbers::of(script);
        let mut world = World::new();
        for step in 0..STEPS {
            let command = match numbers.below(12) {
                0 => of_account(&world, &mut numbers),
                n => {
                    // Messages often: most commands are about them.
                    let words = Given::WORDS;
                    let word = if n < 3 {
                        "send"
                    } else {
                        words[numbers.below(words.len())]
                    };
                    draw(word, &world.things, &mut numbers).into()
                }
            };
            let actor = match &command {
                Command::CreateUser(create) => create.user,
                _ => UserId::from_bits(numbers.below(PEOPLE as usize + 1) as u128 + 1),
            };
            let txn: TxnId = format!("{script}-{step}").parse().unwrap();
            let mut needs = Needs::default();
            command.needs(actor, Some(&txn), &mut needs);
            let by = By {
                actor,
                txn: Some(&txn),
                log: command.log(actor, Some(&txn)),
            };
            let all = command.decide(by, &world.door.state);
            let few = command.decide(by, &loaded(&world.door.state, &needs));
            assert_eq!(few, all, "{actor}: {command:?}");
            match world.run(actor, Some(&txn), &command) {
                Ok(Executed::Happened(_)) => *happened.entry(command.word()).or_default() += 1,
                Ok(_) => {}
                Err(code) => {
                    refused.insert((command.word(), code));
                }
            }
        }
    }
    // Else the scripts would show nothing.
    for word in Given::WORDS {
        assert!(
            happened.get(word).copied().unwrap_or_default() > 5,
            "{word}: {happened:?}"
        );
        assert!(
            refused.iter().any(|(one, _)| one == word),
            "{word} is never refused"
        );
    }
}

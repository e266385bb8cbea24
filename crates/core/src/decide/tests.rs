//! Tables of decisions: a script of commands in, refusals or events out.

mod accounts;
mod members;
mod messages;
mod rooms;

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

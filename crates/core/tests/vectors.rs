//! The vectors in `spec/vectors/`: state + events = state, for every kind of event.
//!
//! The same files are run by the TypeScript fold. `TIDINGS_WRITE_VECTORS=1 cargo test -p tidings-core --test vectors`
//! writes them anew; without it a difference fails, so a change of meaning is seen in review.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{fs, path::PathBuf};
use tidings_core::{
    Command, CreateUser, Ctx, Executed, Salt, State,
    derive::{direct_room, room_of_txn},
    execute,
    room_fold::{Folded, RoomFold},
};
use tidings_protocol::{
    Event, EventId, LogId, Position, Role, RoomId, RoomKind, Seq, ShardId, Timestamp, TxnId,
    UserId, UserKind, Visibility,
    command::Place,
    subject::{
        AddMember, AddReaction, CreateRoom, DeleteMessage, EditMessage, RemoveMember,
        RemoveReaction, RenameRoom, SendContent, SendMessage, SetRole,
    },
};

use serde::{Deserialize, Serialize};

/// One vector: a client that holds `state` and applies `events` in order holds `expected`.
#[derive(Debug, Serialize, Deserialize)]
struct Vector {
    name: String,
    state: serde_json::Value,
    events: Vec<serde_json::Value>,
    expected: serde_json::Value,
}

struct Script {
    state: State,
    position: Position,
    next: u128,
    room: RoomId,
    events: Vec<Event>,
}

fn user(n: u128) -> UserId {
    UserId::from_bits(0x0190_0000_0000_7000_8000_0000_0000_0000 + n)
}

/// Under which the room is made.
fn txn() -> TxnId {
    "the-room".parse().unwrap()
}

impl Script {
    fn new(kind: RoomKind) -> Script {
        let room = match kind {
            RoomKind::Direct => direct_room(user(1), user(2)),
            _ => room_of_txn(user(1), Some(&txn())),
        };
        let mut script = Script {
            state: State::default(),
            position: Position::ZERO,
            next: 0x0190_0000_0000_7000_8000_0000_0000_2000,
            room,
            events: Vec::new(),
        };
        for n in 1..=3 {
            let name = format!("user{n}");
            script.give(
                n,
                CreateUser {
                    only_first: false,
                    user: user(n),
                    username: name.parse().unwrap(),
                    display_name: name.parse().unwrap(),
                    kind: UserKind::Person,
                    password_hash: String::new(),
                },
            );
        }
        let (name, visibility) = match kind {
            RoomKind::Channel => (Some("design".parse().unwrap()), Visibility::Public),
            _ => (None, Visibility::Private),
        };
        script.give(
            1,
            CreateRoom {
                kind,
                visibility: Some(visibility),
                name,
                members: vec![user(2)],
            },
        );
        script
    }

    /// Gives a command and keeps the events of the room. Returns the id of the first.
    fn give(&mut self, actor: u128, command: impl Into<Command>) -> EventId {
        let command = command.into();
        let txn =
            matches!(&command, Command::Given(given) if given.place() == Place::Made).then(txn);
        let next = &mut self.next;
        let mut ctx = Ctx {
            now: Timestamp::from_millis(1_795_208_400_000),
            shard: ShardId(0),
            position: &mut self.position,
            next_id: &mut || {
                *next += 1;
                EventId::from_bits(*next)
            },
            next_salt: &mut || Salt([7; 16]),
        };
        match execute(
            &mut self.state,
            user(actor),
            txn.as_ref(),
            &command,
            &mut ctx,
        ) {
            Ok(Executed::Happened(entries)) => {
                let events = entries
                    .iter()
                    .map(|entry| entry.event.to_event(UserId::from_bits(0)).unwrap());
                self.events
                    .extend(events.filter(|event| event.log == LogId::Room(self.room)));
                entries[0].event.id
            }
            other => panic!("{other:?}"),
        }
    }

    fn say(&mut self, actor: u128, text: &str) -> EventId {
        let room = self.room;
        self.give(
            actor,
            SendMessage {
                room,
                content: SendContent::Text {
                    text: text.parse().unwrap(),
                },
            },
        )
    }

    /// The vector that starts after `held` events of the room.
    fn vector(
        &self,
        name: &str,
        held: usize,
        more: impl FnOnce(&mut Vec<serde_json::Value>),
    ) -> Vector {
        let mut fold = RoomFold::empty(self.room);
        for event in &self.events[..held] {
            assert_eq!(fold.apply(event), Folded::Applied);
        }
        let state = serde_json::to_value(&fold).unwrap();
        let mut events: Vec<serde_json::Value> = self.events[held..]
            .iter()
            .map(|event| serde_json::to_value(event).unwrap())
            .collect();
        more(&mut events);
        for event in &events {
            fold.apply(&serde_json::from_value(event.clone()).unwrap());
        }
        Vector {
            name: name.to_owned(),
            state,
            events,
            expected: serde_json::to_value(&fold).unwrap(),
        }
    }
}

fn all() -> Vec<Vector> {
    let mut vectors = Vec::new();
    for (name, kind) in [
        ("direct", RoomKind::Direct),
        ("group", RoomKind::Group),
        ("channel", RoomKind::Channel),
    ] {
        vectors.push(Script::new(kind).vector(&format!("a_{name}_begins"), 0, |_| {}));
    }

    let mut s = Script::new(RoomKind::Group);
    let held = s.events.len();
    for (actor, whose, role) in [
        (1, 2, Role::Admin),
        (1, 2, Role::Owner),
        (1, 1, Role::Member),
    ] {
        let (room, user) = (s.room, user(whose));
        s.give(actor, SetRole { room, user, role });
    }
    vectors.push(s.vector("roles_are_given", held, |_| {}));

    let mut s = Script::new(RoomKind::Channel);
    let room = s.room;
    let first = s.say(1, "hello\nthere, \"you\" 👋");
    let second = s.say(2, "hi");
    vectors.push(s.vector("messages_come", 3, |_| {}));

    let held = s.events.len();
    s.give(
        2,
        EditMessage {
            room,
            message: second,
            content: SendContent::Text {
                text: "hi again".parse().unwrap(),
            },
        },
    );
    s.give(
        2,
        EditMessage {
            room,
            message: second,
            content: SendContent::Text {
                text: "hi at last".parse().unwrap(),
            },
        },
    );
    vectors.push(s.vector("a_message_is_edited_twice", held, |_| {}));

    let held = s.events.len();
    for (actor, emoji) in [(1, "👍"), (2, "👍"), (2, "❤️"), (1, "👩‍👩‍👧‍👦")]
    {
        s.give(
            actor,
            AddReaction {
                room,
                message: first,
                emoji: emoji.parse().unwrap(),
            },
        );
    }
    s.give(
        2,
        RemoveReaction {
            room,
            message: first,
            emoji: "👍".parse().unwrap(),
        },
    );
    s.give(
        2,
        RemoveReaction {
            room,
            message: first,
            emoji: "❤️".parse().unwrap(),
        },
    );
    vectors.push(s.vector("reactions_come_and_go", held, |_| {}));

    let held = s.events.len();
    s.give(
        1,
        DeleteMessage {
            room,
            message: first,
        },
    );
    s.give(
        1,
        DeleteMessage {
            room,
            message: second,
        },
    );
    vectors.push(s.vector("messages_are_deleted", held, |_| {}));

    let held = s.events.len();
    s.give(
        1,
        RenameRoom {
            room,
            name: "design, renamed".parse().unwrap(),
        },
    );
    s.give(
        3,
        AddMember {
            room,
            user: Some(user(3)),
        },
    );
    s.say(3, "now me");
    s.give(
        1,
        RemoveMember {
            room,
            user: Some(user(2)),
        },
    );
    s.give(
        3,
        RemoveMember {
            room,
            user: Some(user(3)),
        },
    );
    vectors.push(s.vector("members_come_and_go", held, |_| {}));

    vectors.push(s.vector("the_whole_log", 0, |_| {}));
    vectors.push(s.vector("repeats_are_skipped", 0, |events| {
        let again = events.clone();
        events.extend(again);
    }));
    vectors.push(s.vector("what_was_erased_stays_counted", 0, |events| {
        // As a later reader gets them: the bodies of deleted messages and their edits are gone.
        for event in events.iter_mut() {
            let erased = ["message", "message_edited"]
                .contains(&event["content"]["kind"].as_str().unwrap_or_default())
                && event["seq"].as_u64().unwrap_or_default() <= 7;
            if erased {
                event["content"] = serde_json::Value::Null;
            }
        }
    }));
    vectors.push(
        s.vector("unknown_kinds_are_counted_and_skipped", held, |events| {
            for event in events
                .iter_mut()
                .filter(|event| event["content"]["kind"] == "room_renamed")
            {
                event["content"] = serde_json::json!({ "kind": "poll_opened", "question": "tea?" });
            }
        }),
    );
    vectors.push(
        s.vector("an_answer_out_of_place_is_not_folded", held, |events| {
            let mut answer = events[0].clone();
            answer["answer"] = serde_json::json!(true);
            events.insert(0, answer);
        }),
    );
    vectors
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors")
}

#[test]
fn the_published_vectors_are_those_of_this_code() {
    // [FO1] [FO2] [FO3] [EV2] [EV5] [EV6] [CM9]
    let write = std::env::var_os("TIDINGS_WRITE_VECTORS").is_some();
    let mut names = Vec::new();
    for vector in all() {
        let path = folder().join(format!("{}.json", vector.name));
        let text = format!("{}\n", serde_json::to_string_pretty(&vector).unwrap());
        if write {
            fs::write(&path, &text).unwrap();
        }
        let stored = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(stored, text, "{} is stale", path.display());
        names.push(format!("{}.json", vector.name));
    }
    for path in published() {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(names.contains(&name), "{name} is no vector of this code");
    }
}

/// The files of the folder; folders in it hold vectors of other things.
fn published() -> impl Iterator<Item = std::path::PathBuf> {
    let entries = fs::read_dir(folder()).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
}

#[test]
fn every_published_vector_folds_to_what_it_expects() {
    // [FO1] [FO2] [FO3]
    for path in published() {
        let text = fs::read_to_string(path).unwrap();
        let vector: Vector = serde_json::from_str(&text).unwrap();
        let mut fold: RoomFold = serde_json::from_value(vector.state).unwrap();
        for event in vector.events {
            fold.apply(&serde_json::from_value(event).unwrap());
        }
        assert_eq!(
            serde_json::to_value(&fold).unwrap(),
            vector.expected,
            "{}",
            vector.name
        );
        assert!(fold.head > Seq::ZERO);
    }
}

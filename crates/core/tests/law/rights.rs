//! Who may do what: every command of the list, by everybody who may stand to a room in another way, in every kind of
//! room, to everybody and everything that its fields can name. The table is `rights.txt` beside this file.
//!
//! `TIDINGS_WRITE_VECTORS=1 cargo test -p tidings-core --test law` writes it anew; without it a difference fails, so a
//! right that changes, or that a new command gives, is seen in review.

use std::{fmt::Write as _, fs, path::PathBuf};

use serde_json::{Map, Value, json};
use tidings_core::{By, Command, CreateUser, Executed};
use tidings_protocol::{
    Command as Given, EventId, Role, RoomId, TxnId, UserId, UserKind,
    subject::{AddMember, AddReaction, RemoveMember, SendContent, SendMessage, SetRole},
};
use tidings_testkit::commands::read;

use crate::door::Door;

const OWNER: UserId = UserId::from_bits(1);
const ADMIN: UserId = UserId::from_bits(2);
const MEMBER: UserId = UserId::from_bits(3);
const OTHER: UserId = UserId::from_bits(4);
const FORMER: UserId = UserId::from_bits(5);
const STRANGER: UserId = UserId::from_bits(6);
const SECOND_OWNER: UserId = UserId::from_bits(7);
const SECOND_ADMIN: UserId = UserId::from_bits(8);
const ALL: [(UserId, &str); 8] = [
    (OWNER, "owner"),
    (SECOND_OWNER, "another owner"),
    (ADMIN, "admin"),
    (SECOND_ADMIN, "another admin"),
    (MEMBER, "member"),
    (OTHER, "another member"),
    (FORMER, "former member"),
    (STRANGER, "stranger"),
];
const ROOMS: [(&str, &str, &str); 4] = [
    ("direct room", "direct", "private"),
    ("group", "group", "private"),
    ("private channel", "channel", "private"),
    ("public channel", "channel", "public"),
];

struct World {
    door: Door,
    room: RoomId,
    /// A message of each who could say something.
    messages: Vec<(UserId, EventId)>,
}

impl World {
    /// A room with an owner, an admin, two members and one who left; or a direct room of two.
    fn new(kind: &str, visibility: &str) -> World {
        let mut world = World {
            door: Door::default(),
            room: RoomId::from_bits(0),
            messages: Vec::new(),
        };
        for (user, _) in ALL {
            let name = format!("user{}", user.bits());
            let create = CreateUser {
                user,
                username: name.parse().unwrap(),
                display_name: name.parse().unwrap(),
                kind: UserKind::Person,
                password_hash: String::new(),
                only_first: false,
            };
            world.run(user, create);
        }
        let is_direct = kind == "direct";
        let others = match is_direct {
            true => vec![MEMBER],
            false => vec![SECOND_OWNER, ADMIN, SECOND_ADMIN, MEMBER, OTHER, FORMER],
        };
        let mut fields = Map::new();
        fields.insert("kind".to_owned(), kind.into());
        fields.insert("members".to_owned(), json!(others));
        if !is_direct {
            fields.insert("visibility".to_owned(), visibility.into());
            fields.insert("name".to_owned(), "harbour".into());
        }
        let create = read("create_room", fields).unwrap();
        let log = Command::from(create.clone()).log(OWNER, Some(&txn()));
        world.room = log.room().unwrap();
        world.run(OWNER, create);
        let room = world.room;
        let speakers = match is_direct {
            true => vec![OWNER, MEMBER],
            false => vec![OWNER, ADMIN, MEMBER, OTHER, FORMER],
        };
        for user in speakers {
            let text = "hello".parse().unwrap();
            let content = SendContent::Text { text };
            let id = world.run(user, SendMessage { room, content });
            world.messages.push((user, id));
        }
        if !is_direct {
            for (user, role) in [
                (SECOND_OWNER, Role::Owner),
                (ADMIN, Role::Admin),
                (SECOND_ADMIN, Role::Admin),
            ] {
                world.run(OWNER, SetRole { room, user, role });
            }
            // Each has reacted to their own message.
            for (user, message) in world.messages.clone() {
                let emoji = "👍".parse().unwrap();
                world.run(
                    user,
                    AddReaction {
                        room,
                        message,
                        emoji,
                    },
                );
            }
            world.run(FORMER, RemoveMember { room, user: None });
        }
        world
    }

    /// Gives a command that has to happen. Returns the id of its first event.
    fn run(&mut self, actor: UserId, command: impl Into<Command>) -> EventId {
        match self.door.give(actor, Some(&txn()), &command.into()) {
            Ok(Executed::Happened(entries)) => {
                // The next command may have the same.
                self.door.state.txns.clear();
                entries[0].event.id
            }
            other => panic!("{other:?}"),
        }
    }

    /// What becomes of a command, in words.
    fn outcome(&self, actor: UserId, command: Given) -> String {
        let command = Command::from(command);
        let txn: TxnId = "another-txn".parse().unwrap();
        let by = By {
            actor,
            txn: Some(&txn),
            log: command.log(actor, Some(&txn)),
        };
        match command.decide(by, &self.door.state) {
            Ok(events) if events.is_empty() => "nothing to change".to_owned(),
            Ok(events) => {
                let kinds: Vec<_> = events.iter().map(|event| event.kind().as_str()).collect();
                kinds.join(", ")
            }
            Err(refusal) => format!("refused: {}", refusal.code.as_str()),
        }
    }

    /// Every value that a field is tried with, and how it is called.
    fn values(&self, field: &str) -> Vec<(String, Value)> {
        let one = |value: Value| vec![(String::new(), value)];
        match field {
            "room" => one(json!(self.room)),
            "message" => {
                let of = |user| ALL.iter().find(|(one, _)| *one == user).unwrap().1;
                let messages = self.messages.iter();
                messages
                    .filter(|(user, _)| [OWNER, MEMBER, OTHER].contains(user))
                    .map(|(user, id)| (format!("{}'s message", of(*user)), json!(id)))
                    .collect()
            }
            "user" => ALL
                .map(|(user, name)| (name.to_owned(), json!(user)))
                .into(),
            "role" => ["member", "admin", "owner"]
                .map(|role| (format!("as {role}"), json!(role)))
                .into(),
            "emoji" => one(json!("👍")),
            // The last event: all of them have said something before.
            "seq" => one(json!(self.door.state.rooms[&self.room].head)),
            "name" => vec![
                ("with a name".to_owned(), json!("another name")),
                (
                    "with the name of a public channel".to_owned(),
                    json!("harbour"),
                ),
                ("without a name".to_owned(), Value::Null),
            ],
            "content" => one(json!({ "kind": "text", "text": "another text" })),
            "members" => one(json!([STRANGER])),
            "kind" => ["direct", "group", "channel"]
                .map(|kind| (kind.to_owned(), json!(kind)))
                .into(),
            "visibility" => ["public", "private"]
                .map(|word| (word.to_owned(), json!(word)))
                .into(),
            _ => panic!("what a field `{field}` may hold is to be written here"),
        }
    }
}

fn txn() -> TxnId {
    "a-txn".parse().unwrap()
}

/// All combinations of the values of some fields.
fn combinations(world: &World, fields: &[&str]) -> Vec<(Vec<String>, Map<String, Value>)> {
    let mut all = vec![(Vec::new(), Map::new())];
    for field in fields {
        let values = world.values(field);
        let longer = all.iter().flat_map(|(names, map)| {
            values.iter().map(move |(name, value)| {
                let (mut names, mut map) = (names.clone(), map.clone());
                names.extend(Some(name.clone()).filter(|name| !name.is_empty()));
                if !value.is_null() {
                    map.insert((*field).to_owned(), value.clone());
                }
                (names, map)
            })
        });
        all = longer.collect();
    }
    all
}

fn table() -> String {
    let mut out = String::new();
    for (word, fields) in Given::fields() {
        writeln!(out, "# {word}").unwrap();
        // What is made by it has no room yet: one that has the name of a public channel taken is enough.
        let places = match fields.contains(&"room") {
            true => &ROOMS[..],
            false => &ROOMS[3..],
        };
        for &(place, kind, visibility) in places {
            let world = World::new(kind, visibility);
            writeln!(out, "\n{place}").unwrap();
            for (actor, who) in ALL {
                let tries: Vec<_> = combinations(&world, fields)
                    .into_iter()
                    .filter_map(|(names, map)| {
                        // What must be there cannot be left out.
                        let command = read(word, map)?;
                        Some((names.join(", "), world.outcome(actor, command)))
                    })
                    .collect();
                let (_, first) = tries.first().expect("its fields fit together");
                if tries.iter().all(|(_, outcome)| outcome == first) {
                    writeln!(out, "  {who}: {first}").unwrap();
                    continue;
                }
                writeln!(out, "  {who}:").unwrap();
                for (what, outcome) in tries {
                    writeln!(out, "    {what}: {outcome}").unwrap();
                }
            }
        }
        out.push('\n');
    }
    out
}

#[test]
fn the_table_of_rights_is_as_it_was_reviewed() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/law/rights.txt");
    let now = table();
    if std::env::var_os("TIDINGS_WRITE_VECTORS").is_some() {
        fs::write(&path, &now).unwrap();
    }
    let before = fs::read_to_string(&path).unwrap();
    let changed = now.lines().zip(before.lines()).position(|(a, b)| a != b);
    let line = changed.map(|line| (line + 1, now.lines().nth(line)));
    assert!(now == before, "rights.txt, first other line: {line:?}");
}

#[test]
fn who_is_added_has_no_more_rights_than_a_member() {
    let mut world = World::new("group", "private");
    let (room, user) = (world.room, Some(STRANGER));
    world.run(OWNER, AddMember { room, user });
    let member = world.door.state.member(room, STRANGER).unwrap();
    assert_eq!(member.role, Role::Member);
}

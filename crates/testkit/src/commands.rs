//! A command of every kind, made of what there is: a test that walks the list covers a new command because it exists.
//!
//! Owns: what each field of a command may hold, by its name. Never: knows a command by its word.

use serde_json::{Map, Value, json};
use tidings_protocol::{ClientFrame, Command, EventId, RoomId, UserId};

/// Fields that do not fit together are drawn again, so often.
const TRIES_MAX: usize = 200;
const EMOJI: [&str; 3] = ["👍", "🎉", "❤️"];
const ROLES: [&str; 3] = ["member", "admin", "owner"];
const KINDS: [&str; 3] = ["direct", "group", "channel"];
const VISIBILITIES: [&str; 2] = ["public", "private"];
/// Of so many names some are the same.
const NAMES: usize = 12;
/// Messages that are talked about most.
const RECENT: usize = 3;
/// Events of a room that a marker may be moved to, and some beyond its end.
const SEQS: usize = 20;

/// Numbers that follow from a seed alone (xorshift64*).
#[derive(Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// Those of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Numbers {
        // It may not be zero, and neighbours should have little in common.
        Numbers(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// One below `n`, which is at least 1.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % n
    }
}

/// What there is to be named. None of the lists is empty.
#[derive(Debug, Clone, Default)]
pub struct Things {
    /// Rooms.
    pub rooms: Vec<RoomId>,
    /// Users.
    pub users: Vec<UserId>,
    /// Messages, each with its room.
    pub messages: Vec<(RoomId, EventId)>,
}

/// Draws a command with this word.
///
/// # Panics
/// When a field is not known here: what it may hold is to be written in `value`.
pub fn draw(word: &str, things: &Things, numbers: &mut Numbers) -> Command {
    let below = &mut |n| numbers.below(n);
    let fields = Command::fields();
    let (_, fields) = fields
        .iter()
        .find(|(one, _)| *one == word)
        .expect("a word of the list");
    for _ in 0..TRIES_MAX {
        let (room, message) = place(things, below);
        let mut drawn = Map::new();
        for field in *fields {
            // What must be there is missed by the reader, and drawn again.
            if below(4) > 0 {
                let value = value(field, room, message, things, below);
                drawn.insert((*field).to_owned(), value);
            }
        }
        if let Some(command) = read(word, drawn) {
            return command;
        }
    }
    panic!("no `{word}` could be drawn")
}

/// The command with this word and these fields, if they are one.
#[must_use]
pub fn read(word: &str, mut fields: Map<String, Value>) -> Option<Command> {
    fields.insert("type".to_owned(), word.into());
    fields.insert("txn".to_owned(), "drawn".into());
    match serde_json::from_value(fields.into()) {
        Ok(ClientFrame::Give { command, .. }) => Some(command),
        _ => None,
    }
}

/// A room and mostly a message of it: now and then one of another room.
fn place(things: &Things, below: &mut dyn FnMut(usize) -> usize) -> (RoomId, EventId) {
    let room = things.rooms[below(things.rooms.len())];
    if things.messages.is_empty() {
        return (room, EventId::from_bits(1));
    }
    // Mostly one of the last: what one command made, others find.
    let last = things.messages.len();
    let from = if below(4) > 0 {
        last.saturating_sub(RECENT)
    } else {
        0
    };
    let (its, message) = things.messages[from + below(last - from)];
    (if below(8) == 0 { room } else { its }, message)
}

fn value(
    field: &str,
    room: RoomId,
    message: EventId,
    things: &Things,
    below: &mut dyn FnMut(usize) -> usize,
) -> Value {
    let mut user = || things.users[below(things.users.len())];
    match field {
        "room" => json!(room),
        "message" => json!(message),
        "user" => json!(user()),
        "members" => {
            let members = [user(), user()];
            json!(members[..below(3)])
        }
        "emoji" => json!(EMOJI[below(EMOJI.len())]),
        "role" => json!(ROLES[below(ROLES.len())]),
        "kind" => json!(KINDS[below(KINDS.len())]),
        "visibility" => json!(VISIBILITIES[below(VISIBILITIES.len())]),
        "seq" => json!(below(SEQS)),
        "name" => json!(format!("name {}", below(NAMES))),
        "content" => json!({ "kind": "text", "text": format!("text {}", below(NAMES)) }),
        _ => panic!("what a field `{field}` may hold is to be written here"),
    }
}

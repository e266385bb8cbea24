//! The closed list of commands: what somebody may ask to happen, each by one word from the address to the log.
//!
//! Owns: the list, and what follows from it for every command alike. Never: fields; these are the subjects'.

mod beside;
mod fields;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    id::{RoomId, TxnId},
    subject::{
        AddMember, AddReaction, CreateRoom, DeleteMessage, EditMessage, MoveMarker, RemoveMember,
        RemoveReaction, RenameRoom, SendMessage, SetRole,
    },
};
use beside::{Beside, Front};

/// Where a command's events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Into the log of this room.
    Room(RoomId),
    /// Into that of a room that it makes.
    Made,
    /// Into the log of who gives it.
    Own,
}

macro_rules! room_of {
    (room $command:ident) => {
        Some($command.room)
    };
    (none $command:ident) => {{
        let _ = $command;
        None
    }};
}

macro_rules! place_of {
    (room $command:ident) => {
        Place::Room($command.room)
    };
    (made $command:ident) => {{
        let _ = $command;
        Place::Made
    }};
    (own $command:ident) => {{
        let _ = $command;
        Place::Own
    }};
}

macro_rules! cost_of {
    ((one) $command:ident) => {{
        let _ = $command;
        1
    }};
    ((one and $each:ident) $command:ident) => {
        1 + u32::try_from($command.$each.len()).unwrap_or(u32::MAX - 1)
    };
}

/// A line a command: its word; its struct; the room that it is about; where its events go; what it costs.
macro_rules! commands {
    ($d:tt $( $(#[$doc:meta])* $word:literal $type:ident $room:ident $place:ident $cost:tt; )*) => {
        /// What somebody asks to happen.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Command {
            $( $(#[$doc])* $type($type), )*
        }

        impl Command {
            /// Every word of a command.
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            /// Every command's word, with the names of its fields.
            #[must_use]
            pub fn fields() -> Vec<(&'static str, &'static [&'static str])> {
                vec![$( ($word, fields::fields_of::<$type>()) ),*]
            }

            /// The command's one word.
            #[must_use]
            pub const fn word(&self) -> &'static str {
                match self {
                    $( Command::$type(_) => $word, )*
                }
            }

            /// The room that it is about; none while that is to be made.
            #[must_use]
            pub const fn room(&self) -> Option<RoomId> {
                match self {
                    $( Command::$type(command) => room_of!($room command), )*
                }
            }

            /// Where its events go.
            #[must_use]
            pub const fn place(&self) -> Place {
                match self {
                    $( Command::$type(command) => place_of!($place command), )*
                }
            }

            /// What it costs of its actor's budget: one, and one for each whom it adds to a new room.
            #[must_use]
            pub fn cost(&self) -> u32 {
                match self {
                    $( Command::$type(command) => cost_of!($cost command), )*
                }
            }

            /// Reads the command with this word from a map in which `type` and `txn` may stand, too.
            ///
            /// # Errors
            /// What does not fit; `None` for a word that no command has.
            pub(crate) fn read<'de, D: Deserializer<'de>>(
                word: &str,
                from: D,
            ) -> Option<Result<Command, D::Error>> {
                Some(match word {
                    $( $word => $type::deserialize(Beside(from)).map(Command::$type), )*
                    _ => return None,
                })
            }

            /// Writes the command as a frame: `type` and `txn`, then its fields.
            pub(crate) fn write<S: Serializer>(&self, txn: &TxnId, to: S) -> Result<S::Ok, S::Error> {
                let word = self.word();
                match self {
                    $( Command::$type(command) => Front { word, txn, command }.serialize(to), )*
                }
            }

            /// The schema of each command, by its word.
            #[cfg(feature = "openapi")]
            #[must_use]
            pub fn schemas() -> Vec<(&'static str, utoipa::openapi::RefOr<utoipa::openapi::Schema>)> {
                vec![$( ($word, <$type as utoipa::PartialSchema>::schema()), )*]
            }

            /// The schemas that these name.
            #[cfg(feature = "openapi")]
            pub fn named_schemas(
                named: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>,
            ) {
                $( <$type as utoipa::ToSchema>::schemas(named); )*
            }
        }

        /// Does the same with the struct of whichever command this is: `with_command!(command, it => …)`.
        #[macro_export]
        macro_rules! with_command {
            ($d command:expr, $d it:ident => $d does:expr) => {
                match $d command { $( $crate::Command::$type($d it) => $d does, )* }
            };
        }

        $(
            impl From<$type> for Command {
                fn from(command: $type) -> Command {
                    Command::$type(command)
                }
            }
        )*
    };
}

commands! { $
    /// Send a message.
    "send"        SendMessage    room room (one);
    /// Change the text of one's own message.
    "edit"        EditMessage    room room (one);
    /// Delete a message.
    "delete"      DeleteMessage  room room (one);
    /// React to a message.
    "react"       AddReaction    room room (one);
    /// Take a reaction back.
    "unreact"     RemoveReaction room room (one);
    /// Move the own read marker forward.
    "mark"        MoveMarker     room own  (one);
    /// Create a room.
    "create_room" CreateRoom     none made (one and members);
    /// Give a room another name.
    "rename"      RenameRoom     room room (one);
    /// Join, or add a user.
    "join"        AddMember      room room (one);
    /// Leave, or remove a user.
    "leave"       RemoveMember   room room (one);
    /// Give a member another role.
    "set_role"    SetRole        room room (one);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{UserId, summary::RoomKind};

    #[test]
    fn who_is_added_to_a_new_room_is_paid_for() {
        let create = |members: &[u128]| {
            let create = CreateRoom {
                kind: RoomKind::Group,
                name: None,
                visibility: None,
                members: members.iter().map(|n| UserId::from_bits(*n)).collect(),
            };
            Command::from(create)
        };
        assert_eq!(create(&[]).cost(), 1);
        assert_eq!(create(&[2, 3]).cost(), 3);
        let room = RoomId::from_bits(1);
        assert_eq!(Command::from(AddMember { room, user: None }).cost(), 1);
    }

    #[test]
    fn every_command_has_a_word_and_fields_of_its_own() {
        let fields = Command::fields();
        let words: Vec<_> = fields.iter().map(|(word, _)| *word).collect();
        assert_eq!(words, Command::WORDS);
        assert_eq!(fields[0], ("send", ["room", "content"].as_slice()));
        for (word, fields) in fields {
            assert!(!fields.is_empty(), "{word}");
            let of_the_frame = fields.iter().any(|field| ["type", "txn"].contains(field));
            assert!(!of_the_frame, "{word}");
        }
    }
}

//! The closed list of commands: what somebody may ask to happen, each by one word from the address to the log.
//!
//! Owns: the list, and what follows from it for every command alike. Never: fields; these are the subjects'.

pub mod beside;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    id::{RoomId, TxnId},
    subject::{
        AddMember, AddReaction, CreateRoom, DeleteMessage, EditMessage, MoveMarker, RemoveMember,
        RemoveReaction, RenameRoom, SendMessage, SetRole,
    },
};
use beside::{Beside, Front};

/// A command that has a struct of its own: one of the list.
pub trait Subject: Into<Command> {
    /// Its word.
    const WORD: &'static str;
}

/// Where a command's log is.
macro_rules! log_of {
    (room $command:ident) => {
        Some($command.room)
    };
    (made $command:ident) => {{
        let _ = $command;
        None
    }};
}

macro_rules! commands {
    ($( $(#[$doc:meta])* $word:literal $type:ident $log:ident; )*) => {
        /// What somebody asks to happen.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Command {
            $( $(#[$doc])* $type($type), )*
        }

        impl Command {
            /// Every word of a command.
            pub const WORDS: &'static [&'static str] = &[$($word),*];

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
                    $( Command::$type(command) => log_of!($log command), )*
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
                let front = Front { to, word: self.word(), txn };
                match self {
                    $( Command::$type(command) => command.serialize(front), )*
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

        $(
            impl From<$type> for Command {
                fn from(command: $type) -> Command {
                    Command::$type(command)
                }
            }

            impl Subject for $type {
                const WORD: &'static str = $word;
            }
        )*
    };
}

commands! {
    /// Send a message.
    "send" SendMessage room;
    /// Change the text of one's own message.
    "edit" EditMessage room;
    /// Delete a message.
    "delete" DeleteMessage room;
    /// React to a message.
    "react" AddReaction room;
    /// Take a reaction back.
    "unreact" RemoveReaction room;
    /// Move the own read marker forward.
    "mark" MoveMarker room;
    /// Create a room.
    "create_room" CreateRoom made;
    /// Give a room another name.
    "rename" RenameRoom room;
    /// Join, or add a user.
    "join" AddMember room;
    /// Leave, or remove a user.
    "leave" RemoveMember room;
    /// Give a member another role.
    "set_role" SetRole room;
}

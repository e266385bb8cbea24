//! What an event says: one enum of every kind, unknown kinds kept. `[EV5]`
//!
//! Owns: the body of events. Never: the envelope (see `event`), nor who may see it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    id::{DeviceId, EventId, RoomId, UserId},
    name::{DisplayName, Emoji, MessageText, RoomName, Username},
    number::Seq,
    summary::{Role, RoomKind, ServerRole, Visibility},
};

/// The body of an event. A kind that this version does not know is kept as it came.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A kind that this version knows.
    Known(Known),
    /// A kind from a later version: kept, passed on, skipped by folds.
    Unknown(serde_json::Value),
}

/// The kinds of this version. Those of user logs say so; the others are of room logs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Known {
    /// The room began. Always `seq` 1.
    RoomCreated {
        /// What kind of room.
        room_kind: RoomKind,
        /// Who may find and join it.
        visibility: Visibility,
        /// Its name; a direct room has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[serde(deserialize_with = "RoomName::told_or_none")]
        name: Option<RoomName>,
        /// The two members of a direct room, in the order of their ids.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        between: Option<[UserId; 2]>,
    },
    /// The room has another name.
    RoomRenamed {
        /// The new name.
        #[serde(deserialize_with = "RoomName::told")]
        name: RoomName,
    },
    /// A user became a member (joined, or was added by the actor).
    MemberJoined {
        /// Who.
        user: UserId,
        /// With which role.
        role: Role,
    },
    /// A user is no longer a member (left, or was removed by the actor).
    MemberLeft {
        /// Who.
        user: UserId,
    },
    /// A member has another role, given by the actor.
    RoleChanged {
        /// Who.
        user: UserId,
        /// The role from here on.
        role: Role,
    },
    /// A message. Its id is the event's id.
    Message {
        /// The text as written.
        #[serde(deserialize_with = "MessageText::told")]
        text: MessageText,
    },
    /// A message has another text.
    MessageEdited {
        /// The message.
        message: EventId,
        /// Where it stands in this log.
        target: Seq,
        /// The new text.
        #[serde(deserialize_with = "MessageText::told")]
        text: MessageText,
    },
    /// A message was deleted; its text and its edits are erased everywhere.
    MessageDeleted {
        /// The message.
        message: EventId,
        /// Where it stands in this log.
        target: Seq,
    },
    /// The actor reacted.
    ReactionAdded {
        /// The message.
        message: EventId,
        /// Where it stands in this log.
        target: Seq,
        /// With what.
        #[serde(deserialize_with = "Emoji::told")]
        emoji: Emoji,
    },
    /// The actor took a reaction back.
    ReactionRemoved {
        /// The message.
        message: EventId,
        /// Where it stands in this log.
        target: Seq,
        /// Which.
        #[serde(deserialize_with = "Emoji::told")]
        emoji: Emoji,
    },
    /// User log: the account began. Always `seq` 1.
    UserCreated {
        /// The username.
        #[serde(deserialize_with = "Username::told")]
        username: Username,
        /// The display name.
        #[serde(deserialize_with = "DisplayName::told")]
        display_name: DisplayName,
        /// The role on this server.
        role: ServerRole,
    },
    /// User log: a new sign-in.
    DeviceAdded {
        /// The device.
        device: DeviceId,
        /// Its name.
        name: String,
    },
    /// User log: a device was signed out; its token is worth nothing from here on.
    DeviceRemoved {
        /// The device.
        device: DeviceId,
        /// Why.
        #[serde(default)]
        reason: RemovedReason,
    },
    /// User log: the account has another password. The devices that this signed out follow, each with its own event.
    PasswordChanged {},
    /// User log: the user has read a room up to here. Never goes back.
    MarkerMoved {
        /// The room.
        room: RoomId,
        /// Read up to and including this.
        seq: Seq,
        /// The room's count of messages at that place.
        count: u64,
    },
}

/// Why a device was signed out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RemovedReason {
    /// Its user, or who runs the server, signed it out.
    #[default]
    SignedOut,
    /// It was the oldest of too many, and gave way to a new one.
    TooMany,
    /// The password was changed.
    PasswordChanged,
}

macro_rules! kinds {
    ($($variant:ident = $word:literal,)*) => {
        /// The kinds of events that this version knows, by name alone.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "they are described where their bodies are")]
        pub enum Kind {
            $($variant,)*
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Kind] = &[$(Kind::$variant,)*];

            /// The word that stands for it on the wire and in the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Kind::$variant => $word,)*
                }
            }

            /// The kind that a word stands for; none of a later version's.
            #[must_use]
            pub fn of(word: &str) -> Option<Kind> {
                match word {
                    $($word => Some(Kind::$variant),)*
                    _ => None,
                }
            }
        }

        impl Known {
            /// Its kind.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Known::$variant { .. } => Kind::$variant,)*
                }
            }
        }
    };
}

kinds! {
    RoomCreated = "room_created",
    RoomRenamed = "room_renamed",
    MemberJoined = "member_joined",
    MemberLeft = "member_left",
    RoleChanged = "role_changed",
    Message = "message",
    MessageEdited = "message_edited",
    MessageDeleted = "message_deleted",
    ReactionAdded = "reaction_added",
    ReactionRemoved = "reaction_removed",
    UserCreated = "user_created",
    DeviceAdded = "device_added",
    DeviceRemoved = "device_removed",
    PasswordChanged = "password_changed",
    MarkerMoved = "marker_moved",
}

impl Known {
    /// The earlier message that this event is about.
    #[must_use]
    pub const fn target(&self) -> Option<Seq> {
        self.concerns().0
    }

    /// Who became a member of the room, or is one no more.
    #[must_use]
    pub const fn membership(&self) -> Option<(UserId, bool)> {
        self.concerns().1
    }

    /// Both, said once.
    const fn concerns(&self) -> (Option<Seq>, Option<(UserId, bool)>) {
        match self {
            Known::MessageEdited { target, .. }
            | Known::MessageDeleted { target, .. }
            | Known::ReactionAdded { target, .. }
            | Known::ReactionRemoved { target, .. } => (Some(*target), None),
            Known::MemberJoined { user, .. } => (None, Some((*user, true))),
            Known::MemberLeft { user } => (None, Some((*user, false))),
            Known::RoomCreated { .. }
            | Known::RoomRenamed { .. }
            | Known::RoleChanged { .. }
            | Known::Message { .. }
            | Known::UserCreated { .. }
            | Known::DeviceAdded { .. }
            | Known::DeviceRemoved { .. }
            | Known::PasswordChanged {}
            | Known::MarkerMoved { .. } => (None, None),
        }
    }
}

impl From<Known> for Content {
    fn from(known: Known) -> Content {
        Content::Known(known)
    }
}

impl Content {
    /// The body, when this version knows the kind.
    #[must_use]
    pub fn known(&self) -> Option<&Known> {
        match self {
            Content::Known(known) => Some(known),
            Content::Unknown(_) => None,
        }
    }
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Content::Known(known) => known.serialize(s),
            Content::Unknown(value) => value.serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Content, D::Error> {
        let value = serde_json::Value::deserialize(d)?;
        if !value.get("kind").is_some_and(serde_json::Value::is_string) {
            return Err(de::Error::custom("content has a kind"));
        }
        // A known kind with fields that do not parse is of a later version, too: kept, not guessed at.
        match Known::deserialize(&value) {
            Ok(known) => Ok(Content::Known(known)),
            Err(_) => Ok(Content::Unknown(value)),
        }
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Content {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        <Known as utoipa::PartialSchema>::schema()
    }
}
#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Content {
    fn name() -> std::borrow::Cow<'static, str> {
        "Content".into()
    }
    fn schemas(
        schemas: &mut Vec<(
            String,
            utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>,
        )>,
    ) {
        <Known as utoipa::ToSchema>::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_kinds_are_kept() {
        // [EV5]
        let text = r#"{"kind":"poll","question":"tea?"}"#;
        let content: Content = serde_json::from_str(text).unwrap();
        assert!(content.known().is_none());
        assert_eq!(serde_json::to_string(&content).unwrap(), text);
        assert!(serde_json::from_str::<Content>(r#"{"text":"no kind"}"#).is_err());
    }

    #[test]
    fn the_kind_in_json_is_the_kind() {
        let known = Known::Message {
            text: "hello".parse().unwrap(),
        };
        assert_eq!(
            serde_json::to_string(&known).unwrap(),
            r#"{"kind":"message","text":"hello"}"#
        );
        assert_eq!(known.kind(), Kind::Message);
    }

    #[test]
    fn each_kind_has_a_word_of_its_own() {
        // [EV5]
        for kind in Kind::ALL {
            assert_eq!(Kind::of(kind.as_str()), Some(*kind));
        }
        assert_eq!(Kind::of("poll"), None);
    }
}

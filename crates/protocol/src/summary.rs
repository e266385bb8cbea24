//! State as clients see it: users, rooms, members, messages, markers, presence.
//!
//! Owns: the shapes that REST answers and `ready` carry. Never: holds what its reader may not see.

use serde::{Deserialize, Serialize};

use crate::{
    gone::Gone,
    id::{DeviceId, EventId, RoomId, UserId},
    name::{DisplayName, Emoji, MessageText, RoomName, Username},
    number::Seq,
    time::Timestamp,
};

macro_rules! word {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),* }

        impl $name {
            /// The word as it stands in JSON and SQL.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();
            fn from_str(text: &str) -> Result<$name, ()> {
                match text { $($text => Ok($name::$variant),)* _ => Err(()) }
            }
        }

        // Serde's own takes what is no text for broken JSON.
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<$name, D::Error> {
                struct Word;

                impl serde::de::Visitor<'_> for Word {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        let words: &[&str] = &[$($text),*];
                        write!(f, "one of `{}`", words.join("`, `"))
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(|()| E::unknown_variant(text, &[$($text),*]))
                    }
                }

                d.deserialize_str(Word)
            }
        }
    };
}
pub(crate) use word;

word! {
    /// What kind of room.
    RoomKind {
        /// Two users, always the same two.
        Direct = "direct",
        /// A few people; found only by its members.
        Group = "group",
        /// A named place.
        Channel = "channel",
    }
}
word! {
    /// Who may find and join a room. Only a channel can be public.
    Visibility {
        /// Every signed-in user may find, read and join it.
        Public = "public",
        /// Members alone know of it.
        Private = "private",
    }
}
word! {
    /// What a member may do in a room. Ordered: each may do what those before may.
    Role {
        /// Talks.
        Member = "member",
        /// Also adds, removes, renames, deletes others' messages.
        Admin = "admin",
        /// Also removes admins and gives roles.
        Owner = "owner",
    }
}
word! {
    /// What a user may do on the server.
    ServerRole {
        /// Uses it.
        Member = "member",
        /// Runs it.
        Admin = "admin",
        /// The first account; runs it and cannot be taken away by admins.
        Owner = "owner",
    }
}
word! {
    /// What stands behind an account.
    UserKind {
        /// A person.
        Person = "person",
        /// A program.
        Bot = "bot",
        /// A visitor without an account of their own.
        Guest = "guest",
    }
}
word! {
    /// Whether a user is there.
    Presence {
        /// No session.
        Offline = "offline",
        /// A session, but nobody looks at it.
        Away = "away",
        /// Here.
        Online = "online",
    }
}

/// A user as others see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserProfile {
    /// The user's id.
    pub id: UserId,
    /// The unique name.
    #[serde(deserialize_with = "Username::told")]
    pub username: Username,
    /// How they want to be called.
    #[serde(deserialize_with = "DisplayName::told")]
    pub display_name: DisplayName,
    /// Person, bot or guest.
    pub kind: UserKind,
    /// The role on this server.
    pub role: ServerRole,
    /// Since when.
    pub created_at: Timestamp,
}

/// One sign-in of the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceInfo {
    /// The device's id.
    pub id: DeviceId,
    /// What it calls itself.
    pub name: String,
    /// When it signed in.
    pub created_at: Timestamp,
    /// Whether the request came from it.
    pub current: bool,
}

/// How far a user has read a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Marker {
    /// Read up to and including this.
    pub seq: Seq,
    /// The room's count of messages at that place. Unread = the room's count − this.
    pub count: u64,
}

/// The last line of a room, for the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LastMessage {
    /// The message.
    pub id: EventId,
    /// Its place in the room.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub actor: UserId,
    /// The beginning of its current text, at most 140 characters; null when deleted.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub text: Option<String>,
}

/// A room as one member sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoomSummary {
    /// The room.
    pub id: RoomId,
    /// Direct, group or channel.
    pub kind: RoomKind,
    /// Public or private.
    pub visibility: Visibility,
    /// Its name; a direct room has none.
    #[cfg_attr(feature = "openapi", schema(required))]
    #[serde(default, deserialize_with = "RoomName::told_or_none")]
    pub name: Option<RoomName>,
    /// The other member of a direct room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<UserId>,
    /// Since when.
    pub created_at: Timestamp,
    /// The last event of its log.
    pub head: Seq,
    /// How many messages its log holds, deleted ones too.
    pub count: u64,
    /// Its last deleted messages after `marker`, ascending, at most 32. Unread is `count` less `marker.count` less how many
    /// of these stand after `marker.seq`. `[P8]`
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Seq>, required = false, max_items = 32))]
    #[serde(default, skip_serializing_if = "Gone::is_empty")]
    pub gone: Gone,
    /// How many members it has.
    pub members: u32,
    /// The reader's own role; null for a public channel they are not in.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub role: Option<Role>,
    /// How far the reader has read; their own messages count as read.
    pub marker: Marker,
    /// Its last line.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub last: Option<LastMessage>,
}

impl RoomSummary {
    /// How many messages the reader has not read, those not counted that are deleted. `[P8]`
    #[must_use]
    pub fn unread(&self) -> u64 {
        unread(self.count, self.marker, &self.gone)
    }
}

/// Unread is arithmetic. It is too high where more were deleted than are named, and never too low. `[P8]`
#[must_use]
pub fn unread(count: u64, marker: Marker, gone: &Gone) -> u64 {
    count
        .saturating_sub(marker.count)
        .saturating_sub(gone.after(marker.seq))
}

/// What moved in a listed room: the same bytes for every member. `[SB2]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoomHead {
    /// The room.
    pub room: RoomId,
    /// The last event of its log.
    pub head: Seq,
    /// How many messages its log holds, deleted ones too.
    pub count: u64,
    /// Messages that were deleted lately, ascending, at most 32: they join those known before. `[P8]`
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Seq>, required = false, max_items = 32))]
    #[serde(default, skip_serializing_if = "Gone::is_empty")]
    pub gone: Gone,
    /// Its name, when it was given another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "RoomName::told_or_none")]
    pub name: Option<RoomName>,
    /// Its last line, when it changed since the last summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastMessage>,
}

/// A member of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberInfo {
    /// Who.
    pub user: UserProfile,
    /// With which role.
    pub role: Role,
}

/// One emoji on a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MessageReaction {
    /// Which.
    #[serde(deserialize_with = "Emoji::told")]
    pub emoji: Emoji,
    /// Who reacted, in the order of their ids.
    pub users: Vec<UserId>,
}

/// A message in its current state, as history shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Message {
    /// The message: the id of the event that created it.
    pub id: EventId,
    /// The room.
    pub room: RoomId,
    /// Its place in the room.
    pub seq: Seq,
    /// When it was sent.
    pub at: Timestamp,
    /// By whom.
    pub actor: UserId,
    /// How many messages the room held with this one.
    pub count: u64,
    /// The client's own id; only for the actor's own devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txn: Option<crate::TxnId>,
    /// The current text; null when deleted.
    #[cfg_attr(feature = "openapi", schema(required))]
    #[serde(default, deserialize_with = "MessageText::told_or_none")]
    pub text: Option<MessageText>,
    /// The event of the last edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Seq>,
    /// The event that deleted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Seq>,
    /// Reactions, in the order of their emoji.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<MessageReaction>,
}

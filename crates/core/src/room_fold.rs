//! A whole room as a client folds it, and the same room as a fresh load shows it. `[FO1]`
//!
//! Owns: the dumb, complete fold that vectors, simulation and clients are measured against.
//! Never: used to decide; a decision needs only the rows concerned.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tidings_protocol::{
    Content, Emoji, Event, EventId, Gone, LogId, MessageText, Role, RoomId, RoomKind, RoomName,
    Seq, Timestamp, UserId, Visibility, content::Known,
};

/// A room with all its members and messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoomFold {
    /// The room.
    pub room: RoomId,
    /// What kind; null before its first event.
    pub kind: Option<RoomKind>,
    /// Public or private.
    pub visibility: Option<Visibility>,
    /// Its name.
    pub name: Option<RoomName>,
    /// The last event folded.
    pub head: Seq,
    /// Messages so far.
    pub count: u64,
    /// Members now.
    pub members: BTreeMap<UserId, Role>,
    /// The last messages that were deleted.
    #[serde(default, skip_serializing_if = "Gone::is_empty")]
    pub gone: Gone,
    /// Messages in the order of `seq`.
    pub messages: Vec<FoldedMessage>,
}

/// A message in its current state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldedMessage {
    /// The message.
    pub id: EventId,
    /// Its place.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: UserId,
    /// Messages up to and including this.
    pub count: u64,
    /// The current text; null when deleted.
    pub text: Option<MessageText>,
    /// The event of the last edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Seq>,
    /// The event that deleted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Seq>,
    /// Who reacted with what.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        with = "reactions"
    )]
    pub reactions: BTreeMap<Emoji, BTreeSet<UserId>>,
}

/// Whether an event could be folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folded {
    /// It was the next one.
    Applied,
    /// It had been folded before.
    Repeat,
    /// Something before it is missing.
    Gap,
}

impl RoomFold {
    /// The room before its first event.
    #[must_use]
    pub fn empty(room: RoomId) -> RoomFold {
        RoomFold {
            room,
            kind: None,
            visibility: None,
            name: None,
            head: Seq::ZERO,
            count: 0,
            members: BTreeMap::new(),
            gone: Gone::default(),
            messages: Vec::new(),
        }
    }

    /// Folds one event. `[FO1]`
    pub fn apply(&mut self, event: &Event) -> Folded {
        // An answer out of its place is no news. [CM9]
        if event.log != LogId::Room(self.room) || event.seq <= self.head || event.answer {
            return Folded::Repeat;
        }
        if event.seq != self.head.next() {
            return Folded::Gap;
        }
        self.head = event.seq;
        self.count = event.count;
        match &event.content {
            Some(Content::Known(known)) => self.known(event, known),
            // An erased body of a message still is a message; of an edit it is nothing.
            None => self.erased(event),
            Some(Content::Unknown(_)) => {}
        }
        Folded::Applied
    }

    fn erased(&mut self, event: &Event) {
        let last = self.messages.last().map_or(0, |m| m.count);
        if event.count > last {
            self.push(event, None);
        }
    }

    fn push(&mut self, event: &Event, text: Option<MessageText>) {
        self.messages.push(FoldedMessage {
            id: event.id,
            seq: event.seq,
            at: event.at,
            actor: event.actor,
            count: event.count,
            text,
            edited: None,
            deleted: None,
            reactions: BTreeMap::new(),
        });
    }

    fn known(&mut self, event: &Event, known: &Known) {
        match known {
            Known::RoomCreated {
                room_kind,
                visibility,
                name,
                ..
            } => {
                self.kind = Some(*room_kind);
                self.visibility = Some(*visibility);
                self.name.clone_from(name);
            }
            Known::RoomRenamed { name } => self.name = Some(name.clone()),
            Known::MemberJoined { user, role } | Known::RoleChanged { user, role } => {
                self.members.insert(*user, *role);
            }
            Known::MemberLeft { user } => {
                self.members.remove(user);
            }
            Known::Message { text } => self.push(event, Some(text.clone())),
            Known::MessageEdited { target, text, .. } => {
                if let Some(message) = self.message(*target).filter(|m| m.deleted.is_none()) {
                    message.text = Some(text.clone());
                    message.edited = Some(event.seq);
                }
            }
            Known::MessageDeleted { target, .. } => {
                self.gone.add(*target);
                if let Some(message) = self.message(*target) {
                    message.text = None;
                    message.edited = None;
                    message.deleted = Some(event.seq);
                    message.reactions.clear();
                }
            }
            Known::ReactionAdded { target, emoji, .. } => {
                if let Some(message) = self.message(*target).filter(|m| m.deleted.is_none()) {
                    message
                        .reactions
                        .entry(emoji.clone())
                        .or_default()
                        .insert(event.actor);
                }
            }
            Known::ReactionRemoved { target, emoji, .. } => {
                if let Some(message) = self.message(*target)
                    && let Some(users) = message.reactions.get_mut(emoji)
                {
                    users.remove(&event.actor);
                    if users.is_empty() {
                        message.reactions.remove(emoji);
                    }
                }
            }
            Known::UserCreated { .. }
            | Known::DeviceAdded { .. }
            | Known::DeviceRemoved { .. }
            | Known::PasswordChanged {}
            | Known::MarkerMoved { .. } => {}
        }
    }

    fn message(&mut self, seq: Seq) -> Option<&mut FoldedMessage> {
        let index = self.messages.binary_search_by_key(&seq, |m| m.seq).ok()?;
        Some(&mut self.messages[index])
    }
}

mod reactions {
    //! Reactions stand as a list in JSON, in the order of their emoji.
    use super::{BTreeMap, BTreeSet, Deserialize, Emoji, Serialize, UserId};
    use serde::{Deserializer, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Row {
        emoji: Emoji,
        users: BTreeSet<UserId>,
    }

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<Emoji, BTreeSet<UserId>>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        s.collect_seq(map.iter().map(|(emoji, users)| Row {
            emoji: emoji.clone(),
            users: users.clone(),
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<BTreeMap<Emoji, BTreeSet<UserId>>, D::Error> {
        let rows = Vec::<Row>::deserialize(d)?;
        Ok(rows.into_iter().map(|row| (row.emoji, row.users)).collect())
    }
}

//! The rows that decisions read and events change: the state beside the log.
//!
//! Owns: the shape of each row, and [`State`], the few rows that one batch of commands is decided against.
//! Never: holds every member of a room. `State` has the rows concerned (actor, target, message), no more,
//! so a room of 100,000 is decided as fast as one of 10.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tidings_protocol::{
    DeviceId, DisplayName, Emoji, EventId, Gone, LogId, Marker, MessageText, Position, Role,
    RoomId, RoomKind, RoomName, Seq, ServerRole, Timestamp, TxnId, UserId, UserKind, UserProfile,
    Username, Visibility,
};

use crate::{chain::Chain, names, stored::StoredEvent};

/// A room's settings and the head of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// The room.
    pub id: RoomId,
    /// Direct, group or channel.
    pub kind: RoomKind,
    /// Public or private.
    pub visibility: Visibility,
    /// Its name; a direct room has none.
    pub name: Option<RoomName>,
    /// The two members of a direct room, in the order of their ids.
    pub direct: Option<(UserId, UserId)>,
    /// Who created it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// The last event of its log.
    pub head: Seq,
    /// The position of that event in the room's shard.
    pub head_position: Position,
    /// The chain up to that event.
    pub chain: Chain,
    /// Messages in its log.
    pub count: u64,
    /// The last of them that were deleted. `[P8]`
    pub gone: Gone,
    /// Members it has now.
    pub members: u32,
    /// Owners it has now.
    pub owners: u32,
    /// The event of the last message.
    pub last_message: Option<Seq>,
}

impl Room {
    /// The name that no other public channel may have, as it is compared. `[RM11]`
    #[must_use]
    pub fn public_name(&self) -> Option<String> {
        let name = self.name.as_ref()?;
        (self.visibility == Visibility::Public).then(|| names::compared(name))
    }
}

/// One user's membership of one room. It stays as a tombstone when they leave, so that resuming devices learn of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The room.
    pub room: RoomId,
    /// The user.
    pub user: UserId,
    /// The role; of a former member the last one.
    pub role: Role,
    /// Whether a member now.
    pub joined: bool,
    /// The `member_joined` (or `room_created`) event of the present or last stay.
    pub joined_seq: Seq,
    /// Its position.
    pub joined_position: Position,
    /// The `member_left` event that ended the last stay; zero while joined.
    pub left_seq: Seq,
    /// Its position; zero while joined.
    pub left_position: Position,
    /// The position of the `member_left` event that ended the stay before this one; zero for the first.
    pub earlier_left_position: Position,
    /// The last message the member sent: it counts as read.
    pub sent: Marker,
}

/// What may change about a message. Its first text stays in the body of its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// The room.
    pub room: RoomId,
    /// The event that created it.
    pub seq: Seq,
    /// That event's id: the message's.
    pub id: EventId,
    /// Who wrote it.
    pub author: UserId,
    /// The text after the last edit; none while as first written, or deleted.
    pub text: Option<MessageText>,
    /// The event of the last edit.
    pub edited: Option<Seq>,
    /// The event that deleted it.
    pub deleted: Option<Seq>,
    /// How many different emoji it has.
    pub emoji: u32,
}

/// One user's one reaction on one message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReactionKey {
    /// The room.
    pub room: RoomId,
    /// The message.
    pub message: EventId,
    /// With what.
    pub emoji: Emoji,
    /// By whom.
    pub user: UserId,
}

/// An account and the head of its user log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user.
    pub id: UserId,
    /// The unique name.
    pub username: Username,
    /// How they want to be called.
    pub display_name: DisplayName,
    /// Person, bot or guest.
    pub kind: UserKind,
    /// The role on the server.
    pub role: ServerRole,
    /// Since when.
    pub created_at: Timestamp,
    /// The password's hash (argon2id, PHC string); empty when there is none. Never leaves the server.
    pub password_hash: String,
    /// The last event of the user log.
    pub head: Seq,
    /// Its position.
    pub head_position: Position,
    /// The chain up to that event.
    pub chain: Chain,
}

impl User {
    /// The user as others see them.
    #[must_use]
    pub fn profile(&self) -> UserProfile {
        UserProfile {
            id: self.id,
            username: self.username.clone(),
            display_name: self.display_name.clone(),
            kind: self.kind,
            role: self.role,
            created_at: self.created_at,
        }
    }
}

/// One sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The device.
    pub id: DeviceId,
    /// Whose.
    pub user: UserId,
    /// What it calls itself.
    pub name: String,
    /// SHA-256 of the token; the token itself is not kept.
    pub token_hash: [u8; 32],
    /// When it signed in.
    pub created_at: Timestamp,
}

/// The rows that a batch of commands needs, changed by [`apply`](crate::apply) as their events are decided.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Rooms.
    pub rooms: HashMap<RoomId, Room>,
    /// Memberships, tombstones too.
    pub members: HashMap<(RoomId, UserId), Member>,
    /// Messages.
    pub messages: HashMap<(RoomId, EventId), MessageRow>,
    /// Reactions that exist, of those asked for.
    pub reactions: BTreeSet<ReactionKey>,
    /// For messages asked for with an emoji: how many users reacted with it.
    pub reaction_counts: HashMap<(RoomId, EventId, Emoji), u32>,
    /// Accounts.
    pub users: HashMap<UserId, User>,
    /// Names that belong to somebody, of those asked for.
    pub usernames: HashMap<Username, UserId>,
    /// Names of public channels, as they are compared, of those asked for: whose each is.
    pub public_names: HashMap<String, RoomId>,
    /// Read markers.
    pub markers: HashMap<(UserId, RoomId), Marker>,
    /// How many messages a log held at a place.
    pub counts: HashMap<(RoomId, Seq), u64>,
    /// Devices.
    pub devices: HashMap<DeviceId, Device>,
    /// How many devices a user has.
    pub device_counts: HashMap<UserId, u32>,
    /// Rooms a user is in.
    pub room_counts: HashMap<UserId, u32>,
    /// Whether any account exists.
    pub any_user: bool,
    /// Commands done before, of those asked for, and those done in this batch.
    pub txns: HashMap<(LogId, UserId, TxnId), Done>,
    /// What was changed since [`State::take_changes`].
    pub changes: Changes,
}

/// Which rows events changed: what the store must write, in the same transaction as the events.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Rooms to write.
    pub rooms: BTreeSet<RoomId>,
    /// Public channels whose name to write as it is compared.
    pub public_names: BTreeSet<RoomId>,
    /// Memberships to write.
    pub members: BTreeSet<(RoomId, UserId)>,
    /// Messages to write.
    pub messages: BTreeSet<(RoomId, EventId)>,
    /// Reactions: true to add, false to remove.
    pub reactions: BTreeMap<ReactionKey, bool>,
    /// Messages whose text, edits and reactions are to be erased.
    pub erased: BTreeSet<(RoomId, Seq, EventId)>,
    /// Accounts to write.
    pub users: BTreeSet<UserId>,
    /// Markers to write.
    pub markers: BTreeSet<(UserId, RoomId)>,
    /// Devices: true to add, false to remove.
    pub devices: BTreeMap<DeviceId, bool>,
}

/// A command that was done: what a retry gets as its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The fingerprint of the command.
    pub fingerprint: i64,
    /// Its first event.
    pub event: StoredEvent,
}

impl State {
    /// What changed since the last call.
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// The user's membership, when they are a member now.
    #[must_use]
    pub fn member(&self, room: RoomId, user: UserId) -> Option<&Member> {
        self.members.get(&(room, user)).filter(|m| m.joined)
    }

    /// The last event of a log and its count of messages; zeros when the log has not begun.
    #[must_use]
    pub fn head(&self, log: LogId) -> (Seq, u64) {
        match log {
            LogId::Room(id) => self
                .rooms
                .get(&id)
                .map_or((Seq::ZERO, 0), |r| (r.head, r.count)),
            LogId::User(id) => self.users.get(&id).map_or((Seq::ZERO, 0), |u| (u.head, 0)),
        }
    }

    /// The chain of a log up to its head.
    #[must_use]
    pub fn chain(&self, log: LogId) -> Chain {
        let chain = match log {
            LogId::Room(id) => self.rooms.get(&id).map(|room| room.chain),
            LogId::User(id) => self.users.get(&id).map(|user| user.chain),
        };
        chain.unwrap_or(Chain::START)
    }

    /// Notes the chain of a log after an event was applied.
    pub(crate) fn set_chain(&mut self, log: LogId, chain: Chain) {
        match log {
            LogId::Room(id) => {
                if let Some(room) = self.rooms.get_mut(&id) {
                    room.chain = chain;
                }
            }
            LogId::User(id) => {
                if let Some(user) = self.users.get_mut(&id) {
                    user.chain = chain;
                }
            }
        }
    }

    /// How far a member has read: the marker, or their own last message if that is later.
    #[must_use]
    pub fn marker(&self, room: RoomId, user: UserId) -> Marker {
        let set = self.markers.get(&(user, room)).copied().unwrap_or_default();
        let sent = self
            .members
            .get(&(room, user))
            .map(|m| m.sent)
            .unwrap_or_default();
        if sent.seq > set.seq { sent } else { set }
    }
}

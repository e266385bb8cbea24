//! Commands: what someone wants to happen, and which rows deciding it needs.
//!
//! Owns: the closed list of commands, the log each belongs to, its [`Needs`] and its fingerprint.
//! Never: decides; that is [`decide`](crate::decide).

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use tidings_protocol::{
    DeviceId, DisplayName, Emoji, EventId, LogId, MessageText, Role, RoomId, RoomKind, RoomName,
    Seq, TxnId, UserId, UserKind, Username, Visibility, content::RemovedReason,
};

use crate::names;

/// What someone wants to happen. Every lasting change is one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Send a message.
    SendMessage {
        /// Where.
        room: RoomId,
        /// What.
        text: MessageText,
    },
    /// Change the text of a message.
    EditMessage {
        /// Where.
        room: RoomId,
        /// Which.
        message: EventId,
        /// The new text.
        text: MessageText,
    },
    /// Delete a message.
    DeleteMessage {
        /// Where.
        room: RoomId,
        /// Which.
        message: EventId,
    },
    /// React.
    AddReaction {
        /// Where.
        room: RoomId,
        /// To which message.
        message: EventId,
        /// With what.
        emoji: Emoji,
    },
    /// Take a reaction back.
    RemoveReaction {
        /// Where.
        room: RoomId,
        /// From which message.
        message: EventId,
        /// Which.
        emoji: Emoji,
    },
    /// Create a room. The id is derived (see [`derive`](crate::derive)), so that a retry names the same room.
    CreateRoom {
        /// The room's id.
        room: RoomId,
        /// What kind.
        kind: RoomKind,
        /// Who may find it.
        visibility: Visibility,
        /// Its name.
        name: Option<RoomName>,
        /// Members besides the actor.
        members: Vec<UserId>,
    },
    /// Give a room another name.
    RenameRoom {
        /// Which.
        room: RoomId,
        /// The new name.
        name: RoomName,
    },
    /// Join (the actor), or add another user.
    AddMember {
        /// Where.
        room: RoomId,
        /// Whom.
        user: UserId,
    },
    /// Leave (the actor), or remove another user.
    RemoveMember {
        /// Where.
        room: RoomId,
        /// Whom.
        user: UserId,
    },
    /// Give a member another role.
    SetRole {
        /// Where.
        room: RoomId,
        /// Whose.
        user: UserId,
        /// The role from then on.
        role: Role,
    },
    /// Move the actor's read marker forward.
    MoveMarker {
        /// Which room.
        room: RoomId,
        /// Read up to and including this.
        seq: Seq,
    },
    /// Create an account, with its first device.
    CreateUser {
        /// The new user; also the actor.
        user: UserId,
        /// The username.
        username: Username,
        /// The display name.
        display_name: DisplayName,
        /// Person, bot or guest.
        kind: UserKind,
        /// argon2id, PHC string; empty for none.
        password_hash: String,
        /// Only as the server's first account, its owner: others are not made here.
        only_first: bool,
    },
    /// Sign in: a new device of the actor.
    AddDevice {
        /// The device.
        device: DeviceId,
        /// What it calls itself.
        name: String,
        /// SHA-256 of its token.
        token_hash: [u8; 32],
        /// The password's hash that the sign-in was checked against. When it is not the account's any more, the password
        /// was changed meanwhile, and the sign-in does not happen. None where no password was asked for.
        checked_hash: Option<String>,
    },
    /// Sign a device of the actor out.
    RemoveDevice {
        /// The device.
        device: DeviceId,
        /// Why.
        reason: RemovedReason,
    },
    /// Give the actor's account another password.
    SetPassword {
        /// argon2id, PHC string.
        password_hash: String,
        /// The hash that the old password was checked against; when it is not the account's any more, nothing happens.
        /// None where nobody asked for the old one.
        checked_hash: Option<String>,
        /// Which devices stay signed in.
        keep: KeepDevices,
    },
}

/// Which devices a change of the password leaves signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepDevices {
    /// All.
    All,
    /// This one alone.
    Only(DeviceId),
    /// None.
    None,
}

/// The rows a batch of commands needs: what the store loads before deciding. Sets, so shared rows load once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Rooms.
    pub rooms: BTreeSet<RoomId>,
    /// Memberships.
    pub members: BTreeSet<(RoomId, UserId)>,
    /// Messages.
    pub messages: BTreeSet<(RoomId, EventId)>,
    /// Whether this user reacted so, and how many did.
    pub reactions: BTreeSet<(RoomId, EventId, Emoji, UserId)>,
    /// Accounts.
    pub users: BTreeSet<UserId>,
    /// Whether these names belong to somebody.
    pub usernames: BTreeSet<Username>,
    /// Whether these names, as they are compared, belong to public channels.
    pub public_names: BTreeSet<String>,
    /// Read markers.
    pub markers: BTreeSet<(UserId, RoomId)>,
    /// Counts of messages at a place of a log.
    pub counts: BTreeSet<(RoomId, Seq)>,
    /// Devices.
    pub devices: BTreeSet<DeviceId>,
    /// All devices of these users.
    pub devices_of: BTreeSet<UserId>,
    /// How many devices these users have.
    pub device_counts: BTreeSet<UserId>,
    /// How many rooms these users are in.
    pub room_counts: BTreeSet<UserId>,
    /// Whether any account exists.
    pub any_user: bool,
    /// Commands that may be retries: the event stored for them.
    pub txns: BTreeSet<(LogId, UserId, TxnId)>,
}

impl Command {
    /// The log the command appends to.
    #[must_use]
    pub fn log(&self, actor: UserId) -> LogId {
        match self {
            Command::SendMessage { room, .. }
            | Command::EditMessage { room, .. }
            | Command::DeleteMessage { room, .. }
            | Command::AddReaction { room, .. }
            | Command::RemoveReaction { room, .. }
            | Command::CreateRoom { room, .. }
            | Command::RenameRoom { room, .. }
            | Command::AddMember { room, .. }
            | Command::RemoveMember { room, .. }
            | Command::SetRole { room, .. } => LogId::Room(*room),
            Command::CreateUser { user, .. } => LogId::User(*user),
            Command::MoveMarker { .. }
            | Command::AddDevice { .. }
            | Command::RemoveDevice { .. }
            | Command::SetPassword { .. } => LogId::User(actor),
        }
    }

    /// What the command costs of its actor's budget: one, and one for each whom it adds to a new room.
    #[must_use]
    pub fn cost(&self) -> u32 {
        match self {
            Command::CreateRoom { members, .. } => {
                1 + u32::try_from(members.len()).unwrap_or(u32::MAX - 1)
            }
            Command::SendMessage { .. }
            | Command::EditMessage { .. }
            | Command::DeleteMessage { .. }
            | Command::AddReaction { .. }
            | Command::RemoveReaction { .. }
            | Command::RenameRoom { .. }
            | Command::AddMember { .. }
            | Command::RemoveMember { .. }
            | Command::SetRole { .. }
            | Command::MoveMarker { .. }
            | Command::CreateUser { .. }
            | Command::AddDevice { .. }
            | Command::RemoveDevice { .. }
            | Command::SetPassword { .. } => 1,
        }
    }

    /// Adds what deciding this command needs to know.
    pub fn needs(&self, actor: UserId, needs: &mut Needs) {
        if let LogId::Room(room) = self.log(actor) {
            needs.rooms.insert(room);
            needs.members.insert((room, actor));
        } else {
            needs.users.insert(actor);
        }
        match self {
            Command::SendMessage { .. } => {}
            // Whether the room is public is not known here.
            Command::RenameRoom { name, .. } => {
                needs.public_names.insert(names::compared(name));
            }
            Command::EditMessage { room, message, .. }
            | Command::DeleteMessage { room, message } => {
                needs.messages.insert((*room, *message));
            }
            Command::AddReaction {
                room,
                message,
                emoji,
            }
            | Command::RemoveReaction {
                room,
                message,
                emoji,
            } => {
                needs.messages.insert((*room, *message));
                needs
                    .reactions
                    .insert((*room, *message, emoji.clone(), actor));
            }
            Command::CreateRoom {
                room,
                visibility,
                name,
                members,
                ..
            } => {
                if let (Visibility::Public, Some(name)) = (visibility, name) {
                    needs.public_names.insert(names::compared(name));
                }
                for user in members.iter().copied().chain([actor]) {
                    needs.members.insert((*room, user));
                    needs.users.insert(user);
                    needs.room_counts.insert(user);
                }
            }
            Command::AddMember { room, user } | Command::RemoveMember { room, user } => {
                needs.members.insert((*room, *user));
                needs.users.insert(*user);
                needs.room_counts.insert(*user);
            }
            Command::SetRole { room, user, .. } => {
                needs.members.insert((*room, *user));
            }
            Command::MoveMarker { room, seq } => {
                needs.rooms.insert(*room);
                needs.members.insert((*room, actor));
                needs.markers.insert((actor, *room));
                needs.counts.insert((*room, *seq));
            }
            Command::CreateUser { user, username, .. } => {
                needs.users.insert(*user);
                needs.usernames.insert(username.clone());
                needs.any_user = true;
            }
            Command::AddDevice { device, .. } => {
                needs.devices.insert(*device);
                needs.device_counts.insert(actor);
            }
            Command::RemoveDevice { device, .. } => {
                needs.devices.insert(*device);
            }
            Command::SetPassword { .. } => {
                needs.devices_of.insert(actor);
            }
        }
    }

    /// A hash of what the command says, to tell a retry from another command with the same `txn`. `[CM3]`
    /// It stands in the database: a change of this form must keep the old values of old commands.
    #[must_use]
    pub fn fingerprint(&self) -> i64 {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        match self {
            Command::SendMessage { room, text } => {
                part(b"send");
                part(&room.bytes());
                part(text.as_str().as_bytes());
            }
            Command::EditMessage {
                room,
                message,
                text,
            } => {
                part(b"edit");
                part(&room.bytes());
                part(&message.bytes());
                part(text.as_str().as_bytes());
            }
            Command::DeleteMessage { room, message } => {
                part(b"delete");
                part(&room.bytes());
                part(&message.bytes());
            }
            Command::AddReaction {
                room,
                message,
                emoji,
            } => {
                part(b"react");
                part(&room.bytes());
                part(&message.bytes());
                part(emoji.as_str().as_bytes());
            }
            Command::RemoveReaction {
                room,
                message,
                emoji,
            } => {
                part(b"unreact");
                part(&room.bytes());
                part(&message.bytes());
                part(emoji.as_str().as_bytes());
            }
            Command::CreateRoom {
                room,
                kind,
                visibility,
                name,
                members,
            } => {
                part(b"create_room");
                part(&room.bytes());
                part(kind.as_str().as_bytes());
                part(visibility.as_str().as_bytes());
                part(
                    name.as_ref()
                        .map_or(b"".as_slice(), |n| n.as_str().as_bytes()),
                );
                let members: BTreeSet<_> = members.iter().collect();
                members.iter().for_each(|m| part(&m.bytes()));
            }
            Command::RenameRoom { room, name } => {
                part(b"rename");
                part(&room.bytes());
                part(name.as_str().as_bytes());
            }
            Command::AddMember { room, user } => {
                part(b"add_member");
                part(&room.bytes());
                part(&user.bytes());
            }
            Command::RemoveMember { room, user } => {
                part(b"remove_member");
                part(&room.bytes());
                part(&user.bytes());
            }
            Command::SetRole { room, user, role } => {
                part(b"set_role");
                part(&room.bytes());
                part(&user.bytes());
                part(role.as_str().as_bytes());
            }
            Command::MoveMarker { room, seq } => {
                part(b"mark");
                part(&room.bytes());
                part(&seq.0.to_be_bytes());
            }
            Command::CreateUser { user, username, .. } => {
                part(b"create_user");
                part(&user.bytes());
                part(username.as_str().as_bytes());
            }
            Command::AddDevice { device, .. } => {
                part(b"add_device");
                part(&device.bytes());
            }
            Command::RemoveDevice { device, .. } => {
                part(b"remove_device");
                part(&device.bytes());
            }
            // Two hashes of one password differ by their salt: the hash is no part of what was said.
            Command::SetPassword { .. } => part(b"set_password"),
        }
        let digest = hash.finalize();
        let mut first = [0u8; 8];
        first.copy_from_slice(&digest[..8]);
        i64::from_be_bytes(first)
    }
}

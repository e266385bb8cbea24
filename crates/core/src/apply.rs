//! Folding an event into the rows it changes.
//!
//! Owns: what each kind of event does to state, and noting which rows changed.
//! Never: refuses or judges. The fold law: old state + event = what a fresh load would show.

use tidings_protocol::{
    Gone, LogId, Marker, MessageText, Position, Role, RoomId, Seq, UserId, UserKind, content::Known,
};

use crate::{
    chain::Chain,
    state::{Device, Member, MessageRow, ReactionKey, Room, State, User},
    stored::StoredEvent,
};

/// Folds one event. Rows that `state` does not hold are left alone: a decision holds only those concerned.
pub fn apply(state: &mut State, event: &StoredEvent, content: &Known) {
    match event.log {
        LogId::Room(room) => {
            if let Known::RoomCreated {
                room_kind,
                visibility,
                name,
                between,
            } = content
            {
                state.rooms.insert(
                    room,
                    Room {
                        id: room,
                        kind: *room_kind,
                        visibility: *visibility,
                        name: name.clone(),
                        direct: between.map(|[a, b]| (a, b)),
                        created_by: event.actor,
                        created_at: event.at,
                        head: Seq::ZERO,
                        head_position: Position::ZERO,
                        chain: Chain::START,
                        count: 0,
                        gone: Gone::default(),
                        members: 0,
                        owners: 0,
                        last_message: None,
                    },
                );
                named(state, room);
            }
            in_room(state, room, event, content);
            if let Some(row) = state.rooms.get_mut(&room) {
                row.head = event.seq;
                row.head_position = event.position;
                row.count = event.count;
                state.counts.insert((room, event.seq), event.count);
                state.changes.rooms.insert(room);
            }
        }
        LogId::User(user) => {
            for_user(state, user, event, content);
            if let Some(row) = state.users.get_mut(&user) {
                row.head = event.seq;
                row.head_position = event.position;
                state.changes.users.insert(user);
            }
        }
    }
}

fn in_room(state: &mut State, room: RoomId, event: &StoredEvent, content: &Known) {
    match content {
        Known::RoomRenamed { name } => {
            if let Some(row) = state.rooms.get_mut(&room) {
                row.name = Some(name.clone());
            }
            named(state, room);
        }
        Known::MemberJoined { user, role } => joined(state, room, *user, *role, event),
        Known::MemberLeft { user } => left(state, room, *user, event),
        Known::RoleChanged { user, role } => role_changed(state, room, *user, *role),
        Known::Message { .. } => sent(state, room, event),
        Known::MessageEdited { message, text, .. } => edited(state, room, *message, text, event),
        Known::MessageDeleted { message, target } => {
            if let Some(row) = state.rooms.get_mut(&room) {
                row.gone.add(*target);
            }
            if let Some(row) = state.messages.get_mut(&(room, *message)) {
                row.text = None;
                row.edited = None;
                row.deleted = Some(event.seq);
                row.emoji = 0;
                state.changes.messages.insert((room, *message));
            }
            state
                .reactions
                .retain(|key| key.message != *message || key.room != room);
            state
                .reaction_counts
                .retain(|(r, m, _), _| m != message || *r != room);
            state
                .changes
                .reactions
                .retain(|key, _| key.message != *message || key.room != room);
            erase_answers(state, event.log, *target);
            state.changes.erased.insert((room, *target, *message));
        }
        Known::ReactionAdded { message, emoji, .. } => {
            let key = ReactionKey {
                room,
                message: *message,
                emoji: emoji.clone(),
                user: event.actor,
            };
            let count = state
                .reaction_counts
                .entry((room, *message, emoji.clone()))
                .or_default();
            *count += 1;
            if *count == 1
                && let Some(row) = state.messages.get_mut(&(room, *message))
            {
                row.emoji += 1;
                state.changes.messages.insert((room, *message));
            }
            state.changes.reactions.insert(key.clone(), true);
            state.reactions.insert(key);
        }
        Known::ReactionRemoved { message, emoji, .. } => {
            let key = ReactionKey {
                room,
                message: *message,
                emoji: emoji.clone(),
                user: event.actor,
            };
            let count = state
                .reaction_counts
                .entry((room, *message, emoji.clone()))
                .or_default();
            *count = count.saturating_sub(1);
            if *count == 0
                && let Some(row) = state.messages.get_mut(&(room, *message))
            {
                row.emoji = row.emoji.saturating_sub(1);
                state.changes.messages.insert((room, *message));
            }
            state.reactions.remove(&key);
            state.changes.reactions.insert(key, false);
        }
        // The room itself is made by `apply`; kinds of user logs do not occur here.
        Known::RoomCreated { .. }
        | Known::UserCreated { .. }
        | Known::DeviceAdded { .. }
        | Known::DeviceRemoved { .. }
        | Known::PasswordChanged {}
        | Known::MarkerMoved { .. } => {}
    }
}

/// A public channel has its name alone. `[RM11]`
fn named(state: &mut State, room: RoomId) {
    let Some(name) = state.rooms.get(&room).and_then(Room::public_name) else {
        return;
    };
    state.public_names.retain(|_, whose| *whose != room);
    state.public_names.insert(name, room);
    state.changes.public_names.insert(room);
}

/// The answers that retries of this batch would get forget an erased text, too. `[EV8]`
fn erase_answers(state: &mut State, log: LogId, target: Seq) {
    for done in state.txns.values_mut().filter(|done| done.event.log == log) {
        let concerned = done.event.seq == target
            || done.event.body.as_deref().is_some_and(|body| {
                matches!(
                    serde_json::from_str(body),
                    Ok(Known::MessageEdited { target: edited, .. }) if edited == target
                )
            });
        if concerned {
            done.event.body = None;
            done.fingerprint = 0;
        }
    }
}

fn joined(state: &mut State, room: RoomId, user: UserId, role: Role, event: &StoredEvent) {
    let before = state.members.get(&(room, user));
    let sent = before.map(|m| m.sent).unwrap_or_default();
    let earlier = before.map_or(Position::ZERO, |m| m.left_position);
    // The creator was there from the first event on, which is the one before.
    let began = match state.rooms.get(&room) {
        Some(row) if row.head == Seq(1) && row.created_by == user => (row.head, row.head_position),
        _ => (event.seq, event.position),
    };
    state.members.insert(
        (room, user),
        Member {
            room,
            user,
            role,
            joined: true,
            joined_seq: began.0,
            joined_position: began.1,
            left_seq: Seq::ZERO,
            left_position: Position::ZERO,
            earlier_left_position: earlier,
            sent,
        },
    );
    state.changes.members.insert((room, user));
    if let Some(row) = state.rooms.get_mut(&room) {
        row.members += 1;
        row.owners += u32::from(role == Role::Owner);
    }
    if let Some(count) = state.room_counts.get_mut(&user) {
        *count += 1;
    }
}

fn left(state: &mut State, room: RoomId, user: UserId, event: &StoredEvent) {
    let mut owner = false;
    if let Some(row) = state.members.get_mut(&(room, user)) {
        owner = row.role == Role::Owner;
        row.joined = false;
        row.left_seq = event.seq;
        row.left_position = event.position;
        state.changes.members.insert((room, user));
    }
    if let Some(row) = state.rooms.get_mut(&room) {
        row.members = row.members.saturating_sub(1);
        row.owners = row.owners.saturating_sub(u32::from(owner));
    }
    if let Some(count) = state.room_counts.get_mut(&user) {
        *count = count.saturating_sub(1);
    }
}

fn role_changed(state: &mut State, room: RoomId, user: UserId, role: Role) {
    let Some(member) = state.members.get_mut(&(room, user)) else {
        return;
    };
    let before = std::mem::replace(&mut member.role, role);
    state.changes.members.insert((room, user));
    if let Some(row) = state.rooms.get_mut(&room) {
        row.owners += u32::from(role == Role::Owner);
        row.owners -= u32::from(before == Role::Owner).min(row.owners);
    }
}

fn sent(state: &mut State, room: RoomId, event: &StoredEvent) {
    state.messages.insert(
        (room, event.id),
        MessageRow {
            room,
            seq: event.seq,
            id: event.id,
            author: event.actor,
            text: None,
            edited: None,
            deleted: None,
            emoji: 0,
        },
    );
    state.changes.messages.insert((room, event.id));
    if let Some(member) = state.members.get_mut(&(room, event.actor)) {
        member.sent = Marker {
            seq: event.seq,
            count: event.count,
        };
        state.changes.members.insert((room, event.actor));
    }
    if let Some(row) = state.rooms.get_mut(&room) {
        row.last_message = Some(event.seq);
    }
}

fn edited(
    state: &mut State,
    room: RoomId,
    message: tidings_protocol::EventId,
    text: &MessageText,
    event: &StoredEvent,
) {
    if let Some(row) = state.messages.get_mut(&(room, message)) {
        row.text = Some(text.clone());
        row.edited = Some(event.seq);
        state.changes.messages.insert((room, message));
    }
}

fn for_user(state: &mut State, user: UserId, event: &StoredEvent, content: &Known) {
    match content {
        Known::UserCreated {
            username,
            display_name,
            role,
        } => {
            state.users.insert(
                user,
                User {
                    id: user,
                    username: username.clone(),
                    display_name: display_name.clone(),
                    kind: UserKind::Person,
                    role: *role,
                    created_at: event.at,
                    password_hash: String::new(),
                    head: Seq::ZERO,
                    head_position: Position::ZERO,
                    chain: Chain::START,
                },
            );
            state.usernames.insert(username.clone(), user);
            state.any_user = true;
        }
        Known::DeviceAdded { device, name } => {
            state.devices.insert(
                *device,
                Device {
                    id: *device,
                    user,
                    name: name.clone(),
                    token_hash: [0; 32],
                    created_at: event.at,
                },
            );
            *state.device_counts.entry(user).or_default() += 1;
            state.changes.devices.insert(*device, true);
        }
        Known::DeviceRemoved { device, .. } => {
            state.devices.remove(device);
            if let Some(count) = state.device_counts.get_mut(&user) {
                *count = count.saturating_sub(1);
            }
            state.changes.devices.insert(*device, false);
        }
        Known::MarkerMoved { room, seq, count } => {
            state.markers.insert(
                (user, *room),
                Marker {
                    seq: *seq,
                    count: *count,
                },
            );
            state.changes.markers.insert((user, *room));
        }
        // The password's hash is a secret, and no part of the event; kinds of room logs do not occur here.
        Known::PasswordChanged {}
        | Known::RoomCreated { .. }
        | Known::RoomRenamed { .. }
        | Known::MemberJoined { .. }
        | Known::MemberLeft { .. }
        | Known::RoleChanged { .. }
        | Known::Message { .. }
        | Known::MessageEdited { .. }
        | Known::MessageDeleted { .. }
        | Known::ReactionAdded { .. }
        | Known::ReactionRemoved { .. } => {}
    }
}

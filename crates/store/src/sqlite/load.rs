//! The rows that a batch is decided against.
//!
//! Owns: turning [`Needs`] into a [`State`], one cached statement a kind of row.
//! Never: loads a row that was not asked for.

use rusqlite::Connection;
use tidings_core::{Done, Needs, ReactionKey, State};
use tidings_protocol::UserId;

use super::{columns, statements as text};
use crate::{
    decode,
    error::StoreError,
    value::{Columns, Decode, Param},
};

type Result<T> = std::result::Result<T, StoreError>;

pub(super) fn state(connection: &Connection, needs: &Needs) -> Result<State> {
    let mut state = State::default();
    for room in &needs.rooms {
        let params = [room.bytes().into()];
        if let Some(row) = one(connection, text::LOAD_ROOM, &params, decode::room)? {
            state.rooms.insert(*room, row);
        }
    }
    for key in &needs.members {
        let params = [key.0.bytes().into(), key.1.bytes().into()];
        if let Some(row) = one(connection, text::LOAD_MEMBER, &params, decode::member)? {
            state.members.insert(*key, row);
        }
    }
    for key in &needs.messages {
        let params = [key.0.bytes().into(), key.1.bytes().into()];
        if let Some(row) = one(connection, text::LOAD_MESSAGE, &params, decode::message)? {
            state.messages.insert(*key, row);
        }
    }
    for user in &needs.users {
        let params = [user.bytes().into()];
        if let Some(row) = one(connection, text::LOAD_USER, &params, decode::user)? {
            state.users.insert(*user, row);
        }
    }
    for device in &needs.devices {
        let params = [device.bytes().into()];
        if let Some(row) = one(connection, text::LOAD_DEVICE, &params, decode::device)? {
            state.devices.insert(*device, row);
        }
    }
    for user in &needs.devices_of {
        let params = [user.bytes().into()];
        for row in columns::rows(connection, text::LOAD_DEVICES_OF, &params, decode::device)? {
            state.devices.insert(row.id, row);
        }
    }
    for name in &needs.usernames {
        let params = [Param::Text(name.as_str().to_owned())];
        if let Some(id) = one(connection, text::LOAD_USERNAME, &params, decode::user_id)? {
            state.usernames.insert(name.clone(), id);
        }
    }
    for name in &needs.public_names {
        let params = [Param::Text(name.clone())];
        if let Some(id) = one(connection, text::LOAD_PUBLIC_NAME, &params, decode::room_id)? {
            state.public_names.insert(name.clone(), id);
        }
    }
    for key in &needs.markers {
        let params = [key.0.bytes().into(), key.1.bytes().into()];
        let decode: Decode<_> = |row| decode::marker_at(row, 0);
        if let Some(marker) = one(connection, text::LOAD_MARKER, &params, decode)? {
            state.markers.insert(*key, marker);
        }
    }
    for key in &needs.counts {
        let params = [key.0.bytes().into(), key.1.0.into()];
        if let Some(count) = one(connection, text::LOAD_COUNT, &params, count)? {
            state.counts.insert(*key, count);
        }
    }
    reactions(connection, needs, &mut state)?;
    for user in &needs.device_counts {
        let count = counted(connection, text::LOAD_DEVICE_COUNT, *user)?;
        state.device_counts.insert(*user, count);
    }
    for user in &needs.room_counts {
        let count = counted(connection, text::LOAD_ROOM_COUNT, *user)?;
        state.room_counts.insert(*user, count);
    }
    if needs.any_user {
        let found = one(connection, text::LOAD_ANY_USER, &[], count)?;
        state.any_user = found.is_some_and(|n| n > 0);
    }
    for key in &needs.txns {
        let params = [
            key.0.bytes().into(),
            key.1.bytes().into(),
            Param::Text(key.2.as_str().to_owned()),
        ];
        let decode = decode::event_and_fingerprint;
        if let Some((event, fingerprint)) = one(connection, text::LOAD_TXN, &params, decode)? {
            state.txns.insert(key.clone(), Done { fingerprint, event });
        }
    }
    Ok(state)
}

fn reactions(connection: &Connection, needs: &Needs, state: &mut State) -> Result<()> {
    for (room, message, emoji, user) in &needs.reactions {
        let mut params = vec![
            room.bytes().into(),
            message.bytes().into(),
            Param::Text(emoji.as_str().to_owned()),
        ];
        let all = one(connection, text::LOAD_REACTION_COUNT, &params, small)?;
        params.push(user.bytes().into());
        let own = one(connection, text::LOAD_REACTED, &params, small)?;
        let all = all.unwrap_or_default();
        if all > 0 {
            let key = (*room, *message, emoji.clone());
            state.reaction_counts.insert(key, all);
        }
        if own.unwrap_or_default() > 0 {
            state.reactions.insert(ReactionKey {
                room: *room,
                message: *message,
                emoji: emoji.clone(),
                user: *user,
            });
        }
    }
    Ok(())
}

fn counted(connection: &Connection, text: &str, user: UserId) -> Result<u32> {
    Ok(one(connection, text, &[user.bytes().into()], small)?.unwrap_or_default())
}

fn one<T>(
    connection: &Connection,
    text: &str,
    params: &[Param],
    decode: Decode<T>,
) -> Result<Option<T>> {
    Ok(columns::rows(connection, text, params, decode)?.pop())
}

fn count(row: &dyn Columns) -> Result<u64> {
    u64::try_from(row.int(0)?).map_err(|_| StoreError::damaged("a count"))
}

fn small(row: &dyn Columns) -> Result<u32> {
    u32::try_from(row.int(0)?).map_err(|_| StoreError::damaged("a count"))
}

//! Sending, editing and deleting a message. Start reading here.
//!
//! Owns: who may send, edit, delete, and what events say so.
//! Never: touches the state; [`apply`](crate::apply) does, from the events alone.

use tidings_protocol::{
    EventId, MessageText, Refusal, RefusalCode, RoomId, UserId, content::Known,
};

use crate::{
    permission::{may_delete_others, require_member},
    state::{MessageRow, State},
};

pub(super) fn send(
    state: &State,
    actor: UserId,
    room: RoomId,
    text: &MessageText,
) -> Result<Vec<Known>, Refusal> {
    require_member(state, room, actor)?;
    Ok(vec![Known::Message { text: text.clone() }])
}

pub(super) fn edit(
    state: &State,
    actor: UserId,
    room: RoomId,
    message: EventId,
    text: &MessageText,
) -> Result<Vec<Known>, Refusal> {
    require_member(state, room, actor)?;
    let row = existing(state, room, message)?;
    if row.author != actor {
        return Err(Refusal::with_message(
            RefusalCode::Forbidden,
            "Only its author edits a message.",
        ));
    }
    if row.deleted.is_some() {
        return Err(RefusalCode::MessageDeleted.into());
    }
    if row.text.as_ref() == Some(text) {
        return Ok(Vec::new());
    }
    Ok(vec![Known::MessageEdited {
        message,
        target: row.seq,
        text: text.clone(),
    }])
}

pub(super) fn delete(
    state: &State,
    actor: UserId,
    room: RoomId,
    message: EventId,
) -> Result<Vec<Known>, Refusal> {
    let (found, member) = require_member(state, room, actor)?;
    let row = existing(state, room, message)?;
    if row.author != actor && !may_delete_others(found, member) {
        return Err(RefusalCode::Forbidden.into());
    }
    if row.deleted.is_some() {
        return Ok(Vec::new());
    }
    Ok(vec![Known::MessageDeleted {
        message,
        target: row.seq,
    }])
}

/// The message, when it is one of this room: an id of another room finds nothing.
pub(super) fn existing(
    state: &State,
    room: RoomId,
    message: EventId,
) -> Result<&MessageRow, Refusal> {
    state
        .messages
        .get(&(room, message))
        .ok_or_else(|| RefusalCode::NotFound.into())
}

//! Reacting to a message, and taking it back.
//!
//! Owns: one reaction a user, message and emoji; the limit of different emoji.
//! Never: counts for display; readers fold the events.

use tidings_protocol::{
    Emoji, EventId, Refusal, RefusalCode, RoomId, UserId, content::Known, limits::MESSAGE_EMOJI_MAX,
};

use super::message::existing;
use crate::{
    permission::require_member,
    state::{ReactionKey, State},
};

pub(super) fn add(
    state: &State,
    actor: UserId,
    room: RoomId,
    message: EventId,
    emoji: &Emoji,
) -> Result<Vec<Known>, Refusal> {
    require_member(state, room, actor)?;
    let row = existing(state, room, message)?;
    if row.deleted.is_some() {
        return Err(RefusalCode::MessageDeleted.into());
    }
    if state.reactions.contains(&ReactionKey {
        room,
        message,
        emoji: emoji.clone(),
        user: actor,
    }) {
        return Ok(Vec::new());
    }
    let first = state
        .reaction_counts
        .get(&(room, message, emoji.clone()))
        .is_none_or(|n| *n == 0);
    if first && row.emoji as usize >= MESSAGE_EMOJI_MAX {
        return Err(Refusal::with_message(
            RefusalCode::LimitReached,
            "This message has as many different reactions as fit. Use one that is there.",
        ));
    }
    Ok(vec![Known::ReactionAdded {
        message,
        target: row.seq,
        emoji: emoji.clone(),
    }])
}

pub(super) fn remove(
    state: &State,
    actor: UserId,
    room: RoomId,
    message: EventId,
    emoji: &Emoji,
) -> Result<Vec<Known>, Refusal> {
    require_member(state, room, actor)?;
    let row = existing(state, room, message)?;
    if !state.reactions.contains(&ReactionKey {
        room,
        message,
        emoji: emoji.clone(),
        user: actor,
    }) {
        return Ok(Vec::new());
    }
    Ok(vec![Known::ReactionRemoved {
        message,
        target: row.seq,
        emoji: emoji.clone(),
    }])
}

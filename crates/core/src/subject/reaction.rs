//! Reacting to a message, and taking it back.
//!
//! Owns: one reaction a user, message and emoji; the limit of different emoji.
//! Never: counts for display; readers fold the events.

use tidings_protocol::{
    Emoji, EventId, Refusal, RefusalCode, RoomId, UserId,
    content::Known,
    limits::MESSAGE_EMOJI_MAX,
    subject::{AddReaction, RemoveReaction},
};

use super::message::existing;
use crate::{
    command::{By, Meaning, Needs},
    permission::require_member,
    state::{ReactionKey, State},
};

impl Meaning for AddReaction {
    fn needs(&self, by: By<'_>, needs: &mut Needs) {
        needs_one(self.room, self.message, &self.emoji, by.actor, needs);
    }

    fn decide(&self, by: By<'_>, state: &State) -> Result<Vec<Known>, Refusal> {
        require_member(state, self.room, by.actor)?;
        let row = existing(state, self.room, self.message)?;
        if row.deleted.is_some() {
            return Err(RefusalCode::MessageDeleted.into());
        }
        if has(state, self.room, self.message, &self.emoji, by.actor) {
            return Ok(Vec::new());
        }
        let first = state
            .reaction_counts
            .get(&(self.room, self.message, self.emoji.clone()))
            .is_none_or(|n| *n == 0);
        if first && row.emoji as usize >= MESSAGE_EMOJI_MAX {
            return Err(Refusal::with_message(
                RefusalCode::LimitReached,
                "This message has as many different reactions as fit. Use one that is there.",
            ));
        }
        Ok(vec![Known::ReactionAdded {
            message: self.message,
            target: row.seq,
            emoji: self.emoji.clone(),
        }])
    }
}

impl Meaning for RemoveReaction {
    fn needs(&self, by: By<'_>, needs: &mut Needs) {
        needs_one(self.room, self.message, &self.emoji, by.actor, needs);
    }

    fn decide(&self, by: By<'_>, state: &State) -> Result<Vec<Known>, Refusal> {
        require_member(state, self.room, by.actor)?;
        let row = existing(state, self.room, self.message)?;
        if !has(state, self.room, self.message, &self.emoji, by.actor) {
            return Ok(Vec::new());
        }
        Ok(vec![Known::ReactionRemoved {
            message: self.message,
            target: row.seq,
            emoji: self.emoji.clone(),
        }])
    }
}

fn needs_one(room: RoomId, message: EventId, emoji: &Emoji, user: UserId, needs: &mut Needs) {
    needs.messages.insert((room, message));
    let reaction = (room, message, emoji.clone(), user);
    needs.reactions.insert(reaction);
}

fn has(state: &State, room: RoomId, message: EventId, emoji: &Emoji, user: UserId) -> bool {
    state.reactions.contains(&ReactionKey {
        room,
        message,
        emoji: emoji.clone(),
        user,
    })
}

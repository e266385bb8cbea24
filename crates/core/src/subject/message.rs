//! Sending, editing and deleting a message. Start reading here.
//!
//! Owns: who may send, edit, delete, and what events say so. Never: folds them; [`apply`](crate::apply) does.

use tidings_protocol::{
    EventId, Refusal, RefusalCode, RoomId,
    content::Known,
    subject::{DeleteMessage, EditMessage, SendContent, SendMessage},
};

use crate::{
    command::{By, Meaning, Needs},
    permission::{may_delete_others, require_member},
    state::{MessageRow, State},
};

impl Meaning for SendMessage {
    fn needs(&self, _: By<'_>, _: &mut Needs) {}

    fn decide(&self, by: By<'_>, state: &State) -> Result<Vec<Known>, Refusal> {
        require_member(state, self.room, by.actor)?;
        let SendContent::Text { text } = &self.content;
        Ok(vec![Known::Message { text: text.clone() }])
    }
}

impl Meaning for EditMessage {
    fn needs(&self, _: By<'_>, needs: &mut Needs) {
        needs.messages.insert((self.room, self.message));
    }

    fn decide(&self, by: By<'_>, state: &State) -> Result<Vec<Known>, Refusal> {
        require_member(state, self.room, by.actor)?;
        let row = existing(state, self.room, self.message)?;
        if row.author != by.actor {
            return Err(Refusal::with_message(
                RefusalCode::Forbidden,
                "Only its author edits a message.",
            ));
        }
        if row.deleted.is_some() {
            return Err(RefusalCode::MessageDeleted.into());
        }
        let SendContent::Text { text } = &self.content;
        if row.text.as_ref() == Some(text) {
            return Ok(Vec::new());
        }
        Ok(vec![Known::MessageEdited {
            message: self.message,
            target: row.seq,
            text: text.clone(),
        }])
    }
}

impl Meaning for DeleteMessage {
    fn needs(&self, _: By<'_>, needs: &mut Needs) {
        needs.messages.insert((self.room, self.message));
    }

    fn decide(&self, by: By<'_>, state: &State) -> Result<Vec<Known>, Refusal> {
        let (found, member) = require_member(state, self.room, by.actor)?;
        let row = existing(state, self.room, self.message)?;
        if row.author != by.actor && !may_delete_others(found, member) {
            return Err(RefusalCode::Forbidden.into());
        }
        if row.deleted.is_some() {
            return Ok(Vec::new());
        }
        Ok(vec![Known::MessageDeleted {
            message: self.message,
            target: row.seq,
        }])
    }
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

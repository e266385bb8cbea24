//! Moving the own read marker.
//!
//! Owns: that it only goes forward (`[FO4]`), and only over what exists. Never: counts what is unread; readers subtract.

use tidings_protocol::{Refusal, RefusalCode, content::Known, subject::MoveMarker};

use crate::{
    command::{By, Meaning, Needs},
    permission::require_member,
    state::State,
};

impl Meaning for MoveMarker {
    fn needs(&self, by: By<'_>, needs: &mut Needs) {
        needs.rooms.insert(self.room);
        needs.members.insert((self.room, by.actor));
        needs.markers.insert((by.actor, self.room));
        needs.counts.insert((self.room, self.seq));
    }

    fn decide(&self, by: By<'_>, state: &State) -> Result<Vec<Known>, Refusal> {
        require_member(state, self.room, by.actor)?;
        let Some(&count) = state.counts.get(&(self.room, self.seq)) else {
            return Err(Refusal::with_message(
                RefusalCode::BadRequest,
                "The room has no such event yet.",
            ));
        };
        if self.seq <= state.marker(self.room, by.actor).seq {
            return Ok(Vec::new());
        }
        Ok(vec![Known::MarkerMoved {
            room: self.room,
            seq: self.seq,
            count,
        }])
    }
}

//! Moving the own read marker.
//!
//! Owns: that it only goes forward (`[FO4]`), and only over what exists. Never: counts what is unread; readers subtract.

use tidings_protocol::{Refusal, RefusalCode, RoomId, Seq, UserId, content::Known};

use crate::{permission::require_member, state::State};

pub(super) fn move_to(
    state: &State,
    actor: UserId,
    room: RoomId,
    seq: Seq,
) -> Result<Vec<Known>, Refusal> {
    require_member(state, room, actor)?;
    let Some(&count) = state.counts.get(&(room, seq)) else {
        return Err(Refusal::with_message(
            RefusalCode::BadRequest,
            "The room has no such event yet.",
        ));
    };
    if seq <= state.marker(room, actor).seq {
        return Ok(Vec::new());
    }
    Ok(vec![Known::MarkerMoved { room, seq, count }])
}

//! Who may see and do what in a room.
//!
//! Owns: the rights of `spec/PROTOCOL.md` §8 (`[RM1]` to `[RM9]`), as small questions on [`State`].
//! Never: says more to a stranger than "there is nothing here". `[RE5]`

use tidings_protocol::{
    Refusal, RefusalCode, Role, RoomId, RoomKind, UserId, Visibility,
    limits::{ROOMS_ADDED_MAX, ROOMS_PER_USER_MAX},
};

use crate::state::{Member, Room, State};

/// The room and the actor's membership.
///
/// # Errors
/// `not_found` for a room that does not exist or that the actor may not know of;
/// `forbidden` for a public channel that the actor has not joined.
pub fn require_member(
    state: &State,
    room: RoomId,
    actor: UserId,
) -> Result<(&Room, &Member), Refusal> {
    let found = state.rooms.get(&room).ok_or(RefusalCode::NotFound)?;
    match state.member(room, actor) {
        Some(member) => Ok((found, member)),
        None if found.visibility == Visibility::Public => Err(Refusal::with_message(
            RefusalCode::Forbidden,
            "Join this channel first.",
        )),
        None => Err(RefusalCode::NotFound.into()),
    }
}

/// Whether a member may change the room's name. `[RM2]` `[RM3]`
#[must_use]
pub fn may_rename(room: &Room, member: &Member) -> bool {
    match room.kind {
        RoomKind::Direct => false,
        RoomKind::Group => true,
        RoomKind::Channel => member.role >= Role::Admin,
    }
}

/// Whether a member may add somebody. `[RM2]` `[RM3]`
#[must_use]
pub fn may_add(room: &Room, member: &Member) -> bool {
    match (room.kind, room.visibility) {
        (RoomKind::Direct, _) => false,
        (RoomKind::Group, _) | (RoomKind::Channel, Visibility::Public) => true,
        (RoomKind::Channel, Visibility::Private) => member.role >= Role::Admin,
    }
}

/// Whether a user may come to be in one more room by what `actor` does. `[RM8]`
#[must_use]
pub fn has_place_for_room(state: &State, kind: RoomKind, actor: UserId, user: UserId) -> bool {
    let max = if user == actor || kind == RoomKind::Direct {
        ROOMS_PER_USER_MAX
    } else {
        ROOMS_ADDED_MAX
    };
    let rooms = state.room_counts.get(&user).copied().unwrap_or_default();
    (rooms as usize) < max
}

/// Whether a member may remove another. `[RM4]`
#[must_use]
pub fn may_remove(member: &Member, other: &Member) -> bool {
    member.role >= Role::Admin && member.role > other.role
}

/// Whether a member may give another, or themselves, a role: owners may, and no owner lowers another. `[RM9]`
#[must_use]
pub fn may_set_role(member: &Member, other: &Member) -> bool {
    member.role == Role::Owner && (other.role < Role::Owner || other.user == member.user)
}

/// Whether a member may delete another's message. `[RM6]`
#[must_use]
pub fn may_delete_others(room: &Room, member: &Member) -> bool {
    room.kind != RoomKind::Direct && member.role >= Role::Admin
}

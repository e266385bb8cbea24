//! Who may read a room over REST. `[RM3]` `[RM5]` `[RE5]`
//!
//! Owns: the question before and after a read. Never: tells a stranger that a private room exists.

use tidings_protocol::{RefusalCode, RoomId, UserId, Visibility};

use crate::{node::Node, problem::Problem};

/// Whether the user may read the room: members may, and everybody a public channel.
///
/// # Errors
/// `not_found`, the same for a room that is not there and one that may not be known of.
pub(super) async fn may_read(node: &Node, user: UserId, room: RoomId) -> Result<(), Problem> {
    let member = node.store.member(room, user).await?;
    if member.is_some_and(|member| member.joined) {
        return Ok(());
    }
    match node.store.room(room).await? {
        Some(room) if room.visibility == Visibility::Public => Ok(()),
        _ => Err(RefusalCode::NotFound.into()),
    }
}

/// Reads something of a room for a user who may. Asked before, so that a stranger's request costs the same whatever the
/// room holds; and after, since what was read may hold what came after their removal. `[P6]`
///
/// # Errors
/// `not_found` for who may not read it; the read's own.
pub(super) async fn read<T>(
    node: &Node,
    user: UserId,
    room: RoomId,
    reading: impl Future<Output = Result<T, tidings_store::StoreError>>,
) -> Result<T, Problem> {
    may_read(node, user, room).await?;
    let found = reading.await?;
    may_read(node, user, room).await?;
    Ok(found)
}

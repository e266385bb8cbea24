//! Rooms, memberships and who is in them.
//!
//! Owns: summaries as one reader sees them, pages of members and of public channels.
//! Never: gives a private room's summary to one who is no member.

use tidings_core::{Member, Room};
use tidings_protocol::{LastMessage, MemberInfo, RoomId, RoomSummary, Seq, UserId};

use super::reader::{Reader, Seen};
use crate::{
    decode,
    error::StoreError,
    query,
    value::{Param, Snapshot, row},
};

/// Before the first id; `after` of a first page.
const BEFORE_ALL: [u8; 16] = [0; 16];

pub(crate) async fn room<S: Snapshot>(s: &S, room: RoomId) -> Result<Option<Room>, StoreError> {
    row(s, &query::ROOM, vec![room.bytes().into()], decode::room).await
}

/// A room, where the reader may know of it.
pub(crate) async fn room_for<S: Snapshot>(
    s: &S,
    room: RoomId,
    reader: Reader,
) -> Result<Seen<Room>, StoreError> {
    let (user, device) = (reader.user.bytes(), reader.device.bytes());
    let params = vec![room.bytes().into(), user.into(), device.into()];
    let found = row(s, &query::ROOM_FOR, params, decode::room_if_any).await?;
    Ok(match found {
        None => Seen::SignedOut,
        Some(None) => Seen::Nothing,
        Some(Some(room)) => Seen::Found(room),
    })
}

pub(crate) async fn last_line<S: Snapshot>(
    s: &S,
    room: RoomId,
) -> Result<Option<(Seq, Option<LastMessage>)>, StoreError> {
    let params = vec![room.bytes().into()];
    row(s, &query::LAST_LINE, params, decode::last_line).await
}

pub(crate) async fn member<S: Snapshot>(
    s: &S,
    room: RoomId,
    user: UserId,
) -> Result<Option<Member>, StoreError> {
    let params = vec![room.bytes().into(), user.bytes().into()];
    row(s, &query::MEMBER, params, decode::member).await
}

pub(crate) async fn members<S: Snapshot>(
    s: &S,
    room: RoomId,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<MemberInfo>, StoreError> {
    let after = after.map_or(BEFORE_ALL, UserId::bytes);
    let params = vec![room.bytes().into(), after.into(), limit.into()];
    s.rows(&query::MEMBERS, params, decode::member_info).await
}

/// The same, where the reader may see them.
pub(crate) async fn members_for<S: Snapshot>(
    s: &S,
    room: RoomId,
    after: Option<UserId>,
    limit: u32,
    reader: UserId,
) -> Result<Vec<MemberInfo>, StoreError> {
    let after = after.map_or(BEFORE_ALL, UserId::bytes);
    let reader = reader.bytes();
    let params = vec![
        room.bytes().into(),
        after.into(),
        limit.into(),
        reader.into(),
    ];
    s.rows(&query::MEMBERS_FOR, params, decode::member_info)
        .await
}

/// A page of who the members are, and the last event of the room that it takes into account.
pub(crate) async fn member_ids<S: Snapshot>(
    s: &S,
    room: RoomId,
    after: Option<UserId>,
    limit: u32,
) -> Result<Option<(Seq, Vec<UserId>)>, StoreError> {
    let Some(found) = self::room(s, room).await? else {
        return Ok(None);
    };
    let after = after.map_or(BEFORE_ALL, UserId::bytes);
    let params = vec![room.bytes().into(), after.into(), limit.into()];
    let users = s.rows(&query::MEMBER_IDS, params, decode::user_id).await?;
    Ok(Some((found.head, users)))
}

/// The rooms as this user sees them, in no order; without those they may not know of.
pub(crate) async fn summaries<S: Snapshot>(
    s: &S,
    user: UserId,
    rooms: impl IntoIterator<Item = RoomId>,
) -> Result<Vec<RoomSummary>, StoreError> {
    let ids: Vec<_> = rooms.into_iter().map(RoomId::bytes).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let params = vec![user.bytes().into(), Param::Ids(ids)];
    let rows = s.rows(&query::SUMMARIES, params, decode::summary).await?;
    Ok(rows.into_iter().filter_map(|r| r.seen_by(user)).collect())
}

pub(crate) async fn summary<S: Snapshot>(
    s: &S,
    room: RoomId,
    user: UserId,
) -> Result<Option<RoomSummary>, StoreError> {
    Ok(summaries(s, user, [room]).await?.pop())
}

pub(crate) async fn public_rooms<S: Snapshot>(
    s: &S,
    user: UserId,
    after: Option<RoomId>,
    limit: u32,
) -> Result<Vec<RoomSummary>, StoreError> {
    let after = after.map_or(BEFORE_ALL, RoomId::bytes);
    let params = vec![user.bytes().into(), after.into(), limit.into()];
    let rows = s
        .rows(&query::PUBLIC_ROOMS, params, decode::summary)
        .await?;
    Ok(rows.into_iter().filter_map(|r| r.seen_by(user)).collect())
}

//! Pieces of logs and shards, in order.
//!
//! Owns: reading events as stored. Never: parses a body; unknown kinds pass as they are.

use tidings_core::StoredEvent;
use tidings_protocol::{LogId, Position, RoomId, Seq, ShardId, UserId};

use crate::{
    decode,
    error::StoreError,
    query,
    upkeep::Reached,
    value::{Param, Snapshot, row},
};

pub(crate) async fn heads<S: Snapshot>(s: &S) -> Result<Vec<Position>, StoreError> {
    s.rows(&query::HEADS, vec![], decode::position).await
}

pub(crate) async fn hint_secret<S: Snapshot>(s: &S) -> Result<String, StoreError> {
    row(s, &query::HINT_SECRET, vec![], decode::text)
        .await?
        .ok_or_else(|| StoreError::damaged("the secret of the nodes"))
}

pub(crate) async fn reached<S: Snapshot>(s: &S) -> Result<Vec<Reached>, StoreError> {
    s.rows(&query::REACHED, vec![], decode::reached).await
}

pub(crate) async fn ping<S: Snapshot>(s: &S) -> Result<(), StoreError> {
    s.rows(&query::PING, vec![], decode::position)
        .await
        .map(drop)
}

pub(crate) async fn log_after<S: Snapshot>(
    s: &S,
    log: LogId,
    after: Seq,
    limit: u32,
) -> Result<Vec<StoredEvent>, StoreError> {
    let params = vec![log.bytes().into(), after.0.into(), limit.into()];
    s.rows(&query::LOG_AFTER, params, decode::event).await
}

/// A piece of a room's log, where the reader may see it.
pub(crate) async fn room_log_for<S: Snapshot>(
    s: &S,
    room: RoomId,
    after: Seq,
    limit: u32,
    reader: UserId,
) -> Result<Vec<StoredEvent>, StoreError> {
    let (room, reader) = (room.bytes(), reader.bytes());
    let params = vec![room.into(), after.0.into(), limit.into(), reader.into()];
    s.rows(&query::LOG_AFTER_FOR, params, decode::event).await
}

pub(crate) async fn shard_after<S: Snapshot>(
    s: &S,
    shard: ShardId,
    after: Position,
    limit: u32,
) -> Result<Vec<StoredEvent>, StoreError> {
    let params = vec![Param::Int(shard.0.into()), after.0.into(), limit.into()];
    s.rows(&query::SHARD_AFTER, params, decode::event).await
}

/// Positions up to which all events of a shard are looked at: some milliseconds. Beyond it only the user's rooms are,
/// so that a week away costs what happened in them, not what happened on the server.
const LOOKED_AT_MAX: u64 = 4_096;

/// Run in a snapshot. None: after this position the user left a room and joined it again; what they saw in the earlier
/// stay is not told by the rows, so nothing is.
pub(crate) async fn visible_after<S: Snapshot>(
    s: &S,
    shards: u16,
    user: UserId,
    shard: ShardId,
    after: Position,
    upto: Position,
    limit: u32,
) -> Result<Option<Vec<StoredEvent>>, StoreError> {
    let rejoined = vec![user.bytes().into(), after.0.into()];
    let rejoined = s.rows(&query::REJOINED, rejoined, decode::room_id).await?;
    if rejoined
        .into_iter()
        .any(|room| LogId::Room(room).shard(shards) == shard)
    {
        return Ok(None);
    }
    let mut params = vec![
        user.bytes().into(),
        Param::Int(shard.0.into()),
        after.0.into(),
        upto.0.into(),
        limit.into(),
    ];
    if upto.0.saturating_sub(after.0) <= LOOKED_AT_MAX {
        let page = s.rows(&query::VISIBLE_AFTER, params, decode::event).await?;
        return Ok(Some(page));
    }
    let moved = vec![user.bytes().into(), after.0.into()];
    let mut moved = s.rows(&query::ROOMS_MOVED, moved, decode::room_id).await?;
    moved.retain(|room| LogId::Room(*room).shard(shards) == shard);
    params.push(Param::Ids(moved.into_iter().map(RoomId::bytes).collect()));
    let page = s
        .rows(&query::VISIBLE_IN_ROOMS, params, decode::event)
        .await?;
    Ok(Some(page))
}

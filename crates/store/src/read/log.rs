//! Pieces of logs and shards, in order.
//!
//! Owns: reading events as stored. Never: parses a body; unknown kinds pass as they are.

use tidings_core::StoredEvent;
use tidings_protocol::{LogId, Position, Seq, ShardId, UserId};

use crate::{
    decode,
    error::StoreError,
    query,
    value::{Param, Snapshot},
};

pub(crate) async fn heads<S: Snapshot>(s: &S) -> Result<Vec<Position>, StoreError> {
    s.rows(&query::HEADS, vec![], decode::position).await
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

pub(crate) async fn shard_after<S: Snapshot>(
    s: &S,
    shard: ShardId,
    after: Position,
    limit: u32,
) -> Result<Vec<StoredEvent>, StoreError> {
    let params = vec![Param::Int(shard.0.into()), after.0.into(), limit.into()];
    s.rows(&query::SHARD_AFTER, params, decode::event).await
}

pub(crate) async fn visible_after<S: Snapshot>(
    s: &S,
    user: UserId,
    shard: ShardId,
    after: Position,
    upto: Position,
    limit: u32,
) -> Result<Vec<StoredEvent>, StoreError> {
    let params = vec![
        user.bytes().into(),
        Param::Int(shard.0.into()),
        after.0.into(),
        upto.0.into(),
        limit.into(),
    ];
    s.rows(&query::VISIBLE_AFTER, params, decode::event).await
}

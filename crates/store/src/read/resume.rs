//! What a device that comes back needs.
//!
//! Owns: [`Resume`], read in one snapshot: which rooms moved since the cursor, and which were left.
//! Never: reads the log of rooms that did not move.

use std::collections::BTreeSet;

use futures_util::future;
use tidings_core::User;
use tidings_protocol::{
    Cursor, LeftRoom, LogId, Position, RoomId, RoomSummary, Seq, UserId, UserProfile,
};

use super::{log, people, room};
use crate::{
    decode,
    error::StoreError,
    query,
    value::{Param, Snapshot},
};

/// A room that a user is in, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Following {
    /// The room.
    pub room: RoomId,
    /// The last event of its log.
    pub head: Seq,
    /// Messages in its log.
    pub count: u64,
    /// The position of the last event in the room's shard.
    pub head_position: Position,
    /// The position at which the user joined.
    pub joined_position: Position,
    /// The position at which an earlier stay ended; zero for none.
    pub earlier_left_position: Position,
}

/// What `hello` is answered from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// The account.
    pub user: User,
    /// Every room the user is in.
    pub following: Vec<Following>,
    /// With a cursor the rooms that moved since (their log, or the user's marker), without one all of them.
    pub rooms: Vec<RoomSummary>,
    /// Rooms left since the cursor; a room joined again since is not among them.
    pub left: Vec<LeftRoom>,
    /// Whether the user left a room and joined it again, all since the cursor. What they saw in the earlier stay is not
    /// among what a read of the visible events finds.
    pub rejoined: bool,
    /// The users that `rooms` and `left` name: peers, authors of last lines, who removed this one.
    pub users: Vec<UserProfile>,
    /// The last position of every shard, in the same snapshot.
    pub heads: Vec<Position>,
}

/// Run in a snapshot: all of it belongs together.
pub(crate) async fn resume<S: Snapshot>(
    s: &S,
    user: UserId,
    cursor: Option<Cursor>,
) -> Result<Option<Resume>, StoreError> {
    let by_user = || vec![user.bytes().into()];
    // On PostgreSQL these travel together.
    let (account, heads, following, mut left) = future::try_join4(
        people::user(s, user),
        log::heads(s),
        s.rows(&query::FOLLOWING, by_user(), decode::following),
        s.rows(&query::LEFT_ROOMS, by_user(), decode::left_room),
    )
    .await?;
    let Some(account) = account else {
        return Ok(None);
    };
    let shards = u16::try_from(heads.len()).unwrap_or(u16::MAX);
    let mut moved = BTreeSet::new();
    let mut rejoined = false;
    if let Some(cursor) = &cursor {
        let seen = |room: RoomId| cursor.position(LogId::Room(room).shard(shards));
        moved.extend(
            following
                .iter()
                .filter(|f| f.head_position > seen(f.room))
                .map(|f| f.room),
        );
        let own = cursor.position(LogId::User(user).shard(shards));
        if account.head_position > own {
            let params = vec![user.bytes().into(), own.0.into()];
            moved.extend(
                s.rows(&query::MARKERS_MOVED, params, decode::room_id)
                    .await?,
            );
        }
        rejoined = following
            .iter()
            .map(|f| (f.room, f.earlier_left_position))
            .chain(left.iter().map(|(room, _, earlier)| (*room, *earlier)))
            .any(|(room, earlier)| earlier > seen(room));
        left.retain(|(room, position, _)| *position > seen(*room));
    } else {
        left.clear();
        moved.extend(following.iter().map(|f| f.room));
    }
    // A marker may stand in a room that the user has left; of those only `left` speaks.
    let joined: BTreeSet<RoomId> = following.iter().map(|f| f.room).collect();
    moved.retain(|room| joined.contains(room));
    let rooms = room::summaries(s, user, moved).await?;
    let left = left_by(s, user, left.into_iter().map(|(room, ..)| room).collect()).await?;
    let named: BTreeSet<UserId> = rooms
        .iter()
        .flat_map(|room| {
            room.peer
                .into_iter()
                .chain(room.last.iter().map(|l| l.actor))
        })
        .chain(left.iter().filter_map(|left| left.by))
        .collect();
    let users = people::profiles(s, named.into_iter().collect()).await?;
    Ok(Some(Resume {
        user: account,
        following,
        rooms,
        left,
        rejoined,
        users,
        heads,
    }))
}

/// The rooms with the one who did it; who missed no leaving reads no log.
async fn left_by<S: Snapshot>(
    s: &S,
    user: UserId,
    left: Vec<RoomId>,
) -> Result<Vec<LeftRoom>, StoreError> {
    if left.is_empty() {
        return Ok(Vec::new());
    }
    let rooms = left.into_iter().map(RoomId::bytes).collect();
    let params = vec![user.bytes().into(), Param::Ids(rooms)];
    s.rows(&query::LEFT_BY, params, decode::left_by).await
}

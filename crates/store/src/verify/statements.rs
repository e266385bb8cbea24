//! What a verification reads: whole logs, and the tables beside them.
//!
//! Owns: the texts, one for both databases, as in [`query`](crate::query).
//! Never: runs while clients wait for it; these read everything.

use crate::query::{
    device_columns, event_columns, member_columns, message_columns, queries, room_columns,
    user_columns,
};

macro_rules! chained_columns {
    () => {
        concat!(
            event_columns!(),
            ", e.fingerprint, e.target, e.salt, e.body_hash, e.chain"
        )
    };
}

queries! {
    /// Every shard: its head, and up to which position events may be without a chain.
    SHARDS = "SELECT s.shard, s.head, s.unchained FROM shards s ORDER BY s.shard";
    /// How many events a shard has, and the first and last position: shard.
    SHARD_EVENTS = "SELECT count(*), COALESCE(min(e.position), 0), COALESCE(max(e.position), 0) FROM events e WHERE e.shard = $1";
    /// The next log that has events: after.
    NEXT_LOG = "SELECT e.log_kind, e.log FROM events e WHERE e.log > $1 ORDER BY e.log, e.seq LIMIT 1";
    /// Rooms without a log: after, limit.
    ROOMS_WITHOUT_LOG = "SELECT r.id FROM rooms r WHERE r.id > $1 AND NOT EXISTS (SELECT 1 FROM events e WHERE e.log = r.id) ORDER BY r.id LIMIT $2";
    /// Accounts without a log: after, limit.
    USERS_WITHOUT_LOG = "SELECT u.id FROM users u WHERE u.id > $1 AND NOT EXISTS (SELECT 1 FROM events e WHERE e.log = u.id) ORDER BY u.id LIMIT $2";

    /// A piece of one log with what binds it: log, after, limit.
    LOG_CHAINED = concat!("SELECT ", chained_columns!(), " FROM events e WHERE e.log = $1 AND e.seq > $2 ORDER BY e.seq LIMIT $3");
    /// The place of the next event, read from the index alone: log, after.
    NEXT_SEQ = "SELECT e.seq FROM events e WHERE e.log = $1 AND e.seq > $2 ORDER BY e.seq LIMIT 1";
    /// Events about the messages of a piece of a log: log, from target, upto target, after position, limit.
    ABOUT = concat!("SELECT ", event_columns!(), ", e.target FROM events e WHERE e.log = $1 AND e.target >= $2 AND e.target <= $3 \
        AND (e.target > $2 OR e.position > $4) ORDER BY e.target, e.position LIMIT $5");

    /// A room.
    ROOM = concat!("SELECT ", room_columns!(), " FROM rooms r WHERE r.id = $1");
    /// How many memberships a room has, former ones too.
    MEMBERS_COUNT = "SELECT count(*) FROM members m WHERE m.room = $1";
    /// Memberships of a room, former ones too: room, after, limit.
    MEMBERSHIPS = concat!("SELECT ", member_columns!(), " FROM members m WHERE m.room = $1 AND m.\"user\" > $2 ORDER BY m.\"user\" LIMIT $3");
    /// Messages of a piece of a log: room, after, upto, limit.
    MESSAGES = concat!("SELECT ", message_columns!(), " FROM messages t WHERE t.room = $1 AND t.seq > $2 AND t.seq <= $3 ORDER BY t.seq LIMIT $4");
    /// Reactions on messages: room, messages.
    REACTIONS = "SELECT x.message, x.emoji, x.\"user\" FROM reactions x WHERE x.room = $1 AND x.message = ANY($2) \
        ORDER BY x.message, x.emoji, x.\"user\"";
    /// How many reactions a room has.
    REACTIONS_COUNT = "SELECT count(*) FROM reactions x WHERE x.room = $1";

    /// An account.
    USER = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1");
    /// A user's devices.
    DEVICES = concat!("SELECT ", device_columns!(), " FROM devices d WHERE d.\"user\" = $1 ORDER BY d.created_at, d.id");
    /// A user's markers.
    MARKERS = "SELECT k.room, k.seq, k.count, k.position FROM markers k WHERE k.\"user\" = $1";
}

//! The registry of every read: one text for both databases.
//!
//! Owns: the SQL of reads, written with `$n`; SQLite gets it with `?n`, and `= ANY($n)` as `IN rarray(?n)`.
//! Never: builds SQL from input. What only one database runs stands in `sqlite/statements.rs` or
//! `postgres/statements.rs`. A test prepares all of them on both.

use std::sync::LazyLock;

/// One statement of the registry.
#[derive(Debug)]
pub(crate) struct Query {
    /// Its name here, under which PostgreSQL's connections keep it prepared.
    pub(crate) name: &'static str,
    /// The text with `$n`, as PostgreSQL takes it.
    pub(crate) text: &'static str,
    /// The same as SQLite takes it.
    pub(crate) sqlite: LazyLock<String>,
}

macro_rules! queries {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {
        $(
            $(#[$doc])*
            pub(crate) static $name: $crate::query::Query = {
                const TEXT: &str = $text;
                $crate::query::Query {
                    name: stringify!($name),
                    text: TEXT,
                    sqlite: std::sync::LazyLock::new(|| $crate::query::for_sqlite(TEXT)),
                }
            };
        )*
        /// Every statement of this module.
        pub(crate) static READS: &[&$crate::query::Query] = &[$(&$name,)*];
    };
}

/// Parameters in SQLite's own form: a bare `$n` would be bound by the order of first appearance.
pub(crate) fn for_sqlite(text: &str) -> String {
    text.replace("= ANY($", "IN rarray($").replace('$', "?")
}

macro_rules! event_columns {
    () => {
        "e.shard, e.position, e.log_kind, e.log, e.seq, e.id, e.at, e.actor, e.count, e.txn, e.kind, e.body"
    };
}
macro_rules! room_columns {
    () => {
        "r.id, r.kind, r.visibility, r.name, r.direct_a, r.direct_b, r.created_by, r.created_at, \
         r.head, r.head_position, r.count, r.members, r.owners, r.last_message, r.chain, r.gone"
    };
}
macro_rules! member_columns {
    () => {
        "m.room, m.\"user\", m.role, m.joined, m.joined_seq, m.joined_position, m.left_seq, m.left_position, \
         m.sent_seq, m.sent_count, m.earlier_left_position"
    };
}
macro_rules! user_columns {
    () => {
        "u.id, u.username, u.display_name, u.kind, u.role, u.created_at, u.password_hash, u.head, u.head_position, u.chain"
    };
}
macro_rules! message_columns {
    () => {
        "t.room, t.seq, t.id, t.author, t.text, t.edited, t.deleted, t.emoji"
    };
}
macro_rules! device_columns {
    () => {
        "d.id, d.\"user\", d.name, d.token_hash, d.created_at"
    };
}
macro_rules! profile_columns {
    () => {
        "u.id, u.username, u.display_name, u.kind, u.role, u.created_at"
    };
}
macro_rules! summary_from {
    () => {
        "SELECT r.id, r.kind, r.visibility, r.name, r.direct_a, r.direct_b, r.created_at, r.head, r.count, r.members, \
         m.role, m.joined, m.sent_seq, m.sent_count, k.seq, k.count, e.id, e.seq, e.at, e.actor, e.body, t.text, t.deleted, r.gone \
         FROM rooms r \
         LEFT JOIN members m ON m.room = r.id AND m.\"user\" = $1 \
         LEFT JOIN markers k ON k.\"user\" = $1 AND k.room = r.id \
         LEFT JOIN events e ON e.log = r.id AND e.seq = r.last_message \
         LEFT JOIN messages t ON t.room = r.id AND t.seq = r.last_message "
    };
}
macro_rules! page_from {
    () => {
        "SELECT t.id, t.room, t.seq, e.at, e.actor, e.count, e.txn, e.body, t.text, t.edited, t.deleted, t.emoji \
         FROM messages t JOIN events e ON e.log = t.room AND e.seq = t.seq "
    };
}
/// Whether a reader, by the parameter that holds them, may know of the room `$1`: members may, and everybody a public
/// channel. Asked in the question itself, which may therefore leave before the answer is known. `[RM3]` `[RM5]`
macro_rules! readable {
    ($reader:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM rooms v WHERE v.id = $1 AND (v.visibility = 'public' \
             OR EXISTS (SELECT 1 FROM members w WHERE w.room = $1 AND w.\"user\" = ",
            $reader,
            " AND w.joined = true))) "
        )
    };
}
macro_rules! log_after {
    () => {
        concat!(
            "SELECT ",
            event_columns!(),
            " FROM events e WHERE e.log = $1 AND e.seq > $2 "
        )
    };
}
macro_rules! members {
    () => {
        concat!(
            "SELECT m.role, ",
            profile_columns!(),
            " FROM members m JOIN users u ON u.id = m.\"user\" \
         WHERE m.room = $1 AND m.\"user\" > $2 AND m.joined = true "
        )
    };
}
macro_rules! messages_before {
    () => {
        concat!(
            page_from!(),
            "WHERE t.room = $1 AND t.seq < $2 AND e.seq < $2 "
        )
    };
}
macro_rules! messages_after {
    () => {
        concat!(
            page_from!(),
            "WHERE t.room = $1 AND t.seq > $2 AND e.seq > $2 "
        )
    };
}
pub(crate) use {
    device_columns, event_columns, member_columns, message_columns, queries, room_columns,
    user_columns,
};

queries! {
    /// Nothing: whether the database answers.
    PING = "SELECT head FROM shards WHERE shard = 0";
    /// The secret of the nodes that share this database.
    HINT_SECRET = "SELECT k.value FROM meta k WHERE k.key = 'hint_secret'";
    /// The last position of every shard.
    HEADS = "SELECT head FROM shards ORDER BY shard";
    /// The last position of every shard, and the chain of the event there.
    REACHED = "SELECT s.head, e.chain FROM shards s LEFT JOIN events e ON e.shard = s.shard AND e.position = s.head ORDER BY s.shard";

    /// A piece of one log: log, after, limit.
    LOG_AFTER = concat!(log_after!(), "ORDER BY e.seq LIMIT $3");
    /// The same of a room, where the reader may see it: room, after, limit, reader.
    LOG_AFTER_FOR = concat!(log_after!(), "AND ", readable!("$4"), "ORDER BY e.seq LIMIT $3");
    /// A piece of one shard: shard, after, limit.
    SHARD_AFTER = concat!("SELECT ", event_columns!(), " FROM events e WHERE e.shard = $1 AND e.position > $2 ORDER BY e.position LIMIT $3");
    /// A piece of one shard as a user may see it, by looking at each of its events: user, shard, after, upto, limit. Of a
    /// room that the user left it holds the leaving alone.
    VISIBLE_AFTER = concat!("SELECT ", event_columns!(), " FROM events e LEFT JOIN members m ON m.room = e.log AND m.\"user\" = $1 \
        WHERE e.shard = $2 AND e.position > $3 AND e.position <= $4 \
        AND (e.log = $1 OR (m.joined = true AND e.position >= m.joined_position) OR (m.joined = false AND e.position = m.left_position)) \
        ORDER BY e.position LIMIT $5");

    /// The rooms in which a user may have something to see after a position of their shard: user, after. Rooms of
    /// other shards have positions of their own, and are for the asker to leave out.
    ROOMS_MOVED = "SELECT m.room FROM members m JOIN rooms r ON r.id = m.room \
        WHERE m.\"user\" = $1 AND r.head_position > $2 AND (m.joined = true OR m.left_position > $2)";
    /// The rooms that a user left after a position and joined again: user, after. Rooms of other shards are for the asker
    /// to leave out.
    REJOINED = "SELECT m.room FROM members m WHERE m.\"user\" = $1 AND m.earlier_left_position > $2 AND m.earlier_left_position > 0";
    /// The same piece for one who was away long, by looking into those rooms alone: user, shard, after, upto, limit,
    /// rooms. Of a room that was left it is the leaving alone. In each log `seq` and position grow together, so its first event after the position is found by halving
    /// (`low` to `high`), and no more than `limit` of its events can be in the answer.
    /// (CROSS JOIN fixes the order of the join on SQLite.)
    VISIBLE_IN_ROOMS = concat!("WITH RECURSIVE halved (log, low, high, floor, ceiling) AS ( \
        SELECT m.room, CAST(1 AS bigint), r.head + 1, \
        CASE WHEN m.joined = false THEN m.left_position WHEN m.joined_position > $3 THEN m.joined_position ELSE $3 + 1 END, \
        CASE WHEN m.joined = true OR m.left_position > $4 THEN $4 ELSE m.left_position END \
        FROM members m JOIN rooms r ON r.id = m.room WHERE m.\"user\" = $1 AND m.room = ANY($6) \
        UNION ALL SELECT u.id, CAST(1 AS bigint), u.head + 1, $3 + 1, $4 FROM users u WHERE u.id = $1 \
        UNION ALL SELECT h.log, \
        CASE WHEN e.position >= h.floor THEN h.low ELSE (h.low + h.high) / 2 + 1 END, \
        CASE WHEN e.position >= h.floor THEN (h.low + h.high) / 2 ELSE h.high END, h.floor, h.ceiling \
        FROM halved h JOIN events e ON e.log = h.log AND e.seq = (h.low + h.high) / 2 WHERE h.low < h.high) \
        SELECT ", event_columns!(), " FROM halved h CROSS JOIN events e \
        WHERE h.low = h.high AND e.log = h.log AND e.seq >= h.low AND e.seq < h.low + $5 AND e.shard = $2 AND e.position <= h.ceiling ORDER BY e.position LIMIT $5");

    /// A room.
    ROOM = concat!("SELECT ", room_columns!(), " FROM rooms r WHERE r.id = $1");
    /// One row if the reader's device is signed in, and in it the room, where they may know of it: room, reader, device.
    ROOM_FOR = concat!("SELECT ", room_columns!(), " FROM devices d LEFT JOIN rooms r ON r.id = $1 AND ", readable!("$2"),
        "WHERE d.id = $3 AND d.\"user\" = $2");
    /// How far a room has come, and its last line: room.
    LAST_LINE = "SELECT r.head, e.id, e.seq, e.at, e.actor, e.body, t.text, t.deleted FROM rooms r \
        LEFT JOIN events e ON e.log = r.id AND e.seq = r.last_message \
        LEFT JOIN messages t ON t.room = r.id AND t.seq = r.last_message WHERE r.id = $1";
    /// A membership, or its tombstone: room, user.
    MEMBER = concat!("SELECT ", member_columns!(), " FROM members m WHERE m.room = $1 AND m.\"user\" = $2");
    /// Members with their profiles: room, after, limit.
    MEMBERS = concat!(members!(), "ORDER BY m.\"user\" LIMIT $3");
    /// The same, where the reader may see them: room, after, limit, reader.
    MEMBERS_FOR = concat!(members!(), "AND ", readable!("$4"), "ORDER BY m.\"user\" LIMIT $3");
    /// Who the members are: room, after, limit.
    MEMBER_IDS = "SELECT m.\"user\" FROM members m \
        WHERE m.room = $1 AND m.\"user\" > $2 AND m.joined = true ORDER BY m.\"user\" LIMIT $3";
    /// Rooms as a user sees them: user, rooms.
    SUMMARIES = concat!(summary_from!(), "WHERE r.id = ANY($2)");
    /// Public channels: user, after, limit.
    PUBLIC_ROOMS = concat!(summary_from!(), "WHERE r.visibility = 'public' AND r.id > $2 ORDER BY r.id LIMIT $3");

    /// The rooms a user is in and how far each has come.
    FOLLOWING = "SELECT m.room, r.head, r.count, r.head_position, m.joined_position, m.earlier_left_position \
        FROM members m JOIN rooms r ON r.id = m.room WHERE m.\"user\" = $1 AND m.joined = true";
    /// The rooms a user was in, and where they left.
    LEFT_ROOMS = "SELECT m.room, m.left_position, m.earlier_left_position FROM members m WHERE m.\"user\" = $1 AND m.joined = false";
    /// By whose doing a user left: user, rooms. (One question a room: joined, PostgreSQL reads every stay of the user.)
    LEFT_BY = "SELECT r.id, (SELECT e.actor FROM members m JOIN events e ON e.log = m.room AND e.seq = m.left_seq \
        WHERE m.room = r.id AND m.\"user\" = $1) FROM rooms r WHERE r.id = ANY($2)";
    /// The rooms whose marker moved: user, after.
    MARKERS_MOVED = "SELECT k.room FROM markers k WHERE k.\"user\" = $1 AND k.position > $2";

    /// Messages before a place, newest first: room, before, limit. (Both sides of the join are bounded: from one, PostgreSQL
    /// does not conclude the other, and merges from the end of the log.)
    MESSAGES_BEFORE = concat!(messages_before!(), "ORDER BY t.seq DESC LIMIT $3");
    /// The same, where the reader may see them: room, before, limit, reader.
    MESSAGES_BEFORE_FOR = concat!(messages_before!(), "AND ", readable!("$4"), "ORDER BY t.seq DESC LIMIT $3");
    /// Messages after a place, oldest first: room, after, limit.
    MESSAGES_AFTER = concat!(messages_after!(), "ORDER BY t.seq LIMIT $3");
    /// The same, where the reader may see them: room, after, limit, reader.
    MESSAGES_AFTER_FOR = concat!(messages_after!(), "AND ", readable!("$4"), "ORDER BY t.seq LIMIT $3");
    /// Whether there is a message up to a place: room, upto.
    ANY_MESSAGE_UPTO = "SELECT t.seq FROM messages t WHERE t.room = $1 AND t.seq <= $2 ORDER BY t.seq DESC LIMIT 1";
    /// Reactions on messages: room, messages.
    REACTIONS = "SELECT x.message, x.emoji, x.\"user\" FROM reactions x WHERE x.room = $1 AND x.message = ANY($2) \
        ORDER BY x.message, x.emoji, x.\"user\"";

    /// An account.
    USER = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1");
    /// An account by its name.
    USER_BY_NAME = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.username = $1");
    /// Profiles by their ids.
    PROFILES = concat!("SELECT ", profile_columns!(), " FROM users u WHERE u.id = ANY($1) ORDER BY u.id");
    /// Profiles of everybody, by username: after, limit.
    LIST_USERS = concat!("SELECT ", profile_columns!(), " FROM users u WHERE u.username > $1 ORDER BY u.username LIMIT $2");
    /// Profiles of those found by words that begin so: from, upto, after (word, user), three more beginnings as from and
    /// upto, limit. Each once, by the first of their words that begins with the first beginning. Of those words 4,096 are
    /// looked at, at most. (CROSS JOIN fixes the order of the join on SQLite.)
    SEARCH_USERS = concat!("SELECT ", profile_columns!(), " FROM (SELECT w.word, w.\"user\" FROM user_words w \
        WHERE (w.word, w.\"user\") > ($3, $4) AND w.word < $2 ORDER BY w.word, w.\"user\" LIMIT 4096) AS by_word \
        CROSS JOIN users u WHERE u.id = by_word.\"user\" \
        AND NOT EXISTS (SELECT 1 FROM user_words x WHERE x.\"user\" = u.id AND x.word >= $1 AND x.word < by_word.word) \
        AND EXISTS (SELECT 1 FROM user_words x WHERE x.\"user\" = u.id AND x.word >= $5 AND x.word < $6) \
        AND EXISTS (SELECT 1 FROM user_words x WHERE x.\"user\" = u.id AND x.word >= $7 AND x.word < $8) \
        AND EXISTS (SELECT 1 FROM user_words x WHERE x.\"user\" = u.id AND x.word >= $9 AND x.word < $10) \
        ORDER BY by_word.word, by_word.\"user\" LIMIT $11");
    /// How many words begin so, up to as many as a search looks at: from, upto.
    WORDS_BEGINNING = "SELECT count(*) FROM (SELECT 1 FROM user_words w WHERE w.word >= $1 AND w.word < $2 LIMIT 4096) AS by_beginning";
    /// The first word of a person between two: user, from, upto.
    FIRST_WORD = "SELECT w.word FROM user_words w WHERE w.\"user\" = $1 AND w.word >= $2 AND w.word < $3 \
        ORDER BY w.word LIMIT 1";
    /// A device and its user, by the hash of the token.
    DEVICE_BY_TOKEN = concat!("SELECT ", device_columns!(), ", ", user_columns!(), " FROM devices d JOIN users u ON u.id = d.\"user\" WHERE d.token_hash = $1");
    /// A user's devices, newest first.
    DEVICES = concat!("SELECT ", device_columns!(), " FROM devices d WHERE d.\"user\" = $1 ORDER BY d.created_at DESC, d.id DESC");
    /// Which users share a room with one now: user, others. (With an offset PostgreSQL asks for each of the others, instead
    /// of joining all who share a room with the user.)
    SHARING_ROOM = "SELECT u.id FROM users u WHERE u.id = ANY($2) AND EXISTS (SELECT 1 FROM members b JOIN members a \
        ON a.room = b.room AND a.\"user\" = $1 AND a.joined = true WHERE b.\"user\" = u.id AND b.joined = true LIMIT 1 OFFSET 0)";
}

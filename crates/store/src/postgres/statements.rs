//! What only PostgreSQL runs: the loads of a batch and its writes, each a list of rows in one statement.
//!
//! Owns: the texts, and the list of them for connections that append.
//! Never: a read of the API; those are in `query`, one text for both databases.

use super::session::Named;
use crate::query::{
    device_columns, event_columns, member_columns, message_columns, room_columns, user_columns,
};

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {
        /// The names, under which a connection keeps them prepared.
        #[allow(non_upper_case_globals)]
        pub(super) mod name {
            $($(#[$doc])* pub(crate) const $name: &str = stringify!($name);)*
        }

        /// Every statement here.
        pub(crate) const ALL: &[Named] = &[$((stringify!($name), $text),)*];
    };
}

/// The statements of the connections that append.
pub(super) fn names() -> Vec<Named> {
    ALL.to_vec()
}

/// What remains of an erased body is its hash (see `core::chain`); what it could be guessed by goes with it.
macro_rules! erase {
    () => {
        "UPDATE events e SET body_hash = sha256('tidings body 1'::bytea || e.salt || int8send(e.fingerprint) \
         || convert_to(e.body, 'UTF8')), salt = NULL, fingerprint = 0, body = NULL "
    };
}

/// A row of the log; the values come by [`new_events`].
macro_rules! add_events {
    () => {
        "INSERT INTO events (shard, position, log, log_kind, seq, id, at, actor, count, txn, fingerprint, kind, target, body, \
         salt, chain) "
    };
}

/// New rows of the log, but for the shard, which is $1.
macro_rules! new_events {
    () => {
        "unnest($2::bigint[], $3::uuid[], $4::text[], $5::bigint[], $6::uuid[], $7::bigint[], $8::uuid[], $9::bigint[], \
         $10::text[], $11::bigint[], $12::text[], $13::bigint[], $14::text[], $15::bytea[], $16::bytea[])"
    };
}

statements! {
    /// The lock that orders a shard's appends, on any number of nodes.
    LOCK_HEAD = "SELECT head FROM shards WHERE shard = $1 FOR UPDATE";
    SET_HEAD = "UPDATE shards SET head = $2 WHERE shard = $1";

    LOAD_ROOMS = concat!("SELECT ", room_columns!(), " FROM rooms r WHERE r.id = ANY($1)");
    LOAD_MEMBERS = concat!("SELECT ", member_columns!(), " FROM unnest($1::uuid[], $2::uuid[]) AS k (room, usr) \
        JOIN members m ON m.room = k.room AND m.\"user\" = k.usr");
    LOAD_MESSAGES = concat!("SELECT ", message_columns!(), " FROM unnest($1::uuid[], $2::uuid[]) AS k (room, id) \
        JOIN messages t ON t.id = k.id AND t.room = k.room");
    LOAD_USERS = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = ANY($1)");
    LOAD_DEVICES = concat!("SELECT ", device_columns!(), " FROM devices d WHERE d.id = ANY($1)");
    LOAD_DEVICES_OF = concat!("SELECT ", device_columns!(), " FROM devices d WHERE d.\"user\" = ANY($1)");
    LOAD_USERNAMES = "SELECT u.id, u.username FROM users u WHERE u.username = ANY($1)";
    LOAD_PUBLIC_NAMES = "SELECT r.id, r.public_name FROM rooms r WHERE r.public_name = ANY($1) AND r.public_name IS NOT NULL";
    LOAD_MARKERS = "SELECT k.usr, k.room, x.seq, x.count FROM unnest($1::uuid[], $2::uuid[]) AS k (usr, room) \
        JOIN markers x ON x.\"user\" = k.usr AND x.room = k.room";
    LOAD_COUNTS = "SELECT e.log, e.seq, e.count FROM unnest($1::uuid[], $2::bigint[]) AS k (log, seq) \
        JOIN events e ON e.log = k.log AND e.seq = k.seq";
    /// Whether there are some is asked, and a batch may take some away: more than a batch has commands need no counting.
    LOAD_REACTIONS = "SELECT k.n, (SELECT count(*) FROM (SELECT 1 FROM reactions x WHERE x.room = k.room AND x.message = k.message \
        AND x.emoji = k.emoji LIMIT 512) AS counted), \
        EXISTS (SELECT 1 FROM reactions x WHERE x.room = k.room AND x.message = k.message AND x.emoji = k.emoji AND x.\"user\" = k.usr) \
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[]) WITH ORDINALITY AS k (room, message, emoji, usr, n)";
    LOAD_DEVICE_COUNTS = "SELECT k.usr, (SELECT count(*) FROM devices d WHERE d.\"user\" = k.usr) FROM unnest($1::uuid[]) AS k (usr)";
    LOAD_ROOM_COUNTS = "SELECT k.usr, (SELECT count(*) FROM members m WHERE m.\"user\" = k.usr AND m.joined = true) \
        FROM unnest($1::uuid[]) AS k (usr)";
    LOAD_ANY_USER = "SELECT EXISTS (SELECT 1 FROM users)";
    LOAD_TXNS = concat!("SELECT ", event_columns!(), ", e.fingerprint \
        FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS k (log, actor, txn) \
        JOIN events e ON e.log = k.log AND e.actor = k.actor AND e.txn = k.txn AND e.txn IS NOT NULL");

    ADD_EVENTS = concat!(add_events!(), "SELECT $1, k.* FROM ", new_events!(), " AS k");
    /// A whole append of messages and its commit, if the head is still $2. Every part draws from `head`, so each waits for
    /// the lock of the shard's row, and does nothing when the head moved.
    SAY = concat!("WITH head AS (UPDATE shards SET head = $18 WHERE shard = $1 AND head = $17 RETURNING shard), \
        logged AS (", add_events!(), "SELECT head.shard, k.* FROM head, ", new_events!(), " AS k), \
        said AS (INSERT INTO messages (room, seq, id, author) SELECT k.* FROM head, \
        unnest($3::uuid[], $5::bigint[], $6::uuid[], $8::uuid[]) AS k), \
        ended AS (UPDATE rooms r SET head = k.head, head_position = k.position, count = k.count, last_message = k.last, \
        chain = k.chain FROM head, unnest($19::uuid[], $20::bigint[], $21::bigint[], $22::bigint[], $23::bigint[], $24::bytea[]) \
        AS k (id, head, position, count, last, chain) WHERE r.id = k.id) \
        UPDATE members m SET sent_seq = k.seq, sent_count = k.count \
        FROM head, unnest($25::uuid[], $26::uuid[], $27::bigint[], $28::bigint[]) AS k (room, usr, seq, count) \
        WHERE m.room = k.room AND m.\"user\" = k.usr");
    ERASE_MESSAGES = concat!(erase!(), "FROM unnest($1::uuid[], $2::bigint[]) AS k (log, seq) \
        WHERE e.log = k.log AND e.seq = k.seq AND e.body IS NOT NULL");
    ERASE_EDITS = concat!(erase!(), "FROM unnest($1::uuid[], $2::bigint[]) AS k (log, target) \
        WHERE e.log = k.log AND e.target = k.target AND e.target IS NOT NULL AND e.kind = 'message_edited' AND e.body IS NOT NULL");
    ERASE_REACTIONS = "DELETE FROM reactions x USING unnest($1::uuid[], $2::uuid[]) AS k (room, message) \
        WHERE x.room = k.room AND x.message = k.message";

    PUT_ROOMS = "INSERT INTO rooms (id, kind, visibility, name, direct_a, direct_b, created_by, created_at, head, head_position, \
        count, members, owners, last_message, chain, gone) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], \
        $6::uuid[], $7::uuid[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bytea[], \
        $16::text[]) ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, visibility = excluded.visibility, name = excluded.name, \
        head = excluded.head, head_position = excluded.head_position, count = excluded.count, members = excluded.members, \
        owners = excluded.owners, last_message = excluded.last_message, chain = excluded.chain, \
        gone = excluded.gone";
    PUT_MEMBERS = "INSERT INTO members (room, \"user\", role, joined, joined_seq, joined_position, left_seq, left_position, \
        sent_seq, sent_count, earlier_left_position) SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::boolean[], $5::bigint[], $6::bigint[], \
        $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[]) \
        ON CONFLICT (room, \"user\") DO UPDATE SET role = excluded.role, joined = excluded.joined, joined_seq = excluded.joined_seq, \
        joined_position = excluded.joined_position, left_seq = excluded.left_seq, left_position = excluded.left_position, \
        sent_seq = excluded.sent_seq, sent_count = excluded.sent_count, earlier_left_position = excluded.earlier_left_position";
    PUT_MESSAGES = "INSERT INTO messages (room, seq, id, author, text, edited, deleted, emoji) \
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[]) \
        ON CONFLICT (room, seq) DO UPDATE SET text = excluded.text, edited = excluded.edited, deleted = excluded.deleted, \
        emoji = excluded.emoji";
    ADD_REACTIONS = "INSERT INTO reactions (room, message, emoji, \"user\") \
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[]) ON CONFLICT (room, message, emoji, \"user\") DO NOTHING";
    REMOVE_REACTIONS = "DELETE FROM reactions x USING unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[]) \
        AS k (room, message, emoji, usr) WHERE x.room = k.room AND x.message = k.message AND x.emoji = k.emoji AND x.\"user\" = k.usr";
    PUT_USERS = "INSERT INTO users (id, username, display_name, folded_name, kind, role, created_at, password_hash, head, \
        head_position, chain) SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], \
        $8::text[], $9::bigint[], $10::bigint[], $11::bytea[]) \
        ON CONFLICT (id) DO UPDATE SET username = excluded.username, display_name = excluded.display_name, \
        folded_name = excluded.folded_name, kind = excluded.kind, role = excluded.role, password_hash = excluded.password_hash, \
        head = excluded.head, head_position = excluded.head_position, chain = excluded.chain";
    ADD_WORDS = "INSERT INTO user_words (word, \"user\") SELECT * FROM unnest($1::text[], $2::uuid[]) \
        ON CONFLICT (word, \"user\") DO NOTHING";
    SET_PUBLIC_NAMES = "UPDATE rooms r SET public_name = k.name FROM unnest($1::uuid[], $2::text[]) AS k (id, name) WHERE r.id = k.id";
    ADD_FIRST_ACCOUNT = "INSERT INTO first_account (one, \"user\") VALUES (1, $1)";
    PUT_MARKERS = "INSERT INTO markers (\"user\", room, seq, count, position) \
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[]) \
        ON CONFLICT (\"user\", room) DO UPDATE SET seq = excluded.seq, count = excluded.count, position = excluded.position";
    ADD_DEVICES = "INSERT INTO devices (id, \"user\", name, token_hash, created_at) \
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::bigint[])";
    REMOVE_DEVICES = "DELETE FROM devices d WHERE d.id = ANY($1)";
}

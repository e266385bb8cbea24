//! What only SQLite runs: the loads of a batch one row at a time, and the writes.
//!
//! Owns: the texts, and the list of them for the test that prepares all.
//! Never: a read of the API; those are in `query`, one text for both databases.

use crate::query::{
    device_columns, event_columns, member_columns, message_columns, room_columns, user_columns,
};

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {
        $($(#[$doc])* pub(crate) const $name: &str = $text;)*
        /// Every statement here, by name.
        #[cfg(test)]
        pub(crate) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name),)*];
    };
}

/// What remains of an erased body is its hash; what it could be guessed by goes with it.
macro_rules! erase {
    () => {
        "UPDATE events SET body_hash = body_hash(salt, fingerprint, body), salt = NULL, fingerprint = 0, body = NULL WHERE "
    };
}

statements! {
    HEAD = "SELECT head FROM shards WHERE shard = ?1";
    SET_HEAD = "UPDATE shards SET head = ?2 WHERE shard = ?1";

    LOAD_ROOM = concat!("SELECT ", room_columns!(), " FROM rooms r WHERE r.id = ?1");
    LOAD_MEMBER = concat!("SELECT ", member_columns!(), " FROM members m WHERE m.room = ?1 AND m.\"user\" = ?2");
    LOAD_MESSAGE = concat!("SELECT ", message_columns!(), " FROM messages t WHERE t.id = ?2 AND t.room = ?1");
    LOAD_USER = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = ?1");
    LOAD_DEVICE = concat!("SELECT ", device_columns!(), " FROM devices d WHERE d.id = ?1");
    LOAD_DEVICES_OF = concat!("SELECT ", device_columns!(), " FROM devices d WHERE d.\"user\" = ?1");
    LOAD_USERNAME = "SELECT u.id FROM users u WHERE u.username = ?1";
    LOAD_PUBLIC_NAME = "SELECT r.id FROM rooms r WHERE r.public_name = ?1";
    LOAD_MARKER = "SELECT k.seq, k.count FROM markers k WHERE k.\"user\" = ?1 AND k.room = ?2";
    LOAD_COUNT = "SELECT e.count FROM events e WHERE e.log = ?1 AND e.seq = ?2";
    LOAD_REACTED = "SELECT count(*) FROM reactions x WHERE x.room = ?1 AND x.message = ?2 AND x.emoji = ?3 AND x.\"user\" = ?4";
    /// Whether there are some is asked, and a batch may take some away: more than a batch has commands need no counting.
    LOAD_REACTION_COUNT = "SELECT count(*) FROM (SELECT 1 FROM reactions x WHERE x.room = ?1 AND x.message = ?2 AND x.emoji = ?3 \
        LIMIT 512)";
    LOAD_DEVICE_COUNT = "SELECT count(*) FROM devices d WHERE d.\"user\" = ?1";
    LOAD_ROOM_COUNT = "SELECT count(*) FROM members m WHERE m.\"user\" = ?1 AND m.joined = true";
    LOAD_ANY_USER = "SELECT count(*) FROM (SELECT 1 FROM users LIMIT 1)";
    LOAD_TXN = concat!("SELECT ", event_columns!(), ", e.fingerprint FROM events e WHERE e.log = ?1 AND e.actor = ?2 AND e.txn = ?3");

    ADD_EVENT = "INSERT INTO events (shard, position, log, log_kind, seq, id, at, actor, count, txn, fingerprint, kind, target, body, \
        salt, chain) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
    ERASE_MESSAGE = concat!(erase!(), "log = ?1 AND seq = ?2 AND body IS NOT NULL");
    ERASE_EDITS = concat!(erase!(), "log = ?1 AND target = ?2 AND kind = 'message_edited' AND body IS NOT NULL");
    ERASE_REACTIONS = "DELETE FROM reactions WHERE room = ?1 AND message = ?2";

    PUT_ROOM = "INSERT INTO rooms (id, kind, visibility, name, direct_a, direct_b, created_by, created_at, head, head_position, \
        count, members, owners, last_message, chain, gone) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, \
        ?16) \
        ON CONFLICT (id) DO UPDATE SET kind = ?2, visibility = ?3, name = ?4, head = ?9, head_position = ?10, count = ?11, \
        members = ?12, owners = ?13, last_message = ?14, chain = ?15, gone = ?16";
    PUT_MEMBER = "INSERT INTO members (room, \"user\", role, joined, joined_seq, joined_position, left_seq, left_position, \
        sent_seq, sent_count, earlier_left_position) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
        ON CONFLICT (room, \"user\") DO UPDATE SET role = ?3, joined = ?4, joined_seq = ?5, joined_position = ?6, left_seq = ?7, \
        left_position = ?8, sent_seq = ?9, sent_count = ?10, earlier_left_position = ?11";
    PUT_MESSAGE = "INSERT INTO messages (room, seq, id, author, text, edited, deleted, emoji) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
        ON CONFLICT (room, seq) DO UPDATE SET text = ?5, edited = ?6, deleted = ?7, emoji = ?8";
    ADD_REACTION = "INSERT INTO reactions (room, message, emoji, \"user\") VALUES (?1, ?2, ?3, ?4) \
        ON CONFLICT (room, message, emoji, \"user\") DO NOTHING";
    REMOVE_REACTION = "DELETE FROM reactions WHERE room = ?1 AND message = ?2 AND emoji = ?3 AND \"user\" = ?4";
    PUT_USER = "INSERT INTO users (id, username, display_name, folded_name, kind, role, created_at, password_hash, head, \
        head_position, chain) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
        ON CONFLICT (id) DO UPDATE SET username = ?2, display_name = ?3, folded_name = ?4, kind = ?5, role = ?6, \
        password_hash = ?8, head = ?9, head_position = ?10, chain = ?11";
    ADD_WORD = "INSERT INTO user_words (word, \"user\") VALUES (?1, ?2) ON CONFLICT (word, \"user\") DO NOTHING";
    SET_PUBLIC_NAME = "UPDATE rooms SET public_name = ?2 WHERE id = ?1";
    ADD_FIRST_ACCOUNT = "INSERT INTO first_account (one, \"user\") VALUES (1, ?1)";
    PUT_MARKER = "INSERT INTO markers (\"user\", room, seq, count, position) VALUES (?1, ?2, ?3, ?4, ?5) \
        ON CONFLICT (\"user\", room) DO UPDATE SET seq = ?3, count = ?4, position = ?5";
    ADD_DEVICE = "INSERT INTO devices (id, \"user\", name, token_hash, created_at) VALUES (?1, ?2, ?3, ?4, ?5)";
    REMOVE_DEVICE = "DELETE FROM devices WHERE id = ?1";
}

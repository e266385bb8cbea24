-- The first schema of Tidings on SQLite. Shipped: never edit, add a file beside it.
-- Ids are 16 bytes, times microseconds since 1970, everything else what its name says in docs/GLOSSARY.md.

CREATE TABLE meta (
  key TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE shards (
  shard INTEGER PRIMARY KEY NOT NULL,
  head INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO shards (shard, head) VALUES (0, 0);

-- The log. The envelope is permanent; body is blanked when a message is erased.
-- One shard, so the position is the key of the table itself.
CREATE TABLE events (
  position INTEGER PRIMARY KEY NOT NULL,
  shard INTEGER NOT NULL DEFAULT 0 CHECK (shard = 0),
  log BLOB NOT NULL,
  log_kind TEXT NOT NULL,
  seq INTEGER NOT NULL,
  id BLOB NOT NULL,
  at INTEGER NOT NULL,
  actor BLOB NOT NULL,
  count INTEGER NOT NULL,
  txn TEXT,
  fingerprint INTEGER NOT NULL DEFAULT 0,
  kind TEXT NOT NULL,
  target INTEGER,
  body TEXT
) STRICT;
CREATE UNIQUE INDEX events_by_seq ON events (log, seq);
CREATE UNIQUE INDEX events_by_txn ON events (log, actor, txn) WHERE txn IS NOT NULL;
CREATE INDEX events_by_target ON events (log, target) WHERE target IS NOT NULL;

CREATE TABLE rooms (
  id BLOB PRIMARY KEY NOT NULL,
  kind TEXT NOT NULL,
  visibility TEXT NOT NULL,
  name TEXT,
  direct_a BLOB,
  direct_b BLOB,
  created_by BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  head INTEGER NOT NULL,
  head_position INTEGER NOT NULL,
  count INTEGER NOT NULL DEFAULT 0,
  members INTEGER NOT NULL DEFAULT 0,
  owners INTEGER NOT NULL DEFAULT 0,
  last_message INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX rooms_public ON rooms (id) WHERE visibility = 'public';

-- Who left stays as a tombstone, so that resuming devices learn of it.
CREATE TABLE members (
  room BLOB NOT NULL,
  "user" BLOB NOT NULL,
  role TEXT NOT NULL,
  joined INTEGER NOT NULL,
  joined_seq INTEGER NOT NULL,
  joined_position INTEGER NOT NULL,
  left_seq INTEGER NOT NULL DEFAULT 0,
  left_position INTEGER NOT NULL DEFAULT 0,
  sent_seq INTEGER NOT NULL DEFAULT 0,
  sent_count INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (room, "user")
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members ("user", joined, room);

-- What may change about a message; its first text is in the body of its event.
CREATE TABLE messages (
  room BLOB NOT NULL,
  seq INTEGER NOT NULL,
  id BLOB NOT NULL,
  author BLOB NOT NULL,
  text TEXT,
  edited INTEGER,
  deleted INTEGER,
  emoji INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX messages_by_id ON messages (id);

CREATE TABLE reactions (
  room BLOB NOT NULL,
  message BLOB NOT NULL,
  emoji TEXT NOT NULL,
  "user" BLOB NOT NULL,
  PRIMARY KEY (room, message, emoji, "user")
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  id BLOB PRIMARY KEY NOT NULL,
  username TEXT NOT NULL,
  display_name TEXT NOT NULL,
  -- The display name in lower case, for finding.
  folded_name TEXT NOT NULL,
  kind TEXT NOT NULL,
  role TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  password_hash TEXT NOT NULL DEFAULT '',
  head INTEGER NOT NULL,
  head_position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX users_by_username ON users (username);
CREATE INDEX users_by_folded_name ON users (folded_name);

-- One row at most: of two first accounts made at once, one finds this taken and is decided again.
CREATE TABLE first_account (
  one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
  "user" BLOB NOT NULL
) STRICT;

CREATE TABLE markers (
  "user" BLOB NOT NULL,
  room BLOB NOT NULL,
  seq INTEGER NOT NULL,
  count INTEGER NOT NULL,
  -- Of the marker_moved event, in the user's shard.
  position INTEGER NOT NULL,
  PRIMARY KEY ("user", room)
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
  id BLOB PRIMARY KEY NOT NULL,
  "user" BLOB NOT NULL,
  name TEXT NOT NULL,
  token_hash BLOB NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX devices_by_token ON devices (token_hash);
CREATE INDEX devices_by_user ON devices ("user", created_at);

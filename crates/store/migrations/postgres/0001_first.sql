-- The first schema of Tidings on PostgreSQL. Shipped: never edit, add a file beside it.
-- Times are microseconds since 1970; texts that are compared or sorted use the "C" collation, as SQLite does.

CREATE TABLE meta (
  key text PRIMARY KEY,
  value text NOT NULL
);

-- The row of a shard is locked first by every append, so positions are in commit order.
CREATE TABLE shards (
  shard bigint PRIMARY KEY,
  head bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);

INSERT INTO shards (shard, head) SELECT n, 0 FROM generate_series(0, 15) AS n;

-- The log. The envelope is permanent; body is blanked when a message is erased.
CREATE TABLE events (
  shard bigint NOT NULL,
  position bigint NOT NULL,
  log uuid NOT NULL,
  log_kind text NOT NULL,
  seq bigint NOT NULL,
  id uuid NOT NULL,
  at bigint NOT NULL,
  actor uuid NOT NULL,
  count bigint NOT NULL,
  txn text COLLATE "C",
  fingerprint bigint NOT NULL DEFAULT 0,
  kind text NOT NULL,
  target bigint,
  body text,
  PRIMARY KEY (shard, position)
);
CREATE UNIQUE INDEX events_by_seq ON events (log, seq);
CREATE UNIQUE INDEX events_by_txn ON events (log, actor, txn) WHERE txn IS NOT NULL;
CREATE INDEX events_by_target ON events (log, target) WHERE target IS NOT NULL;

CREATE TABLE rooms (
  id uuid PRIMARY KEY,
  kind text NOT NULL,
  visibility text NOT NULL,
  name text,
  direct_a uuid,
  direct_b uuid,
  created_by uuid NOT NULL,
  created_at bigint NOT NULL,
  head bigint NOT NULL,
  head_position bigint NOT NULL,
  count bigint NOT NULL DEFAULT 0,
  members bigint NOT NULL DEFAULT 0,
  owners bigint NOT NULL DEFAULT 0,
  last_message bigint
) WITH (fillfactor = 70);
CREATE INDEX rooms_public ON rooms (id) WHERE visibility = 'public';

-- Who left stays as a tombstone, so that resuming devices learn of it.
CREATE TABLE members (
  room uuid NOT NULL,
  "user" uuid NOT NULL,
  role text NOT NULL,
  joined boolean NOT NULL,
  joined_seq bigint NOT NULL,
  joined_position bigint NOT NULL,
  left_seq bigint NOT NULL DEFAULT 0,
  left_position bigint NOT NULL DEFAULT 0,
  sent_seq bigint NOT NULL DEFAULT 0,
  sent_count bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (room, "user")
) WITH (fillfactor = 80);
CREATE INDEX members_by_user ON members ("user", joined, room);

-- What may change about a message; its first text is in the body of its event.
CREATE TABLE messages (
  room uuid NOT NULL,
  seq bigint NOT NULL,
  id uuid NOT NULL,
  author uuid NOT NULL,
  text text,
  edited bigint,
  deleted bigint,
  emoji bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (room, seq)
);
CREATE UNIQUE INDEX messages_by_id ON messages (id);

CREATE TABLE reactions (
  room uuid NOT NULL,
  message uuid NOT NULL,
  emoji text COLLATE "C" NOT NULL,
  "user" uuid NOT NULL,
  PRIMARY KEY (room, message, emoji, "user")
);

CREATE TABLE users (
  id uuid PRIMARY KEY,
  username text COLLATE "C" NOT NULL,
  display_name text NOT NULL,
  -- The display name in lower case, for finding.
  folded_name text COLLATE "C" NOT NULL,
  kind text NOT NULL,
  role text NOT NULL,
  created_at bigint NOT NULL,
  password_hash text NOT NULL DEFAULT '',
  head bigint NOT NULL,
  head_position bigint NOT NULL
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX users_by_username ON users (username);
CREATE INDEX users_by_folded_name ON users (folded_name);

-- One row at most: of two first accounts made at once, one finds this taken and is decided again.
CREATE TABLE first_account (
  one bigint PRIMARY KEY CHECK (one = 1),
  "user" uuid NOT NULL
);

CREATE TABLE markers (
  "user" uuid NOT NULL,
  room uuid NOT NULL,
  seq bigint NOT NULL,
  count bigint NOT NULL,
  -- Of the marker_moved event, in the user's shard.
  position bigint NOT NULL,
  PRIMARY KEY ("user", room)
) WITH (fillfactor = 80);

CREATE TABLE devices (
  id uuid PRIMARY KEY,
  "user" uuid NOT NULL,
  name text NOT NULL,
  token_hash bytea NOT NULL,
  created_at bigint NOT NULL
);
CREATE UNIQUE INDEX devices_by_token ON devices (token_hash);
CREATE INDEX devices_by_user ON devices ("user", created_at);

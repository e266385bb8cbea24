-- The hash chain over each log. A body is hashed with its salt; once it is erased, salt and fingerprint are gone and
-- body_hash stands for it. What was written before this has no chain; a log's chain begins with its next event.
ALTER TABLE events ADD COLUMN salt bytea;
ALTER TABLE events ADD COLUMN body_hash bytea;
ALTER TABLE events ADD COLUMN chain bytea;
-- Of the event at the head; zeros before the first.
ALTER TABLE rooms ADD COLUMN chain bytea NOT NULL
  DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000';
ALTER TABLE users ADD COLUMN chain bytea NOT NULL
  DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000';
-- Up to this position events may be without a chain.
ALTER TABLE shards ADD COLUMN unchained bigint NOT NULL DEFAULT 0;
UPDATE shards SET unchained = head;
-- What erased texts were told from others by: a short text could be guessed from it.
UPDATE events SET fingerprint = 0 WHERE body IS NULL;

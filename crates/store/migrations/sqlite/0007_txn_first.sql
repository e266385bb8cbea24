-- A retry is found by the same three columns. Clients make a txn from the time (UUIDv7), so with it in front new entries
-- stand beside each other: a commit writes one page of this index, where it wrote one for each sender and log.
DROP INDEX events_by_txn;
CREATE UNIQUE INDEX events_by_txn ON events (txn, actor, log) WHERE txn IS NOT NULL;

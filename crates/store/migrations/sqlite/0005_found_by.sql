-- The words of a person's names, folded: a question finds them by their beginning, in any word.
-- Rows are made with the account. Accounts from before are found as they were, by the beginning of either name.
CREATE TABLE user_words (
  word TEXT NOT NULL,
  "user" BLOB NOT NULL,
  PRIMARY KEY (word, "user")
) STRICT, WITHOUT ROWID;
CREATE INDEX user_words_by_user ON user_words ("user", word);
INSERT INTO user_words (word, "user") SELECT username, id FROM users;
INSERT INTO user_words (word, "user") SELECT folded_name, id FROM users WHERE true ON CONFLICT DO NOTHING;
DROP INDEX users_by_folded_name;

-- The name of a public channel, as it is compared: no two have the same. Null for all other rooms, and for channels that
-- were there before and were not renamed since.
ALTER TABLE rooms ADD COLUMN public_name TEXT;
CREATE UNIQUE INDEX rooms_by_public_name ON rooms (public_name) WHERE public_name IS NOT NULL;

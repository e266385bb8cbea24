-- Where the stay before the present or last one ended: one who follows everything and missed a part of an earlier stay
-- is told so, since only the last stay is read.
ALTER TABLE members ADD COLUMN earlier_left_position bigint NOT NULL DEFAULT 0;
CREATE INDEX members_rejoined ON members ("user", earlier_left_position) WHERE earlier_left_position > 0;

-- The last deleted messages of a room, ascending, with commas between: what the arithmetic of unread takes off.
ALTER TABLE rooms ADD COLUMN gone TEXT NOT NULL DEFAULT '';
UPDATE rooms SET gone = coalesce((SELECT group_concat(seq, ',') FROM (SELECT seq FROM (SELECT t.seq FROM messages t
  WHERE t.room = rooms.id AND t.deleted IS NOT NULL ORDER BY t.seq DESC LIMIT 32) ORDER BY seq)), '');

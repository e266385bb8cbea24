-- The last deleted messages of a room, ascending, with commas between: what the arithmetic of unread takes off.
ALTER TABLE rooms ADD COLUMN gone text NOT NULL DEFAULT '';
UPDATE rooms r SET gone = coalesce((SELECT string_agg(k.seq::text, ',' ORDER BY k.seq) FROM (SELECT t.seq FROM messages t
  WHERE t.room = r.id AND t.deleted IS NOT NULL ORDER BY t.seq DESC LIMIT 32) AS k), '');

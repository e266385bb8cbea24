-- Pages of members do not pass over those who left, who may be many more than those who are there.
CREATE INDEX members_by_room ON members (room, joined, "user", role);

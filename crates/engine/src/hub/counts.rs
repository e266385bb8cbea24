//! How many of an open room's members are present: which rooms are counted, and who is told. `[SG5]`
//!
//! Owns: the pace. Never: counts; the presence book does, for all cores of the node.

use std::collections::BTreeSet;

use bytes::Bytes;
use tidings_protocol::{
    RoomId, Seq, ServerFrame,
    limits::{PRESENCE_COUNT_SESSIONS, PRESENCE_EVERY_MS},
};

use super::{Hub, Wire};
use crate::{
    batch::Membership,
    encoded::{self, FORMATS},
    presence::Counting,
};

/// Seconds for which a room is counted after the last peer closed it: one that goes to and fro costs one read.
const COUNTED_UNOPENED_S: u32 = 30;
/// Counts that a core tells at once, of all rooms: the rest is told in the next seconds, so that news need not wait.
pub(super) const COUNTS_AT_ONCE_MAX: usize = 4 * PRESENCE_COUNT_SESSIONS;
/// Seconds between two counts of a room that few have open.
const EVERY_S: u32 = (PRESENCE_EVERY_MS / 1_000) as u32;

/// A room whose present members are counted.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// What the book said last.
    latest: Option<u32>,
    /// What the room's peers are being told.
    telling: Option<u32>,
    /// Not to be told anew before this second.
    not_before: u32,
    /// All were told.
    settled: bool,
    /// There were more than could be told at once: they come before anything newer.
    is_half_told: bool,
    /// Seconds without a peer that has it open.
    unopened_s: u32,
}

/// What this core counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Rooms whose present members are counted.
    rooms: BTreeSet<u32>,
    /// The first of them to be told, since the last time there were too many.
    first: u32,
    /// For the presence book.
    news: Vec<Counting>,
}

impl<W: Wire> Hub<W> {
    /// Somebody opened a room: it is counted from here on, and they are told.
    pub(super) fn count(&mut self, room: u32) {
        let entry = &mut self.rooms[room as usize];
        if let Some(counted) = &mut entry.counted {
            counted.settled = false;
            return;
        }
        entry.counted = Some(Box::default());
        self.counts.rooms.insert(room);
        let (room, seen) = (entry.id, entry.head);
        let begin = Counting::Begin { room, seen };
        self.counts.news.push(begin);
    }

    pub(super) fn end_count(&mut self, room: u32) {
        let entry = &mut self.rooms[room as usize];
        if entry.counted.take().is_some() {
            self.counts.rooms.remove(&room);
            let (room, seen) = (entry.id, entry.noted);
            let end = Counting::End { room, seen };
            self.counts.news.push(end);
        }
    }

    /// A membership of a room changed.
    pub(super) fn count_member(&mut self, room: u32, seq: Seq, membership: Membership) {
        let entry = &self.rooms[room as usize];
        if entry.counted.is_some() {
            self.counts.news.push(Counting::Member {
                room: entry.id,
                seq,
                user: membership.user,
                joined: membership.joined,
            });
        }
    }

    /// What the presence book is to count since the last call, in this order; its answers come to
    /// [`Hub::presence_count`].
    #[must_use]
    pub fn take_counting(&mut self) -> Vec<Counting> {
        std::mem::take(&mut self.counts.news)
    }

    /// The book counted the present members of a room anew: told with the next batch.
    pub fn presence_count(&mut self, room: RoomId, count: u32) {
        if let Some(&index) = self.room_index.get(&room)
            && let Some(counted) = &mut self.rooms[index as usize].counted
        {
            counted.latest = Some(count);
        }
    }

    /// Tells everybody the counts of their open rooms that they do not know yet. A wire that is full is told later, and so
    /// are those beyond [`COUNTS_AT_ONCE_MAX`].
    pub(super) fn flush_counts(&mut self) {
        let first = self.counts.first;
        let rooms = self.counts.rooms.range(first..);
        let rooms: Vec<u32> = rooms
            .chain(self.counts.rooms.range(..first))
            .copied()
            .collect();
        let mut left = COUNTS_AT_ONCE_MAX;
        for room in rooms {
            if left > 0 {
                self.counts.first = room;
            }
            left -= self.flush_count(room, left);
        }
    }

    /// Returns how many were told.
    fn flush_count(&mut self, index: u32, at_once: usize) -> usize {
        let now = self.now;
        let entry = &mut self.rooms[index as usize];
        let Some(counted) = &mut entry.counted else {
            return 0;
        };
        if entry.open.is_empty() {
            counted.unopened_s += 1;
            if counted.unopened_s >= COUNTED_UNOPENED_S {
                self.end_count(index);
            }
            return 0;
        }
        counted.unopened_s = 0;
        if at_once == 0 {
            return 0;
        }
        let is_due = now >= counted.not_before && !counted.is_half_told;
        if counted.latest != counted.telling && is_due {
            counted.telling = counted.latest;
            counted.settled = false;
            let slower = entry.open.len().div_ceil(PRESENCE_COUNT_SESSIONS) as u32;
            counted.not_before = now + EVERY_S * slower;
        }
        let Some(count) = counted.telling.filter(|_| !counted.settled) else {
            return 0;
        };
        counted.settled = true;
        counted.is_half_told = false;
        let mut told = 0;
        let room = entry.id;
        let mut frames: [Option<Bytes>; FORMATS] = Default::default();
        for follower in &mut entry.open {
            if follower.told_count == Some(count) {
                continue;
            }
            let peer = &mut self.peers[follower.slot as usize];
            if !peer.is_ready() {
                counted.settled = false;
                continue;
            }
            if told == at_once {
                counted.settled = false;
                counted.is_half_told = true;
                break;
            }
            let format = peer.wire.format();
            let bytes = frames[format.index()].get_or_insert_with(|| {
                encoded::frame(format, &ServerFrame::PresenceCount { room, count })
            });
            peer.wire.send(bytes);
            follower.told_count = Some(count);
            told += 1;
        }
        told
    }
}

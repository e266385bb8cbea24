//! Summaries of rooms that moved, for those who have them listed: coalesced, made once, the same for every member.
//!
//! Owns: when a summary is due and to whom. Never: sends one to a peer that was told of that head already, or that
//! is about to be told of the room as a whole: what was read of it may be older, and would take the news back.

use bytes::{Bytes, BytesMut};
use tidings_protocol::{LastMessage, RoomId, Seq};

use super::{Effect, Hub, Wire, peer::Interest};
use crate::encoded::{self, FORMATS};

impl<W: Wire> Hub<W> {
    /// Whether summaries wait to be flushed; the driver flushes soon after this turns true.
    #[must_use]
    pub fn wants_flush(&self) -> bool {
        !self.moved.is_empty()
    }

    /// Tells of the rooms that moved. A peer gets the summaries of all its rooms by one write.
    pub fn flush_listed(&mut self) {
        let moved = std::mem::take(&mut self.moved);
        let mut due: Vec<(u32, Bytes)> = Vec::new();
        for index in moved {
            // A head that this hub has not come to is told when it has: the event that takes it there notes the room.
            let entry = self.rooms.get_mut(index as usize);
            // So is one whose last line is being read.
            let Some(entry) = entry.filter(|entry| !entry.is_ahead() && !entry.is_last_lost) else {
                continue;
            };
            let mut frames: [Option<Bytes>; FORMATS] = Default::default();
            let (room, head, summary) = (entry.id, entry.head, entry.summary());
            for follower in &mut entry.listed {
                let peer = &self.peers[follower.slot as usize];
                if follower.told >= head || !peer.is_ready() || peer.awaits(room) {
                    continue;
                }
                let format = peer.wire.format();
                let bytes =
                    frames[format.index()].get_or_insert_with(|| encoded::frame(format, &summary));
                follower.told = head;
                due.push((follower.slot, bytes.clone()));
            }
        }
        due.sort_by_key(|(slot, _)| *slot);
        for frames in due.chunk_by(|a, b| a.0 == b.0) {
            let peer = &mut self.peers[frames[0].0 as usize];
            match frames {
                [(_, one)] => peer.wire.send(one),
                many => {
                    let mut all = BytesMut::new();
                    many.iter()
                        .for_each(|(_, bytes)| all.extend_from_slice(bytes));
                    peer.wire.send(&all.freeze());
                }
            }
        }
    }

    /// A message was changed, and this hub has not seen the room's last line since it began to follow it: that may be the
    /// one. Those who list the room are told of it as it stands, so that nobody goes on showing what was erased. `[EV8]`
    pub(super) fn lose_last_line(&mut self, index: u32) {
        let entry = &mut self.rooms[index as usize];
        for follower in &mut entry.open {
            follower.told_by_event = true;
        }
        entry.is_last_lost = entry.last.is_none() && !entry.listed.is_empty();
    }

    /// Has a lost last line read, once for all who list the room.
    pub(super) fn read_last_line(&mut self, index: u32) {
        let entry = &mut self.rooms[index as usize];
        if entry.is_last_lost && !entry.is_last_read && entry.has_noted(entry.last_read_at) {
            entry.is_last_read = true;
            let room = entry.id;
            self.effects.push(Effect::ReadLast { room });
        }
    }

    /// The answer to [`Effect::ReadLast`]: how far the room had come, and its last line there. It is told when this hub has
    /// come exactly as far; what lies further is told in its order with the changes of who may see it. `[P6]`
    pub fn last_line(&mut self, room: RoomId, read: Option<(Seq, Option<LastMessage>)>) {
        let Some(&index) = self.room_index.get(&room) else {
            return;
        };
        let entry = &mut self.rooms[index as usize];
        entry.is_last_read = false;
        if !entry.is_last_lost {
            return;
        }
        match read {
            Some((head, _)) if head != entry.noted => entry.last_read_at = head,
            Some((_, last)) => {
                entry.last = last;
                entry.is_last_lost = false;
            }
            None => entry.is_last_lost = false,
        }
        self.moved.insert(index);
        self.read_last_line(index);
    }

    /// Notes for the next flush which listed rooms of a peer have moved unseen.
    pub(super) fn note_untold(&mut self, slot: u32) {
        for interest in &self.peers[slot as usize].rooms {
            let entry = &self.rooms[interest.room as usize];
            if !interest.open && entry.listed[interest.place as usize].told < entry.head {
                self.moved.insert(interest.room);
            }
        }
    }

    /// Before a listed room goes on as an open one from this event: the summary that is due up to there, since nothing
    /// else will tell of what lies before. `[SB2]`
    pub(super) fn tell_listed(&mut self, slot: u32, interest: Interest, from: Seq) {
        let entry = &self.rooms[interest.room as usize];
        let is_due = !interest.open && entry.listed[interest.place as usize].told < from;
        if is_due && !entry.is_ahead() {
            let summary = entry.summary();
            let id = self.peers[slot as usize].id;
            self.send(id, &summary);
        }
    }
}

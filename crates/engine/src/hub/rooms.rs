//! One room on one core: its followers, its head, its last line, its recent events.
//!
//! Owns: the table that a fan-out walks: contiguous, a few bytes a follower.
//! Never: knows members; only those who are online and follow are here.

use std::{collections::VecDeque, sync::Arc};

use tidings_protocol::{
    Gone, Kind, LastMessage, RoomHead, RoomId, RoomName, Seq, ServerFrame, content::Known,
};
use tidings_sync::Subscription;

use super::{Hub, Wire, counts::Counted, peer::Interest};
use crate::encoded::Logged;

/// Recent events kept of a room that somebody follows.
const ROOM_RING_EVENTS_MAX: usize = 128;
/// Bytes of the same.
const ROOM_RING_BYTES_MAX: usize = 128 * 1024;

/// A peer with the room open.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenSlot {
    pub(super) slot: u32,
    /// The count of present members that it was told; none before the first.
    pub(super) told_count: Option<u32>,
    /// An event told what no summary for all does: another role, or a change of the last line.
    pub(super) told_by_event: bool,
    pub(super) subscription: Subscription,
}

/// A peer with the room listed, and the head that it was told of.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListedSlot {
    pub(super) slot: u32,
    pub(super) told: Seq,
}

/// A room that somebody on this core follows.
#[derive(Debug)]
pub(super) struct RoomEntry {
    pub(super) id: RoomId,
    /// The last event that anybody here was told of: a state that was read may be ahead of this hub.
    pub(super) head: Seq,
    pub(super) count: u64,
    /// How far this hub has come in the room; zero when it does not know yet.
    pub(super) noted: Seq,
    pub(super) last: Option<LastMessage>,
    /// A message was changed that may be the last line, which this hub has not seen: it is read before anybody is told.
    pub(super) is_last_lost: bool,
    /// It is being read.
    pub(super) is_last_read: bool,
    /// The store was so far when it was read last: it is read again when this hub has come there.
    pub(super) last_read_at: Seq,
    /// The name that it was given while it was followed here.
    name: Option<RoomName>,
    /// The last messages that were deleted while it was followed here.
    gone: Gone,
    pub(super) open: Vec<OpenSlot>,
    pub(super) listed: Vec<ListedSlot>,
    pub(super) all: Vec<u32>,
    /// While its present members are counted. `[SG5]`
    pub(super) counted: Option<Box<Counted>>,
    ring: VecDeque<Arc<Logged>>,
    ring_bytes: usize,
}

impl RoomEntry {
    fn new(id: RoomId) -> RoomEntry {
        RoomEntry {
            id,
            head: Seq::ZERO,
            count: 0,
            noted: Seq::ZERO,
            last: None,
            is_last_lost: false,
            is_last_read: false,
            last_read_at: Seq::ZERO,
            name: None,
            gone: Gone::default(),
            open: Vec::new(),
            listed: Vec::new(),
            all: Vec::new(),
            counted: None,
            ring: VecDeque::new(),
            ring_bytes: 0,
        }
    }

    fn is_unused(&self) -> bool {
        self.open.is_empty() && self.listed.is_empty() && self.all.is_empty()
    }

    /// Whether this hub has not come to the head yet: then it does not know either who may know of it. `[P6]`
    pub(super) fn is_ahead(&self) -> bool {
        self.noted < self.head
    }

    /// Whether this hub has come to an event of the room.
    pub(super) fn has_noted(&self, seq: Seq) -> bool {
        seq <= self.noted
    }

    /// The head as a follower may know of it: not what only another's state told of.
    pub(super) fn head_for(&self, interest: Interest) -> Seq {
        if !self.is_ahead() {
            return self.head;
        }
        let place = interest.place as usize;
        let told = if interest.open {
            self.open[place].subscription.last()
        } else {
            self.listed[place].told
        };
        told.max(self.noted)
    }

    /// Notes an event: head, last line, ring. An erasure reaches the ring, too. `[EV8]`
    pub(super) fn note(&mut self, event: &Arc<Logged>) {
        let envelope = event.event();
        self.noted = self.noted.max(envelope.seq);
        if envelope.seq > self.head {
            self.head = envelope.seq;
            self.count = envelope.count;
        }
        if let Some(last) = event.last_message() {
            if self.last.as_ref().is_none_or(|old| old.seq < last.seq) {
                self.last = Some(last);
                self.is_last_lost = false;
            }
        } else {
            match event.known() {
                Some(Known::RoomRenamed { name }) => self.name = Some(name.clone()),
                Some(Known::MessageEdited { target, text, .. }) => {
                    if let Some(last) = self.last.as_mut().filter(|last| last.seq == *target) {
                        last.text = Some(tidings_protocol::last_line(text.as_str()));
                    }
                }
                Some(Known::MessageDeleted { target, .. }) => {
                    if let Some(last) = self.last.as_mut().filter(|last| last.seq == *target) {
                        last.text = None;
                    }
                    self.erase(*target);
                    self.gone.add(*target);
                }
                // What a summary says nothing of, or says for each reader.
                Some(
                    Known::RoomCreated { .. }
                    | Known::MemberJoined { .. }
                    | Known::MemberLeft { .. }
                    | Known::RoleChanged { .. }
                    | Known::Message { .. }
                    | Known::ReactionAdded { .. }
                    | Known::ReactionRemoved { .. }
                    | Known::UserCreated { .. }
                    | Known::DeviceAdded { .. }
                    | Known::DeviceRemoved { .. }
                    | Known::PasswordChanged {}
                    | Known::MarkerMoved { .. },
                )
                | None => {}
            }
        }
        if self
            .ring
            .back()
            .is_some_and(|back| back.event().seq.next() != envelope.seq)
        {
            self.ring.clear();
            self.ring_bytes = 0;
        }
        self.ring_bytes += event.weight();
        self.ring.push_back(Arc::clone(event));
        while self.ring.len() > ROOM_RING_EVENTS_MAX || self.ring_bytes > ROOM_RING_BYTES_MAX {
            let Some(old) = self.ring.pop_front() else {
                break;
            };
            self.ring_bytes -= old.weight();
        }
    }

    fn erase(&mut self, target: Seq) {
        for event in &mut self.ring {
            if concerns(event, target) {
                self.ring_bytes -= event.weight();
                *event = event.erased();
                self.ring_bytes += event.weight();
            }
        }
    }

    /// The recent events from `from` on, when the ring still has that one.
    pub(super) fn recent(&self, from: Seq) -> Option<impl Iterator<Item = &Arc<Logged>>> {
        let first = self.ring.front()?.event().seq;
        let last = self.ring.back()?.event().seq;
        let skip = from.0.checked_sub(first.0)?;
        (from <= last).then(|| {
            self.ring
                .iter()
                .skip(usize::try_from(skip).unwrap_or(usize::MAX))
        })
    }

    /// The summary for listed followers: the same for every member. `[SB2]`
    pub(super) fn summary(&self) -> ServerFrame {
        let head = RoomHead {
            room: self.id,
            head: self.head,
            count: self.count,
            gone: self.gone.clone(),
            name: self.name.clone(),
            last: self.last.clone(),
        };
        ServerFrame::Rooms { rooms: vec![head] }
    }
}

/// Whether a deletion of the message at `target` erases this event: the message itself, or an edit of it.
pub(super) fn concerns(event: &Logged, target: Seq) -> bool {
    event.event().seq == target
        || (event.event().is(Kind::MessageEdited)
            && matches!(event.known(), Some(Known::MessageEdited { target: edited, .. }) if *edited == target))
}

impl<W: Wire> Hub<W> {
    /// The entry of a room, made when somebody begins to follow it; its head never goes back. `level`: this hub has come
    /// to that head.
    pub(super) fn room_entry(&mut self, room: RoomId, head: Seq, count: u64, level: bool) -> u32 {
        let index = match self.room_index.get(&room) {
            Some(&index) => index,
            None => {
                let entry = RoomEntry::new(room);
                let index = self.rooms.insert(entry) as u32;
                self.room_index.insert(room, index);
                index
            }
        };
        let entry = &mut self.rooms[index as usize];
        if head > entry.head {
            entry.head = head;
            entry.count = count;
        }
        if level {
            entry.noted = entry.noted.max(head);
        }
        index
    }

    pub(super) fn list(&mut self, slot: u32, room: u32, told: Seq) {
        let listed = &mut self.rooms[room as usize].listed;
        let place = listed.len() as u32;
        listed.push(ListedSlot { slot, told });
        self.peers[slot as usize].rooms.push(Interest {
            room,
            place,
            open: false,
        });
    }

    pub(super) fn follow_open(&mut self, slot: u32, room: u32, subscription: Subscription) {
        let open = &mut self.rooms[room as usize].open;
        let place = open.len() as u32;
        open.push(OpenSlot {
            slot,
            told_count: None,
            told_by_event: false,
            subscription,
        });
        self.peers[slot as usize].rooms.push(Interest {
            room,
            place,
            open: true,
        });
        self.count(room);
    }

    pub(super) fn follow_all(&mut self, slot: u32, room: RoomId) {
        let index = self.room_entry(room, Seq::ZERO, 0, true);
        if let Some(all) = &mut self.peers[slot as usize].all
            && all.rooms.insert(room)
        {
            self.rooms[index as usize].all.push(slot);
        }
    }

    pub(super) fn leave_all(&mut self, room: RoomId, slot: u32) {
        if let Some(&index) = self.room_index.get(&room) {
            self.rooms[index as usize].all.retain(|s| *s != slot);
            self.drop_unused(index);
        }
    }

    /// Removes a follower from the room's table. The one who moves into the place is told of it.
    pub(super) fn unfollow(&mut self, room: u32, slot: u32, open: bool, place: u32) {
        let entry = &mut self.rooms[room as usize];
        let at = place as usize;
        let moved = if open {
            debug_assert_eq!(entry.open[at].slot, slot);
            entry.open.swap_remove(at);
            entry.open.get(at).map(|o| o.slot)
        } else {
            debug_assert_eq!(entry.listed[at].slot, slot);
            entry.listed.swap_remove(at);
            entry.listed.get(at).map(|l| l.slot)
        };
        if let Some(moved) = moved
            && let Some(interest) = self.peers[moved as usize]
                .rooms
                .iter_mut()
                .find(|i| i.room == room && i.open == open)
        {
            interest.place = place;
        }
        self.drop_unused(room);
    }

    fn drop_unused(&mut self, room: u32) {
        if self.rooms[room as usize].is_unused() {
            self.end_count(room);
            let entry = self.rooms.remove(room as usize);
            self.room_index.remove(&entry.id);
            self.moved.remove(&room);
        }
    }

    /// The peer's interest in a room.
    pub(super) fn interest(&self, slot: u32, room: RoomId) -> Option<Interest> {
        let &index = self.room_index.get(&room)?;
        self.peers[slot as usize]
            .rooms
            .iter()
            .find(|i| i.room == index)
            .copied()
    }

    /// Forgets a room for a peer.
    pub(super) fn forget(&mut self, slot: u32, room: RoomId) -> bool {
        let Some(interest) = self.interest(slot, room) else {
            return false;
        };
        let peer = &mut self.peers[slot as usize];
        peer.rooms.retain(|i| i.room != interest.room);
        peer.reading.retain(|r| *r != room);
        self.unfollow(interest.room, slot, interest.open, interest.place);
        true
    }
}

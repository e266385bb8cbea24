//! How many members of a room are there: of the rooms that somebody on this node has open. `[SG5]`
//!
//! Owns: who the members of those rooms are, kept from a read of the store and the news that came after it.
//! Never: reads or asks the store; says how somebody is, which the book knows.

use std::collections::{HashMap, HashSet};

use slab::Slab;
use smallvec::SmallVec;
use tidings_protocol::{RoomId, Seq, UserId};

/// Changes of membership kept while the members are being read. Above it they are read once more instead.
pub(super) const CHANGES_WHILE_READ_MAX: usize = 4_096;

/// What a hub says of a room whose present members are to be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// Somebody on this core has it open; what comes after this event of it the core will tell, and perhaps earlier ones.
    Begin {
        /// Which.
        room: RoomId,
        /// How far the core may have come.
        seen: Seq,
    },
    /// Nobody has, any more; the core told of all up to this event of it, and perhaps of later ones.
    End {
        /// Which.
        room: RoomId,
        /// How far the core came for sure; zero when it does not know.
        seen: Seq,
    },
    /// A member came or went while it is counted.
    Member {
        /// Where.
        room: RoomId,
        /// By which event.
        seq: Seq,
        /// Who.
        user: UserId,
        /// Came, or went.
        joined: bool,
    },
}

/// A read of a room's members that is under way. One that was overtaken brings nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// Which room.
    pub room: RoomId,
    number: u64,
}

/// What is left of a read of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOn {
    /// The next page.
    After,
    /// All of it once more: it knows too little.
    FromTheBeginning(Read),
}

#[derive(Debug)]
struct Reading {
    number: u64,
    /// It must know of this event, at least.
    wanted: Seq,
    /// What the read knows for sure; none before its first page.
    head: Option<Seq>,
    changes: Vec<(Seq, UserId, bool)>,
}

#[derive(Debug)]
struct Room {
    id: RoomId,
    cores: SmallVec<[u16; 4]>,
    members: HashSet<UserId>,
    present: u32,
    /// What the read of the members knew. Changes after that come by news, from every core in its own time: in the end
    /// each user is as their last change says.
    read_upto: Seq,
    /// How far the cores that count have come, as far as they said. One that stops before that may have left a change
    /// undone, or untold.
    seen: Seq,
    reading: Option<Reading>,
}

/// The counted rooms of a node. Whoever asks it to change says who is present.
#[derive(Debug, Default)]
pub(super) struct Counts {
    rooms: Slab<Room>,
    index: HashMap<RoomId, usize>,
    /// The counted rooms that somebody is a member of.
    of_user: HashMap<UserId, SmallVec<[u32; 2]>>,
    /// By core: rooms whose count it has not taken yet.
    changed: Vec<HashSet<RoomId>>,
    reads: u64,
}

impl Counts {
    /// A core begins to count a room. Returns the read of its members, if one is to begin.
    pub(super) fn begin(&mut self, core: u16, room: RoomId, seen: Seq) -> Option<Read> {
        let slot = match self.index.get(&room) {
            Some(&slot) => slot,
            None => {
                let slot = self.rooms.insert(Room {
                    id: room,
                    cores: SmallVec::new(),
                    members: HashSet::new(),
                    present: 0,
                    read_upto: Seq::ZERO,
                    seen: Seq::ZERO,
                    reading: None,
                });
                self.index.insert(room, slot);
                slot
            }
        };
        let entry = &mut self.rooms[slot];
        let is_new = entry.cores.is_empty();
        if !entry.cores.contains(&core) {
            entry.cores.push(core);
        }
        entry.seen = entry.seen.max(seen);
        self.change(slot, Some(core));
        is_new.then(|| self.read(slot))
    }

    fn read(&mut self, slot: usize) -> Read {
        let members = std::mem::take(&mut self.rooms[slot].members);
        self.unlink(slot, &members);
        let entry = &mut self.rooms[slot];
        entry.present = 0;
        self.reads += 1;
        entry.reading = Some(Reading {
            number: self.reads,
            wanted: entry.seen,
            head: None,
            changes: Vec::new(),
        });
        Read {
            room: entry.id,
            number: self.reads,
        }
    }

    /// Whether a read is still waited for.
    pub(super) fn is_awaited(&self, read: Read) -> bool {
        self.index.get(&read.room).is_some_and(|slot| {
            let reading = self.rooms[*slot].reading.as_ref();
            reading.is_some_and(|reading| reading.number == read.number)
        })
    }

    fn unlink(&mut self, slot: usize, members: &HashSet<UserId>) {
        for user in members {
            if let Some(slots) = self.of_user.get_mut(user) {
                slots.retain(|s| *s as usize != slot);
                if slots.is_empty() {
                    self.of_user.remove(user);
                }
            }
        }
    }

    /// A core counts a room no more. Returns the read of its members, if the others cannot know all that it knew.
    pub(super) fn end(&mut self, core: u16, room: RoomId, seen: Seq) -> Option<Read> {
        if let Some(changed) = self.changed.get_mut(usize::from(core)) {
            changed.remove(&room);
        }
        let &slot = self.index.get(&room)?;
        let entry = &mut self.rooms[slot];
        entry.cores.retain(|c| *c != core);
        if entry.cores.is_empty() {
            let members = std::mem::take(&mut entry.members);
            self.unlink(slot, &members);
            self.rooms.remove(slot);
            self.index.remove(&room);
            return None;
        }
        let behind = seen < entry.seen;
        match &mut entry.reading {
            Some(reading) if behind => reading.wanted = reading.wanted.max(entry.seen),
            None if behind => return Some(self.read(slot)),
            _ => {}
        }
        None
    }

    /// A core begins as new: it counts nothing.
    pub(super) fn end_all(&mut self, core: u16) -> Vec<Read> {
        let counted: Vec<RoomId> = self
            .rooms
            .iter()
            .filter(|(_, room)| room.cores.contains(&core))
            .map(|(_, room)| room.id)
            .collect();
        let ended = counted.into_iter();
        ended
            .filter_map(|room| self.end(core, room, Seq::ZERO))
            .collect()
    }

    /// A page of the members, with the last event that it takes into account. Returns how to read on; none when it is
    /// done, or nobody waits for it any more.
    pub(super) fn page(
        &mut self,
        read: Read,
        head: Seq,
        users: &[UserId],
        is_last: bool,
        is_present: impl Fn(UserId) -> bool,
    ) -> Option<ReadOn> {
        if !self.is_awaited(read) {
            return None;
        }
        let &slot = self.index.get(&read.room)?;
        let reading = self.rooms[slot].reading.as_mut()?;
        // Later pages may know more: what they know comes once more by news, to the same end.
        let head = *reading.head.get_or_insert(head);
        for user in users {
            self.set(slot, *user, true, &is_present);
        }
        if !is_last {
            return Some(ReadOn::After);
        }
        let reading = self.rooms[slot].reading.take()?;
        if head < reading.wanted {
            return Some(ReadOn::FromTheBeginning(self.read(slot)));
        }
        self.rooms[slot].read_upto = head;
        for (seq, user, joined) in reading.changes {
            self.note(slot, seq, user, joined, &is_present);
        }
        self.change(slot, None);
        None
    }

    /// A membership changed. Each core that counts the room says so.
    pub(super) fn member(
        &mut self,
        room: RoomId,
        seq: Seq,
        (user, joined): (UserId, bool),
        is_present: impl Fn(UserId) -> bool,
    ) {
        let Some(&slot) = self.index.get(&room) else {
            return;
        };
        let entry = &mut self.rooms[slot];
        entry.seen = entry.seen.max(seq);
        match &mut entry.reading {
            None => self.note(slot, seq, user, joined, &is_present),
            Some(reading) if reading.changes.len() < CHANGES_WHILE_READ_MAX => {
                reading.changes.push((seq, user, joined));
            }
            Some(reading) => reading.wanted = reading.wanted.max(seq),
        }
    }

    fn note(
        &mut self,
        slot: usize,
        seq: Seq,
        user: UserId,
        joined: bool,
        is_present: &impl Fn(UserId) -> bool,
    ) {
        if seq > self.rooms[slot].read_upto {
            self.set(slot, user, joined, is_present);
        }
    }

    fn set(
        &mut self,
        slot: usize,
        user: UserId,
        member: bool,
        is_present: &impl Fn(UserId) -> bool,
    ) {
        let entry = &mut self.rooms[slot];
        let changed = if member {
            entry.members.insert(user)
        } else {
            entry.members.remove(&user)
        };
        if !changed {
            return;
        }
        if member {
            self.of_user.entry(user).or_default().push(slot as u32);
        } else {
            self.unlink(slot, &HashSet::from([user]));
        }
        if is_present(user) {
            self.step(slot, member);
        }
    }

    /// Somebody came, or is gone.
    pub(super) fn user(&mut self, user: UserId, is_present: bool) {
        let rooms = self.of_user.get(&user).cloned().unwrap_or_default();
        for slot in rooms {
            self.step(slot as usize, is_present);
        }
    }

    fn step(&mut self, slot: usize, up: bool) {
        let entry = &mut self.rooms[slot];
        entry.present = if up {
            entry.present.saturating_add(1)
        } else {
            entry.present.saturating_sub(1)
        };
        self.change(slot, None);
    }

    /// One core, or all that count the room, are to take its count.
    fn change(&mut self, slot: usize, core: Option<u16>) {
        let entry = &self.rooms[slot];
        if entry.reading.is_some() {
            return;
        }
        let all = entry.cores.iter().copied();
        for core in all.filter(|c| core.is_none_or(|core| core == *c)) {
            let core = usize::from(core);
            if self.changed.len() <= core {
                self.changed.resize_with(core + 1, HashSet::new);
            }
            self.changed[core].insert(entry.id);
        }
    }

    /// The counts that a core has not taken yet.
    pub(super) fn take(&mut self, core: u16) -> Vec<(RoomId, u32)> {
        let Some(changed) = self.changed.get_mut(usize::from(core)) else {
            return Vec::new();
        };
        let changed = std::mem::take(changed);
        let entries = changed.into_iter().filter_map(|room| {
            let entry = &self.rooms[*self.index.get(&room)?];
            entry.reading.is_none().then_some((room, entry.present))
        });
        entries.collect()
    }
}

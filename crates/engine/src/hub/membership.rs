//! A peer's rooms change: it comes to one, goes from one, opens one, closes one.
//!
//! Owns: what a peer is told of its memberships, and moving it between a room's tables.
//! Never: lists a room for one who has left it meanwhile, whatever a read of the store says. `[P6]`

use tidings_protocol::{
    LeftRoom, LogId, Position, Refusal, RefusalCode, RoomId, RoomSummary, Seq, ServerFrame,
    UserProfile, limits::OPEN_ROOMS_MAX,
};
use tidings_sync::Subscription;

use super::{
    Effect, Hub, PeerId, Wire,
    peer::{Coming, Interest},
};

impl<W: Wire> Hub<W> {
    /// The peer's user became a member: the room is read, then listed. `[SB7]`
    pub(super) fn came(&mut self, slot: u32, room: RoomId) {
        let peer = &mut self.peers[slot as usize];
        if !peer.welcomed {
            peer.stale = true;
            return;
        }
        let id = peer.id;
        if self.interest(slot, room).is_some_and(|i| i.open) {
            // The state of the beginning had it already, and what came after comes by events.
            return;
        }
        self.read_summary(id, room);
    }

    /// The peer's user is no longer a member: nothing of the room after this. `[SB8]`
    pub(super) fn went(&mut self, slot: u32, left: LeftRoom) {
        let peer = &mut self.peers[slot as usize];
        if !peer.welcomed {
            peer.stale = true;
            return;
        }
        let id = peer.id;
        let coming = peer.coming.len();
        peer.coming.retain(|coming| coming.room != left.room);
        let was_coming = peer.coming.len() < coming;
        if self.forget(slot, left.room) || was_coming {
            self.send(id, &ServerFrame::Left(left));
        }
    }

    /// The peer's user has another role: a listed room is told as a whole, an open one by the event itself. `[SB10]`
    pub(super) fn has_another_role(&mut self, slot: u32, room: RoomId) {
        let interest = self.interest(slot, room);
        let peer = &mut self.peers[slot as usize];
        if !peer.is_listed() {
            return;
        }
        if let Some(interest) = interest.filter(|interest| interest.open) {
            let open = &mut self.rooms[interest.room as usize].open;
            open[interest.place as usize].told_by_event = true;
            return;
        }
        if !peer.welcomed {
            peer.stale = true;
            return;
        }
        let id = peer.id;
        self.read_summary(id, room);
    }

    /// Has a room read that is to be told as a whole. A read that is under way for it is older than this, and forgotten.
    fn read_summary(&mut self, id: PeerId, room: RoomId) {
        let seen = self.head_of(LogId::Room(room).shard(self.shards.len() as u16));
        if let Some(peer) = self.peer(id) {
            match peer.coming.iter_mut().find(|coming| coming.room == room) {
                Some(coming) => coming.seen = seen,
                None => peer.coming.push(Coming {
                    room,
                    seen,
                    open: None,
                }),
            }
            let (peer, user) = (peer.id, peer.user);
            self.effects.push(Effect::ReadSummary {
                peer,
                user,
                room,
                seen,
            });
        }
    }

    /// The answer to [`Effect::ReadSummary`]: `room` as its new member sees it; none when they are not one (any more).
    pub fn room_summary(
        &mut self,
        id: PeerId,
        room: RoomId,
        seen: Position,
        summary: Option<RoomSummary>,
        users: Vec<UserProfile>,
    ) {
        let Some(peer) = self.peer(id).filter(|p| p.welcomed && p.is_listed()) else {
            return;
        };
        let slot = peer.id.slot;
        let asked = |coming: &Coming| coming.room == room && coming.seen == seen;
        let Some(at) = peer.coming.iter().position(asked) else {
            // They left while it was read, or it is read again since.
            return;
        };
        let Some(summary) = summary.filter(|s| s.role.is_some()) else {
            // The store knows of their leaving before this hub does; that news will end it.
            return;
        };
        let shard = LogId::Room(room).shard(self.shards.len() as u16);
        if !self.reaches_shard(shard, seen) {
            // So much happened meanwhile that the ring cannot tell what of it was in this room.
            self.read_summary(id, room);
            return;
        }
        let coming = self.peers[slot as usize].coming.swap_remove(at);
        let index = if let Some(interest) = self.interest(slot, room) {
            // Another role, or the state of the beginning had it already; this is told, too.
            let entry = &mut self.rooms[interest.room as usize];
            debug_assert!(!interest.open, "to open it waits for this");
            let told = &mut entry.listed[interest.place as usize].told;
            *told = (*told).max(summary.head);
            interest.room
        } else {
            // The store may be ahead of this hub, which then tells nobody else of that head before it has come there.
            let level = self.has_come_to(room, summary.head);
            let index = self.room_entry(room, summary.head, summary.count, level);
            self.list(slot, index, summary.head);
            self.note_since(shard, seen);
            index
        };
        if self.rooms[index as usize].head > summary.head {
            self.moved.insert(index);
        }
        self.send(
            id,
            &ServerFrame::Room {
                room: Box::new(summary),
                users,
            },
        );
        if let Some(after) = coming.open
            && let Err(refusal) = self.open(id, room, after)
        {
            self.refuse(id, None, Some(room), refusal);
        }
    }

    /// Opens a room: every event from here on, and from `after` if that is near. `[SB3]`
    pub fn open(&mut self, id: PeerId, room: RoomId, after: Option<Seq>) -> Result<(), Refusal> {
        let Some(peer) = self.peer(id).filter(|p| p.welcomed) else {
            return Ok(());
        };
        if !peer.is_listed() {
            return Ok(());
        }
        let slot = peer.id.slot;
        if let Some(coming) = peer.coming.iter_mut().find(|coming| coming.room == room) {
            // It is told as a whole first: told later, that would take back what `opened` and events said.
            coming.open = Some(after);
            return Ok(());
        }
        let interest = self.interest(slot, room);
        let interest = interest.ok_or(RefusalCode::NotFound)?;
        let open_rooms = self.peers[slot as usize]
            .rooms
            .iter()
            .filter(|i| i.open)
            .count();
        if !interest.open && open_rooms >= OPEN_ROOMS_MAX {
            return Err(RefusalCode::LimitReached.into());
        }
        self.forget_keeping_room(slot, interest, |hub, index| {
            let head = hub.rooms[index as usize].head_for(interest);
            let start = Subscription::start(after, head);
            hub.tell_listed(slot, interest, start.from);
            hub.follow_open(slot, index, Subscription::after(start.from));
            hub.send(
                id,
                &ServerFrame::Opened {
                    room,
                    from: start.from,
                    head: head.max(start.from),
                },
            );
        });
        self.catch_up_room(slot, room);
        Ok(())
    }

    /// Back to summaries. `[SB6]`
    pub fn close_room(&mut self, id: PeerId, room: RoomId) {
        let Some(peer) = self.peer(id).filter(|p| p.welcomed && p.is_listed()) else {
            return;
        };
        let slot = peer.id.slot;
        if let Some(coming) = peer.coming.iter_mut().find(|coming| coming.room == room) {
            coming.open = None;
        }
        let Some(interest) = self.interest(slot, room).filter(|i| i.open) else {
            return;
        };
        let open = &self.rooms[interest.room as usize].open;
        let told_by_event = open[interest.place as usize].told_by_event;
        self.forget_keeping_room(slot, interest, |hub, index| {
            // Told in any case: what was sent since the client closed it went by unheard. Only a head that this hub has
            // not come to waits for it, and until then the peer keeps what it knew.
            let entry = &hub.rooms[index as usize];
            let told = if entry.is_ahead() {
                entry.open[interest.place as usize].subscription.last()
            } else {
                Seq::ZERO
            };
            hub.list(slot, index, told);
            hub.moved.insert(index);
        });
        if told_by_event {
            // That event may be among what went by unheard. [EV8] [SB10]
            self.read_summary(id, room);
        }
    }

    /// Takes a peer out of a room's table and puts it back otherwise, without dropping the room in between.
    fn forget_keeping_room(
        &mut self,
        slot: u32,
        interest: Interest,
        then: impl FnOnce(&mut Hub<W>, u32),
    ) {
        let peer = &mut self.peers[slot as usize];
        peer.rooms.retain(|i| i.room != interest.room);
        let room = self.rooms[interest.room as usize].id;
        peer.reading.retain(|r| *r != room);
        then(self, interest.room);
        self.unfollow(interest.room, slot, interest.open, interest.place);
    }
}

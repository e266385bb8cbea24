//! News to peers: a committed batch, walked once.
//!
//! Owns: the hot loop. For each segment the bytes are made once, and each follower who is level gets them by one write.
//! Never: allocates or locks for a follower, or waits for one; who cannot take it now comes by `catchup` later.

use std::sync::Arc;

use bytes::BytesMut;
use smallvec::SmallVec;
use tidings_protocol::{Kind, LeftRoom, LogId, RoomId, ServerFrame, TxnId, UserId, content::Known};
use tidings_sync::Due;

use super::{Hub, PeerId, Wire};
use crate::{
    batch::{Batch, Membership, Segment, membership},
    encoded::{self, Logged},
    work::Answer,
};

impl<W: Wire> Hub<W> {
    /// Hands each segment to those who follow its log.
    pub(super) fn deliver_segments(&mut self, batch: &Arc<Batch>) {
        for segment in &batch.segments {
            match segment.log {
                LogId::Room(room) => self.room_segment(room, segment),
                LogId::User(user) => self.user_segment(user, segment),
            }
        }
    }

    fn room_segment(&mut self, room: RoomId, segment: &Segment) {
        if let Some(&index) = self.room_index.get(&room) {
            let entry = &mut self.rooms[index as usize];
            let mut changed_unseen = false;
            for event in &segment.events {
                changed_unseen |= entry.last.is_none() && event.changes_message();
                entry.note(event);
            }
            self.fan_out(index, segment);
            if let Some(membership) = segment.membership {
                self.count_member(index, segment.last(), membership);
            }
            if changed_unseen {
                self.lose_last_line(index);
            }
            self.read_last_line(index);
            if !self.rooms[index as usize].listed.is_empty() {
                self.moved.insert(index);
            }
        }
        for event in &segment.events {
            if event.event().is(Kind::RoleChanged)
                && let Some(Known::RoleChanged { user, .. }) = event.known()
            {
                for slot in self.user_peers(*user) {
                    if !self.began_with(slot, event) {
                        self.has_another_role(slot, room);
                    }
                }
            }
        }
        if let Some(Membership { user, joined }) = segment.membership {
            if !joined {
                self.check_watching(user);
            }
            for slot in self.user_peers(user) {
                // An older leaving would take a room away that the peer began with, and whoever is cut off then comes
                // back with a cursor that says nothing of it. [SB8]
                let news = segment.events.last();
                let news = news.filter(|event| !self.began_with(slot, event));
                if let Some(event) = news
                    && self.peers[slot as usize].is_listed()
                {
                    if joined {
                        self.came(slot, room)
                    } else {
                        let by = Some(event.event().actor);
                        self.went(slot, LeftRoom { room, by })
                    }
                }
            }
        }
    }

    fn began_with(&self, slot: u32, event: &Logged) -> bool {
        let event = event.event();
        self.peers[slot as usize].began_with(event.shard, event.position)
    }

    /// The hot loop: one room, one segment, every peer that has the room open.
    fn fan_out(&mut self, index: u32, segment: &Segment) {
        let (first, last) = (segment.first(), segment.last());
        let own = self.own_slots(segment);
        let mut delivered = 0;
        let entry = &mut self.rooms[index as usize];
        for follower in &mut entry.open {
            let peer = &mut self.peers[follower.slot as usize];
            if !peer.is_ready() {
                continue;
            }
            match follower.subscription.due(first, last) {
                Due::All if own.is_empty() || !own.contains(&follower.slot) => {
                    peer.wire.send(segment.frames(peer.wire.format()));
                    follower.subscription.sent(last);
                    delivered += 1;
                }
                Due::All | Due::From(_) => {
                    let from = follower.subscription.next();
                    peer.wire
                        .send(&segment.frames_for(peer.user, peer.wire.format(), from));
                    follower.subscription.sent(last);
                    delivered += 1;
                }
                Due::Nothing | Due::Later => {}
            }
        }
        self.delivered += delivered * segment.events.len() as u64;
    }

    /// The slots of those whose own events are in the segment: their copies carry the `txn`. `[EV4]`
    fn own_slots(&self, segment: &Segment) -> SmallVec<[u32; 8]> {
        let mut own = SmallVec::new();
        for event in &segment.events {
            if event.event().txn.is_some()
                && let Some(entry) = self.users.get(&event.event().actor)
            {
                own.extend(entry.slots.iter().copied());
            }
        }
        own
    }

    fn user_segment(&mut self, user: UserId, segment: &Segment) {
        let Some(entry) = self.users.get_mut(&user) else {
            return;
        };
        entry.head = entry.head.max(segment.last());
        let slots = entry.slots.clone();
        for &slot in &slots {
            let peer = &mut self.peers[slot as usize];
            if !peer.is_listed() || !peer.is_ready() {
                continue;
            }
            match peer.user_log.due(segment.first(), segment.last()) {
                Due::All | Due::From(_) => {
                    let from = peer.user_log.next();
                    peer.wire
                        .send(&segment.frames_for(user, peer.wire.format(), from));
                    peer.user_log.sent(segment.last());
                }
                Due::Nothing | Due::Later => {}
            }
        }
        self.close_removed_devices(user, &segment.events);
    }

    fn close_removed_devices(&mut self, user: UserId, events: &[Arc<Logged>]) {
        for event in events {
            if let Some(Known::DeviceRemoved { device, .. }) = event.known() {
                self.close_device(user, *device);
            }
        }
    }

    /// Hands a batch to those who follow everything, event by event in position order. `[CU4]`
    pub(super) fn deliver_all(&mut self, batch: &Arc<Batch>) {
        let mut due: Vec<(u32, usize)> = Vec::new();
        for (index, event) in batch.events.iter().enumerate() {
            match event.event().log {
                LogId::Room(room) => {
                    let change = membership(event);
                    if event.event().is(Kind::RoomCreated) {
                        self.change_all(event.event().actor, room, event, true);
                    }
                    if let Some(Membership { user, joined: true }) = change {
                        self.change_all(user, room, event, true);
                    }
                    if let Some(&entry) = self.room_index.get(&room) {
                        due.extend(
                            self.rooms[entry as usize]
                                .all
                                .iter()
                                .map(|slot| (*slot, index)),
                        );
                    }
                    if let Some(Membership {
                        user,
                        joined: false,
                    }) = change
                    {
                        self.change_all(user, room, event, false);
                    }
                }
                LogId::User(user) => {
                    for slot in self.user_peers(user) {
                        if !self.peers[slot as usize].is_listed() {
                            due.push((slot, index));
                        }
                    }
                }
            }
        }
        // Stable: the events of one peer stay in their order.
        due.sort_by_key(|(slot, _)| *slot);
        for events in due.chunk_by(|a, b| a.0 == b.0) {
            self.all_events(events[0].0, batch, events);
        }
    }

    fn all_events(&mut self, slot: u32, batch: &Batch, events: &[(u32, usize)]) {
        let peer = &mut self.peers[slot as usize];
        let ready = peer.is_ready();
        let Some(all) = &mut peer.all else { return };
        if !all.replay.is_live() {
            return;
        }
        if !ready {
            all.replay.fell_behind();
            return;
        }
        // The state that `ready` carried may have been ahead of this hub: what it told is not told again.
        let had = all.replay.cursor().position(batch.shard);
        let format = peer.wire.format();
        let mut bytes = BytesMut::new();
        for (_, index) in events {
            let event = &batch.events[*index];
            let position = event.event().position;
            if position <= had {
                continue;
            }
            if format != encoded::Format::Plain {
                bytes.extend_from_slice(&event.frame_for(peer.user, format));
                all.replay.sent(batch.shard, position);
                all.untold += 1;
                continue;
            }
            if peer.wire.is_full() {
                all.replay.fell_behind();
                return;
            }
            all.replay.sent(batch.shard, position);
            peer.wire
                .send_at(&event.frame_for(peer.user, format), all.replay.cursor());
        }
        if !bytes.is_empty() {
            peer.wire.send(&bytes.freeze());
            peer.tell_own_cursor();
        }
    }

    /// A membership of one who follows everything changed.
    fn change_all(&mut self, user: UserId, room: RoomId, event: &Logged, joined: bool) {
        for slot in self.user_peers(user) {
            let peer = &mut self.peers[slot as usize];
            if !peer.welcomed {
                peer.stale = true;
                continue;
            }
            let Some(all) = &mut peer.all else { continue };
            // What the peer began with may be ahead of this event: the later change stays.
            let position = event.event().position;
            let changed = all.changed.entry(event.event().shard.0).or_insert(position);
            *changed = (*changed).max(position);
            if joined {
                self.follow_all(slot, room);
            } else {
                all.rooms.remove(&room);
                self.leave_all(room, slot);
            }
        }
    }

    /// The answer to a peer's command: its event, unless that was sent in its place already. `[CM2]` `[CM9]`
    pub fn answer(&mut self, id: PeerId, txn: &TxnId, answer: Answer) {
        let Some(peer) = self.peer(id) else { return };
        let format = peer.wire.format();
        let again = matches!(answer, Answer::Before(_));
        match answer {
            Answer::Happened(event) | Answer::Before(event) => {
                if again || !self.was_sent(id, &event) {
                    let bytes = event.answer(format);
                    if let Some(peer) = self.peer(id) {
                        peer.answer(bytes);
                    }
                }
            }
            Answer::Unchanged(log) => self.send(
                id,
                &ServerFrame::Unchanged {
                    txn: txn.clone(),
                    log,
                },
            ),
            Answer::Refused(refusal) => {
                self.refuse(id, Some(txn.clone()), None, refusal);
            }
        }
    }

    /// Whether the event of an answer was sent to the peer in its place in the log: then that was the answer.
    fn was_sent(&self, id: PeerId, event: &Logged) -> bool {
        let peer = &self.peers[id.slot as usize];
        let envelope = event.event();
        match (&peer.all, envelope.log) {
            (Some(all), _) => all.replay.has_sent(envelope.shard, envelope.position),
            (None, LogId::User(_)) => peer.user_log.has_sent(envelope.seq),
            (None, LogId::Room(room)) => self
                .interest(id.slot, room)
                .filter(|i| i.open)
                .is_some_and(|interest| {
                    let open = &self.rooms[interest.room as usize].open;
                    open[interest.place as usize]
                        .subscription
                        .has_sent(envelope.seq)
                }),
        }
    }
}

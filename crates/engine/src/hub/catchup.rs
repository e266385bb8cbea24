//! The past to peers: those who were away, opened a room, or fell behind.
//!
//! Owns: where a peer's missing events come from (the ring, else the store) and that each is handed over once.
//! Never: keeps more than one page for a peer, or lets a slow one hold up others. `[P5]`

use std::{collections::VecDeque, sync::Arc};

use bytes::{Bytes, BytesMut};
use tidings_core::StoredEvent;
use tidings_protocol::{CloseCode, LogId, RoomId, Seq, ServerFrame, ShardId, UserId};
use tidings_sync::{Due, Step, Subscription};

use super::{CATCHUP_PAGE, Effect, Hub, PeerId, Wire, rooms::RoomEntry};
use crate::encoded::{Format, Logged};

/// Bytes handed to a wire at once while catching up; then it is asked whether it is full.
const CATCHUP_BYTES_MAX: usize = 32 * 1024;

impl<W: Wire> Hub<W> {
    /// The wire has room again: what is owed first, then what was missed.
    pub fn drained(&mut self, id: PeerId) {
        let Some(peer) = self.peer(id) else { return };
        peer.pay();
        if !peer.is_ready() {
            return;
        }
        let slot = peer.id.slot;
        if peer.is_listed() {
            let interests = self.peers[slot as usize].rooms.iter();
            let open: Vec<RoomId> = interests
                .filter(|i| i.open)
                .map(|i| self.rooms[i.room as usize].id)
                .collect();
            for room in open {
                self.catch_up_room(slot, room);
            }
            self.catch_up_user_log(slot);
            self.note_untold(slot);
        } else {
            self.catch_up_all(slot);
        }
    }

    /// Hands over what a peer misses of an open room: from the ring, or by a read.
    pub(super) fn catch_up_room(&mut self, slot: u32, room: RoomId) {
        loop {
            let Some(interest) = self.interest(slot, room).filter(|i| i.open) else {
                return;
            };
            let entry = &mut self.rooms[interest.room as usize];
            let head = entry.head;
            let subscription = entry.open[interest.place as usize].subscription;
            let peer = &mut self.peers[slot as usize];
            if subscription.is_level(head) || !peer.is_ready() {
                return;
            }
            let (user, format) = (peer.user, peer.wire.format());
            if let Some((bytes, last)) = recent_frames(entry, subscription, user, format) {
                peer.wire.send(&bytes);
                entry.open[interest.place as usize].subscription.sent(last);
                continue;
            }
            if subscription.is_lost(head) {
                // [SB5]
                entry.open[interest.place as usize].subscription = Subscription::after(head);
                let id = peer.id;
                self.send(
                    id,
                    &ServerFrame::Opened {
                        room,
                        from: head,
                        head,
                    },
                );
                return;
            }
            if !peer.reading.contains(&room) {
                peer.reading.push(room);
                let (peer, after) = (peer.id, subscription.last());
                self.effects.push(Effect::ReadLog {
                    peer,
                    log: LogId::Room(room),
                    after,
                });
            }
            return;
        }
    }

    pub(super) fn catch_up_user_log(&mut self, slot: u32) {
        let peer = &mut self.peers[slot as usize];
        let head = self
            .users
            .get(&peer.user)
            .map_or(Seq::ZERO, |entry| entry.head);
        if peer.is_listed()
            && !peer.user_log.is_level(head)
            && !peer.reading_user_log
            && peer.is_ready()
        {
            peer.reading_user_log = true;
            let effect = Effect::ReadLog {
                peer: peer.id,
                log: LogId::User(peer.user),
                after: peer.user_log.last(),
            };
            self.effects.push(effect);
        }
    }

    /// The answer to [`Effect::ReadLog`]. A page for a room that was closed or lost meanwhile goes nowhere. `[P6]`
    pub fn log_page(&mut self, id: PeerId, log: LogId, mut page: Vec<StoredEvent>) {
        let Some(peer) = self.peer(id) else { return };
        let slot = peer.id.slot;
        match log {
            LogId::User(_) => {
                peer.reading_user_log = false;
                let mut subscription = peer.user_log;
                let empty = page.is_empty();
                self.hand_over(slot, page, &mut subscription);
                self.peers[slot as usize].user_log = subscription;
                if !empty {
                    self.catch_up_user_log(slot);
                }
            }
            LogId::Room(room) => {
                if !peer.reading.contains(&room) {
                    return;
                }
                peer.reading.retain(|r| *r != room);
                let Some(interest) = self.interest(slot, room).filter(|i| i.open) else {
                    return;
                };
                let place = interest.place as usize;
                let mut subscription = self.rooms[interest.room as usize].open[place].subscription;
                // The store may be ahead of this hub. What the hub has not seen comes as news, in its order with the
                // changes of who may see it.
                page.retain(|event| event.position <= self.head_of(event.shard));
                let empty = page.is_empty();
                self.hand_over(slot, page, &mut subscription);
                self.rooms[interest.room as usize].open[place].subscription = subscription;
                if !empty {
                    self.catch_up_room(slot, room);
                }
            }
        }
    }

    /// Hands over a page as far as the wire takes it. What it does not take is read again later.
    fn hand_over(&mut self, slot: u32, page: Vec<StoredEvent>, subscription: &mut Subscription) {
        let peer = &mut self.peers[slot as usize];
        if !peer.is_ready() {
            return;
        }
        let mut bytes = BytesMut::new();
        for event in page {
            if subscription.due(event.seq, event.seq) != Due::All {
                continue;
            }
            let seq = event.seq;
            bytes.extend_from_slice(&Logged::read(event).frame_for(peer.user, peer.wire.format()));
            subscription.sent(seq);
            if bytes.len() >= CATCHUP_BYTES_MAX {
                peer.wire.send(&bytes.split().freeze());
                if peer.wire.is_full() {
                    return;
                }
            }
        }
        if !bytes.is_empty() {
            peer.wire.send(&bytes.freeze());
        }
    }

    /// Moves a peer that follows everything towards the present.
    pub(super) fn catch_up_all(&mut self, slot: u32) {
        let mut heads = self.heads();
        if let Some(all) = &self.peers[slot as usize].all {
            // The state that the peer began with may be ahead of this hub, and the rooms it follows are those of that
            // state: what lies before it comes from the store, which knows who could see what then.
            for (shard, changed) in &all.changed {
                let head = &mut heads[usize::from(*shard)];
                *head = (*head).max(*changed);
            }
        }
        loop {
            self.send_page(slot);
            let peer = &mut self.peers[slot as usize];
            if !peer.is_ready() {
                return;
            }
            let Some(all) = &mut peer.all else { return };
            if !all.page.is_empty() {
                return;
            }
            match all.replay.step(&heads) {
                Step::Live | Step::Wait => return,
                Step::Read { shard, after, upto } => {
                    if let Some(page) = self.recent_visible(slot, shard, after) {
                        self.take_page(slot, page, true);
                    } else {
                        let peer = &self.peers[slot as usize];
                        self.effects.push(Effect::ReadVisible {
                            peer: peer.id,
                            user: peer.user,
                            shard,
                            after,
                            upto,
                        });
                        return;
                    }
                }
            }
        }
    }

    /// What a peer may see of a shard's ring after a position, when the ring reaches back to it and no membership of
    /// the peer's user changed since.
    fn recent_visible(
        &self,
        slot: u32,
        shard: ShardId,
        after: tidings_protocol::Position,
    ) -> Option<VecDeque<Arc<Logged>>> {
        let peer = &self.peers[slot as usize];
        let all = peer.all.as_ref()?;
        let ring = &self.shards[usize::from(shard.0)].ring;
        let first = ring.front()?.event().position;
        if first > after.next()
            || all
                .changed
                .get(&shard.0)
                .is_some_and(|changed| *changed > after)
        {
            return None;
        }
        let visible = |event: &&Arc<Logged>| match event.event().log {
            LogId::Room(room) => all.rooms.contains(&room),
            LogId::User(user) => user == peer.user,
        };
        Some(
            ring.iter()
                .filter(|event| event.event().position > after)
                .filter(visible)
                .cloned()
                .collect(),
        )
    }

    /// The answer to [`Effect::ReadVisible`]. None when it cannot be told any more: then the peer comes back with its
    /// cursor, and is told to start over. `[SB11]`
    pub fn visible_page(&mut self, id: PeerId, page: Option<Vec<StoredEvent>>) {
        let Some(peer) = self.peer(id) else { return };
        let slot = peer.id.slot;
        let Some(page) = page else {
            return self.close(id, CloseCode::Restarting);
        };
        let complete = page.len() < CATCHUP_PAGE as usize;
        self.take_page(slot, page.into_iter().map(Logged::read).collect(), complete);
        self.catch_up_all(slot);
    }

    fn take_page(&mut self, slot: u32, page: VecDeque<Arc<Logged>>, complete: bool) {
        if let Some(all) = &mut self.peers[slot as usize].all {
            all.page = page;
            all.page_complete = complete;
            if all.page.is_empty() {
                all.replay.page_sent(complete);
            }
        }
    }

    /// Hands over the rest of the page in hand.
    fn send_page(&mut self, slot: u32) {
        let peer = &mut self.peers[slot as usize];
        let format = peer.wire.format();
        while peer.is_ready() {
            let Some(all) = &mut peer.all else { return };
            if all.page.is_empty() {
                return;
            }
            let mut bytes = BytesMut::new();
            while let Some(event) = all.page.pop_front() {
                let (shard, position) = (event.event().shard, event.event().position);
                all.replay.sent(shard, position);
                if !all.may_tell(peer.user, &event) {
                    // They left while the page was read, or waited for the wire.
                    continue;
                }
                bytes.extend_from_slice(&event.frame_for(peer.user, format));
                all.untold += 1;
                if bytes.len() >= CATCHUP_BYTES_MAX || format == Format::Plain {
                    break;
                }
            }
            if all.page.is_empty() {
                all.replay.page_sent(all.page_complete);
            }
            if !bytes.is_empty() {
                peer.wire.send_at(&bytes.freeze(), all.replay.cursor());
                peer.tell_own_cursor();
            }
        }
        if let Some(all) = &mut peer.all {
            all.keep_little();
        }
    }
}

/// The next frames for a subscriber from the room's ring, when that still has them: a stretch, and where it ends.
fn recent_frames(
    entry: &RoomEntry,
    subscription: Subscription,
    reader: UserId,
    format: Format,
) -> Option<(Bytes, Seq)> {
    let mut bytes = BytesMut::new();
    let mut last = subscription.last();
    for event in entry.recent(subscription.next())? {
        bytes.extend_from_slice(&event.frame_for(reader, format));
        last = event.event().seq;
        if bytes.len() >= CATCHUP_BYTES_MAX {
            break;
        }
    }
    Some((bytes.freeze(), last))
}

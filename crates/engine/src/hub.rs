//! The hub of one core: which of its peers is due which bytes. Single-threaded, no lock, no queue a peer.
//!
//! Owns: the core's peers and the rooms they follow; the order in which each peer gets things; who may see, decided
//! here, where bytes leave, in the same order as the events that change it `[P6]`.
//! Never: waits or does I/O. What takes time comes out as an [`Effect`] and its result comes back by a method.
//!
//! The parts: `peer` (one peer and its wire), `rooms` (a room's followers and ring), `deliver` (news), `catchup` (the past),
//! `membership` (rooms come and go), `welcome` (a session begins), `signals` (typing, presence), `counts` (its counts).

mod catchup;
mod counts;
mod deliver;
mod listed;
mod membership;
mod peer;
mod rooms;
mod signals;
#[cfg(test)]
mod tests;
mod welcome;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
};

use slab::Slab;
use smallvec::SmallVec;
use tidings_protocol::{
    CloseCode, Cursor, DeviceId, Epoch, LogId, Position, Presence, Refusal, RoomId, Seq,
    ServerFrame, ShardId, TxnId, UserId, content::Known,
};

pub use peer::{Hello, Wire};

use crate::{
    batch::Batch,
    encoded::{self, Logged},
    work::PeerId,
};
use counts::Counts;
use peer::Peer;
use rooms::RoomEntry;
use signals::Watching;

/// Recent events a hub keeps of one shard, to cut peers over from the past to the present; and their bytes.
const SHARD_RING_EVENTS_MAX: usize = 2_048;
const SHARD_RING_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Events of one read for a peer that catches up.
pub const CATCHUP_PAGE: u32 = 100;
/// Seconds between looks at a peer's silence.
const BEAT_EVERY_S: u32 = 2;
/// Seconds between cursors told to a peer. `[SB9]`
const CURSOR_EVERY_S: u32 = 16;

/// Something the hub wants done that takes time. Each is answered by the method it names.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Read `log` after `after`, at most [`CATCHUP_PAGE`]; answer by [`Hub::log_page`].
    ReadLog {
        /// For this peer.
        peer: PeerId,
        /// This log.
        log: LogId,
        /// After this event.
        after: Seq,
    },
    /// Read what `user` may see of `shard`; answer by [`Hub::visible_page`].
    ReadVisible {
        /// For this peer.
        peer: PeerId,
        /// Who reads.
        user: UserId,
        /// Of this shard.
        shard: ShardId,
        /// After this position.
        after: Position,
        /// Up to this one.
        upto: Position,
    },
    /// Read the state that `hello` needs; answer by [`Hub::welcome`].
    Resume {
        /// For this peer.
        peer: PeerId,
        /// Who.
        user: UserId,
        /// Since when, if the cursor can be served.
        since: Option<Cursor>,
    },
    /// Read a room as `user` sees it; answer by [`Hub::room_summary`].
    ReadSummary {
        /// For this peer.
        peer: PeerId,
        /// Who.
        user: UserId,
        /// Which.
        room: RoomId,
        /// What the hub has seen of the room's shard: handed back with the answer.
        seen: Position,
    },
    /// Read how far a room has come and its last line, once for all who list it; answer by [`Hub::last_line`].
    ReadLast {
        /// Which.
        room: RoomId,
    },
    /// Read a shard after `after`; answer by [`Hub::filled`].
    Fill {
        /// Which.
        shard: ShardId,
        /// After this position.
        after: Position,
    },
    /// Find out whose presence the user may see; answer by [`Hub::watching`].
    Authorise {
        /// For this peer.
        peer: PeerId,
        /// Who watches.
        user: UserId,
        /// Whom.
        users: Vec<UserId>,
        /// Which of the peer's questions this is.
        asked: u32,
    },
}

/// What the hub knows of one shard.
#[derive(Debug, Default)]
struct ShardEntry {
    head: Position,
    ring: VecDeque<Arc<Logged>>,
    ring_bytes: usize,
    filling: bool,
    /// There was a hole again while it was being filled: what is being read may not reach as far.
    fill_again: bool,
}

/// The sessions of one user on this core.
#[derive(Debug, Default)]
struct UserEntry {
    slots: SmallVec<[u32; 2]>,
    head: Seq,
}

/// The hub of one core. `W` is where a peer's bytes go.
pub struct Hub<W> {
    core: u16,
    epoch: Epoch,
    peers: Slab<Peer<W>>,
    generation: u32,
    shards: Vec<ShardEntry>,
    rooms: Slab<RoomEntry>,
    room_index: HashMap<RoomId, u32>,
    users: HashMap<UserId, UserEntry>,
    watching: Watching,
    counts: Counts,
    /// Rooms whose listed followers await a summary.
    moved: BTreeSet<u32>,
    effects: Vec<Effect>,
    /// Events handed to wires since [`Hub::take_delivered`].
    delivered: u64,
    /// Sessions that came back with more than the store has.
    cursors_ahead: u64,
    /// Seconds, as the driver counts them.
    now: u32,
}

impl<W: Wire> Hub<W> {
    /// A hub for one core, level with the node's heads.
    #[must_use]
    pub fn new(core: u16, epoch: Epoch, heads: &[Position]) -> Hub<W> {
        let shards = heads
            .iter()
            .map(|&head| ShardEntry {
                head,
                ..ShardEntry::default()
            })
            .collect();
        Hub {
            core,
            epoch,
            peers: Slab::new(),
            generation: 0,
            shards,
            rooms: Slab::new(),
            room_index: HashMap::new(),
            users: HashMap::new(),
            watching: Watching::default(),
            counts: Counts::default(),
            moved: BTreeSet::new(),
            effects: Vec::new(),
            delivered: 0,
            cursors_ahead: 0,
            now: 0,
        }
    }

    /// After a bug, what the hub holds may be torn: ends every session and begins as new at these heads, with new ids.
    /// Returns whose sessions had begun, and how present they were.
    pub fn renew(&mut self, heads: &[Position]) -> Vec<(UserId, Presence)> {
        let fresh = Hub {
            generation: self.generation,
            delivered: self.delivered,
            now: self.now,
            ..Hub::new(self.core, self.epoch, heads)
        };
        let torn = std::mem::replace(self, fresh);
        let mut gone = Vec::new();
        for (_, mut peer) in torn.peers {
            if !peer.closing {
                peer.wire.close(CloseCode::Internal);
            }
            if peer.welcomed {
                gone.push((peer.user, peer.presence));
            }
        }
        gone
    }

    /// The core's number.
    #[must_use]
    pub const fn core(&self) -> u16 {
        self.core
    }

    /// What the hub wants done since the last call.
    #[must_use]
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// How many events went to peers as news since the last call.
    pub fn take_delivered(&mut self) -> u64 {
        std::mem::take(&mut self.delivered)
    }

    /// How many peers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether nobody is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// How many rooms somebody follows.
    #[must_use]
    pub fn rooms_followed(&self) -> usize {
        self.rooms.len()
    }

    /// The last position of each shard that this hub has passed on.
    #[must_use]
    pub fn heads(&self) -> Vec<Position> {
        self.shards.iter().map(|shard| shard.head).collect()
    }

    fn peer(&mut self, id: PeerId) -> Option<&mut Peer<W>> {
        self.peers
            .get_mut(id.slot as usize)
            .filter(|peer| peer.id.generation == id.generation)
    }

    /// The peer's wire, if the peer is still there.
    pub fn wire(&mut self, id: PeerId) -> Option<&mut W> {
        self.peer(id).map(|peer| &mut peer.wire)
    }

    /// Whose session it is, once it was greeted.
    pub fn user_of(&mut self, id: PeerId) -> Option<UserId> {
        self.peer(id).map(|peer| peer.user)
    }

    /// Takes a batch that was committed on any node. A hole is noticed and read from the store.
    pub fn batch(&mut self, batch: &Arc<Batch>) {
        let index = usize::from(batch.shard.0);
        let head = self.shards[index].head;
        if batch.last() <= head {
            return;
        }
        if batch.first() != head.next() {
            self.fill(batch.shard);
            return;
        }
        self.shards[index].head = batch.last();
        for event in &batch.events {
            self.remember(index, event);
        }
        self.deliver_all(batch);
        self.deliver_segments(batch);
    }

    /// News of a shard did not reach this hub: it is read from the store.
    pub fn missed(&mut self, shard: ShardId) {
        self.fill(shard);
    }

    fn fill(&mut self, shard: ShardId) {
        let entry = &mut self.shards[usize::from(shard.0)];
        if entry.filling {
            entry.fill_again = true;
        } else {
            entry.filling = true;
            self.effects.push(Effect::Fill {
                shard,
                after: entry.head,
            });
        }
    }

    /// The answer to [`Effect::Fill`]: what came after, in order. Asks again while pages are full.
    pub fn filled(&mut self, shard: ShardId, batch: Option<Arc<Batch>>, more: bool) {
        let entry = &mut self.shards[usize::from(shard.0)];
        entry.filling = false;
        let again = std::mem::take(&mut entry.fill_again);
        if let Some(batch) = batch {
            self.batch(&batch);
        }
        if more || again {
            self.fill(shard);
        }
    }

    fn remember(&mut self, index: usize, event: &Arc<Logged>) {
        let entry = &mut self.shards[index];
        if let Some(Known::MessageDeleted { target, .. }) = event.known() {
            // [EV8] What is erased in the store is erased here, too.
            for old in entry
                .ring
                .iter_mut()
                .filter(|old| old.event().log == event.event().log)
            {
                if rooms::concerns(old, *target) {
                    entry.ring_bytes -= old.weight();
                    *old = old.erased();
                    entry.ring_bytes += old.weight();
                }
            }
        }
        entry.ring_bytes += event.weight();
        entry.ring.push_back(Arc::clone(event));
        while entry.ring.len() > SHARD_RING_EVENTS_MAX || entry.ring_bytes > SHARD_RING_BYTES_MAX {
            let Some(old) = entry.ring.pop_front() else {
                break;
            };
            entry.ring_bytes -= old.weight();
        }
    }

    /// A new connection that has not said hello.
    pub fn connect(&mut self, wire: W) -> PeerId {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let entry = self.peers.vacant_entry();
        let id = PeerId {
            slot: entry.key() as u32,
            generation,
        };
        entry.insert(Peer::new(id, wire, self.now));
        id
    }

    /// The connection is gone. Returns whose it was and how present, if it had been welcomed.
    pub fn disconnect(&mut self, id: PeerId) -> Option<(UserId, Presence)> {
        self.peer(id)?;
        self.leave_everything(id.slot);
        let peer = self.peers.remove(id.slot as usize);
        peer.welcomed.then_some((peer.user, peer.presence))
    }

    fn leave_everything(&mut self, slot: u32) {
        let interests = std::mem::take(&mut self.peers[slot as usize].rooms);
        for interest in interests {
            self.unfollow(interest.room, slot, interest.open, interest.place);
        }
        let (user, greeted) = {
            let peer = &self.peers[slot as usize];
            (peer.user, peer.greeted)
        };
        if let Some(all) = self.peers[slot as usize].all.take() {
            for room in all.rooms {
                self.leave_all(room, slot);
            }
        }
        let watching = std::mem::take(&mut self.peers[slot as usize].watching);
        self.unwatch(slot, &watching);
        self.watching.unaware.remove(&self.peers[slot as usize].id);
        if greeted && let Some(entry) = self.users.get_mut(&user) {
            entry.slots.retain(|s| *s != slot);
            if entry.slots.is_empty() {
                self.users.remove(&user);
            }
        }
    }

    /// Ends a session: what was handed to the wire goes first, then the close code.
    pub fn close(&mut self, id: PeerId, code: CloseCode) {
        if let Some(peer) = self.peer(id)
            && !peer.closing
        {
            peer.closing = true;
            peer.wire.close(code);
        }
    }

    /// Sends one frame to one peer: at once, or after what its wire still holds.
    pub fn send(&mut self, id: PeerId, frame: &ServerFrame) {
        if let Some(peer) = self.peer(id) {
            let bytes = encoded::frame(peer.wire.format(), frame);
            peer.answer(bytes);
        }
    }

    /// Says no to one peer: to a command, to what it asked of a room, or to a frame that is neither. `[RF1]`
    pub fn refuse(
        &mut self,
        id: PeerId,
        txn: Option<TxnId>,
        room: Option<RoomId>,
        refusal: Refusal,
    ) {
        self.send(id, &ServerFrame::Refused { txn, room, refusal });
    }

    /// Something was heard from the peer.
    pub fn heard(&mut self, id: PeerId) {
        let now = self.now;
        if let Some(peer) = self.peer(id) {
            peer.heard = now;
        }
    }

    /// Tells every peer to come back elsewhere, then closes with `restarting`. `[CL2]`
    pub fn drain(&mut self, jitter_ms: u64) {
        let ids: Vec<PeerId> = self.peers.iter().map(|(_, peer)| peer.id).collect();
        for id in ids {
            self.send(id, &ServerFrame::Reconnect { jitter_ms });
            self.close(id, CloseCode::Restarting);
        }
    }

    /// One second has passed: pings and closes by silence `[HB1]` `[HB2]`, and tells cursors `[SB9]`.
    pub fn beat(&mut self) {
        self.now = self.now.wrapping_add(1);
        self.flush_listed();
        let heads = self.heads();
        let mut told: [Option<bytes::Bytes>; encoded::FORMATS] = Default::default();
        let (now, epoch) = (self.now, self.epoch);
        for (slot, peer) in &mut self.peers {
            if slot as u32 % BEAT_EVERY_S != now % BEAT_EVERY_S || peer.closing {
                continue;
            }
            peer.hub_is_at(&heads);
            if slot as u32 % CURSOR_EVERY_S == now % CURSOR_EVERY_S && peer.may_tell_cursor(&heads)
            {
                let format = peer.wire.format();
                let bytes = told[format.index()].get_or_insert_with(|| {
                    let cursor = Cursor {
                        epoch,
                        positions: heads.clone(),
                    };
                    encoded::frame(format, &ServerFrame::Cursor { cursor })
                });
                peer.told = heads.iter().map(|p| p.0).sum();
                peer.wire.send(bytes);
                if let Some(all) = &mut peer.all {
                    all.untold = 0;
                }
            }
            match peer.beat(now) {
                peer::Beat::Well => {}
                peer::Beat::Ping => {
                    if !peer.wire.is_full() {
                        peer.wire.ping();
                    }
                    if peer.wire.is_one_way() {
                        peer.heard = now;
                    }
                }
                peer::Beat::Dead(code) => {
                    peer.closing = true;
                    peer.wire.close(code);
                }
            }
        }
    }

    fn user_peers(&self, user: UserId) -> SmallVec<[u32; 2]> {
        self.users
            .get(&user)
            .map(|entry| entry.slots.clone())
            .unwrap_or_default()
    }

    /// Ends every session of one device. `[CL1]`
    fn close_device(&mut self, user: UserId, device: DeviceId) {
        for slot in self.user_peers(user) {
            let peer = &self.peers[slot as usize];
            if peer.device == device {
                self.close(peer.id, CloseCode::DeviceRemoved);
            }
        }
    }
}

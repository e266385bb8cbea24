//! Typing and presence: passing news, the latest counts, not kept for a wire that is full. `[SG1]`
//!
//! Owns: who on this core hears which signal. Never: stores or numbers one; what was missed is told as it is now.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::Bound,
};

use bytes::Bytes;
use smallvec::SmallVec;
use tidings_protocol::{Presence, RoomId, ServerFrame, UserId, frame::UserPresence};

use super::{Effect, Hub, PeerId, Wire};
use crate::encoded::{self, FORMATS};

/// Users whom peers are told of anew by one flush, since they missed changes. A storm is worked off by and by.
pub(super) const UNAWARE_AT_ONCE_MAX: usize = 20_000;

/// Who on this core watches whom.
#[derive(Debug, Default)]
pub(super) struct Watching {
    watchers: HashMap<UserId, SmallVec<[u32; 2]>>,
    /// Users whose presence changed since the last flush.
    changed: HashSet<UserId>,
    /// Peers that missed a change of those whom they watch.
    pub(super) unaware: BTreeSet<PeerId>,
    /// The one of them who was told last.
    told_last: PeerId,
}

impl<W: Wire> Hub<W> {
    /// Somebody types: told to the others who have the room open. `[SG2]`
    pub fn typing(&mut self, room: RoomId, user: UserId, on: bool) {
        let Some(&index) = self.room_index.get(&room) else {
            return;
        };
        let mut frames: [Option<Bytes>; FORMATS] = Default::default();
        let entry = &self.rooms[index as usize];
        let slots: Vec<u32> = entry
            .open
            .iter()
            .map(|o| o.slot)
            .chain(entry.all.iter().copied())
            .collect();
        for slot in slots {
            let peer = &mut self.peers[slot as usize];
            let live = peer.all.as_ref().is_none_or(|all| all.replay.is_live());
            if peer.user == user || !peer.is_ready() || !live {
                continue;
            }
            let format = peer.wire.format();
            let bytes = frames[format.index()].get_or_insert_with(|| {
                encoded::frame(format, &ServerFrame::Typing { room, user, on })
            });
            match &peer.all {
                Some(all) => peer.wire.send_at(bytes, all.replay.cursor()),
                None => peer.wire.send(bytes),
            }
        }
    }

    /// Sets whether the peer is looked at. Returns the change, for the presence book.
    pub fn set_presence(
        &mut self,
        id: PeerId,
        status: Presence,
    ) -> Option<(UserId, Presence, Presence)> {
        let peer = self.peer(id).filter(|p| p.welcomed)?;
        let before = std::mem::replace(&mut peer.presence, status);
        Some((peer.user, before, status))
    }

    /// Whose presence the peer wants to hear of: first it is found out whom it may. Too many were refused by the gate. `[SG3]`
    pub fn watch(&mut self, id: PeerId, mut users: Vec<UserId>) {
        let Some(peer) = self.peer(id).filter(|p| p.welcomed) else {
            return;
        };
        users.sort_unstable();
        users.dedup();
        let old = std::mem::take(&mut peer.watching);
        self.unwatch(id.slot, &old);
        self.authorise(id.slot, users);
    }

    fn authorise(&mut self, slot: u32, users: Vec<UserId>) {
        let peer = &mut self.peers[slot as usize];
        peer.asked = peer.asked.wrapping_add(1);
        if !users.is_empty() {
            self.effects.push(Effect::Authorise {
                peer: peer.id,
                user: peer.user,
                users,
                asked: peer.asked,
            });
        }
    }

    /// Somebody left a room: those who watch them, and whom they watch, may share none any more. `[SG3]`
    pub(super) fn check_watching(&mut self, user: UserId) {
        let mut slots = self.user_peers(user);
        slots.extend(
            self.watching
                .watchers
                .get(&user)
                .into_iter()
                .flatten()
                .copied(),
        );
        slots.sort_unstable();
        slots.dedup();
        for slot in slots {
            let users = self.peers[slot as usize].watching.clone();
            if !users.is_empty() {
                self.authorise(slot, users);
            }
        }
    }

    /// The answer to [`Effect::Authorise`]: whom the peer may watch, and how they are now.
    pub fn watching(&mut self, id: PeerId, asked: u32, users: Vec<(UserId, Presence)>) {
        let Some(peer) = self.peer(id).filter(|p| p.welcomed && p.asked == asked) else {
            return;
        };
        let slot = peer.id.slot;
        let old = std::mem::replace(
            &mut peer.watching,
            users.iter().map(|(user, _)| *user).collect(),
        );
        self.unwatch(slot, &old);
        for (user, _) in &users {
            self.watching.watchers.entry(*user).or_default().push(slot);
        }
        let users = users
            .into_iter()
            .map(|(user, status)| UserPresence { user, status })
            .collect();
        self.send(id, &ServerFrame::Presence { users });
    }

    pub(super) fn unwatch(&mut self, slot: u32, users: &[UserId]) {
        for user in users {
            if let Some(slots) = self.watching.watchers.get_mut(user) {
                slots.retain(|s| *s != slot);
                if slots.is_empty() {
                    self.watching.watchers.remove(user);
                }
            }
        }
    }

    /// Somebody's presence changed: how they are then is told with the next batch.
    pub fn presence(&mut self, user: UserId) {
        if self.watching.watchers.contains_key(&user) {
            self.watching.changed.insert(user);
        }
    }

    /// Changes of presence did not reach this hub: everybody who watches somebody may have missed one.
    pub fn missed_presence(&mut self) {
        let watching = self
            .peers
            .iter()
            .filter(|(_, peer)| !peer.watching.is_empty());
        self.watching
            .unaware
            .extend(watching.map(|(_, peer)| peer.id));
    }

    /// Tells watchers what changed since the last time, and counts. The driver calls it once every
    /// [`PRESENCE_EVERY_MS`](tidings_protocol::limits::PRESENCE_EVERY_MS); `status` says how a user is now.
    pub fn flush_presence(&mut self, status: impl Fn(UserId) -> Presence) {
        self.tell_unaware(&status);
        self.flush_counts();
        let changes = std::mem::take(&mut self.watching.changed);
        let mut due: HashMap<u32, Vec<UserPresence>> = HashMap::new();
        for user in changes {
            let status = status(user);
            for slot in self.watching.watchers.get(&user).into_iter().flatten() {
                due.entry(*slot)
                    .or_default()
                    .push(UserPresence { user, status });
            }
        }
        for (slot, users) in due {
            self.tell_presence(slot, users);
        }
    }

    fn tell_presence(&mut self, slot: u32, users: Vec<UserPresence>) {
        let peer = &mut self.peers[slot as usize];
        if !peer.is_ready() {
            self.watching.unaware.insert(peer.id);
            return;
        }
        let bytes = encoded::frame(peer.wire.format(), &ServerFrame::Presence { users });
        match &peer.all {
            Some(all) => peer.wire.send_at(&bytes, all.replay.cursor()),
            None => peer.wire.send(&bytes),
        }
    }

    /// Those who missed a change are told of all whom they watch, a limited number at a time, in turn.
    fn tell_unaware(&mut self, status: impl Fn(UserId) -> Presence) {
        let after = self.watching.told_last;
        let first = (Bound::Excluded(after), Bound::Unbounded);
        let ids = self
            .watching
            .unaware
            .range(first)
            .chain(self.watching.unaware.range(..=after));
        let mut due = Vec::new();
        let mut left = UNAWARE_AT_ONCE_MAX;
        for &id in ids {
            let peer = self.peers.get(id.slot as usize);
            let Some(peer) = peer.filter(|peer| peer.id == id && peer.is_ready()) else {
                continue;
            };
            let Some(rest) = left.checked_sub(peer.watching.len()) else {
                break;
            };
            left = rest;
            due.push(id);
        }
        for id in due {
            self.watching.told_last = id;
            self.watching.unaware.remove(&id);
            if let Some(peer) = self.peer(id)
                && !peer.watching.is_empty()
            {
                let users = peer.watching.iter().map(|&user| UserPresence {
                    user,
                    status: status(user),
                });
                let users = users.collect();
                self.tell_presence(id.slot, users);
            }
        }
    }
}

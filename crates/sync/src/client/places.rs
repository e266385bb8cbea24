//! The client's places in all room logs, and which of them need something.
//!
//! Owns: finding a place, the bound on what is kept back, the numbers of fetches. Never: decides what an event means.

use std::collections::{BTreeMap, BTreeSet};

use tidings_protocol::{Event, OpenRoom, RoomId, Seq, limits::PAGE_MAX};

use super::{
    effects::{Fetch, Output, Wanted},
    place::{Need, Place},
};
use crate::backoff::Millis;

/// Events kept back over all logs while something before them is missing. At 16 KiB each this is 16 MiB. When full,
/// a further event is let go and fetched from the log later.
pub const GAP_EVENTS_MAX: usize = 1_000;

/// All places in room logs.
#[derive(Debug, Default)]
pub(super) struct Places {
    rooms: BTreeMap<RoomId, Place>,
    uneasy: BTreeSet<RoomId>,
    fetches: u64,
}

impl Places {
    pub(super) fn new(open: &[OpenRoom]) -> Places {
        let rooms = open.iter().map(|o| (o.room, Place::after(o.after)));
        Places {
            rooms: rooms.collect(),
            ..Places::default()
        }
    }

    pub(super) fn get(&self, room: RoomId) -> Option<&Place> {
        self.rooms.get(&room)
    }

    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }

    pub(super) fn add(&mut self, room: RoomId, place: Place) {
        self.rooms.insert(room, place);
    }

    /// Forgets a room; true when it was known.
    pub(super) fn remove(&mut self, room: RoomId) -> bool {
        self.uneasy.remove(&room);
        self.rooms.remove(&room).is_some()
    }

    pub(super) fn clear(&mut self) {
        self.rooms.clear();
        self.uneasy.clear();
    }

    /// Every room, with the last event that is held.
    pub(super) fn opens(&self) -> Vec<OpenRoom> {
        let row = |(room, place): (&RoomId, &Place)| OpenRoom {
            room: *room,
            after: place.held(),
        };
        self.rooms.iter().map(row).collect()
    }

    /// Changes a place, if there is one, and notes whether it needs something.
    pub(super) fn with<R>(
        &mut self,
        room: RoomId,
        change: impl FnOnce(&mut Place) -> R,
    ) -> Option<R> {
        let place = self.rooms.get_mut(&room)?;
        let result = change(place);
        if place.is_uneasy() {
            self.uneasy.insert(room);
        } else {
            self.uneasy.remove(&room);
        }
        Some(result)
    }

    /// The same, with a fresh place where there is none.
    pub(super) fn with_new(&mut self, room: RoomId, change: impl FnOnce(&mut Place)) {
        self.rooms.entry(room).or_default();
        self.with(room, change);
    }

    /// The same for every place.
    pub(super) fn each(&mut self, mut change: impl FnMut(&mut Place)) {
        let rooms: Vec<RoomId> = self.rooms.keys().copied().collect();
        for room in rooms {
            self.with(room, &mut change);
        }
    }

    /// The room whose place awaits this fetch.
    pub(super) fn awaiting(&self, fetch: u64) -> Option<RoomId> {
        let awaits = |room: &&RoomId| self.rooms.get(room).is_some_and(|p| p.awaits(fetch));
        self.uneasy.iter().find(awaits).copied()
    }

    /// Whether another event may be kept back.
    pub(super) fn has_space(&self) -> bool {
        let kept: usize = self
            .uneasy
            .iter()
            .filter_map(|room| self.rooms.get(room))
            .map(Place::buffered)
            .sum();
        kept < GAP_EVENTS_MAX
    }

    /// Whether something is missing in any log.
    pub(super) fn has_gap(&self) -> bool {
        self.uneasy
            .iter()
            .filter_map(|room| self.rooms.get(room))
            .any(Place::is_gap)
    }

    /// Asks for what is missing.
    pub(super) fn fetch(&mut self, now: Millis, out: &mut Vec<Output>) {
        for room in &self.uneasy {
            let Some(place) = self.rooms.get_mut(room) else {
                continue;
            };
            let (room, limit) = (*room, PAGE_MAX);
            let what = match place.need(now) {
                Some(Need::Range(after)) => Wanted::Range { room, after, limit },
                Some(Need::Latest) => Wanted::Latest { room, limit },
                None => continue,
            };
            self.fetches += 1;
            place.fetching(self.fetches, now);
            out.push(Output::Fetch(Fetch {
                id: self.fetches,
                what,
            }));
        }
    }

    pub(super) fn wake_at(&self) -> Option<Millis> {
        let places = self.uneasy.iter().filter_map(|room| self.rooms.get(room));
        places.filter_map(Place::wake_at).min()
    }

    /// The rooms that the present connection was not asked for.
    pub(super) fn unasked(&self) -> Vec<(RoomId, Option<Seq>)> {
        let open = self.rooms.iter().filter(|(_, place)| !place.asked);
        open.map(|(room, place)| (*room, place.held())).collect()
    }

    /// Takes an event of a room that is followed; false when the room has no place.
    pub(super) fn offer(&mut self, room: RoomId, event: Event, ready: &mut Vec<Event>) -> bool {
        let space = self.has_space();
        self.with(room, |place| place.offer(event, space, ready))
            .is_some()
    }
}

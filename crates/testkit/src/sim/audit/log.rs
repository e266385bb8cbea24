//! The log of a run, as the auditors read it.
//!
//! Owns: I3, and the questions that several auditors ask of the log. Never: repairs it.

use std::collections::{BTreeMap, HashMap};

use tidings_protocol::{
    Content, Event, LogId, Position, RoomId, Seq, ShardId, UserId, content::Known,
};

use super::{Findings, Record};

/// A stay of a user in a room: joined at, left at.
pub(super) type Stay = (Seq, Option<Seq>);

/// The whole log.
pub struct Log<'a> {
    /// By shard, in the order of positions.
    pub(super) shards: &'a [Vec<Event>],
    /// By log, in the order of `seq`.
    pub(super) logs: BTreeMap<LogId, Vec<&'a Event>>,
    stays: HashMap<(RoomId, UserId), Vec<Stay>>,
}

impl<'a> Log<'a> {
    /// I3: positions in each shard and seqs in each log have no gap.
    pub(super) fn of(record: &'a Record, found: &mut Findings) -> Log<'a> {
        let mut log = Log {
            shards: &record.shards,
            logs: BTreeMap::new(),
            stays: HashMap::new(),
        };
        for (shard, events) in record.shards.iter().enumerate() {
            for (index, event) in events.iter().enumerate() {
                let due = Position(index as u64 + 1);
                if event.position != due || usize::from(event.shard.0) != shard {
                    let at = (event.shard, event.position);
                    found.add("I3", format!("{at:?} stands at {due} of shard {shard}"));
                }
                let before = log.logs.entry(event.log).or_default();
                let head = before.last().map_or(Seq::ZERO, |event| event.seq);
                if event.seq != head.next() {
                    found.add(
                        "I3",
                        format!("{} has seq {} after {head}", event.log, event.seq),
                    );
                }
                before.push(event);
                log.note_stay(event);
            }
        }
        log
    }

    fn note_stay(&mut self, event: &Event) {
        let LogId::Room(room) = event.log else { return };
        match event.content.as_ref().and_then(Content::known) {
            Some(Known::MemberJoined { user, .. }) => {
                let stays = self.stays.entry((room, *user)).or_default();
                stays.push((event.seq, None));
            }
            Some(Known::MemberLeft { user }) => {
                let stays = self.stays.entry((room, *user)).or_default();
                if let Some(stay) = stays.last_mut() {
                    stay.1 = Some(event.seq);
                }
            }
            _ => {}
        }
    }

    /// All events.
    pub(super) fn all(&self) -> impl Iterator<Item = &'a Event> {
        self.shards.iter().flatten()
    }

    /// The event at a position.
    pub(super) fn at(&self, shard: ShardId, position: Position) -> Option<&'a Event> {
        let index = usize::try_from(position.0).ok()?.checked_sub(1)?;
        self.shards.get(usize::from(shard.0))?.get(index)
    }

    /// The events of one log.
    pub(super) fn events(&self, log: LogId) -> &[&'a Event] {
        self.logs.get(&log).map(Vec::as_slice).unwrap_or_default()
    }

    /// The logs of rooms.
    pub(super) fn rooms(&self) -> impl Iterator<Item = (RoomId, &[&'a Event])> {
        self.logs
            .iter()
            .filter_map(|(log, events)| Some((log.room()?, events.as_slice())))
    }

    /// The stays of a user in a room.
    pub(super) fn stays(&self, room: RoomId, user: UserId) -> &[Stay] {
        let stays = self.stays.get(&(room, user));
        stays.map(Vec::as_slice).unwrap_or_default()
    }

    /// The messages of a room, erased ones too: each raises the count.
    pub(super) fn messages(&self, room: RoomId) -> impl Iterator<Item = &'a Event> {
        let mut count = 0;
        let events = self.events(LogId::Room(room)).iter().copied();
        events.filter(move |event| event.count > std::mem::replace(&mut count, event.count))
    }
}

/// Whether a place lies inside a stay.
pub(super) fn is_inside(stays: &[Stay], seq: Seq) -> bool {
    let holds = |(joined, left): &Stay| *joined <= seq && left.is_none_or(|left| seq <= left);
    stays.iter().any(holds)
}

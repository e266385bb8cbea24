//! What the last append of a shard left behind, so that the next one may be decided before the database is asked.
//!
//! Owns: the rows of rooms and members by shard, the head they belong to, and when they are of use.
//! Never: is believed. What is decided against these rows is committed only if the shard's head is still theirs, and
//! PostgreSQL says so in the statement that commits; else nothing happened, and it is decided again under the lock.

use std::collections::HashMap;

use parking_lot::Mutex;
use tidings_core::{Member, Needs, Room, State};
use tidings_protocol::{LogId, Position, RoomId, ShardId, UserId};

/// Rows kept of one shard, at most; then they are forgotten, and those in use come back.
const ROWS_MAX: usize = 4_096;
/// Appends in a row that found the head where this node had left it, before rows are kept: where another node writes to
/// the same shard all the time, a guess would only be a lost trip.
const ALONE_MIN: u32 = 2;

/// The rows that a message needs, of every shard.
pub(super) struct Kept(Vec<Mutex<Shard>>);

#[derive(Default)]
struct Shard {
    /// Appends since the head was found elsewhere than where this node had left it.
    alone: u32,
    /// Where the last append left the head.
    head: Position,
    /// How many connections had been opened by then: a new one may lead to another server, a standby that was behind.
    opened: u64,
    rooms: HashMap<RoomId, Room>,
    members: HashMap<(RoomId, UserId), Member>,
}

impl Shard {
    fn forget(&mut self) {
        self.alone = 0;
        self.rooms.clear();
        self.members.clear();
    }
}

impl Kept {
    pub(super) fn new(shards: u16) -> Kept {
        Kept((0..shards).map(|_| Mutex::default()).collect())
    }

    /// What is needed, and the head it belongs to, when all of it is kept. Commands that were done before are not: a
    /// state from here does not tell of them.
    pub(super) fn state(
        &self,
        shard: ShardId,
        needs: &Needs,
        opened: u64,
    ) -> Option<(Position, State)> {
        let (rooms, members, txns) = (&needs.rooms, &needs.members, &needs.txns);
        // The rest is loaded under the lock.
        let plain = Needs {
            rooms: rooms.clone(),
            members: members.clone(),
            txns: txns.clone(),
            ..Needs::default()
        };
        if *needs != plain {
            return None;
        }
        let kept = self.0[usize::from(shard.0)].lock();
        if kept.alone < ALONE_MIN || kept.opened != opened {
            return None;
        }
        let mut state = State::default();
        for room in rooms {
            state.rooms.insert(*room, kept.rooms.get(room)?.clone());
        }
        for member in members {
            let row = kept.members.get(member)?.clone();
            state.members.insert(*member, row);
        }
        Some((kept.head, state))
    }

    /// Keeps what an append left that found the head at `before`.
    pub(super) fn keep(
        &self,
        shard: ShardId,
        before: Position,
        head: Position,
        state: State,
        opened: u64,
    ) {
        let mut kept = self.0[usize::from(shard.0)].lock();
        if kept.head != before || kept.opened != opened {
            kept.forget();
        }
        kept.alone = kept.alone.saturating_add(1);
        (kept.head, kept.opened) = (head, opened);
        if kept.alone < ALONE_MIN {
            return;
        }
        if kept.rooms.len() + kept.members.len() > ROWS_MAX {
            kept.rooms.clear();
            kept.members.clear();
        }
        let shards = self.0.len() as u16;
        // Rows of other shards change under other locks.
        let ours = |room: RoomId| LogId::Room(room).shard(shards) == shard;
        let rooms = state.rooms.into_iter().filter(|(room, _)| ours(*room));
        kept.rooms.extend(rooms);
        let members = state.members.into_iter();
        kept.members
            .extend(members.filter(|((room, _), _)| ours(*room)));
    }

    /// The head was elsewhere, or the outcome of an append is not known.
    pub(super) fn forget(&self, shard: ShardId) {
        self.0[usize::from(shard.0)].lock().forget();
    }
}

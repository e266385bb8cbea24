//! What is left of a run for the auditors: the log, the state beside it, and what each device saw and did.
//!
//! Owns: reading it out of a world, in one piece. Never: judges.

use std::collections::{BTreeMap, BTreeSet};

use tidings_core::Room;
use tidings_protocol::{
    DeviceId, Event, Follow, Message, Position, Role, RoomId, Seq, ShardId, UserId,
};
use tidings_store::{Page, Store};

use super::{
    client::{Client, Op},
    fold::Fold,
    observer::Observer,
    wire::Load,
    world::World,
};

/// A room as a fresh load shows it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Its row.
    pub row: Room,
    /// Its members.
    pub members: BTreeMap<UserId, Role>,
    /// Its messages, oldest first.
    pub messages: Vec<Message>,
}

/// One device's share.
#[derive(Debug, Clone)]
pub struct Witness {
    /// The user.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// Listed or all.
    pub follow: Follow,
    /// Its commands, in the order in which they were given.
    pub ops: Vec<Op>,
    /// What reached it.
    pub observer: Observer,
    /// What it holds at the end.
    pub fold: Fold,
    /// The rooms that it has open.
    pub open: BTreeSet<RoomId>,
    /// What its wires had to hold.
    pub wires: Load,
    /// It made its cursors up: what it holds is no matter.
    pub forges: bool,
}

/// What is left of a run.
#[derive(Debug, Clone)]
pub struct Record {
    /// The log: every shard's events in the order of their positions, as their actors get them.
    pub shards: Vec<Vec<Event>>,
    /// The rooms as a fresh load shows them.
    pub rooms: BTreeMap<RoomId, Loaded>,
    /// Unread messages of members, as a fresh load tells them.
    pub unread: BTreeMap<(UserId, RoomId), u64>,
    /// The devices.
    pub witnesses: Vec<Witness>,
    /// The last event of each room that was there before the run.
    pub founded: BTreeMap<RoomId, Seq>,
    /// By shard, for each of its events: the step in which it was committed.
    pub committed: Vec<Vec<u64>>,
    /// Why not everybody was level at the end, after healing.
    pub unlevel: Option<String>,
}

impl Record {
    /// Reads it.
    pub async fn of(world: &World, unlevel: Option<String>) -> Record {
        let store = &world.store;
        let mut rooms = BTreeMap::new();
        for room in &world.rooms {
            rooms.insert(*room, load(store, *room).await);
        }
        let mut unread = BTreeMap::new();
        let users: BTreeSet<UserId> = world.clients.iter().map(|client| client.user).collect();
        for user in users {
            let resume = store.resume(user, None).await.expect("the store is open");
            for room in resume.expect("a user").rooms {
                unread.insert((user, room.id), room.unread());
            }
        }
        let mut shards = Vec::new();
        for shard in 0..store.shards() {
            shards.push(shard_of(store, ShardId(shard)).await);
        }
        Record {
            shards,
            rooms,
            unread,
            witnesses: world.clients.iter().map(|c| witness(world, c)).collect(),
            founded: world.founded.clone(),
            committed: world.committed.clone(),
            unlevel,
        }
    }

    /// How many events there are.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.shards.iter().map(|events| events.len() as u64).sum()
    }
}

fn witness(world: &World, client: &Client) -> Witness {
    let now = client.pipe.as_ref().map(|pipe| pipe.borrow().load);
    let rooms = world.rooms.iter().copied();
    Witness {
        user: client.user,
        device: client.device,
        follow: client.follow,
        ops: client.ops.clone(),
        observer: client.observer.clone(),
        fold: client.fold().clone(),
        open: rooms.filter(|room| client.is_open(*room)).collect(),
        wires: client.wires.max(now.unwrap_or_default()),
        forges: client.forges,
    }
}

async fn shard_of(store: &Store, shard: ShardId) -> Vec<Event> {
    let mut all: Vec<Event> = Vec::new();
    loop {
        let after = all.last().map_or(Position::ZERO, |event| event.position);
        let page = store.shard_after(shard, after, 500).await;
        let page = page.expect("the store is open");
        if page.is_empty() {
            return all;
        }
        let events = page.iter().map(|event| event.to_event(event.actor));
        all.extend(events.map(|event| event.expect("a body that parses")));
    }
}

async fn load(store: &Store, room: RoomId) -> Loaded {
    let row = store.room(room).await.expect("the store is open");
    let members = store.members(room, None, 200).await;
    let mut messages: Vec<Message> = Vec::new();
    loop {
        let after = messages.last().map_or(Seq::ZERO, |message| message.seq);
        let nobody = UserId::from_bits(0);
        let page = store.messages(room, nobody, Page::After(after), 200).await;
        let page = page.expect("the store is open");
        if page.messages.is_empty() {
            break;
        }
        messages.extend(page.messages);
    }
    Loaded {
        row: row.expect("a room of the world"),
        members: members
            .expect("the store is open")
            .into_iter()
            .map(|member| (member.user.id, member.role))
            .collect(),
        messages,
    }
}

//! What is there before the run begins: a store, users, rooms, nodes, devices.
//!
//! Owns: the world's first state. Never: leaves anything of it to be set up later.

use std::{collections::BTreeMap, sync::Arc};

use tidings_core::{Command, CreateUser, derive};
use tidings_engine::{Environment, Work, inbox::INBOX_BATCHES_MAX};
use tidings_protocol::{
    DeviceId, Follow, RoomKind, TxnId, UserId, UserKind, Visibility, subject::CreateRoom,
};
use tidings_store::{Store, StoreConfig};

use super::{Options, World};
use crate::sim::{
    client::Client,
    node::{Counted, Node},
    random::Random,
    wire::Fault,
};

impl World {
    pub(super) async fn found(seed: u64, options: Options) -> World {
        let mut random = Random::new(seed);
        let shards = [1, 2, 5][random.below(3)];
        let store = Store::open(&StoreConfig::SqliteMemory { shards })
            .await
            .expect("a temporary database");
        let inbox = [1, 3, INBOX_BATCHES_MAX][random.below(3)];
        let mut world = World {
            store,
            inbox,
            clients: Vec::new(),
            rooms: Vec::new(),
            founded: BTreeMap::new(),
            committed: Vec::new(),
            random,
            environment: Arc::new(Counted::default()),
            nodes: Vec::new(),
            links: Vec::new(),
            hints: Vec::new(),
            overheard: Vec::new(),
            step: 0,
            starts: 0,
            txns: 0,
            options,
        };
        world.people().await;
        world.note_commits().await;
        world.start_nodes().await;
        world.devices();
        world
    }

    async fn people(&mut self) {
        let users: Vec<UserId> = (1..=self.options.users)
            .map(|n| UserId::from_bits(n as u128))
            .collect();
        for &user in &users {
            let name = format!("user{}", user.bits());
            let command = CreateUser {
                only_first: false,
                user,
                username: name.parse().expect("a username"),
                display_name: name.parse().expect("a name"),
                kind: UserKind::Person,
                password_hash: String::new(),
            };
            self.decree(user, None, command).await;
        }
        for n in 0..self.options.rooms {
            let txn: TxnId = format!("room{n}").parse().expect("a txn");
            let room = derive::room_of_txn(users[0], Some(&txn));
            let visibility = if n == 0 {
                Visibility::Public
            } else {
                Visibility::Private
            };
            let command = CreateRoom {
                kind: RoomKind::Channel,
                visibility: Some(visibility),
                name: Some(format!("room{n}").parse().expect("a name")),
                members: users.iter().skip(n).copied().collect(),
            };
            self.decree(users[0], Some(txn), command).await;
            self.rooms.push(room);
            let row = self.store.room(room).await.expect("the store is open");
            self.founded.insert(room, row.expect("it was created").head);
        }
    }

    /// Whatever was committed since the last time was committed in this step.
    pub(super) async fn note_commits(&mut self) {
        let heads = self.store.heads().await.expect("the store is open");
        self.committed.resize_with(heads.len(), Vec::new);
        for (steps, head) in self.committed.iter_mut().zip(heads) {
            steps.resize(head.0 as usize, self.step);
        }
    }

    async fn start_nodes(&mut self) {
        for n in 0..self.options.nodes {
            let node = self.node(n).await;
            self.nodes.push(Some(node));
        }
    }

    /// A node starts, for the first time or again.
    pub(super) async fn node(&mut self, n: usize) -> Node {
        self.starts += 1;
        let cores = 1 + n % 2;
        let environment = Arc::clone(&self.environment);
        let store = self.store.clone();
        let mut node = Node::start(store, environment, cores, self.inbox, self.starts).await;
        if self.options.fault == Some(Fault::Credulous) {
            node.believe_strangers();
        }
        node
    }

    /// Each user has a device that follows summaries; the first has two, the first two one that follows everything. Three
    /// more devices make their cursors up.
    fn devices(&mut self) {
        for n in 0..self.options.users {
            let user = UserId::from_bits(1 + n as u128);
            for (follow, devices) in [
                (Follow::Listed, 1 + usize::from(n == 0)),
                (Follow::All, usize::from(n < 2)),
            ] {
                for _ in 0..devices {
                    let device = DeviceId::from_bits(self.clients.len() as u128 + 1);
                    let client = if self.random.percent(50) {
                        Client::session(user, device, follow, self.random.draw())
                    } else {
                        Client::plain(user, device, follow)
                    };
                    self.clients.push(client);
                    self.links.push(Vec::new());
                }
            }
        }
        for (n, follow) in [(1, Follow::All), (2, Follow::All), (1, Follow::Listed)] {
            let user = UserId::from_bits(1 + (n % self.options.users) as u128);
            let device = DeviceId::from_bits(self.clients.len() as u128 + 1);
            self.clients.push(Client::forger(user, device, follow));
            self.links.push(Vec::new());
        }
    }

    /// A command before the run begins.
    async fn decree(&self, actor: UserId, txn: Option<TxnId>, command: impl Into<Command>) {
        let environment: &Arc<dyn Environment> = &self.environment;
        let command = command.into();
        let work = Work {
            actor,
            txn,
            command,
        };
        let shard = work.log().shard(self.store.shards());
        let works: Arc<[Work]> = Arc::new([work]);
        tidings_engine::appender::commit(&self.store, environment, shard, works)
            .await
            .expect("the store is open");
    }
}

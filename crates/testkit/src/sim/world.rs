//! The world of one seed: nodes, clients, wires, and chance that decides what happens next.
//!
//! Owns: the loop. A phase of trouble, then healing, then everybody must be level. Never: judges.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use tidings_core::Command;
use tidings_engine::{Environment, Work};
use tidings_protocol::{
    ClientFrame, DeviceId, Follow, Position, RoomId, RoomKind, SendContent, Seq, ShardId, TxnId,
    UserId, UserKind, Visibility,
};
use tidings_store::{Store, StoreConfig};

use super::{
    audit::{self, Finding},
    client::{Client, Op},
    node::{self, Counted, Hint, Node, Seat},
    random::Random,
    wire::{Pipe, SimWire},
};

/// How large a run is.
#[derive(Debug, Clone)]
pub struct Options {
    /// Steps of trouble.
    pub steps: u64,
    /// Nodes.
    pub nodes: usize,
    /// Users.
    pub users: usize,
    /// Rooms.
    pub rooms: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            steps: 1_500,
            nodes: 2,
            users: 4,
            rooms: 3,
        }
    }
}

/// What a run came to.
pub struct Outcome {
    /// What the auditors found; empty is well.
    pub findings: Vec<Finding>,
    /// Events in the log at the end.
    pub events: u64,
}

/// Steps of healing after which everybody must be level. `I9`
const HEAL_STEPS_MAX: u64 = 60_000;

/// A client's place in a node, while connected.
struct Link {
    node: usize,
    seat: Seat,
    /// The client side is gone, and the node has not noticed.
    cut: bool,
}

/// Everything there is.
pub struct World {
    /// The store all nodes share.
    pub store: Store,
    /// The devices.
    pub clients: Vec<Client>,
    /// The rooms.
    pub rooms: Vec<RoomId>,
    random: Random,
    environment: Arc<dyn Environment>,
    nodes: Vec<Option<Node>>,
    links: Vec<Vec<Link>>,
    hints: Vec<(usize, Hint)>,
    step: u64,
    txns: u64,
    options: Options,
}

/// Runs one seed.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime of one thread");
    runtime.block_on(async {
        let mut world = World::new(seed, options.clone()).await;
        for _ in 0..options.steps {
            world.trouble().await;
        }
        let level = world.heal().await;
        let mut findings = audit::all(&world).await;
        if let Err(reason) = level {
            findings.push(Finding {
                invariant: "I9",
                text: reason,
            });
        }
        let events = world.store.heads().await.expect("the store is open")[0].0;
        Outcome { findings, events }
    })
}

impl World {
    async fn new(seed: u64, options: Options) -> World {
        let random = Random::new(seed);
        let store = Store::open(&StoreConfig::SqliteMemory)
            .await
            .expect("a temporary database");
        let environment: Arc<dyn Environment> = Arc::new(Counted::default());
        let users: Vec<UserId> = (1..=options.users)
            .map(|n| UserId::from_bits(n as u128))
            .collect();
        let mut world = World {
            store: store.clone(),
            clients: Vec::new(),
            rooms: Vec::new(),
            random,
            environment: Arc::clone(&environment),
            nodes: Vec::new(),
            links: Vec::new(),
            hints: Vec::new(),
            step: 0,
            txns: 0,
            options: options.clone(),
        };
        for &user in &users {
            let name = format!("user{}", user.bits());
            let command = Command::CreateUser {
                only_first: false,
                user,
                username: name.parse().expect("a username"),
                display_name: name.parse().expect("a name"),
                kind: UserKind::Person,
                password_hash: String::new(),
            };
            world.decree(user, command).await;
        }
        for n in 0..options.rooms {
            let room = RoomId::from_bits(0x1000 + n as u128);
            let visibility = if n == 0 {
                Visibility::Public
            } else {
                Visibility::Private
            };
            let command = Command::CreateRoom {
                room,
                kind: RoomKind::Channel,
                visibility,
                name: Some(format!("room{n}").parse().expect("a name")),
                members: users.iter().skip(n).copied().collect(),
            };
            world.decree(users[0], command).await;
            world.rooms.push(room);
        }
        for n in 0..options.nodes {
            let cores = 1 + n % 2;
            world.nodes.push(Some(
                Node::start(store.clone(), Arc::clone(&environment), cores).await,
            ));
        }
        for (n, &user) in users.iter().enumerate() {
            for (follow, devices) in [
                (Follow::Listed, 1 + usize::from(n == 0)),
                (Follow::All, usize::from(n < 2)),
            ] {
                for _ in 0..devices {
                    let device = DeviceId::from_bits(world.clients.len() as u128 + 1);
                    world.clients.push(Client::new(user, device, follow));
                    world.links.push(Vec::new());
                }
            }
        }
        world
    }

    /// How large the run is.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// A command before the run begins.
    async fn decree(&self, actor: UserId, command: Command) {
        let works: Arc<[Work]> = Arc::new([Work {
            actor,
            txn: None,
            command,
        }]);
        tidings_engine::appender::commit(&self.store, &self.environment, ShardId(0), works)
            .await
            .expect("the store is open");
    }

    /// One step in the phase of trouble.
    async fn trouble(&mut self) {
        self.step += 1;
        match self.random.below(100) {
            0..20 => self.give(),
            20..24 => self.connect(),
            24..26 => self.cut(),
            26..28 => self.notice(),
            28..29 if self.random.percent(25) => self.crash().await,
            28..30 => self.restart().await,
            30..34 => self.open_or_close(),
            34..40 => self.hint().await,
            40..42 => self.look().await,
            _ => self.progress().await,
        }
    }

    /// Something that is under way goes on: a frame up, bytes down, a commit, a step of a core.
    async fn progress(&mut self) {
        match self.random.below(4) {
            0 => self.up(),
            1 => self.down(),
            2 => self.commit().await,
            _ => self.core_step().await,
        }
    }

    fn alive(&mut self) -> Option<usize> {
        let alive: Vec<usize> = (0..self.nodes.len())
            .filter(|n| self.nodes[*n].is_some())
            .collect();
        self.random.pick(&alive).copied()
    }

    fn give(&mut self) {
        let at = self.random.below(self.clients.len());
        let Some(&room) = self.random.pick(&self.rooms) else {
            return;
        };
        self.txns += 1;
        let txn: TxnId = format!("t{}", self.txns).parse().expect("a txn");
        let text = |text: String| SendContent::Text {
            text: text.parse().expect("a text"),
        };
        let users = self.options.users;
        let known: Vec<_> = self.clients[at]
            .seen
            .iter()
            .rev()
            .take(10)
            .map(|seen| seen.event.clone())
            .collect();
        let message = self
            .random
            .pick(&known)
            .filter(|e| e.log.room().is_some())
            .cloned();
        let n = self.txns;
        let mut frame = match self.random.below(20) {
            0 => ClientFrame::Join {
                txn: txn.clone(),
                room,
                user: None,
            },
            1 => ClientFrame::Leave {
                txn: txn.clone(),
                room,
                user: None,
            },
            2 => {
                let user = Some(UserId::from_bits(1 + self.random.below(users) as u128));
                ClientFrame::Leave {
                    txn: txn.clone(),
                    room,
                    user,
                }
            }
            3 => {
                let user = Some(UserId::from_bits(1 + self.random.below(users) as u128));
                ClientFrame::Join {
                    txn: txn.clone(),
                    room,
                    user,
                }
            }
            4 => ClientFrame::Rename {
                txn: txn.clone(),
                room,
                name: format!("name{n}").parse().expect("a name"),
            },
            5 => ClientFrame::Mark {
                txn: txn.clone(),
                room,
                seq: self.clients[at]
                    .rooms
                    .get(&room)
                    .map_or(Seq(1), |held| held.told.max(Seq(1))),
            },
            _ => ClientFrame::Send {
                txn: txn.clone(),
                room,
                content: text(format!("message {n}")),
            },
        };
        if let Some(event) = message
            && let Some(room) = event.log.room()
        {
            let emoji = || "👍".parse().expect("an emoji");
            match self.random.below(12) {
                0 => {
                    frame = ClientFrame::Edit {
                        txn: txn.clone(),
                        room,
                        message: event.id,
                        content: text(format!("edit {n}")),
                    }
                }
                1 => {
                    frame = ClientFrame::Delete {
                        txn: txn.clone(),
                        room,
                        message: event.id,
                    }
                }
                2 => {
                    frame = ClientFrame::React {
                        txn: txn.clone(),
                        room,
                        message: event.id,
                        emoji: emoji(),
                    }
                }
                3 => {
                    frame = ClientFrame::Unreact {
                        txn: txn.clone(),
                        room,
                        message: event.id,
                        emoji: emoji(),
                    }
                }
                _ => {}
            }
        }
        let user = self.clients[at].user;
        if self.clients[at].outbox.len() < 20 {
            let op = Op {
                user,
                txn,
                frame,
                invoked: self.step,
                answered: None,
            };
            self.clients[at].give(op);
        }
    }

    fn connect(&mut self) {
        let away: Vec<usize> = (0..self.clients.len())
            .filter(|c| self.clients[*c].pipe.is_none())
            .collect();
        let (Some(&at), Some(node)) = (self.random.pick(&away), self.alive()) else {
            return;
        };
        let capacity = [200, 2_000, 50_000][self.random.below(3)];
        let pipe = Rc::new(RefCell::new(Pipe {
            capacity,
            ..Pipe::default()
        }));
        let Some(home) = &mut self.nodes[node] else {
            return;
        };
        let core = self.random.below(home.cores.len());
        let seat = home.connect(core, SimWire(Rc::clone(&pipe)));
        self.links[at].push(Link {
            node,
            seat,
            cut: false,
        });
        self.clients[at].connected(pipe);
    }

    fn cut(&mut self) {
        let here: Vec<usize> = (0..self.clients.len())
            .filter(|c| self.clients[*c].pipe.is_some())
            .collect();
        let Some(&at) = self.random.pick(&here) else {
            return;
        };
        self.sever(at);
    }

    fn sever(&mut self, at: usize) {
        self.clients[at].disconnected();
        self.links[at].iter_mut().for_each(|link| link.cut = true);
    }

    /// A node notices that a connection is gone.
    fn notice(&mut self) {
        let at = self.random.below(self.clients.len());
        let Some(index) = self.links[at].iter().position(|link| link.cut) else {
            return;
        };
        let link = self.links[at].remove(index);
        if let Some(node) = &mut self.nodes[link.node] {
            node.cores[link.seat.core].hub.disconnect(link.seat.peer);
        }
    }

    async fn crash(&mut self) {
        let Some(at) = self.alive() else { return };
        if self.random.percent(50)
            && let Some(node) = &mut self.nodes[at]
        {
            // Died between the commit and telling anybody.
            let n = 1 + self.random.below(5);
            node.commit(n, true).await;
        }
        self.nodes[at] = None;
        for client in 0..self.clients.len() {
            let current = self.links[client]
                .iter()
                .any(|link| link.node == at && !link.cut);
            self.links[client].retain(|link| link.node != at);
            if current {
                self.clients[client].disconnected();
            }
        }
    }

    async fn restart(&mut self) {
        let dead: Vec<usize> = (0..self.nodes.len())
            .filter(|n| self.nodes[*n].is_none())
            .collect();
        if let Some(&at) = self.random.pick(&dead) {
            let cores = 1 + at % 2;
            self.nodes[at] =
                Some(Node::start(self.store.clone(), Arc::clone(&self.environment), cores).await);
        }
    }

    fn open_or_close(&mut self) {
        let at = self.random.below(self.clients.len());
        let Some(&room) = self.random.pick(&self.rooms) else {
            return;
        };
        let close = self.random.percent(25);
        let fresh = self.random.percent(20);
        let client = &mut self.clients[at];
        if !client.welcomed || client.follow == Follow::All {
            return;
        }
        let Some(held) = client.rooms.get_mut(&room) else {
            return;
        };
        if close {
            if held.open {
                held.open = false;
                client.up.push_back(ClientFrame::Close { room });
            }
        } else if !held.open {
            held.open = true;
            held.expects = None;
            let after = (held.seq > Seq::ZERO && !fresh).then_some(held.seq);
            client.up.push_back(ClientFrame::Open { room, after });
        }
    }

    async fn hint(&mut self) {
        if self.hints.is_empty() {
            return;
        }
        let at = self.random.below(self.hints.len());
        let (to, hint) = if self.random.percent(10) {
            self.hints[at].clone()
        } else {
            self.hints.swap_remove(at)
        };
        if self.random.percent(20) {
            return; // lost
        }
        if let Some(node) = &mut self.nodes[to] {
            node.hear(&hint).await;
        }
    }

    async fn look(&mut self) {
        if let Some(at) = self.alive()
            && let Some(node) = &mut self.nodes[at]
        {
            node.look().await;
        }
    }

    fn up(&mut self) {
        let at = self.random.below(self.clients.len());
        let client = &mut self.clients[at];
        let Some(link) = self.links[at].iter_mut().find(|link| !link.cut) else {
            return;
        };
        let Some(node) = &mut self.nodes[link.node] else {
            return;
        };
        if let Some(frame) = client.up.pop_front() {
            client.trace(self.step, "up", &frame);
            node.frame(&mut link.seat, client.user, client.device, frame);
        }
    }

    fn down(&mut self) {
        let at = self.random.below(self.clients.len());
        let n = [7, 100, 4_000][self.random.below(3)];
        self.read(at, n);
    }

    fn read(&mut self, at: usize, n: usize) {
        let step = self.step;
        let store = self.store.clone();
        let cursor_at = move |position: Position| node::cursor(&store, position).to_string();
        let client = &mut self.clients[at];
        client.read(n, step, &cursor_at);
        if let Some(link) = self.links[at].iter().find(|link| !link.cut)
            && let Some(node) = &mut self.nodes[link.node]
        {
            // The transport answers pings by itself.
            node.cores[link.seat.core].hub.heard(link.seat.peer);
        }
        let Some(pipe) = client.pipe.clone() else {
            return;
        };
        let (closed, empty, waits) = {
            let pipe = pipe.borrow();
            (pipe.closed, pipe.bytes.is_empty(), pipe.waits)
        };
        if empty && waits {
            pipe.borrow_mut().waits = false;
            if let Some(link) = self.links[at].iter().find(|link| !link.cut)
                && let Some(node) = &mut self.nodes[link.node]
            {
                node.cores[link.seat.core].hub.drained(link.seat.peer);
            }
        }
        if closed.is_some() && empty {
            self.sever(at);
        }
        // Before hello was answered a session may have read the gate as greeted.
        let welcomed = self.clients[at].welcomed;
        if let Some(link) = self.links[at].iter_mut().find(|link| !link.cut)
            && welcomed
            && !link.seat.gate.is_welcomed()
        {
            link.seat.gate.welcomed();
        }
    }

    async fn commit(&mut self) {
        let Some(at) = self.alive() else { return };
        let n = 1 + self.random.below(8);
        let Some(node) = &mut self.nodes[at] else {
            return;
        };
        if let Some((before, last)) = node.commit(n, false).await {
            for to in 0..self.nodes.len() {
                if to != at {
                    let full = self.random.percent(60);
                    self.hints.push((
                        to,
                        Hint {
                            from: at,
                            before,
                            last,
                            full,
                        },
                    ));
                }
            }
        }
    }

    async fn core_step(&mut self) {
        let Some(at) = self.alive() else { return };
        let Some(node) = &mut self.nodes[at] else {
            return;
        };
        let core = self.random.below(node.cores.len());
        let mut gates: Vec<&mut Seat> = self
            .links
            .iter_mut()
            .flatten()
            .filter(|link| link.node == at)
            .map(|link| &mut link.seat)
            .collect();
        node.step(core, &mut self.random, &mut gates).await;
    }

    /// Everything works again: all nodes up, all clients connected, everybody reads. Ends when nothing is left to do.
    async fn heal(&mut self) -> Result<(), String> {
        while self.nodes.iter().any(Option::is_none) {
            self.restart().await;
        }
        for round in 0..HEAL_STEPS_MAX {
            self.step += 1;
            if round % 50 == 0 {
                for at in 0..self.clients.len() {
                    while let Some(index) = self.links[at].iter().position(|link| link.cut) {
                        let link = self.links[at].remove(index);
                        if let Some(node) = &mut self.nodes[link.node] {
                            node.cores[link.seat.core].hub.disconnect(link.seat.peer);
                        }
                    }
                }
                self.connect();
                for node in self.nodes.iter_mut().flatten() {
                    node.look().await;
                }
            }
            for at in 0..self.clients.len() {
                self.read(at, 100_000);
            }
            self.progress().await;
            if round % 200 == 199 && self.is_level().await {
                return Ok(());
            }
        }
        Err(self.unlevel().await)
    }

    async fn is_level(&self) -> bool {
        self.unlevel().await.is_empty()
    }

    /// Who is not level yet, and why.
    async fn unlevel(&self) -> String {
        for (at, client) in self.clients.iter().enumerate() {
            if !client.welcomed {
                return format!("client {at} is not connected");
            }
            if !client.outbox.is_empty() {
                return format!("client {at} waits for {} answers", client.outbox.len());
            }
            if !client.up.is_empty() {
                return format!("client {at} has frames on their way");
            }
            for (room, held) in &client.rooms {
                let row = self
                    .store
                    .room(*room)
                    .await
                    .expect("the store is open")
                    .expect("a room");
                let member = self
                    .store
                    .member(*room, client.user)
                    .await
                    .expect("the store is open");
                if !member.is_some_and(|m| m.joined) {
                    return format!("client {at} thinks it is in {room}");
                }
                if client.follow == Follow::Listed && held.open && held.seq < row.head {
                    return format!(
                        "client {at} has {room} open at {} of {}",
                        held.seq, row.head
                    );
                }
                if client.follow == Follow::Listed && !held.open && held.told < row.head {
                    return format!(
                        "client {at} was told {} of {} in {room}",
                        held.told, row.head
                    );
                }
            }
        }
        if let Some(at) = self.nodes.iter().flatten().position(Node::is_busy) {
            return format!("node {at} is busy");
        }
        String::new()
    }
}

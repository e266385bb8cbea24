//! Load on running servers by clients that note everything: who sent what, what was answered, what was seen.
//!
//! Owns: the accounts and rooms of the load, its clients (tasks with a raw socket, an SSE stream or long polls), and
//! waiting for what they come to. Never: injects a fault, or judges; [`history::audit`](crate::history::audit) does.
//!
//! A client that loses its node goes to the next of its list, with its cursor and what was not answered.

mod member;
mod rest;
mod socket;
mod stream;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tidings_protocol::{RoomId, Seq};
use tokio::{sync::watch, task::JoinHandle};

pub use member::Plan;
pub use rest::{Rest, RestError};
pub use socket::{Got, Socket};

use crate::history::{Finding, Following, History, Record, Ticks, audit::Judged};

/// How long a client waits for a sign of life before it goes to another node.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a client that was turned away waits before it comes back.
const COME_BACK: Duration = Duration::from_millis(50);

/// What the clients are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Phase {
    /// Send and watch.
    Run,
    /// Get answers to what was sent, and watch.
    Quiet,
    /// Stop.
    End,
}

/// How far one client has come; told after each change.
#[derive(Debug, Clone, Default)]
struct Progress {
    /// By room: the last event that it has or was told of.
    seen: BTreeMap<RoomId, Seq>,
    /// Messages of its own that were acknowledged.
    acked: u64,
    /// Messages of its own that wait for their answer.
    waiting: usize,
}

/// What every client holds.
#[derive(Debug, Clone)]
struct Shared {
    ticks: Ticks,
    phase: watch::Receiver<Phase>,
    acked: Arc<watch::Sender<u64>>,
    progress: Arc<watch::Sender<Progress>>,
}

#[derive(Debug)]
struct Client {
    name: String,
    sends: bool,
    progress: watch::Receiver<Progress>,
    task: JoinHandle<Record>,
}

/// A load on one or more nodes of one server.
#[derive(Debug)]
pub struct Load {
    /// The users; each room has all of them.
    pub users: Vec<Rest>,
    /// The rooms.
    pub rooms: Vec<RoomId>,
    ticks: Ticks,
    phase: watch::Sender<Phase>,
    acked: Arc<watch::Sender<u64>>,
    clients: Vec<Client>,
}

impl Load {
    /// Makes the accounts and the rooms at a node. Nothing is sent before there are clients.
    ///
    /// # Errors
    /// The refusal.
    pub async fn set_up(
        address: SocketAddr,
        users: usize,
        rooms: usize,
    ) -> Result<Load, RestError> {
        let mut people = Vec::new();
        for index in 0..users {
            people.push(Rest::sign_up(address, &format!("user-{index}")).await?);
        }
        let mut channels = Vec::new();
        for index in 0..rooms {
            let room = people[0].create_channel(&format!("room {index}")).await?;
            for person in &people[1..] {
                person.join(room).await?;
            }
            channels.push(room);
        }
        Ok(Load {
            users: people,
            rooms: channels,
            ticks: Ticks::default(),
            phase: watch::Sender::new(Phase::Run),
            acked: Arc::new(watch::Sender::new(0)),
            clients: Vec::new(),
        })
    }

    /// Starts a client with a socket.
    pub fn member(&mut self, plan: Plan) {
        let (name, sends) = (plan.name.clone(), plan.window > 0);
        let (user, rooms) = (self.users[plan.user].clone(), self.rooms.clone());
        self.start(name, sends, |shared| member::run(plan, user, rooms, shared));
    }

    /// Starts a client that reads the stream of a user over SSE.
    pub fn sse(&mut self, user: usize, nodes: &[SocketAddr]) {
        let (user, nodes) = (self.users[user].clone(), nodes.to_vec());
        let name = format!("sse of {}", user.user);
        self.start(name.clone(), false, |shared| {
            stream::sse(name, user, nodes, shared)
        });
    }

    /// Starts a client that reads the stream of a user by long polls.
    pub fn poll(&mut self, user: usize, nodes: &[SocketAddr]) {
        let (user, nodes) = (self.users[user].clone(), nodes.to_vec());
        let name = format!("poll of {}", user.user);
        self.start(name.clone(), false, |shared| {
            stream::poll(name, user, nodes, shared)
        });
    }

    fn start<F>(&mut self, name: String, sends: bool, run: impl FnOnce(Shared) -> F)
    where
        F: Future<Output = Record> + Send + 'static,
    {
        let progress = Arc::new(watch::Sender::new(Progress::default()));
        let told = progress.subscribe();
        let shared = Shared {
            ticks: self.ticks.clone(),
            phase: self.phase.subscribe(),
            acked: Arc::clone(&self.acked),
            progress,
        };
        let task = tokio::spawn(run(shared));
        self.clients.push(Client {
            name,
            sends,
            progress: told,
            task,
        });
    }

    /// How many messages were acknowledged so far.
    #[must_use]
    pub fn acked(&self) -> u64 {
        *self.acked.borrow()
    }

    /// Waits until so many more messages were acknowledged.
    ///
    /// # Errors
    /// When that takes longer than `patience`.
    pub async fn advance(&self, more: u64, patience: Duration) -> Result<(), String> {
        let (until, mut acked) = (self.acked() + more, self.acked.subscribe());
        match tokio::time::timeout(patience, acked.wait_for(|acked| *acked >= until)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(format!(
                "{} of {until} were acknowledged after {patience:?}",
                self.acked()
            )),
        }
    }

    /// Waits until every client is served again, while the load goes on: each that sends had an answer, each that
    /// watches is ahead of everything that anybody had seen when this was called. Returns how long that took.
    ///
    /// # Errors
    /// Who is not served after `patience`.
    pub async fn recovered(&self, patience: Duration) -> Result<Duration, String> {
        let began = Instant::now();
        let mut ahead: BTreeMap<RoomId, Seq> = self.rooms.iter().map(|r| (*r, Seq::ZERO)).collect();
        let at: Vec<Progress> = self
            .clients
            .iter()
            .map(|c| c.progress.borrow().clone())
            .collect();
        for (room, seq) in at.iter().flat_map(|progress| &progress.seen) {
            ahead
                .entry(*room)
                .and_modify(|ahead| *ahead = seq.next().max(*ahead));
        }
        for (client, at) in self.clients.iter().zip(at) {
            let served =
                |now: &Progress| (!client.sends || now.acked > at.acked) && has(&now.seen, &ahead);
            self.wait(client, began + patience, served).await?;
        }
        Ok(began.elapsed())
    }

    /// Ends the load: everything sent is answered, every observer reaches the head, the logs are read at every node.
    /// What does not come to pass within `patience` is a finding.
    pub async fn finish(self, nodes: &[SocketAddr], patience: Duration) -> Judged {
        let until = Instant::now() + patience;
        let mut noted = Vec::new();
        let _ = self.phase.send(Phase::Quiet);
        for client in &self.clients {
            if let Err(late) = self.wait(client, until, |now| now.waiting == 0).await {
                noted.push(finding(format!("not everything was answered: {late}")));
            }
        }
        let mut history = History::default();
        for node in nodes {
            for room in &self.rooms {
                match self.users[0].at(*node).log(*room, patience).await {
                    Ok(log) => {
                        let first = history.logs.entry(*room).or_insert_with(|| log.clone());
                        if *first != log {
                            noted.push(finding(format!("{node} reads another log of {room}")));
                        }
                    }
                    Err(error) => {
                        noted.push(finding(format!("{node} does not read {room}: {error}")))
                    }
                }
            }
        }
        let heads = history
            .logs
            .iter()
            .map(|(room, log)| (*room, Seq(log.len() as u64)))
            .collect();
        for client in &self.clients {
            if let Err(late) = self.wait(client, until, |now| has(&now.seen, &heads)).await {
                noted.push(finding(format!("not at the head: {late}")));
            }
        }
        let _ = self.phase.send(Phase::End);
        for client in self.clients {
            match client.task.await {
                Ok(record) => history.records.push(record),
                Err(error) => noted.push(finding(format!("{}: {error}", client.name))),
            }
        }
        Judged::new(history, noted)
    }

    async fn wait(
        &self,
        client: &Client,
        until: Instant,
        come: impl Fn(&Progress) -> bool,
    ) -> Result<(), String> {
        let mut progress = client.progress.clone();
        let waited =
            tokio::time::timeout_at(until.into(), progress.wait_for(|now| come(now))).await;
        match waited {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(format!("{} has ended", client.name)),
            Err(_) => Err(format!(
                "{} is at {:?}",
                client.name,
                client.progress.borrow()
            )),
        }
    }
}

fn has(seen: &BTreeMap<RoomId, Seq>, wanted: &BTreeMap<RoomId, Seq>) -> bool {
    wanted
        .iter()
        .all(|(room, seq)| seen.get(room).is_some_and(|seen| seen >= seq))
}

fn finding(text: String) -> Finding {
    Finding {
        invariant: "I9",
        text,
    }
}

impl Shared {
    fn seen(&self, room: RoomId, seq: Seq) {
        self.progress.send_modify(|progress| {
            let seen = progress.seen.entry(room).or_default();
            *seen = seq.max(*seen);
        });
    }

    /// Runs a client until the load ends.
    async fn until_the_end(&self, client: impl Future<Output = ()>) {
        let mut phase = self.phase.clone();
        tokio::select! {
            _ = phase.wait_for(|phase| *phase == Phase::End) => {}
            () = client => {}
        }
    }
}

fn record(name: String, user: &Rest, following: Following) -> Record {
    Record {
        name,
        user: user.user,
        following,
        ops: Vec::new(),
        notes: Vec::new(),
    }
}

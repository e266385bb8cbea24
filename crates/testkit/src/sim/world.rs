//! The world of one seed: nodes, clients, wires, and chance that decides what happens next.
//!
//! Owns: the loop. A phase of trouble, then healing, then everybody must be level. Never: judges.
//!
//! The parts: `founding` (what is there before it begins), `wishes` (what people want), `faults` (what breaks),
//! `traffic` (what goes on by itself), `healing` (the end).

mod faults;
mod founding;
mod healing;
mod traffic;
mod wishes;

use std::{collections::BTreeMap, sync::Arc};

use tidings_engine::Environment;
use tidings_protocol::{RoomId, Seq};
use tidings_store::Store;

use super::{
    audit::{self, Finding},
    client::Client,
    node::{Node, Seat},
    random::Random,
    record::Record,
    wire::Fault,
};

/// Small steps of what is under way between two things that happen: fewer, and nobody gets as far as a session before
/// something breaks; more, and everybody is level when it does.
const PROGRESS: usize = 4;

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
    /// Steps of healing after which everybody must be level. `I9`
    pub heal_steps: u64,
    /// Wires broken on purpose, for tests of the auditors.
    pub fault: Option<Fault>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            steps: 1_500,
            nodes: 2,
            users: 4,
            rooms: 3,
            heal_steps: 60_000,
            fault: None,
        }
    }
}

/// What a run came to.
pub struct Outcome {
    /// What the auditors found; empty is well.
    pub findings: Vec<Finding>,
    /// What they looked at.
    pub record: Record,
}

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
    /// The last event of each room that was there before the run.
    pub founded: BTreeMap<RoomId, Seq>,
    /// By shard, for each of its events: the step in which it was committed.
    pub committed: Vec<Vec<u64>>,
    random: Random,
    environment: Arc<dyn Environment>,
    nodes: Vec<Option<Node>>,
    /// Batches that wait in the inbox of a core, at most.
    inbox: usize,
    links: Vec<Vec<Link>>,
    /// What nodes said, on its way to each of the others.
    hints: Vec<(usize, Vec<u8>)>,
    /// What they said lately, as somebody keeps it who listens.
    overheard: Vec<Vec<u8>>,
    step: u64,
    /// Nodes that were started.
    starts: u128,
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
        let mut world = World::found(seed, options.clone()).await;
        for _ in 0..options.steps {
            world.trouble().await;
        }
        let unlevel = world.heal().await.err();
        let record = Record::of(&world, unlevel).await;
        let findings = audit::all(&record);
        Outcome { findings, record }
    })
}

impl World {
    /// How large the run is.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// One step in the phase of trouble.
    async fn trouble(&mut self) {
        self.step += 1;
        self.let_go();
        match self.random.below(100) {
            0..20 => self.give(),
            20..24 => self.connect().await,
            24..26 => self.cut(),
            26..28 => self.notice(),
            28..29 if self.random.percent(25) => self.crash().await,
            28..30 => self.restart().await,
            30..34 => self.open_or_close(),
            34..35 => self.type_something(),
            35..40 => self.hint().await,
            40 => self.tell_presence(),
            41..42 => self.look().await,
            42..44 => self.tick(),
            44..45 if self.random.percent(25) => self.crash_client(),
            _ => {
                for _ in 0..PROGRESS {
                    self.progress().await;
                }
            }
        }
    }

    /// Something that is under way goes on: a frame up, bytes down, a commit, a step of a core.
    async fn progress(&mut self) {
        match self.random.below(9) {
            0 | 1 => self.up(),
            2 | 3 => self.down(),
            4 | 5 => self.commit().await,
            6 => {
                let at = self.random.below(self.clients.len());
                self.rest(at).await;
            }
            _ => self.core_step().await,
        }
    }

    fn alive(&mut self) -> Option<usize> {
        let alive: Vec<usize> = (0..self.nodes.len())
            .filter(|n| self.nodes[*n].is_some())
            .collect();
        self.random.pick(&alive).copied()
    }
}

//! One simulated node: a feed, cores with hubs, commands that wait, reads under way.
//!
//! Owns: driving the engine's parts by hand, one small step at a time. Never: does two steps at once.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tidings_core::from_frame;
use tidings_engine::{
    Appender, Batch, Effect, Environment, Feed, Hello, Hub, Inbox, Item, PeerId, Reply, Submission,
    Work, hub::CATCHUP_PAGE,
};
use tidings_protocol::{
    ClientFrame, Cursor, DeviceId, EventId, Position, Presence, Refusal, ServerFrame, ShardId,
    Timestamp, UserId,
};
use tidings_store::Store;
use tidings_sync::{Gate, Verdict};

use super::{random::Random, wire::SimWire};

/// Clock and ids of a run: counted, never read.
#[derive(Debug, Default)]
pub struct Counted(AtomicU64);

impl Environment for Counted {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + (self.0.fetch_add(1, Ordering::Relaxed) as i64))
    }

    fn event_id(&self) -> EventId {
        EventId::from_bits(u128::from(self.0.fetch_add(1, Ordering::Relaxed)) | (7 << 76))
    }
}

/// What a read brought, on its way back to the hub.
type Return = Box<dyn FnOnce(&mut Hub<SimWire>)>;

/// One core of a node.
pub struct Core {
    /// The hub.
    pub hub: Hub<SimWire>,
    inbox: Arc<Inbox>,
    items: VecDeque<Item>,
    effects: Vec<Effect>,
    returns: Vec<Return>,
}

/// A peer's gate, kept as the server keeps it in the wire.
pub struct Seat {
    /// Which core.
    pub core: usize,
    /// The peer.
    pub peer: PeerId,
    /// What it may say.
    pub gate: Gate,
}

/// A node.
pub struct Node {
    store: Store,
    appender: Appender,
    /// The feed.
    pub feed: Arc<Feed>,
    /// The cores.
    pub cores: Vec<Core>,
    queue: VecDeque<Submission>,
}

/// "There may be more": what one node tells the others.
#[derive(Debug, Clone)]
pub struct Hint {
    /// The node that committed.
    pub from: usize,
    /// The head before.
    pub before: Position,
    /// The head after.
    pub last: Position,
    /// Whether the events come along.
    pub full: bool,
}

const SHARD: ShardId = ShardId(0);

impl Node {
    /// Starts a node on a store.
    pub async fn start(store: Store, environment: Arc<dyn Environment>, cores: usize) -> Node {
        let inboxes: Vec<Arc<Inbox>> = (0..cores).map(|_| Arc::new(Inbox::default())).collect();
        let feed = Feed::start(store.clone(), inboxes.clone(), None)
            .await
            .expect("the store is open");
        let feed = Arc::new(feed);
        let heads = feed.heads();
        let appender = Appender {
            store: store.clone(),
            environment,
            feed: Arc::clone(&feed),
        };
        let cores = inboxes.into_iter().enumerate().map(|(index, inbox)| Core {
            hub: Hub::new(index as u16, store.epoch(), &heads),
            inbox,
            items: VecDeque::new(),
            effects: Vec::new(),
            returns: Vec::new(),
        });
        Node {
            cores: cores.collect(),
            store,
            appender,
            feed,
            queue: VecDeque::new(),
        }
    }

    /// A client connects to a core.
    pub fn connect(&mut self, core: usize, wire: SimWire) -> Seat {
        let peer = self.cores[core].hub.connect(wire);
        Seat {
            core,
            peer,
            gate: Gate::default(),
        }
    }

    /// A frame of a client arrives.
    pub fn frame(&mut self, seat: &mut Seat, user: UserId, device: DeviceId, frame: ClientFrame) {
        let hub = &mut self.cores[seat.core].hub;
        match seat.gate.frame(&frame) {
            Verdict::Hello => {
                if let ClientFrame::Hello {
                    since,
                    follow,
                    open,
                    user_seq,
                    ..
                } = frame
                {
                    hub.greet(
                        seat.peer,
                        user,
                        device,
                        Hello {
                            since,
                            follow,
                            open,
                            user_seq,
                        },
                    );
                }
            }
            Verdict::Command => {
                let txn = frame.txn().cloned();
                match from_frame::command(user, frame) {
                    Ok(command) => {
                        let work = Work {
                            actor: user,
                            txn,
                            command,
                        };
                        let reply = Reply::Peer {
                            core: seat.core as u16,
                            peer: seat.peer,
                        };
                        self.queue.push_back(Submission { work, reply });
                    }
                    Err(code) => {
                        let refusal = Refusal::new(code);
                        hub.send(
                            seat.peer,
                            &ServerFrame::Refused {
                                txn,
                                room: None,
                                refusal,
                            },
                        );
                    }
                }
            }
            Verdict::Other => match frame {
                ClientFrame::Open { room, after } => {
                    if let Err(refusal) = hub.open(seat.peer, room, after) {
                        hub.send(
                            seat.peer,
                            &ServerFrame::Refused {
                                txn: None,
                                room: Some(room),
                                refusal,
                            },
                        );
                    }
                }
                ClientFrame::Close { room } => hub.close_room(seat.peer, room),
                ClientFrame::Typing { room, on } => hub.typing(room, user, on),
                _ => {}
            },
            Verdict::Refuse(refusal) => {
                let txn = frame.txn().cloned();
                hub.send(
                    seat.peer,
                    &ServerFrame::Refused {
                        txn,
                        room: None,
                        refusal,
                    },
                );
            }
            Verdict::Close(code) => hub.close(seat.peer, code),
        }
        self.gather(seat.core);
    }

    /// How many commands wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Commits up to `n` waiting commands as one batch. With `unseen` the node dies after the commit: nobody hears of it.
    pub async fn commit(&mut self, n: usize, unseen: bool) -> Option<(Position, Position)> {
        let n = n.min(self.queue.len());
        if n == 0 {
            return None;
        }
        let batch: Vec<Submission> = self.queue.drain(..n).collect();
        let before = self.store.heads().await.expect("the store is open")[0];
        if unseen {
            let works: Arc<[Work]> = batch.into_iter().map(|s| s.work).collect();
            tidings_engine::appender::commit(&self.store, &self.appender.environment, SHARD, works)
                .await
                .expect("the store is open");
        } else {
            self.appender.take(SHARD, batch).await;
        }
        let last = self.store.heads().await.expect("the store is open")[0];
        self.pull();
        (last > before).then_some((before, last))
    }

    /// A hint of another node arrives.
    pub async fn hear(&mut self, hint: &Hint) {
        let events = if hint.full {
            let mut events = self
                .store
                .shard_after(SHARD, hint.before, 1_000)
                .await
                .expect("the store is open");
            events.retain(|event| event.position <= hint.last);
            Some(events)
        } else {
            None
        };
        self.feed.hear(SHARD, hint.before, hint.last, events).await;
        self.pull();
    }

    /// The node looks at the heads.
    pub async fn look(&mut self) {
        self.feed.look().await.expect("the store is open");
        self.pull();
    }

    fn pull(&mut self) {
        for core in &mut self.cores {
            let taken = core.inbox.take();
            core.items.extend(taken.items);
            taken
                .missed
                .into_iter()
                .for_each(|shard| core.hub.missed(shard));
        }
    }

    fn gather(&mut self, core: usize) {
        let core = &mut self.cores[core];
        core.effects.extend(core.hub.take_effects());
    }

    /// Whether anything is under way on this node.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.queue.is_empty()
            || self.cores.iter().any(|core| {
                !core.items.is_empty()
                    || !core.effects.is_empty()
                    || !core.returns.is_empty()
                    || core.hub.wants_flush()
            })
    }

    /// One small step of a core: an item, a read, the return of a read, a flush, a beat.
    pub async fn step(&mut self, core: usize, random: &mut Random, gates: &mut [&mut Seat]) {
        let now = &mut self.cores[core];
        match random.below(5) {
            0 | 1 => {
                if let Some(item) = now.items.pop_front() {
                    take(&mut now.hub, item, core, gates);
                }
            }
            2 => {
                if !now.effects.is_empty() {
                    let effect = now.effects.swap_remove(random.below(now.effects.len()));
                    let back = perform(&self.store, effect).await;
                    now.returns.push(back);
                }
            }
            3 => {
                if !now.returns.is_empty() {
                    let back = now.returns.swap_remove(random.below(now.returns.len()));
                    back(&mut now.hub);
                }
            }
            _ => {
                if random.percent(30) {
                    now.hub.beat();
                } else {
                    now.hub.flush_listed();
                }
            }
        }
        self.gather(core);
    }
}

fn take(hub: &mut Hub<SimWire>, item: Item, core: usize, gates: &mut [&mut Seat]) {
    match item {
        Item::Batch(batch) => hub.batch(&batch),
        Item::Answer { peer, txn, answer } => {
            for seat in gates
                .iter_mut()
                .filter(|seat| seat.core == core && seat.peer == peer)
            {
                seat.gate.answered();
            }
            hub.answer(peer, &txn, answer);
        }
        Item::Typing { room, user, on } => hub.typing(room, user, on),
        Item::Presence { user, status } => hub.presence(user, status),
    }
}

async fn perform(store: &Store, effect: Effect) -> Return {
    match effect {
        Effect::ReadLog { peer, log, after } => {
            let page = store
                .log_after(log, after, CATCHUP_PAGE)
                .await
                .expect("the store is open");
            Box::new(move |hub| hub.log_page(peer, log, page))
        }
        Effect::ReadVisible {
            peer,
            user,
            shard,
            after,
            upto,
        } => {
            let page = store
                .visible_after(user, shard, after, upto, CATCHUP_PAGE)
                .await
                .expect("the store is open");
            Box::new(move |hub| hub.visible_page(peer, page))
        }
        Effect::Resume { peer, user, since } => {
            let resume = store
                .resume(user, since.as_ref())
                .await
                .expect("the store is open");
            Box::new(move |hub: &mut Hub<SimWire>| {
                hub.welcome(peer, resume, since);
            })
        }
        Effect::ReadSummary {
            peer,
            user,
            room,
            seen,
        } => {
            let summary = store
                .room_summary(room, user)
                .await
                .expect("the store is open");
            Box::new(move |hub| hub.room_summary(peer, room, seen, summary, Vec::new()))
        }
        Effect::Fill { shard, after } => {
            let events = store
                .shard_after(shard, after, 50)
                .await
                .expect("the store is open");
            let more = events.len() == 50;
            Box::new(move |hub| hub.filled(shard, Batch::read(shard, events), more))
        }
        Effect::Authorise {
            peer, users, asked, ..
        } => Box::new(move |hub| {
            hub.watching(
                peer,
                asked,
                users
                    .into_iter()
                    .map(|user| (user, Presence::Offline))
                    .collect(),
            );
        }),
    }
}

/// The cursor of a position in the one shard of a simulation.
#[must_use]
pub fn cursor(store: &Store, position: Position) -> Cursor {
    Cursor {
        epoch: store.epoch(),
        positions: vec![position],
    }
}

//! One simulated node: a feed, cores with hubs, commands that wait, reads under way.
//!
//! Owns: driving the engine's parts by hand, one small step at a time. Never: does two steps at once.

mod frames;
mod reads;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tidings_core::Salt;
use tidings_engine::{
    Appender, Effect, Environment, Feed, Hub, Inbox, Item, PeerId, PresenceBook, Submission, Work,
    appender,
    hints::{
        self, Outgoing,
        ear::{Ear, Heard},
        news::News,
        seal::Key,
    },
    presence::Read,
};
use tidings_protocol::{ClientFrame, EventId, Presence, ShardId, Timestamp, UserId};
use tidings_store::{HintKey, Store};
use tidings_sync::{Early, Gate};

use super::{random::Random, wire::SimWire};
use reads::{Return, members, perform};

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

    fn salt(&self) -> Salt {
        // Not counted: what is hashed moves no id.
        Salt([0; 16])
    }
}

/// One core of a node.
pub struct Core {
    /// The hub.
    pub hub: Hub<SimWire>,
    inbox: Arc<Inbox>,
    items: VecDeque<Item>,
    effects: Vec<Effect>,
    returns: Vec<Return>,
}

impl Core {
    /// Takes all that waits in the inbox, once what was taken before is done. What was dropped there is read instead.
    fn wake(&mut self, feed: &Feed) {
        if self.items.is_empty() {
            let taken = self.inbox.take();
            if taken.anew {
                self.hub.renew(&feed.heads());
            }
            self.items = taken.items;
            for shard in taken.missed {
                self.hub.missed(shard);
            }
            if taken.missed_presence {
                self.hub.missed_presence();
            }
            self.effects.extend(self.hub.take_effects());
        }
    }
}

/// A peer's gate, kept as the server keeps it in the wire.
pub struct Seat {
    /// Which core.
    pub core: usize,
    /// The peer.
    pub peer: PeerId,
    /// What it may say.
    pub gate: Gate,
    /// What it said between `hello` and its answer.
    pub early: Early<ClientFrame>,
}

/// A node.
pub struct Node {
    store: Store,
    appender: Appender,
    /// The feed.
    pub feed: Arc<Feed>,
    /// The cores.
    pub cores: Vec<Core>,
    /// Who is there.
    pub presence: PresenceBook,
    /// What tells it from the nodes that were here before.
    pub id: u128,
    /// What it says to the others.
    outgoing: Outgoing,
    said: u64,
    key: Key,
    ear: Ear,
    /// A node broken on purpose believes whom it should not.
    believes: Option<Key>,
    /// Reads of members, and how far they are.
    member_reads: Vec<(Read, Option<UserId>)>,
    /// Commands that wait, by shard.
    queues: Vec<VecDeque<Submission>>,
}

/// The key of another database, for hints that nobody should believe.
#[must_use]
pub fn foreign_key() -> Key {
    Key::new(&HintKey::from_bytes([0xbd; 32]))
}

impl Node {
    /// Starts a node on a store. So many batches wait in the inbox of each core, at most.
    pub async fn start(
        store: Store,
        environment: Arc<dyn Environment>,
        cores: usize,
        batches_max: usize,
        id: u128,
    ) -> Node {
        let inbox = |_| Arc::new(Inbox::holding(batches_max));
        let inboxes: Vec<Arc<Inbox>> = (0..cores).map(inbox).collect();
        let (hinter, outgoing) = hints::hinter();
        let feed = Feed::start(store.clone(), inboxes.clone(), Some(hinter))
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
        let queues = heads.iter().map(|_| VecDeque::new()).collect();
        let key = store.hint_key().await.expect("the store is open");
        Node {
            outgoing,
            said: 0,
            key: Key::new(&key),
            ear: Ear::new(id, 0),
            believes: None,
            cores: cores.collect(),
            store,
            appender,
            feed,
            presence: PresenceBook::default(),
            id,
            member_reads: Vec::new(),
            queues,
        }
    }

    /// A client connects to a core.
    pub fn connect(&mut self, core: usize, wire: SimWire) -> Seat {
        let peer = self.cores[core].hub.connect(wire);
        Seat {
            core,
            peer,
            gate: Gate::default(),
            early: Early::default(),
        }
    }

    /// A shard in which commands wait, and up to `n` of them.
    fn take_some(&mut self, n: usize, random: &mut Random) -> Option<(ShardId, Vec<Submission>)> {
        let waiting: Vec<usize> = (0..self.queues.len())
            .filter(|shard| !self.queues[*shard].is_empty())
            .collect();
        let shard = *random.pick(&waiting)?;
        let queue = &mut self.queues[shard];
        let some = queue.drain(..n.min(queue.len())).collect();
        Some((ShardId(shard as u16), some))
    }

    /// Commits up to `n` waiting commands of one shard as one batch. What the node says of it is to reach the others.
    pub async fn commit(&mut self, n: usize, random: &mut Random) {
        if let Some((shard, batch)) = self.take_some(n, random) {
            self.appender.take(shard, batch).await;
        }
    }

    /// What the node says to the others, sealed; now and then without the events.
    pub fn says(&mut self, random: &mut Random) -> Option<Vec<u8>> {
        let mut news = self.outgoing.next_now()?;
        if let News::Batch { events, .. } = &mut news
            && random.percent(40)
        {
            *events = None;
        }
        self.said += 1;
        let text = rmp_serde::to_vec(&news).expect("news is plain data");
        Some(self.key.seal(self.id, self.said, &text))
    }

    /// What was said, by who has the key.
    #[must_use]
    pub fn opened(&self, bytes: &[u8]) -> Option<News> {
        let opened = self.key.open(bytes).ok()?;
        rmp_serde::from_slice(&opened.text).ok()
    }

    /// From here on it believes those with another key, too: a fault for the auditors to find.
    pub fn believe_strangers(&mut self) {
        self.believes = Some(foreign_key());
    }

    /// The same by a node that dies after the commit: nobody hears of it.
    pub async fn commit_unseen(&mut self, n: usize, random: &mut Random) {
        let Some((shard, batch)) = self.take_some(n, random) else {
            return;
        };
        let works: Arc<[Work]> = batch.into_iter().map(|s| s.work).collect();
        appender::commit(&self.store, &self.appender.environment, shard, works)
            .await
            .expect("the store is open");
    }

    /// A message of another node arrives, or of somebody who pretends to be one.
    pub async fn hear(&mut self, bytes: &[u8]) {
        let mut judged = self.ear.hear(&self.key, 0, bytes);
        if let Some(key) = &self.believes
            && judged.heard.is_err()
        {
            judged = self.ear.hear(key, 0, bytes);
        }
        if let Ok(Heard::Batch {
            shard,
            before,
            last,
            events,
        }) = judged.heard
            && !self.feed.hear(shard, before, last, events).await
        {
            self.feed.catch_up(shard).await.expect("the store is open");
        }
    }

    /// The node looks at the heads.
    pub async fn look(&mut self) {
        self.feed.look().await.expect("the store is open");
    }

    fn gather(&mut self, core: usize) {
        let now = &mut self.cores[core];
        now.effects.extend(now.hub.take_effects());
        for counting in now.hub.take_counting() {
            let read = self.presence.counting(core as u16, counting);
            self.member_reads.extend(read.map(|read| (read, None)));
        }
    }

    /// A connection is gone.
    pub fn disconnect(&mut self, seat: &Seat) {
        let gone = self.cores[seat.core].hub.disconnect(seat.peer);
        if let Some((user, presence)) = gone {
            self.presence.session(user, presence, Presence::Offline);
        }
        self.gather(seat.core);
    }

    /// Whether anything is under way on this node.
    pub fn is_busy(&mut self) -> bool {
        self.cores.iter_mut().for_each(|core| core.wake(&self.feed));
        self.queues.iter().any(|queue| !queue.is_empty())
            || !self.member_reads.is_empty()
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
                now.wake(&self.feed);
                // What comes with its answers is taken with them: nothing comes between.
                while let Some(item) = now.items.pop_front() {
                    take(&mut now.hub, item, core, gates);
                    if !matches!(now.items.front(), Some(Item::Answer { .. })) {
                        break;
                    }
                }
            }
            2 => {
                if !self.member_reads.is_empty() && random.percent(30) {
                    let at = random.below(self.member_reads.len());
                    let read = self.member_reads.swap_remove(at);
                    let more = members(&self.store, &self.presence, read).await;
                    self.member_reads.extend(more);
                } else if !now.effects.is_empty() {
                    let effect = now.effects.swap_remove(random.below(now.effects.len()));
                    let back = perform(&self.store, &self.presence, effect).await;
                    now.returns.push(back);
                }
            }
            3 => {
                if !now.returns.is_empty() {
                    let back = now.returns.swap_remove(random.below(now.returns.len()));
                    if let Some((user, presence)) = back(&mut now.hub) {
                        self.presence.session(user, Presence::Offline, presence);
                    }
                }
            }
            _ => {
                if random.percent(30) {
                    now.hub.beat();
                    for (room, count) in self.presence.take_counts(core as u16) {
                        now.hub.presence_count(room, count);
                    }
                    now.hub.flush_presence(|user| self.presence.status(user));
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
        Item::Presence { user } => hub.presence(user),
    }
}

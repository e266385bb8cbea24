//! One core: a thread with its own runtime, listener, hub and connections.
//!
//! Owns: accepting, reading frames, running the hub's effects, the beat. A connection lives and dies on its core;
//! nothing here is shared with another thread but the inbox.
//! Never: blocks, or holds the hub's borrow across an await.

mod accept;
mod bugs;
mod counts;
mod effects;
mod frames;
mod steady;

pub(crate) use frames::Incoming;

use std::{
    cell::{Cell, OnceCell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

pub use frames::Flow;
pub use steady::Steady;
use tidings_engine::{Answer, Hello, Hub, Inbox, Item, PeerId, Wire, hints};
use tidings_protocol::{
    CloseCode, DeviceId, Presence, Refusal, RefusalCode, UserId,
    limits::{LISTED_EVERY_MS, PRESENCE_EVERY_MS},
};
use tokio::{
    sync::{Semaphore, watch},
    task::LocalSet,
};

use crate::{
    metrics::Answered,
    node::Node,
    problem,
    stream::{PollState, poll_body},
    wire::AnyWire,
};

/// Reads of the store that one core has under way; the rest wait their turn. A storm of reconnects is admitted by this.
const READS_MAX: usize = 64;
/// Bytes read from a socket at once, into the core's one buffer.
const READ_BYTES: usize = 64 * 1024;
/// How long connections have to end when the node drains.
const DRAIN_WAIT: Duration = Duration::from_secs(8);

thread_local! {
    static CORE: OnceCell<Rc<Core>> = const { OnceCell::new() };
}

/// What belongs to one core.
pub struct Core {
    /// The node.
    pub node: Arc<Node>,
    hub: RefCell<Hub<AnyWire>>,
    inbox: Arc<Inbox>,
    scratch: RefCell<Scratch>,
    flush_is_due: Cell<bool>,
    reads: Semaphore,
    index: u16,
}

/// The buffers that all connections of a core share: an idle connection owns none.
struct Scratch {
    bytes: Box<[u8]>,
    codec: tidings_websocket::Scratch,
    incoming: Vec<frames::Incoming>,
}

impl Scratch {
    fn new() -> Scratch {
        Scratch {
            bytes: vec![0; READ_BYTES].into_boxed_slice(),
            codec: tidings_websocket::Scratch::new(),
            incoming: Vec::new(),
        }
    }
}

/// Runs `f` with the core of this thread.
///
/// # Panics
/// On a thread that is no core; handlers and connections run on cores alone.
pub fn with_core<R>(f: impl FnOnce(&Rc<Core>) -> R) -> R {
    CORE.with(|core| f(core.get().expect("handlers run on a core's thread")))
}

/// Runs one core until the node drains. Called on its own thread.
///
/// # Errors
/// When the runtime cannot be made.
pub fn run(
    node: Arc<Node>,
    index: u16,
    inbox: Arc<Inbox>,
    listener: std::net::TcpListener,
    drain: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = LocalSet::new();
    runtime.block_on(local.run_until(async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let hub = Hub::new(index, node.store.epoch(), &node.feed.heads());
        let core = Rc::new(Core {
            node,
            hub: RefCell::new(hub),
            inbox,
            scratch: RefCell::new(Scratch::new()),
            flush_is_due: Cell::new(false),
            reads: Semaphore::new(READS_MAX),
            index,
        });
        CORE.with(|cell| cell.set(Rc::clone(&core)).ok());
        tokio::task::spawn_local(Rc::clone(&core).take_items());
        tokio::task::spawn_local(Rc::clone(&core).beat());
        accept::accept(Rc::clone(&core), listener, drain).await;
        core.say_goodbye().await;
        anyhow::Ok(())
    }))
}

impl Core {
    /// The core's number.
    #[must_use]
    pub const fn index(&self) -> u16 {
        self.index
    }

    /// Does something with the hub, then starts what the hub wants done.
    ///
    /// # Panics
    /// When `f` does, after the core has begun anew: see [`bugs`].
    pub fn act<R>(self: &Rc<Self>, f: impl FnOnce(&mut Hub<AnyWire>) -> R) -> R {
        let acted = catch_unwind(AssertUnwindSafe(|| {
            let mut hub = self.hub.borrow_mut();
            let result = f(&mut hub);
            let counting = hub.take_counting();
            (result, hub.take_effects(), counting, hub.wants_flush())
        }));
        let (result, effects, counting, flush) = acted.unwrap_or_else(|bug| {
            self.begin_anew_after_bug();
            resume_unwind(bug)
        });
        for news in counting {
            self.counting(news);
        }
        for effect in effects {
            tokio::task::spawn_local(effects::perform(Rc::clone(self), effect));
        }
        if flush && !self.flush_is_due.replace(true) {
            let core = Rc::clone(self);
            tokio::task::spawn_local(async move {
                tokio::time::sleep(Duration::from_millis(LISTED_EVERY_MS)).await;
                core.flush_is_due.set(false);
                core.act(Hub::flush_listed);
            });
        }
        result
    }

    async fn take_items(self: Rc<Self>) {
        loop {
            self.inbox.wait().await;
            let taken = self.inbox.take();
            if taken.anew {
                self.contain(|| {
                    self.begin_anew();
                });
            }
            for item in taken.items {
                self.contain(|| self.take_item(item));
            }
            for shard in taken.missed {
                self.contain(|| self.act(|hub| hub.missed(shard)));
            }
            if taken.missed_presence {
                self.contain(|| self.act(Hub::missed_presence));
            }
        }
    }

    fn take_item(self: &Rc<Self>, item: Item) {
        self.act(|hub| match item {
            Item::Batch(batch) => {
                if self.index == 0 {
                    // Each batch reaches every core; one of them counts it.
                    self.node.metrics.batch_published(batch.events.len());
                }
                hub.batch(&batch);
            }
            Item::Answer { peer, txn, answer } => {
                if let Some(AnyWire::Socket(wire)) = hub.wire(peer) {
                    wire.gate.answered();
                }
                self.node.metrics.command(answered(&answer));
                hub.answer(peer, &txn, answer);
            }
            Item::Typing { room, user, on } => hub.typing(room, user, on),
            // News of two cores may have overtaken each other: how the user is now, the book knows.
            Item::Presence { user } => hub.presence(user),
        });
    }

    async fn beat(self: Rc<Self>) {
        let mut second = tokio::time::interval(Duration::from_millis(PRESENCE_EVERY_MS));
        second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            second.tick().await;
            self.contain(|| {
                self.act(|hub| {
                    self.node.metrics.events_delivered(hub.take_delivered());
                    hub.beat();
                    let presence = &self.node.presence;
                    for (room, count) in presence.take_counts(self.index) {
                        hub.presence_count(room, count);
                    }
                    hub.flush_presence(|user| presence.status(user));
                });
            });
        }
    }

    /// Begins the session of one whose token was good. The device is looked at once more after the hub knows of it: one
    /// that was signed out in between would have been missed by the news of it.
    pub async fn greet(self: &Rc<Self>, id: PeerId, user: UserId, device: DeviceId, hello: Hello) {
        self.act(|hub| hub.greet(id, user, device, hello));
        match self.node.store.devices(user).await {
            Ok(devices) if devices.iter().any(|row| row.id == device) => {}
            Ok(_) => self.act(|hub| hub.close(id, CloseCode::DeviceRemoved)),
            Err(error) => {
                let code = ends_with(&problem::refusal_of_store(&error));
                self.act(|hub| hub.close(id, code));
            }
        }
    }

    /// A full wire may have room again. Returns whether nothing is left to flush, or the peer is gone.
    pub fn flush(self: &Rc<Self>, id: PeerId) -> bool {
        self.act(|hub| {
            let Some(AnyWire::Socket(wire)) = hub.wire(id) else {
                return true;
            };
            let done = wire.flush();
            if done {
                hub.drained(id);
            }
            done
        })
    }

    /// Whether a peer's wire is full. A peer that is gone is not.
    #[must_use]
    pub fn is_full(&self, id: PeerId) -> bool {
        self.hub
            .borrow_mut()
            .wire(id)
            .is_some_and(|wire| wire.is_full())
    }

    /// Whether a peer's socket can take nothing any more.
    #[must_use]
    pub fn is_broken(&self, id: PeerId) -> bool {
        match self.hub.borrow_mut().wire(id) {
            Some(AnyWire::Socket(wire)) => wire.is_broken(),
            Some(_) => false,
            None => true,
        }
    }

    /// Whether a peer's session was ended, and only its connection is left. True for one that is gone.
    fn is_ending(&self, id: PeerId) -> bool {
        match self.hub.borrow_mut().wire(id) {
            Some(AnyWire::Socket(wire)) => wire.is_closing(),
            Some(_) => false,
            None => true,
        }
    }

    /// An SSE body took a piece of so many bytes: if its wire was full, there is room again.
    pub fn took(self: &Rc<Self>, id: PeerId, bytes: usize) {
        let was_full = match self.hub.borrow_mut().wire(id) {
            Some(AnyWire::Stream(wire)) => wire.took(bytes),
            _ => false,
        };
        if was_full {
            let core = Rc::clone(self);
            tokio::task::spawn_local(async move { core.act(|hub| hub.drained(id)) });
        }
    }

    /// How far a long poll has come.
    #[must_use]
    pub fn poll_state(&self, id: PeerId) -> PollState {
        match self.hub.borrow_mut().wire(id) {
            Some(AnyWire::Poll(wire)) => match (wire.closed, wire.frames.first()) {
                (Some(code), _) => PollState::Ended(code),
                (None, None) => PollState::Waiting,
                (None, Some(first)) => PollState::Begun {
                    reset: first.starts_with(b"{\"type\":\"reset\""),
                    events: wire.events(),
                },
            },
            _ => PollState::Ended(CloseCode::Restarting),
        }
    }

    /// The answer of a long poll: its frames and the cursor after exactly these. `ready` is part of it only when it was
    /// asked for, `reset` always.
    #[must_use]
    pub fn take_poll(&self, id: PeerId, fresh: bool) -> Option<bytes::Bytes> {
        let mut hub = self.hub.borrow_mut();
        let cursor = hub.cursor_of(id)?;
        let Some(AnyWire::Poll(wire)) = hub.wire(id) else {
            return None;
        };
        let mut frames = std::mem::take(&mut wire.frames);
        if !fresh
            && frames
                .first()
                .is_some_and(|first| first.starts_with(b"{\"type\":\"ready\""))
        {
            frames.remove(0);
        }
        Some(poll_body(&frames, &cursor))
    }

    /// A connection is gone.
    pub fn disconnect(self: &Rc<Self>, id: PeerId) {
        if let Some((user, presence)) = self.act(|hub| hub.disconnect(id)) {
            self.presence_changed(user, presence, Presence::Offline);
        }
    }

    /// One session's presence changed: if the user's did, everybody who watches hears of it.
    pub fn presence_changed(&self, user: UserId, from: Presence, to: Presence) {
        if let Some(change) = self.node.presence.session(user, from, to) {
            hints::look::tell(&self.node.feed, vec![change]);
            if let Some(hinter) = &self.node.hinter {
                hinter.presence_of((user, self.node.presence.status_here(user)));
            }
        }
    }

    /// Tells every session to come back elsewhere, and ends it. `[CL2]`
    fn tell_to_come_back(self: &Rc<Self>) {
        let jitter = self.node.config.drain_jitter_ms;
        self.act(|hub| hub.drain(jitter));
    }

    async fn say_goodbye(self: &Rc<Self>) {
        // Once more: an upgrade that was under way has become a session meanwhile.
        self.tell_to_come_back();
        let until = tokio::time::Instant::now() + DRAIN_WAIT;
        while !self.hub.borrow().is_empty() && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// How a session ends that cannot begin for this reason. `[CL1]`
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "every other refusal is a fault of this side"
)]
const fn ends_with(refusal: &Refusal) -> CloseCode {
    match refusal.code {
        RefusalCode::Unauthenticated => CloseCode::Unauthenticated,
        RefusalCode::RateLimited => CloseCode::RateLimited,
        RefusalCode::Unavailable => CloseCode::Unavailable,
        _ => CloseCode::Internal,
    }
}

/// What the metrics call an answer.
fn answered(answer: &Answer) -> Answered {
    match answer {
        Answer::Happened(_) | Answer::Before(_) => Answered::Happened,
        Answer::Unchanged(_) => Answered::Unchanged,
        Answer::Refused(_) => Answered::Refused,
    }
}

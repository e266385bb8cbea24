//! A simulated device: its wire, its commands, who stands beside it, and the mind that decides what it says.
//!
//! Owns: one user's device over all its connections. Never: is lenient; what no client should ever get is a finding.
//!
//! Two minds there are: [`plain`], few rules written down once more, and [`session`], the client half of
//! `tidings-sync` as programs use it.

pub mod plain;

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use tidings_protocol::{ClientFrame, DeviceId, Event, Follow, RoomId, ServerFrame, TxnId, UserId};
use tidings_websocket::{Decoder, Limits, Message, Role, Scratch};

use super::{
    fold::Fold,
    observer::Observer,
    wire::{Load, Pipe},
};
use plain::Plain;

const LIMITS: Limits = Limits {
    max_message_bytes: 1 << 24,
    max_frame_bytes: 1 << 24,
    max_fragments: 1,
};

/// Commands of one device without an answer, at most: chance gives no more.
const WAITING_MAX: usize = 20;

/// One command of a client, from its giving to its answer.
#[derive(Debug, Clone)]
pub struct Op {
    /// Who gave it.
    pub user: UserId,
    /// Its id.
    pub txn: TxnId,
    /// The frame.
    pub frame: ClientFrame,
    /// The step at which it was given first.
    pub invoked: u64,
    /// The step at which its answer came, and the event if it happened.
    pub answered: Option<(u64, Option<Event>)>,
}

/// The device.
pub struct Client {
    /// The user.
    pub user: UserId,
    /// The device.
    pub device: DeviceId,
    /// Listed or all.
    pub follow: Follow,
    /// The wire, while connected.
    pub pipe: Option<Rc<RefCell<Pipe>>>,
    /// Frames on their way to the server.
    pub up: VecDeque<ClientFrame>,
    /// Commands, in the order in which they were given.
    pub ops: Vec<Op>,
    /// Who notes what it gets.
    pub observer: Observer,
    /// What its wires had to hold, but for the present one.
    pub wires: Load,
    mind: Plain,
    decoder: Decoder,
    step: u64,
}

impl Client {
    /// A device of a user.
    #[must_use]
    pub fn new(user: UserId, device: DeviceId, follow: Follow) -> Client {
        Client {
            user,
            device,
            follow,
            pipe: None,
            up: VecDeque::new(),
            ops: Vec::new(),
            observer: Observer::new(user, follow),
            wires: Load::default(),
            mind: Plain::new(user, follow),
            decoder: Decoder::new(Role::Client, false),
            step: 0,
        }
    }

    /// What it holds.
    #[must_use]
    pub fn fold(&self) -> &Fold {
        &self.mind.fold
    }

    /// Whether it has the room open, as far as it knows.
    #[must_use]
    pub fn is_open(&self, room: RoomId) -> bool {
        self.mind.open.contains(&room)
    }

    /// The commands without an answer.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.ops.iter().filter(|op| op.answered.is_none()).count()
    }

    /// Whether chance may give it another command.
    #[must_use]
    pub fn has_time(&self) -> bool {
        self.waiting() < WAITING_MAX
    }

    /// A connection was made.
    pub fn connected(&mut self, pipe: Rc<RefCell<Pipe>>, step: u64) {
        self.pipe = Some(pipe);
        self.decoder = Decoder::new(Role::Client, false);
        self.up.clear();
        self.observer.connected(step);
        self.up.push_back(self.mind.hello());
    }

    /// The connection is gone, and what was on its way with it.
    pub fn disconnected(&mut self) {
        if let Some(pipe) = self.pipe.take() {
            self.wires = self.wires.max(pipe.borrow().load);
        }
        self.observer.welcomed = false;
        self.up.clear();
    }

    /// Gives a command: kept until it is answered, and on its way if there is a session.
    pub fn give(&mut self, op: Op) {
        if self.observer.welcomed {
            self.up.push_back(op.frame.clone());
        }
        self.ops.push(op);
    }

    /// Opens a room; `fresh` without saying what is held of it.
    pub fn open(&mut self, room: RoomId, fresh: bool) {
        let frame = self.mind.open(room, fresh);
        self.up.extend(frame);
    }

    /// Closes a room.
    pub fn close(&mut self, room: RoomId) {
        let frame = self.mind.close(room);
        self.up.extend(frame);
    }

    /// The next frame leaves for the server.
    pub fn next_up(&mut self, step: u64) -> Option<ClientFrame> {
        let frame = self.up.pop_front()?;
        self.trace(step, "up", &frame);
        self.observer.sent(&frame);
        Some(frame)
    }

    /// Reads up to `n` bytes from the wire.
    pub fn read(&mut self, n: usize, step: u64) {
        self.step = step;
        let Some(pipe) = &self.pipe else { return };
        let mut bytes: Vec<u8> = {
            let mut pipe = pipe.borrow_mut();
            let n = n.min(pipe.bytes.len());
            pipe.bytes.drain(..n).collect()
        };
        if bytes.is_empty() {
            return;
        }
        let mut frames: Vec<Result<ServerFrame, String>> = Vec::new();
        let mut note = |message: Message<'_>| match message {
            Message::Text(text) => {
                frames.push(serde_json::from_str(text).map_err(|error| error.to_string()));
            }
            Message::Binary(bytes) => {
                frames.push(rmp_serde::from_slice(bytes).map_err(|error| error.to_string()));
            }
            _ => {}
        };
        let fed = self
            .decoder
            .feed(&mut bytes, &LIMITS, &mut Scratch::new(), &mut note);
        if let Err(error) = fed {
            self.observer
                .complain("I5", format!("bytes that are no frame: {error}"));
        }
        for frame in frames {
            match frame {
                Ok(frame) => self.frame(&frame),
                Err(error) => self
                    .observer
                    .complain("I5", format!("a frame that does not parse: {error}")),
            }
        }
    }

    /// A frame came.
    pub fn frame(&mut self, frame: &ServerFrame) {
        self.trace(self.step, "down", frame);
        self.observer.got(self.step, frame);
        match frame {
            ServerFrame::Event(event) if event.txn.is_some() && event.actor == self.user => {
                self.answered(event.txn.as_ref(), Some(event));
            }
            ServerFrame::Refused { txn, .. } => self.answered(txn.as_ref(), None),
            ServerFrame::Unchanged { txn, .. } => self.answered(Some(txn), None),
            _ => {}
        }
        if let Err(reason) = self.mind.frame(frame) {
            self.observer.complain("I12", reason);
        }
        if matches!(frame, ServerFrame::Ready(_) | ServerFrame::Reset(_)) {
            // Everything without an answer goes again, in its order. [CM3]
            let waiting = self.ops.iter().filter(|op| op.answered.is_none());
            self.up.extend(waiting.map(|op| op.frame.clone()));
        }
    }

    fn answered(&mut self, txn: Option<&TxnId>, event: Option<&Event>) {
        let Some(txn) = txn else { return };
        let Some(op) = self.ops.iter_mut().find(|op| op.txn == *txn) else {
            // Another device of the same user may have given it; then it is no answer.
            if event.is_none_or(|event| event.answer) {
                let text = format!("[CM9] an answer to what was never asked: {txn}");
                self.observer.complain("I5", text);
            }
            return;
        };
        match (&op.answered, event) {
            (Some((_, Some(first))), Some(again)) if first.id == again.id => {}
            (Some((_, Some(_))), _) => {
                let text = format!("[CM3] {txn} happened, and was answered otherwise later");
                self.observer.complain("I2", text);
            }
            (Some((_, None)), None) => {}
            // A refusal is not remembered: a copy may happen later. [CM4]
            (None | Some((_, None)), event) => op.answered = Some((self.step, event.cloned())),
        }
    }

    /// Prints a frame when `SIM_TRACE` is set: to read what a seed did.
    fn trace(&self, step: u64, way: &str, frame: &impl serde::Serialize) {
        if std::env::var_os("SIM_TRACE").is_some() {
            let text = serde_json::to_string(frame).unwrap_or_default();
            eprintln!(
                "{step} {} session {} {way}: {text}",
                self.device, self.observer.session
            );
        }
    }
}

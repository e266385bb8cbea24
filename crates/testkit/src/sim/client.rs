//! A simulated device: its wire, its commands, who stands beside it, and the mind that decides what it says.
//!
//! Owns: one user's device over all its connections. Never: is lenient; what no client should ever get is a finding.
//!
//! Two minds there are: [`plain`], few rules written down once more, and [`session`], the client half of
//! `tidings-sync` as programs use it.

pub mod plain;
pub mod session;

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use tidings_protocol::{
    ClientFrame, CloseCode, DeviceId, Event, Follow, OpenRoom, RoomId, ServerFrame, TxnId, UserId,
};
use tidings_sync::client::Input;
use tidings_websocket::{Decoder, Limits, Message, Role, Scratch};

use super::{
    fold::Fold,
    observer::Observer,
    wire::{Load, Pipe},
};
use plain::Plain;
use session::{Session, Wish};

const LIMITS: Limits = Limits {
    max_message_bytes: 1 << 24,
    max_frame_bytes: 1 << 24,
    max_fragments: 1,
};

/// A connection that ended without a close code. (RFC 6455 §7.1.5)
const ABNORMAL: u16 = 1006;

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

/// What a forger says in its `hello`.
#[derive(Debug)]
pub struct Forged {
    /// The cursor.
    pub since: String,
    /// Rooms to open, whether or not it is in them.
    pub open: Vec<OpenRoom>,
}

/// What decides.
#[derive(Debug)]
enum Mind {
    Plain(Plain),
    Session(Box<Session>),
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
    /// It makes its cursors up, and asks for what it may not see.
    pub forges: bool,
    mind: Mind,
    hung_up: bool,
    decoder: Decoder,
    step: u64,
}

impl Client {
    /// A device of a user with the plain mind.
    #[must_use]
    pub fn plain(user: UserId, device: DeviceId, follow: Follow) -> Client {
        Client::new(user, device, follow, Mind::Plain(Plain::new(user, follow)))
    }

    /// A device of a user with a session for a mind.
    #[must_use]
    pub fn session(user: UserId, device: DeviceId, follow: Follow, seed: u64) -> Client {
        let mind = Mind::Session(Box::new(Session::new(user, follow, seed)));
        Client::new(user, device, follow, mind)
    }

    /// A device that makes its cursors up.
    #[must_use]
    pub fn forger(user: UserId, device: DeviceId, follow: Follow) -> Client {
        let mut client = Client::plain(user, device, follow);
        client.forges = true;
        client.observer.is_of_forger = true;
        client
    }

    fn new(user: UserId, device: DeviceId, follow: Follow, mind: Mind) -> Client {
        Client {
            user,
            device,
            follow,
            pipe: None,
            up: VecDeque::new(),
            ops: Vec::new(),
            observer: Observer::new(user, follow),
            wires: Load::default(),
            forges: false,
            mind,
            hung_up: false,
            decoder: Decoder::new(Role::Client, false),
            step: 0,
        }
    }

    /// What it holds.
    #[must_use]
    pub fn fold(&self) -> &Fold {
        match &self.mind {
            Mind::Plain(plain) => &plain.fold,
            Mind::Session(session) => session.fold(),
        }
    }

    /// Whether it has the room open, as far as it knows.
    #[must_use]
    pub fn is_open(&self, room: RoomId) -> bool {
        match &self.mind {
            Mind::Plain(plain) => plain.open.contains(&room),
            Mind::Session(session) => session.is_open(room),
        }
    }

    /// The session that is its mind, if one is.
    pub fn mind(&mut self) -> Option<&mut Session> {
        match &mut self.mind {
            Mind::Plain(_) => None,
            Mind::Session(session) => Some(session),
        }
    }

    /// Whether it is away and wants to be connected.
    #[must_use]
    pub fn wants_connection(&self) -> bool {
        let wants = match &self.mind {
            Mind::Plain(_) => true,
            Mind::Session(session) => session.connecting,
        };
        self.pipe.is_none() && wants
    }

    /// Whether it reads something over REST.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(&self.mind, Mind::Session(session) if session.is_busy())
    }

    /// Whether it ended its connection since last asked.
    pub fn takes_leave(&mut self) -> bool {
        std::mem::take(&mut self.hung_up)
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

    /// A connection was made. What a forger made up goes into its `hello`.
    pub fn connected(&mut self, pipe: Rc<RefCell<Pipe>>, step: u64, forged: Option<Forged>) {
        self.pipe = Some(pipe);
        self.decoder = Decoder::new(Role::Client, false);
        self.up.clear();
        self.observer.connected(step);
        match &mut self.mind {
            Mind::Plain(plain) => {
                let mut hello = plain.hello();
                if let ClientFrame::Hello { since, open, .. } = &mut hello
                    && let Some(forged) = forged
                {
                    *since = Some(forged.since);
                    *open = forged.open;
                }
                self.up.push_back(hello);
            }
            Mind::Session(session) => {
                let wishes = session.opened();
                self.grant(wishes);
            }
        }
    }

    /// The connection is gone, and what was on its way with it. The code is what the client heard, if anything.
    pub fn disconnected(&mut self, code: Option<CloseCode>) {
        if self.unplug()
            && let Mind::Session(session) = &mut self.mind
        {
            let wishes = session.closed(code.map_or(ABNORMAL, |code| code as u16));
            self.grant(wishes);
        }
    }

    /// True when there was a connection.
    fn unplug(&mut self) -> bool {
        let pipe = self.pipe.take();
        if let Some(pipe) = &pipe {
            self.wires = self.wires.max(pipe.borrow().load);
        }
        self.observer.welcomed = false;
        self.up.clear();
        pipe.is_some()
    }

    /// The process ends, and another begins from what was stored. A plain mind has none.
    pub fn crash(&mut self) {
        if let Mind::Session(session) = &mut self.mind {
            session.crash();
            self.hung_up = self.unplug();
        }
    }

    /// Time goes on for it.
    pub fn tick(&mut self) {
        if let Mind::Session(session) = &mut self.mind {
            let wishes = session.tick();
            self.grant(wishes);
        }
    }

    /// The answer to one of its reads arrives.
    pub fn page(&mut self, page: Input) {
        if let Mind::Session(session) = &mut self.mind {
            let wishes = session.page(page);
            self.grant(wishes);
        }
    }

    /// Gives a command: kept until it is answered, and on its way if there is a session.
    pub fn give(&mut self, op: Op) {
        let frame = op.frame.clone();
        self.ops.push(op);
        match &mut self.mind {
            Mind::Plain(_) if self.observer.welcomed => self.up.push_back(frame),
            Mind::Plain(_) => {}
            Mind::Session(session) => {
                let wishes = session.give(frame);
                self.grant(wishes);
            }
        }
    }

    /// Opens a room; `fresh` without saying what is held of it.
    pub fn open(&mut self, room: RoomId, fresh: bool) {
        match &mut self.mind {
            Mind::Plain(plain) => self.up.extend(plain.open(room, fresh)),
            Mind::Session(session) => {
                let wishes = session.open(room, fresh);
                self.grant(wishes);
            }
        }
    }

    /// Closes a room.
    pub fn close(&mut self, room: RoomId) {
        match &mut self.mind {
            Mind::Plain(plain) => self.up.extend(plain.close(room)),
            Mind::Session(session) => {
                let wishes = session.close(room);
                self.grant(wishes);
            }
        }
    }

    fn grant(&mut self, wishes: Vec<Wish>) {
        for wish in wishes {
            match wish {
                Wish::Send(frame) => self.up.push_back(frame),
                Wish::HangUp => self.hung_up = self.unplug(),
                Wish::Answered(txn, event) => self.answered(Some(&txn), event.as_ref()),
                Wish::Wrong(reason) => self.observer.complain("I12", reason),
            }
        }
    }

    /// The next frame leaves for the server.
    pub fn next_up(&mut self, step: u64) -> Option<ClientFrame> {
        let frame = self.up.pop_front()?;
        self.trace(step, "up", &frame);
        self.observer.sent(step, &frame);
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
        match &mut self.mind {
            Mind::Session(session) => {
                let wishes = session.frame(frame.clone());
                self.grant(wishes);
            }
            // It does not know itself what it holds.
            Mind::Plain(_) if self.forges => {}
            Mind::Plain(plain) => {
                if let Err(reason) = plain.frame(frame) {
                    self.observer.complain("I12", reason);
                }
                self.plain_answer(frame);
            }
        }
    }

    fn plain_answer(&mut self, frame: &ServerFrame) {
        match frame {
            ServerFrame::Event(event) if event.txn.is_some() && event.actor == self.user => {
                self.answered(event.txn.as_ref(), Some(event));
            }
            ServerFrame::Refused { txn, .. } => self.answered(txn.as_ref(), None),
            ServerFrame::Unchanged { txn, .. } => self.answered(Some(txn), None),
            ServerFrame::Ready(_) | ServerFrame::Reset(_) => {
                // Everything without an answer goes again, in its order. [CM3]
                let waiting = self.ops.iter().filter(|op| op.answered.is_none());
                self.up.extend(waiting.map(|op| op.frame.clone()));
            }
            _ => {}
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

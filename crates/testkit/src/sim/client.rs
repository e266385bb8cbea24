//! A strict client: it notes everything it gets, and complains at once of what no client should ever get.
//!
//! Owns: one user's device: its outbox, its cursor, what it holds of each room. It survives disconnects, not its user.
//! Never: is lenient. Repeats within a session, gaps and strangers' news are findings.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use tidings_protocol::{
    ClientFrame, Content, DeviceId, Event, Follow, LogId, OpenRoom, Position, RoomId, Seq,
    ServerFrame, TxnId, UserId, content::Known,
};
use tidings_websocket::{Decoder, Limits, Message, Role, Scratch};

use super::wire::Pipe;

const LIMITS: Limits = Limits {
    max_message_bytes: 1 << 24,
    max_frame_bytes: 1 << 24,
    max_fragments: 1,
};

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

/// What a client holds of a room.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// The last event it was sent of the room while it was open.
    pub seq: Seq,
    /// It asked for the room to be open, in this session.
    pub open: bool,
    /// `opened` came in this session, and events follow from there.
    pub expects: Option<Seq>,
    /// The head it was last told of.
    pub told: Seq,
    /// `opened` came in this session: while it opens again, news of the time before is on its way.
    pub opened: bool,
}

/// An event that reached a client, and when.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The step.
    pub step: u64,
    /// Which session of the client.
    pub session: u64,
    /// What.
    pub event: Event,
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
    /// Which session this is.
    pub session: u64,
    /// It was welcomed in this session.
    pub welcomed: bool,
    /// Frames on their way to the server.
    pub up: VecDeque<ClientFrame>,
    /// Commands without an answer, in the order they were given.
    pub outbox: VecDeque<Op>,
    /// Commands with one.
    pub done: Vec<Op>,
    /// The cursor it would come back with.
    pub cursor: Option<String>,
    /// For `follow: all`: the position of the last event.
    pub position: Option<Position>,
    /// The first cursor of an `all` client: events after it must all come.
    pub began: Option<Position>,
    /// By room.
    pub rooms: BTreeMap<RoomId, Held>,
    /// Everything it got.
    pub seen: Vec<Seen>,
    /// `opened` with a `from` that was not what it asked: it dropped the room.
    pub dropped: u64,
    /// What should never have come.
    pub complaints: Vec<String>,
    decoder: Decoder,
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
            session: 0,
            welcomed: false,
            up: VecDeque::new(),
            outbox: VecDeque::new(),
            done: Vec::new(),
            cursor: None,
            position: None,
            began: None,
            rooms: BTreeMap::new(),
            seen: Vec::new(),
            dropped: 0,
            complaints: Vec::new(),
            decoder: Decoder::new(Role::Client, false),
        }
    }

    /// A connection was made: says hello with all that is held.
    pub fn connected(&mut self, pipe: Rc<RefCell<Pipe>>) {
        self.pipe = Some(pipe);
        self.session += 1;
        self.welcomed = false;
        self.decoder = Decoder::new(Role::Client, false);
        self.up.clear();
        let mut open = Vec::new();
        for (room, held) in &mut self.rooms {
            held.expects = None;
            held.opened = false;
            if held.open {
                open.push(OpenRoom {
                    room: *room,
                    after: (held.seq > Seq::ZERO).then_some(held.seq),
                });
            }
        }
        self.up.push_back(ClientFrame::Hello {
            token: None,
            since: self.cursor.clone(),
            follow: self.follow,
            open,
            user_seq: None,
        });
    }

    /// The connection is gone, and what was on its way with it.
    pub fn disconnected(&mut self) {
        self.pipe = None;
        self.welcomed = false;
        self.up.clear();
    }

    /// Gives a command: into the outbox, and on its way if there is a session.
    pub fn give(&mut self, op: Op) {
        if self.welcomed {
            self.up.push_back(op.frame.clone());
        }
        self.outbox.push_back(op);
    }

    /// Reads up to `n` bytes from the wire. Returns whether anything was read.
    pub fn read(&mut self, n: usize, step: u64, cursor_at: &dyn Fn(Position) -> String) -> bool {
        let Some(pipe) = &self.pipe else { return false };
        let mut bytes: Vec<u8> = {
            let mut pipe = pipe.borrow_mut();
            let n = n.min(pipe.bytes.len());
            pipe.bytes.drain(..n).collect()
        };
        if bytes.is_empty() {
            return false;
        }
        let mut frames = Vec::new();
        let fed = self
            .decoder
            .feed(&mut bytes, &LIMITS, &mut Scratch::new(), &mut |message| {
                if let Message::Text(text) = message {
                    frames.push(serde_json::from_str::<ServerFrame>(text));
                }
            });
        if let Err(error) = fed {
            self.complaints
                .push(format!("bytes that are no frame: {error}"));
        }
        for frame in frames {
            match frame {
                Ok(frame) => self.frame(frame, step, cursor_at),
                Err(error) => self
                    .complaints
                    .push(format!("a frame that does not parse: {error}")),
            }
        }
        true
    }

    fn frame(&mut self, frame: ServerFrame, step: u64, cursor_at: &dyn Fn(Position) -> String) {
        self.trace(step, "down", &frame);
        match frame {
            ServerFrame::Ready(welcome) | ServerFrame::Reset(welcome) => {
                self.welcomed = true;
                if self.follow == Follow::All {
                    let position = welcome.cursor.positions[0];
                    self.began.get_or_insert(position);
                    if self.position.is_none() {
                        self.position = Some(position);
                    }
                }
                self.cursor = Some(welcome.cursor.to_string());
                for room in welcome.rooms {
                    let held = self.rooms.entry(room.id).or_default();
                    held.told = held.told.max(room.head);
                }
                for room in welcome.left {
                    self.rooms.remove(&room);
                }
                // Everything without an answer goes again, in its order. [CM3]
                self.up
                    .extend(self.outbox.iter().map(|op| op.frame.clone()));
            }
            ServerFrame::Event(event) => self.event(*event, step, cursor_at),
            ServerFrame::Opened { room, from, .. } => {
                let held = self.rooms.entry(room).or_default();
                if from != held.seq {
                    self.dropped += 1;
                    held.seq = from;
                }
                // A `close` may be on its way: the room stays as this side wants it.
                held.expects = Some(from.next());
                held.opened = true;
            }
            ServerFrame::Rooms { rooms } => {
                for room in rooms {
                    let held = self.rooms.entry(room.room).or_default();
                    held.told = held.told.max(room.head);
                }
            }
            ServerFrame::Room { room, .. } => {
                let held = self.rooms.entry(room.id).or_default();
                held.told = held.told.max(room.head);
            }
            ServerFrame::Left { room } => {
                self.rooms.remove(&room);
            }
            ServerFrame::Refused { txn: Some(txn), .. } => self.answered(&txn, step, None),
            ServerFrame::Unchanged { txn, .. } => self.answered(&txn, step, None),
            ServerFrame::Refused {
                room: Some(room), ..
            } => {
                self.rooms.remove(&room);
            }
            ServerFrame::Cursor { cursor } => self.cursor = Some(cursor.to_string()),
            _ => {}
        }
    }

    fn event(&mut self, event: Event, step: u64, cursor_at: &dyn Fn(Position) -> String) {
        if event.txn.is_some() && event.actor != self.user {
            self.complaints
                .push(format!("[EV4] another's txn on {}", event.id));
        }
        let answer = event.txn.clone();
        if event.answer {
            if !answer.as_ref().is_some_and(|txn| {
                self.outbox
                    .iter()
                    .chain(&self.done)
                    .any(|op| op.txn == *txn)
            }) {
                self.complaints.push(format!(
                    "[CM9] an answer to what was never asked: {}",
                    event.id
                ));
            }
            if let Some(txn) = answer {
                self.answered(&txn, step, Some(event));
            }
            return;
        }
        let left = matches!(&event.content, Some(Content::Known(Known::MemberLeft { user })) if *user == self.user);
        match (self.follow, event.log) {
            (Follow::All, _) => {
                let repeat = self
                    .position
                    .is_some_and(|position| event.position <= position);
                if repeat {
                    self.complaints.push(format!(
                        "[CU4] position {} came twice or late",
                        event.position
                    ));
                }
                if !repeat {
                    if left && let LogId::Room(room) = event.log {
                        self.rooms.remove(&room);
                    }
                    self.position = Some(event.position);
                    self.cursor = Some(cursor_at(event.position));
                    self.seen.push(Seen {
                        step,
                        session: self.session,
                        event: event.clone(),
                    });
                }
            }
            (Follow::Listed, LogId::Room(room)) => {
                let held = self.rooms.get_mut(&room);
                let expected = held.as_ref().and_then(|held| held.expects);
                let reopening = held
                    .as_ref()
                    .is_some_and(|held| held.opened && held.expects.is_none());
                match held {
                    Some(held) if expected == Some(event.seq) => {
                        held.expects = Some(event.seq.next());
                        held.seq = event.seq;
                        held.told = held.told.max(event.seq);
                        self.seen.push(Seen {
                            step,
                            session: self.session,
                            event: event.clone(),
                        });
                    }
                    _ if reopening => {}
                    _ => self.complaints.push(format!(
                        "[EV3] seq {} of {room} came where {expected:?} was due",
                        event.seq
                    )),
                }
            }
            (Follow::Listed, LogId::User(user)) => {
                if user != self.user {
                    self.complaints
                        .push(format!("[P6] an event of the log of {user}"));
                }
            }
        }
        if let Some(txn) = answer {
            self.answered(&txn, step, Some(event));
        }
    }

    /// Prints a frame when `SIM_TRACE` is set: to read what a seed did.
    pub fn trace(&self, step: u64, way: &str, frame: &impl serde::Serialize) {
        if std::env::var_os("SIM_TRACE").is_some() {
            let text = serde_json::to_string(frame).unwrap_or_default();
            eprintln!(
                "{step} {} session {} {way}: {text}",
                self.device, self.session
            );
        }
    }

    fn answered(&mut self, txn: &TxnId, step: u64, event: Option<Event>) {
        if let Some(at) = self.outbox.iter().position(|op| op.txn == *txn)
            && let Some(mut op) = self.outbox.remove(at)
        {
            op.answered = Some((step, event));
            self.done.push(op);
        }
    }
}

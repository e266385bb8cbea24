//! What a client says over its socket: from bytes to hub and door.
//!
//! Owns: reading into the core's one buffer, turning frames into commands. Never: decides.

use std::{io, rc::Rc};

use tidings_engine::inbox::Item;
use tidings_engine::{Format, Hello, PeerId, Reply, Submission, Wire, Work};
use tidings_protocol::{
    ClientFrame, CloseCode, Command as Given, Part, Refusal, RefusalCode, ServerFrame, TxnId,
    UserId,
    frame::read::{self, Read},
    limits::{CLIENT_FRAME_BYTES_MAX, FRAME_FRAGMENTS_MAX},
};
use tidings_sync::Verdict;
use tidings_websocket::{Decoder, Limits, Message};
use tokio::net::TcpStream;

use super::Core;
use crate::{auth, misfit, wire::AnyWire};

/// Bytes of a read that are taken in at once: compressed, they hold four megabytes of frames at most.
const TAKE_IN_BYTES: usize = 4 * 1024;

/// What one message of a client turned out to be.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A frame, and how many bytes it had.
    Frame(Box<ClientFrame>, usize),
    Unreadable(Option<TxnId>, Refusal),
    Ping(bytes::Bytes),
    Bad(CloseCode),
    Closed,
}

/// Whether to go on reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Yes.
    Go,
    /// The connection has ended.
    End,
}

fn limits() -> Limits {
    Limits {
        max_message_bytes: CLIENT_FRAME_BYTES_MAX,
        max_frame_bytes: CLIENT_FRAME_BYTES_MAX,
        max_fragments: FRAME_FRAGMENTS_MAX as u32,
    }
}

impl Core {
    /// Reads once from a socket and does what its frames say.
    pub fn read(self: &Rc<Self>, id: PeerId, stream: &TcpStream, decoder: &mut Decoder) -> Flow {
        let format = match self.hub.borrow_mut().wire(id) {
            Some(wire) => wire.format(),
            None => return Flow::End,
        };
        let mut bytes = std::mem::take(&mut self.scratch.borrow_mut().bytes);
        let flow = match stream.try_read(&mut bytes) {
            Ok(0) => Flow::End,
            Ok(n) => {
                self.hub.borrow_mut().heard(id);
                self.take_in(id, &mut bytes[..n], format, decoder);
                Flow::Go
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Flow::Go,
            Err(_) => Flow::End,
        };
        // The buffer goes back, so that the next read does not allocate.
        self.scratch.borrow_mut().bytes = bytes;
        flow
    }

    /// The same for bytes that came with the handshake.
    pub fn read_early(self: &Rc<Self>, id: PeerId, early: &[u8], decoder: &mut Decoder) {
        let format = self.hub.borrow_mut().wire(id).map(|wire| wire.format());
        if let Some(format) = format {
            self.take_in(id, &mut early.to_vec(), format, decoder);
        }
    }

    /// Does what the frames in these bytes say: a few bytes at a time, since what is compressed may be a thousand times
    /// as long, and none of it is kept. `[P5]`
    fn take_in(
        self: &Rc<Self>,
        id: PeerId,
        bytes: &mut [u8],
        format: Format,
        decoder: &mut Decoder,
    ) {
        let mut incoming = std::mem::take(&mut self.scratch.borrow_mut().incoming);
        for bytes in bytes.chunks_mut(TAKE_IN_BYTES) {
            {
                let codec = &mut self.scratch.borrow_mut().codec;
                decode(bytes, format, decoder, codec, &mut incoming);
            }
            for message in incoming.drain(..) {
                self.message(id, message);
            }
            if self.is_ending(id) {
                break;
            }
        }
        self.scratch.borrow_mut().incoming = incoming;
    }

    fn message(self: &Rc<Self>, id: PeerId, message: Incoming) {
        // A session that was ended gives no more commands, however long its client keeps the connection.
        if self.is_ending(id) {
            return;
        }
        match message {
            Incoming::Frame(frame, bytes) => self.frame(id, frame, bytes),
            Incoming::Unreadable(txn, refusal) => self.unreadable(id, txn, refusal),
            Incoming::Ping(payload) => self.act(|hub| {
                if let Some(wire @ AnyWire::Socket(_)) = hub.wire(id)
                    && !wire.is_full()
                {
                    wire.send(&tidings_websocket::pong(&payload));
                }
            }),
            Incoming::Bad(code) => self.act(|hub| hub.close(id, code)),
            Incoming::Closed => self.act(|hub| hub.close(id, CloseCode::Normal)),
        }
    }

    /// A frame that cannot be read is refused from the same budget as a command; before `hello` it ends the session,
    /// since nobody pays for it. `[FR2]` `[HS1]`
    fn unreadable(self: &Rc<Self>, id: PeerId, txn: Option<TxnId>, refusal: Refusal) {
        let (fresh, welcomed) = match self.hub.borrow_mut().wire(id) {
            Some(AnyWire::Socket(wire)) => (wire.gate.is_fresh(), wire.gate.is_welcomed()),
            _ => return,
        };
        if fresh {
            return self.act(|hub| hub.close(id, CloseCode::HelloExpected));
        }
        if !welcomed {
            let bytes = refusal.message.len();
            return self.keep_early(id, Incoming::Unreadable(txn, refusal), bytes);
        }
        let Some(user) = self.hub.borrow_mut().user_of(id) else {
            return;
        };
        let refusal =
            auth::limits::command(&self.node, user).map_or_else(|limited| limited, |()| refusal);
        self.act(|hub| hub.refuse(id, txn, None, refusal));
    }

    /// What came right after `hello` waits for its answer. `[HS5]`
    fn keep_early(self: &Rc<Self>, id: PeerId, incoming: Incoming, bytes: usize) {
        let kept = match self.hub.borrow_mut().wire(id) {
            Some(AnyWire::Socket(wire)) => wire.early.get_or_insert_default().keep(incoming, bytes),
            _ => return,
        };
        if !kept {
            self.act(|hub| hub.close(id, CloseCode::RateLimited));
        }
    }

    /// `hello` was answered: what waited for that has its turn, before anything that is read later.
    pub(super) fn take_early(self: &Rc<Self>, id: PeerId) {
        let early = match self.hub.borrow_mut().wire(id) {
            Some(AnyWire::Socket(wire)) => wire.early.take(),
            _ => None,
        };
        for incoming in early.into_iter().flat_map(|early| *early) {
            self.message(id, incoming);
        }
    }

    fn frame(self: &Rc<Self>, id: PeerId, frame: Box<ClientFrame>, bytes: usize) {
        let verdict = match self.hub.borrow_mut().wire(id) {
            Some(AnyWire::Socket(wire)) => wire.gate.frame(&frame),
            _ => return,
        };
        match verdict {
            Verdict::Hello => self.hello(id, *frame),
            Verdict::Command => self.command(id, *frame),
            Verdict::Other => self.other(id, *frame),
            Verdict::Wait => self.keep_early(id, Incoming::Frame(frame, bytes), bytes),
            Verdict::Refuse(refusal) => {
                let txn = frame.txn().cloned();
                self.act(|hub| hub.refuse(id, txn, None, refusal));
            }
            Verdict::Close(code) => self.act(|hub| hub.close(id, code)),
        }
    }

    fn hello(self: &Rc<Self>, id: PeerId, frame: ClientFrame) {
        let ClientFrame::Hello {
            token,
            since,
            follow,
            open,
            user_seq,
        } = frame
        else {
            return;
        };
        let early = match self.hub.borrow_mut().wire(id) {
            Some(AnyWire::Socket(wire)) => wire.token.take(),
            _ => None,
        };
        let token = token.or(early.map(String::from));
        let core = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let principal = match &token {
                Some(token) => auth::authenticate_token(&core.node, token).await,
                None => Err(RefusalCode::Unauthenticated.into()),
            };
            let principal = principal.and_then(|principal| {
                auth::limits::session(&core.node, principal.user, since.is_none())?;
                Ok(principal)
            });
            let hello = Hello {
                since,
                follow,
                open,
                user_seq,
            };
            match principal {
                Ok(principal) => {
                    if let Some(AnyWire::Socket(wire)) = core.hub.borrow_mut().wire(id)
                        && let Some(stranger) = wire.stranger.take()
                    {
                        stranger.0.is_session();
                    }
                    core.greet(id, principal.user, principal.device, hello)
                        .await
                }
                Err(refusal) => core.act(|hub| hub.close(id, super::ends_with(&refusal))),
            }
        });
    }

    fn command(self: &Rc<Self>, id: PeerId, frame: ClientFrame) {
        let Some(actor) = self.hub.borrow_mut().user_of(id) else {
            return;
        };
        let ClientFrame::Give { txn, command } = frame else {
            return;
        };
        let refusal = match self.is_affordable(actor, &command) {
            Ok(()) => {
                let work = Work {
                    actor,
                    txn: Some(txn.clone()),
                    command: command.into(),
                };
                let reply = Reply::Peer {
                    core: self.index,
                    peer: id,
                };
                match self.node.door.put(Submission { work, reply }) {
                    Ok(()) => return,
                    Err(back) => back.1,
                }
            }
            Err(refusal) => refusal,
        };
        let refusal = if refusal.is_trouble() {
            let request_id = uuid::Uuid::now_v7().to_string();
            tracing::info!(request_id, %actor, %txn, code = refusal.code.as_str(), "a command was not taken");
            refusal.request_id(request_id)
        } else {
            refusal
        };
        self.act(|hub| {
            if let Some(AnyWire::Socket(wire)) = hub.wire(id) {
                wire.gate.answered();
            }
            hub.refuse(id, Some(txn), None, refusal);
        });
    }

    fn is_affordable(&self, actor: UserId, given: &Given) -> Result<(), Refusal> {
        if self.node.is_draining() {
            return Err(Refusal::new(RefusalCode::Unavailable).retry_after_ms(1_000));
        }
        auth::limits::command(&self.node, actor)?;
        auth::limits::cost_beyond_one(&self.node, actor, given.cost())
    }

    /// Follows and signals cost work, too, so they are paid from the same budget as commands.
    fn is_within_limits(self: &Rc<Self>, id: PeerId, frame: &ClientFrame) -> bool {
        let Some(user) = self.hub.borrow_mut().user_of(id) else {
            return false;
        };
        let room = match frame.part() {
            Part::Ping => return true,
            Part::Follow(room) => Some(room),
            Part::Hello | Part::Command { .. } | Part::Signal => None,
        };
        let Err(refusal) = auth::limits::command(&self.node, user) else {
            return true;
        };
        // Signals may be dropped. [SG1]
        if room.is_some() {
            self.act(|hub| hub.refuse(id, None, room, refusal));
        }
        false
    }

    fn other(self: &Rc<Self>, id: PeerId, frame: ClientFrame) {
        if !self.is_within_limits(id, &frame) {
            return;
        }
        match frame {
            ClientFrame::Open { room, after } => self.act(|hub| {
                if let Err(refusal) = hub.open(id, room, after) {
                    hub.refuse(id, None, Some(room), refusal);
                }
            }),
            ClientFrame::Close { room } => self.act(|hub| hub.close_room(id, room)),
            ClientFrame::Typing { room, on } => {
                let user = {
                    let mut hub = self.hub.borrow_mut();
                    let follows = hub.follows(id, room);
                    hub.user_of(id).filter(|_| follows)
                };
                if let Some(user) = user {
                    for inbox in self.node.feed.cores() {
                        inbox.signal(Item::Typing { room, user, on });
                    }
                    if let Some(hinter) = &self.node.hinter {
                        hinter.typing(room, user, on);
                    }
                }
            }
            ClientFrame::Presence { status } => {
                if let Some((user, from, to)) = self.act(|hub| hub.set_presence(id, status)) {
                    self.presence_changed(user, from, to);
                }
            }
            ClientFrame::Watch { users } => self.act(|hub| hub.watch(id, users)),
            ClientFrame::Ping {} => self.act(|hub| hub.send(id, &ServerFrame::Pong {})),
            // The gate sends greetings and commands their own ways.
            ClientFrame::Hello { .. } | ClientFrame::Give { .. } => {}
        }
    }
}

fn decode(
    bytes: &mut [u8],
    format: Format,
    decoder: &mut Decoder,
    codec: &mut tidings_websocket::Scratch,
    incoming: &mut Vec<Incoming>,
) {
    let result = decoder.feed(bytes, &limits(), codec, &mut |message| {
        incoming.push(match message {
            Message::Text(text) if !format.is_binary() => {
                incoming_of(read::json(text, misfit::of_frame), text.len())
            }
            Message::Binary(bytes) if format.is_binary() => {
                incoming_of(read::msgpack(bytes, misfit::of_frame), bytes.len())
            }
            Message::Text(_) | Message::Binary(_) => Incoming::Bad(CloseCode::BadFrame),
            Message::Ping(payload) => Incoming::Ping(bytes::Bytes::copy_from_slice(payload)),
            Message::Pong(_) => return,
            Message::Close { .. } => Incoming::Closed,
        });
    });
    if let Err(error) = result {
        let code = error.close_code().get();
        let known = CloseCode::ALL.iter().find(|known| known.code() == code);
        incoming.push(Incoming::Bad(known.copied().unwrap_or(CloseCode::Protocol)));
    }
}

/// What to do with what was read: a refusal goes back with its `txn`; what is no object is the end. `[FR2]`
fn incoming_of(read: Read, bytes: usize) -> Incoming {
    match read {
        Read::Frame(frame) => Incoming::Frame(frame, bytes),
        Read::Refused { txn, refusal } => Incoming::Unreadable(txn, refusal),
        Read::NoObject => Incoming::Bad(CloseCode::BadFrame),
    }
}

//! Where a peer's bytes go: a socket, an SSE body, or the answer of a long poll.
//!
//! Owns: handing bytes to the kernel at once, keeping only what it does not take, and ending a connection.
//! Never: queues. A wire that could not hand over everything is full, and the hub waits. `[P5]`

use std::{io, rc::Rc, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use tidings_engine::{Format, PeerId, Wire};
use tidings_protocol::{
    CloseCode, Cursor,
    limits::{POLL_BYTES_MAX, POLL_EVENTS_MAX, STREAM_RETRY_MS},
};
use tidings_sync::{Early, Gate};
use tokio::{net::TcpStream, sync::mpsc};

use crate::{
    auth::limits::seats::Stranger,
    reactor::{self, Incoming},
};

/// How long the other side has to answer a close.
const CLOSE_WAIT: Duration = Duration::from_secs(5);
/// Pieces an SSE body holds until hyper takes them.
pub const STREAM_PIECES_MAX: usize = 16;
/// Bytes of the same. With what hyper buffers, a stalled stream stays below 256 KiB.
const STREAM_BYTES_MAX: usize = 16 * 1024;

/// A peer's wire, of whichever kind.
#[derive(Debug)]
pub enum AnyWire {
    /// WebSocket.
    Socket(SocketWire),
    /// Server-sent events.
    Stream(StreamWire),
    /// Long poll.
    Poll(PollWire),
}

impl Wire for AnyWire {
    fn format(&self) -> Format {
        match self {
            AnyWire::Socket(wire) => wire.format,
            AnyWire::Stream(_) | AnyWire::Poll(_) => Format::Plain,
        }
    }

    fn send(&mut self, bytes: &Bytes) {
        match self {
            AnyWire::Socket(wire) => wire.send(bytes),
            AnyWire::Stream(wire) => wire.send(bytes, None),
            AnyWire::Poll(wire) => wire.send(bytes),
        }
    }

    fn send_at(&mut self, bytes: &Bytes, cursor: &Cursor) {
        match self {
            AnyWire::Socket(wire) => wire.send(bytes),
            AnyWire::Stream(wire) => wire.send(bytes, Some(cursor)),
            AnyWire::Poll(wire) => wire.event(bytes),
        }
    }

    fn is_full(&self) -> bool {
        match self {
            AnyWire::Socket(wire) => wire.pending.is_some() || wire.broken,
            AnyWire::Stream(wire) => wire.full,
            AnyWire::Poll(wire) => wire.events >= POLL_EVENTS_MAX || wire.bytes >= POLL_BYTES_MAX,
        }
    }

    fn ping(&mut self) {
        match self {
            AnyWire::Socket(wire) => wire.send(&tidings_websocket::ping(b"")),
            AnyWire::Stream(wire) => wire.piece(Bytes::from_static(b": here\n\n")),
            AnyWire::Poll(_) => {}
        }
    }

    fn is_one_way(&self) -> bool {
        !matches!(self, AnyWire::Socket(_))
    }

    fn close(&mut self, code: CloseCode) {
        match self {
            AnyWire::Socket(wire) => wire.close(code),
            AnyWire::Stream(wire) => wire.sender = None,
            AnyWire::Poll(wire) => {
                wire.closed = Some(code);
                wire.wake.notify_one();
            }
        }
    }
}

/// The wire of a WebSocket: the raw socket, and what the kernel did not take of the last write.
#[derive(Debug)]
pub struct SocketWire {
    stream: Rc<TcpStream>,
    format: Format,
    id: Option<PeerId>,
    /// What the peer may say when.
    pub gate: Gate,
    /// The token of the handshake, until hello.
    pub token: Option<Box<str>>,
    /// What came between hello and its answer.
    pub(crate) early: Option<Box<Early<Incoming>>>,
    /// Its seat among strangers, until its user is known.
    pub stranger: Option<Stranger>,
    pending: Option<Box<Bytes>>,
    broken: bool,
    closing: bool,
}

impl SocketWire {
    /// The wire of an upgraded connection.
    #[must_use]
    pub fn new(stream: Rc<TcpStream>, format: Format, token: Option<Box<str>>) -> SocketWire {
        SocketWire {
            stream,
            format,
            id: None,
            gate: Gate::default(),
            token,
            early: None,
            stranger: None,
            pending: None,
            broken: false,
            closing: false,
        }
    }

    /// Tells the wire whose it is, so that it can say when it has room again.
    pub fn belongs_to(&mut self, id: PeerId) {
        self.id = Some(id);
    }

    /// Whether the socket can take nothing any more.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether the session was ended from this side.
    #[must_use]
    pub const fn is_closing(&self) -> bool {
        self.closing
    }

    fn send(&mut self, bytes: &Bytes) {
        debug_assert!(self.pending.is_none(), "a full wire is not sent to");
        if self.broken || self.closing || self.pending.is_some() {
            return;
        }
        match self.stream.try_write(bytes) {
            Ok(n) if n == bytes.len() => {}
            Ok(n) => self.keep(bytes.slice(n..)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.keep(bytes.clone()),
            Err(_) => self.broken = true,
        }
    }

    fn keep(&mut self, rest: Bytes) {
        self.pending = Some(Box::new(rest));
        if let Some(id) = self.id {
            tokio::task::spawn_local(drain(Rc::clone(&self.stream), id));
        }
    }

    /// Hands over what was kept. Returns whether nothing is left.
    pub fn flush(&mut self) -> bool {
        while let Some(rest) = &mut self.pending {
            match self.stream.try_write(rest) {
                Ok(n) => {
                    rest.advance(n);
                    if rest.is_empty() {
                        self.pending = None;
                        if self.closing {
                            self.end_writing();
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(_) => {
                    self.broken = true;
                    self.pending = None;
                }
            }
        }
        true
    }

    fn close(&mut self, code: CloseCode) {
        if self.closing {
            return;
        }
        let frame = tidings_websocket::close(
            tidings_websocket::CloseCode::new(code.code()),
            code.reason(),
        );
        if let Some(rest) = &mut self.pending {
            let mut both = BytesMut::from(&rest[..]);
            both.extend_from_slice(&frame);
            **rest = both.freeze();
        } else {
            self.send(&frame);
        }
        self.closing = true;
        if self.pending.is_none() {
            self.end_writing();
        }
        let stream = Rc::clone(&self.stream);
        tokio::task::spawn_local(async move {
            tokio::time::sleep(CLOSE_WAIT).await;
            // Wakes the reading task, whatever the other side does. An error means that it is gone already.
            let _ = socket2::SockRef::from(&*stream).shutdown(std::net::Shutdown::Both);
        });
    }

    fn end_writing(&self) {
        // An error means that the other side is gone already.
        let _ = socket2::SockRef::from(&*self.stream).shutdown(std::net::Shutdown::Write);
    }
}

/// Waits until a full socket has room, and tells the hub.
async fn drain(stream: Rc<TcpStream>, id: PeerId) {
    while stream.writable().await.is_ok() {
        if reactor::with_core(|core| core.flush(id)) {
            return;
        }
    }
}

/// The wire of an SSE body: a few pieces on their way to hyper.
#[derive(Debug)]
pub struct StreamWire {
    sender: Option<mpsc::Sender<Bytes>>,
    full: bool,
    /// Bytes on their way.
    waiting: usize,
    cursor: Option<Cursor>,
    /// The delay to come back was told, with the first frame. In a block of its own it would be an event without data,
    /// which some clients hand on. `[SE3]`
    has_begun: bool,
}

impl StreamWire {
    /// A wire into a body's channel.
    #[must_use]
    pub fn new(sender: mpsc::Sender<Bytes>) -> StreamWire {
        StreamWire {
            sender: Some(sender),
            full: false,
            waiting: 0,
            cursor: None,
            has_begun: false,
        }
    }

    /// The cursor that the first frame, `ready` or `reset`, carries, and all others until an event moves it.
    pub fn begins_at(&mut self, cursor: Cursor) {
        self.cursor = Some(cursor);
    }

    fn send(&mut self, json: &Bytes, cursor: Option<&Cursor>) {
        let mut text = BytesMut::with_capacity(json.len() + 128);
        if let Some(cursor) = cursor {
            self.cursor = Some(cursor.clone());
        }
        if !std::mem::replace(&mut self.has_begun, true) {
            text.extend_from_slice(format!("retry: {STREAM_RETRY_MS}\n").as_bytes());
        }
        if let Some(cursor) = &self.cursor {
            text.extend_from_slice(format!("id: {cursor}\n").as_bytes());
        }
        text.extend_from_slice(b"data: ");
        text.extend_from_slice(json);
        text.extend_from_slice(b"\n\n");
        self.piece(text.freeze());
    }

    fn piece(&mut self, piece: Bytes) {
        let Some(sender) = &self.sender else { return };
        let bytes = piece.len();
        if sender.try_send(piece).is_err() {
            // The body is gone, or was handed more than it holds, which `full` rules out.
            self.sender = None;
            return;
        }
        self.waiting += bytes;
        self.full = sender.capacity() == 0 || self.waiting >= STREAM_BYTES_MAX;
    }

    /// The body took a piece of so many bytes. Returns whether the wire was full and has room again.
    pub fn took(&mut self, bytes: usize) -> bool {
        self.waiting = self.waiting.saturating_sub(bytes);
        self.waiting < STREAM_BYTES_MAX && std::mem::take(&mut self.full)
    }
}

/// The wire of a long poll: the frames of one answer.
#[derive(Debug)]
pub struct PollWire {
    /// The frames so far; the first is `ready` or `reset`.
    pub frames: Vec<Bytes>,
    events: usize,
    bytes: usize,
    /// The session was ended from this side, and why.
    pub closed: Option<CloseCode>,
    wake: Rc<tokio::sync::Notify>,
}

impl PollWire {
    /// A wire that wakes `wake` when there is something to answer.
    #[must_use]
    pub fn new(wake: Rc<tokio::sync::Notify>) -> PollWire {
        PollWire {
            frames: Vec::new(),
            events: 0,
            bytes: 0,
            closed: None,
            wake,
        }
    }

    /// How many frames came after the first.
    #[must_use]
    pub const fn events(&self) -> usize {
        self.events
    }

    fn event(&mut self, bytes: &Bytes) {
        self.events += 1;
        self.bytes += bytes.len();
        self.send(bytes);
    }

    fn send(&mut self, bytes: &Bytes) {
        self.frames.push(bytes.clone());
        self.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_protocol::{Epoch, Position, ShardId};

    #[test]
    fn a_frame_that_is_no_event_carries_the_cursor_of_the_last_event() {
        // [SE1] [SE3] [CU4] Else the client of a drained node would begin again where its session had begun.
        let (sender, mut pieces) = mpsc::channel(STREAM_PIECES_MAX);
        let mut wire = AnyWire::Stream(StreamWire::new(sender));
        let began = Cursor::start(Epoch(1), 1);
        let mut moved = began.clone();
        moved.advance(ShardId(0), Position(7));
        if let AnyWire::Stream(wire) = &mut wire {
            wire.begins_at(began.clone());
        }
        wire.send(&Bytes::from_static(b"ready"));
        wire.send_at(&Bytes::from_static(b"event"), &moved);
        wire.send(&Bytes::from_static(b"reconnect"));
        let mut said = String::new();
        while let Ok(piece) = pieces.try_recv() {
            said.push_str(std::str::from_utf8(&piece).unwrap());
        }
        assert_eq!(
            said,
            format!(
                "retry: {STREAM_RETRY_MS}\nid: {began}\ndata: ready\n\nid: {moved}\ndata: event\n\nid: {moved}\ndata: reconnect\n\n"
            )
        );
    }
}

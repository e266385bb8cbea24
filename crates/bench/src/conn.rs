//! One socket of the load generator: connect, upgrade, then frames both ways.
//!
//! Owns: what is partly read and partly written. Never: blocks, or looks into a frame.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr},
    time::Instant,
};

use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use crate::frames;

/// How a connection begins.
#[derive(Debug, Clone)]
pub(crate) enum Opening {
    /// Frames at once, without any handshake: a bare loop's socket.
    Bare,
    /// The WebSocket handshake, then this as the first frame.
    Socket(String),
}

/// What came of a connection.
#[derive(Debug)]
pub(crate) enum Happening<'a> {
    /// The payload of a text frame.
    Text(&'a [u8]),
    /// It has ended, and why.
    Closed(&'a str),
}

#[derive(Debug)]
enum Phase {
    Connecting(Opening),
    Upgrading(String),
    Open,
    Closed,
}

/// One socket.
#[derive(Debug)]
pub(crate) struct Conn {
    stream: TcpStream,
    phase: Phase,
    out: Vec<u8>,
    partial: Vec<u8>,
    began: Instant,
}

impl Conn {
    /// Begins to connect, from an address of its own when there are more sockets than ports, with a receive buffer of so
    /// many bytes if that is said.
    pub(crate) fn connect(
        to: SocketAddr,
        from: Option<Ipv4Addr>,
        opening: Opening,
        receive_bytes: Option<usize>,
    ) -> std::io::Result<Conn> {
        let began = Instant::now();
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(bytes) = receive_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(from) = from.filter(|_| to.is_ipv4()) {
            socket.bind(&SocketAddr::from((from, 0)).into())?;
        }
        match socket.connect(&to.into()) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(in_progress()) => {}
            Err(error) => return Err(error),
        }
        Ok(Conn {
            stream: TcpStream::from_std(socket.into()),
            phase: Phase::Connecting(opening),
            out: Vec::new(),
            partial: Vec::new(),
            began,
        })
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// When it began to connect.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Queues a text frame; [`Conn::flush`] sends it.
    pub(crate) fn put(&mut self, text: &str) {
        frames::put(&mut self.out, text);
    }

    /// Sends what is queued, as far as the kernel takes it.
    pub(crate) fn flush(&mut self) {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(n) => drop(self.out.drain(..n)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The reading side finds out, and says so.
                Err(_) => return self.out.clear(),
            }
        }
    }

    /// Something happened on the socket: reads what there is and hands it on, then sends what is queued.
    pub(crate) fn ready(
        &mut self,
        ended: bool,
        address: SocketAddr,
        buffer: &mut [u8],
        sink: &mut impl FnMut(&mut Conn, Happening<'_>),
    ) {
        if matches!(self.phase, Phase::Connecting(_)) && !self.connected(address, sink) {
            return;
        }
        while !self.is_closed() {
            match self.stream.read(buffer) {
                Ok(0) => self.close("closed by the other side", sink),
                Ok(n) => {
                    self.feed(&mut buffer[..n], sink);
                    // A short read has emptied the socket: the next edge tells of more.
                    if n < buffer.len() && !ended {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => self.close(&error.to_string(), sink),
            }
        }
        self.flush();
    }

    /// Whether the connection stands now; what comes first is queued then.
    fn connected(
        &mut self,
        address: SocketAddr,
        sink: &mut impl FnMut(&mut Conn, Happening<'_>),
    ) -> bool {
        match self.stream.take_error() {
            Ok(None) => {}
            Ok(Some(error)) | Err(error) => {
                self.close(&error.to_string(), sink);
                return false;
            }
        }
        if self.stream.peer_addr().is_err() {
            return false;
        }
        match std::mem::replace(&mut self.phase, Phase::Open) {
            Phase::Connecting(Opening::Socket(hello)) => {
                self.out.extend_from_slice(upgrade(address).as_bytes());
                self.phase = Phase::Upgrading(hello);
                self.flush();
            }
            Phase::Connecting(Opening::Bare) => {}
            other => self.phase = other,
        }
        true
    }

    fn feed(&mut self, bytes: &mut [u8], sink: &mut impl FnMut(&mut Conn, Happening<'_>)) {
        if self.partial.is_empty() && self.is_open() {
            let used = self.frames(bytes, sink);
            self.partial.extend_from_slice(&bytes[used..]);
            return;
        }
        let mut all = std::mem::take(&mut self.partial);
        all.extend_from_slice(bytes);
        if let Phase::Upgrading(_) = self.phase {
            let Some(end) = all.windows(4).position(|w| w == b"\r\n\r\n") else {
                self.partial = all;
                return;
            };
            if !all.starts_with(b"HTTP/1.1 101") {
                let said = String::from_utf8_lossy(&all).into_owned();
                return self.close(&said, sink);
            }
            if let Phase::Upgrading(hello) = std::mem::replace(&mut self.phase, Phase::Open) {
                self.put(&hello);
            }
            all.drain(..end + 4);
        }
        let used = self.frames(&all, sink);
        if used < all.len() {
            all.drain(..used);
            self.partial = all;
        }
    }

    /// Hands out whole frames; returns how many bytes they were.
    fn frames(&mut self, bytes: &[u8], sink: &mut impl FnMut(&mut Conn, Happening<'_>)) -> usize {
        let mut used = 0;
        while let Some(frame) = frames::cut(&bytes[used..]) {
            used += frame.bytes;
            if frames::is_text(frame.opcode) {
                sink(self, Happening::Text(frame.payload));
            } else if frames::is_ping(frame.opcode) {
                frames::put_pong(&mut self.out, frame.payload);
            } else if frames::is_close(frame.opcode) {
                let reason = String::from_utf8_lossy(frame.payload.get(2..).unwrap_or_default());
                self.close(&reason, sink);
                return used;
            }
        }
        used
    }

    fn close(&mut self, why: &str, sink: &mut impl FnMut(&mut Conn, Happening<'_>)) {
        self.phase = Phase::Closed;
        sink(self, Happening::Closed(why));
    }
}

fn in_progress() -> i32 {
    rustix::io::Errno::INPROGRESS.raw_os_error()
}

fn upgrade(address: SocketAddr) -> String {
    // Any 16 bytes serve as the key here: the answer is not what is measured.
    let key = tidings_websocket::handshake::client_key([7; 16]);
    format!(
        "GET /api/v1/socket HTTP/1.1\r\nhost: {address}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\nsec-websocket-protocol: tidings.v1.json\r\n\r\n"
    )
}

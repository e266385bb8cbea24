//! The sockets of the load generator, served by one thread with epoll.
//!
//! Owns: which socket is ready, and a clock that wakes exactly. Never: decides what is sent.

use std::{
    net::{Ipv4Addr, SocketAddr},
    os::fd::{AsRawFd, OwnedFd},
    time::Duration,
};

use mio::{Events, Interest, Poll, Token, unix::SourceFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::conn::{Conn, Happening, Opening};

/// Bytes read from a socket at once, into one buffer for all.
const READ_BYTES: usize = 64 * 1024;
/// Sockets told of by one wait.
const EVENTS_MAX: usize = 1_024;
/// Sockets from one source address; each address has about 28,000 ports.
const PORTS_PER_ADDRESS: usize = 16_000;
/// The token of the clock; no socket gets that far.
const CLOCK: Token = Token(usize::MAX);

/// The sockets.
pub(crate) struct Pool {
    poll: Poll,
    events: Events,
    conns: Vec<Option<Conn>>,
    address: SocketAddr,
    buffer: Vec<u8>,
    clock: Option<OwnedFd>,
    connected: usize,
    receive_bytes: Option<usize>,
}

impl Pool {
    /// An empty pool, for sockets to one address.
    pub(crate) fn new(address: SocketAddr) -> anyhow::Result<Pool> {
        Ok(Pool {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS_MAX),
            conns: Vec::new(),
            address,
            buffer: vec![0; READ_BYTES],
            clock: None,
            connected: 0,
            receive_bytes: None,
        })
    }

    /// From now on the kernel holds little for a connection of this pool that is not read.
    pub(crate) fn narrow(&mut self, receive_bytes: usize) {
        self.receive_bytes = Some(receive_bytes);
    }

    /// From now on [`Pool::turn`] also returns each time this span has passed.
    pub(crate) fn tick_every(&mut self, span: Duration) -> anyhow::Result<()> {
        let clock = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
        let span = Timespec {
            tv_sec: i64::try_from(span.as_secs())?,
            tv_nsec: i64::from(span.subsec_nanos()),
        };
        let every = Itimerspec {
            it_interval: span,
            it_value: span,
        };
        timerfd_settime(&clock, TimerfdTimerFlags::empty(), &every)?;
        let registry = self.poll.registry();
        registry.register(&mut SourceFd(&clock.as_raw_fd()), CLOCK, Interest::READABLE)?;
        self.clock = Some(clock);
        Ok(())
    }

    /// Begins another connection; returns its number.
    pub(crate) fn connect(&mut self, opening: Opening) -> anyhow::Result<usize> {
        // One source address after the other: ports of closed connections rest for a minute.
        let from = u8::try_from(2 + self.connected / PORTS_PER_ADDRESS).unwrap_or(254);
        let local = self.address.ip().is_loopback();
        let from = local.then_some(Ipv4Addr::new(127, 0, 0, from));
        let mut conn = Conn::connect(self.address, from, opening, self.receive_bytes)?;
        let id = self.conns.len();
        let registry = self.poll.registry();
        registry.register(
            conn.stream(),
            Token(id),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        self.conns.push(Some(conn));
        self.connected += 1;
        Ok(id)
    }

    /// Waits until something happens, at most `timeout`, and hands out what it is.
    pub(crate) fn turn(
        &mut self,
        timeout: Option<Duration>,
        sink: &mut impl FnMut(usize, &mut Conn, Happening<'_>),
    ) -> anyhow::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in self.events.iter() {
            let Token(id) = event.token();
            if event.token() == CLOCK {
                if let Some(clock) = &self.clock {
                    // How many ticks there were does not matter; that it was read does.
                    let _ = rustix::io::read(clock, &mut [0u8; 8]);
                }
                continue;
            }
            let Some(place) = self.conns.get_mut(id) else {
                continue;
            };
            let Some(conn) = place else { continue };
            let ended = event.is_read_closed() || event.is_error();
            conn.ready(ended, self.address, &mut self.buffer, &mut |conn, what| {
                sink(id, conn, what);
            });
            if conn.is_closed() {
                *place = None;
            }
        }
        Ok(())
    }

    /// Sends a text frame on a connection.
    pub(crate) fn say(&mut self, id: usize, text: &str) {
        self.with(id, |conn| conn.put(text));
    }

    /// Does something with a connection, then sends what is queued on it.
    pub(crate) fn with(&mut self, id: usize, f: impl FnOnce(&mut Conn)) {
        if let Some(conn) = self.conns.get_mut(id).and_then(Option::as_mut) {
            f(conn);
            conn.flush();
        }
    }

    /// Ends one connection from this side.
    pub(crate) fn close(&mut self, id: usize) {
        if let Some(place) = self.conns.get_mut(id) {
            *place = None;
        }
    }

    /// Ends all connections from this side. Their numbers are not used again.
    pub(crate) fn close_all(&mut self) {
        self.conns.iter_mut().for_each(|place| *place = None);
    }

    /// Connections that stand.
    pub(crate) fn open(&self) -> usize {
        let conns = self.conns.iter().flatten();
        conns.filter(|conn| conn.is_open()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn frames_arrive_however_they_are_cut() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut pool = Pool::new(listener.local_addr().unwrap()).unwrap();
        let id = pool.connect(Opening::Bare).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        let mut bytes = tidings_websocket::text("one").to_vec();
        bytes.extend_from_slice(&tidings_websocket::ping(b"p"));
        bytes.extend_from_slice(&tidings_websocket::text(&"x".repeat(300)));
        let mut said = Vec::new();
        for byte in bytes {
            far.write_all(&[byte]).unwrap();
            pool.turn(Some(Duration::from_secs(10)), &mut |from, _, what| {
                if let Happening::Text(text) = what {
                    said.push((from, text.len()));
                }
            })
            .unwrap();
        }
        while said.len() < 2 {
            pool.turn(Some(Duration::from_secs(10)), &mut |from, _, what| {
                if let Happening::Text(text) = what {
                    said.push((from, text.len()));
                }
            })
            .unwrap();
        }
        assert_eq!(said, [(id, 3), (id, 300)]);
        let mut pong = [0; 7];
        far.read_exact(&mut pong).unwrap();
        assert_eq!(pong[0] & 0x0f, 0x0a);
        assert_eq!(pool.open(), 1);
        drop(far);
        let mut closed = false;
        while !closed {
            pool.turn(None, &mut |_, _, what| {
                closed = matches!(what, Happening::Closed(_))
            })
            .unwrap();
        }
        assert_eq!(pool.open(), 0);
    }

    #[test]
    fn the_clock_wakes_without_any_socket() {
        let mut pool = Pool::new(SocketAddr::from(([127, 0, 0, 1], 9))).unwrap();
        pool.tick_every(Duration::from_millis(1)).unwrap();
        for _ in 0..3 {
            pool.turn(None, &mut |_, _, _| panic!("there is no socket"))
                .unwrap();
        }
    }
}

//! The bare loops: what the kernel alone costs, in a process of their own.
//!
//! Owns: a loop that calls `send` on every socket, and one that answers each request with bytes it was given.
//! Never: knows what the bytes mean.
//!
//! The first connection is the control. It says how many sockets come and which bytes they get; then each order is
//! twelve bytes: how many frames, from which socket, up to which. Orders that wait are sent as one, as an adaptive
//! server would.

use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
};

use anyhow::{Context, ensure};
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::args::BareArgs;

/// As much as the server lets the kernel hold for one socket.
const SEND_BUFFER_BYTES: usize = 32 * 1024;
/// Frames sent by one call, at most.
const FRAMES_MAX: u32 = 64;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 4_096;

/// Runs a bare loop until the control connection ends.
pub(crate) fn serve(args: &BareArgs) -> anyhow::Result<()> {
    let socket = Socket::new(
        Domain::for_address(args.listen),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.bind(&args.listen.into())?;
    socket.listen(BACKLOG)?;
    let listener: TcpListener = socket.into();
    let address = listener.local_addr()?;
    writeln!(std::io::stdout(), "listening on http://{address}")?;
    let (mut control, _) = listener.accept()?;
    let mut pieces = Vec::new();
    let sockets = number(&mut control)?;
    for _ in 0..number(&mut control)? {
        let mut piece = vec![0; number(&mut control)? as usize];
        control.read_exact(&mut piece)?;
        pieces.push(piece);
    }
    ensure!(!pieces.is_empty(), "no bytes to send");
    control.write_all(&[1])?;
    if args.answer {
        answer(listener, control, &pieces)
    } else {
        send(&listener, control, sockets, &pieces[0])
    }
}

fn number(stream: &mut TcpStream) -> std::io::Result<u32> {
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

/// Some frames to the sockets of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Order {
    frames: u32,
    from: u32,
    to: u32,
}

impl Order {
    const BYTES: usize = 12;

    fn bytes(self) -> [u8; Order::BYTES] {
        let mut bytes = [0; Order::BYTES];
        for (place, value) in bytes
            .chunks_exact_mut(4)
            .zip([self.frames, self.from, self.to])
        {
            place.copy_from_slice(&value.to_be_bytes());
        }
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Order> {
        let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        Some(Order {
            frames: number(0)?,
            from: number(4)?,
            to: number(8)?,
        })
    }
}

/// The orders in `bytes`, those for the same sockets put together, and how many bytes they were.
fn orders(bytes: &[u8]) -> (Vec<Order>, usize) {
    let mut orders: Vec<Order> = Vec::new();
    let mut used = 0;
    while let Some(order) = Order::parse(&bytes[used..]) {
        used += Order::BYTES;
        match orders.last_mut() {
            Some(last)
                if (last.from, last.to) == (order.from, order.to)
                    && last.frames + order.frames <= FRAMES_MAX =>
            {
                last.frames += order.frames;
            }
            _ => orders.push(order),
        }
    }
    (orders, used)
}

fn send(
    listener: &TcpListener,
    mut control: TcpStream,
    sockets: u32,
    frame: &[u8],
) -> anyhow::Result<()> {
    let mut streams = Vec::with_capacity(sockets as usize);
    for _ in 0..sockets {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER_BYTES)?;
        streams.push(stream);
    }
    control.write_all(&[1])?;
    let most = frame.repeat(FRAMES_MAX as usize);
    let mut waiting = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let n = control.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        waiting.extend_from_slice(&buffer[..n]);
        let (orders, used) = orders(&waiting);
        waiting.drain(..used);
        for order in orders {
            let bytes = &most[..frame.len() * order.frames.min(FRAMES_MAX) as usize];
            let range = order.from as usize..(order.to as usize).min(streams.len());
            for stream in streams.get_mut(range).unwrap_or_default() {
                stream.write_all(bytes)?;
            }
        }
    }
}

/// Answers the first read of a connection with the first piece, the second with the second, all others with the last.
fn answer(listener: TcpListener, control: TcpStream, pieces: &[Vec<u8>]) -> anyhow::Result<()> {
    const LISTENER: Token = Token(0);
    const CONTROL: Token = Token(1);
    listener.set_nonblocking(true)?;
    control.set_nonblocking(true)?;
    let mut listener = mio::net::TcpListener::from_std(listener);
    let mut control = mio::net::TcpStream::from_std(control);
    let mut poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    poll.registry()
        .register(&mut control, CONTROL, Interest::READABLE)?;
    let mut events = Events::with_capacity(1_024);
    let mut streams: HashMap<Token, (mio::net::TcpStream, usize)> = HashMap::new();
    let mut next = 2;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                LISTENER => {
                    while let Some((mut stream, _)) = ready(listener.accept())? {
                        stream.set_nodelay(true)?;
                        let token = Token(next);
                        poll.registry()
                            .register(&mut stream, token, Interest::READABLE)?;
                        streams.insert(token, (stream, 0));
                        next += 1;
                    }
                }
                CONTROL => {
                    if ready(control.read(&mut buffer))? == Some(0) {
                        return Ok(());
                    }
                }
                token => {
                    let Some((stream, times)) = streams.get_mut(&token) else {
                        continue;
                    };
                    match ready(stream.read(&mut buffer)) {
                        Ok(None) => {}
                        // The other side is gone, in one way or another.
                        Ok(Some(0)) | Err(_) => drop(streams.remove(&token)),
                        Ok(Some(_)) => {
                            let piece = &pieces[(*times).min(pieces.len() - 1)];
                            *times += 1;
                            // An answer is far smaller than the kernel's buffer.
                            stream.write_all(piece).context("an answer did not fit")?;
                        }
                    }
                }
            }
        }
    }
}

fn ready<T>(result: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// The other end of the control connection, in the measuring process.
#[derive(Debug)]
pub(crate) struct Control {
    stream: TcpStream,
}

impl Control {
    /// Says how many sockets come and what they get.
    pub(crate) fn begin(
        address: SocketAddr,
        sockets: usize,
        pieces: &[&[u8]],
    ) -> anyhow::Result<Control> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut head = Vec::new();
        head.extend_from_slice(&u32::try_from(sockets)?.to_be_bytes());
        head.extend_from_slice(&u32::try_from(pieces.len())?.to_be_bytes());
        for piece in pieces {
            head.extend_from_slice(&u32::try_from(piece.len())?.to_be_bytes());
            head.extend_from_slice(piece);
        }
        stream.write_all(&head)?;
        let mut control = Control { stream };
        control.wait()?;
        Ok(control)
    }

    /// Waits until it says that it is as far.
    pub(crate) fn wait(&mut self) -> anyhow::Result<()> {
        let mut byte = [0];
        Ok(self.stream.read_exact(&mut byte)?)
    }

    /// Orders so many frames to the sockets of a range.
    pub(crate) fn order(&mut self, frames: usize, from: usize, to: usize) -> anyhow::Result<()> {
        let order = Order {
            frames: u32::try_from(frames)?,
            from: u32::try_from(from)?,
            to: u32::try_from(to)?,
        };
        Ok(self.stream.write_all(&order.bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_that_wait_become_one() {
        let order = |frames, to| Order {
            frames,
            from: 0,
            to,
        };
        let mut bytes = Vec::new();
        for one in [order(1, 9), order(2, 9), order(1, 5), order(64, 5)] {
            bytes.extend_from_slice(&one.bytes());
        }
        bytes.extend_from_slice(&[0, 0, 0]);
        let (found, used) = orders(&bytes);
        assert_eq!(found, [order(3, 9), order(1, 5), order(64, 5)]);
        assert_eq!(used, bytes.len() - 3);
    }
}

//! A raw WebSocket to a node: the handshake, then frames both ways, exactly as they come.
//!
//! Owns: the bytes. Never: skips or mends a frame; what cannot be read is handed out as such.

use std::{io, net::SocketAddr};

use bytes::BytesMut;
use tidings_protocol::{ClientFrame, ServerFrame, frame::SUBPROTOCOL_JSON};
use tidings_websocket::{Decoder, Limits, Message, Role, Scratch, handshake};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What the server may send in one message: a `ready` with many rooms is large.
const LIMITS: Limits = Limits {
    max_message_bytes: 16 << 20,
    max_frame_bytes: 16 << 20,
    max_fragments: 1,
};
/// What a client masks with. RFC 6455 asks for random keys against proxies in between; here there are none.
const MASK: [u8; 4] = [0x5a, 0x17, 0xe2, 0x0b];
const READ_BYTES: usize = 64 * 1024;

/// What came.
#[derive(Debug, Clone)]
pub enum Got {
    /// A frame.
    Frame(Box<ServerFrame>),
    /// A text that is none.
    Unreadable(String),
}

/// A connection that was upgraded.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    decoder: Decoder,
    scratch: Scratch,
    early: Vec<u8>,
    buffer: Box<[u8]>,
}

impl Socket {
    /// Connects and upgrades, with compression when `deflate` is set.
    ///
    /// # Errors
    /// When nobody is there, or the answer is not an upgrade.
    pub async fn connect(address: SocketAddr, deflate: bool) -> io::Result<Socket> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let key = handshake::client_key([7; 16]);
        let offer = match deflate {
            true => format!("sec-websocket-extensions: {}\r\n", handshake::DEFLATE_OFFER),
            false => String::new(),
        };
        let request = format!(
            "GET /api/v1/socket HTTP/1.1\r\nhost: {address}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\nsec-websocket-protocol: {SUBPROTOCOL_JSON}\r\n\
             {offer}\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        let end = loop {
            if let Some(at) = head.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut head).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let early = head.split_off(end);
        let head = String::from_utf8_lossy(&head).to_lowercase();
        let accept = handshake::accept_key(key.as_bytes()).to_lowercase();
        if !head.starts_with("http/1.1 101") || !head.contains(&accept) {
            return Err(io::Error::other(head));
        }
        let deflate = head.contains("permessage-deflate");
        Ok(Socket {
            stream,
            decoder: Decoder::new(Role::Client, deflate),
            scratch: Scratch::new(),
            early,
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
        })
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, frame: &ClientFrame) -> io::Result<()> {
        let text = serde_json::to_string(frame).map_err(io::Error::other)?;
        let mut bytes = BytesMut::new();
        tidings_websocket::put_text(&mut bytes, &text, Some(MASK));
        self.stream.write_all(&bytes).await
    }

    /// What comes next, at least one frame; nothing is lost when the caller goes away while it waits.
    ///
    /// # Errors
    /// When the server closed, or the connection is gone.
    pub async fn next(&mut self) -> io::Result<Vec<Got>> {
        loop {
            let mut early = std::mem::take(&mut self.early);
            let (got, end) = if early.is_empty() {
                self.stream.readable().await?;
                let n = match self.stream.try_read(&mut self.buffer) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(n) => n,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    Err(error) => return Err(error),
                };
                read(&mut self.decoder, &mut self.scratch, &mut self.buffer[..n])
            } else {
                read(&mut self.decoder, &mut self.scratch, &mut early)
            };
            match end {
                _ if !got.is_empty() => return Ok(got),
                Some(why) => return Err(io::Error::other(why)),
                None => {}
            }
        }
    }
}

/// Decodes a piece: what it held, and why the connection ends with it, if so. Pings are left to the frames: a client
/// that sends `ping` is heard of.
fn read(
    decoder: &mut Decoder,
    scratch: &mut Scratch,
    bytes: &mut [u8],
) -> (Vec<Got>, Option<String>) {
    let mut got = Vec::new();
    let mut end = None;
    let result = decoder.feed(bytes, &LIMITS, scratch, &mut |message| match message {
        Message::Text(text) => got.push(match serde_json::from_str(text) {
            Ok(frame) => Got::Frame(Box::new(frame)),
            Err(error) => Got::Unreadable(format!("{error}: {text}")),
        }),
        Message::Binary(_) => got.push(Got::Unreadable("a binary frame".to_owned())),
        Message::Ping(_) | Message::Pong(_) => {}
        Message::Close { code, reason } => end = Some(format!("closed: {code:?} {reason}")),
    });
    if let Err(error) = result {
        got.push(Got::Unreadable(format!("a broken frame: {error}")));
    }
    (got, end)
}

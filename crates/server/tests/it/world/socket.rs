//! A WebSocket client that keeps every frame it got, in either format, with or without compression.
//!
//! Owns: the handshake, frames as JSON values whatever the format, waiting for one with a deadline.
//! Never: comes back by itself, answers what a test did not ask it to (but a close), or drops a frame unseen.

use std::collections::VecDeque;

use serde_json::{Value, json};
use tidings_protocol::limits::SILENCE_MS_MAX;
use tidings_websocket::{
    CloseCode, Decoder, Deflater, Limits, Message, Role, Scratch, handshake, put_binary, put_close,
    put_frame, put_text,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Answer, User, World, in_time, rest::request, txn};

/// A client masks its frames; with which key is all the same to a test.
pub(crate) const KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

const LIMITS: Limits = Limits {
    max_message_bytes: 64 * 1024 * 1024,
    max_frame_bytes: 64 * 1024 * 1024,
    max_fragments: 1_000,
};

/// How to connect.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Dial<'a> {
    /// MessagePack instead of JSON.
    pub(crate) binary: bool,
    /// Offer permessage-deflate.
    pub(crate) deflate: bool,
    /// More headers.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    /// `Sec-WebSocket-Protocol` as it stands; none: that of the format.
    pub(crate) protocols: Option<&'a str>,
    /// Bytes that the kernel may hold for a client that does not read.
    pub(crate) receive_buffer: Option<u32>,
    /// What the client sends together with its handshake, before the answer.
    pub(crate) early: &'a [u8],
}

impl Dial<'_> {
    /// The handshake: a socket without `hello`, or the server's no.
    pub(crate) async fn connect(self, world: &World) -> Result<Socket, Answer> {
        let tcp = match self.receive_buffer {
            None => world.tcp().await,
            Some(bytes) => world.narrow_tcp(bytes).await,
        };
        self.upgrade(world, tcp).await
    }

    async fn upgrade(self, world: &World, mut tcp: TcpStream) -> Result<Socket, Answer> {
        let key = handshake::client_key([7; 16]);
        let format = if self.binary {
            "tidings.v1.msgpack"
        } else {
            "tidings.v1.json"
        };
        let mut headers = vec![
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", &key),
            ("sec-websocket-protocol", self.protocols.unwrap_or(format)),
        ];
        if self.deflate {
            headers.push(("sec-websocket-extensions", handshake::DEFLATE_OFFER));
        }
        headers.extend_from_slice(self.headers);
        let mut request = request(world.address(), "GET", "/api/v1/socket", &headers, None);
        request.extend_from_slice(self.early);
        tcp.write_all(&request).await.unwrap();
        let mut rest = Vec::new();
        let answer = Answer::head(&mut tcp, &mut rest).await;
        if answer.status != 101 {
            return Err(answer.with_body(&mut tcp, rest).await);
        }
        let accept = handshake::accept_key(key.as_bytes());
        assert_eq!(answer.header("sec-websocket-accept"), Some(accept.as_str()));
        let agreed = answer.header("sec-websocket-extensions");
        let deflate = handshake::confirm_deflate(agreed.map(str::as_bytes)).unwrap();
        assert_eq!(deflate, self.deflate);
        let mut socket = Socket {
            tcp,
            decoder: Decoder::new(Role::Client, deflate),
            scratch: Scratch::new(),
            deflater: deflate.then(|| Deflater::new(1)),
            binary: answer.header("sec-websocket-protocol") == Some("tidings.v1.msgpack"),
            protocol: answer.header("sec-websocket-protocol").map(str::to_owned),
            waiting: VecDeque::new(),
            seen: Vec::new(),
            counts: Vec::new(),
            end: None,
            pings: 0,
            pongs: Vec::new(),
            bytes: 0,
            buffer: vec![0; 64 * 1024],
        };
        socket.take(&mut rest);
        Ok(socket)
    }

    /// A session that was welcomed, and the frame that welcomed it.
    pub(crate) async fn session(
        self,
        world: &World,
        user: &User,
        mut hello: Value,
    ) -> (Socket, Value) {
        let mut socket = self
            .connect(world)
            .await
            .unwrap_or_else(|answer| panic!("{}", answer.text()));
        hello["type"] = "hello".into();
        hello["token"] = user.token.as_str().into();
        socket.send(&hello).await;
        let welcome = socket.next().await;
        assert!(
            welcome["type"] == "ready" || welcome["type"] == "reset",
            "{welcome}"
        );
        (socket, welcome)
    }
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// By a close frame with this code and reason.
    Close(u16, String),
    /// Without one.
    Cut,
}

/// A connection after the handshake.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) tcp: TcpStream,
    decoder: Decoder,
    scratch: Scratch,
    deflater: Option<Deflater>,
    binary: bool,
    /// The subprotocol that was agreed on.
    pub(crate) protocol: Option<String>,
    waiting: VecDeque<Value>,
    /// Every frame that the test has looked at, in order.
    pub(crate) seen: Vec<Value>,
    /// The counts of present members that came, by room, in order. They come by themselves at any time, so they are
    /// kept apart from the frames that a test waits for.
    pub(crate) counts: Vec<(String, u64)>,
    end: Option<End>,
    /// WebSocket pings that came.
    pub(crate) pings: usize,
    /// Payloads of WebSocket pongs that came.
    pub(crate) pongs: Vec<Vec<u8>>,
    /// Bytes that came.
    pub(crate) bytes: usize,
    buffer: Vec<u8>,
}

impl Socket {
    fn take(&mut self, bytes: &mut [u8]) {
        self.bytes += bytes.len();
        let Socket {
            decoder,
            scratch,
            binary,
            waiting,
            end,
            pings,
            pongs,
            ..
        } = self;
        decoder
            .feed(bytes, &LIMITS, scratch, &mut |message| match message {
                Message::Text(text) => {
                    assert!(!*binary, "a text frame on a binary socket");
                    waiting.push_back(serde_json::from_str(text).unwrap());
                }
                Message::Binary(bytes) => {
                    assert!(*binary, "a binary frame on a text socket");
                    waiting.push_back(rmp_serde::from_slice(bytes).unwrap());
                }
                Message::Ping(_) => *pings += 1,
                Message::Pong(payload) => pongs.push(payload.to_vec()),
                Message::Close { code, reason } => {
                    let code = code.map_or(1005, CloseCode::get);
                    *end = Some(End::Close(code, reason.to_owned()));
                }
            })
            .unwrap();
        self.waiting.retain(|frame| {
            let is_count = frame["type"] == "presence_count";
            if is_count {
                let room = frame["room"].as_str().expect("a room").to_owned();
                let count = frame["count"].as_u64().expect("a count");
                self.counts.push((room, count));
            }
            !is_count
        });
    }

    /// Reads once. What it was waiting for is said when it waits in vain.
    async fn read(&mut self, what: &str, until: tokio::time::Instant) {
        let Socket { tcp, buffer, .. } = self;
        let read = tokio::time::timeout_at(until, tcp.read(buffer)).await;
        // Only now: a read that is given up must leave the buffer.
        let mut buffer = std::mem::take(&mut self.buffer);
        match read {
            Ok(Ok(0) | Err(_)) => self.end = self.end.take().or(Some(End::Cut)),
            Ok(Ok(n)) => self.take(&mut buffer[..n]),
            Err(_) => panic!("waited in vain for {what}; before came {}", self.story()),
        }
        self.buffer = buffer;
    }

    fn story(&self) -> String {
        let skip = self.seen.len().saturating_sub(40);
        let lines: Vec<String> = self.seen[skip..].iter().map(Value::to_string).collect();
        format!(
            "{} frames, the last of them\n{}",
            self.seen.len(),
            lines.join("\n")
        )
    }

    /// The next frame, or how the connection ended.
    pub(crate) async fn step(&mut self, what: &str) -> Result<Value, End> {
        // Pings keep the connection alive, so each read alone would never be late.
        let until = super::deadline();
        loop {
            if let Some(frame) = self.waiting.pop_front() {
                self.seen.push(frame.clone());
                return Ok(frame);
            }
            if let Some(end) = &self.end {
                return Err(end.clone());
            }
            self.read(what, until).await;
        }
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> Value {
        let frame = self.step("any frame").await;
        frame.unwrap_or_else(|end| panic!("{end:?} after {}", self.story()))
    }

    /// The next frame of a type; those before it are passed over.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        self.find(kind, |frame| frame["type"] == kind).await
    }

    /// The next event of a kind; frames before it are passed over.
    pub(crate) async fn expect_event(&mut self, kind: &str) -> Value {
        self.find(kind, |frame| {
            is_event(frame) && frame["content"]["kind"] == kind
        })
        .await
    }

    /// The next event of a message with this text; frames before it are passed over.
    pub(crate) async fn expect_text(&mut self, text: &str) -> Value {
        self.find(text, |frame| frame["content"]["text"] == text)
            .await
    }

    /// The first frame that is as asked; those before it are passed over.
    pub(crate) async fn find(&mut self, what: &str, is_it: impl FnMut(&Value) -> bool) -> Value {
        self.until(what, is_it).await.pop().expect("it was found")
    }

    /// Frames up to and including the first that is as asked.
    pub(crate) async fn until(
        &mut self,
        what: &str,
        mut is_it: impl FnMut(&Value) -> bool,
    ) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            let frame = self.step(what).await;
            let frame =
                frame.unwrap_or_else(|end| panic!("{end:?} before {what}, after {}", self.story()));
            let found = is_it(&frame);
            frames.push(frame);
            if found {
                return frames;
            }
        }
    }

    /// Reads to the end: the code of the close frame. Frames before it are passed over.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            match self.step("the close").await {
                Ok(_) => {}
                Err(End::Close(code, _)) => return code,
                Err(End::Cut) => panic!("cut off without a close after {}", self.story()),
            }
        }
    }

    /// Reads to the end, however it comes; None when it was cut off without a close frame.
    pub(crate) async fn ended(&mut self) -> Option<u16> {
        loop {
            match self.step("the end").await {
                Ok(_) => {}
                Err(End::Close(code, _)) => return Some(code),
                Err(End::Cut) => return None,
            }
        }
    }

    /// Reads to the end like [`Socket::ended`], for as long as the server forgives silence and a while longer.
    pub(crate) async fn ended_by_silence(&mut self) -> Option<u16> {
        let wait = std::time::Duration::from_millis(SILENCE_MS_MAX);
        let until = super::deadline() + wait;
        while self.end.is_none() {
            self.read("the end of silence", until).await;
        }
        self.ended().await
    }

    /// Waits until the last count of present members that this room was told is as asked.
    pub(crate) async fn counted(&mut self, room: &str, count: u64) {
        let what = format!("a count of {count} in {room}");
        let until = super::deadline();
        loop {
            let mut of_room = self.counts.iter().rev().filter(|(r, _)| r == room);
            if of_room.next().is_some_and(|(_, told)| *told == count) {
                return;
            }
            assert_eq!(self.end, None, "before {what}: {:?}", self.counts);
            self.read(&what, until).await;
        }
    }

    /// Waits for a ping and answers it.
    pub(crate) async fn pong_when_pinged(&mut self) {
        let until = super::deadline();
        let before = self.pings;
        while self.pings == before {
            assert_eq!(self.end, None, "it was ended");
            self.read("a ping", until).await;
        }
        let mut bytes = Vec::new();
        tidings_websocket::put_pong(&mut bytes, b"", Some(KEY));
        self.raw(&bytes).await;
    }

    /// Everything that was sent before the answer to a `ping` of now.
    pub(crate) async fn settled(&mut self) -> Vec<Value> {
        self.send(&json!({ "type": "ping" })).await;
        self.until("pong", |frame| frame["type"] == "pong").await
    }

    /// The bytes of a frame in this socket's format.
    pub(crate) fn encode(&mut self, frame: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        match (self.binary, &mut self.deflater) {
            (false, None) => put_text(&mut out, &frame.to_string(), Some(KEY)),
            (false, Some(deflater)) => {
                deflater.put_text(&mut out, &frame.to_string(), Some(KEY));
            }
            (true, deflater) => {
                let packed = rmp_serde::to_vec_named(frame).unwrap();
                match deflater {
                    None => put_binary(&mut out, &packed, Some(KEY)),
                    Some(deflater) => deflater.put_binary(&mut out, &packed, Some(KEY)),
                }
            }
        }
        out
    }

    /// Sends a frame.
    pub(crate) async fn send(&mut self, frame: &Value) {
        let bytes = self.encode(frame);
        self.raw(&bytes).await;
    }

    /// Sends bytes as they are.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        in_time("room to write", self.tcp.write_all(bytes))
            .await
            .unwrap();
    }

    /// Sends one WebSocket frame as it stands, masked.
    pub(crate) async fn raw_frame(&mut self, frame: tidings_websocket::Frame<'_>) {
        let mut out = Vec::new();
        put_frame(&mut out, frame, Some(KEY));
        self.raw(&out).await;
    }

    /// Says goodbye and waits for the answer.
    pub(crate) async fn close(mut self) {
        let mut out = Vec::new();
        put_close(&mut out, Some(CloseCode::NORMAL), "", Some(KEY));
        self.raw(&out).await;
        assert_eq!(self.closed().await, 1000);
    }

    /// Gives a command and waits for its answer; frames before that are passed over. `[CM2]`
    pub(crate) async fn command(&mut self, mut command: Value) -> Value {
        if command["txn"].is_null() {
            command["txn"] = txn().into();
        }
        self.send(&command).await;
        let txn = &command["txn"];
        self.find(&format!("the answer to {command}"), |frame| {
            frame["txn"] == *txn
        })
        .await
    }

    /// Sends a message and waits for its event.
    pub(crate) async fn say(&mut self, room: &str, text: &str) -> Value {
        let event = self.command(send_frame(room, text)).await;
        assert_eq!(event["type"], "event", "{event}");
        event
    }

    /// Opens a room and waits for `opened`.
    pub(crate) async fn open(&mut self, room: &str, after: Option<u64>) -> Value {
        self.send(&json!({ "type": "open", "room": room, "after": after }))
            .await;
        self.find("opened", |frame| {
            frame["type"] == "opened" && frame["room"] == room
        })
        .await
    }
}

/// A `send` without its `txn`.
pub(crate) fn send_frame(room: &str, text: &str) -> Value {
    json!({ "type": "send", "room": room, "content": { "kind": "text", "text": text } })
}

/// Whether a frame is an event in its place in the log: not one told as an answer. `[CM9]`
pub(crate) fn is_event(frame: &Value) -> bool {
    frame["type"] == "event" && frame["answer"] != true
}

/// The `seq` of each event of a log, in the order in which they came.
pub(crate) fn seqs<'a>(frames: impl IntoIterator<Item = &'a Value>, log: &str) -> Vec<u64> {
    frames
        .into_iter()
        .filter(|frame| is_event(frame) && frame["log"] == log)
        .map(|frame| frame["seq"].as_u64().unwrap())
        .collect()
}

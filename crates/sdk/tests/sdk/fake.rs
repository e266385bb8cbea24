//! A server of one room for the SDK's tests: real sockets, no storage, trouble on demand.
//!
//! Owns: just enough of the protocol to be talked to. Never: stands in for the real server in tests of behaviour.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use futures_util::{SinkExt, StreamExt};
use parking_lot::Mutex;
use tidings_sdk::protocol::{
    ClientFrame, Command, Content, Cursor, Epoch, Event, EventId, LastMessage, LogId,
    Message as HistoryMessage, Position, RefusalCode, RoomId, RoomKind, RoomSummary, Seq,
    ServerFrame, ServerRole, ShardId, Timestamp, TxnId, UserId, UserKind, UserProfile, Visibility,
    content::Known,
    frame::{SUBPROTOCOL_MSGPACK, Welcome, WireLimits},
    rest::Messages,
    subject::{MoveMarker, SendMessage, SetRole},
    summary::Marker,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderValue, StatusCode},
    },
};

pub(crate) const TOKEN: &str = "token-of-ada";

pub(crate) fn room() -> RoomId {
    RoomId::from_bits(7)
}

pub(crate) fn me() -> UserId {
    UserId::from_bits(1)
}

/// Somebody else.
pub(crate) fn other() -> UserId {
    UserId::from_bits(9)
}

/// A message.
pub(crate) fn said(text: &str) -> Known {
    Known::Message {
        text: text.parse().unwrap(),
    }
}

pub(crate) fn profile() -> UserProfile {
    UserProfile {
        id: me(),
        username: "ada".parse().unwrap(),
        display_name: "Ada".parse().unwrap(),
        kind: UserKind::Person,
        role: ServerRole::Member,
        created_at: Timestamp::default(),
    }
}

fn last_line(message: HistoryMessage) -> LastMessage {
    LastMessage {
        id: message.id,
        seq: message.seq,
        at: message.at,
        actor: message.actor,
        text: message.text.map(|text| text.to_string()),
    }
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) events: Vec<Event>,
    txns: BTreeMap<TxnId, Seq>,
    /// The heads of all requests, as they came.
    pub(crate) requests: Vec<String>,
    pub(crate) bodies: Vec<String>,
    /// Sockets that were welcomed.
    pub(crate) welcomes: usize,
    /// The next so many commands are committed, and then the socket is cut instead of answering.
    pub(crate) cut_after_commit: usize,
    /// The next so many commands are refused like this.
    pub(crate) refuse: Vec<RefusalCode>,
    /// The socket passes over what it has not sent, and says so by `opened`.
    starts_over: bool,
    /// What the next call for the room finds: it was read just before something happened.
    early: Option<RoomSummary>,
}

impl State {
    fn append(&mut self, actor: UserId, txn: Option<TxnId>, content: Known) -> Seq {
        let seq = Seq(self.events.len() as u64 + 1);
        let is_message = matches!(content, Known::Message { .. });
        let count = self.events.last().map_or(0, |event| event.count) + u64::from(is_message);
        self.events.push(Event {
            shard: ShardId(0),
            position: Position(seq.0),
            log: LogId::Room(room()),
            seq,
            id: EventId::from_bits(u128::from(seq.0)),
            at: Timestamp::default(),
            actor,
            count,
            txn,
            answer: false,
            content: Some(Content::Known(content)),
        });
        seq
    }

    fn contents(&self) -> impl DoubleEndedIterator<Item = (&Event, &Known)> {
        let events = self.events.iter();
        events.filter_map(|event| Some((event, event.content.as_ref()?.known()?)))
    }

    /// The latest messages, as `GET …/messages` shows them.
    fn messages(&self) -> Messages {
        let message = |(event, known): (&Event, &Known)| match known {
            Known::Message { text } => Some(HistoryMessage {
                id: event.id,
                room: room(),
                seq: event.seq,
                at: event.at,
                actor: event.actor,
                count: event.count,
                txn: None,
                text: Some(text.clone()),
                edited: None,
                deleted: None,
                reactions: Vec::new(),
            }),
            _ => None,
        };
        Messages {
            messages: self.contents().filter_map(message).collect(),
            head: Seq(self.events.len() as u64),
            more_before: false,
            more_after: false,
        }
    }

    /// The room, as it is now.
    fn summary(&self) -> RoomSummary {
        let mut newest = self.contents().rev();
        let name = newest.find_map(|(_, known)| match known {
            Known::RoomRenamed { name } => Some(name.clone()),
            _ => None,
        });
        let mut newest = self.contents().rev();
        let role = newest.find_map(|(_, known)| match known {
            Known::RoleChanged { user, role } if *user == me() => Some(*role),
            _ => None,
        });
        let joined = |(_, known): &(&Event, &Known)| matches!(known, Known::MemberJoined { .. });
        let joined = self.contents().filter(joined).count();
        RoomSummary {
            id: room(),
            kind: RoomKind::Group,
            visibility: Visibility::Private,
            name,
            peer: None,
            created_at: Timestamp::default(),
            head: Seq(self.events.len() as u64),
            count: self.events.last().map_or(0, |event| event.count),
            gone: tidings_protocol::Gone::default(),
            members: 2 + u32::try_from(joined).unwrap(),
            role,
            marker: Marker::default(),
            last: self.messages().messages.pop().map(last_line),
        }
    }

    fn welcome(&self) -> Welcome {
        Welcome {
            me: profile(),
            rooms: vec![self.summary()],
            left: Vec::new(),
            users: Vec::new(),
            user_seq: Seq(0),
            cursor: Cursor {
                epoch: Epoch(1),
                positions: vec![Position(self.events.len() as u64)],
            },
            limits: WireLimits::CURRENT,
        }
    }

    fn opened(&self) -> ServerFrame {
        let head = Seq(self.events.len() as u64);
        ServerFrame::Opened {
            room: room(),
            from: head,
            head,
        }
    }

    fn event(&self, seq: Seq) -> Event {
        self.events[usize::try_from(seq.0).unwrap() - 1].clone()
    }
}

/// The server.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<Mutex<State>>,
    /// Counts up with each event; sockets look when it moves. Odd ways out are counted in `cuts`.
    news: watch::Sender<u64>,
    cuts: watch::Sender<u64>,
}

impl Fake {
    pub(crate) async fn start() -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Fake::on(listener)
    }

    /// Begins to answer at an address that was bound before.
    pub(crate) fn on(listener: TcpListener) -> Fake {
        let fake = Fake {
            address: listener.local_addr().unwrap(),
            state: Arc::default(),
            news: watch::channel(0).0,
            cuts: watch::channel(0).0,
        };
        let (state, news, cuts) = (fake.state.clone(), fake.news.clone(), fake.cuts.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let socket = Socket {
                    state: state.clone(),
                    news: news.clone(),
                    cuts: cuts.subscribe(),
                };
                tokio::spawn(socket.serve(stream));
            }
        });
        fake
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Somebody else writes.
    pub(crate) fn post(&self, text: &str) {
        self.tell(said(text));
    }

    /// Something happens in the room.
    pub(crate) fn tell(&self, content: Known) {
        self.state.lock().append(other(), None, content);
        self.news.send_modify(|news| *news += 1);
    }

    /// So much happens that an open room starts over at its head. The first call that asks for the room comes a
    /// little too early. `[SB5]`
    pub(crate) fn pass_over(&self, contents: Vec<(UserId, Known)>) {
        let mut state = self.state.lock();
        state.early = Some(state.summary());
        for (actor, content) in contents {
            state.append(actor, None, content);
        }
        state.starts_over = true;
        drop(state);
        self.news.send_modify(|news| *news += 1);
    }

    /// Every socket ends without a word.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        let state = self.state.lock();
        let text = |event: &Event| match event.content.as_ref().and_then(Content::known) {
            Some(Known::Message { text }) => text.to_string(),
            other => panic!("{other:?}"),
        };
        state.events.iter().map(text).collect()
    }
}

struct Socket {
    state: Arc<Mutex<State>>,
    news: watch::Sender<u64>,
    cuts: watch::Receiver<u64>,
}

impl Socket {
    async fn serve(self, stream: TcpStream) {
        let mut start = [0; 20];
        let mut seen = 0;
        // The first line tells a socket from a call.
        while seen < start.len() {
            seen = match stream.peek(&mut start).await {
                Ok(0) | Err(_) => return,
                Ok(seen) => seen,
            };
        }
        if start.starts_with(b"GET /api/v1/socket") {
            self.socket(stream).await;
        } else {
            self.call(stream).await;
        }
    }

    async fn socket(mut self, stream: TcpStream) {
        let mut packed = false;
        let state = self.state.clone();
        #[expect(clippy::result_large_err, reason = "the library's own type")]
        let check = |request: &Request, mut answer: Response| -> Result<Response, ErrorResponse> {
            state
                .lock()
                .requests
                .push(format!("{} {:?}", request.uri(), request.headers()));
            let header = |name: &str| request.headers().get(name).cloned();
            if header("authorization") != Some(HeaderValue::from_static("Bearer token-of-ada")) {
                let mut no = ErrorResponse::new(None);
                *no.status_mut() = StatusCode::UNAUTHORIZED;
                return Err(no);
            }
            let asked = header("sec-websocket-protocol").unwrap();
            packed = asked == SUBPROTOCOL_MSGPACK;
            answer.headers_mut().insert("sec-websocket-protocol", asked);
            Ok(answer)
        };
        let Ok(socket) = accept_hdr_async(stream, check).await else {
            return;
        };
        let (mut sink, mut source) = socket.split();
        let mut news = self.news.subscribe();
        let mut sent: Option<u64> = None;
        loop {
            let mut frames = Vec::new();
            tokio::select! {
                _ = self.cuts.changed() => return,
                moved = news.changed() => if moved.is_err() { return },
                message = source.next() => {
                    let frame: ClientFrame = match message {
                        Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
                        Some(Ok(Message::Binary(bytes))) => rmp_serde::from_slice(&bytes).unwrap(),
                        Some(Ok(_)) => continue,
                        _ => return,
                    };
                    let Some(answers) = self.frame(frame, &mut sent) else { return };
                    frames = answers;
                }
            }
            if let Some(sent) = &mut sent {
                let mut state = self.state.lock();
                if std::mem::take(&mut state.starts_over) {
                    *sent = state.events.len() as u64;
                    frames.push(state.opened());
                }
                while *sent < state.events.len() as u64 {
                    *sent += 1;
                    frames.push(ServerFrame::Event(Box::new(state.event(Seq(*sent)))));
                }
            }
            for frame in frames {
                let message = if packed {
                    Message::binary(rmp_serde::to_vec_named(&frame).unwrap())
                } else {
                    Message::text(serde_json::to_string(&frame).unwrap())
                };
                if sink.send(message).await.is_err() {
                    return;
                }
            }
        }
    }

    /// What a frame is answered by, before the events that are due; none: the socket is cut.
    fn frame(&self, frame: ClientFrame, sent: &mut Option<u64>) -> Option<Vec<ServerFrame>> {
        let mut state = self.state.lock();
        match frame {
            ClientFrame::Hello {
                since, token, open, ..
            } => {
                assert_eq!(token, None, "it came with the handshake");
                let head = state.events.len() as u64;
                let since: Option<Cursor> = since.map(|since| since.parse().unwrap());
                *sent = Some(since.map_or(head, |since| since.positions[0].0));
                state.welcomes += 1;
                let mut frames = vec![ServerFrame::Ready(Box::new(state.welcome()))];
                frames.extend(open.iter().map(|_| state.opened()));
                Some(frames)
            }
            ClientFrame::Give {
                txn,
                command: Command::SendMessage(SendMessage { content, .. }),
            } => {
                if let Some(code) = state.refuse.pop() {
                    return Some(vec![ServerFrame::Refused {
                        txn: Some(txn),
                        room: None,
                        refusal: code.into(),
                    }]);
                }
                let tidings_sdk::protocol::SendContent::Text { text } = content;
                drop(state);
                self.commit(txn, Known::Message { text }, *sent)
            }
            ClientFrame::Give {
                txn,
                command: Command::SetRole(SetRole { user, role, .. }),
            } => {
                drop(state);
                self.commit(txn, Known::RoleChanged { user, role }, *sent)
            }
            ClientFrame::Give {
                txn,
                command: Command::MoveMarker(MoveMarker { room, .. }),
            } => {
                let log = LogId::Room(room);
                Some(vec![ServerFrame::Unchanged { txn, log }])
            }
            ClientFrame::Ping {} => Some(vec![ServerFrame::Pong {}]),
            _ => Some(Vec::new()),
        }
    }

    /// What a command is answered by that happens, or happened; none: the socket is cut.
    fn commit(&self, txn: TxnId, content: Known, sent: Option<u64>) -> Option<Vec<ServerFrame>> {
        let mut state = self.state.lock();
        let known = state.txns.get(&txn).copied();
        let seq = known.unwrap_or_else(|| state.append(me(), Some(txn.clone()), content));
        state.txns.insert(txn, seq);
        drop(state);
        self.news.send_modify(|news| *news += 1);
        let mut state = self.state.lock();
        if state.cut_after_commit > 0 {
            state.cut_after_commit -= 1;
            return None;
        }
        // Older than the stream: said again. Newer: the stream brings it.
        let old = sent.is_some_and(|sent| seq.0 <= sent);
        let event = ServerFrame::Event(Box::new(Event {
            answer: true,
            ..state.event(seq)
        }));
        Some(if old { vec![event] } else { Vec::new() })
    }

    /// Answers one REST call and closes.
    async fn call(self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
        let length = head.to_ascii_lowercase();
        let length = length
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        while bytes.len() < head_end + length {
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let body = String::from_utf8(bytes[head_end..].to_vec()).unwrap();
        let (status, answer) = self.answer(head.lines().next().unwrap(), &head, body);
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
            answer.len()
        );
        drop(stream.write_all(answer.as_bytes()).await);
    }

    fn answer(&self, line: &str, head: &str, body: String) -> (&'static str, String) {
        let mut state = self.state.lock();
        state.requests.push(head.to_owned());
        state.bodies.push(body);
        let user = serde_json::to_value(profile()).unwrap();
        let device = serde_json::json!({"id": "device_01h455vb4pex5vsknk084sn02q", "name": "test",
            "created_at": "2026-11-20T21:00:00.000Z", "current": true});
        let problem = |code: &str, detail: &str| {
            serde_json::json!({"type": "about:blank", "title": "no", "status": 0, "code": code,
                "detail": detail, "request_id": "req-1"})
            .to_string()
        };
        let enter = serde_json::json!({"user": user, "device": device, "token": TOKEN}).to_string();
        if line.starts_with("POST /api/v1/users ") {
            return ("201 Created", enter);
        }
        if line.starts_with("POST /api/v1/devices ") {
            let no = problem("wrong_credentials", "Username or password is wrong.");
            return ("401 Unauthorized", no);
        }
        if !head
            .to_ascii_lowercase()
            .contains(&format!("authorization: bearer {TOKEN}"))
        {
            return (
                "401 Unauthorized",
                problem("unauthenticated", "Sign in first."),
            );
        }
        if line.starts_with("GET /api/v1/me ") {
            return (
                "200 OK",
                serde_json::json!({"user": user, "device": device}).to_string(),
            );
        }
        if line.starts_with("GET /api/v1/rooms ") {
            let rooms = [state.summary()];
            return ("200 OK", serde_json::json!({"rooms": rooms}).to_string());
        }
        if line.contains("/reactions/") {
            return ("204 No Content", String::new());
        }
        if line.starts_with(&format!("GET /api/v1/rooms/{} ", room())) {
            let early = state.early.take();
            let room = early.unwrap_or_else(|| state.summary());
            return ("200 OK", serde_json::json!({"room": room}).to_string());
        }
        if line.contains("/messages?") && !line.contains("before=") {
            return ("200 OK", serde_json::to_string(&state.messages()).unwrap());
        }
        if line.contains("/events?") {
            let (events, head) = (&state.events, state.events.len());
            return (
                "200 OK",
                serde_json::json!({"events": events, "head": head}).to_string(),
            );
        }
        (
            "404 Not Found",
            problem("not_found", "There is nothing here that you can see."),
        )
    }
}

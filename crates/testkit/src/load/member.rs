//! One client with a socket: sends messages, answers for each until it is acknowledged, and notes all that comes.
//!
//! Owns: its outbox, its cursor, its place in each room, going from node to node.
//! Never: leaves a message unanswered, sends a room's next one before a refused one, or sorts what it sees.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tidings_protocol::{
    ClientFrame, Event, Follow, LogId, OpenRoom, RefusalCode, RoomId, SendContent, Seq,
    ServerFrame, TxnId, subject::SendMessage,
};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{
    COME_BACK, PATIENCE, Phase, Shared, record,
    rest::Rest,
    socket::{Got, Socket},
};
use crate::history::{Following, Note, Op, Record, Seen};

/// How often a client asks for a sign of life.
const PING_EVERY: Duration = Duration::from_secs(1);
/// How long a client rests when it is told "not now" without a time.
const REST: Duration = Duration::from_millis(200);

/// What a client is to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How findings call it.
    pub name: String,
    /// Which of the load's users it is.
    pub user: usize,
    /// The nodes it may use, the first one first.
    pub nodes: Vec<SocketAddr>,
    /// How it follows its rooms: not [`Following::Exact`], which is SSE and long poll.
    pub following: Following,
    /// Messages in one room that may wait for their answer at once; with 0 it only watches.
    pub window: usize,
    /// At most one message so often.
    pub pace: Duration,
    /// Whether it asks for compression.
    pub deflate: bool,
}

struct Waiting {
    op: usize,
    sent: bool,
    not_before: Instant,
}

struct Member {
    plan: Plan,
    rest: Rest,
    rooms: Vec<RoomId>,
    shared: Shared,
    record: Record,
    outbox: VecDeque<Waiting>,
    cursor: Option<String>,
    has: BTreeMap<RoomId, Seq>,
    node: usize,
}

pub(super) async fn run(plan: Plan, rest: Rest, rooms: Vec<RoomId>, shared: Shared) -> Record {
    let mut member = Member {
        record: record(plan.name.clone(), &rest, plan.following),
        plan,
        rest,
        rooms,
        shared: shared.clone(),
        outbox: VecDeque::new(),
        cursor: None,
        has: BTreeMap::new(),
        node: 0,
    };
    shared
        .until_the_end(async {
            loop {
                // Whatever ended the session: come back, elsewhere if there is an elsewhere.
                let _ = member.session().await;
                member.node = (member.node + 1) % member.plan.nodes.len();
                tokio::time::sleep(COME_BACK).await;
            }
        })
        .await;
    member.record
}

async fn patiently<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, work)
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

impl Member {
    /// One session, from the connection to its end.
    async fn session(&mut self) -> io::Result<()> {
        let node = self.plan.nodes[self.node];
        let mut socket = patiently(Socket::connect(node, self.plan.deflate)).await?;
        patiently(socket.send(&self.hello())).await?;
        let mut early = VecDeque::new();
        while early.is_empty() {
            early.extend(patiently(socket.next()).await?);
        }
        for waiting in &mut self.outbox {
            waiting.sent = false;
        }
        for got in early {
            self.take(got);
        }
        let mut tick = interval(self.plan.pace);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut heard, mut pinged) = (Instant::now(), Instant::now());
        loop {
            tokio::select! {
                got = socket.next() => {
                    got?.into_iter().for_each(|got| self.take(got));
                    heard = Instant::now();
                }
                _ = tick.tick() => {
                    if heard.elapsed() > PATIENCE {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    if pinged.elapsed() > PING_EVERY {
                        pinged = Instant::now();
                        patiently(socket.send(&ClientFrame::Ping {})).await?;
                    }
                    self.compose();
                    self.send_due(&mut socket).await?;
                }
            }
        }
    }

    fn hello(&self) -> ClientFrame {
        let open = match self.plan.following {
            Following::Open => self.rooms.as_slice(),
            _ => &[],
        };
        ClientFrame::Hello {
            token: Some(self.rest.token.clone()),
            since: self.cursor.clone(),
            follow: match self.plan.following {
                Following::All | Following::Exact => Follow::All,
                Following::Open | Following::Listed => Follow::Listed,
            },
            open: open
                .iter()
                .map(|room| OpenRoom {
                    room: *room,
                    after: self.has.get(room).copied(),
                })
                .collect(),
            user_seq: None,
        }
    }

    /// Puts a new message into the outbox, when its room has place.
    fn compose(&mut self) {
        if self.plan.window == 0 || *self.shared.phase.borrow() != Phase::Run {
            return;
        }
        let number = self.record.ops.len();
        let room = self.rooms[number % self.rooms.len()];
        let ops = &self.record.ops;
        let mut in_room = self
            .outbox
            .iter()
            .filter(|waiting| ops[waiting.op].room == room);
        if in_room.clone().count() >= self.plan.window || in_room.any(|waiting| !waiting.sent) {
            return;
        }
        let txn = format!("{}-{number}", self.plan.name.replace(' ', "-"));
        self.record.ops.push(Op {
            text: format!("{txn} {}", "lorem ipsum ".repeat(number % 7))
                .trim_end()
                .to_owned()
                + " .",
            txn: txn.parse().expect("a short name and a number"),
            room,
            invoked: self.shared.ticks.next(),
            answered: None,
            refused: false,
        });
        self.outbox.push_back(Waiting {
            op: number,
            sent: false,
            not_before: Instant::now(),
        });
        self.tell();
    }

    /// Sends what is due, in order: a message that has to wait holds back the later ones of its room.
    async fn send_due(&mut self, socket: &mut Socket) -> io::Result<()> {
        let mut held: Vec<RoomId> = Vec::new();
        for waiting in &mut self.outbox {
            let op = &self.record.ops[waiting.op];
            if waiting.sent || held.contains(&op.room) {
                continue;
            }
            if waiting.not_before > Instant::now() {
                held.push(op.room);
                continue;
            }
            waiting.sent = true;
            self.record.notes.push(Note::Sent(op.txn.clone()));
            let text = op.text.parse().expect("a short text");
            let frame = ClientFrame::give(
                op.txn.clone(),
                SendMessage {
                    room: op.room,
                    content: SendContent::Text { text },
                },
            );
            patiently(socket.send(&frame)).await?;
        }
        Ok(())
    }

    fn take(&mut self, got: Got) {
        let frame = match got {
            Got::Frame(frame) => *frame,
            Got::Unreadable(text) => return self.record.notes.push(Note::Unreadable(text)),
        };
        match frame {
            ServerFrame::Ready(welcome) => self.welcome(*welcome),
            ServerFrame::Reset(welcome) => {
                self.record.notes.push(Note::Reset);
                self.welcome(*welcome);
            }
            ServerFrame::Event(event) => self.event(&event),
            ServerFrame::Opened { room, from, head } => {
                let after = self.has.get(&room).copied();
                self.record.notes.push(Note::Opened {
                    room,
                    after,
                    from,
                    head,
                });
                self.reach(room, from);
            }
            ServerFrame::Rooms { rooms } => {
                for moved in rooms {
                    if self.plan.following == Following::Listed {
                        self.record.notes.push(Note::Moved(moved.room, moved.head));
                        self.reach(moved.room, moved.head);
                    }
                }
            }
            ServerFrame::Cursor { cursor } => self.cursor = Some(cursor.to_string()),
            ServerFrame::Refused {
                txn: Some(txn),
                refusal,
                ..
            } => {
                let wait = refusal.retry_after_ms.map_or(REST, Duration::from_millis);
                self.refused(txn, refusal.code, wait);
            }
            other @ (ServerFrame::Refused { .. }
            | ServerFrame::Unchanged { .. }
            | ServerFrame::Left(_)) => {
                self.record
                    .notes
                    .push(Note::Unreadable(format!("{other:?}")));
            }
            // Signals and notices.
            _ => {}
        }
    }

    fn welcome(&mut self, welcome: tidings_protocol::frame::Welcome) {
        let heads = welcome
            .rooms
            .iter()
            .map(|room| (room.id, room.head))
            .collect();
        let resumed = self.cursor.is_some();
        let whole = match self.plan.following {
            Following::Listed => true,
            Following::All | Following::Exact => !resumed,
            Following::Open => false,
        };
        for room in welcome.rooms.iter().filter(|_| whole) {
            self.reach(room.id, room.head);
        }
        self.record.notes.push(Note::Ready { resumed, heads });
        self.cursor = Some(welcome.cursor.to_string());
    }

    fn event(&mut self, event: &Event) {
        let seen = Seen::of(event);
        if let Some(at) = event.txn.as_ref().and_then(|txn| self.find(txn)) {
            let op = self.outbox.remove(at).expect("it was found there").op;
            self.record.ops[op].answered = Some((self.shared.ticks.next(), seen.clone()));
            self.shared.acked.send_modify(|acked| *acked += 1);
            self.shared
                .progress
                .send_modify(|progress| progress.acked += 1);
            self.tell();
        }
        self.record.notes.push(Note::Event(seen));
        if let LogId::Room(room) = event.log
            && !event.answer
            && self.plan.following != Following::Listed
        {
            self.reach(room, event.seq);
        }
    }

    fn refused(&mut self, txn: TxnId, code: RefusalCode, wait: Duration) {
        let passing = matches!(
            code,
            RefusalCode::Unavailable | RefusalCode::Internal | RefusalCode::RateLimited
        );
        if let Some(at) = self.find(&txn) {
            let waiting = &mut self.outbox[at];
            self.record.ops[waiting.op].refused = true;
            waiting.sent = false;
            waiting.not_before = Instant::now() + wait;
            if !passing {
                self.outbox.remove(at);
                self.tell();
            }
        }
        self.record.notes.push(Note::Refused(txn, code));
    }

    fn find(&self, txn: &TxnId) -> Option<usize> {
        let ops = &self.record.ops;
        self.outbox
            .iter()
            .position(|waiting| ops[waiting.op].txn == *txn)
    }

    fn reach(&mut self, room: RoomId, seq: Seq) {
        let has = self.has.entry(room).or_default();
        *has = seq.max(*has);
        self.shared.seen(room, seq);
    }

    fn tell(&self) {
        let waiting = self.outbox.len();
        self.shared
            .progress
            .send_modify(|progress| progress.waiting = waiting);
    }
}

//! A small server for one user: logs, shards, one connection. It keeps the protocol's promises in the dumbest way.
//!
//! Owns: what is true. Never: optimises, or shares code with the server's half of this crate.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tidings_protocol::{
    ClientFrame, Command, Content, Cursor, Epoch, Event, EventId, Follow, LeftRoom, LogId,
    Position, Refusal, RefusalCode, Role, RoomId, Seq, ServerFrame, ShardId, Timestamp, TxnId,
    UserId,
    content::Known,
    rest::{Events, Messages},
    subject::{MoveMarker, SendMessage},
};

use super::super::{me, room, summary, text, welcome};
use crate::backoff::Dice;

const SHARDS: u16 = 2;
/// Further behind, an open room starts over.
const REPLAY_MAX: u64 = 12;

/// How answers to commands travel when the session follows the log. `[CM9]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    /// By the event in its place.
    InPlace,
    /// At once, and by the event in its place, too.
    AtOnce,
}

pub(super) struct Server {
    logs: BTreeMap<LogId, Vec<Event>>,
    shards: Vec<Vec<(LogId, Seq)>>,
    txns: BTreeMap<(LogId, TxnId), Seq>,
    members: BTreeSet<RoomId>,
    answers: Answers,
    epoch: u64,
    pub(super) conn: Option<Conn>,
    pub(super) last_frame: Option<ClientFrame>,
}

#[derive(Default)]
pub(super) struct Conn {
    pub(super) to_server: VecDeque<ClientFrame>,
    pub(super) to_client: VecDeque<ServerFrame>,
    follow: Follow,
    greeted: bool,
    /// The last event sent of each open room.
    open: BTreeMap<RoomId, Seq>,
    user: Seq,
    /// The last position sent of each shard; `follow: all` only.
    sent: Vec<u64>,
    /// Events that came after the user had left and before they were back.
    hidden: BTreeMap<RoomId, Vec<(Seq, Option<Seq>)>>,
}

impl Conn {
    fn is_hidden(&self, room: RoomId, seq: Seq) -> bool {
        let within = |(from, to): &(Seq, Option<Seq>)| seq >= *from && to.is_none_or(|to| seq < to);
        self.hidden
            .get(&room)
            .is_some_and(|ranges| ranges.iter().any(within))
    }
}

impl Server {
    pub(super) fn new(answers: Answers) -> Server {
        let mut server = Server {
            logs: BTreeMap::new(),
            shards: vec![Vec::new(); usize::from(SHARDS)],
            txns: BTreeMap::new(),
            members: BTreeSet::new(),
            answers,
            epoch: 1,
            conn: None,
            last_frame: None,
        };
        for number in 0..super::ROOMS {
            server.members.insert(room(number));
            for _ in 0..3 {
                server.post(room(number));
            }
        }
        server
    }

    pub(super) fn log(&self, log: LogId) -> &[Event] {
        self.logs.get(&log).map_or(&[], Vec::as_slice)
    }

    pub(super) fn head(&self, log: LogId) -> Seq {
        Seq(self.log(log).len() as u64)
    }

    pub(super) fn times(&self, txn: &TxnId) -> usize {
        let events = self.logs.values().flatten();
        events
            .filter(|event| event.txn.as_ref() == Some(txn))
            .count()
    }

    /// The steps at which the client gave the commands of this log, in the order of the log.
    pub(super) fn own_steps(&self, log: LogId) -> Vec<usize> {
        let txns = self.log(log).iter().filter_map(|event| event.txn.as_ref());
        txns.map(|txn| txn.as_str()[1..].parse().unwrap()).collect()
    }

    pub(super) fn is_member(&self, room: RoomId) -> bool {
        self.members.contains(&room)
    }

    fn append(&mut self, log: LogId, actor: UserId, txn: Option<TxnId>, known: Known) -> Seq {
        let seq = self.head(log).next();
        let shard = log.shard(SHARDS);
        let places = &mut self.shards[usize::from(shard.0)];
        places.push((log, seq));
        let event = Event {
            shard,
            position: Position(places.len() as u64),
            log,
            seq,
            id: EventId::from_bits(u128::from(seq.0) << 8 | u128::from(shard.0)),
            at: Timestamp::default(),
            actor,
            count: seq.0,
            txn,
            answer: false,
            content: Some(Content::Known(known)),
        };
        self.logs.entry(log).or_default().push(event);
        seq
    }

    /// Somebody else writes.
    pub(super) fn post(&mut self, to: RoomId) {
        let known = Known::Message { text: text("news") };
        self.append(LogId::Room(to), UserId::from_bits(9), None, known);
    }

    pub(super) fn kick_or_add(&mut self, id: RoomId) {
        let (log, other, user) = (LogId::Room(id), UserId::from_bits(9), me());
        if self.members.remove(&id) {
            let left = self.append(log, other, None, Known::MemberLeft { user });
            if let Some(conn) = self.conn.as_mut().filter(|conn| conn.greeted) {
                conn.hidden.entry(id).or_default().push((left.next(), None));
                if conn.follow == Follow::Listed {
                    self.flush_room(id, left);
                    self.say(ServerFrame::Left(LeftRoom { room: id, by: None }));
                    self.conn.as_mut().unwrap().open.remove(&id);
                }
            }
            return;
        }
        self.members.insert(id);
        let role = Role::Member;
        let joined = self.append(log, other, None, Known::MemberJoined { user, role });
        if let Some(conn) = self.conn.as_mut().filter(|conn| conn.greeted) {
            let ranges = conn.hidden.entry(id).or_default();
            match ranges.last_mut() {
                Some(range) if range.1.is_none() => range.1 = Some(joined),
                _ => ranges.push((Seq(1), Some(joined))),
            }
            if conn.follow == Follow::Listed {
                self.say_room(id);
            }
        }
    }

    pub(super) fn add_everywhere(&mut self) {
        for number in 0..super::ROOMS {
            if !self.is_member(room(number)) {
                self.kick_or_add(room(number));
            }
        }
    }

    /// Another epoch, as after a restore; the logs happen to be the same.
    pub(super) fn restore(&mut self) {
        self.epoch += 1;
        self.conn = None;
    }

    pub(super) fn connect(&mut self) {
        self.conn = Some(Conn::default());
    }

    pub(super) fn cut(&mut self) {
        self.conn = None;
    }

    pub(super) fn cursor_frame(&mut self) {
        let Some(conn) = self.conn.as_ref().filter(|conn| conn.greeted) else {
            return;
        };
        // A listed session hears of moved rooms at once, so it has everything that is said by then.
        let cursor = if conn.follow == Follow::All {
            self.cursor_of(&conn.sent)
        } else {
            let rooms = self.members.iter().map(|id| tidings_protocol::RoomHead {
                room: *id,
                head: self.head(LogId::Room(*id)),
                count: 0,
                gone: tidings_protocol::Gone::default(),
                name: None,
                last: None,
            });
            let rooms = rooms.collect();
            self.say(ServerFrame::Rooms { rooms });
            self.heads()
        };
        self.say(ServerFrame::Cursor { cursor });
    }

    fn cursor_of(&self, positions: &[u64]) -> Cursor {
        Cursor {
            epoch: Epoch(self.epoch),
            positions: positions.iter().copied().map(Position).collect(),
        }
    }

    fn heads(&self) -> Cursor {
        let heads: Vec<u64> = self
            .shards
            .iter()
            .map(|places| places.len() as u64)
            .collect();
        self.cursor_of(&heads)
    }

    fn say(&mut self, frame: ServerFrame) {
        if let Some(conn) = &mut self.conn {
            conn.to_client.push_back(frame);
        }
    }

    fn say_room(&mut self, id: RoomId) {
        let room = Box::new(summary(id, self.head(LogId::Room(id)).0));
        let users = Vec::new();
        self.say(ServerFrame::Room { room, users });
    }

    fn say_event(&mut self, log: LogId, seq: Seq) {
        let event = self.log(log)[usize::try_from(seq.0).unwrap() - 1].clone();
        self.say(ServerFrame::Event(Box::new(event)));
    }

    fn flush_room(&mut self, id: RoomId, upto: Seq) {
        while let Some(&sent) = self.conn.as_ref().and_then(|conn| conn.open.get(&id)) {
            if sent >= upto {
                return;
            }
            self.conn.as_mut().unwrap().open.insert(id, sent.next());
            self.say_event(LogId::Room(id), sent.next());
        }
    }

    /// Reads one frame of the client.
    pub(super) fn read(&mut self, mood: Option<&mut Dice>) {
        let Some(frame) = self
            .conn
            .as_mut()
            .and_then(|conn| conn.to_server.pop_front())
        else {
            return;
        };
        match frame.clone() {
            ClientFrame::Hello {
                since,
                follow,
                open,
                user_seq,
                ..
            } => {
                self.hello(since, follow, user_seq);
                for open in open {
                    self.open(open.room, open.after);
                }
            }
            ClientFrame::Open { room, after } => self.open(room, after),
            ClientFrame::Close { room } => {
                self.conn.as_mut().unwrap().open.remove(&room);
            }
            ClientFrame::Ping {} => self.say(ServerFrame::Pong {}),
            command => {
                assert!(
                    self.conn.as_ref().unwrap().greeted,
                    "[HS2] nothing before ready"
                );
                self.last_frame = Some(frame);
                self.command(&command, mood);
            }
        }
    }

    fn hello(&mut self, since: Option<String>, follow: Follow, user_seq: Option<Seq>) {
        let user_head = self.head(LogId::User(me()));
        let since: Option<Cursor> = since.map(|since| since.parse().unwrap());
        let reset = since
            .as_ref()
            .is_some_and(|since| since.epoch.0 != self.epoch);
        let since = since.filter(|_| !reset);
        let heads = self.heads();
        let start = since.clone().unwrap_or_else(|| heads.clone());
        let moved = |id: &RoomId| {
            let log = LogId::Room(*id);
            let at = since
                .as_ref()
                .map(|since| since.position(log.shard(SHARDS)));
            let last = self.log(log).last().map(|event| event.position);
            at.is_none_or(|at| last > Some(at))
        };
        let rooms = self.members.iter().filter(|id| moved(id));
        let rooms = rooms
            .map(|id| summary(*id, self.head(LogId::Room(*id)).0))
            .collect();
        let mut answer = welcome(rooms, heads, user_head.0);
        let gone = (0..super::ROOMS)
            .map(room)
            .filter(|id| !self.is_member(*id));
        answer.left = gone
            .clone()
            .map(|room| LeftRoom { room, by: None })
            .collect();
        let hidden = gone.map(|id| (id, vec![(Seq(1), None)])).collect();
        let conn = self.conn.as_mut().unwrap();
        conn.greeted = true;
        conn.follow = follow;
        conn.user = user_seq.filter(|_| !reset).unwrap_or(user_head);
        conn.sent = start.positions.iter().map(|position| position.0).collect();
        conn.hidden = hidden;
        self.say(if reset {
            ServerFrame::Reset(answer)
        } else {
            ServerFrame::Ready(answer)
        });
    }

    fn open(&mut self, room: RoomId, after: Option<Seq>) {
        if !self.is_member(room) {
            let refusal = Refusal::new(RefusalCode::NotFound);
            return self.say(ServerFrame::Refused {
                txn: None,
                room: Some(room),
                refusal,
            });
        }
        let head = self.head(LogId::Room(room));
        let near = after.filter(|after| head.0.saturating_sub(after.0) <= REPLAY_MAX);
        let from = near.unwrap_or(head);
        self.conn.as_mut().unwrap().open.insert(room, from);
        self.say(ServerFrame::Opened { room, from, head });
    }

    fn command(&mut self, frame: &ClientFrame, mood: Option<&mut Dice>) {
        let ClientFrame::Give { txn, command } = frame else {
            panic!("no command: {frame:?}");
        };
        let txn = txn.clone();
        let (log, of, known) = match command {
            Command::SendMessage(SendMessage { room, .. }) => {
                let known = Known::Message { text: text("mine") };
                (LogId::Room(*room), *room, known)
            }
            Command::MoveMarker(MoveMarker { room, seq }) => {
                let (room, seq, count) = (*room, *seq, 0);
                (
                    LogId::User(me()),
                    room,
                    Known::MarkerMoved { room, seq, count },
                )
            }
            other => panic!("no command of the model: {other:?}"),
        };
        let known_txn = self.txns.get(&(log, txn.clone())).copied();
        let roll = mood.map_or(99, |dice| dice.upto(24));
        let no = match roll {
            0 => Some(RefusalCode::Unavailable),
            1 if known_txn.is_none() => Some(RefusalCode::Forbidden),
            _ if known_txn.is_none() && !self.is_member(of) => Some(RefusalCode::NotFound),
            _ => None,
        };
        let refused = |code: RefusalCode| ServerFrame::Refused {
            txn: Some(txn.clone()),
            room: None,
            refusal: code.into(),
        };
        if let Some(code) = no {
            return self.say(refused(code));
        }
        let seq = known_txn.unwrap_or_else(|| self.append(log, me(), Some(txn.clone()), known));
        self.txns.insert((log, txn.clone()), seq);
        if roll == 2 {
            return self.say(refused(RefusalCode::Internal));
        }
        self.answer(log, seq);
    }

    /// Says the event now, unless it is still to come by the stream.
    fn answer(&mut self, log: LogId, seq: Seq) {
        let position = self.log(log)[usize::try_from(seq.0).unwrap() - 1].position;
        let answers = self.answers;
        let conn = self.conn.as_mut().unwrap();
        let comes = match log {
            LogId::User(_) => conn.user < seq,
            LogId::Room(room) if conn.follow == Follow::Listed => {
                conn.open.get(&room).is_some_and(|sent| *sent < seq)
            }
            LogId::Room(room) => {
                conn.sent[usize::from(log.shard(SHARDS).0)] < position.0
                    && !conn.is_hidden(room, seq)
            }
        };
        if !comes || answers == Answers::AtOnce {
            let mut event = self.log(log)[usize::try_from(seq.0).unwrap() - 1].clone();
            event.answer = true;
            self.say(ServerFrame::Event(Box::new(event)));
        }
    }

    /// Sends one event that is due, of whatever source chance picks.
    pub(super) fn pump(&mut self, dice: &mut Dice, lossy: bool) {
        let Some(conn) = self.conn.as_ref().filter(|conn| conn.greeted) else {
            return;
        };
        let mut sources: Vec<u64> = Vec::new();
        if conn.user < self.head(LogId::User(me())) {
            sources.push(0);
        }
        if conn.follow == Follow::All {
            let due = (0..SHARDS).filter(|shard| {
                let shard = usize::from(*shard);
                conn.sent[shard] < self.shards[shard].len() as u64
            });
            sources.extend(due.map(|shard| 1 + u64::from(shard)));
        } else {
            let due = conn
                .open
                .iter()
                .filter(|(id, sent)| **sent < self.head(LogId::Room(**id)));
            sources.extend(due.map(|(id, _)| 100 + id.bits() as u64));
        }
        if sources.is_empty() {
            return;
        }
        let source = sources[dice.upto(sources.len() as u64 - 1) as usize];
        let conn = self.conn.as_mut().unwrap();
        match source {
            0 => {
                conn.user = conn.user.next();
                let seq = conn.user;
                self.say_event(LogId::User(me()), seq);
            }
            100.. => {
                let id = room(u128::from(source - 100));
                let sent = conn.open.get_mut(&id).unwrap();
                *sent = sent.next();
                let seq = *sent;
                if !(lossy && dice.upto(19) == 0) {
                    self.say_event(LogId::Room(id), seq);
                }
            }
            shard => self.pump_shard(ShardId((shard - 1) as u16)),
        }
    }

    fn pump_shard(&mut self, shard: ShardId) {
        let index = usize::from(shard.0);
        let conn = self.conn.as_mut().unwrap();
        let (log, seq) = self.shards[index][conn.sent[index] as usize];
        conn.sent[index] += 1;
        let LogId::Room(id) = log else { return };
        if conn.is_hidden(id, seq) {
            return;
        }
        let begins = |range: &(Seq, Option<Seq>)| range.1 == Some(seq);
        let ends = |range: &(Seq, Option<Seq>)| range.0 == seq.next();
        let ranges = conn.hidden.get(&id).cloned().unwrap_or_default();
        if ranges.iter().any(begins) {
            self.say_room(id);
        }
        self.say_event(log, seq);
        if ranges.iter().any(ends) {
            self.say(ServerFrame::Left(LeftRoom { room: id, by: None }));
        }
    }

    pub(super) fn range(&self, room: RoomId, after: Seq) -> Result<Events, Refusal> {
        if !self.is_member(room) {
            return Err(RefusalCode::NotFound.into());
        }
        let log = self.log(LogId::Room(room)).iter();
        let events = log
            .filter(|event| event.seq > after)
            .take(3)
            .cloned()
            .collect();
        let head = self.head(LogId::Room(room));
        Ok(Events {
            events,
            head,
            next: None,
        })
    }

    pub(super) fn latest(&self, room: RoomId) -> Result<Messages, Refusal> {
        if !self.is_member(room) {
            return Err(RefusalCode::NotFound.into());
        }
        Ok(Messages {
            messages: Vec::new(),
            head: self.head(LogId::Room(room)),
            more_before: true,
            more_after: false,
        })
    }

    /// Nothing is under way and nothing is due.
    pub(super) fn is_idle(&self) -> bool {
        let Some(conn) = self.conn.as_ref().filter(|conn| conn.greeted) else {
            return false;
        };
        let all = |shard: usize| conn.sent[shard] == self.shards[shard].len() as u64;
        let open = |(id, sent): (&RoomId, &Seq)| *sent == self.head(LogId::Room(*id));
        conn.to_server.is_empty()
            && conn.to_client.is_empty()
            && conn.user == self.head(LogId::User(me()))
            && if conn.follow == Follow::All {
                (0..usize::from(SHARDS)).all(all)
            } else {
                conn.open.iter().all(open)
            }
    }
}

//! A node without threads: a list of events for a store, a hub, and wires that count what they may take.
//!
//! Owns: doing what the hub wants done, at once or when a test says so.
//! Never: asserts anything but what holds for every wire: nothing is sent to one that is full or closed.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, sync::Arc};

use bytes::Bytes;
use serde_json::Value;
use tidings_core::{StoredEvent, User};
use tidings_protocol::{
    CloseCode, Cursor, DeviceId, Epoch, EventId, LastMessage, LeftRoom, LogId, Marker, Position,
    Role, RoomId, RoomKind, RoomSummary, Seq, ServerRole, ShardId, Timestamp, TxnId, UserId,
    UserKind, UserProfile, Visibility, content::Known,
};
use tidings_store::{Following, Resume};
use tidings_websocket::{Decoder, Limits, Message, Role as End, Scratch};

use crate::{
    batch::Batch,
    encoded::{Format, Logged},
    hub::{CATCHUP_PAGE, Effect, Hello, Hub, PeerId, Wire},
};

pub(crate) const ADA: UserId = UserId::from_bits(1);
pub(crate) const LIN: UserId = UserId::from_bits(2);
pub(crate) const EVE: UserId = UserId::from_bits(3);
pub(crate) const ROOM: RoomId = RoomId::from_bits(101);
pub(crate) const OTHER: RoomId = RoomId::from_bits(102);
pub(crate) const EPOCH: Epoch = Epoch(7);

/// What names a log.
pub(crate) trait IsLog: Copy {
    fn log(self) -> LogId;
}

impl IsLog for LogId {
    fn log(self) -> LogId {
        self
    }
}

impl IsLog for RoomId {
    fn log(self) -> LogId {
        LogId::Room(self)
    }
}

impl IsLog for UserId {
    fn log(self) -> LogId {
        LogId::User(self)
    }
}

/// One frame, and the cursor that came with it.
pub(crate) type Heard = (Value, Option<Cursor>);

#[derive(Debug)]
struct State {
    format: Format,
    decoder: Decoder,
    heard: Vec<Heard>,
    /// Sends that it takes before it is full.
    takes: usize,
    pings: usize,
    closed: Option<CloseCode>,
}

/// A wire that keeps what it got.
#[derive(Debug, Clone)]
pub(crate) struct FakeWire(Rc<RefCell<State>>);

impl FakeWire {
    fn new(format: Format) -> FakeWire {
        FakeWire(Rc::new(RefCell::new(State {
            format,
            decoder: Decoder::new(End::Client, false),
            heard: Vec::new(),
            takes: usize::MAX,
            pings: 0,
            closed: None,
        })))
    }

    fn took(&self, bytes: &Bytes, cursor: Option<&Cursor>) {
        let mut state = self.0.borrow_mut();
        assert!(state.takes > 0, "a full wire is not sent to");
        assert_eq!(state.closed, None, "a closed wire is not sent to");
        state.takes -= 1;
        let State {
            format,
            decoder,
            heard,
            ..
        } = &mut *state;
        if *format == Format::Plain {
            heard.push((serde_json::from_slice(bytes).unwrap(), cursor.cloned()));
            return;
        }
        let limits = Limits {
            max_message_bytes: 1 << 20,
            max_frame_bytes: 1 << 20,
            max_fragments: 1,
        };
        decoder
            .feed(
                &mut bytes.to_vec(),
                &limits,
                &mut Scratch::new(),
                &mut |m| match m {
                    Message::Text(text) => heard.push((serde_json::from_str(text).unwrap(), None)),
                    other => panic!("{other:?}"),
                },
            )
            .unwrap();
    }
}

impl Wire for FakeWire {
    fn format(&self) -> Format {
        self.0.borrow().format
    }
    fn send(&mut self, bytes: &Bytes) {
        self.took(bytes, None);
    }
    fn send_at(&mut self, bytes: &Bytes, cursor: &Cursor) {
        self.took(bytes, Some(cursor));
    }
    fn is_full(&self) -> bool {
        self.0.borrow().takes == 0
    }
    fn ping(&mut self) {
        self.0.borrow_mut().pings += 1;
    }
    fn is_one_way(&self) -> bool {
        self.0.borrow().format == Format::Plain
    }
    fn close(&mut self, code: CloseCode) {
        let mut state = self.0.borrow_mut();
        assert_eq!(state.closed, None, "closed once");
        state.closed = Some(code);
    }
}

/// A connection, from its far end.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: PeerId,
    wire: FakeWire,
}

impl Session {
    /// What came since the last look.
    pub(crate) fn take(&self) -> Vec<Value> {
        self.take_heard().into_iter().map(|(f, _)| f).collect()
    }

    /// The same with the cursors.
    pub(crate) fn take_heard(&self) -> Vec<Heard> {
        std::mem::take(&mut self.wire.0.borrow_mut().heard)
    }

    /// How many more sends it takes.
    pub(crate) fn takes(&self, sends: usize) {
        self.wire.0.borrow_mut().takes = sends;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.wire.is_full()
    }

    pub(crate) fn pings(&self) -> usize {
        self.wire.0.borrow().pings
    }

    pub(crate) fn forget_pings(&self) {
        self.wire.0.borrow_mut().pings = 0;
    }

    pub(crate) fn closed(&self) -> Option<CloseCode> {
        self.wire.0.borrow().closed
    }

    /// The `seq` of the events of a log that came since the last look, in their place.
    pub(crate) fn seqs(&self, log: impl IsLog) -> Vec<u64> {
        seqs(&self.take(), log)
    }
}

/// The `seq` of each event of a log, in the order in which they came.
pub(crate) fn seqs(frames: &[Value], log: impl IsLog) -> Vec<u64> {
    let log = log.log().to_string();
    frames
        .iter()
        .filter(|f| f["type"] == "event" && f["log"] == log.as_str() && f["answer"] != true)
        .map(|f| f["seq"].as_u64().unwrap())
        .collect()
}

/// The frames' types, for a glance.
pub(crate) fn types(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|f| f["type"].as_str().unwrap()).collect()
}

/// What was read for an effect, before the hub is told.
pub(crate) enum Read {
    Log(Vec<StoredEvent>),
    Visible(Option<Vec<StoredEvent>>),
    Resume(Box<Option<Resume>>),
    Summary(Box<Option<RoomSummary>>),
    Last(Box<Option<(Seq, Option<LastMessage>)>>),
    Fill(Option<Arc<Batch>>, bool),
    Users(Vec<UserId>),
}

/// A store and a hub.
pub(crate) struct Node {
    pub(crate) hub: Hub<FakeWire>,
    /// By shard, as they were published.
    published: Vec<Vec<StoredEvent>>,
    /// By shard, as they stand now.
    store: Vec<Vec<StoredEvent>>,
    heads: BTreeMap<LogId, (Seq, u64)>,
    /// The present or last stay of a user in a room: from where, until where.
    stays: BTreeMap<(RoomId, UserId), (Position, Option<Position>)>,
    /// Where the stay before that ended.
    earlier: BTreeMap<(RoomId, UserId), Position>,
    /// Who may read the presence of whom; everybody shares a room here.
    pub(crate) present: Vec<(UserId, tidings_protocol::Presence)>,
}

impl Node {
    /// A node with so many shards, and Ada in both rooms, Lin in the first.
    pub(crate) fn new(shards: u16) -> Node {
        let mut node = Node {
            hub: Hub::new(0, EPOCH, &vec![Position::ZERO; usize::from(shards)]),
            published: vec![Vec::new(); usize::from(shards)],
            store: vec![Vec::new(); usize::from(shards)],
            heads: BTreeMap::new(),
            stays: BTreeMap::new(),
            earlier: BTreeMap::new(),
            present: Vec::new(),
        };
        for room in [ROOM, OTHER] {
            let created = Known::RoomCreated {
                room_kind: RoomKind::Group,
                visibility: Visibility::Private,
                name: None,
                between: None,
            };
            node.commit(room, ADA, created);
            node.join(room, ADA);
        }
        node.join(ROOM, LIN);
        node.deliver();
        node
    }

    fn shards(&self) -> u16 {
        self.store.len() as u16
    }

    /// Commits an event to the store alone; the hub hears of it by [`Node::deliver`].
    pub(crate) fn commit(&mut self, log: impl IsLog, actor: UserId, body: Known) -> Seq {
        self.commit_txn(log, actor, body, None)
    }

    /// The same with the client's id.
    pub(crate) fn commit_txn(
        &mut self,
        log: impl IsLog,
        actor: UserId,
        body: Known,
        txn: Option<&str>,
    ) -> Seq {
        let log = log.log();
        let shard = log.shard(self.shards());
        let (seq, count) = {
            let (head, count) = self.heads.entry(log).or_default();
            *head = head.next();
            *count += u64::from(matches!(body, Known::Message { .. }));
            (*head, *count)
        };
        let events = &mut self.store[usize::from(shard.0)];
        if let Known::MessageDeleted { target, .. } = &body {
            for event in events.iter_mut().filter(|e| e.log == log) {
                let old = Logged::read(event.clone());
                let of_target = event.seq == *target
                    || matches!(old.known(), Some(Known::MessageEdited { target: t, .. }) if t == target);
                if of_target {
                    event.body = None;
                }
            }
        }
        let event = StoredEvent {
            shard,
            position: Position(events.len() as u64 + 1),
            log,
            seq,
            id: event_id(log, seq),
            at: Timestamp::from_millis(1_795_208_400_000),
            actor,
            count,
            txn: txn.map(|txn| txn.parse().unwrap()),
            kind: body.kind().as_str().into(),
            body: Some(serde_json::to_string(&body).unwrap().into()),
        };
        events.push(event.clone());
        let position = event.position;
        self.note_stay(log, actor, position, &body);
        self.published[usize::from(shard.0)].push(event);
        seq
    }

    /// Commits a message.
    pub(crate) fn write(&mut self, room: RoomId, actor: UserId, text: &str) -> Seq {
        let text = text.parse().unwrap();
        self.commit(room, actor, Known::Message { text })
    }

    /// Commits a message and tells the hub.
    pub(crate) fn say(&mut self, room: RoomId, actor: UserId, text: &str) -> Seq {
        let seq = self.write(room, actor, text);
        self.deliver();
        seq
    }

    pub(crate) fn join(&mut self, room: RoomId, user: UserId) -> Seq {
        let role = Role::Member;
        self.commit(room, ADA, Known::MemberJoined { user, role })
    }

    pub(crate) fn leave(&mut self, room: RoomId, user: UserId) -> Seq {
        self.commit(room, ADA, Known::MemberLeft { user })
    }

    pub(crate) fn delete(&mut self, room: RoomId, target: Seq) -> Seq {
        let message = event_id(room.log(), target);
        self.commit(room, ADA, Known::MessageDeleted { message, target })
    }

    pub(crate) fn edit(&mut self, room: RoomId, target: Seq, text: &str) -> Seq {
        let message = event_id(room.log(), target);
        let text = text.parse().unwrap();
        let edited = Known::MessageEdited {
            message,
            target,
            text,
        };
        self.commit(room, ADA, edited)
    }

    pub(crate) fn head(&self, log: impl IsLog) -> u64 {
        self.heads.get(&log.log()).map_or(0, |head| head.0.0)
    }

    /// A committed event.
    pub(crate) fn event(&self, log: impl IsLog, seq: Seq) -> Arc<Logged> {
        let log = log.log();
        let events = &self.published[usize::from(log.shard(self.shards()).0)];
        let event = events.iter().find(|e| e.log == log && e.seq == seq);
        Logged::read(event.expect("it was committed").clone())
    }

    /// Tells the hub of a stretch of a shard: one batch.
    pub(crate) fn deliver_only(&mut self, shard: u16, first: u64, last: u64) {
        self.hub.batch(&self.batch(shard, first, last));
    }

    /// A stretch of a shard as one batch.
    pub(crate) fn batch(&self, shard: u16, first: u64, last: u64) -> Arc<Batch> {
        let events = &self.published[usize::from(shard)][first as usize - 1..last as usize];
        Batch::read(ShardId(shard), events.to_vec()).expect("not empty")
    }

    /// Tells the hub of all that it does not know: one batch a shard.
    pub(crate) fn deliver(&mut self) {
        for (shard, head) in self.hub.heads().into_iter().enumerate() {
            let last = self.published[shard].len() as u64;
            if head.0 < last {
                self.deliver_only(shard as u16, head.0 + 1, last);
            }
        }
    }

    /// The next `count` events of one shard as one batch; fewer when there are fewer.
    pub(crate) fn deliver_some(&mut self, shard: u16, count: u64) {
        let head = self.hub.heads()[usize::from(shard)].0;
        let last = (self.published[usize::from(shard)].len() as u64).min(head + count);
        if head < last {
            self.deliver_only(shard, head + 1, last);
        }
    }

    /// A connection that has said nothing.
    pub(crate) fn connect(&mut self, format: Format) -> Session {
        let wire = FakeWire::new(format);
        let id = self.hub.connect(wire.clone());
        Session { id, wire }
    }

    /// A connection whose `hello` was understood; the state is not read.
    pub(crate) fn greet(&mut self, user: UserId, format: Format, hello: Hello) -> Session {
        let session = self.connect(format);
        self.hub.greet(session.id, user, device(user), hello);
        session
    }

    /// A welcomed session and what it was welcomed with.
    pub(crate) fn session(
        &mut self,
        user: UserId,
        format: Format,
        hello: Hello,
    ) -> (Session, Value) {
        let session = self.greet(user, format, hello);
        self.work();
        let frames = session.take();
        (session, frames[0].clone())
    }

    /// A welcomed session that follows its rooms listed.
    pub(crate) fn listed(&mut self, user: UserId) -> Session {
        self.session(user, Format::Json, Hello::default()).0
    }

    /// The same with the first room open from its head.
    pub(crate) fn opened(&mut self, user: UserId) -> Session {
        let session = self.listed(user);
        self.open(&session, ROOM, None);
        session.take();
        session
    }

    /// Opens a room.
    pub(crate) fn open(&mut self, session: &Session, room: RoomId, after: Option<u64>) {
        self.hub.open(session.id, room, after.map(Seq)).unwrap();
        self.work();
    }

    /// The wire takes as much as it wants again, and the hub is told so.
    pub(crate) fn drain(&mut self, session: &Session) {
        session.takes(usize::MAX);
        self.hub.drained(session.id);
        self.work();
    }

    /// Does what the hub wants done until it wants nothing, and tells of what moved.
    pub(crate) fn work(&mut self) {
        for _ in 0..10_000 {
            let effects = self.hub.take_effects();
            if effects.is_empty() {
                self.hub.flush_listed();
                return;
            }
            for effect in effects {
                let read = self.read(&effect);
                self.give(&effect, read);
            }
        }
        panic!("the hub never has enough");
    }

    /// Reads what an effect wants, as it is now.
    pub(crate) fn read(&self, effect: &Effect) -> Read {
        match effect {
            Effect::ReadLog { log, after, .. } => {
                let shard = &self.store[usize::from(log.shard(self.shards()).0)];
                let page = shard.iter().filter(|e| e.log == *log && e.seq > *after);
                Read::Log(page.take(CATCHUP_PAGE as usize).cloned().collect())
            }
            Effect::ReadVisible {
                user,
                shard,
                after,
                upto,
                ..
            } => {
                let page = self.store[usize::from(shard.0)]
                    .iter()
                    .filter(|e| e.position > *after && e.position <= *upto)
                    .filter(|e| self.is_visible(*user, e));
                let rejoined = self.rejoined_since(*user, |at| (at == *shard).then_some(*after));
                let page = page.take(CATCHUP_PAGE as usize).cloned().collect();
                Read::Visible((!rejoined).then_some(page))
            }
            Effect::Resume { user, since, .. } => {
                Read::Resume(Box::new(Some(self.resume(*user, since.as_ref()))))
            }
            Effect::ReadSummary { user, room, .. } => {
                Read::Summary(Box::new(Some(self.summary(*room, *user))))
            }
            Effect::ReadLast { room } => {
                let read = self.summary(*room, ADA);
                Read::Last(Box::new(Some((read.head, read.last))))
            }
            Effect::Fill { shard, after } => {
                let events = self.store[usize::from(shard.0)].iter();
                let page: Vec<StoredEvent> = events
                    .filter(|e| e.position > *after)
                    .take(10)
                    .cloned()
                    .collect();
                let more = page.len() == 10;
                Read::Fill(Batch::read(*shard, page), more)
            }
            Effect::Authorise { users, .. } => Read::Users(users.clone()),
        }
    }

    /// Tells the hub what was read.
    pub(crate) fn give(&mut self, effect: &Effect, read: Read) {
        match (effect, read) {
            (Effect::ReadLog { peer, log, .. }, Read::Log(page)) => {
                self.hub.log_page(*peer, *log, page);
            }
            (Effect::ReadVisible { peer, .. }, Read::Visible(page)) => {
                self.hub.visible_page(*peer, page);
            }
            (Effect::Resume { peer, since, .. }, Read::Resume(resume)) => {
                self.hub.welcome(*peer, *resume, since.clone());
            }
            (
                Effect::ReadSummary {
                    peer, room, seen, ..
                },
                Read::Summary(summary),
            ) => {
                self.hub
                    .room_summary(*peer, *room, *seen, *summary, Vec::new());
            }
            (Effect::ReadLast { room }, Read::Last(read)) => self.hub.last_line(*room, *read),
            (Effect::Fill { shard, .. }, Read::Fill(batch, more)) => {
                self.hub.filled(*shard, batch, more);
            }
            (Effect::Authorise { peer, asked, .. }, Read::Users(users)) => {
                let known = |user: &UserId| self.present.iter().find(|(u, _)| u == user).copied();
                let users = users.iter().filter_map(known).collect();
                self.hub.watching(*peer, *asked, users);
            }
            _ => panic!("another's answer"),
        }
    }

    fn stay(&self, room: RoomId, user: UserId) -> Option<(Position, Option<Position>)> {
        self.stays.get(&(room, user)).copied()
    }

    /// Whether a user left a room and joined it again after the position that is known of its shard.
    fn rejoined_since(&self, user: UserId, known: impl Fn(ShardId) -> Option<Position>) -> bool {
        let of_user = self.earlier.iter().filter(|((_, who), _)| *who == user);
        of_user.into_iter().any(|((room, _), left)| {
            known(room.log().shard(self.shards())).is_some_and(|at| *left > at)
        })
    }

    fn note_stay(&mut self, log: LogId, actor: UserId, at: Position, body: &Known) {
        let LogId::Room(room) = log else { return };
        match body {
            Known::RoomCreated { .. } => {
                self.stays.insert((room, actor), (at, None));
            }
            Known::MemberJoined { user, .. } => {
                let stay = self.stays.entry((room, *user)).or_insert((at, None));
                if let Some(left) = stay.1 {
                    *stay = (at, None);
                    self.earlier.insert((room, *user), left);
                }
            }
            Known::MemberLeft { user } => {
                if let Some(stay) = self.stays.get_mut(&(room, *user)) {
                    stay.1 = Some(at);
                }
            }
            _ => {}
        }
    }

    /// Whether an event is among what a user may see of the past, as the store's query says it.
    pub(crate) fn is_visible(&self, user: UserId, event: &StoredEvent) -> bool {
        match event.log {
            LogId::User(log) => log == user,
            LogId::Room(room) => self.stay(room, user).is_some_and(|(from, left)| {
                left.map_or(event.position >= from, |left| event.position == left)
            }),
        }
    }

    /// Every position of a shard that a user may see.
    pub(crate) fn visible(&self, user: UserId, shard: u16) -> Vec<u64> {
        let events = self.store[usize::from(shard)].iter();
        let visible = events.filter(|e| self.is_visible(user, e));
        visible.map(|e| e.position.0).collect()
    }

    pub(crate) fn cursor(&self) -> Cursor {
        Cursor {
            epoch: EPOCH,
            positions: self
                .store
                .iter()
                .map(|s| Position(s.len() as u64))
                .collect(),
        }
    }

    /// Bytes of events that the hub holds for one who follows everything.
    pub(crate) fn held_bytes(&self, session: &Session) -> usize {
        let peer = &self.hub.peers[session.id.slot as usize];
        let page = peer.all.iter().flat_map(|all| &all.page);
        page.map(|event| event.weight()).sum()
    }

    fn resume(&self, user: UserId, since: Option<&Cursor>) -> Resume {
        let (mut following, mut rooms, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for log in self.heads.keys() {
            let LogId::Room(room) = *log else { continue };
            let Some((joined_position, left_position)) = self.stay(room, user) else {
                continue;
            };
            let shard = log.shard(self.shards());
            let seen = since.map(|cursor| cursor.position(shard));
            if let Some(position) = left_position {
                if seen.is_some_and(|seen| position > seen) {
                    let mut events = self.store[usize::from(shard.0)].iter();
                    let leaving = events.find(|e| e.position == position);
                    let by = leaving.map(|leaving| leaving.actor);
                    left.push(LeftRoom { room, by });
                }
                continue;
            }
            let mut events = self.store[usize::from(shard.0)].iter();
            let last = events.rfind(|e| e.log == *log).unwrap();
            following.push(Following {
                room,
                head: last.seq,
                count: last.count,
                head_position: last.position,
                joined_position,
                earlier_left_position: self.earlier.get(&(room, user)).copied().unwrap_or_default(),
            });
            if seen.is_none_or(|seen| last.position > seen) {
                rooms.push(self.summary(room, user));
            }
        }
        Resume {
            user: account(user, Seq(self.head(user))),
            following,
            rooms,
            left,
            rejoined: since
                .is_some_and(|since| self.rejoined_since(user, |at| Some(since.position(at)))),
            users: Vec::<UserProfile>::new(),
            heads: self.cursor().positions,
        }
    }

    fn summary(&self, room: RoomId, user: UserId) -> RoomSummary {
        let log = LogId::Room(room);
        let (head, count) = self.heads[&log];
        let is_member = self
            .stay(room, user)
            .is_some_and(|(_, left)| left.is_none());
        let events = self.store[usize::from(log.shard(self.shards()).0)].iter();
        let mut last: Option<LastMessage> = None;
        for event in events.filter(|e| e.log == log) {
            let logged = Logged::read(event.clone());
            match logged.known() {
                Some(Known::MessageEdited { target, text, .. }) => {
                    if let Some(last) = last.as_mut().filter(|last| last.seq == *target) {
                        last.text = Some(text.as_str().to_owned());
                    }
                }
                _ if &*event.kind == "message" => {
                    last = Some(LastMessage {
                        id: event.id,
                        seq: event.seq,
                        at: event.at,
                        actor: event.actor,
                        text: logged.last_message().and_then(|last| last.text),
                    });
                }
                _ => {}
            }
        }
        RoomSummary {
            id: room,
            kind: RoomKind::Group,
            visibility: Visibility::Private,
            name: None,
            peer: None,
            created_at: Timestamp::from_millis(0),
            head,
            count,
            members: 2,
            gone: tidings_protocol::Gone::default(),
            role: is_member.then_some(Role::Member),
            marker: Marker::default(),
            last,
        }
    }
}

/// The device of a user's sessions.
pub(crate) fn device(user: UserId) -> DeviceId {
    DeviceId::from_bits(user.bits())
}

/// An event's id, derived from its place.
pub(crate) fn event_id(log: LogId, seq: Seq) -> EventId {
    let bits = match log {
        LogId::Room(id) => id.bits(),
        LogId::User(id) => id.bits(),
    };
    EventId::from_bits(bits << 64 | u128::from(seq.0))
}

/// A client's id.
pub(crate) fn txn(text: &str) -> TxnId {
    text.parse().unwrap()
}

fn account(user: UserId, head: Seq) -> User {
    User {
        id: user,
        username: format!("user-{}", user.bits()).parse().unwrap(),
        display_name: "Somebody".parse().unwrap(),
        kind: UserKind::Person,
        role: ServerRole::Member,
        created_at: Timestamp::from_millis(0),
        password_hash: String::new(),
        head,
        head_position: Position::ZERO,
        chain: tidings_core::Chain::START,
    }
}

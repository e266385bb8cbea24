//! One device's end of the wire, watched: every frame both ways, judged at once by the rules that need no log.
//!
//! Owns: what was seen and told, in its order, and complaints of what should never have come. It survives disconnects
//! and crashes of its client: it is the one who stands beside it.
//! Never: is lenient, or knows what the client makes of a frame.

use std::collections::{BTreeMap, VecDeque};

use tidings_protocol::{
    ClientFrame, Content, Cursor, Event, Follow, LastMessage, LeftRoom, LogId, RoomId, RoomSummary,
    Seq, ServerFrame, ShardId, UserId, content::Known, frame::Welcome,
    limits::OPEN_REPLAY_EVENTS_MAX,
};

use super::audit::Finding;

/// An event that reached a client in its place, and when.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The step.
    pub step: u64,
    /// Which connection of the client.
    pub session: u64,
    /// How often the room had been opened there: one that is opened from an earlier event tells what lies between again.
    pub opening: u64,
    /// What.
    pub event: Event,
}

/// How a client was told of a room as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// In `ready` or `reset`.
    Welcome,
    /// By `room`.
    Room,
    /// By `rooms`.
    Moved,
    /// By `opened`.
    Opened,
}

/// A room's head as a client was told of it.
#[derive(Debug, Clone)]
pub struct Told {
    /// The step.
    pub step: u64,
    /// Which connection of the client.
    pub session: u64,
    /// By which frame.
    pub how: How,
    /// The room.
    pub room: RoomId,
    /// Its head.
    pub head: Seq,
    /// Its last line.
    pub last: Option<LastMessage>,
}

/// The observer of one device.
#[derive(Debug, Clone)]
pub struct Observer {
    user: UserId,
    follow: Follow,
    /// Which connection this is.
    pub session: u64,
    /// When each connection began.
    pub begun: Vec<u64>,
    /// When the `hello` of each connection came to the server; none that is not there yet.
    pub greeted: BTreeMap<u64, u64>,
    /// What its client says of itself is made up: only what it gets is judged, by the log.
    pub is_of_forger: bool,
    /// `ready` came on this connection.
    pub welcomed: bool,
    /// Everything that came in its place.
    pub seen: Vec<Seen>,
    /// Every summary.
    pub told: Vec<Told>,
    /// What should never have come.
    pub complaints: Vec<Finding>,
    /// Times that `opened` said to drop what is held. `[SB4]` `[SB5]`
    pub dropped: u64,
    /// Where it began; with `follow: all` events after it must all come.
    pub began: Option<Cursor>,
    /// From where to where one who follows everything was told to begin anew. `[SB11]`
    pub resets: Vec<(Cursor, Cursor)>,
    /// How many of a room's members are there, as this connection was told last. `[SG5]`
    pub counts: BTreeMap<RoomId, u32>,
    /// What the last `hello` said.
    since: Option<Cursor>,
    /// How far the client was told that it has come.
    at: Option<Cursor>,
    /// The rooms that the client may hear of, and from where events follow once `opened` came.
    rooms: BTreeMap<RoomId, Option<Seq>>,
    /// How often each room was opened on this connection.
    openings: BTreeMap<RoomId, u64>,
    /// `open` frames without an answer, with their `after`.
    asks: BTreeMap<RoomId, VecDeque<Option<Seq>>>,
}

impl Observer {
    /// An observer of a device that was never connected.
    #[must_use]
    pub fn new(user: UserId, follow: Follow) -> Observer {
        Observer {
            user,
            follow,
            session: 0,
            begun: Vec::new(),
            greeted: BTreeMap::new(),
            is_of_forger: false,
            welcomed: false,
            seen: Vec::new(),
            told: Vec::new(),
            complaints: Vec::new(),
            dropped: 0,
            began: None,
            resets: Vec::new(),
            counts: BTreeMap::new(),
            since: None,
            at: None,
            rooms: BTreeMap::new(),
            openings: BTreeMap::new(),
            asks: BTreeMap::new(),
        }
    }

    /// The client connects anew.
    pub fn connected(&mut self, step: u64) {
        self.session += 1;
        self.begun.push(step);
        self.welcomed = false;
        self.asks.clear();
        self.counts.clear();
        self.openings.clear();
        self.rooms.values_mut().for_each(|next| *next = None);
    }

    /// Notes what should not be.
    pub fn complain(&mut self, invariant: &'static str, text: String) {
        // What fits a forger's story is nobody's to judge; that bytes are frames is.
        if self.is_of_forger && invariant != "I5" {
            return;
        }
        let text = format!("session {}: {text}", self.session);
        self.complaints.push(Finding { invariant, text });
    }

    /// The client said something, and the server has it.
    pub fn sent(&mut self, step: u64, frame: &ClientFrame) {
        match frame {
            ClientFrame::Hello { since, open, .. } => {
                self.greeted.insert(self.session, step);
                self.since = since.as_deref().and_then(|text| text.parse().ok());
                for open in open {
                    self.ask(open.room, open.after);
                }
            }
            ClientFrame::Open { room, after } => self.ask(*room, *after),
            _ => {}
        }
    }

    fn ask(&mut self, room: RoomId, after: Option<Seq>) {
        self.asks.entry(room).or_default().push_back(after);
    }

    /// The server said something, and the client has read it.
    pub fn got(&mut self, step: u64, frame: &ServerFrame) {
        let begins = matches!(frame, ServerFrame::Ready(_) | ServerFrame::Reset(_));
        if begins == self.welcomed {
            self.complain("I4", format!("[HS2] out of turn: {frame:?}"));
        }
        match frame {
            ServerFrame::Ready(welcome) => self.welcome(step, welcome),
            ServerFrame::Reset(welcome) => {
                // Whether it was deserved shows in the log.
                let since = self.since.clone().filter(|_| self.follow == Follow::All);
                match since {
                    Some(since) => self.resets.push((since, welcome.cursor.clone())),
                    None => {
                        self.complain("I8", "[CU3] reset, though the cursor was good".to_owned());
                    }
                }
                self.welcome(step, welcome);
            }
            ServerFrame::Event(event) => self.event(step, event),
            ServerFrame::Opened { room, from, head } => {
                self.tell(step, How::Opened, *room, *head, None);
                self.opened(*room, *from, *head);
            }
            ServerFrame::Rooms { rooms } => {
                for room in rooms {
                    self.known(room.room, "rooms");
                    self.tell(step, How::Moved, room.room, room.head, room.last.clone());
                }
            }
            ServerFrame::Room { room, .. } => self.whole(step, How::Room, room),
            // One who was added and removed in a moment hears of the end alone. [SB8]
            ServerFrame::Left(LeftRoom { room, .. }) => {
                self.rooms.remove(room);
                self.counts.remove(room);
            }
            ServerFrame::Refused {
                room: Some(room), ..
            } => {
                if let Some(asks) = self.asks.get_mut(room) {
                    asks.pop_front();
                }
            }
            ServerFrame::Typing { room, user, .. } => {
                self.known(*room, "typing");
                if *user == self.user {
                    self.complain("I11", format!("[SG2] typing of one's own in {room}"));
                }
            }
            ServerFrame::PresenceCount { room, count } => {
                self.known(*room, "a count");
                self.counts.insert(*room, *count);
            }
            ServerFrame::Cursor { cursor } => self.cursor(cursor),
            _ => {}
        }
    }

    /// Those who follow everything are never told an older one than they have come to. Others may be: `ready` tells of
    /// the store, and a node that is behind it tells of itself; an older cursor costs a repetition. `[CU2]`
    fn cursor(&mut self, cursor: &Cursor) {
        let Some(at) = &mut self.at else { return };
        let back = at
            .positions
            .iter()
            .zip(&cursor.positions)
            .any(|(at, told)| at > told);
        for (shard, position) in cursor.positions.iter().enumerate() {
            at.advance(ShardId(shard as u16), *position);
        }
        if back && self.follow == Follow::All {
            self.complain("I8", format!("[SB9] the cursor went back to {cursor:?}"));
        }
    }

    fn welcome(&mut self, step: u64, welcome: &Welcome) {
        self.welcomed = true;
        if let Some(since) = self.since.take() {
            let pairs = welcome.cursor.positions.iter().zip(&since.positions);
            if pairs.clone().any(|(now, since)| now < since) {
                self.complain(
                    "I8",
                    "[CU2] the cursor of ready is before hello's".to_owned(),
                );
            }
        } else {
            // It begins anew, and what came before is not promised to it.
            self.rooms.clear();
            self.began = Some(welcome.cursor.clone());
        }
        self.at = Some(welcome.cursor.clone());
        for LeftRoom { room, .. } in &welcome.left {
            self.rooms.remove(room);
        }
        for room in &welcome.rooms {
            self.whole(step, How::Welcome, room);
        }
    }

    fn whole(&mut self, step: u64, how: How, room: &RoomSummary) {
        self.rooms.entry(room.id).or_default();
        self.tell(step, how, room.id, room.head, room.last.clone());
    }

    fn tell(&mut self, step: u64, how: How, room: RoomId, head: Seq, last: Option<LastMessage>) {
        self.told.push(Told {
            step,
            session: self.session,
            how,
            room,
            head,
            last,
        });
    }

    /// Whether the client may hear of a room now; else a finding. `[SB8]`
    fn known(&mut self, room: RoomId, what: &str) -> bool {
        let known = self.rooms.contains_key(&room);
        if !known {
            self.complain(
                "I11",
                format!("[SB8] {what} of {room}, which is not theirs"),
            );
        }
        known
    }

    /// `from` is what was asked, unless that is unknown or too far behind. `[SB4]` `[SB5]`
    fn opened(&mut self, room: RoomId, from: Seq, head: Seq) {
        if !self.known(room, "opened") {
            return;
        }
        let near = |seq: Seq| seq.0.abs_diff(head.0) <= OPEN_REPLAY_EVENTS_MAX;
        let fits = |after: &Option<Seq>| match after {
            Some(after) if near(*after) => from == *after,
            _ => from == head,
        };
        *self.openings.entry(room).or_default() += 1;
        // An earlier `open` that a later one replaced while the room was on its way has no answer.
        let asks = self.asks.entry(room).or_default();
        let asked = asks.iter().position(fits);
        let next = self.rooms.insert(room, Some(from.next())).flatten();
        let last = next.map(|next| Seq(next.0 - 1));
        let fell_behind = from == head && last.is_some_and(|last| last < from && !near(last));
        let mut dropped = fell_behind;
        if let Some(at) = asked {
            dropped = asks[at] != Some(from);
            asks.drain(..=at);
        }
        self.dropped += u64::from(dropped);
        if asked.is_none() && !fell_behind {
            self.complain(
                "I8",
                format!(
                    "[SB4] {room} opened from {from} at head {head}, after {last:?}: never asked so"
                ),
            );
        }
    }

    fn event(&mut self, step: u64, event: &Event) {
        if event.txn.is_some() && event.actor != self.user {
            self.complain("I11", format!("[EV4] another's txn on {}", event.id));
        }
        if event.answer {
            return;
        }
        let fits = match (self.follow, event.log) {
            (Follow::All, _) => self.follows_position(event),
            (Follow::Listed, LogId::Room(room)) => self.follows_seq(room, event),
            (Follow::Listed, LogId::User(_)) => true,
        };
        if let LogId::User(user) = event.log
            && user != self.user
        {
            self.complain("I11", format!("[P6] an event of the log of {user}"));
        }
        if fits || self.is_of_forger {
            let opening = match event.log {
                LogId::Room(room) => self.openings.get(&room).copied().unwrap_or_default(),
                LogId::User(_) => 0,
            };
            self.seen.push(Seen {
                step,
                session: self.session,
                opening,
                event: event.clone(),
            });
        }
    }

    fn follows_position(&mut self, event: &Event) -> bool {
        let Some(at) = &mut self.at else { return false };
        if event.position <= at.position(event.shard) {
            let text = format!("[CU4] position {} came twice or late", event.position);
            self.complain("I4", text);
            return false;
        }
        at.advance(event.shard, event.position);
        if let LogId::Room(room) = event.log {
            match event.content.as_ref().and_then(Content::known) {
                Some(Known::MemberJoined { user, .. }) if *user == self.user => {
                    self.rooms.entry(room).or_default();
                }
                Some(Known::MemberLeft { user }) if *user == self.user => {
                    self.rooms.remove(&room);
                }
                _ => {}
            }
        }
        true
    }

    fn follows_seq(&mut self, room: RoomId, event: &Event) -> bool {
        if !self.known(room, "an event") {
            return false;
        }
        let next = self.rooms.entry(room).or_default();
        let due = *next;
        if due == Some(event.seq) {
            *next = Some(event.seq.next());
            return true;
        }
        let text = format!(
            "[EV3] seq {} of {room} came where {due:?} was due",
            event.seq
        );
        self.complain("I4", text);
        false
    }
}

//! One peer: who it is, which rooms it follows, and the wire its bytes go to.
//!
//! Owns: what the hub keeps for a connection; an idle one costs the struct and sixteen bytes a room.
//! Never: holds events. What a peer misses is a distance in the log; what it is owed beyond events is bounded.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use tidings_protocol::{
    CloseCode, Cursor, DeviceId, Follow, LogId, OpenRoom, Position, Presence, RoomId, Seq,
    ServerFrame, ShardId, UserId,
    limits::{
        CURSOR_EVENTS_MAX, HEARTBEAT_MS, HELLO_TIMEOUT_MS, OWED_BYTES_MAX, OWED_FRAMES_MAX,
        SILENCE_MS_MAX,
    },
};
use tidings_sync::{Replay, Subscription};

use crate::{
    batch::membership,
    encoded::{self, Format, Logged},
    work::PeerId,
};

/// Bytes of events that wait for a peer that follows everything while its wire is full.
const WAITING_BYTES_MAX: usize = 64 * 1024;

/// Where a peer's bytes go. The hub calls [`Wire::send`] only while the wire is not full.
pub trait Wire {
    /// The format this peer asked for.
    fn format(&self) -> Format;
    /// Hands over whole frames. The wire keeps what the kernel does not take and is full until that is gone.
    fn send(&mut self, bytes: &Bytes);
    /// The same for a peer that follows everything: with the cursor after these bytes.
    fn send_at(&mut self, bytes: &Bytes, cursor: &Cursor) {
        let _ = cursor;
        self.send(bytes);
    }
    /// Whether nothing more can be handed over now. The driver calls [`Hub::drained`](super::Hub::drained) when it can.
    fn is_full(&self) -> bool;
    /// Asks the other side for a sign of life, or shows it one.
    fn ping(&mut self);
    /// Whether the other side never says anything (SSE, long poll): then its silence means nothing.
    fn is_one_way(&self) -> bool {
        false
    }
    /// Ends the connection after what was handed over.
    fn close(&mut self, code: CloseCode);
}

/// What a `hello` asked for.
#[derive(Debug, Clone, Default)]
pub struct Hello {
    /// The cursor as text.
    pub since: Option<String>,
    /// Listed or all.
    pub follow: Follow,
    /// Rooms to open.
    pub open: Vec<OpenRoom>,
    /// The last event of the own user log that the client has.
    pub user_seq: Option<Seq>,
}

/// One room that a peer follows: where in the room's table of followers the peer stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interest {
    pub(super) room: u32,
    pub(super) place: u32,
    pub(super) open: bool,
}

/// A room that is being read, to be told as a whole: the peer's user has just joined it, or has another role there.
/// Until it was told, nothing else of the room is; the peer does not have it open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coming {
    pub(super) room: RoomId,
    /// What the hub had seen when the last read was asked for: the answer to an earlier one is of an earlier join.
    pub(super) seen: Position,
    /// The peer asked to open it meanwhile, after this event.
    pub(super) open: Option<Option<Seq>>,
}

/// What a peer that follows everything needs on top.
#[derive(Debug)]
pub(super) struct All {
    pub(super) replay: Replay,
    pub(super) rooms: HashSet<RoomId>,
    /// By shard: the last change of this user's memberships. A window of the past that holds one is read from the
    /// store, which knows who could see what; others may come from the ring.
    pub(super) changed: HashMap<u16, Position>,
    /// The rest of a page, while the wire is full.
    pub(super) page: VecDeque<Arc<Logged>>,
    pub(super) page_complete: bool,
    /// Events since the last cursor that it was told.
    pub(super) untold: u64,
}

impl All {
    /// Whether an event of the past may be told to `user` now: of a room that they have left, the leaving alone. `[RM5]`
    pub(super) fn may_tell(&self, user: UserId, event: &Logged) -> bool {
        let LogId::Room(room) = event.event().log else {
            return true;
        };
        self.rooms.contains(&room)
            || membership(event).is_some_and(|change| change.user == user && !change.joined)
    }

    /// Lets go of the end of a page that a full wire would keep in memory; it is read again when its turn comes. `[P5]`
    pub(super) fn keep_little(&mut self) {
        let mut bytes = 0;
        let little = self.page.iter().take_while(|event| {
            bytes += event.weight();
            bytes <= WAITING_BYTES_MAX
        });
        let keep = little.count().max(1);
        if keep < self.page.len() {
            self.page.truncate(keep);
            self.page.shrink_to_fit();
            self.page_complete = false;
        }
    }
}

/// What to do about a peer's silence.
pub(super) enum Beat {
    Well,
    Ping,
    Dead(CloseCode),
}

pub(super) struct Peer<W> {
    pub(super) id: PeerId,
    pub(super) wire: W,
    pub(super) user: UserId,
    pub(super) device: DeviceId,
    pub(super) rooms: Vec<Interest>,
    pub(super) user_log: Subscription,
    pub(super) all: Option<Box<All>>,
    pub(super) hello: Option<Box<Hello>>,
    pub(super) watching: Vec<UserId>,
    /// Counts the questions whom it may watch: only the answer to the last one counts.
    pub(super) asked: u32,
    owed: VecDeque<Bytes>,
    owed_bytes: usize,
    /// Rooms whose summary is being read.
    pub(super) coming: Vec<Coming>,
    /// Rooms of which a page is being read.
    pub(super) reading: Vec<RoomId>,
    pub(super) reading_user_log: bool,
    pub(super) presence: Presence,
    pub(super) heard: u32,
    pinged: u32,
    /// The sum of the heads that the last `cursor` told.
    pub(super) told: u64,
    /// It said hello and its user is known.
    pub(super) greeted: bool,
    /// `ready` or `reset` was sent.
    pub(super) welcomed: bool,
    /// By shard: how far the state went that it began with, until this hub has come as far. What happened before that is
    /// no news to it.
    pub(super) began_ahead: Option<Box<[Position]>>,
    /// A membership of this user changed while its state was being read.
    pub(super) stale: bool,
    pub(super) closing: bool,
}

impl<W: Wire> Peer<W> {
    pub(super) fn new(id: PeerId, wire: W, now: u32) -> Peer<W> {
        Peer {
            id,
            wire,
            user: UserId::from_bits(0),
            device: DeviceId::from_bits(0),
            rooms: Vec::new(),
            user_log: Subscription::after(Seq::ZERO),
            all: None,
            hello: None,
            watching: Vec::new(),
            asked: 0,
            owed: VecDeque::new(),
            owed_bytes: 0,
            coming: Vec::new(),
            reading: Vec::new(),
            reading_user_log: false,
            presence: Presence::Online,
            heard: now,
            pinged: now,
            told: 0,
            greeted: false,
            welcomed: false,
            began_ahead: None,
            stale: false,
            closing: false,
        }
    }

    /// The hub has come to these heads.
    pub(super) fn hub_is_at(&mut self, heads: &[Position]) {
        let is_past = |ahead: &[Position]| ahead.iter().zip(heads).all(|(at, head)| head >= at);
        if self.began_ahead.as_deref().is_some_and(is_past) {
            self.began_ahead = None;
        }
    }

    /// Whether the state that it began with knew of this position.
    pub(super) fn began_with(&self, shard: ShardId, position: Position) -> bool {
        self.began_ahead
            .as_ref()
            .and_then(|ahead| ahead.get(usize::from(shard.0)))
            .is_some_and(|ahead| position <= *ahead)
    }

    pub(super) fn is_listed(&self) -> bool {
        self.all.is_none()
    }

    /// Whether a room is being read that is to be told as a whole.
    pub(super) fn awaits(&self, room: RoomId) -> bool {
        self.coming.iter().any(|coming| coming.room == room)
    }

    /// Whether bytes can go straight to the wire.
    pub(super) fn is_ready(&self) -> bool {
        self.welcomed && !self.closing && self.owed.is_empty() && !self.wire.is_full()
    }

    /// Hands a frame over, or keeps it until the wire has room.
    pub(super) fn answer(&mut self, bytes: Bytes) {
        if self.closing {
            return;
        }
        if self.owed.is_empty() && !self.wire.is_full() {
            self.wire.send(&bytes);
        } else if self.owed.len() < OWED_FRAMES_MAX
            && self.owed_bytes + bytes.len() <= OWED_BYTES_MAX
        {
            self.owed_bytes += bytes.len();
            self.owed.push_back(bytes);
        } else {
            self.closing = true;
            self.owed = VecDeque::new();
            self.owed_bytes = 0;
            self.wire.close(CloseCode::RateLimited);
        }
    }

    /// Hands over what is owed, as far as the wire takes it.
    pub(super) fn pay(&mut self) {
        if self.closing {
            // Its end was handed over; nothing comes after that.
            self.owed = VecDeque::new();
            self.owed_bytes = 0;
            return;
        }
        while !self.wire.is_full()
            && let Some(bytes) = self.owed.pop_front()
        {
            self.owed_bytes -= bytes.len();
            self.wire.send(&bytes);
        }
        if self.owed.is_empty() && self.owed.capacity() > 0 {
            self.owed = VecDeque::new();
        }
    }

    pub(super) fn beat(&mut self, now: u32) -> Beat {
        let silent_ms = u64::from(now.wrapping_sub(self.heard)) * 1_000;
        if !self.greeted && silent_ms >= HELLO_TIMEOUT_MS {
            return Beat::Dead(CloseCode::HelloExpected);
        }
        if silent_ms >= SILENCE_MS_MAX {
            return Beat::Dead(CloseCode::Silent);
        }
        let pinged_ms = u64::from(now.wrapping_sub(self.pinged)) * 1_000;
        if silent_ms >= HEARTBEAT_MS && pinged_ms >= HEARTBEAT_MS {
            self.pinged = now;
            return Beat::Ping;
        }
        Beat::Well
    }

    /// Tells one who follows everything how far it has come, when that is much since the last time. `[SB9]`
    pub(super) fn tell_own_cursor(&mut self) {
        let format = self.wire.format();
        // SSE and long poll carry the cursor with each event.
        if format == Format::Plain || !self.is_ready() {
            return;
        }
        if let Some(all) = self
            .all
            .as_mut()
            .filter(|all| all.untold >= CURSOR_EVENTS_MAX)
        {
            all.untold = 0;
            let cursor = all.replay.cursor().clone();
            let bytes = encoded::frame(format, &ServerFrame::Cursor { cursor });
            self.wire.send(&bytes);
        }
    }

    /// Whether a `cursor` at these heads would be true and new for this peer: it owes nothing, it is not behind, and no
    /// room is on its way that a client coming back with the cursor would not hear of.
    pub(super) fn may_tell_cursor(&self, heads: &[Position]) -> bool {
        let sum = heads.iter().map(|p| p.0).sum::<u64>();
        let level = match &self.all {
            None => self.reading.is_empty() && !self.reading_user_log && self.coming.is_empty(),
            // SSE and long poll carry the cursor with each event.
            Some(all) => {
                self.wire.format() != Format::Plain
                    && all.page.is_empty()
                    && all.replay.is_level(heads)
            }
        };
        self.is_ready() && level && self.told != sum
    }
}

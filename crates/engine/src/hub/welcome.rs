//! A session's beginning: from `hello` to `ready` or `reset`.
//!
//! Owns: that nothing falls between the state that was read and the news that follows it.
//! Never: trusts a cursor it cannot place. `[CU3]`
//!
//! The user's sessions are registered before the state is read, so a change of membership in between is noticed and
//! the state read again; a room that moved in between is told by the next summary.

use std::collections::{HashMap, HashSet, VecDeque};

use tidings_protocol::{
    Cursor, DeviceId, Follow, LogId, Position, Presence, RoomId, Seq, ServerFrame, ShardId, UserId,
    frame::Welcome, frame::WireLimits, limits::OPEN_REPLAY_EVENTS_MAX,
};
use tidings_store::Resume;
use tidings_sync::{Replay, Subscription};

use super::{
    Effect, Hub, PeerId, UserEntry, Wire,
    peer::{All, Hello},
};

impl<W: Wire> Hub<W> {
    /// The peer said hello, and its token proved who it is.
    pub fn greet(&mut self, id: PeerId, user: UserId, device: DeviceId, hello: Hello) {
        let epoch = self.epoch;
        let Some(peer) = self.peer(id).filter(|p| !p.greeted) else {
            return;
        };
        peer.user = user;
        peer.device = device;
        peer.greeted = true;
        let since = hello
            .since
            .as_deref()
            .and_then(|text| text.parse::<Cursor>().ok())
            .filter(|c| c.epoch == epoch);
        peer.hello = Some(Box::new(hello));
        let slot = peer.id.slot;
        self.users.entry(user).or_default().slots.push(slot);
        self.effects.push(Effect::Resume {
            peer: id,
            user,
            since,
        });
    }

    /// The answer to [`Effect::Resume`]: what was read, and the cursor it was read with. None: no such user any more.
    /// Returns the presence to announce once the session has begun.
    pub fn welcome(
        &mut self,
        id: PeerId,
        resume: Option<Resume>,
        since: Option<Cursor>,
    ) -> Option<Presence> {
        let peer = self.peer(id).filter(|p| p.greeted && !p.welcomed)?;
        let Some(resume) = resume else {
            self.close(id, tidings_protocol::CloseCode::Unauthenticated);
            return None;
        };
        let user = peer.user;
        let ahead = since.as_ref().is_some_and(|cursor| {
            cursor.positions.len() != resume.heads.len()
                || cursor
                    .positions
                    .iter()
                    .zip(&resume.heads)
                    .any(|(at, head)| at > head)
        });
        if ahead {
            self.cursors_ahead += 1;
            // Once, twice, four times …: anybody can make a cursor up.
            if self.cursors_ahead.is_power_of_two() {
                tracing::error!(
                    count = self.cursors_ahead,
                    %user,
                    "a client remembers more than this database holds. If an older copy of the database was put in its \
                     place, stop every node and run `tidings new-epoch`: others will miss what comes otherwise"
                );
            }
        }
        let peer = self.peer(id)?;
        let follows_all = peer
            .hello
            .as_ref()
            .is_some_and(|hello| hello.follow == Follow::All);
        // [SB11] What was seen in an earlier stay cannot be told any more; silence about it would be a lie.
        let ahead = ahead || (follows_all && since.is_some() && resume.rejoined);
        if std::mem::take(&mut peer.stale) || ahead || !self.reaches(&resume.heads) {
            // A membership changed meanwhile, the cursor cannot be served, or too much happened: read again.
            let since = since.filter(|_| !ahead);
            self.effects.push(Effect::Resume {
                peer: id,
                user,
                since,
            });
            return None;
        }
        let hello = self.peer(id)?.hello.take()?;
        let reset = hello.since.is_some() && since.is_none();
        self.begin(id, *hello, resume, since, reset);
        self.peer(id).map(|peer| peer.presence)
    }

    /// Whether the rings reach back to a snapshot, so that what moved since can be told.
    fn reaches(&self, snapshot: &[Position]) -> bool {
        snapshot
            .iter()
            .enumerate()
            .all(|(shard, &at)| self.reaches_shard(ShardId(shard as u16), at))
    }

    /// Whether the ring of a shard has everything after `at`.
    pub(super) fn reaches_shard(&self, shard: ShardId, at: Position) -> bool {
        let entry = &self.shards[usize::from(shard.0)];
        entry.head <= at
            || entry
                .ring
                .front()
                .is_some_and(|event| event.event().position <= at.next())
    }

    fn begin(
        &mut self,
        id: PeerId,
        hello: Hello,
        resume: Resume,
        since: Option<Cursor>,
        reset: bool,
    ) {
        let slot = id.slot;
        let now = Cursor {
            epoch: self.epoch,
            positions: resume.heads.clone(),
        };
        let user_head = resume.user.head;
        let cursor = match hello.follow {
            Follow::All => since.unwrap_or_else(|| now.clone()),
            Follow::Listed => now,
        };
        let user = resume.user.id;
        let welcome = Box::new(Welcome {
            me: resume.user.profile(),
            rooms: resume.rooms,
            left: resume.left,
            users: resume.users,
            user_seq: user_head,
            cursor: cursor.clone(),
            limits: WireLimits::CURRENT,
        });
        let frame = if reset {
            ServerFrame::Reset(welcome)
        } else {
            ServerFrame::Ready(welcome)
        };
        let entry: &mut UserEntry = self.users.entry(user).or_default();
        entry.head = entry.head.max(user_head);
        let after = match hello.user_seq.filter(|_| !reset) {
            None => user_head,
            Some(seq) => Seq(seq
                .0
                .max(user_head.0.saturating_sub(OPEN_REPLAY_EVENTS_MAX))),
        };
        let peer = &mut self.peers[slot as usize];
        peer.user_log = Subscription::after(after);
        if hello.follow == Follow::All {
            peer.all = Some(Box::new(All {
                replay: Replay::after(cursor),
                rooms: HashSet::new(),
                changed: HashMap::new(),
                page: VecDeque::new(),
                page_complete: false,
                untold: 0,
            }));
        }
        self.send(id, &frame);
        let is_ahead = resume
            .heads
            .iter()
            .zip(self.heads())
            .any(|(at, head)| *at > head);
        let peer = &mut self.peers[slot as usize];
        peer.began_ahead = is_ahead.then(|| resume.heads.clone().into_boxed_slice());
        peer.welcomed = true;
        if hello.follow == Follow::All {
            // Memberships may have changed since the cursor: the first reads come from the store.
            let heads = resume
                .heads
                .iter()
                .enumerate()
                .map(|(shard, head)| (shard as u16, *head))
                .collect();
            if let Some(all) = &mut self.peers[slot as usize].all {
                all.changed = heads;
            }
            for following in resume.following {
                self.follow_all(slot, following.room);
            }
            self.catch_up_all(slot);
        } else {
            let shards = self.shards.len() as u16;
            self.peers[slot as usize]
                .rooms
                .reserve_exact(resume.following.len());
            for following in resume.following {
                let level = following.head_position
                    <= self.head_of(LogId::Room(following.room).shard(shards));
                let index = self.room_entry(following.room, following.head, following.count, level);
                self.list(slot, index, following.head);
            }
            self.note_unheard(&resume.heads);
            self.note_untold(slot);
            for open in hello.open {
                if let Err(refusal) = self.open(id, open.room, open.after) {
                    self.refuse(id, None, Some(open.room), refusal);
                }
            }
            self.catch_up_user_log(slot);
        }
    }

    /// Whether this hub has come to an event of a room, as far as the ring tells: false for one of long ago.
    pub(super) fn has_come_to(&self, room: RoomId, seq: Seq) -> bool {
        let log = LogId::Room(room);
        let shard = log.shard(self.shards.len() as u16);
        let ring = &self.shards[usize::from(shard.0)].ring;
        let of_room = ring.iter().rev().find(|event| event.event().log == log);
        of_room.is_some_and(|event| event.event().seq >= seq)
    }

    /// What happened after a snapshot and before now, from the rings: rooms that nobody followed then have it noted.
    fn note_unheard(&mut self, snapshot: &[Position]) {
        for (shard, &after) in snapshot.iter().enumerate() {
            self.note_since(ShardId(shard as u16), after);
        }
    }

    /// The same for one shard.
    pub(super) fn note_since(&mut self, shard: ShardId, after: Position) {
        let entry = &self.shards[usize::from(shard.0)];
        if entry.head <= after {
            return;
        }
        let events: Vec<_> = entry
            .ring
            .iter()
            .filter(|event| event.event().position > after)
            .cloned()
            .collect();
        for event in events {
            if let LogId::Room(room) = event.event().log
                && let Some(&index) = self.room_index.get(&room)
                && !self.rooms[index as usize].has_noted(event.event().seq)
            {
                let entry = &mut self.rooms[index as usize];
                let changed_unseen = entry.last.is_none() && event.changes_message();
                entry.note(&event);
                if changed_unseen {
                    self.lose_last_line(index);
                    self.read_last_line(index);
                }
            }
        }
    }

    /// Where a peer that follows everything has come to, for the answer of a long poll. None when it is not such a one.
    pub fn cursor_of(&mut self, id: PeerId) -> Option<Cursor> {
        self.peer(id)?
            .all
            .as_ref()
            .map(|all| all.replay.cursor().clone())
    }

    /// Whether a peer that follows everything has all that this node knows.
    pub fn is_live(&mut self, id: PeerId) -> bool {
        self.peer(id).is_some_and(|p| {
            p.all
                .as_ref()
                .is_some_and(|all| all.replay.is_live() && all.page.is_empty())
        })
    }

    /// Whether the peer follows the room, in any way.
    pub fn follows(&mut self, id: PeerId, room: RoomId) -> bool {
        let Some(peer) = self.peer(id) else {
            return false;
        };
        match &peer.all {
            Some(all) => all.rooms.contains(&room),
            None => self.interest(id.slot, room).is_some(),
        }
    }

    /// The shard and position bounds, for diagnosis.
    #[must_use]
    pub fn head_of(&self, shard: ShardId) -> Position {
        self.shards[usize::from(shard.0)].head
    }
}

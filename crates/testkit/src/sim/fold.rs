//! What a client holds: its rooms, how far it has read, and the timelines of the rooms it has open.
//!
//! Owns: the client's arithmetic (`[P8]` `[FO1]` to `[FO5]`), applied as a client applies it.
//! Never: looks at the log; the auditors compare.

use std::collections::BTreeMap;

use tidings_core::room_fold::{Folded, FoldedMessage, RoomFold};
use tidings_protocol::{
    Content, Event, EventId, Follow, Gone, LeftRoom, LogId, Marker, Message, RoomHead, RoomId,
    RoomSummary, Seq, UserId, content::Known, frame::Welcome, rest::Messages,
};

/// The events of a room that a client holds, without a gap.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// They begin after this.
    pub from: Seq,
    /// What was held at `from`, and was folded on since; none where history was not read.
    pub fold: Option<RoomFold>,
    /// The events, by place and id.
    pub events: Vec<(Seq, EventId)>,
}

impl Timeline {
    /// Begins after an event.
    #[must_use]
    pub fn after(from: Seq) -> Timeline {
        Timeline {
            from,
            fold: None,
            events: Vec::new(),
        }
    }

    /// The last event that is held.
    #[must_use]
    pub fn last(&self) -> Seq {
        self.events.last().map_or(self.from, |(seq, _)| *seq)
    }
}

/// A room as a client holds it.
#[derive(Debug, Clone)]
pub struct HeldRoom {
    /// The last event it was told of.
    pub head: Seq,
    /// Messages up to there.
    pub count: u64,
    /// Messages that were deleted, as far as it was told.
    pub gone: Gone,
    /// How far the user has read.
    pub marker: Marker,
    /// It was told of as a whole since the user came to it, so that the marker is the user's.
    pub whole: bool,
    /// Its events, when it is followed with every event.
    pub timeline: Option<Timeline>,
}

impl HeldRoom {
    /// Unread messages: a subtraction. `[P8]`
    #[must_use]
    pub fn unread(&self) -> u64 {
        tidings_protocol::summary::unread(self.count, self.marker, &self.gone)
    }

    fn read(&mut self, seq: Seq, count: u64) {
        if seq > self.marker.seq {
            self.marker = Marker { seq, count };
        }
    }
}

/// All that a client holds.
#[derive(Debug, Clone)]
pub struct Fold {
    me: UserId,
    follow: Follow,
    /// By room.
    pub rooms: BTreeMap<RoomId, HeldRoom>,
    /// The last own message of each room that came as an answer, whether or not the room is held.
    wrote: BTreeMap<RoomId, Marker>,
}

impl Fold {
    /// Nothing yet.
    #[must_use]
    pub fn new(me: UserId, follow: Follow) -> Fold {
        Fold {
            me,
            follow,
            rooms: BTreeMap::new(),
            wrote: BTreeMap::new(),
        }
    }

    /// `ready` or `reset` came.
    pub fn welcome(&mut self, reset: bool, welcome: &Welcome) {
        if reset {
            self.rooms.clear();
        }
        for LeftRoom { room, .. } in &welcome.left {
            self.rooms.remove(room);
        }
        for room in &welcome.rooms {
            self.whole(room);
        }
    }

    /// A room was told of as a whole: replaces what is held of it, but for its timeline. `[HS3]`
    pub fn whole(&mut self, room: &RoomSummary) {
        let timeline = self.rooms.remove(&room.id).and_then(|held| held.timeline);
        let mut held = HeldRoom {
            head: room.head,
            count: room.count,
            gone: room.gone.clone(),
            marker: room.marker,
            whole: true,
            timeline,
        };
        // A summary may have been read before an answer came. The marker never goes back. [FO4]
        if let Some(wrote) = self.wrote.get(&room.id) {
            held.read(wrote.seq, wrote.count);
        }
        self.rooms.insert(room.id, held);
    }

    /// A listed room moved. `[SB2]`
    pub fn moved(&mut self, head: &RoomHead) {
        let Some(room) = self.rooms.get_mut(&head.room) else {
            return;
        };
        if head.head < room.head {
            return;
        }
        (room.head, room.count) = (head.head, head.count);
        room.gone.join(&head.gone);
        // What one wrote one has read, and the last line is the last that counts. `[FO4]`
        if let Some(last) = head.last.as_ref().filter(|last| last.actor == self.me) {
            room.read(last.seq, head.count);
        }
    }

    /// The user is no longer a member.
    pub fn left(&mut self, room: RoomId) {
        self.rooms.remove(&room);
    }

    /// The events of a room are dropped, and follow again after `from`.
    pub fn opened(&mut self, room: RoomId, from: Seq) {
        if let Some(room) = self.rooms.get_mut(&room) {
            room.timeline = Some(Timeline::after(from));
        }
    }

    /// The events of a room are dropped.
    pub fn dropped(&mut self, room: RoomId) {
        if let Some(room) = self.rooms.get_mut(&room) {
            room.timeline = None;
        }
    }

    /// The latest history of a room came; its events follow.
    pub fn history(&mut self, room: RoomId, page: &Messages) {
        let Some(held) = self.rooms.get_mut(&room) else {
            return;
        };
        // What the page covers is not applied any more: it tells of the room as far as its head.
        held.head = held.head.max(page.head);
        for message in &page.messages {
            held.count = held.count.max(message.count);
            if message.deleted.is_some() {
                held.gone.add(message.seq);
            }
            if message.actor == self.me {
                held.read(message.seq, message.count);
            }
        }
        let mut fold = RoomFold::empty(room);
        fold.head = page.head;
        fold.messages = page.messages.iter().map(folded).collect();
        held.timeline = Some(Timeline {
            fold: Some(fold),
            ..Timeline::after(page.head)
        });
    }

    /// An answer came: what one wrote one has read, wherever the room is followed. `[FO4]`
    pub fn answered(&mut self, event: &Event) {
        let known = event.content.as_ref().and_then(Content::known);
        let (LogId::Room(id), Some(Known::Message { .. })) = (event.log, known) else {
            return;
        };
        let (seq, count) = (event.seq, event.count);
        let wrote = self.wrote.entry(id).or_default();
        if seq > wrote.seq {
            *wrote = Marker { seq, count };
        }
        if let Some(room) = self.rooms.get_mut(&id) {
            room.read(seq, count);
        }
    }

    /// Folds an event that came in its place.
    ///
    /// # Errors
    /// What is wrong with it: it does not follow what is held.
    pub fn apply(&mut self, event: &Event) -> Result<(), String> {
        let known = event.content.as_ref().and_then(Content::known);
        match event.log {
            LogId::User(_) => {
                if let Some(Known::MarkerMoved { room, seq, count }) = known
                    && let Some(room) = self.rooms.get_mut(room)
                {
                    room.read(*seq, *count);
                }
                Ok(())
            }
            LogId::Room(room) => self.room_event(room, event, known),
        }
    }

    fn room_event(
        &mut self,
        id: RoomId,
        event: &Event,
        known: Option<&Known>,
    ) -> Result<(), String> {
        let left = matches!(known, Some(Known::MemberLeft { user }) if *user == self.me);
        // No `left` follows, unless a welcome told of coming back already.
        let behind = |room: &HeldRoom| room.head <= event.seq;
        if left && self.follow == Follow::All && self.rooms.get(&id).is_none_or(behind) {
            self.rooms.remove(&id);
            return Ok(());
        }
        let joined = matches!(known, Some(Known::MemberJoined { user, .. }) if *user == self.me);
        if joined && self.follow == Follow::All {
            // No `room` comes: this event tells. `[SB7]`
            self.rooms.entry(id).or_insert(HeldRoom {
                head: event.seq,
                count: event.count,
                gone: Gone::default(),
                marker: Marker::default(),
                whole: false,
                timeline: None,
            });
        }
        let Some(room) = self.rooms.get_mut(&id) else {
            return Ok(());
        };
        if event.seq > room.head {
            (room.head, room.count) = (event.seq, event.count);
        }
        if event.actor == self.me && matches!(known, Some(Known::Message { .. })) {
            room.read(event.seq, event.count);
        }
        if let Some(Known::MessageDeleted { target, .. }) = known {
            room.gone.add(*target);
        }
        if self.follow == Follow::All && (joined || room.timeline.is_none()) {
            room.timeline = Some(Timeline::after(Seq(event.seq.0 - 1)));
        }
        let Some(timeline) = &mut room.timeline else {
            return Err(format!(
                "seq {} of {id} was applied without a beginning",
                event.seq
            ));
        };
        if event.seq != timeline.last().next() {
            return Err(format!(
                "seq {} of {id} was applied after {}",
                event.seq,
                timeline.last()
            ));
        }
        timeline.events.push((event.seq, event.id));
        match timeline.fold.as_mut().map(|fold| fold.apply(event)) {
            None | Some(Folded::Applied) => Ok(()),
            Some(other) => Err(format!("seq {} of {id} folds as {other:?}", event.seq)),
        }
    }
}

/// A message of a page, as a fold holds it.
#[must_use]
pub fn folded(message: &Message) -> FoldedMessage {
    FoldedMessage {
        id: message.id,
        seq: message.seq,
        at: message.at,
        actor: message.actor,
        count: message.count,
        text: message.text.clone(),
        edited: message.edited,
        deleted: message.deleted,
        reactions: message
            .reactions
            .iter()
            .map(|reaction| {
                let users = reaction.users.iter().copied().collect();
                (reaction.emoji.clone(), users)
            })
            .collect(),
    }
}

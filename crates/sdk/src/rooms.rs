//! The rooms of the connection's user, as its summaries and events tell.
//!
//! Owns: the list behind [`crate::Connection::rooms`]. Never: holds messages or members.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use tidings_protocol::{
    Content, Event, LastMessage, LogId, Marker, Message, RoomHead, RoomId, RoomSummary, UserId,
    content::Known, last_line, rest::Messages,
};
use tidings_sync::client::{Answer, Output};

/// The list.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    rooms: BTreeMap<RoomId, RoomSummary>,
    /// The last own message of each room that came as an answer, whether or not the room is held: a summary may have
    /// been read before it. `[FO4]`
    wrote: BTreeMap<RoomId, Marker>,
    me: Option<UserId>,
}

impl Rooms {
    pub(crate) fn all(&self) -> Vec<RoomSummary> {
        self.rooms.values().cloned().collect()
    }

    pub(crate) fn get(&self, room: RoomId) -> Option<RoomSummary> {
        self.rooms.get(&room).cloned()
    }

    /// Adds what a page of the list says of rooms that nothing newer was heard of.
    pub(crate) fn fill(&mut self, rooms: Vec<RoomSummary>) {
        for room in rooms {
            if !self.rooms.contains_key(&room.id) {
                self.whole(room);
            }
        }
    }

    /// Takes a summary that REST brought while the stream went on: it may be older than what the stream told, or of
    /// a room that was left by now. `[SB4]`
    pub(crate) fn told_again(&mut self, mut room: RoomSummary) {
        if let Some(held) = self.rooms.get_mut(&room.id)
            && room.head >= held.head
        {
            read_upto(&mut room.marker, held.marker);
            *held = room;
        }
    }

    /// Takes what an output says.
    pub(crate) fn take(&mut self, output: &Output) {
        match output {
            Output::Welcome { reset, welcome } => {
                if *reset {
                    self.rooms.clear();
                    self.wrote.clear();
                }
                self.me = Some(welcome.me.id);
                welcome
                    .rooms
                    .iter()
                    .for_each(|room| self.whole(room.clone()));
                welcome.left.iter().for_each(|left| self.left(left.room));
            }
            Output::Moved(heads) => heads.iter().for_each(|head| self.moved(head)),
            Output::Room { room, .. } => self.whole((**room).clone()),
            Output::Left(left) => self.left(left.room),
            Output::History { room, page } => self.history(*room, page),
            Output::Answered {
                answer: Answer::Event(event),
                ..
            } => self.answered(event),
            Output::Apply(event) => self.event(event),
            Output::Answered {
                answer: Answer::Unchanged(_) | Answer::Refused(_),
                ..
            }
            | Output::Connect
            | Output::Disconnect
            | Output::Send(_)
            | Output::Fetch(_)
            | Output::Dropped(_)
            | Output::OpenRefused { .. }
            | Output::FrameRefused(_)
            | Output::Signal(_)
            | Output::ResumeMoved
            | Output::Status(_)
            | Output::WakeAt(_) => {}
        }
    }

    /// A whole summary replaces what is held. `[HS3]`
    fn whole(&mut self, mut room: RoomSummary) {
        if let Some(wrote) = self.wrote.get(&room.id) {
            read_upto(&mut room.marker, *wrote);
        }
        self.rooms.insert(room.id, room);
    }

    fn left(&mut self, room: RoomId) {
        self.rooms.remove(&room);
        self.wrote.remove(&room);
    }

    /// The latest messages came: what happened before `page.head` comes by no event any more. `[SB4]`
    fn history(&mut self, room: RoomId, page: &Messages) {
        let Some(room) = self.rooms.get_mut(&room) else {
            return;
        };
        let own = |message: &&Message| Some(message.actor) == self.me;
        if let Some(own) = page.messages.iter().rfind(own) {
            let (seq, count) = (own.seq, own.count);
            read_upto(&mut room.marker, Marker { seq, count });
        }
        let deleted = page.messages.iter().filter(|m| m.deleted.is_some());
        deleted.for_each(|message| room.gone.add(message.seq));
        if page.head <= room.head {
            return;
        }
        room.head = page.head;
        if let Some(last) = page.messages.last() {
            room.count = last.count;
            room.last = Some(LastMessage {
                id: last.id,
                seq: last.seq,
                at: last.at,
                actor: last.actor,
                text: last.text.as_ref().map(|text| last_line(text.as_str())),
            });
        }
    }

    /// What one wrote one has read, wherever the room is followed. The answer moves nothing else. `[FO4]` `[CM9]`
    fn answered(&mut self, event: &Event) {
        let known = event.content.as_ref().and_then(Content::known);
        let (LogId::Room(room), Some(Known::Message { .. })) = (event.log, known) else {
            return;
        };
        let to = Marker {
            seq: event.seq,
            count: event.count,
        };
        read_upto(self.wrote.entry(room).or_default(), to);
        if let Some(room) = self.rooms.get_mut(&room) {
            read_upto(&mut room.marker, to);
        }
    }

    fn moved(&mut self, head: &RoomHead) {
        if let Some(room) = self.rooms.get_mut(&head.room)
            && head.head >= room.head
        {
            room.head = head.head;
            room.count = head.count;
            room.gone.join(&head.gone);
            if let Some(name) = &head.name {
                room.name = Some(name.clone());
            }
            if head.last.is_some() {
                room.last.clone_from(&head.last);
            }
            // What one wrote one has read, and the last line is the last that counts. [FO4]
            if let Some(last) = head
                .last
                .as_ref()
                .filter(|last| Some(last.actor) == self.me)
            {
                let (seq, count) = (last.seq, head.count);
                read_upto(&mut room.marker, Marker { seq, count });
            }
        }
    }

    fn event(&mut self, event: &Event) {
        let known = event.content.as_ref().and_then(Content::known);
        match event.log {
            LogId::User(_) => {
                if let Some(Known::MarkerMoved { room, seq, count }) = known
                    && let Some(room) = self.rooms.get_mut(room)
                {
                    read_upto(
                        &mut room.marker,
                        Marker {
                            seq: *seq,
                            count: *count,
                        },
                    );
                }
            }
            LogId::Room(room) => self.room_event(room, event, known),
        }
    }

    fn room_event(&mut self, id: RoomId, event: &Event, known: Option<&Known>) {
        let Some(room) = self.rooms.get_mut(&id) else {
            return;
        };
        if Some(event.actor) == self.me && matches!(known, Some(Known::Message { .. })) {
            let (seq, count) = (event.seq, event.count);
            read_upto(&mut room.marker, Marker { seq, count });
        }
        // A summary that is newer than the event has it already.
        if event.seq <= room.head {
            return;
        }
        room.head = event.seq;
        room.count = event.count;
        match known {
            Some(Known::MemberLeft { user }) if Some(*user) == self.me => self.left(id),
            Some(known) => fold(room, event, known, self.me),
            None => {}
        }
    }
}

/// A marker moves forward alone. `[FO4]`
fn read_upto(marker: &mut Marker, to: Marker) {
    if to.seq > marker.seq {
        *marker = to;
    }
}

fn fold(room: &mut RoomSummary, event: &Event, known: &Known, me: Option<UserId>) {
    match known {
        Known::Message { text } => {
            room.last = Some(LastMessage {
                id: event.id,
                seq: event.seq,
                at: event.at,
                actor: event.actor,
                text: Some(last_line(text.as_str())),
            });
        }
        Known::MessageEdited { message, text, .. } => {
            if let Some(last) = room.last.as_mut().filter(|last| last.id == *message) {
                last.text = Some(last_line(text.as_str()));
            }
        }
        Known::MessageDeleted { message, target } => {
            room.gone.add(*target);
            if let Some(last) = room.last.as_mut().filter(|last| last.id == *message) {
                last.text = None;
            }
        }
        Known::RoomRenamed { name } => room.name = Some(name.clone()),
        Known::MemberJoined { .. } => room.members += 1,
        Known::RoleChanged { user, role } => {
            if me == Some(*user) {
                room.role = Some(*role);
            }
        }
        Known::MemberLeft { .. } => room.members = room.members.saturating_sub(1),
        // What a summary says nothing of; kinds of user logs do not occur here.
        Known::RoomCreated { .. }
        | Known::ReactionAdded { .. }
        | Known::ReactionRemoved { .. }
        | Known::UserCreated { .. }
        | Known::DeviceAdded { .. }
        | Known::DeviceRemoved { .. }
        | Known::PasswordChanged {}
        | Known::MarkerMoved { .. } => {}
    }
}

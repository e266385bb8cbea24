//! The rooms of the connection's user, as its summaries and events tell.
//!
//! Owns: the list behind [`crate::Connection::rooms`]. Never: holds messages or members.

use std::collections::BTreeMap;

use tidings_protocol::{
    Content, Event, LastMessage, LogId, Marker, RoomHead, RoomId, RoomSummary, UserId,
    content::Known, limits::LAST_LINE_LEN_MAX,
};
use tidings_sync::client::Output;

/// The list.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    rooms: BTreeMap<RoomId, RoomSummary>,
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
            self.rooms.entry(room.id).or_insert(room);
        }
    }

    /// Takes what an output says.
    pub(crate) fn take(&mut self, output: &Output) {
        match output {
            Output::Welcome { reset, welcome } => {
                if *reset {
                    self.rooms.clear();
                }
                self.me = Some(welcome.me.id);
                let rooms = welcome.rooms.iter().cloned();
                self.rooms.extend(rooms.map(|room| (room.id, room)));
                for room in &welcome.left {
                    self.rooms.remove(room);
                }
            }
            Output::Moved(heads) => heads.iter().for_each(|head| self.moved(head)),
            Output::Room { room, .. } => {
                self.rooms.insert(room.id, (**room).clone());
            }
            Output::Left(room) => {
                self.rooms.remove(room);
            }
            Output::Apply(event) => self.event(event),
            _ => {}
        }
    }

    fn moved(&mut self, head: &RoomHead) {
        if let Some(room) = self.rooms.get_mut(&head.room)
            && head.head >= room.head
        {
            room.head = head.head;
            room.count = head.count;
            if let Some(name) = &head.name {
                room.name = Some(name.clone());
            }
            if head.last.is_some() {
                room.last.clone_from(&head.last);
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
            LogId::Room(room) => {
                // A summary that is newer than the event has it already.
                if let Some(room) = self.rooms.get_mut(&room)
                    && event.seq > room.head
                {
                    room.head = event.seq;
                    room.count = event.count;
                    if let Some(known) = known {
                        fold(room, event, known, self.me);
                    }
                }
            }
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
    let cut = |text: &str| Some(text.chars().take(LAST_LINE_LEN_MAX).collect::<String>());
    match known {
        Known::Message { text } => {
            room.last = Some(LastMessage {
                id: event.id,
                seq: event.seq,
                at: event.at,
                actor: event.actor,
                text: cut(text.as_str()),
            });
            if me == Some(event.actor) {
                let (seq, count) = (event.seq, event.count);
                read_upto(&mut room.marker, Marker { seq, count });
            }
        }
        Known::MessageEdited { message, text, .. } => {
            if let Some(last) = room.last.as_mut().filter(|last| last.id == *message) {
                last.text = cut(text.as_str());
            }
        }
        Known::MessageDeleted { message, .. } => {
            if let Some(last) = room.last.as_mut().filter(|last| last.id == *message) {
                last.text = None;
            }
        }
        Known::RoomRenamed { name } => room.name = Some(name.clone()),
        Known::MemberJoined { .. } => room.members += 1,
        Known::RoleChanged { user, role } if me == Some(*user) => room.role = Some(*role),
        Known::MemberLeft { .. } => room.members = room.members.saturating_sub(1),
        _ => {}
    }
}

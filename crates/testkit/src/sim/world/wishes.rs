//! What people want: commands, rooms to open and close, typing.
//!
//! Owns: drawing it. Never: makes sure that it may be done; refusals are part of the world.

use tidings_protocol::{
    ClientFrame, Event, Follow, RoomId, SendContent, Seq, TxnId, UserId,
    subject::{
        AddMember, AddReaction, DeleteMessage, EditMessage, MoveMarker, RemoveMember,
        RemoveReaction, RenameRoom, SendMessage,
    },
};

use super::World;
use crate::sim::client::Op;

fn text(text: String) -> SendContent {
    SendContent::Text {
        text: text.parse().expect("a text"),
    }
}

impl World {
    /// A device gets a command.
    pub(super) fn give(&mut self) {
        let at = self.random.below(self.clients.len());
        let Some(&room) = self.random.pick(&self.rooms) else {
            return;
        };
        self.txns += 1;
        let frame = match self.known_message(at) {
            Some(event) if self.random.percent(33) => self.about(&event),
            _ => self.within(at, room),
        };
        let client = &mut self.clients[at];
        if let Some(txn) = frame.txn().cloned()
            && client.has_time()
            && !client.forges
        {
            client.give(Op {
                user: client.user,
                txn,
                frame,
                invoked: self.step,
                answered: None,
            });
        }
    }

    fn txn(&self) -> TxnId {
        format!("t{}", self.txns).parse().expect("a txn")
    }

    fn somebody(&mut self) -> Option<UserId> {
        let n = self.random.below(self.options.users);
        Some(UserId::from_bits(1 + n as u128))
    }

    /// A command about a room.
    fn within(&mut self, at: usize, room: RoomId) -> ClientFrame {
        let (txn, n) = (self.txn(), self.txns);
        match self.random.below(20) {
            0 => ClientFrame::give(txn, AddMember { room, user: None }),
            1 => ClientFrame::give(txn, RemoveMember { room, user: None }),
            2 => ClientFrame::give(
                txn,
                RemoveMember {
                    room,
                    user: self.somebody(),
                },
            ),
            3 => ClientFrame::give(
                txn,
                AddMember {
                    room,
                    user: self.somebody(),
                },
            ),
            4 => ClientFrame::give(
                txn,
                RenameRoom {
                    room,
                    name: format!("name{n}").parse().expect("a name"),
                },
            ),
            5 => {
                let held = self.clients[at].fold().rooms.get(&room);
                let seq = held.map_or(Seq(1), |held| held.head.max(Seq(1)));
                ClientFrame::give(txn, MoveMarker { room, seq })
            }
            _ => ClientFrame::give(
                txn,
                SendMessage {
                    room,
                    content: text(format!("message {n}")),
                },
            ),
        }
    }

    /// Something in a room that the device has seen lately.
    fn known_message(&mut self, at: usize) -> Option<Event> {
        let seen = &self.clients[at].observer.seen;
        let known: Vec<&Event> = seen.iter().rev().take(10).map(|seen| &seen.event).collect();
        let event = self.random.pick(&known)?;
        event.log.room().map(|_| (*event).clone())
    }

    /// A command about a message; now and then the event is none.
    fn about(&mut self, event: &Event) -> ClientFrame {
        let (txn, n, message) = (self.txn(), self.txns, event.id);
        let room = event.log.room().expect("an event of a room");
        let emoji = "👍".parse().expect("an emoji");
        match self.random.below(4) {
            0 => ClientFrame::give(
                txn,
                EditMessage {
                    room,
                    message,
                    content: text(format!("edit {n}")),
                },
            ),
            1 => ClientFrame::give(txn, DeleteMessage { room, message }),
            2 => ClientFrame::give(
                txn,
                AddReaction {
                    room,
                    message,
                    emoji,
                },
            ),
            _ => ClientFrame::give(
                txn,
                RemoveReaction {
                    room,
                    message,
                    emoji,
                },
            ),
        }
    }

    /// A device opens or closes a room that it holds.
    pub(super) fn open_or_close(&mut self) {
        let at = self.random.below(self.clients.len());
        let Some(&room) = self.random.pick(&self.rooms) else {
            return;
        };
        let close = self.random.percent(25);
        let fresh = self.random.percent(20);
        let client = &mut self.clients[at];
        let held = client.fold().rooms.contains_key(&room);
        if !client.observer.welcomed || client.follow == Follow::All || !held {
            return;
        }
        if close {
            client.close(room);
        } else {
            client.open(room, fresh);
        }
    }

    /// Somebody types, whether or not they still may.
    pub(super) fn type_something(&mut self) {
        let at = self.random.below(self.clients.len());
        let on = self.random.percent(70);
        if let Some(&room) = self.random.pick(&self.rooms)
            && self.clients[at].observer.welcomed
        {
            self.clients[at]
                .up
                .push_back(ClientFrame::Typing { room, on });
        }
    }
}

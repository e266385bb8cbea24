//! The plain mind: a client's rules written down once more, as short as they can be.
//!
//! Owns: its cursor, which rooms it wants open, what it holds. Never: does anything clever: whatever is missing comes
//! from the server by itself.

use std::collections::BTreeSet;

use tidings_protocol::{
    ClientFrame, Cursor, Event, Follow, LogId, OpenRoom, RoomId, Seq, ServerFrame, UserId,
};

use crate::sim::fold::Fold;

/// The mind.
#[derive(Debug)]
pub struct Plain {
    /// What it holds.
    pub fold: Fold,
    /// The rooms that it wants open.
    pub open: BTreeSet<RoomId>,
    follow: Follow,
    cursor: Option<Cursor>,
}

impl Plain {
    /// One that was never connected.
    #[must_use]
    pub fn new(user: UserId, follow: Follow) -> Plain {
        Plain {
            fold: Fold::new(user, follow),
            open: BTreeSet::new(),
            follow,
            cursor: None,
        }
    }

    fn ask(&self, room: RoomId) -> OpenRoom {
        let timeline = self
            .fold
            .rooms
            .get(&room)
            .and_then(|held| held.timeline.as_ref());
        OpenRoom {
            room,
            after: timeline.map(|timeline| timeline.last()),
        }
    }

    /// The first frame of a connection: all that is held.
    #[must_use]
    pub fn hello(&self) -> ClientFrame {
        ClientFrame::Hello {
            token: None,
            since: self.cursor.as_ref().map(ToString::to_string),
            follow: self.follow,
            open: self.open.iter().map(|room| self.ask(*room)).collect(),
            user_seq: None,
        }
    }

    /// Opens a room.
    pub fn open(&mut self, room: RoomId, fresh: bool) -> Option<ClientFrame> {
        let OpenRoom { room, after } = self.ask(room);
        let after = after.filter(|_| !fresh);
        self.open
            .insert(room)
            .then_some(ClientFrame::Open { room, after })
    }

    /// Closes a room.
    pub fn close(&mut self, room: RoomId) -> Option<ClientFrame> {
        self.open
            .remove(&room)
            .then_some(ClientFrame::Close { room })
    }

    /// With `follow: all` the stream goes on with the last stay; this mind does not read what lies before it. `[SB7]`
    fn skip_to(&mut self, event: &Event) {
        if let LogId::Room(room) = event.log
            && let Some(last) = self.ask(room).after
            && event.seq > last.next()
        {
            self.fold.opened(room, Seq(event.seq.0 - 1));
        }
    }

    fn forget(&mut self, room: RoomId) {
        self.fold.left(room);
        self.open.remove(&room);
    }

    /// A frame came.
    ///
    /// # Errors
    /// What is wrong with it: it does not follow what is held.
    pub fn frame(&mut self, frame: &ServerFrame) -> Result<(), String> {
        match frame {
            ServerFrame::Ready(welcome) | ServerFrame::Reset(welcome) => {
                let reset = matches!(frame, ServerFrame::Reset(_));
                self.cursor = Some(welcome.cursor.clone());
                self.fold.welcome(reset, welcome);
                welcome.left.iter().for_each(|left| self.forget(left.room));
            }
            ServerFrame::Event(event) if event.answer => self.fold.answered(event),
            ServerFrame::Event(event) => {
                if self.follow == Follow::All
                    && let Some(cursor) = &mut self.cursor
                {
                    cursor.advance(event.shard, event.position);
                    self.skip_to(event);
                }
                return self.fold.apply(event);
            }
            ServerFrame::Opened { room, from, .. } if self.ask(*room).after != Some(*from) => {
                self.fold.opened(*room, *from);
            }
            ServerFrame::Rooms { rooms } => rooms.iter().for_each(|head| self.fold.moved(head)),
            ServerFrame::Room { room, .. } => self.fold.whole(room),
            ServerFrame::Left(left) => self.forget(left.room),
            ServerFrame::Refused {
                room: Some(room), ..
            } => {
                self.open.remove(room);
            }
            ServerFrame::Cursor { cursor } => self.cursor = Some(cursor.clone()),
            _ => {}
        }
        Ok(())
    }
}

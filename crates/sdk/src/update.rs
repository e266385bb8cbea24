//! What a connection tells its reader.
//!
//! Owns: the updates, and which of a session's outputs they come from. Never: keeps any.

use tidings_protocol::{
    Event, LeftRoom, Refusal, RoomHead, RoomId, RoomSummary, ServerFrame, UserProfile,
    frame::Welcome, rest::Messages,
};
use tidings_sync::{
    client::{Answer, Output, Resume},
    outbox::Row,
};

/// One piece of news, in order.
#[derive(Debug, Clone)]
pub enum Update {
    /// Something happened: each log's events in order, once, without a gap.
    Event(Box<Event>),
    /// The connection is up, with the rooms that moved since the last time. With `reset`: forget all that is held.
    Welcome {
        /// Forget first.
        reset: bool,
        /// The state.
        welcome: Box<Welcome>,
    },
    /// Rooms that are not open moved.
    Moved(Vec<RoomHead>),
    /// A room is new, or changed as a whole.
    Room {
        /// The room.
        room: Box<RoomSummary>,
        /// Users it names.
        users: Vec<UserProfile>,
    },
    /// No longer a member: forget the room.
    Left(LeftRoom),
    /// Drop the messages held of a room: [`Update::History`] follows. With `follow: all` what lies between them and the
    /// next event can no longer be read, and events alone follow.
    Dropped(RoomId),
    /// The latest messages of a room in their state at `page.head`; events after it follow. What the room is was
    /// read anew, too: [`crate::Connection::room`] tells. `[SB4]`
    History {
        /// The room.
        room: RoomId,
        /// The page.
        page: Box<Messages>,
    },
    /// A room could not be opened, or its log could not be read. With `follow: all` this says that the latest events of
    /// the room were missed and may not be read any more: as a rule the user has left it.
    OpenRefused {
        /// The room.
        room: RoomId,
        /// Why.
        refusal: Refusal,
    },
    /// A command that nobody waits for was refused for good: one of an earlier process, or an abandoned one.
    Refused {
        /// The command.
        row: Box<Row>,
        /// Why.
        refusal: Refusal,
    },
    /// The server could not read a frame: a mistake of this crate, or a much older server.
    FrameRefused(Refusal),
    /// Typing, presence, or a count of who is present.
    Signal(Box<ServerFrame>),
    /// Everything before this is covered: store it with what was made of the updates, and give it to the next
    /// [`crate::ConnectOptions::resume`].
    Resume(Resume),
}

impl Update {
    /// What an output tells the reader, if anything.
    pub(crate) fn of(output: Output, resume: impl FnOnce() -> Resume) -> Option<Update> {
        Some(match output {
            Output::Apply(event) => Update::Event(event),
            Output::Welcome { reset, welcome } => Update::Welcome { reset, welcome },
            Output::Moved(rooms) => Update::Moved(rooms),
            Output::Room { room, users } => Update::Room { room, users },
            Output::Left(left) => Update::Left(left),
            Output::Dropped(room) => Update::Dropped(room),
            Output::History { room, page } => Update::History { room, page },
            Output::OpenRefused { room, refusal } => Update::OpenRefused { room, refusal },
            Output::Answered {
                row,
                answer: Answer::Refused(refusal),
            } => Update::Refused { row, refusal },
            Output::FrameRefused(refusal) => Update::FrameRefused(refusal),
            Output::Signal(frame) => Update::Signal(frame),
            Output::ResumeMoved => Update::Resume(resume()),
            Output::Connect
            | Output::Disconnect
            | Output::Send(_)
            | Output::Fetch(_)
            | Output::Answered { .. }
            | Output::Status(_)
            | Output::WakeAt(_) => return None,
        })
    }
}

//! What goes into a client session and what comes out of it: all of it on one page.
//!
//! Owns: the inputs and outputs. Never: holds state, or knows what follows from what.

use tidings_protocol::{
    ClientFrame, Cursor, Event, Follow, LeftRoom, LogId, OpenRoom, Refusal, RoomHead, RoomId,
    RoomSummary, Seq, ServerFrame, UserProfile,
    frame::Welcome,
    rest::{Events, Messages},
};

use crate::{backoff::Millis, outbox::Row};

/// How a session begins.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What to hear of rooms that are not open.
    pub follow: Follow,
    /// What the last session left, if anything.
    pub resume: Resume,
    /// With `follow: listed` the rooms to open at once. With `follow: all` no more than what is held of each room,
    /// so that what comes again is recognised.
    pub open: Vec<OpenRoom>,
    /// Where chance starts; a different number for each client, so that they do not all come back together.
    pub seed: u64,
}

/// From where a later session goes on. Store it together with what was applied before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resume {
    /// The cursor; none before the first `ready`.
    pub cursor: Option<Cursor>,
    /// The last event of the own user log that was applied.
    pub user_seq: Option<Seq>,
}

/// What a session is told.
#[derive(Debug, Clone)]
pub enum Input {
    /// Connect now. Also the way back after [`Status::Stopped`].
    Start,
    /// Stay away until `Start`.
    Stop,
    /// The transport is up.
    Opened,
    /// The transport is gone, or could not be had (code 1006).
    Closed {
        /// The close code.
        code: u16,
    },
    /// A frame came.
    Frame(Box<ServerFrame>),
    /// Something came that is no frame for the session: a ping of the transport, a type from a later version.
    Heard,
    /// The moment asked for with [`Output::WakeAt`] is here, or any other.
    Tick,
    /// A command; the caller has stored it.
    Command(Box<Row>),
    /// A command is no longer wanted. It may still happen, when it was sent before.
    Forget(tidings_protocol::TxnId),
    /// A signal, or `watch`: sent when there is a connection, else dropped. The last presence and the last list of
    /// watched users are said again after each reconnect.
    Signal(ClientFrame),
    /// Follow every event of a room. Says what is held; nothing means: begin with the latest history.
    Open(OpenRoom),
    /// Back to summaries.
    Close(RoomId),
    /// The answer to [`Output::Fetch`].
    Page {
        /// Which one.
        fetch: u64,
        /// What was read.
        page: Page,
    },
    /// A fetch failed: refused, or (without a refusal) not answered.
    FetchFailed {
        /// Which one.
        fetch: u64,
        /// Why, when the server said so.
        refusal: Option<Refusal>,
    },
    /// The network came or went, as far as the system knows.
    Online(bool),
    /// Somebody looks, or no longer.
    Visible(bool),
    /// The caller cannot take more: apply nothing from here on. Commands go on.
    Pause,
    /// The caller has caught up: go on from the log, where `Pause` cut off.
    Unpause,
}

/// What was read for a fetch.
#[derive(Debug, Clone)]
pub enum Page {
    /// A stretch of the log.
    Range(Events),
    /// The latest messages.
    Latest(Messages),
}

/// What a session wants done, in this order.
#[derive(Debug, Clone)]
pub enum Output {
    /// Open a transport; nothing of an earlier one may be reported from here on.
    Connect,
    /// Close the transport; nothing of it may be reported from here on.
    Disconnect,
    /// Send a frame. The token, if it travels in `hello`, is the caller's to add: the session never knows it.
    Send(ClientFrame),
    /// Read something over REST and answer with [`Input::Page`] or [`Input::FetchFailed`].
    Fetch(Fetch),
    /// Fold this event: each log's in order, once, without a gap.
    Apply(Box<Event>),
    /// The state after connecting. With `reset`: forget everything that is held first.
    Welcome {
        /// Forget first.
        reset: bool,
        /// The state.
        welcome: Box<Welcome>,
    },
    /// Listed rooms moved.
    Moved(Vec<RoomHead>),
    /// A room is new, or changed as a whole.
    Room {
        /// The room.
        room: Box<RoomSummary>,
        /// Users it names.
        users: Vec<UserProfile>,
    },
    /// The user is no longer a member: forget the room.
    Left(LeftRoom),
    /// Drop the messages held of a room: its latest history follows. With `follow: all` what lies between them and the
    /// next event can no longer be read, and events alone follow.
    Dropped(RoomId),
    /// The latest messages of a room, in their state at `page.head`. Events after it follow.
    History {
        /// The room.
        room: RoomId,
        /// The page.
        page: Box<Messages>,
    },
    /// A room could not be opened, or its log could not be read; it is no longer asked for. With `follow: all` what was
    /// missing of it, and came too early to be kept, may not be read any more.
    OpenRefused {
        /// The room.
        room: RoomId,
        /// Why.
        refusal: Refusal,
    },
    /// The server refused a frame without saying which: a mistake of ours.
    FrameRefused(Refusal),
    /// A command has its answer and leaves the outbox: remove it from the store.
    Answered {
        /// The command.
        row: Box<Row>,
        /// Its answer.
        answer: Answer,
    },
    /// Typing, presence, or a count of who is present.
    Signal(Box<ServerFrame>),
    /// [`super::ClientSession::resume`] says something new; it covers all that was put out before this.
    ResumeMoved,
    /// The connection is in another state.
    Status(Status),
    /// Give [`Input::Tick`] at this moment. Replaces the one before.
    WakeAt(Millis),
}

/// The answer to a command. `[CM2]`
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It happened: this is its event.
    Event(Box<Event>),
    /// There was nothing to change.
    Unchanged(LogId),
    /// No, for good.
    Refused(Refusal),
}

/// Something to read over REST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetch {
    /// Its number, given back with the answer.
    pub id: u64,
    /// What.
    pub what: Wanted,
}

/// What a fetch reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// `GET /rooms/{room}/events?after=&limit=`
    Range {
        /// The room.
        room: RoomId,
        /// Events with a greater `seq`.
        after: Seq,
        /// At most so many.
        limit: u32,
    },
    /// `GET /rooms/{room}/messages?limit=`: the newest.
    Latest {
        /// The room.
        room: RoomId,
        /// At most so many.
        limit: u32,
    },
}

/// How the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Not connected and not trying: never started, told to stop, or sent away for good with this code.
    Stopped {
        /// The close code that ended it.
        code: Option<u16>,
    },
    /// Waiting to try again.
    Waiting,
    /// Trying.
    Connecting,
    /// Welcomed: commands leave, events come.
    Live,
}

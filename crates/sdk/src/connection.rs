//! One lasting connection: commands that happen once, news that comes in order.
//!
//! Owns: the handle ([`Connection`]), the reader's end ([`Updates`]) and how to begin.
//! Never: does the work itself; that is the task in `task`, which drives the state machine of `tidings-sync`.

mod commands;
mod task;
mod transport;

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tidings_protocol::{
    ClientFrame, Follow, OpenRoom, Presence, RoomId, RoomSummary, Seq, TxnId, UserId,
};
use tidings_sync::{
    client::{Answer, Input, Resume, Status},
    outbox::{OUTBOX_ROWS_MAX, Row},
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{Client, Error, MemoryOutbox, OutboxStore, Update, rooms::Rooms};

/// Updates that wait for their reader. When so many wait, the connection applies nothing more and lets the events
/// pass; once the reader has caught up, it comes back from the log where it left off. Commands go on all the while.
pub const UPDATES_QUEUE_MAX: usize = 1_024;
/// Requests that wait for the task; beyond, callers wait.
const ASKS_QUEUE_MAX: usize = 256;

/// How frames travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Text frames: `tidings.v1.json`.
    #[default]
    Json,
    /// Binary frames: `tidings.v1.msgpack`.
    MessagePack,
}

/// How a connection begins.
pub struct ConnectOptions {
    /// What to hear of rooms that are not open. Bots usually want [`Follow::All`].
    pub follow: Follow,
    /// How frames travel.
    pub format: Format,
    /// What the last [`Update::Resume`] said, if anything.
    pub resume: Resume,
    /// With `follow: listed` the rooms to open at once. With `follow: all` how much is held of each room, so that
    /// what comes again is recognised.
    pub open: Vec<OpenRoom>,
    /// Where commands are kept until they have an answer.
    pub outbox: Box<dyn OutboxStore>,
}

impl Default for ConnectOptions {
    fn default() -> ConnectOptions {
        ConnectOptions {
            follow: Follow::default(),
            format: Format::default(),
            resume: Resume::default(),
            open: Vec::new(),
            outbox: Box::new(MemoryOutbox),
        }
    }
}

impl std::fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("follow", &self.follow)
            .field("format", &self.format)
            .field("resume", &self.resume)
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

/// The answer to a command, once it is there.
type AnswerTo = oneshot::Sender<Result<Answer, Error>>;

/// A command on its way to the task.
struct Order {
    row: Box<Row>,
    answer: AnswerTo,
}

/// The handle of a connection. Cheap to clone; the connection ends when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Connection {
    asks: mpsc::Sender<Input>,
    orders: mpsc::Sender<Order>,
    status: watch::Receiver<Status>,
    rooms: Arc<Mutex<Rooms>>,
    /// What was wrong with the server's certificate, when the connection ended over it.
    certificate: Arc<OnceLock<String>>,
}

/// The reader's end of a connection. Who does not care for news drops it.
#[derive(Debug)]
pub struct Updates {
    updates: mpsc::Receiver<Update>,
}

impl Updates {
    /// The next piece of news; none when the connection was closed.
    pub async fn recv(&mut self) -> Option<Update> {
        self.updates.recv().await
    }
}

pub(crate) async fn start(
    client: Client,
    options: ConnectOptions,
) -> Result<(Connection, Updates), Error> {
    let ConnectOptions { mut outbox, .. } = options;
    let rows = outbox.load().map_err(Error::Outbox)?;
    let (asks, asked) = mpsc::channel(ASKS_QUEUE_MAX);
    // Beyond what the outbox holds, callers wait for their turn.
    let (orders, ordered) = mpsc::channel(ASKS_QUEUE_MAX);
    let (updates, read) = mpsc::channel(UPDATES_QUEUE_MAX);
    let (status, told) = watch::channel(Status::Connecting);
    let connection = Connection {
        asks,
        orders,
        status: told,
        rooms: Arc::default(),
        certificate: Arc::default(),
    };
    let task = task::Task::new(task::Parts {
        client,
        format: options.format,
        session: tidings_sync::client::Options {
            follow: options.follow,
            resume: options.resume,
            open: options.open,
            seed: seed(),
        },
        outbox,
        updates,
        status,
        rooms: connection.rooms.clone(),
        certificate: connection.certificate.clone(),
    });
    tokio::spawn(task.run(rows, asked, ordered));
    connection.tried().await?;
    Ok((connection, Updates { updates: read }))
}

/// The random part of a version 7 UUID: different for each client.
fn seed() -> u64 {
    uuid::Uuid::now_v7().as_u64_pair().1
}

impl Connection {
    /// Waits until the connection is up, as long as that takes.
    ///
    /// # Errors
    /// [`Error::Stopped`] when the server does not want this client.
    pub async fn ready(&self) -> Result<(), Error> {
        let mut status = self.status.clone();
        let ended = |status: &Status| matches!(status, Status::Live | Status::Stopped { .. });
        let reached = status.wait_for(ended).await.map(|status| *status);
        match reached {
            Ok(Status::Live) => Ok(()),
            _ => Err(self.gone()),
        }
    }

    /// How the connection stands.
    #[must_use]
    pub fn status(&self) -> Status {
        *self.status.borrow()
    }

    /// The user's rooms, as far as the connection has heard; complete soon after [`Connection::ready`].
    #[must_use]
    pub fn rooms(&self) -> Vec<RoomSummary> {
        self.rooms.lock().all()
    }

    /// One of the user's rooms.
    #[must_use]
    pub fn room(&self, room: RoomId) -> Option<RoomSummary> {
        self.rooms.lock().get(room)
    }

    /// Follows every event of a room. With `after`, from there if that is not too far back; else the latest history
    /// comes first. With [`Follow::All`] every room is open anyway.
    pub async fn open(&self, room: RoomId, after: Option<Seq>) {
        self.ask(Input::Open(OpenRoom { room, after })).await;
    }

    /// Back to summaries.
    pub async fn close_room(&self, room: RoomId) {
        self.ask(Input::Close(room)).await;
    }

    /// Says that the user types, or has stopped. Renew it every few seconds; it is dropped while disconnected.
    pub async fn typing(&self, room: RoomId, on: bool) {
        self.ask(Input::Signal(ClientFrame::Typing { room, on }))
            .await;
    }

    /// Says whether somebody looks at this session.
    pub async fn presence(&self, status: Presence) {
        self.ask(Input::Signal(ClientFrame::Presence { status }))
            .await;
    }

    /// Whose presence to hear of; replaces the list.
    pub async fn watch(&self, users: Vec<UserId>) {
        self.ask(Input::Signal(ClientFrame::Watch { users })).await;
    }

    /// Takes a command out of the outbox. It may still happen, when it was sent before.
    pub async fn forget(&self, txn: TxnId) {
        self.ask(Input::Forget(txn)).await;
    }

    /// Ends the connection for all its handles. Commands without an answer stay in the outbox's store.
    pub async fn close(self) {
        self.ask(Input::Stop).await;
        // The task holds the other end for as long as it runs.
        self.asks.closed().await;
    }

    /// Waits for how the first try ends. A server that is away may come; a no stays one.
    async fn tried(&self) -> Result<(), Error> {
        let mut status = self.status.clone();
        let over = |status: &Status| *status != Status::Connecting;
        let reached = status.wait_for(over).await.map(|status| *status);
        match reached {
            Ok(Status::Live | Status::Waiting | Status::Connecting) => Ok(()),
            Ok(Status::Stopped { .. }) | Err(_) => Err(self.gone()),
        }
    }

    /// Why nothing more happens here.
    fn gone(&self) -> Error {
        if let Some(why) = self.certificate.get() {
            return Error::Certificate(why.clone());
        }
        let code = match self.status() {
            Status::Stopped { code } => code,
            Status::Waiting | Status::Connecting | Status::Live => None,
        };
        Error::Stopped { code }
    }

    async fn ask(&self, input: Input) {
        // A task that is gone has nothing left to do it with.
        drop(self.asks.send(input).await);
    }
}

const _: () = assert!(
    ASKS_QUEUE_MAX < OUTBOX_ROWS_MAX,
    "the outbox is where commands wait, not the queue before it"
);

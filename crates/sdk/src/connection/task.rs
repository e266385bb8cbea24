//! The task behind a connection: it lends the pure session a socket, a clock, a store and REST.
//!
//! Owns: doing every output in order, and telling every happening as an input. Never: decides anything the session
//! could decide. Nothing here waits for one thing while others could go on.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use futures_util::{StreamExt, future::OptionFuture, stream::FuturesOrdered};
use parking_lot::Mutex;
use tidings_protocol::{Refusal, RoomId, RoomSummary, TxnId, rest::Messages};
use tidings_sync::{
    backoff::Millis,
    client::{Answer, ClientSession, Fetch, Input, Options, Output, Page, Status, Wanted},
    outbox::{OUTBOX_ROWS_MAX, Row},
};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep_until},
};

use super::{
    AnswerTo, Format, Order, UPDATES_QUEUE_MAX,
    transport::{CLOSE_ABNORMAL, Read, Transport, Undialed},
};
use crate::{Client, Error, MessagesAt, OutboxStore, Update, rooms::Rooms};

/// A reader that fell behind has caught up when so much of its queue is free.
const CAUGHT_UP: usize = UPDATES_QUEUE_MAX / 2;

/// What a task is made of.
pub(super) struct Parts {
    pub(super) client: Client,
    pub(super) format: Format,
    pub(super) session: Options,
    pub(super) outbox: Box<dyn OutboxStore>,
    pub(super) updates: mpsc::Sender<Update>,
    pub(super) status: watch::Sender<Status>,
    pub(super) rooms: Arc<Mutex<Rooms>>,
    /// What was wrong with the server's certificate, when the connection ended over it.
    pub(super) certificate: Arc<OnceLock<String>>,
}

/// A row that is being stored.
type Storing = std::pin::Pin<Box<dyn Future<Output = (Order, std::io::Result<()>)> + Send>>;

/// What REST brought.
enum Fetched {
    Page(u64, Result<Page, Option<Refusal>>),
    /// The latest page of a room, and the room as it was then or later.
    Latest(u64, Messages, Box<RoomSummary>),
    Rooms(Vec<RoomSummary>),
}

pub(super) struct Task {
    client: Client,
    format: Format,
    session: ClientSession,
    outbox: Box<dyn OutboxStore>,
    rooms: Arc<Mutex<Rooms>>,
    /// The list of rooms began from a cursor, so it lacks those that did not move.
    rooms_partial: bool,
    status: watch::Sender<Status>,
    certificate: Arc<OnceLock<String>>,
    was_live: bool,
    updates: Option<mpsc::Sender<Update>>,
    /// What one input brought and the queue had no room for.
    pending: std::collections::VecDeque<Update>,
    paused: bool,
    waiters: HashMap<TxnId, Vec<AnswerTo>>,
    storing: FuturesOrdered<Storing>,
    dialing: Option<JoinHandle<Result<Transport, Undialed>>>,
    transport: Option<Transport>,
    fetches: JoinSet<Fetched>,
    began: Instant,
    wake: Option<Instant>,
    ended: bool,
}

/// What the task waits for.
enum Happening {
    Ask(Option<Input>),
    Order(Order),
    Stored(Order, std::io::Result<()>),
    Dialed(Result<Transport, Undialed>),
    Read(Read),
    Fetched(Fetched),
    Wake,
    /// The reader took some, or is gone.
    Room,
}

impl Task {
    pub(super) fn new(parts: Parts) -> Task {
        Task {
            rooms_partial: parts.session.resume.cursor.is_some(),
            session: ClientSession::new(parts.session),
            client: parts.client,
            format: parts.format,
            outbox: parts.outbox,
            rooms: parts.rooms,
            status: parts.status,
            certificate: parts.certificate,
            was_live: false,
            updates: Some(parts.updates),
            pending: std::collections::VecDeque::new(),
            paused: false,
            waiters: HashMap::new(),
            storing: FuturesOrdered::new(),
            dialing: None,
            transport: None,
            fetches: JoinSet::new(),
            began: Instant::now(),
            wake: None,
            ended: false,
        }
    }

    pub(super) async fn run(
        mut self,
        rows: Vec<Row>,
        mut asks: mpsc::Receiver<Input>,
        mut orders: mpsc::Receiver<Order>,
    ) {
        for row in rows {
            self.give(Input::Command(Box::new(row)));
        }
        self.give(Input::Start);
        while !self.ended {
            let happening = self.next(&mut asks, &mut orders).await;
            self.take(happening);
        }
        // The store ends before the last handle learns of it, so that it can be opened again at once.
        drop(self);
        drop(orders);
        drop(asks);
    }

    async fn next(
        &mut self,
        asks: &mut mpsc::Receiver<Input>,
        orders: &mut mpsc::Receiver<Order>,
    ) -> Happening {
        // A full outbox lets callers wait, at the door.
        let space = self.session.outbox().len() + self.storing.len() < OUTBOX_ROWS_MAX;
        let dialing: OptionFuture<_> = self.dialing.as_mut().into();
        let reading: OptionFuture<_> = self.transport.as_mut().map(Transport::read).into();
        let waking: OptionFuture<_> = self.wake.map(sleep_until).into();
        let needed = if self.pending.is_empty() {
            CAUGHT_UP
        } else {
            1
        };
        let waits = self.paused || !self.pending.is_empty();
        let updates = self.updates.as_ref().filter(|_| waits);
        let reader: OptionFuture<_> = updates.map(|updates| updates.reserve_many(needed)).into();
        tokio::select! {
            ask = asks.recv() => Happening::Ask(ask),
            Some(order) = orders.recv(), if space => Happening::Order(order),
            Some((order, result)) = self.storing.next() => Happening::Stored(order, result),
            Some(dialed) = dialing => Happening::Dialed(dialed.unwrap_or_else(|_| Err(CLOSE_ABNORMAL.into()))),
            Some(read) = reading => Happening::Read(read),
            Some(Ok(fetched)) = self.fetches.join_next() => Happening::Fetched(fetched),
            Some(_) = reader => Happening::Room,
            Some(()) = waking => Happening::Wake,
        }
    }

    fn take(&mut self, happening: Happening) {
        match happening {
            // The last handle is gone.
            Happening::Ask(None) => self.give(Input::Stop),
            Happening::Ask(Some(Input::Forget(txn))) => {
                self.outbox.remove(&txn);
                self.waiters.remove(&txn);
                self.give(Input::Forget(txn));
            }
            Happening::Ask(Some(input)) => self.give(input),
            Happening::Order(order) => {
                let stored = self.outbox.add(&order.row);
                self.storing
                    .push_back(Box::pin(async move { (order, stored.await) }));
            }
            Happening::Stored(order, Ok(())) => {
                let Order { row, answer } = order;
                let waiters = self.waiters.entry(row.txn().clone()).or_default();
                waiters.retain(|waiter| !waiter.is_closed());
                waiters.push(answer);
                self.give(Input::Command(row));
            }
            Happening::Stored(order, Err(error)) => {
                drop(order.answer.send(Err(Error::Outbox(error))));
            }
            Happening::Dialed(result) => {
                self.dialing = None;
                match result {
                    Ok(transport) => {
                        self.transport = Some(transport);
                        self.give(Input::Opened);
                    }
                    Err(undialed) => self.undialed(undialed),
                }
            }
            Happening::Read(Read::Frame(frame)) => self.give(Input::Frame(frame)),
            Happening::Read(Read::Other) => self.give(Input::Heard),
            Happening::Read(Read::Closed(code)) => {
                self.transport = None;
                self.give(Input::Closed { code });
            }
            Happening::Fetched(Fetched::Page(fetch, Ok(page))) => {
                self.give(Input::Page { fetch, page });
            }
            Happening::Fetched(Fetched::Page(fetch, Err(refusal))) => {
                self.give(Input::FetchFailed { fetch, refusal });
            }
            Happening::Fetched(Fetched::Latest(fetch, page, room)) => {
                self.rooms.lock().told_again(*room);
                let page = Page::Latest(page);
                self.give(Input::Page { fetch, page });
            }
            Happening::Fetched(Fetched::Rooms(rooms)) => self.rooms.lock().fill(rooms),
            Happening::Wake => {
                self.wake = None;
                self.give(Input::Tick);
            }
            Happening::Room => self.hand_over(),
        }
    }

    fn undialed(&mut self, undialed: Undialed) {
        let Undialed {
            mut code,
            certificate,
        } = undialed;
        if let Some(why) = certificate {
            if self.was_live {
                // Somebody stands in the way for a while, or the certificate is about to be renewed.
                code = CLOSE_ABNORMAL;
            } else {
                // The first reason is the one that is told.
                drop(self.certificate.set(why));
            }
        }
        self.give(Input::Closed { code });
    }

    fn now(&self) -> Millis {
        let millis = self.began.elapsed().as_millis();
        Millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    /// Gives an input and does what comes out, until nothing does.
    fn give(&mut self, input: Input) {
        let mut out = Vec::new();
        self.session.handle(self.now(), input, &mut out);
        let mut stuck = false;
        for output in out {
            stuck |= self.perform(output);
        }
        if stuck {
            self.transport = None;
            return self.give(Input::Closed {
                code: CLOSE_ABNORMAL,
            });
        }
        self.hand_over();
    }

    /// Does one output. True when the transport took it no more.
    fn perform(&mut self, output: Output) -> bool {
        self.rooms.lock().take(&output);
        match output {
            Output::Connect => {
                self.transport = None;
                let dial = Transport::dial(self.client.clone(), self.format);
                self.dialing = Some(tokio::spawn(dial));
            }
            Output::Disconnect => {
                if let Some(dialing) = self.dialing.take() {
                    dialing.abort();
                }
                self.transport = None;
            }
            Output::Send(frame) => {
                let writes = self.transport.as_ref().map(|t| t.write(&frame));
                return writes.is_some_and(|result| result.is_err());
            }
            Output::Fetch(fetch) => {
                let client = self.client.clone();
                self.fetches
                    .spawn(async move { fetch_page(client, fetch).await });
            }
            Output::Answered { row, answer } => self.answered(row, answer),
            Output::Status(status) => self.status_is(status),
            Output::WakeAt(at) => {
                let at = std::time::Duration::from_millis(at.0);
                self.wake = self.began.checked_add(at);
            }
            output @ (Output::Apply(_)
            | Output::Welcome { .. }
            | Output::Moved(_)
            | Output::Room { .. }
            | Output::Left(_)
            | Output::Dropped(_)
            | Output::History { .. }
            | Output::OpenRefused { .. }
            | Output::FrameRefused(_)
            | Output::Signal(_)
            | Output::ResumeMoved) => {
                if matches!(output, Output::Welcome { .. })
                    && std::mem::take(&mut self.rooms_partial)
                {
                    let client = self.client.clone();
                    self.fetches
                        .spawn(async move { Fetched::Rooms(all_rooms(client).await) });
                }
                let update = Update::of(output, || self.session.resume());
                self.pending.extend(update);
            }
        }
        false
    }

    fn answered(&mut self, row: Box<Row>, answer: Answer) {
        self.outbox.remove(row.txn());
        let waiters = self.waiters.remove(row.txn()).unwrap_or_default();
        let mut told = false;
        for waiter in waiters {
            told |= waiter.send(Ok(answer.clone())).is_ok();
        }
        // Nothing is dropped in silence: a no that nobody waited for is news.
        if !told && let Answer::Refused(refusal) = answer {
            self.pending.push_back(Update::Refused { row, refusal });
        }
    }

    fn status_is(&mut self, status: Status) {
        self.was_live |= status == Status::Live;
        self.status.send_replace(status);
        if let Status::Stopped { code } = status {
            self.ended = true;
            for waiter in std::mem::take(&mut self.waiters).into_values().flatten() {
                drop(waiter.send(Err(Error::Stopped { code })));
            }
        }
    }

    /// Hands what waits to the reader; a reader that cannot take it all is sent back to the log later.
    fn hand_over(&mut self) {
        if self.updates.as_ref().is_some_and(mpsc::Sender::is_closed) {
            self.updates = None;
        }
        let Some(updates) = &self.updates else {
            self.pending.clear();
            return self.go_on();
        };
        while let Some(update) = self.pending.pop_front() {
            if let Err(error) = updates.try_send(update) {
                self.pending.push_front(error.into_inner());
                break;
            }
        }
        if !self.pending.is_empty() {
            if !std::mem::replace(&mut self.paused, true) {
                self.give(Input::Pause);
            }
        } else if updates.capacity() >= CAUGHT_UP {
            self.go_on();
        }
    }

    fn go_on(&mut self) {
        if std::mem::take(&mut self.paused) {
            self.give(Input::Unpause);
        }
    }
}

async fn fetch_page(client: Client, fetch: Fetch) -> Fetched {
    let fetched = match fetch.what {
        Wanted::Range { room, after, limit } => {
            let events = client.events(room, after, limit).await;
            events.map(|events| Fetched::Page(fetch.id, Ok(Page::Range(events))))
        }
        Wanted::Latest { room, limit } => {
            let latest = latest(&client, room, limit).await;
            latest.map(|(page, room)| Fetched::Latest(fetch.id, page, Box::new(room)))
        }
    };
    fetched.unwrap_or_else(|error| Fetched::Page(fetch.id, Err(error.refusal().cloned())))
}

/// The latest page, and what the room is: no event tells what happened before the page. `[SB4]`
async fn latest(
    client: &Client,
    room: RoomId,
    limit: u32,
) -> Result<(Messages, RoomSummary), Error> {
    let page = client.messages(room, MessagesAt::Latest, limit);
    let (page, mut summary) = tokio::try_join!(page, client.room(room))?;
    // Read before the page, it lacks what happened in between.
    if summary.head < page.head {
        summary = client.room(room).await?;
    }
    Ok((page, summary))
}

/// All pages of the list of rooms, as far as they can be had.
async fn all_rooms(client: Client) -> Vec<RoomSummary> {
    let mut rooms = Vec::new();
    let mut after = None;
    while let Ok(page) = client.rooms(after).await {
        rooms.extend(page.rooms);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    rooms
}

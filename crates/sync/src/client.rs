//! The client's end of a stream: what was applied, what is missing, what waits to be sent.
//!
//! Owns: [`ClientSession`]. One call, all effects: give an [`Input`] with the time, do every [`Output`] in order.
//! Never: waits, reads a clock, draws a number, touches a socket or a store.
//!
//! A caller stores a command's [`Row`] before it gives [`Input::Command`]; it stores what it applied together with
//! [`ClientSession::resume`]. Then a crash at any point loses nothing and doubles nothing: commands leave again with
//! the same `txn`, events come again and are recognised by (log, seq).
//!
//! Read on in `effects` (inputs and outputs), `following` (events), `place` (one log), `reach` (the cursor), `link`
//! (the connection).

mod effects;
mod following;
mod link;
mod place;
mod places;
mod reach;
#[cfg(test)]
mod tests;

use tidings_protocol::{
    ClientFrame, CloseCode, Event, Follow, OpenRoom, Part, Refusal, RefusalCode, RoomId, Seq,
    ServerFrame, TxnId,
    close::{ComeBack, come_back},
    limits::OPEN_ROOMS_MAX,
};

pub use self::{
    effects::{Answer, Fetch, Input, Options, Output, Page, Resume, Status, Wanted},
    places::GAP_EVENTS_MAX,
};
use self::{following::UserPlace, link::Link, place::Place, places::Places, reach::Reach};
use crate::{
    backoff::Millis,
    outbox::{Outbox, Row, is_passing},
};

/// One client's state over all its connections.
#[derive(Debug)]
pub struct ClientSession {
    follow: Follow,
    link: Link,
    outbox: Outbox,
    places: Places,
    reach: Reach,
    user: UserPlace,
    paused: bool,
    presence: Option<ClientFrame>,
    watch: Option<ClientFrame>,
    wake: Option<Millis>,
}

impl ClientSession {
    /// A session that is not started yet.
    #[must_use]
    pub fn new(options: Options) -> ClientSession {
        ClientSession {
            follow: options.follow,
            link: Link::new(options.seed),
            outbox: Outbox::default(),
            places: Places::new(&options.open),
            reach: Reach::new(options.follow, options.resume.cursor),
            user: UserPlace {
                held: options.resume.user_seq,
                jump: false,
            },
            paused: false,
            presence: None,
            watch: None,
            wake: None,
        }
    }

    /// Takes one input and adds everything that is to be done, in order.
    pub fn handle(&mut self, now: Millis, input: Input, out: &mut Vec<Output>) {
        self.take(now, input, out);
        if self.link.is_live() {
            let mut frames = Vec::new();
            self.outbox.due(now, &mut frames);
            out.extend(frames.into_iter().map(Output::Send));
            if !self.paused {
                self.places.fetch(now, out);
            }
        }
        self.reach
            .settle(self.follow == Follow::All && self.places.has_gap());
        if self.reach.take_moved() && !self.paused {
            out.push(Output::ResumeMoved);
        }
        self.link.tell(out);
        let wake = self.wake_at(now);
        if wake.is_some() && wake != self.wake {
            out.extend(wake.map(Output::WakeAt));
        }
        self.wake = wake;
    }

    /// From where a later session goes on, when everything put out so far is stored with it.
    #[must_use]
    pub fn resume(&self) -> Resume {
        Resume {
            cursor: self.reach.cursor().cloned(),
            user_seq: self.user.held,
        }
    }

    /// The last event of a followed room that was applied, or that its history covers.
    #[must_use]
    pub fn held(&self, room: RoomId) -> Option<Seq> {
        self.places.get(room).and_then(Place::held)
    }

    /// How the connection stands.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.link.status()
    }

    /// The commands without an answer.
    #[must_use]
    pub const fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    fn wake_at(&self, now: Millis) -> Option<Millis> {
        let mut wake = self.link.wake_at();
        if self.link.is_live() {
            let pages = self.places.wake_at().filter(|_| !self.paused);
            let rows = self.outbox.wake_at(now);
            wake = [wake, pages, rows].into_iter().flatten().min();
        }
        wake
    }

    fn take(&mut self, now: Millis, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Start => self.link.start(now, out),
            Input::Stop => {
                self.link.stop(out);
                self.lost();
            }
            Input::Opened => {
                if self.link.opened(now) {
                    let hello = self.hello();
                    out.push(Output::Send(hello));
                }
            }
            Input::Closed { code } => {
                let blamed = is_fault(code).then(|| self.outbox.faulted()).flatten();
                let comes_back = blamed.is_some();
                for row in blamed.into_iter().flatten() {
                    let refusal = Refusal::with_message(
                        RefusalCode::BadRequest,
                        "The server could not read this command, and ended the connection.",
                    );
                    out.push(answered(row, Answer::Refused(refusal)));
                }
                if self.link.closed(now, code, comes_back) {
                    self.lost();
                }
            }
            Input::Frame(frame) => {
                self.link.heard(now);
                self.frame(now, *frame, out);
            }
            Input::Heard => self.link.heard(now),
            Input::Tick => {
                if self.link.tick(now, out) {
                    self.lost();
                }
            }
            Input::Command(row) => {
                if let Err(row) = self.outbox.push(*row) {
                    let refusal = Refusal::with_message(
                        RefusalCode::LimitReached,
                        "Too many commands wait to be sent. Try again when some have left.",
                    );
                    out.push(answered(row, Answer::Refused(refusal)));
                }
            }
            Input::Forget(txn) => drop(self.outbox.take(&txn)),
            Input::Signal(frame) => self.signal(frame, out),
            Input::Open(open) => self.open(open, out),
            Input::Close(room) => self.close(room, out),
            Input::Page { fetch, page } => self.page(now, fetch, page, out),
            Input::FetchFailed { fetch, refusal } => self.fetch_failed(now, fetch, refusal, out),
            Input::Online(online) => self.link.online(now, online, out),
            Input::Visible(true) => self.link.hurry(now, out),
            Input::Visible(false) => {}
            Input::Pause => {
                self.paused = true;
                self.forget_unapplied();
            }
            Input::Unpause => {
                if std::mem::take(&mut self.paused) && self.link.renew(now, out) {
                    self.lost();
                }
            }
        }
    }

    /// What belongs to the connection is gone with it.
    fn lost(&mut self) {
        self.outbox.lost();
        self.forget_unapplied();
    }

    fn forget_unapplied(&mut self) {
        self.places.each(Place::lost);
        self.reach.lost();
    }

    fn hello(&mut self) -> ClientFrame {
        // While paused the connection is for commands alone, so it follows as little as it can.
        let follow = if self.paused {
            Follow::Listed
        } else {
            self.follow
        };
        let mut open = Vec::new();
        if !self.paused && self.follow == Follow::Listed {
            open = self.places.opens();
            self.places.each(|place| place.asked = true);
        }
        ClientFrame::Hello {
            token: None,
            since: self.reach.cursor().map(ToString::to_string),
            follow,
            open,
            user_seq: self.user.held,
        }
    }

    fn signal(&mut self, frame: ClientFrame, out: &mut Vec<Output>) {
        // Greetings, follows and commands have ways of their own.
        if frame.part() != Part::Signal {
            return;
        }
        // What is told again to a new connection.
        if matches!(frame, ClientFrame::Presence { .. }) {
            self.presence = Some(frame.clone());
        } else if matches!(frame, ClientFrame::Watch { .. }) {
            self.watch = Some(frame.clone());
        }
        if self.link.is_live() {
            out.push(Output::Send(frame));
        }
    }

    fn open(&mut self, open: OpenRoom, out: &mut Vec<Output>) {
        if self.follow == Follow::All || self.places.get(open.room).is_some() {
            return;
        }
        if self.places.len() >= OPEN_ROOMS_MAX {
            out.push(Output::OpenRefused {
                room: open.room,
                refusal: Refusal::with_message(
                    RefusalCode::LimitReached,
                    "Too many rooms are open. Close one first.",
                ),
            });
            return;
        }
        self.places.add(open.room, Place::after(open.after));
        self.ask(out);
    }

    /// Opens what the present connection was not asked for.
    fn ask(&mut self, out: &mut Vec<Output>) {
        if !self.link.is_live() || self.paused || self.follow == Follow::All {
            return;
        }
        for (room, after) in self.places.unasked() {
            self.places.with(room, |place| place.asked = true);
            out.push(Output::Send(ClientFrame::Open { room, after }));
        }
    }

    fn close(&mut self, room: RoomId, out: &mut Vec<Output>) {
        if self.follow == Follow::All {
            return;
        }
        if self.places.remove(room) && self.link.is_live() && !self.paused {
            out.push(Output::Send(ClientFrame::Close { room }));
        }
    }

    fn frame(&mut self, now: Millis, frame: ServerFrame, out: &mut Vec<Output>) {
        match frame {
            ServerFrame::Ready(welcome) => self.welcome(now, false, welcome, out),
            ServerFrame::Reset(welcome) => self.welcome(now, true, welcome, out),
            // Nothing else counts before the welcome. `[HS2]`
            _ if !self.link.is_live() => {}
            ServerFrame::Event(event) => self.event(now, *event, out),
            ServerFrame::Refused {
                txn: Some(txn),
                refusal,
                ..
            } => {
                self.refused(now, &txn, refusal, out);
            }
            ServerFrame::Unchanged { txn, log } => {
                if let Some(row) = self.outbox.take(&txn) {
                    out.push(answered(row, Answer::Unchanged(log)));
                }
            }
            ServerFrame::Reconnect { jitter_ms } => self.link.reconnect(now, jitter_ms),
            ServerFrame::Pong {} => {}
            _ if self.paused => {}
            ServerFrame::Opened { room, from, .. } => self.opened(room, from, out),
            ServerFrame::Rooms { rooms } => out.push(Output::Moved(rooms)),
            ServerFrame::Room { room, users } => out.push(Output::Room { room, users }),
            ServerFrame::Left(left) => {
                self.places.remove(left.room);
                out.push(Output::Left(left));
            }
            ServerFrame::Refused {
                room: Some(room),
                refusal,
                ..
            } => {
                if self.places.remove(room) {
                    out.push(Output::OpenRefused { room, refusal });
                }
            }
            ServerFrame::Refused { refusal, .. } => out.push(Output::FrameRefused(refusal)),
            ServerFrame::Typing { .. }
            | ServerFrame::Presence { .. }
            | ServerFrame::PresenceCount { .. } => {
                out.push(Output::Signal(Box::new(frame)));
            }
            ServerFrame::Cursor { cursor } => self.reach.told(cursor),
        }
    }

    fn refused(&mut self, now: Millis, txn: &TxnId, refusal: Refusal, out: &mut Vec<Output>) {
        if is_passing(refusal.code) {
            self.outbox.retry(txn, &refusal, now, &mut self.link.dice);
        } else if let Some(row) = self.outbox.take(txn) {
            out.push(answered(row, Answer::Refused(refusal)));
        }
    }

    /// If the event answers a command, the command has its answer. `[CM2]` `[CM9]`
    fn settle(&mut self, event: &Event, out: &mut Vec<Output>) {
        let row = event.txn.as_ref().and_then(|txn| self.outbox.take(txn));
        if let Some(row) = row {
            // How it travelled is nothing to the caller.
            let event = Box::new(Event {
                answer: false,
                ..event.clone()
            });
            out.push(answered(row, Answer::Event(event)));
        }
    }
}

/// Whether a frame of ours ended the session: not the token, nor the order of the greeting. `[CM10]`
fn is_fault(code: u16) -> bool {
    let other = [
        CloseCode::Unauthenticated,
        CloseCode::DeviceRemoved,
        CloseCode::HelloExpected,
        CloseCode::HelloRepeated,
    ];
    come_back(code) == ComeBack::Never && other.iter().all(|other| other.code() != code)
}

fn answered(row: Row, answer: Answer) -> Output {
    Output::Answered {
        row: Box::new(row),
        answer,
    }
}

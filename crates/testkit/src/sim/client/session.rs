//! The mind of programs: `tidings-sync`'s client half, with a disk, and with crashes that keep only what is on it.
//!
//! Owns: doing what the session says, in order; the outbox rows and the state on the disk; its own clock.
//! Never: helps the session: what it forgets is lost, what it applies twice is a finding.
//!
//! A row is on the disk before it is given. State goes there now and then, always all of it together.

use std::collections::BTreeSet;

use tidings_protocol::{
    ClientFrame, Event, Follow, OpenRoom, RoomId, ServerFrame, Timestamp, TxnId, UserId,
};
use tidings_sync::{
    backoff::{Dice, Millis},
    client::{Answer, ClientSession, Fetch, Input, Options, Output, Resume, Status},
    outbox::Row,
};

use crate::sim::fold::Fold;

/// What a session wants of the device around it.
#[derive(Debug)]
pub enum Wish {
    /// Say this.
    Send(ClientFrame),
    /// End the connection.
    HangUp,
    /// A command has its answer.
    Answered(TxnId, Option<Event>),
    /// Something is wrong with what the session said.
    Wrong(String),
}

/// What is held; on the disk it is what was held when it was last stored.
#[derive(Debug, Clone)]
struct Held {
    fold: Fold,
    open: BTreeSet<RoomId>,
    resume: Resume,
}

/// The mind.
#[derive(Debug)]
pub struct Session {
    /// It waits for a connection.
    pub connecting: bool,
    /// Reads over REST that are to be answered.
    pub fetches: Vec<Fetch>,
    /// Their answers, on their way back.
    pub pages: Vec<Input>,
    session: ClientSession,
    follow: Follow,
    dice: Dice,
    now: Millis,
    wake: Option<Millis>,
    held: Held,
    disk: Held,
    rows: Vec<Row>,
    /// The last row that happened: its removal may not have reached the disk.
    happened: Option<Row>,
}

impl Session {
    /// A device that was never started.
    #[must_use]
    pub fn new(user: UserId, follow: Follow, seed: u64) -> Session {
        let held = Held {
            fold: Fold::new(user, follow),
            open: BTreeSet::new(),
            resume: Resume::default(),
        };
        let mut session = Session {
            connecting: false,
            fetches: Vec::new(),
            pages: Vec::new(),
            session: ClientSession::new(Options::default()),
            follow,
            dice: Dice::from_seed(seed),
            now: Millis(0),
            wake: None,
            disk: held.clone(),
            held,
            rows: Vec::new(),
            happened: None,
        };
        session.begin();
        session
    }

    /// What it holds.
    #[must_use]
    pub fn fold(&self) -> &Fold {
        &self.held.fold
    }

    /// Whether it wants the room open.
    #[must_use]
    pub fn is_open(&self, room: RoomId) -> bool {
        self.held.open.contains(&room)
    }

    /// Whether something is read or on its way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.fetches.is_empty() || !self.pages.is_empty()
    }

    /// A new process: a session from what is on the disk.
    fn begin(&mut self) {
        self.held = self.disk.clone();
        let open = self.held.fold.rooms.iter().filter_map(|(&room, held)| {
            let after = held.timeline.as_ref().map(|timeline| timeline.last());
            let wanted = match self.follow {
                Follow::All => after.is_some(),
                Follow::Listed => self.held.open.contains(&room),
            };
            wanted.then_some(OpenRoom { room, after })
        });
        self.session = ClientSession::new(Options {
            follow: self.follow,
            resume: self.held.resume.clone(),
            open: open.collect(),
            seed: self.dice.roll(),
        });
        (self.connecting, self.wake) = (false, None);
        self.fetches.clear();
        self.pages.clear();
        let undone = self.happened.take().filter(|_| self.dice.upto(1) == 0);
        let rows: Vec<Row> = undone.into_iter().chain(self.rows.clone()).collect();
        for row in rows {
            self.take(Input::Command(Box::new(row)));
        }
        self.take(Input::Start);
    }

    /// The process ends, and another begins.
    pub fn crash(&mut self) {
        self.begin();
    }

    /// The transport is up.
    pub fn opened(&mut self) -> Vec<Wish> {
        self.connecting = false;
        self.take(Input::Opened)
    }

    /// The transport is gone.
    pub fn closed(&mut self, code: u16) -> Vec<Wish> {
        self.take(Input::Closed { code })
    }

    /// A frame came.
    pub fn frame(&mut self, frame: ServerFrame) -> Vec<Wish> {
        self.take(Input::Frame(Box::new(frame)))
    }

    /// A command is given: on the disk first.
    pub fn give(&mut self, frame: ClientFrame) -> Vec<Wish> {
        let row = Row::new(frame, Timestamp::default()).expect("a command has a txn");
        self.rows.push(row.clone());
        self.take(Input::Command(Box::new(row)))
    }

    /// Opens a room; `fresh` with its latest history.
    pub fn open(&mut self, room: RoomId, fresh: bool) -> Vec<Wish> {
        if !self.held.open.insert(room) {
            return Vec::new();
        }
        let held = self.held.fold.rooms.get(&room);
        let timeline = held.and_then(|held| held.timeline.as_ref());
        let after = timeline.map(|timeline| timeline.last()).filter(|_| !fresh);
        if after.is_none() {
            self.held.fold.dropped(room);
        }
        self.take(Input::Open(OpenRoom { room, after }))
    }

    /// Closes a room.
    pub fn close(&mut self, room: RoomId) -> Vec<Wish> {
        self.held.open.remove(&room);
        self.take(Input::Close(room))
    }

    /// Time goes on to the moment that the session waits for. One that was sent away for good is started again.
    pub fn tick(&mut self) -> Vec<Wish> {
        if matches!(self.session.status(), Status::Stopped { .. }) {
            return self.take(Input::Start);
        }
        let Some(wake) = self.wake.take() else {
            return Vec::new();
        };
        self.now = self.now.max(wake);
        let wishes = self.take(Input::Tick);
        // What is still waited for is not said again.
        self.wake.get_or_insert(self.now.plus(1));
        wishes
    }

    /// The answer to a read arrives.
    pub fn page(&mut self, page: Input) -> Vec<Wish> {
        self.take(page)
    }

    fn take(&mut self, input: Input) -> Vec<Wish> {
        let mut outputs = Vec::new();
        self.session.handle(self.now, input, &mut outputs);
        let mut wishes = Vec::new();
        for output in outputs {
            self.perform(output, &mut wishes);
        }
        self.held.resume = self.session.resume();
        if self.dice.upto(3) == 0 {
            self.disk = self.held.clone();
        }
        wishes
    }

    fn forget(&mut self, room: RoomId) {
        self.held.fold.left(room);
        self.held.open.remove(&room);
    }

    fn perform(&mut self, output: Output, wishes: &mut Vec<Wish>) {
        let fold = &mut self.held.fold;
        match output {
            Output::Connect => self.connecting = true,
            Output::Disconnect => {
                self.connecting = false;
                wishes.push(Wish::HangUp);
            }
            Output::Send(frame) => wishes.push(Wish::Send(frame)),
            Output::Fetch(fetch) => self.fetches.push(fetch),
            Output::Apply(event) => {
                wishes.extend(fold.apply(&event).err().map(Wish::Wrong));
            }
            Output::Welcome { reset, welcome } => {
                fold.welcome(reset, &welcome);
                welcome.left.iter().for_each(|left| self.forget(left.room));
            }
            Output::Moved(heads) => heads.iter().for_each(|head| fold.moved(head)),
            Output::Room { room, .. } => fold.whole(&room),
            Output::Left(left) => self.forget(left.room),
            Output::Dropped(room) => fold.dropped(room),
            Output::History { room, page } => fold.history(room, &page),
            Output::OpenRefused { room, .. } => {
                fold.dropped(room);
                self.held.open.remove(&room);
            }
            Output::Answered { row, answer } => {
                self.rows.retain(|kept| kept.txn() != row.txn());
                let txn = row.txn().clone();
                let event = match answer {
                    Answer::Event(event) => Some(*event),
                    Answer::Unchanged(_) | Answer::Refused(_) => None,
                };
                if let Some(event) = &event {
                    fold.answered(event);
                    self.happened = Some(*row);
                }
                wishes.push(Wish::Answered(txn, event));
            }
            Output::WakeAt(at) => self.wake = Some(at),
            Output::FrameRefused(refusal) => {
                wishes.push(Wish::Wrong(format!("a frame was refused: {refusal}")));
            }
            Output::Signal(_) | Output::ResumeMoved | Output::Status(_) => {}
        }
    }
}

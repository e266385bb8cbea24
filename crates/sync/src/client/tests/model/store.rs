//! The caller of a session: does what it says, stores what must be stored, crashes now and then.
//!
//! Owns: the store, which changes with all outputs of one call or with none. Never: knows the server's state.

use std::collections::{BTreeMap, BTreeSet};

use tidings_protocol::{
    ClientFrame, Event, Follow, LeftRoom, LogId, OpenRoom, RoomId, SendContent, Seq, Timestamp,
    TxnId,
    subject::{MoveMarker, SendMessage},
};

use super::{
    super::{log_name, text},
    server::Server,
};
use crate::{
    backoff::{Dice, Millis},
    client::{Answer, ClientSession, Fetch, Input, Options, Output, Page, Resume, Wanted},
    outbox::Row,
};

/// What is held of one log: everything after `from`.
#[derive(Clone, Default, Debug)]
pub(super) struct Held {
    pub(super) from: Seq,
    pub(super) events: Vec<Event>,
}

#[derive(Clone, Default)]
struct Store {
    held: BTreeMap<LogId, Held>,
    resume: Resume,
    rows: Vec<Row>,
    wanted: BTreeSet<RoomId>,
    /// Where a log that is followed must begin at the latest.
    due: BTreeMap<LogId, Seq>,
}

pub(super) struct Caller {
    session: ClientSession,
    now: Millis,
    wake: Option<Millis>,
    store: Store,
    follow: Follow,
    seed: u64,
    connecting: bool,
    connected: bool,
    paused: bool,
    fetches: Vec<Fetch>,
    /// Each answered command, and whether it was refused.
    pub(super) answers: BTreeMap<TxnId, bool>,
    pub(super) given: usize,
}

impl Caller {
    pub(super) fn new(follow: Follow, seed: u64) -> Caller {
        let mut caller = Caller {
            session: ClientSession::new(Options::default()),
            now: Millis(0),
            wake: None,
            store: Store::default(),
            follow,
            seed,
            connecting: false,
            connected: false,
            paused: false,
            fetches: Vec::new(),
            answers: BTreeMap::new(),
            given: 0,
        };
        caller.begin();
        caller
    }

    /// A new process: a session from what is stored.
    fn begin(&mut self) {
        let rooms: Vec<RoomId> = if self.follow == Follow::All {
            self.store
                .held
                .keys()
                .filter_map(|log| log.room())
                .collect()
        } else {
            self.store.wanted.iter().copied().collect()
        };
        let open = rooms.into_iter().map(|room| OpenRoom {
            room,
            after: self.last(LogId::Room(room)),
        });
        self.session = ClientSession::new(Options {
            follow: self.follow,
            resume: self.store.resume.clone(),
            open: open.collect(),
            seed: self.seed,
        });
        (self.connecting, self.connected, self.paused) = (false, false, false);
        self.fetches.clear();
        self.wake = None;
    }

    fn last(&self, log: LogId) -> Option<Seq> {
        let held = self.store.held.get(&log)?;
        Some(held.events.last().map_or(held.from, |event| event.seq))
    }

    fn give(&mut self, server: &mut Server, input: Input) {
        let mut out = Vec::new();
        self.session.handle(self.now, input, &mut out);
        for output in out {
            self.perform(server, output);
        }
        // All outputs of one call are stored together with this, or none.
        self.store.resume = self.session.resume();
    }

    fn perform(&mut self, server: &mut Server, output: Output) {
        match output {
            Output::Connect => self.connecting = true,
            Output::Disconnect => {
                (self.connecting, self.connected) = (false, false);
                server.cut();
            }
            Output::Send(frame) => {
                assert!(self.connected, "{frame:?} without a connection");
                if let Some(conn) = &mut server.conn {
                    conn.to_server.push_back(frame);
                }
            }
            Output::Fetch(fetch) => self.fetches.push(fetch),
            Output::Apply(event) => self.apply(*event),
            Output::Welcome { reset, welcome } => {
                if reset {
                    self.store.held.clear();
                    self.store.due.clear();
                    // Of the own user log the state is in the welcome.
                }
                for room in &welcome.rooms {
                    let due = self.store.due.entry(LogId::Room(room.id));
                    due.or_insert(room.head);
                }
                for LeftRoom { room, .. } in &welcome.left {
                    self.forget(*room);
                }
            }
            Output::Dropped(room) => {
                self.store.held.remove(&LogId::Room(room));
            }
            Output::History { room, page } => {
                let held = Held {
                    from: page.head,
                    events: Vec::new(),
                };
                self.store.held.insert(LogId::Room(room), held);
            }
            Output::Left(LeftRoom { room, .. }) | Output::OpenRefused { room, .. } => {
                self.forget(room)
            }
            Output::Answered { row, answer } => {
                self.store.rows.retain(|kept| kept.txn() != row.txn());
                let refused = matches!(answer, Answer::Refused(_));
                // A crash before the store changed asks again; the answer must be the same.
                let before = self.answers.insert(row.txn().clone(), refused);
                assert!(
                    before.is_none_or(|before| before == refused || before),
                    "{:?}",
                    row.txn()
                );
            }
            Output::WakeAt(at) => self.wake = Some(at),
            Output::FrameRefused(refusal) => panic!("{refusal}"),
            Output::Moved(_)
            | Output::Room { .. }
            | Output::Signal(_)
            | Output::ResumeMoved
            | Output::Status(_) => {}
        }
    }

    fn forget(&mut self, room: RoomId) {
        self.store.held.remove(&LogId::Room(room));
        self.store.due.remove(&LogId::Room(room));
        self.store.wanted.remove(&room);
    }

    fn apply(&mut self, event: Event) {
        let log = event.log;
        let begin = Held {
            from: Seq(event.seq.0 - 1),
            events: Vec::new(),
        };
        let held = self.store.held.entry(log).or_insert(begin);
        let last = held.events.last().map_or(held.from, |event| event.seq);
        assert_eq!(
            event.seq,
            last.next(),
            "{} once and in order",
            log_name(log)
        );
        held.events.push(event);
    }

    /// Lets a transport that is asked for come up.
    pub(super) fn step(&mut self, server: &mut Server) {
        if !self.connecting && !self.connected && self.wake.is_none() {
            self.start(server);
        }
        if std::mem::take(&mut self.connecting) {
            server.connect();
            self.connected = true;
            self.give(server, Input::Opened);
        }
    }

    fn start(&mut self, server: &mut Server) {
        for row in self.store.rows.clone() {
            self.give(server, Input::Command(Box::new(row)));
        }
        self.give(server, Input::Start);
    }

    pub(super) fn command(&mut self, server: &mut Server, to: RoomId, step: usize) {
        let txn: TxnId = format!("t{step}").parse().unwrap();
        let frame = if step.is_multiple_of(5) {
            ClientFrame::give(
                txn,
                MoveMarker {
                    room: to,
                    seq: Seq(step as u64),
                },
            )
        } else {
            ClientFrame::give(
                txn,
                SendMessage {
                    room: to,
                    content: SendContent::Text { text: text("mine") },
                },
            )
        };
        let row = Row::new(frame, Timestamp::default()).unwrap();
        self.given += 1;
        self.store.rows.push(row.clone());
        self.give(server, Input::Command(Box::new(row)));
    }

    pub(super) fn receive(&mut self, server: &mut Server) {
        let frame = server
            .conn
            .as_mut()
            .and_then(|conn| conn.to_client.pop_front());
        if let Some(frame) = frame.filter(|_| self.connected) {
            self.give(server, Input::Frame(Box::new(frame)));
        }
    }

    /// Answers a fetch, lets it fail, or loses it.
    pub(super) fn fetch(&mut self, server: &mut Server, dice: &mut Dice) {
        if self.fetches.is_empty() {
            return;
        }
        let fetch = self
            .fetches
            .remove(dice.upto(self.fetches.len() as u64 - 1) as usize);
        match dice.upto(5) {
            0 => {}
            1 => self.give(
                server,
                Input::FetchFailed {
                    fetch: fetch.id,
                    refusal: None,
                },
            ),
            _ => self.serve(server, fetch),
        }
    }

    pub(super) fn fetch_all(&mut self, server: &mut Server) {
        for fetch in std::mem::take(&mut self.fetches) {
            self.serve(server, fetch);
        }
    }

    fn serve(&mut self, server: &mut Server, fetch: Fetch) {
        let page = match fetch.what {
            Wanted::Range { room, after, .. } => server.range(room, after).map(Page::Range),
            Wanted::Latest { room, .. } => server.latest(room).map(Page::Latest),
        };
        let input = match page {
            Ok(page) => Input::Page {
                fetch: fetch.id,
                page,
            },
            Err(refusal) => Input::FetchFailed {
                fetch: fetch.id,
                refusal: Some(refusal),
            },
        };
        self.give(server, input);
    }

    pub(super) fn closed(&mut self, server: &mut Server, code: u16) {
        if std::mem::take(&mut self.connected) {
            self.give(server, Input::Closed { code });
        }
    }

    /// The process ends; with luck the last call's outputs are not even stored.
    pub(super) fn crash(&mut self, server: &mut Server, dice: &mut Dice) {
        if dice.upto(1) == 0 {
            let before = self.store.clone();
            self.receive(server);
            self.store = before;
        }
        server.cut();
        self.begin();
    }

    /// Time goes on to the moment that the session waits for.
    pub(super) fn wait(&mut self, server: &mut Server) {
        if let Some(at) = self.wake.take() {
            self.now = self.now.max(at);
            self.give(server, Input::Tick);
            if self.wake.is_none() {
                self.wake = Some(self.now.plus(1));
            }
        }
    }

    pub(super) fn toggle(&mut self, server: &mut Server, room: RoomId) {
        if self.store.wanted.remove(&room) {
            self.store.held.remove(&LogId::Room(room));
            return self.give(server, Input::Close(room));
        }
        self.store.wanted.insert(room);
        self.give(server, Input::Open(OpenRoom { room, after: None }));
    }

    pub(super) fn pause_or_go_on(&mut self, server: &mut Server) {
        if self.paused {
            return self.go_on(server);
        }
        self.paused = true;
        self.give(server, Input::Pause);
    }

    pub(super) fn go_on(&mut self, server: &mut Server) {
        self.paused = false;
        self.give(server, Input::Unpause);
    }

    pub(super) fn is_idle(&self) -> bool {
        self.store.rows.is_empty() && self.session.outbox().is_empty() && self.fetches.is_empty()
    }

    /// What is held of each log that is followed now.
    pub(super) fn followed(&self) -> impl Iterator<Item = (LogId, &Held)> {
        self.store.held.iter().map(|(log, held)| (*log, held))
    }

    /// Where a log must begin at the latest: the head when following began, or the last time of joining.
    pub(super) fn due_from(&self, log: LogId, server: &Server) -> Seq {
        let due = self.store.due.get(&log).copied();
        due.unwrap_or_else(|| server.head(log))
    }
}

//! Named situations of a client session.
//!
//! Owns: one test for each rule of the client's side. Never: a model of the server.

use tidings_protocol::{
    ClientFrame, CloseCode, Epoch, Event, Follow, LeftRoom, LogId, OpenRoom, Presence, Refusal,
    RefusalCode, RoomId, Seq, ServerFrame, Timestamp, UserId,
    limits::{HEARTBEAT_MS, OPEN_ROOMS_MAX, SILENCE_MS_MAX},
    rest::{Events, Messages},
};

use super::{cursor, event, line, me, room, send, summary, welcome};
use crate::{
    backoff::{DELAY_MS_FIRST, Millis},
    client::{
        ClientSession, GAP_EVENTS_MAX, Input, Options, Output, Page, Resume, Status,
        link::CONNECT_MS_MAX, place::FETCH_WATCHDOG_MS,
    },
    outbox::Row,
};

struct Rig {
    session: ClientSession,
    now: Millis,
    wake: Option<Millis>,
}

impl Rig {
    fn new(options: Options) -> Rig {
        Rig {
            session: ClientSession::new(options),
            now: Millis(1_000),
            wake: None,
        }
    }

    /// A listed session, welcomed, with these rooms opened by `hello`.
    fn listed(open: &[(u128, Option<u64>)]) -> Rig {
        let open = open.iter().map(|(number, after)| OpenRoom {
            room: room(*number),
            after: after.map(Seq),
        });
        let mut rig = Rig::new(Options {
            open: open.collect(),
            ..Options::default()
        });
        rig.connect(false, 0);
        rig
    }

    /// A session that follows everything after a cursor, welcomed, with room 1 at `head`.
    fn all(since: Option<u64>, head: u64) -> Rig {
        let mut rig = Rig::new(Options {
            follow: Follow::All,
            resume: Resume {
                cursor: since.map(|at| cursor(&[at])),
                user_seq: Some(Seq(0)),
            },
            ..Options::default()
        });
        rig.connect(false, head);
        rig
    }

    fn connect(&mut self, reset: bool, head: u64) {
        self.give(Input::Start);
        self.give(Input::Opened);
        self.greet(reset, head);
    }

    fn greet(&mut self, reset: bool, head: u64) -> String {
        let welcome = welcome(vec![summary(room(1), head)], cursor(&[head * 10]), 0);
        self.frame(if reset {
            ServerFrame::Reset(welcome)
        } else {
            ServerFrame::Ready(welcome)
        })
    }

    fn give(&mut self, input: Input) -> String {
        let mut out = Vec::new();
        self.session.handle(self.now, input, &mut out);
        for output in &out {
            if let Output::WakeAt(at) = output {
                self.wake = Some(*at);
            }
        }
        out.iter().filter_map(line).collect::<Vec<_>>().join("; ")
    }

    fn frame(&mut self, frame: ServerFrame) -> String {
        self.give(Input::Frame(Box::new(frame)))
    }

    fn event(&mut self, number: u128, seq: u64, txn: Option<&str>) -> String {
        self.frame(ServerFrame::Event(Box::new(in_room(number, seq, txn))))
    }

    fn answer(&mut self, number: u128, seq: u64, txn: &str) -> String {
        let event = Event {
            answer: true,
            ..in_room(number, seq, Some(txn))
        };
        self.frame(ServerFrame::Event(Box::new(event)))
    }

    fn opened(&mut self, number: u128, from: u64) -> String {
        self.frame(ServerFrame::Opened {
            room: room(number),
            from: Seq(from),
            head: Seq(from),
        })
    }

    fn command(&mut self, txn: &str) -> String {
        let row = Row::new(send(txn, room(1)), Timestamp::default()).unwrap();
        self.give(Input::Command(Box::new(row)))
    }

    fn refused(&mut self, txn: &str, refusal: Refusal) -> String {
        self.frame(ServerFrame::Refused {
            txn: Some(txn.parse().unwrap()),
            room: None,
            refusal,
        })
    }

    fn range(&mut self, fetch: u64, seqs: std::ops::RangeInclusive<u64>) -> String {
        let head = Seq(*seqs.end());
        let events = seqs.map(|seq| in_room(1, seq, None)).collect();
        self.give(Input::Page {
            fetch,
            page: Page::Range(Events {
                events,
                head,
                next: None,
            }),
        })
    }

    fn latest(&mut self, fetch: u64, head: u64) -> String {
        self.give(Input::Page {
            fetch,
            page: Page::Latest(Messages {
                messages: Vec::new(),
                head: Seq(head),
                more_before: false,
                more_after: false,
            }),
        })
    }

    fn at(&mut self, now: u64) -> String {
        self.now = Millis(now);
        self.give(Input::Tick)
    }

    fn wait(&mut self) -> String {
        self.now = self.wake.unwrap();
        self.give(Input::Tick)
    }

    fn close(&mut self, code: u16) -> String {
        self.give(Input::Closed { code })
    }

    fn positions(&self) -> Vec<u64> {
        let cursor = self.session.resume().cursor.unwrap();
        cursor.positions.iter().map(|position| position.0).collect()
    }
}

fn in_room(number: u128, seq: u64, txn: Option<&str>) -> Event {
    event(LogId::Room(room(number)), seq, txn)
}

fn of_user(seq: u64) -> ServerFrame {
    ServerFrame::Event(Box::new(event(LogId::User(me()), seq, None)))
}

#[test]
fn hello_carries_what_is_held() {
    // [HS1] [CU2]
    let mut rig = Rig::new(Options {
        resume: Resume {
            cursor: Some(cursor(&[7, 8])),
            user_seq: Some(Seq(3)),
        },
        open: vec![OpenRoom {
            room: room(1),
            after: Some(Seq(5)),
        }],
        ..Options::default()
    });
    assert_eq!(rig.give(Input::Start), "connect; Connecting");
    assert_eq!(
        rig.give(Input::Opened),
        "hello since=[7, 8] listed open=r1>5 user=3"
    );
    assert_eq!(rig.greet(false, 9), "welcome; resume; Live");
    assert_eq!(rig.positions(), [90]);
}

#[test]
fn each_event_of_an_open_room_is_applied_once_in_order() {
    // [EV3] [FO1] [SB3]
    let mut rig = Rig::listed(&[(1, Some(5))]);
    assert_eq!(rig.opened(1, 5), "");
    assert_eq!(rig.event(1, 6, None), "apply r1:6");
    assert_eq!(rig.event(1, 6, None), "");
    assert_eq!(rig.event(1, 4, None), "");
    assert_eq!(rig.event(2, 1, None), "", "it is not open");
    assert_eq!(rig.event(1, 7, None), "apply r1:7");
}

#[test]
fn a_gap_is_fetched_and_drained() {
    // [FO1]
    let mut rig = Rig::listed(&[(1, Some(5))]);
    assert_eq!(rig.event(1, 8, None), "fetch#1 r1>5");
    assert_eq!(rig.event(1, 10, None), "");
    assert_eq!(
        rig.range(1, 6..=7),
        "apply r1:6; apply r1:7; apply r1:8; fetch#2 r1>8"
    );
    assert_eq!(rig.range(1, 9..=9), "", "a late answer to an older fetch");
    assert_eq!(rig.event(1, 9, None), "apply r1:9; apply r1:10");
    assert_eq!(rig.range(2, 9..=12), "", "nothing is missing any more");
    assert_eq!(rig.event(1, 11, None), "apply r1:11");
}

#[test]
fn a_gap_that_stays_is_fetched_again() {
    let mut rig = Rig::listed(&[(1, Some(5))]);
    assert_eq!(rig.event(1, 8, None), "fetch#1 r1>5");
    assert_eq!(rig.wake, Some(Millis(1_000 + FETCH_WATCHDOG_MS)));
    assert_eq!(rig.wait(), "fetch#2 r1>5");
    let again = rig.give(Input::FetchFailed {
        fetch: 2,
        refusal: None,
    });
    assert_eq!(again, "");
    assert_eq!(rig.wait(), "fetch#3 r1>5");
    assert_eq!(rig.range(3, 1..=5), "", "a page without anything new");
    assert_eq!(rig.wait(), "fetch#4 r1>5");
    let gone = rig.give(Input::FetchFailed {
        fetch: 4,
        refusal: Some(RefusalCode::NotFound.into()),
    });
    assert_eq!(
        gone, "close r1; open-refused r1 not_found",
        "summaries again [SB6]"
    );
    assert_eq!(rig.event(1, 9, None), "");
}

#[test]
fn what_is_kept_back_is_bounded() {
    // [P5]
    let mut rig = Rig::listed(&[(1, Some(0))]);
    let last = GAP_EVENTS_MAX as u64 + 50;
    for seq in 2..=last {
        rig.event(1, seq, None);
    }
    assert_eq!(
        rig.session.places.get(room(1)).unwrap().buffered(),
        GAP_EVENTS_MAX
    );
    let applied = rig.range(1, 1..=1);
    assert!(applied.ends_with(&format!("apply r1:{0}; fetch#2 r1>{0}", GAP_EVENTS_MAX + 1)));
    let applied = rig.range(2, GAP_EVENTS_MAX as u64 + 2..=last);
    assert!(applied.ends_with(&format!("apply r1:{last}")), "{applied}");
    assert!(!rig.session.places.has_gap());
}

#[test]
fn a_room_too_far_behind_starts_over_with_its_history() {
    // [SB4] [SB5]
    let mut rig = Rig::listed(&[(1, Some(5))]);
    assert_eq!(rig.opened(1, 900), "dropped r1; fetch#1 r1 latest");
    assert_eq!(rig.event(1, 901, None), "");
    assert_eq!(rig.event(1, 902, None), "");
    assert_eq!(rig.latest(1, 901), "history r1@901; apply r1:902");
    assert_eq!(rig.opened(1, 2_000), "dropped r1; fetch#2 r1 latest");
    assert_eq!(rig.latest(2, 1_990), "history r1@1990; fetch#3 r1>1990");
    assert_eq!(rig.session.held(room(1)), Some(Seq(1_990)));
}

#[test]
fn rooms_open_and_close_at_any_time() {
    // [SB3] [SB6]
    let open = |number| {
        Input::Open(OpenRoom {
            room: room(number),
            after: None,
        })
    };
    let mut rig = Rig::new(Options::default());
    assert_eq!(rig.give(open(1)), "");
    rig.give(Input::Start);
    assert_eq!(
        rig.give(Input::Opened),
        "hello since=- listed open=r1>- user=-"
    );
    assert_eq!(rig.give(open(2)), "", "after ready");
    assert_eq!(rig.greet(false, 3), "welcome; open r2>-; resume; Live");
    assert_eq!(rig.give(open(1)), "", "it is open");
    assert_eq!(rig.opened(2, 7), "dropped r2; fetch#1 r2 latest");
    assert_eq!(rig.give(Input::Close(room(2))), "close r2");
    assert_eq!(rig.latest(1, 7), "", "no longer wanted");
    assert_eq!(rig.give(Input::Close(room(2))), "");
    assert_eq!(rig.opened(2, 9), "close r2", "nobody wants it open");
    for number in 2..=OPEN_ROOMS_MAX as u128 {
        assert!(rig.give(open(number)).starts_with("open r"));
    }
    assert_eq!(rig.give(open(99)), "open-refused r99 limit_reached");
    let refused = rig.frame(ServerFrame::Refused {
        txn: None,
        room: Some(room(5)),
        refusal: RefusalCode::NotFound.into(),
    });
    assert_eq!(refused, "open-refused r5 not_found");
    assert_eq!(
        rig.frame(ServerFrame::Left(LeftRoom {
            room: room(6),
            by: None
        })),
        "left r6"
    );
    assert_eq!(rig.event(6, 1, None), "");
}

#[test]
fn reset_forgets_what_is_held() {
    // [HS2] [CU3]
    let mut rig = Rig::listed(&[(1, Some(5))]);
    rig.close(1006);
    rig.wait();
    assert_eq!(
        rig.give(Input::Opened),
        "hello since=[0] listed open=r1>5 user=0"
    );
    assert_eq!(rig.greet(true, 2), "welcome-reset; resume; Live");
    assert_eq!(rig.opened(1, 2), "dropped r1; fetch#1 r1 latest");
    assert_eq!(rig.positions(), [20]);
}

#[test]
fn a_command_has_two_answers_and_unchanged() {
    // [CM2]
    let mut rig = Rig::listed(&[]);
    assert_eq!(rig.command("a"), "send a");
    assert_eq!(rig.event(1, 4, Some("a")), "answered a=r1:4");
    assert_eq!(rig.event(1, 4, Some("a")), "");
    assert_eq!(rig.command("b"), "send b");
    assert_eq!(
        rig.refused("b", RefusalCode::Forbidden.into()),
        "answered b=forbidden"
    );
    assert_eq!(rig.command("c"), "send c");
    let unchanged = rig.frame(ServerFrame::Unchanged {
        txn: "c".parse().unwrap(),
        log: LogId::Room(room(1)),
    });
    assert_eq!(unchanged, "answered c=unchanged");
    assert!(rig.session.outbox().is_empty());
}

#[test]
fn commands_are_sent_again_after_a_loss_and_after_passing_trouble() {
    // [CM4] [CM7] [P3]
    let mut rig = Rig::listed(&[(1, Some(5))]);
    assert_eq!(rig.command("a"), "send a");
    assert_eq!(rig.command("b"), "send b");
    assert_eq!(rig.close(1006), "Waiting");
    assert_eq!(rig.command("c"), "");
    rig.wait();
    rig.give(Input::Opened);
    assert_eq!(
        rig.greet(false, 6),
        "welcome; send a; send b; send c; resume; Live"
    );
    // `a` had happened: its event comes by the open room, and nobody asks again.
    assert_eq!(rig.event(1, 6, Some("a")), "answered a=r1:6; apply r1:6");
    let busy = Refusal::new(RefusalCode::Unavailable).retry_after_ms(2_000);
    assert_eq!(rig.refused("b", busy), "");
    let before = rig.now;
    assert_eq!(rig.wait(), "send b");
    assert!(rig.now.since(before) >= 2_000);
    assert_eq!(rig.event(1, 7, Some("c")), "answered c=r1:7; apply r1:7");
    assert_eq!(
        rig.refused("b", RefusalCode::TxnReused.into()),
        "answered b=txn_reused"
    );
}

#[test]
fn a_forgotten_command_does_not_leave() {
    let mut rig = Rig::new(Options::default());
    assert_eq!(rig.command("a"), "");
    rig.give(Input::Forget("a".parse().unwrap()));
    rig.connect(false, 0);
    assert!(rig.session.outbox().is_empty());
    assert_eq!(rig.command("b"), "send b");
}

#[test]
fn silence_is_asked_about_and_then_ended() {
    // [HB1] [HB2]
    let mut rig = Rig::listed(&[]);
    assert_eq!(rig.at(1_000 + HEARTBEAT_MS - 1), "");
    assert_eq!(rig.at(1_000 + HEARTBEAT_MS), "ping");
    assert_eq!(rig.frame(ServerFrame::Pong {}), "");
    let heard = rig.now.0;
    assert_eq!(rig.at(heard + HEARTBEAT_MS), "ping");
    assert_eq!(rig.at(heard + 2 * HEARTBEAT_MS), "ping");
    assert_eq!(rig.at(heard + SILENCE_MS_MAX - 1), "");
    assert_eq!(rig.at(heard + SILENCE_MS_MAX), "disconnect; Waiting");
}

#[test]
fn a_connection_that_is_not_had_in_time_is_given_up() {
    let mut rig = Rig::new(Options::default());
    rig.give(Input::Start);
    assert_eq!(rig.at(1_000 + CONNECT_MS_MAX), "disconnect; Waiting");
    assert_eq!(rig.wait(), "connect; Connecting");
    rig.give(Input::Opened);
    let late = rig.now.0 + CONNECT_MS_MAX;
    assert_eq!(rig.at(late), "disconnect; Waiting");
}

#[test]
fn close_codes_say_when_to_come_back() {
    // [CL1]
    let wait_after = |code: CloseCode, seed| {
        let mut rig = Rig::new(Options {
            seed,
            ..Options::default()
        });
        rig.connect(false, 0);
        assert_eq!(rig.close(code.code()), "Waiting");
        rig.wake.unwrap().since(rig.now)
    };
    let waits = |code| (0..100).map(move |seed| wait_after(code, seed));
    assert!(waits(CloseCode::Restarting).all(|wait| wait <= DELAY_MS_FIRST));
    assert!(waits(CloseCode::RateLimited).any(|wait| wait > 4_000));
    let mut rig = Rig::listed(&[]);
    rig.command("a");
    assert_eq!(
        rig.close(CloseCode::Unauthenticated.code()),
        "Stopped { code: Some(4200) }"
    );
    assert_eq!(rig.give(Input::Online(true)), "");
    assert_eq!(rig.give(Input::Start), "connect; Connecting");
    rig.give(Input::Opened);
    assert_eq!(
        rig.greet(false, 0),
        "welcome; send a; resume; Live",
        "the outbox is kept"
    );
}

#[test]
fn waits_grow_until_a_connection_holds() {
    // [CL3]
    let mut rig = Rig::new(Options::default());
    rig.give(Input::Start);
    let mut longest = 0;
    for _ in 0..40 {
        rig.close(1006);
        longest = longest.max(rig.wake.unwrap().since(rig.now));
        rig.wait();
    }
    assert!((30_000..=60_000).contains(&longest), "{longest}");
    rig.give(Input::Opened);
    rig.greet(false, 0);
    rig.now = rig.now.plus(10_000);
    rig.close(1006);
    assert!(rig.wake.unwrap().since(rig.now) <= DELAY_MS_FIRST);
}

#[test]
fn the_network_and_the_page_bring_it_back_at_once() {
    // [CL3]
    let mut rig = Rig::listed(&[]);
    assert_eq!(rig.give(Input::Visible(true)), "ping");
    rig.give(Input::Online(false));
    assert_eq!(rig.close(1006), "Waiting");
    assert_eq!(rig.at(500_000), "", "there is no network");
    assert_eq!(rig.give(Input::Online(true)), "connect; Connecting");
    rig.close(1006);
    assert_eq!(rig.give(Input::Visible(true)), "connect; Connecting");
    rig.close(CloseCode::RateLimited.code());
    assert_eq!(
        rig.give(Input::Visible(true)),
        "",
        "the server asked for time"
    );
}

#[test]
fn a_server_that_leaves_is_left_in_its_spread() {
    // [CL2]
    let mut rig = Rig::listed(&[]);
    assert_eq!(rig.frame(ServerFrame::Reconnect { jitter_ms: 5_000 }), "");
    let at = rig.wake.unwrap();
    assert!(at.since(rig.now) <= 5_000);
    assert_eq!(rig.close(CloseCode::Restarting.code()), "Waiting");
    assert_eq!(rig.give(Input::Visible(true)), "");
    assert_eq!(rig.at(at.0), "connect; Connecting");
    let mut rig = Rig::listed(&[]);
    rig.frame(ServerFrame::Reconnect { jitter_ms: 5_000 });
    let at = rig.wake.unwrap().0;
    assert_eq!(
        rig.at(at),
        "disconnect; connect; Connecting",
        "it did not close"
    );
}

#[test]
fn listed_cursors_move_with_welcomes_and_cursor_frames() {
    // [SB9] [SB2]
    let mut rig = Rig::listed(&[(1, Some(0))]);
    assert_eq!(rig.event(1, 1, None), "apply r1:1");
    assert_eq!(rig.positions(), [0]);
    assert_eq!(
        rig.frame(ServerFrame::Rooms { rooms: Vec::new() }),
        "moved 0"
    );
    assert_eq!(
        rig.frame(ServerFrame::Cursor {
            cursor: cursor(&[40])
        }),
        "resume"
    );
    assert_eq!(rig.positions(), [40]);
}

#[test]
fn with_follow_all_the_cursor_moves_with_each_event_but_never_over_a_gap() {
    // [CU2] [SB9]
    let mut rig = Rig::all(Some(0), 3);
    assert_eq!(rig.positions(), [0], "what lies between is still to come");
    assert_eq!(rig.event(1, 1, None), "apply r1:1; resume");
    assert_eq!(rig.positions(), [10]);
    assert_eq!(rig.event(1, 3, None), "fetch#1 r1>1");
    assert_eq!(rig.event(2, 9, None), "apply r2:9");
    assert_eq!(rig.positions(), [10]);
    assert_eq!(rig.range(1, 2..=3), "apply r1:2; apply r1:3; resume");
    assert_eq!(rig.positions(), [90]);
    assert_eq!(
        rig.frame(ServerFrame::Cursor {
            cursor: cursor(&[95])
        }),
        "resume"
    );
    assert_eq!(rig.event(1, 5, None), "fetch#2 r1>3");
    rig.close(1006);
    rig.wait();
    assert_eq!(rig.give(Input::Opened), "hello since=[95] all open= user=0");
}

#[test]
fn with_follow_all_what_came_behind_a_gap_that_may_not_be_read_is_not_lost() {
    // [FO1] [SB7] They left, so that a read is refused; the event of leaving is among those that wait.
    let mut rig = Rig::all(Some(0), 3);
    assert_eq!(rig.event(1, 1, None), "apply r1:1; resume");
    assert_eq!(rig.event(1, 4, None), "fetch#1 r1>1");
    assert_eq!(rig.event(1, 7, None), "");
    let refused = |fetch| Input::FetchFailed {
        fetch,
        refusal: Some(RefusalCode::NotFound.into()),
    };
    // They come back for 7: now there is another gap, which may be read.
    assert_eq!(rig.give(refused(1)), "dropped r1; apply r1:4; fetch#2 r1>4");
    assert_eq!(
        rig.range(2, 5..=6),
        "apply r1:5; apply r1:6; apply r1:7; resume"
    );
    assert_eq!(rig.positions(), [70]);
}

#[test]
fn with_follow_all_what_was_let_go_behind_a_gap_that_may_not_be_read_is_not_lost() {
    // [FO1] [CU2] No more can be kept back: the rest of what came is known of, and read.
    let mut rig = Rig::all(Some(0), 3);
    rig.event(1, 1, None);
    let kept = GAP_EVENTS_MAX as u64 + 2;
    (3..kept + 6).for_each(|seq| drop(rig.event(1, seq, None)));
    let refused = |fetch| Input::FetchFailed {
        fetch,
        refusal: Some(RefusalCode::NotFound.into()),
    };
    let went_on = rig.give(refused(1));
    let end = format!("apply r1:{kept}; fetch#2 r1>{kept}");
    assert!(went_on.ends_with(&end), "{went_on}");
    let last = rig.range(2, kept + 1..=kept + 4);
    assert!(last.ends_with(&format!("fetch#3 r1>{}", kept + 4)));
    assert_eq!(rig.positions(), [10], "not over what is missing");
    // If that may not be read either, it is said: leaving may be among it. Then it goes on with what comes.
    let over = rig.give(refused(3));
    assert_eq!(over, "open-refused r1 not_found; resume");
    let next = kept + 9;
    let applied = format!("apply r1:{next}; resume");
    assert_eq!(rig.event(1, next, None), applied);
}

#[test]
fn what_came_behind_a_gap_does_not_count_after_a_loss() {
    // [CU2] [P4]
    let mut rig = Rig::all(Some(0), 3);
    assert_eq!(rig.event(1, 1, None), "apply r1:1; resume");
    assert_eq!(rig.event(1, 3, None), "fetch#1 r1>1");
    rig.close(1006);
    rig.wait();
    rig.give(Input::Opened);
    rig.greet(false, 3);
    assert_eq!(rig.event(1, 2, None), "apply r1:2; resume");
    assert_eq!(rig.positions(), [20]);
}

#[test]
fn an_answer_out_of_its_place_moves_nothing() {
    // [CM9]
    let mut rig = Rig::all(Some(0), 3);
    rig.command("a");
    assert_eq!(rig.answer(1, 4, "a"), "answered a=r1:4");
    assert_eq!(rig.positions(), [0]);
    assert_eq!(rig.event(1, 2, None), "apply r1:2; resume");
    assert_eq!(rig.event(1, 3, None), "apply r1:3; resume");
    assert_eq!(rig.event(1, 4, Some("a")), "apply r1:4; resume");
    // Asked anew after a restart, the answer is old.
    let mut rig = Rig::listed(&[(1, Some(50))]);
    rig.command("b");
    assert_eq!(rig.answer(1, 7, "b"), "answered b=r1:7");
    rig.command("c");
    assert_eq!(rig.answer(1, 60, "c"), "answered c=r1:60");
    assert_eq!(rig.event(1, 51, None), "apply r1:51");
}

#[test]
fn with_follow_all_new_rooms_begin_with_their_first_event() {
    // [SB7] [SB8] [CM6]
    let mut rig = Rig::all(None, 0);
    rig.command("a");
    assert_eq!(
        rig.event(7, 1, Some("a")),
        "answered a=r7:1; apply r7:1; resume",
        "a room of one's own making"
    );
    let frame = ServerFrame::Room {
        room: Box::new(summary(room(8), 30)),
        users: Vec::new(),
    };
    assert_eq!(rig.frame(frame), "room r8");
    assert_eq!(rig.event(8, 30, None), "apply r8:30; resume");
    assert_eq!(rig.event(8, 31, None), "apply r8:31; resume");
    assert_eq!(
        rig.frame(ServerFrame::Left(LeftRoom {
            room: room(8),
            by: None
        })),
        "left r8"
    );
    assert_eq!(rig.event(8, 60, None), "apply r8:60; resume");
}

#[test]
fn with_follow_all_the_user_log_begins_where_the_cursor_is() {
    // [CU2]
    let mut rig = Rig::new(Options {
        follow: Follow::All,
        resume: Resume {
            cursor: Some(cursor(&[5])),
            user_seq: None,
        },
        ..Options::default()
    });
    rig.give(Input::Start);
    rig.give(Input::Opened);
    rig.frame(ServerFrame::Ready(welcome(Vec::new(), cursor(&[5]), 9)));
    assert_eq!(rig.frame(of_user(8)), "apply user:8; resume");
    assert_eq!(rig.frame(of_user(9)), "apply user:9; resume");
}

#[test]
fn the_user_log_goes_on_from_what_is_held() {
    // [HS4]
    let mut rig = Rig::listed(&[]);
    assert_eq!(rig.frame(of_user(1)), "apply user:1; resume");
    assert_eq!(rig.frame(of_user(1)), "");
    assert_eq!(rig.session.resume().user_seq, Some(Seq(1)));
    // No page fills a gap here: a new connection does.
    assert_eq!(rig.frame(of_user(5)), "disconnect; Waiting");
    rig.wait();
    assert_eq!(
        rig.give(Input::Opened),
        "hello since=[0] listed open= user=1"
    );
    let far = welcome(Vec::new(), cursor(&[0]), 900);
    rig.frame(ServerFrame::Ready(far));
    assert_eq!(rig.frame(of_user(401)), "apply user:401; resume");
    assert_eq!(rig.frame(of_user(402)), "apply user:402; resume");
}

#[test]
fn presence_and_watch_are_said_again() {
    // [SG3]
    let mut rig = Rig::listed(&[]);
    let presence = ClientFrame::Presence {
        status: Presence::Away,
    };
    let watch = ClientFrame::Watch {
        users: vec![UserId::from_bits(2)],
    };
    assert_eq!(rig.give(Input::Signal(presence)), "signal");
    assert_eq!(rig.give(Input::Signal(watch)), "signal");
    let typing = ClientFrame::Typing {
        room: room(1),
        on: true,
    };
    assert_eq!(rig.give(Input::Signal(typing)), "signal");
    rig.close(1006);
    rig.wait();
    rig.give(Input::Opened);
    assert_eq!(rig.greet(false, 0), "signal; signal; welcome; resume; Live");
}

#[test]
fn a_reader_that_cannot_take_more_is_sent_back_to_the_log() {
    // [P5]
    let mut rig = Rig::all(Some(0), 3);
    assert_eq!(rig.event(1, 1, None), "apply r1:1; resume");
    assert_eq!(rig.give(Input::Pause), "");
    assert_eq!(rig.event(1, 2, None), "");
    assert_eq!(rig.command("a"), "send a", "commands go on");
    assert_eq!(rig.event(1, 3, Some("a")), "answered a=r1:3");
    rig.close(1006);
    rig.wait();
    assert_eq!(
        rig.give(Input::Opened),
        "hello since=[10] listed open= user=0"
    );
    assert_eq!(rig.greet(false, 3), "Live");
    assert_eq!(rig.give(Input::Unpause), "disconnect; connect; Connecting");
    assert_eq!(rig.give(Input::Opened), "hello since=[10] all open= user=0");
    assert_eq!(rig.greet(false, 3), "welcome; resume; Live");
    assert_eq!(rig.event(1, 2, None), "apply r1:2; resume");
}

#[test]
fn nothing_counts_before_the_welcome_or_after_the_end() {
    // [HS2]
    let mut rig = Rig::new(Options::default());
    assert_eq!(rig.give(Input::Opened), "");
    rig.give(Input::Start);
    assert_eq!(rig.greet(false, 1), "");
    rig.give(Input::Opened);
    assert_eq!(rig.event(1, 1, None), "");
    assert_eq!(rig.greet(false, 1), "welcome; resume; Live");
    assert_eq!(rig.greet(false, 1), "", "one welcome a connection");
    assert_eq!(rig.give(Input::Stop), "disconnect; Stopped { code: None }");
    assert_eq!(rig.session.status(), Status::Stopped { code: None });
    assert_eq!(rig.close(1006), "");
}

#[test]
fn another_epoch_in_a_cursor_frame_replaces_the_old() {
    // [CU3]
    let mut rig = Rig::all(Some(50), 6);
    let mut other = cursor(&[3]);
    other.epoch = Epoch(2);
    rig.frame(ServerFrame::Cursor {
        cursor: other.clone(),
    });
    assert_eq!(rig.session.resume().cursor, Some(other));
}

#[test]
fn a_frame_that_the_server_refuses_is_told() {
    // [FR2]
    let mut rig = Rig::listed(&[]);
    let refused = ServerFrame::Refused {
        txn: None,
        room: None,
        refusal: RefusalCode::BadRequest.into(),
    };
    assert_eq!(rig.frame(refused), "frame-refused bad_request");
    let unknown: RoomId = room(77);
    assert_eq!(rig.session.held(unknown), None);
}

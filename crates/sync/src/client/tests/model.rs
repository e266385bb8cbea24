//! Random interleavings of a client, its store and a small server, by seed.
//!
//! Owns: the run and its auditors. Never: looks into the session; it sees what a caller and a server see.
//!
//! A failing seed prints its number; it becomes a named test here.

mod server;
mod store;

use tidings_protocol::{ClientFrame, Command, Follow, LogId, Seq};

use self::{
    server::{Answers, Server},
    store::Caller,
};
use super::room;
use crate::backoff::Dice;

const ROOMS: u128 = 4;
const STEPS: usize = 400;

#[derive(Clone, Copy, Debug)]
struct Plan {
    follow: Follow,
    answers: Answers,
    /// The server says `unavailable`, `internal` and `forbidden` now and then.
    moody: bool,
    /// The server loses single events of open rooms, against its promise.
    lossy: bool,
    /// Members are removed and added again.
    kicks: bool,
    /// The epoch changes now and then.
    restores: bool,
}

const CALM: Plan = Plan {
    follow: Follow::Listed,
    answers: Answers::InPlace,
    moody: false,
    lossy: false,
    kicks: false,
    restores: false,
};

fn run(seed: u64, plan: Plan) {
    let mut dice = Dice::from_seed(seed);
    let mut server = Server::new(plan.answers);
    let mut caller = Caller::new(plan.follow, seed);
    for step in 0..STEPS {
        caller.step(&mut server);
        match dice.upto(99) {
            0..=15 => {
                let to = room(dice.upto(ROOMS as u64 - 1).into());
                caller.command(&mut server, to, step);
            }
            16..=25 => server.post(room(dice.upto(ROOMS as u64 - 1).into())),
            26..=50 => server.read(plan.moody.then_some(&mut dice)),
            51..=75 => server.pump(&mut dice, plan.lossy),
            76..=88 => caller.receive(&mut server),
            89..=91 => caller.fetch(&mut server, &mut dice),
            92 => {
                server.cut();
                caller.closed(&mut server, 1006);
            }
            93 => caller.crash(&mut server, &mut dice),
            94 => caller.wait(&mut server),
            95 if plan.follow == Follow::Listed => {
                caller.toggle(&mut server, room(dice.upto(ROOMS as u64 - 1).into()))
            }
            96 if plan.kicks => server.kick_or_add(room(dice.upto(ROOMS as u64 - 1).into())),
            97 if plan.restores && dice.upto(9) == 0 => {
                server.restore();
                caller.closed(&mut server, 1006);
            }
            98 => caller.pause_or_go_on(&mut server),
            _ => server.cursor_frame(),
        }
    }
    settle(&mut server, &mut caller, &mut dice);
    audit(seed, plan, &server, &caller);
}

/// Ends the trouble and lets everything arrive.
fn settle(server: &mut Server, caller: &mut Caller, dice: &mut Dice) {
    caller.go_on(server);
    server.cut();
    caller.closed(server, 1006);
    for round in 0..2 {
        for _ in 0..5_000 {
            caller.step(server);
            server.read(None);
            server.pump(dice, false);
            caller.receive(server);
            caller.fetch_all(server);
            if server.is_idle() && caller.is_idle() {
                break;
            }
            if server.is_idle() || server.conn.is_none() {
                caller.wait(server);
            }
        }
        if round == 0 {
            server.add_everywhere();
            for number in 0..ROOMS {
                server.post(room(number));
            }
        }
    }
}

fn audit(seed: u64, plan: Plan, server: &Server, caller: &Caller) {
    let context = format!("seed {seed} {plan:?}");
    assert!(caller.is_idle(), "{context}: the outbox is not empty");
    // [P3] Each command that was not refused happened once, each refused one never.
    for (txn, refused) in &caller.answers {
        let times = server.times(txn);
        assert_eq!(times, usize::from(!refused), "{context}: {txn} happened");
    }
    assert_eq!(caller.answers.len(), caller.given, "{context}: answers");
    // [CM5] Without trouble between, the commands of one room happened in the order in which they were given.
    if !plan.moody {
        for number in 0..ROOMS {
            let order = server.own_steps(LogId::Room(room(number)));
            assert!(order.is_sorted(), "{context}: r{number} {order:?}");
        }
    }
    // [P4] [EV3] What is held of each followed log is the log, from where it began to its end.
    for (log, held) in caller.followed() {
        let events = server.log(log);
        let first = usize::try_from(held.from.0).unwrap();
        assert_eq!(
            held.events,
            events[first..],
            "{context}: {log} from {} of {}",
            held.from,
            events.len()
        );
    }
    if plan.follow == Follow::All {
        for number in 0..ROOMS {
            let log = LogId::Room(room(number));
            let held = caller.followed().find(|(have, _)| *have == log).unwrap().1;
            let due = caller.due_from(log, server);
            assert!(
                held.from <= due,
                "{context}: {log} from {}, due {due}",
                held.from
            );
        }
    }
}

fn check(plan: Plan) {
    for seed in 0..300 {
        run(seed, plan);
    }
}

#[test]
fn listed_clients_converge() {
    // [P3] [P4] [EV3] [CM9]
    for answers in [Answers::InPlace, Answers::AtOnce] {
        let listed = Plan { answers, ..CALM };
        check(listed);
        check(Plan {
            moody: true,
            lossy: true,
            kicks: true,
            restores: true,
            ..listed
        });
    }
}

#[test]
fn clients_that_follow_all_converge_wherever_answers_come() {
    // [P3] [P4] [CU2] [CM9]
    for answers in [Answers::InPlace, Answers::AtOnce] {
        let all = Plan {
            follow: Follow::All,
            answers,
            ..CALM
        };
        check(all);
        check(Plan {
            moody: true,
            kicks: true,
            restores: true,
            ..all
        });
    }
}

#[test]
fn the_model_is_no_sham() {
    // What the auditors look at is not empty.
    let mut dice = Dice::from_seed(3);
    let mut server = Server::new(Answers::InPlace);
    let mut caller = Caller::new(Follow::All, 3);
    caller.command(&mut server, room(1), 7);
    settle(&mut server, &mut caller, &mut dice);
    assert_eq!(caller.answers.len(), 1);
    assert_eq!(server.own_steps(LogId::Room(room(1))), [7]);
    let (_, held) = caller
        .followed()
        .find(|(log, _)| *log == LogId::Room(room(1)))
        .unwrap();
    assert_eq!(
        held.events.last().unwrap().seq,
        Seq(server.log(LogId::Room(room(1))).len() as u64)
    );
    assert!(matches!(
        server.last_frame,
        Some(ClientFrame::Give {
            command: Command::SendMessage(_),
            ..
        })
    ));
}

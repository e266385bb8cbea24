//! Each auditor finds what it is for, and nothing in a history that is right.

use tidings_protocol::{
    Content, Event, EventId, LogId, Position, RefusalCode, RoomId, Seq, ShardId, Timestamp, TxnId,
    UserId, content::Known,
};

use super::{Following, History, Note, Op, Record, Seen, audit};

const ROOM: RoomId = RoomId::from_bits(1);
const ANNA: UserId = UserId::from_bits(2);
const BEN: UserId = UserId::from_bits(3);

fn txn(number: u64) -> TxnId {
    format!("t-{number}").parse().unwrap()
}

fn event(seq: u64) -> Event {
    Event {
        shard: ShardId(0),
        position: Position(seq * 2),
        log: LogId::Room(ROOM),
        seq: Seq(seq),
        id: EventId::from_bits(u128::from(seq)),
        at: Timestamp(0),
        actor: ANNA,
        count: seq,
        txn: Some(txn(seq)),
        answer: false,
        content: Some(Content::Known(Known::Message {
            text: format!("t-{seq} hello").parse().unwrap(),
        })),
    }
}

fn seen(seq: u64, own: bool) -> Seen {
    let seen = Seen::of(&event(seq));
    Seen {
        txn: seen.txn.filter(|_| own),
        ..seen
    }
}

fn op(number: u64) -> Op {
    Op {
        txn: txn(number),
        room: ROOM,
        text: format!("t-{number} hello"),
        invoked: number * 10,
        answered: Some((number * 10 + 5, seen(number, true))),
        refused: false,
    }
}

fn ready(resumed: bool, head: u64) -> Note {
    Note::Ready {
        resumed,
        heads: [(ROOM, Seq(head))].into(),
    }
}

fn opened(after: Option<u64>, from: u64, head: u64) -> Note {
    Note::Opened {
        room: ROOM,
        after: after.map(Seq),
        from: Seq(from),
        head: Seq(head),
    }
}

fn events(seqs: impl IntoIterator<Item = u64>, own: bool) -> Vec<Note> {
    let notes = seqs.into_iter().map(|seq| Note::Event(seen(seq, own)));
    notes.collect()
}

fn answer(seq: u64) -> Note {
    Note::Event(Seen {
        answer: true,
        ..seen(seq, true)
    })
}

fn watcher(following: Following, notes: Vec<Note>) -> Record {
    Record {
        name: format!("{following:?}"),
        user: BEN,
        following,
        ops: Vec::new(),
        notes,
    }
}

/// Anna sent four messages; everybody followed in their own way, with a lost connection in between.
fn sound() -> History {
    let mut anna = vec![ready(false, 0), opened(None, 0, 0)];
    anna.extend((1..=4).map(|number| Note::Sent(txn(number))));
    anna.extend(events(1..=2, true));
    anna.extend([ready(true, 4), opened(Some(2), 2, 4), Note::Sent(txn(3))]);
    anna.extend(events([3], true));
    anna.push(answer(3));
    anna.extend(events([4], true));
    let sender = Record {
        name: "Anna".to_owned(),
        user: ANNA,
        following: Following::Open,
        ops: (1..=4).map(op).collect(),
        notes: anna,
    };
    let resumed = |first: Vec<u64>, second: Vec<u64>| {
        let mut notes = vec![ready(false, 0)];
        notes.extend(events(first, false));
        notes.push(ready(true, 4));
        notes.extend(events(second, false));
        notes
    };
    let mut listed = resumed(vec![], vec![]);
    listed.insert(1, Note::Moved(ROOM, Seq(3)));
    History {
        records: vec![
            sender,
            watcher(Following::All, resumed(vec![1, 2, 3], vec![2, 3, 4])),
            watcher(Following::Exact, resumed(vec![1, 2], vec![3, 4])),
            watcher(Following::Listed, listed),
        ],
        logs: [(ROOM, (1..=4).map(event).collect())].into(),
    }
}

/// Which invariants are found broken after a change to the sound history.
fn broken(change: impl FnOnce(&mut History)) -> Vec<&'static str> {
    let mut history = sound();
    change(&mut history);
    let mut found: Vec<_> = audit::all(&history)
        .into_iter()
        .map(|finding| finding.invariant)
        .collect();
    found.dedup();
    found
}

#[test]
fn a_sound_history_has_no_findings() {
    assert_eq!(audit::all(&sound()), []);
}

#[test]
fn a_lost_message_is_found() {
    let found = broken(|history| {
        history.logs.get_mut(&ROOM).unwrap().pop();
    });
    assert!(found.contains(&"I1") && found.contains(&"I5"), "{found:?}");
}

#[test]
fn a_message_refused_for_good_is_found() {
    let note = Note::Refused(txn(1), RefusalCode::Forbidden);
    assert_eq!(
        broken(|history| history.records[0].notes.push(note)),
        ["I1"]
    );
    let passing = Note::Refused(txn(1), RefusalCode::Unavailable);
    assert_eq!(
        broken(|history| history.records[0].notes.push(passing)),
        [""; 0]
    );
}

#[test]
fn a_message_that_happened_twice_is_found() {
    let found = broken(|history| {
        let log = history.logs.get_mut(&ROOM).unwrap();
        log.push(Event {
            content: event(1).content,
            ..event(5)
        });
    });
    assert!(found.contains(&"I2"), "{found:?}");
}

#[test]
fn a_gap_in_the_log_is_found() {
    let found = broken(|history| history.logs.get_mut(&ROOM).unwrap()[3].seq = Seq(9));
    assert!(found.contains(&"I3"), "{found:?}");
    let found = broken(|history| history.logs.get_mut(&ROOM).unwrap()[3].position = Position(1));
    assert!(found.contains(&"I3"), "{found:?}");
    let found = broken(|history| history.logs.get_mut(&ROOM).unwrap()[3].count = 3);
    assert!(found.contains(&"I3"), "{found:?}");
}

#[test]
fn gaps_and_repeats_in_what_is_seen_are_found() {
    for following in 1..=2 {
        for change in [
            |notes: &mut Vec<Note>| drop(notes.remove(1)),
            |notes: &mut Vec<Note>| notes.insert(1, notes[1].clone()),
            |notes: &mut Vec<Note>| notes.swap(1, 2),
        ] {
            let found = broken(|history| change(&mut history.records[following].notes));
            assert_eq!(found, ["I4"], "{following}");
        }
    }
    let again = Note::Event(seen(3, true));
    let found = broken(|history| history.records[0].notes.push(again));
    assert_eq!(found, ["I4"]);
}

#[test]
fn an_answer_that_nobody_waits_for_is_found() {
    let found = broken(|history| history.records[0].notes.push(answer(3)));
    assert_eq!(found, ["CM9"]);
    let found = broken(|history| history.records[1].notes.push(answer(3)));
    assert!(found.contains(&"CM9"), "{found:?}");
}

#[test]
fn an_exact_stream_that_repeats_after_coming_back_is_found() {
    let found = broken(|history| {
        let again = Note::Event(seen(2, false));
        history.records[2].notes.insert(4, again);
    });
    assert_eq!(found, ["I4"]);
}

#[test]
fn what_was_never_sent_or_reads_otherwise_is_found() {
    let found = broken(|history| {
        history.records[0].ops.remove(2);
    });
    assert_eq!(found, ["I5"]);
    let found = broken(|history| {
        if let Note::Event(seen) = &mut history.records[1].notes[1] {
            seen.body += 1;
        }
    });
    assert_eq!(found, ["I4"]);
}

#[test]
fn an_order_against_real_time_is_found() {
    // The second was acknowledged before the first was given.
    let found = broken(|history| {
        let ops = &mut history.records[0].ops;
        ops[0].invoked = 26;
        ops[0].answered.as_mut().unwrap().0 = 27;
    });
    assert_eq!(found, ["I6"]);
}

#[test]
fn an_order_against_the_senders_is_found() {
    let swap = |history: &mut History| {
        let ops = &mut history.records[0].ops;
        ops.swap(0, 1);
        ops[0].invoked = 1;
    };
    assert_eq!(broken(swap), ["I7"]);
    // One that was refused in between may come later.
    let found = broken(|history| {
        swap(history);
        history.records[0].ops[0].refused = true;
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_place_that_goes_back_is_found() {
    let found = broken(|history| {
        history.records[0].notes[9] = opened(Some(2), 4, 4);
    });
    assert!(found.contains(&"I8"), "{found:?}");
    let moved = Note::Moved(ROOM, Seq(4));
    let found = broken(|history| history.records[3].notes.push(moved));
    assert_eq!(found, ["I8"]);
}

#[test]
fn a_jump_is_right_only_when_far_behind() {
    let jump = |head: u64| {
        let mut history = sound();
        history.logs.insert(ROOM, (1..=head).map(event).collect());
        history.records = vec![watcher(
            Following::Open,
            vec![ready(true, head), opened(Some(4), head, head)],
        )];
        let found = audit::all(&history);
        found.iter().filter(|f| f.invariant == "I8").count()
    };
    assert_eq!((jump(504), jump(505)), (1, 0));
}

#[test]
fn an_observer_that_does_not_reach_the_head_is_found() {
    let found = broken(|history| {
        history.records[1].notes.pop();
    });
    // It had not seen the fourth.
    assert_eq!(found, ["I9"]);
}

#[test]
fn a_reset_and_a_foreign_txn_are_found() {
    assert_eq!(
        broken(|history| history.records[1].notes.push(Note::Reset)),
        ["I14"]
    );
    let found = broken(|history| {
        if let Note::Event(seen) = &mut history.records[1].notes[1] {
            seen.txn = Some(txn(1));
        }
    });
    assert_eq!(found, ["EV4"]);
}

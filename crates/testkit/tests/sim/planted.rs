//! Each auditor finds what is planted for it: a clean record with one thing changed, or a world with broken wires.
//!
//! Owns: one planted fault an invariant, at least. Never: asks for the wording of a finding.

use tidings_protocol::{
    ClientFrame, Command, Content, Event, Follow, Gone, LastMessage, LeftRoom, LogId, Marker,
    Position, Role, RoomHead, RoomId, SendContent, Seq, ServerFrame, UserId, content::Known,
    subject::SendMessage,
};
use tidings_testkit::sim::{
    Fault, Finding, Options, Record, audit,
    client::{Client, Op},
    observer::{How, Told},
    record::Witness,
    run,
};

/// A clean record, of a run that is long enough for all that is tampered with to happen.
fn clean() -> Record {
    let options = Options {
        steps: 4_000,
        ..Options::default()
    };
    let outcome = run(5, &options);
    assert!(outcome.findings.is_empty(), "{:?}", outcome.findings);
    outcome.record
}

/// The auditors find what `plant` does to a clean record, and name the invariant.
#[track_caller]
fn planted(invariant: &str, plant: impl FnOnce(&mut Record)) {
    let mut record = clean();
    plant(&mut record);
    found(invariant, &audit::all(&record));
}

#[track_caller]
fn found(invariant: &str, findings: &[Finding]) {
    let named = findings.iter().any(|found| found.invariant == invariant);
    assert!(named, "no {invariant} in {findings:?}");
}

fn known(event: &Event) -> Option<&Known> {
    event.content.as_ref().and_then(Content::known)
}

fn is_message(event: &Event) -> bool {
    matches!(known(event), Some(Known::Message { .. }))
}

/// The first device that satisfies a wish, to be changed.
fn witness(record: &mut Record, wish: impl Fn(&Witness) -> bool) -> &mut Witness {
    let witness = record.witnesses.iter_mut().find(|witness| wish(witness));
    witness.expect("the seed has such a device")
}

/// An acknowledged message in a room, and who gave it.
fn acknowledged(record: &mut Record) -> (UserId, &mut Op) {
    let mut ops = record.witnesses.iter_mut().flat_map(|w| {
        let user = w.user;
        w.ops.iter_mut().map(move |op| (user, op))
    });
    let happened = |op: &Op| matches!(&op.answered, Some((_, Some(event))) if is_message(event));
    ops.find(|(_, op)| happened(op))
        .expect("the seed has an acknowledged message")
}

#[test]
fn i1_an_acknowledged_message_that_is_not_in_the_log() {
    planted("I1", |record| {
        let (_, op) = acknowledged(record);
        let Some((_, Some(answer))) = op.answered.clone() else {
            unreachable!("it was acknowledged")
        };
        for event in record.shards.iter_mut().flatten() {
            if event.id == answer.id {
                event.txn = None;
            }
        }
    });
}

#[test]
fn i2_a_command_that_happened_twice() {
    planted("I2", |record| {
        let (user, op) = acknowledged(record);
        let txn = op.txn.clone();
        let mut events = record.shards.iter_mut().flatten();
        let other = events.find(|event| event.actor == user && event.txn.as_ref() != Some(&txn));
        other.expect("another event of theirs").txn = Some(txn);
    });
}

#[test]
fn i2_a_command_that_is_answered_in_two_ways() {
    let (mut client, event) = opened();
    let actor = client.user;
    let event = Event { actor, ..event };
    client.give(op(&client, "t1", 1));
    client.frame(&ServerFrame::Event(Box::new(Event {
        txn: Some("t1".parse().unwrap()),
        ..event.clone()
    })));
    client.frame(&ServerFrame::Event(Box::new(Event {
        id: tidings_protocol::EventId::from_bits(99),
        txn: Some("t1".parse().unwrap()),
        answer: true,
        ..event
    })));
    found("I2", &client.observer.complaints);
}

#[test]
fn i3_a_hole_in_a_shard_and_in_a_log() {
    let longest = |record: &mut Record| {
        let longest = record
            .shards
            .iter()
            .enumerate()
            .max_by_key(|(_, events)| events.len());
        longest.expect("a shard").0
    };
    planted("I3", |record| {
        let longest = longest(record);
        record.shards[longest].remove(10);
    });
    planted("I3", |record| {
        let longest = longest(record);
        let last = record.shards[longest].last_mut().expect("events");
        last.seq = last.seq.next();
    });
}

#[test]
fn i4_events_in_another_order_than_the_logs() {
    planted("I4", |record| {
        let witness = witness(record, |w| w.observer.seen.len() > 10);
        let seen = &mut witness.observer.seen;
        let at = (1..seen.len()).find(|at| {
            let (a, b) = (&seen[at - 1], &seen[*at]);
            a.event.log == b.event.log && a.session == b.session
        });
        let at = at.expect("two in a row of one log");
        seen.swap(at - 1, at);
    });
}

#[test]
fn i4_an_event_that_comes_twice_or_too_early() {
    // [EV3] In an open room.
    let (mut client, event) = opened();
    client.frame(&ServerFrame::Event(Box::new(event.clone())));
    client.frame(&ServerFrame::Event(Box::new(event.clone())));
    found("I4", &client.observer.complaints);
    let (mut client, _) = opened();
    let seq = event.seq.next();
    client.frame(&ServerFrame::Event(Box::new(Event { seq, ..event })));
    found("I4", &client.observer.complaints);
}

#[test]
fn i4_and_p4_wires_that_repeat_and_skip() {
    for (fault, invariant) in [(Fault::Repeats(4), "I4"), (Fault::Skips(4), "P4")] {
        let options = Options {
            fault: Some(fault),
            heal_steps: 1_000,
            ..Options::default()
        };
        let runs = (1..=10).map(|seed| run(seed, &options).findings);
        found(invariant, &runs.flatten().collect::<Vec<Finding>>());
    }
}

#[test]
fn i5_an_event_that_was_never_given_and_a_text_that_was_never_sent() {
    planted("I5", |record| {
        let (user, _) = acknowledged(record);
        let mut events = record.shards.iter_mut().flatten();
        let unasked = events.find(|event| event.actor == user && event.txn.is_none());
        unasked.expect("an event without a txn").txn = Some("phantom".parse().unwrap());
    });
    planted("I5", |record| {
        let (_, op) = acknowledged(record);
        if let ClientFrame::Give {
            command: Command::SendMessage(send),
            ..
        } = &mut op.frame
        {
            let SendContent::Text { text } = &mut send.content;
            *text = "something else".parse().unwrap();
        }
    });
    planted("I5", |record| {
        let witness = witness(record, |w| {
            w.observer.seen.iter().any(|s| is_message(&s.event))
        });
        let mut seen = witness.observer.seen.iter_mut();
        let seen = seen.find(|seen| is_message(&seen.event)).expect("one");
        seen.event.actor = UserId::from_bits(77);
    });
}

#[test]
fn i6_a_later_command_that_stands_before_an_earlier_one() {
    planted("I6", |record| {
        let (_, op) = acknowledged(record);
        let room = op.answered.as_ref().and_then(|(_, event)| event.clone());
        let room = room.expect("an answer").log;
        // The last of the room was answered before any other was given.
        let ops = record.witnesses.iter_mut().flat_map(|w| &mut w.ops);
        let last = ops.filter(|op| matches!(&op.answered, Some((_, Some(e))) if e.log == room));
        let last = last.max_by_key(|op| {
            op.answered
                .as_ref()
                .and_then(|(_, e)| e.as_ref())
                .map(|e| e.seq)
        });
        let last = last.expect("an answer");
        last.invoked = 0;
        last.answered.as_mut().expect("an answer").0 = 0;
    });
}

#[test]
fn i7_a_message_that_overtook_another_of_its_sender() {
    planted("I7", |record| {
        let founder = witness(record, |w| w.user == UserId::from_bits(1));
        let mut given: Vec<&mut Op> = founder
            .ops
            .iter_mut()
            .filter(|op| matches!(&op.answered, Some((_, Some(e))) if is_message(e)))
            .collect();
        let room = |op: &Op| {
            op.answered
                .as_ref()
                .and_then(|(_, e)| e.as_ref())
                .map(|e| e.log)
        };
        let pair = (1..given.len()).find(|at| room(given[at - 1]) == room(given[*at]));
        let at = pair.expect("two messages to one room");
        let (a, b) = (given[at - 1].invoked, given[at].invoked);
        given[at - 1].invoked = b + 1;
        given[at].invoked = a;
    });
}

#[test]
fn i8_a_later_session_that_is_told_less() {
    planted("I8", |record| {
        // A room that was told of in two sessions; the later one hears of its beginning.
        for witness in &mut record.witnesses {
            let told = &mut witness.observer.told;
            let later = (0..told.len()).find(|at| {
                let before = |t: &Told| t.room == told[*at].room && t.session < told[*at].session;
                told[*at].how == How::Welcome && told[..*at].iter().any(before)
            });
            if let Some(later) = later {
                told[later].head = Seq(4);
                return;
            }
        }
        panic!("the seed has no room that was told of twice");
    });
}

#[test]
fn i8_own_writes_that_a_later_session_does_not_know() {
    planted("I8", |record| {
        for witness in &mut record.witnesses {
            // Seen nothing, told nothing before: what it wrote is all it knows.
            let last = witness.observer.session;
            witness.observer.seen.clear();
            witness
                .observer
                .told
                .retain(|t| t.session == last && t.how == How::Welcome);
            for op in &mut witness.ops {
                if let Some((step, _)) = &mut op.answered {
                    *step = 0;
                }
            }
            witness
                .observer
                .begun
                .iter_mut()
                .for_each(|begun| *begun += 1);
            witness
                .observer
                .told
                .iter_mut()
                .for_each(|t| t.head = Seq(5));
        }
    });
}

#[test]
fn i8_a_room_that_opens_from_elsewhere() {
    // [SB4] Near enough to be replayed, and dropped all the same.
    let (mut client, _) = opened();
    client.close(ROOM);
    client.open(ROOM, false);
    while client.next_up(1).is_some() {}
    client.frame(&ServerFrame::Opened {
        room: ROOM,
        from: Seq(5),
        head: Seq(9),
    });
    found("I8", &client.observer.complaints);
}

#[test]
fn i9_a_world_that_does_not_heal() {
    let options = Options {
        fault: Some(Fault::Silent),
        heal_steps: 2_000,
        ..Options::default()
    };
    found("I9", &run(5, &options).findings);
}

#[test]
fn i9_a_count_of_present_members_that_is_not_true() {
    planted("I9", |record| {
        for seed in 1..30 {
            let r = run(seed, &Options::default()).record;
            eprintln!(
                "XX {seed} {}",
                r.witnesses.iter().map(|w| w.open.len()).sum::<usize>()
            );
        }
        let witness = witness(record, |w| {
            !w.observer.counts.is_empty() && !w.open.is_empty()
        });
        witness
            .observer
            .counts
            .values_mut()
            .for_each(|count| *count += 1);
    });
}

#[test]
fn i10_a_marker_that_goes_back_and_an_unread_count_that_drifts() {
    planted("I10", |record| {
        let moved = |event: &&mut Event| matches!(known(event), Some(Known::MarkerMoved { .. }));
        let mut events = record.shards.iter_mut().flatten();
        let first = events.find(moved).expect("a marker that moves").clone();
        let Some(Known::MarkerMoved { room, count, .. }) = known(&first) else {
            unreachable!("it moves a marker")
        };
        let shard = &mut record.shards[usize::from(first.shard.0)];
        let back = Known::MarkerMoved {
            room: *room,
            seq: Seq(1),
            count: *count,
        };
        let last = shard.last().expect("events").position;
        let own = shard.iter().filter(|event| event.log == first.log).count() as u64;
        shard.push(Event {
            position: last.next(),
            seq: Seq(own + 1),
            content: Some(Content::Known(back)),
            txn: None,
            ..first
        });
    });
    planted("I10", |record| {
        *record.unread.values_mut().next().expect("a member") += 1;
    });
}

#[test]
fn i10_what_was_deleted_counts_as_unread() {
    // [P8] A client that does not hear of deletions, and one that takes off a message that is there.
    let counts = |record: &Record| {
        let rooms = record.witnesses.iter().flat_map(|w| w.fold.rooms.values());
        rooms
            .map(|room| room.gone.after(room.marker.seq))
            .sum::<u64>()
    };
    let mut record = (17..60)
        .map(|seed| run(seed, &Options::default()).record)
        .find(|record| counts(record) > 0)
        .expect("a seed in which something is deleted that somebody has not read");
    let mut with = |change: &dyn Fn(&mut Gone)| {
        let rooms = record.witnesses.iter_mut();
        let rooms = rooms.flat_map(|w| w.fold.rooms.values_mut());
        rooms.for_each(|room| change(&mut room.gone));
        found("I10", &audit::all(&record));
    };
    with(&|gone| *gone = Gone::default());
    with(&|gone| gone.add(Seq(7_000)));
}

#[test]
fn i10_a_client_that_counts_too_few_or_too_many() {
    for wrong in [1, -1] {
        planted("I10", |record| {
            // A room of which a device counts what is due.
            let due = record.unread.clone();
            let rooms = record.witnesses.iter_mut().flat_map(|w| {
                let user = w.user;
                w.fold.rooms.iter_mut().map(move |room| (user, room))
            });
            let room = rooms.into_iter().find_map(|(user, (id, room))| {
                let right = due.get(&(user, *id)) == Some(&room.unread());
                (right && room.whole && room.unread() > 0).then_some(room)
            });
            let room = room.expect("a room with unread messages");
            let count = room.marker.count.saturating_add_signed(wrong);
            let room_count = room.count + 1;
            // One too few by the marker, or one too many by the head.
            if wrong > 0 {
                room.marker = Marker {
                    count,
                    ..room.marker
                };
            } else {
                room.count = room_count;
                room.marker.seq = Seq(u64::MAX);
            }
        });
    }
}

/// A private room that somebody has left for good, and their device.
fn after_leaving(record: &mut Record, follow: Follow) -> (&mut Witness, Event) {
    let log = record.shards.concat();
    let left = |user: UserId, event: &Event| matches!(known(event), Some(Known::MemberLeft { user: who }) if *who == user);
    for witness in record.witnesses.iter_mut().filter(|w| w.follow == follow) {
        for room in record.founded.keys().map(|room| LogId::Room(*room)) {
            let mut events = log.iter().filter(|event| event.log == room);
            let last = events.clone().next_back().expect("a room").clone();
            let user = witness.user;
            let joined = |event: &Event| matches!(known(event), Some(Known::MemberJoined { user: who, .. }) if *who == user);
            let gone = events.rfind(|event| joined(event) || left(user, event));
            if gone.is_some_and(|gone| left(witness.user, gone) && gone.seq < last.seq) {
                return (witness, last);
            }
        }
    }
    panic!("the seed has nobody who left a room for good");
}

#[test]
fn i11_an_event_after_leaving() {
    planted("I11", |record| {
        let mut seen = record.witnesses.iter().flat_map(|w| &w.observer.seen);
        let mut seen = seen.next().expect("an event that was seen").clone();
        let (witness, event) = after_leaving(record, Follow::Listed);
        (seen.event, seen.session) = (event, 1_000);
        witness.observer.seen.push(seen);
    });
}

#[test]
fn i11_a_summary_after_leaving() {
    planted("I11", |record| {
        let (witness, event) = after_leaving(record, Follow::Listed);
        let mut told = witness.observer.told[0].clone();
        (told.how, told.session) = (How::Moved, 1_000);
        (told.room, told.head) = (event.log.room().expect("a room"), event.seq);
        witness.observer.told.push(told);
    });
}

#[test]
fn i11_frames_of_a_room_after_left() {
    // [SB8] Each path: a summary, `opened`, an event, typing.
    let last = LastMessage {
        id: tidings_protocol::EventId::from_bits(5),
        seq: Seq(9),
        at: tidings_protocol::Timestamp::from_millis(0),
        actor: UserId::from_bits(2),
        text: Some("canary".to_owned()),
    };
    let head = RoomHead {
        room: ROOM,
        head: Seq(9),
        count: 3,
        name: None,
        gone: tidings_protocol::Gone::default(),
        last: Some(last),
    };
    let (_, event) = opened();
    let paths = [
        ServerFrame::Rooms { rooms: vec![head] },
        ServerFrame::Opened {
            room: ROOM,
            from: Seq(4),
            head: Seq(9),
        },
        ServerFrame::Event(Box::new(event)),
        ServerFrame::Typing {
            room: ROOM,
            user: UserId::from_bits(2),
            on: true,
        },
    ];
    for frame in paths {
        let (mut client, _) = opened();
        client.frame(&ServerFrame::Left(LeftRoom {
            room: ROOM,
            by: None,
        }));
        assert!(client.observer.complaints.is_empty());
        client.frame(&frame);
        found("I11", &client.observer.complaints);
    }
}

#[test]
fn i11_what_is_anothers() {
    // [EV4] [P6] Another's txn, another's log.
    let (mut client, event) = opened();
    client.frame(&ServerFrame::Event(Box::new(Event {
        txn: Some("t".parse().unwrap()),
        ..event.clone()
    })));
    found("I11", &client.observer.complaints);
    let (mut client, _) = opened();
    client.frame(&ServerFrame::Event(Box::new(Event {
        log: LogId::User(UserId::from_bits(2)),
        ..event
    })));
    found("I11", &client.observer.complaints);
}

#[test]
fn i12_rows_that_are_not_what_the_log_folds_to() {
    let room = |record: &mut Record| {
        let mut rooms = record.rooms.values_mut();
        rooms
            .find(|room| !room.messages.is_empty())
            .expect("a room with messages")
            .clone()
    };
    planted("I12", |record| {
        let mut changed = room(record);
        changed.row.count += 1;
        record.rooms.insert(changed.row.id, changed);
    });
    planted("I12", |record| {
        let mut changed = room(record);
        changed.members.insert(UserId::from_bits(77), Role::Member);
        record.rooms.insert(changed.row.id, changed);
    });
    planted("I12", |record| {
        let mut changed = room(record);
        changed.messages.pop();
        record.rooms.insert(changed.row.id, changed);
    });
    planted("I12", |record| {
        let mut changed = room(record);
        changed.messages[0].text = Some("something else".parse().unwrap());
        record.rooms.insert(changed.row.id, changed);
    });
}

#[test]
fn i12_a_timeline_that_is_no_piece_of_the_log() {
    planted("I12", |record| {
        let long = |w: &Witness| timeline(w).is_some();
        let witness = witness(record, long);
        let rooms = witness.fold.rooms.values_mut();
        let mut timelines = rooms.filter_map(|room| room.timeline.as_mut());
        let timeline = timelines.find(|t| t.events.len() > 2).expect("one");
        timeline.events.remove(1);
    });
}

#[test]
fn i12_a_session_that_folds_otherwise() {
    let loaded = |record: &Record| {
        let rooms = record.witnesses.iter().flat_map(|w| w.fold.rooms.values());
        let timelines = rooms.filter_map(|room| room.timeline.as_ref());
        let mut folds = timelines.filter_map(|timeline| timeline.fold.as_ref());
        folds.any(|fold| fold.count > 0)
    };
    let mut records = (1..=40).map(|seed| run(seed, &Options::default()).record);
    let mut record = records
        .find(loaded)
        .expect("sessions load history, and more follows");
    let rooms = record
        .witnesses
        .iter_mut()
        .flat_map(|w| w.fold.rooms.values_mut());
    for timeline in rooms.filter_map(|room| room.timeline.as_mut()) {
        if let Some(message) = timeline
            .fold
            .as_mut()
            .and_then(|fold| fold.messages.last_mut())
        {
            message.text = Some("something else".parse().unwrap());
        }
    }
    found("I12", &audit::all(&record));
}

fn timeline(witness: &Witness) -> Option<&tidings_testkit::sim::fold::Timeline> {
    let rooms = witness.fold.rooms.values();
    let mut timelines = rooms.filter_map(|room| room.timeline.as_ref());
    timelines.find(|timeline| timeline.events.len() > 2)
}

#[test]
fn p4_an_event_that_one_who_follows_everything_never_got() {
    planted("P4", |record| {
        let all = witness(record, |w| {
            w.follow == Follow::All && !w.observer.seen.is_empty()
        });
        all.observer.seen.pop();
    });
}

#[test]
fn p5_a_wire_that_never_says_that_it_is_full() {
    let options = Options {
        fault: Some(Fault::NeverFull),
        ..Options::default()
    };
    let runs = (1..=10).map(|seed| run(seed, &options).findings);
    let findings: Vec<Finding> = runs.flatten().collect();
    found("P5", &findings);
    // Everything else is well: the bytes come, there are only too many of them at once.
    assert!(
        findings.iter().all(|found| found.invariant == "P5"),
        "{findings:?}"
    );
    planted("P5", |record| record.witnesses[0].wires.piece = 1 << 20);
}

const ROOM: RoomId = RoomId::from_bits(0x1000);

/// A device of the first user that has a room open at 4, and the next event of the room, by the second user.
fn opened() -> (Client, Event) {
    let event: Event = serde_json::from_value(serde_json::json!({
        "shard": 0, "position": 20, "log": ROOM, "seq": 5, "count": 1,
        "id": tidings_protocol::EventId::from_bits(4), "at": "2026-11-20T21:00:00.000Z",
        "actor": UserId::from_bits(2), "content": {"kind": "message", "text": "hello"},
    }))
    .unwrap();
    let welcome = serde_json::from_value(serde_json::json!({
        "me": {"id": UserId::from_bits(1), "username": "ada", "display_name": "Ada", "kind": "person",
               "role": "member", "created_at": "2026-11-20T21:00:00.000Z"},
        "rooms": [{"id": ROOM, "kind": "channel", "visibility": "private", "name": "room",
                   "created_at": "2026-11-20T21:00:00.000Z", "head": 4, "count": 0, "members": 2,
                   "role": "member", "marker": {"seq": 0, "count": 0}, "last": null}],
        "user_seq": 1,
        "cursor": tidings_protocol::Cursor { epoch: tidings_protocol::Epoch(1), positions: vec![Position(10)] },
        "limits": tidings_protocol::frame::WireLimits::CURRENT,
    }))
    .unwrap();
    let user = UserId::from_bits(1);
    let mut client = Client::plain(
        user,
        tidings_protocol::DeviceId::from_bits(1),
        Follow::Listed,
    );
    client.frame(&ServerFrame::Ready(welcome));
    client.open(ROOM, true);
    while client.next_up(1).is_some() {}
    client.frame(&ServerFrame::Opened {
        room: ROOM,
        from: Seq(4),
        head: Seq(4),
    });
    assert!(
        client.observer.complaints.is_empty(),
        "{:?}",
        client.observer.complaints
    );
    (client, event)
}

fn op(client: &Client, txn: &str, invoked: u64) -> Op {
    let frame = ClientFrame::give(
        txn.parse().unwrap(),
        SendMessage {
            room: ROOM,
            content: tidings_protocol::SendContent::Text {
                text: "hello".parse().unwrap(),
            },
        },
    );
    Op {
        user: client.user,
        txn: txn.parse().unwrap(),
        frame,
        invoked,
        answered: None,
    }
}

#[test]
fn rm5_what_a_former_member_is_told() {
    // As if everybody had left before anybody came.
    planted("RM5", |record| {
        record
            .committed
            .iter_mut()
            .flatten()
            .for_each(|step| *step = 0);
    });
}

#[test]
fn i5_a_node_that_believes_whoever_speaks() {
    // [P7] Hints with other words, sealed with the key of another database.
    let found_it = (40..=100).any(|seed| {
        let options = Options {
            steps: 4_000,
            fault: Some(Fault::Credulous),
            ..Options::default()
        };
        run(seed, &options)
            .findings
            .iter()
            .any(|found| found.invariant == "I5")
    });
    assert!(found_it);
}

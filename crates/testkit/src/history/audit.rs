//! The auditors of a recorded history: invariants I1 to I9.
//!
//! Owns: what is wrong with a history. Never: runs anything, or knows which faults were injected.
//!
//! None of them takes more than sorting: histories of a hundred kills are long.

use std::collections::{BTreeMap, HashMap};

use tidings_protocol::{Event, LogId, RoomId, Seq, TxnId, UserId};

use super::{Finding, History, Op, Record, Seen, following, txn_in};

/// Runs every auditor.
#[must_use]
pub fn all(history: &History) -> Vec<Finding> {
    let mut found = Vec::new();
    for (room, log) in &history.logs {
        gapless(*room, log, &mut found);
    }
    let placed = placed(history, &mut found);
    acknowledged(history, &placed, &mut found);
    nothing_unsent(history, &placed, &mut found);
    real_time_order(history, &placed, &mut found);
    for record in &history.records {
        sender_order(record, &placed, &mut found);
        true_to_the_log(record, history, &mut found);
        following::audit(record, history, &mut found);
    }
    found
}

/// Where each message of ours stands in the final log.
struct Placed<'a> {
    by_txn: HashMap<(UserId, TxnId), (RoomId, &'a Event)>,
}

impl Placed<'_> {
    fn seq(&self, user: UserId, op: &Op) -> Option<Seq> {
        let (_, event) = self.by_txn.get(&(user, op.txn.clone()))?;
        Some(event.seq)
    }
}

pub(super) fn wrong(found: &mut Vec<Finding>, invariant: &'static str, text: String) {
    found.push(Finding { invariant, text });
}

/// I3: `seq` without gaps, positions rising with it, `count` the number of messages.
fn gapless(room: RoomId, log: &[Event], found: &mut Vec<Finding>) {
    let mut count = 0;
    let mut position = None;
    for (index, event) in log.iter().enumerate() {
        let due = Seq(index as u64 + 1);
        if event.seq != due || event.log != LogId::Room(room) {
            wrong(
                found,
                "I3",
                format!("{room} has {} {} where {due} is due", event.log, event.seq),
            );
        }
        if position.is_some_and(|before| before >= event.position) {
            wrong(
                found,
                "I3",
                format!(
                    "{room}: position {} of seq {due} does not rise",
                    event.position
                ),
            );
        }
        position = Some(event.position);
        count += u64::from(txn_in(event).is_some());
        if event.count != count {
            wrong(
                found,
                "I3",
                format!(
                    "{room}: seq {due} counts {} messages of {count}",
                    event.count
                ),
            );
        }
    }
}

/// I2: no txn twice.
fn placed<'a>(history: &'a History, found: &mut Vec<Finding>) -> Placed<'a> {
    let mut by_txn: HashMap<(UserId, TxnId), (RoomId, &Event)> = HashMap::new();
    for (room, log) in &history.logs {
        for event in log {
            let Some((txn, _)) = txn_in(event) else {
                continue;
            };
            if let Some((other, first)) = by_txn.insert((event.actor, txn.clone()), (*room, event))
            {
                wrong(
                    found,
                    "I2",
                    format!(
                        "{txn} stands at {} of {other} and at {} of {room}",
                        first.seq, event.seq
                    ),
                );
            }
        }
    }
    Placed { by_txn }
}

/// I1: what was acknowledged is in the log, as it was acknowledged.
fn acknowledged(history: &History, placed: &Placed<'_>, found: &mut Vec<Finding>) {
    for record in &history.records {
        for op in &record.ops {
            let Some((_, seen)) = &op.answered else {
                continue;
            };
            match placed.by_txn.get(&(record.user, op.txn.clone())) {
                None => wrong(
                    found,
                    "I1",
                    format!(
                        "{} was acknowledged as {} and is not in the log",
                        op.txn, seen.seq
                    ),
                ),
                Some((room, event)) => {
                    if *room != op.room || event.id != seen.id || event.seq != seen.seq {
                        let text = format!(
                            "{} was acknowledged as {} and is {}",
                            op.txn, seen.seq, event.seq
                        );
                        wrong(found, "I1", text);
                    }
                }
            }
        }
    }
}

/// I5: what is in the log was sent, and says what was sent.
fn nothing_unsent(history: &History, placed: &Placed<'_>, found: &mut Vec<Finding>) {
    let mut given: HashMap<(UserId, &TxnId), &Op> = HashMap::new();
    for record in &history.records {
        given.extend(record.ops.iter().map(|op| ((record.user, &op.txn), op)));
    }
    for ((user, txn), (room, event)) in &placed.by_txn {
        match given.get(&(*user, txn)) {
            None => wrong(found, "I5", format!("{txn} was never given")),
            Some(op) => {
                let says = txn_in(event).map(|(_, text)| text);
                if says != Some(&op.text) || *room != op.room {
                    wrong(found, "I5", format!("{txn} is not what was given"));
                }
            }
        }
    }
}

/// I6: what was given after another was acknowledged stands after it in the same room.
fn real_time_order(history: &History, placed: &Placed<'_>, found: &mut Vec<Finding>) {
    // By room: acknowledgements and invocations in the order of their moments.
    let mut moments: BTreeMap<RoomId, Vec<(u64, bool, Seq, &TxnId)>> = BTreeMap::new();
    for record in &history.records {
        for op in &record.ops {
            let Some(seq) = placed.seq(record.user, op) else {
                continue;
            };
            let room = moments.entry(op.room).or_default();
            room.push((op.invoked, false, seq, &op.txn));
            if let Some((at, _)) = &op.answered {
                room.push((*at, true, seq, &op.txn));
            }
        }
    }
    for (room, mut moments) in moments {
        moments.sort();
        let mut highest: Option<(Seq, &TxnId)> = None;
        for (_, acknowledged, seq, txn) in moments {
            if acknowledged {
                highest = highest.max(Some((seq, txn)));
            } else if let Some((before, first)) = highest
                && seq <= before
            {
                let text = format!(
                    "{room}: {txn} is {seq}, given after {first} was acknowledged as {before}"
                );
                wrong(found, "I6", text);
            }
        }
    }
}

/// I7: one client's messages to one room stand in the order in which it gave them.
fn sender_order(record: &Record, placed: &Placed<'_>, found: &mut Vec<Finding>) {
    let mut last: HashMap<RoomId, Seq> = HashMap::new();
    for op in record.ops.iter().filter(|op| !op.refused) {
        let Some(seq) = placed.seq(record.user, op) else {
            continue;
        };
        let before = last.insert(op.room, seq);
        if before.is_some_and(|before| before >= seq) {
            let text = format!(
                "{}: {} is {seq}, given after {before:?}",
                record.name, op.txn
            );
            wrong(found, "I7", text);
        }
    }
}

/// I4, I5: every event of a room that was seen is the one that stands there in the log.
fn true_to_the_log(record: &Record, history: &History, found: &mut Vec<Finding>) {
    let answers = record.ops.iter().filter_map(|op| op.answered.as_ref());
    let seen = record.notes.iter().filter_map(|note| match note {
        super::Note::Event(seen) => Some(seen),
        _ => None,
    });
    for seen in seen.chain(answers.map(|(_, seen)| seen)) {
        let LogId::Room(room) = seen.log else {
            continue;
        };
        let stands = history
            .logs
            .get(&room)
            .and_then(|log| log.get(usize::try_from(seen.seq.0).ok()?.checked_sub(1)?));
        match stands {
            None => wrong(
                found,
                "I5",
                format!(
                    "{} saw {} of {room}, which is not in the log",
                    record.name, seen.seq
                ),
            ),
            Some(event) => {
                let own = event.actor == record.user;
                let stands = Seen::of(event);
                let txn = txn_in(event).map(|(txn, _)| txn).filter(|_| own);
                let told = Seen {
                    txn: None,
                    answer: false,
                    ..seen.clone()
                };
                if (Seen {
                    txn: None,
                    ..stands
                }) != told
                {
                    let text = format!(
                        "{} saw another event as {} of {room}",
                        record.name, seen.seq
                    );
                    wrong(found, "I4", text);
                } else if seen.txn != txn && (own && txn.is_some() || seen.txn.is_some()) {
                    let text = format!(
                        "{} saw {} of {room} with the txn {:?}",
                        record.name, seen.seq, seen.txn
                    );
                    wrong(found, "EV4", text);
                }
            }
        }
    }
}

/// A history and what the auditors say of it.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What happened.
    pub history: History,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
}

impl Judged {
    /// Runs every auditor; `noted` is what was found on the way.
    #[must_use]
    pub fn new(history: History, mut noted: Vec<Finding>) -> Judged {
        noted.extend(all(&history));
        Judged {
            history,
            findings: noted,
        }
    }

    /// The figures of it on one line.
    #[must_use]
    pub fn figures(&self) -> String {
        let records = &self.history.records;
        let ops = || records.iter().flat_map(|record| &record.ops);
        let notes = || records.iter().flat_map(|record| &record.notes);
        format!(
            "events {}, sent {}, of these again {}, acknowledged {}, sessions {}, seen {}, findings {}",
            self.history.logs.values().map(Vec::len).sum::<usize>(),
            ops().count(),
            notes()
                .filter(|note| matches!(note, super::Note::Sent(_)))
                .count()
                .saturating_sub(ops().count()),
            ops().filter(|op| op.answered.is_some()).count(),
            notes()
                .filter(|note| matches!(note, super::Note::Ready { .. }))
                .count(),
            notes()
                .filter(|note| matches!(note, super::Note::Event(_)))
                .count(),
            self.findings.len(),
        )
    }
}

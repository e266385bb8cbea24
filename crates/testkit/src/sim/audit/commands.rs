//! What became of commands.
//!
//! Owns: I1, I2, I5, I6, I7. Never: looks at what other devices saw of them.

use std::collections::HashMap;

use tidings_protocol::{
    ClientFrame, Command, Content, Event, LogId, SendContent, Seq, TxnId, UserId, content::Known,
};

use super::{Findings, Log, Record};
use crate::sim::client::Op;

fn ops(record: &Record) -> impl Iterator<Item = &Op> {
    record.witnesses.iter().flat_map(|witness| &witness.ops)
}

/// I1, I2, I5: what was acknowledged is in the log, no txn twice, and what is in the log was sent as it stands there.
pub(super) fn no_loss_no_doubles(record: &Record, log: &Log<'_>, found: &mut Findings) {
    let mut by_txn: HashMap<(UserId, &TxnId), Vec<&Event>> = HashMap::new();
    for event in log.all() {
        if let Some(txn) = &event.txn {
            by_txn.entry((event.actor, txn)).or_default().push(event);
        }
    }
    for ((_, txn), events) in &by_txn {
        if events.len() > 1 {
            found.add(
                "I2",
                format!("{txn} stands {} times in the log", events.len()),
            );
        }
    }
    let mut given: HashMap<(UserId, &TxnId), &Op> = HashMap::new();
    for op in ops(record) {
        given.insert((op.user, &op.txn), op);
        let stored = by_txn.get(&(op.user, &op.txn));
        if let Some((_, Some(event))) = &op.answered
            && !stored.is_some_and(|events| events.iter().any(|e| e.id == event.id))
        {
            let text = format!("{} was acknowledged and is not in the log", op.txn);
            found.add("I1", text);
        }
    }
    for (key, events) in &by_txn {
        // Rooms that were there before the run began: no client gave them.
        let founded = events[0]
            .log
            .room()
            .and_then(|room| record.founded.get(&room));
        if founded.is_some_and(|founded| events[0].seq <= *founded) {
            continue;
        }
        match given.get(key) {
            None => found.add("I5", format!("{} was never given", key.1)),
            Some(op) if !says_the_same(&op.frame, events[0]) => {
                found.add("I5", format!("{} says something else than was sent", key.1));
            }
            Some(_) => {}
        }
    }
}

/// Whether an event says what its command did. What was erased says nothing.
fn says_the_same(frame: &ClientFrame, event: &Event) -> bool {
    let Some(content) = event.content.as_ref().and_then(Content::known) else {
        return true;
    };
    let ClientFrame::Give { command, .. } = frame else {
        return true;
    };
    match (command, content) {
        (Command::SendMessage(send), Known::Message { text: stored }) => {
            let SendContent::Text { text } = &send.content;
            text == stored
        }
        (
            Command::EditMessage(edit),
            Known::MessageEdited {
                message,
                text: stored,
                ..
            },
        ) => {
            let SendContent::Text { text } = &edit.content;
            edit.message == *message && text == stored
        }
        (Command::SendMessage(_) | Command::EditMessage(_), _) => false,
        _ => true,
    }
}

/// I6: what was given after another was acknowledged stands after it in the same log.
pub(super) fn real_time_order(record: &Record, found: &mut Findings) {
    let mut done: Vec<(u64, u64, LogId, Seq, &TxnId)> = ops(record)
        .filter_map(|op| match &op.answered {
            Some((at, Some(event))) => Some((op.invoked, *at, event.log, event.seq, &op.txn)),
            _ => None,
        })
        .collect();
    done.sort();
    for a in &done {
        for b in done.iter().filter(|b| b.2 == a.2 && b.0 > a.1) {
            if b.3 <= a.3 {
                let (a, b) = (a.4, b.4);
                let text = format!("{a} was acknowledged before {b} was given and stands after it");
                found.add("I6", text);
            }
        }
    }
}

/// I7: one client's messages to one room stand in the order in which it gave them.
pub(super) fn sender_order(record: &Record, log: &Log<'_>, found: &mut Findings) {
    for (at, witness) in record.witnesses.iter().enumerate() {
        let mut given: Vec<&Op> = witness.ops.iter().collect();
        given.sort_by_key(|op| op.invoked);
        // A copy of a refused command may wait on a node that its client has left, and happen late. [CM4]
        given.retain(|op| !matches!(op.answered, Some((_, None))));
        let order: HashMap<&TxnId, usize> = given
            .iter()
            .enumerate()
            .map(|(index, op)| (&op.txn, index))
            .collect();
        for (room, _) in log.rooms() {
            let stays = log.stays(room, witness.user);
            if !matches!(stays, [(joined, _)] if *joined <= record.founded[&room]) {
                // What was refused before they came, or while they were away, may be given again after what was
                // sent since. [CM4]
                continue;
            }
            let mut last: Option<usize> = None;
            for event in log.messages(room).filter(|e| e.actor == witness.user) {
                let Some(&index) = event.txn.as_ref().and_then(|txn| order.get(txn)) else {
                    continue;
                };
                if let Some(last) = last.filter(|last| *last > index) {
                    let (this, that) = (&given[index].txn, &given[last].txn);
                    found.add(
                        "I7",
                        format!("client {at}: {this} overtook {that} in {room}"),
                    );
                }
                last = Some(index);
            }
        }
    }
}

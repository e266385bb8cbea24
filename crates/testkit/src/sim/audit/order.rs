//! What each device saw, against the log.
//!
//! Owns: I4, I5 for what was seen, I8, P4. Never: judges who may see; `audience` does.

use std::collections::{BTreeSet, HashMap};

use tidings_protocol::{Follow, LogId, RoomId, Seq};

use super::{Findings, Log};
use crate::sim::{observer::How, record::Witness};

/// I4, I5: each session saw a slice of each log, in its order (each time it opened it), and never what the log does not
/// say.
pub(super) fn same_order(at: usize, witness: &Witness, log: &Log<'_>, found: &mut Findings) {
    let mut last: HashMap<(u64, u64, LogId), Seq> = HashMap::new();
    for seen in &witness.observer.seen {
        let event = &seen.event;
        let (shard, position) = (event.shard, event.position);
        let Some(stored) = log.at(shard, position) else {
            let text =
                format!("client {at} saw {position} of shard {shard}, which is not in the log");
            found.add("I5", text);
            continue;
        };
        let same = stored.id == event.id
            && stored.seq == event.seq
            && stored.log == event.log
            && stored.actor == event.actor
            && stored.count == event.count;
        // The body may have been erased since.
        let erased = stored.content.is_none() || event.content.is_none();
        if !same || !(erased || stored.content == event.content) {
            let text = format!("client {at} saw another event at {position} of shard {shard}");
            found.add("I5", text);
        }
        let here = (seen.session, seen.opening, event.log);
        let before = last.insert(here, event.seq);
        if let Some(before) = before.filter(|before| *before >= event.seq) {
            let text = format!(
                "client {at} saw {} of {} after {before}",
                event.seq, event.log
            );
            found.add("I4", text);
        }
    }
}

/// I8: what a session is told of a room is never behind what its client had before it began, on whatever node: not
/// behind what it saw, was told, or has written itself; and within a session it never goes back. Once a room was open, its
/// news is that of the node, which may be behind the store that `ready` came from: the events themselves are in order.
pub(super) fn never_back(at: usize, witness: &Witness, found: &mut Findings) {
    let observer = &witness.observer;
    let mut had: HashMap<RoomId, Vec<(u64, Seq)>> = HashMap::new();
    for seen in &observer.seen {
        if let LogId::Room(room) = seen.event.log {
            had.entry(room)
                .or_default()
                .push((seen.session, seen.event.seq));
        }
    }
    for told in &observer.told {
        had.entry(told.room)
            .or_default()
            .push((told.session, told.head));
    }
    for op in &witness.ops {
        if let Some((step, Some(event))) = &op.answered
            && let LogId::Room(room) = event.log
        {
            // It was known in every session that began after the answer.
            let session = observer.begun.iter().filter(|begun| *begun < step).count() as u64;
            had.entry(room).or_default().push((session, event.seq));
        }
    }
    let mut last: HashMap<(u64, RoomId), Seq> = HashMap::new();
    let mut opened: BTreeSet<(u64, RoomId)> = BTreeSet::new();
    for told in &observer.told {
        let here = (told.session, told.room);
        let within = last.insert(here, told.head).unwrap_or_default();
        if told.how == How::Opened {
            opened.insert(here);
        }
        if opened.contains(&here) && matches!(told.how, How::Opened | How::Moved) {
            continue;
        }
        let known = had.get(&told.room).map(Vec::as_slice).unwrap_or_default();
        let before = known.iter().filter(|(session, _)| *session < told.session);
        let before = before.map(|(_, seq)| *seq).max().unwrap_or_default();
        let floor = within.max(before);
        if told.head < floor {
            let (room, head, how) = (told.room, told.head, told.how);
            let text = format!("client {at} was told {head} of {room} by {how:?} after {floor}");
            found.add("I8", text);
        }
    }
}

/// I8: one who follows everything begins anew only when the end of a stay lies after the cursor, and another stay after
/// that. `[SB11]`
pub(super) fn resets_are_deserved(
    at: usize,
    witness: &Witness,
    log: &Log<'_>,
    found: &mut Findings,
) {
    for (since, _) in &witness.observer.resets {
        let missed = log.rooms().any(|(room, events)| {
            let stays = log.stays(room, witness.user);
            let ended = stays[..stays.len().saturating_sub(1)].iter();
            ended.filter_map(|(_, left)| *left).any(|left| {
                let left = events.iter().find(|event| event.seq == left);
                left.is_some_and(|left| left.position > since.position(left.shard))
            })
        });
        if !missed {
            let text = format!("client {at} was reset at {since:?} for no reason");
            found.add("I8", text);
        }
    }
}

/// P4 for those who follow everything: all that they may see since they began, once; but for what a reset said it would
/// not tell. Of a stay that is over only its end must have come: what else was in it is told to nobody who was behind.
pub(super) fn everything_seen(at: usize, witness: &Witness, log: &Log<'_>, found: &mut Findings) {
    let Some(began) = &witness.observer.began else {
        return;
    };
    if witness.follow != Follow::All {
        return;
    }
    let seen: BTreeSet<_> = witness
        .observer
        .seen
        .iter()
        .map(|seen| (seen.event.shard, seen.event.position))
        .collect();
    for event in log.all() {
        if event.position <= began.position(event.shard) {
            continue;
        }
        let visible = match event.log {
            LogId::User(user) => user == witness.user,
            LogId::Room(room) => match log.stays(room, witness.user).last() {
                Some((joined, None)) => *joined <= event.seq,
                Some((_, Some(left))) => *left == event.seq,
                None => false,
            },
        };
        let untold = witness.observer.resets.iter().any(|(since, to)| {
            let at = event.position;
            at > since.position(event.shard) && at <= to.position(event.shard)
        });
        if visible && !untold && !seen.contains(&(event.shard, event.position)) {
            let (position, of, seq) = (event.position, event.log, event.seq);
            found.add(
                "P4",
                format!("client {at} never got position {position} ({of} {seq})"),
            );
        }
    }
}

//! State against the log: what a fresh load shows, and what clients hold.
//!
//! Owns: I10 and I12, on the store's side and on the client's; what I9 says of counts. Never: folds otherwise than `core` does.

use std::collections::{BTreeSet, HashMap};

use tidings_core::room_fold::{Folded, RoomFold};
use tidings_protocol::{
    Content, Follow, LogId, RoomId, Seq, UserId, content::Known, limits::GONE_MAX,
};

use super::{Findings, Log, Record};
use crate::sim::{
    fold::{HeldRoom, Timeline, folded},
    record::{Loaded, Witness},
};

fn fold_of(room: RoomId, log: &Log<'_>, found: &mut Findings) -> RoomFold {
    let mut fold = RoomFold::empty(room);
    for event in log.events(LogId::Room(room)) {
        if fold.apply(event) != Folded::Applied {
            found.add("I12", format!("{room} cannot fold {}", event.seq));
        }
    }
    fold
}

/// I12: the log folded is what a fresh load shows.
pub(super) fn fold_is_fetch(record: &Record, log: &Log<'_>, found: &mut Findings) {
    for (&room, loaded) in &record.rooms {
        let fold = fold_of(room, log, found);
        let Loaded {
            row,
            members,
            messages,
        } = loaded;
        if row.head != fold.head || row.count != fold.count || row.name != fold.name {
            found.add("I12", format!("{room}: the row says {row:?}"));
        }
        if *members != fold.members || row.members as usize != fold.members.len() {
            let text = format!("{room}: members are {members:?}, folded {:?}", fold.members);
            found.add("I12", text);
        }
        let messages: Vec<_> = messages.iter().map(folded).collect();
        if messages != fold.messages {
            let text = differ(&messages, &fold.messages);
            found.add("I12", format!("{room}: loaded and folded differ: {text}"));
        }
    }
}

fn differ<T: PartialEq + std::fmt::Debug>(a: &[T], b: &[T]) -> String {
    match a.iter().zip(b).find(|(a, b)| a != b) {
        Some((a, b)) => format!("{a:?} and {b:?}"),
        None => format!("{} and {} of them", a.len(), b.len()),
    }
}

/// I12 on the client's side: a timeline is a piece of the log, and what was loaded and folded on is what the log
/// folds to.
pub(super) fn timelines_are_the_log(
    at: usize,
    witness: &Witness,
    log: &Log<'_>,
    found: &mut Findings,
) {
    for (&room, held) in &witness.fold.rooms {
        let Some(timeline) = &held.timeline else {
            continue;
        };
        let events = log.events(LogId::Room(room)).iter();
        let piece: Vec<_> = events
            .filter(|event| event.seq > timeline.from && event.seq <= timeline.last())
            .map(|event| (event.seq, event.id))
            .collect();
        if piece != timeline.events {
            let text = differ(&timeline.events, &piece);
            found.add(
                "I12",
                format!("client {at} holds other events of {room}: {text}"),
            );
        }
        folds_to_the_same(at, room, timeline, log, found);
    }
}

fn folds_to_the_same(
    at: usize,
    room: RoomId,
    timeline: &Timeline,
    log: &Log<'_>,
    found: &mut Findings,
) {
    let head = log.events(LogId::Room(room)).last().map(|event| event.seq);
    let Some(mine) = timeline
        .fold
        .as_ref()
        .filter(|_| head == Some(timeline.last()))
    else {
        // A room that was closed again is held as it was then.
        return;
    };
    let whole = fold_of(room, log, found);
    let known = whole.messages.len().saturating_sub(mine.messages.len());
    if mine.messages != whole.messages[known..] {
        let text = differ(&mine.messages, &whole.messages[known..]);
        found.add(
            "I12",
            format!("client {at} folded {room} otherwise: {text}"),
        );
    }
}

/// I10: markers never go back, and unread is the count of messages after the marker that are not deleted.
pub(super) fn unread_is_arithmetic(record: &Record, log: &Log<'_>, found: &mut Findings) {
    let users: BTreeSet<UserId> = record.witnesses.iter().map(|w| w.user).collect();
    for user in users {
        let mut markers: HashMap<RoomId, Seq> = HashMap::new();
        for event in log.events(LogId::User(user)) {
            let known = event.content.as_ref().and_then(Content::known);
            if let Some(Known::MarkerMoved { room, seq, .. }) = known {
                let old = markers.insert(*room, *seq);
                if let Some(old) = old.filter(|old| old >= seq) {
                    let text = format!("the marker of {user} in {room} went from {old} to {seq}");
                    found.add("I10", text);
                }
            }
        }
        for (&(_, room), told) in record.unread.iter().filter(|((who, _), _)| *who == user) {
            let own = log.messages(room).filter(|event| event.actor == user);
            let own = own.map(|event| event.seq).max();
            let marker = markers.get(&room).copied().max(own).unwrap_or_default();
            let deleted: BTreeSet<Seq> = log
                .events(LogId::Room(room))
                .iter()
                .filter_map(|event| match event.content.as_ref()?.known()? {
                    Known::MessageDeleted { target, .. } => Some(*target),
                    _ => None,
                })
                .collect();
            let after = log.messages(room).filter(|event| event.seq > marker);
            let (gone, living): (Vec<_>, Vec<_>) =
                after.partition(|event| deleted.contains(&event.seq));
            // More than are named count as unread. [P8]
            let unread = living.len() + gone.len().saturating_sub(GONE_MAX);
            if *told != unread as u64 {
                let text =
                    format!("{user} has {unread} unread in {room}, a fresh load says {told}");
                found.add("I10", text);
            }
        }
    }
}

/// I10 on the client's side: what it subtracts is what a fresh load tells. It may count own messages that another
/// device sent as unread, where only summaries told of them: those name the last line alone. Never too few.
pub(super) fn unread_of_the_client(
    at: usize,
    witness: &Witness,
    record: &Record,
    log: &Log<'_>,
    found: &mut Findings,
) {
    let user = witness.user;
    for (&room, held) in &witness.fold.rooms {
        let Some(&due) = record.unread.get(&(user, room)) else {
            continue;
        };
        let unread = held.unread();
        let exact = held.whole && !wrote_unheard(witness, room, held, log);
        if unread < due || (exact && unread != due) {
            let text = format!("client {at} counts {unread} unread in {room}, not {due}");
            found.add("I10", text);
        }
    }
}

/// Whether the user wrote something after the marker that this client did not get in its place or as an answer.
fn wrote_unheard(witness: &Witness, room: RoomId, held: &HeldRoom, log: &Log<'_>) -> bool {
    let timeline = held.timeline.as_ref();
    let own = log
        .messages(room)
        .filter(|event| event.actor == witness.user);
    own.filter(|event| event.seq > held.marker.seq)
        .any(|event| {
            let came = timeline.is_some_and(|t| t.events.contains(&(event.seq, event.id)));
            let mut ops = witness.ops.iter();
            let given = ops.any(|op| Some(&op.txn) == event.txn.as_ref() && op.answered.is_some());
            !came && !given
        })
}

/// I9: when everybody is back and level, whoever has a room open was told that all its members are there. `[SG5]`
pub(super) fn counts_are_true(at: usize, witness: &Witness, record: &Record, found: &mut Findings) {
    if record.unlevel.is_some() || witness.follow == Follow::All {
        return;
    }
    for room in &witness.open {
        let members = &record.rooms[room].members;
        let told = witness.observer.counts.get(room).copied();
        let is_member = members.contains_key(&witness.user);
        if is_member && told != u32::try_from(members.len()).ok() {
            let text = format!(
                "client {at} was told that {told:?} of {} members are in {room}",
                members.len()
            );
            found.add("I9", text);
        }
    }
}

//! The auditors: each reads what was recorded and the log, and says what is wrong.
//!
//! Owns: invariants I1 to I12. Never: runs anything, or knows how the result came about.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use tidings_core::room_fold::{Folded, RoomFold};
use tidings_protocol::{
    ClientFrame, Content, Event, Follow, LogId, Position, RoomId, SendContent, Seq, ShardId, TxnId,
    UserId, content::Known,
};
use tidings_store::Page;

use super::{
    client::{Client, Op},
    world::World,
};

/// What an auditor found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Which invariant is broken.
    pub invariant: &'static str,
    /// How.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.text)
    }
}

/// The whole log, as the store has it at the end.
struct Log {
    all: Vec<Event>,
    rooms: BTreeMap<RoomId, Vec<Event>>,
}

/// Runs every auditor.
pub async fn all(world: &World) -> Vec<Finding> {
    let mut found = Vec::new();
    let log = read_log(world, &mut found).await;
    let ops: Vec<&Op> = world
        .clients
        .iter()
        .flat_map(|client| client.done.iter().chain(&client.outbox))
        .collect();
    no_loss_no_doubles(&log, &ops, &mut found);
    real_time_order(&ops, &mut found);
    sender_order(&log, world, &mut found);
    for (at, client) in world.clients.iter().enumerate() {
        for complaint in &client.complaints {
            found.push(Finding {
                invariant: "I4",
                text: format!("client {at}: {complaint}"),
            });
        }
        same_order(at, client, &log, &mut found);
        nothing_after_leaving(at, client, &log, &mut found);
        if client.follow == Follow::All {
            everything_seen(at, client, &log, &mut found);
        }
    }
    fold_is_fetch(world, &log, &mut found).await;
    unread_is_arithmetic(world, &log, &mut found).await;
    found
}

fn wrong(found: &mut Vec<Finding>, invariant: &'static str, text: String) {
    found.push(Finding { invariant, text });
}

/// I3: positions in the shard and seqs in each log have no gap.
async fn read_log(world: &World, found: &mut Vec<Finding>) -> Log {
    let mut all: Vec<Event> = Vec::new();
    loop {
        let after = all.last().map_or(Position::ZERO, |event| event.position);
        let page = world
            .store
            .shard_after(ShardId(0), after, 500)
            .await
            .expect("the store is open");
        if page.is_empty() {
            break;
        }
        all.extend(
            page.iter()
                .map(|event| event.to_event(event.actor).expect("a body that parses")),
        );
    }
    let mut heads: HashMap<LogId, Seq> = HashMap::new();
    let mut rooms: BTreeMap<RoomId, Vec<Event>> = BTreeMap::new();
    for (index, event) in all.iter().enumerate() {
        if event.position != Position(index as u64 + 1) {
            wrong(
                found,
                "I3",
                format!("position {} stands at place {}", event.position, index + 1),
            );
        }
        let head = heads.entry(event.log).or_default();
        if event.seq != head.next() {
            wrong(
                found,
                "I3",
                format!("{} has seq {} after {head}", event.log, event.seq),
            );
        }
        *head = event.seq;
        if let LogId::Room(room) = event.log {
            rooms.entry(room).or_default().push(event.clone());
        }
    }
    Log { all, rooms }
}

/// I1, I2, I5: what was acknowledged is in the log, no txn twice, and what is in the log was sent as it stands there.
fn no_loss_no_doubles(log: &Log, ops: &[&Op], found: &mut Vec<Finding>) {
    let mut by_txn: HashMap<(UserId, &TxnId), Vec<&Event>> = HashMap::new();
    for event in &log.all {
        if let Some(txn) = &event.txn {
            by_txn.entry((event.actor, txn)).or_default().push(event);
        }
    }
    for ((_, txn), events) in &by_txn {
        if events.len() > 1 {
            wrong(
                found,
                "I2",
                format!("{txn} stands {} times in the log", events.len()),
            );
        }
    }
    let mut given: HashMap<(UserId, &TxnId), &Op> = HashMap::new();
    for op in ops {
        given.insert((op.user, &op.txn), op);
        if let Some((_, Some(event))) = &op.answered
            && !by_txn
                .get(&(op.user, &op.txn))
                .is_some_and(|events| events.iter().any(|e| e.id == event.id))
        {
            wrong(
                found,
                "I1",
                format!("{} was acknowledged and is not in the log", op.txn),
            );
        }
    }
    for (key, events) in &by_txn {
        match given.get(key) {
            None => wrong(found, "I5", format!("{} was never given", key.1)),
            Some(op) => {
                if let (
                    ClientFrame::Send {
                        content: SendContent::Text { text },
                        ..
                    },
                    Some(Content::Known(known)),
                ) = (&op.frame, &events[0].content)
                    && !matches!(known, Known::Message { text: stored } if stored == text)
                {
                    wrong(
                        found,
                        "I5",
                        format!("{} says something else than was sent", key.1),
                    );
                }
            }
        }
    }
}

/// I6: what was given after another was acknowledged stands after it in the same room.
fn real_time_order(ops: &[&Op], found: &mut Vec<Finding>) {
    let mut done: Vec<(u64, u64, LogId, Seq, &TxnId)> = ops
        .iter()
        .filter_map(|op| match &op.answered {
            Some((at, Some(event))) => Some((op.invoked, *at, event.log, event.seq, &op.txn)),
            _ => None,
        })
        .collect();
    done.sort();
    for a in &done {
        for b in done.iter().filter(|b| b.2 == a.2 && b.0 > a.1) {
            if b.3 <= a.3 {
                wrong(
                    found,
                    "I6",
                    format!(
                        "{} was acknowledged before {} was given and stands after it",
                        a.4, b.4
                    ),
                );
            }
        }
    }
}

/// I7: one client's messages to one room stand in the order in which it gave them.
fn sender_order(log: &Log, world: &World, found: &mut Vec<Finding>) {
    for (at, client) in world.clients.iter().enumerate() {
        let mut given: Vec<&Op> = client.done.iter().chain(&client.outbox).collect();
        given.sort_by_key(|op| op.invoked);
        // A copy of a refused command may wait on a node that its client has left, and happen late. [CM4]
        given.retain(|op| !matches!(op.answered, Some((_, None))));
        let order: HashMap<&TxnId, usize> = given
            .iter()
            .enumerate()
            .map(|(index, op)| (&op.txn, index))
            .collect();
        for (room, events) in &log.rooms {
            let founders = 1 + world.options().users as u64;
            let stays = stays(log, *room, client.user);
            if !matches!(stays[..], [(joined, _)] if joined <= Seq(founders)) {
                // What was refused before they came, or while they were away, may be given again after what was
                // sent since. [CM4]
                continue;
            }
            let mut last = None;
            for event in messages_of(events)
                .into_iter()
                .filter(|event| event.actor == client.user)
            {
                if let Some(index) = event.txn.as_ref().and_then(|txn| order.get(txn)) {
                    if last.is_some_and(|last| last > *index) {
                        wrong(
                            found,
                            "I7",
                            format!(
                                "client {at}: {:?} overtook {:?} in {room}",
                                event.txn,
                                last.map(|l: usize| &given[l].txn)
                            ),
                        );
                    }
                    last = Some(*index);
                }
            }
        }
    }
}

/// I4, I8: each session saw a slice of each log, in its order, and never what the log does not say.
fn same_order(at: usize, client: &Client, log: &Log, found: &mut Vec<Finding>) {
    let mut last: HashMap<(u64, LogId), Seq> = HashMap::new();
    for seen in &client.seen {
        let event = &seen.event;
        let Some(stored) = log.all.get(event.position.0 as usize - 1) else {
            wrong(
                found,
                "I5",
                format!(
                    "client {at} saw position {} that is not in the log",
                    event.position
                ),
            );
            continue;
        };
        let same = stored.id == event.id && stored.seq == event.seq && stored.log == event.log;
        // The body may have been erased since.
        if !same
            || (stored.content.is_some()
                && stored.content != event.content
                && event.content.is_some())
        {
            wrong(
                found,
                "I5",
                format!(
                    "client {at} saw another event at position {}",
                    event.position
                ),
            );
        }
        let before = last.insert((seen.session, event.log), event.seq);
        if before.is_some_and(|before| before >= event.seq) {
            wrong(
                found,
                "I4",
                format!(
                    "client {at} saw {} of {} after {before:?}",
                    event.seq, event.log
                ),
            );
        }
    }
}

/// The stays of a user in a room: joined at, left at.
fn stays(log: &Log, room: RoomId, user: UserId) -> Vec<(Seq, Option<Seq>)> {
    let mut stays: Vec<(Seq, Option<Seq>)> = Vec::new();
    for event in log.rooms.get(&room).into_iter().flatten() {
        match &event.content {
            Some(Content::Known(Known::MemberJoined { user: who, .. })) if *who == user => {
                stays.push((event.seq, None));
            }
            Some(Content::Known(Known::MemberLeft { user: who })) if *who == user => {
                if let Some(stay) = stays.last_mut() {
                    stay.1 = Some(event.seq);
                }
            }
            _ => {}
        }
    }
    stays
}

/// I11: nothing of a room after leaving it. An event from between two stays may only come in a later stay, as history.
fn nothing_after_leaving(at: usize, client: &Client, log: &Log, found: &mut Vec<Finding>) {
    let mut cache: HashMap<RoomId, Vec<(Seq, Option<Seq>)>> = HashMap::new();
    for seen in &client.seen {
        let Some(room) = seen.event.log.room() else {
            continue;
        };
        let stays = cache
            .entry(room)
            .or_insert_with(|| stays(log, room, client.user));
        let seq = seen.event.seq;
        let inside = stays
            .iter()
            .any(|(joined, left)| *joined <= seq && left.is_none_or(|left| seq <= left));
        let as_history = stays.iter().any(|(joined, _)| seq < *joined);
        let fine = match client.follow {
            Follow::All => inside,
            Follow::Listed => inside || as_history,
        };
        if !fine {
            wrong(
                found,
                "I11",
                format!("client {at} saw {seq} of {room}, outside its stays {stays:?}"),
            );
        }
    }
}

/// P4 for those who follow everything: all that they could see since they began, once.
fn everything_seen(at: usize, client: &Client, log: &Log, found: &mut Vec<Finding>) {
    let Some(began) = client.began else { return };
    let seen: BTreeSet<Position> = client.seen.iter().map(|seen| seen.event.position).collect();
    let mut cache: HashMap<RoomId, Vec<(Seq, Option<Seq>)>> = HashMap::new();
    for event in log.all.iter().filter(|event| event.position > began) {
        let visible = match event.log {
            LogId::User(user) => user == client.user,
            LogId::Room(room) => {
                let stays = cache
                    .entry(room)
                    .or_insert_with(|| stays(log, room, client.user));
                // What only the last stay tells is promised; earlier ones that began and ended while away are history.
                stays.last().is_some_and(|(joined, left)| {
                    *joined <= event.seq && left.is_none_or(|l| event.seq <= l)
                })
            }
        };
        if visible && !seen.contains(&event.position) {
            wrong(
                found,
                "P4",
                format!(
                    "client {at} never got position {} ({} {})",
                    event.position, event.log, event.seq
                ),
            );
        }
    }
}

/// I12: the log folded is what a fresh load shows.
async fn fold_is_fetch(world: &World, log: &Log, found: &mut Vec<Finding>) {
    for (room, events) in &log.rooms {
        let mut fold = RoomFold::empty(*room);
        for event in events {
            if fold.apply(event) != Folded::Applied {
                wrong(found, "I12", format!("{room} cannot fold {}", event.seq));
            }
        }
        let row = world
            .store
            .room(*room)
            .await
            .expect("the store is open")
            .expect("a room of the log");
        if row.head != fold.head || row.count != fold.count || row.name != fold.name {
            wrong(found, "I12", format!("{room}: the row says {row:?}"));
        }
        let members = world
            .store
            .members(*room, None, 200)
            .await
            .expect("the store is open");
        let members: BTreeMap<UserId, _> =
            members.into_iter().map(|m| (m.user.id, m.role)).collect();
        if members != fold.members || row.members as usize != fold.members.len() {
            wrong(
                found,
                "I12",
                format!("{room}: members are {members:?}, folded {:?}", fold.members),
            );
        }
        let mut messages = Vec::new();
        let mut after = Seq::ZERO;
        loop {
            let reader = UserId::from_bits(0);
            let page = world
                .store
                .messages(*room, reader, Page::After(after), 100)
                .await
                .expect("the store is open");
            let Some(last) = page.messages.last() else {
                break;
            };
            after = last.seq;
            messages.extend(page.messages);
        }
        if messages.len() != fold.messages.len() {
            wrong(
                found,
                "I12",
                format!(
                    "{room}: {} messages, folded {}",
                    messages.len(),
                    fold.messages.len()
                ),
            );
        }
        for (stored, folded) in messages.iter().zip(&fold.messages) {
            let reactions: BTreeMap<_, BTreeSet<UserId>> = stored
                .reactions
                .iter()
                .map(|reaction| {
                    (
                        reaction.emoji.clone(),
                        reaction.users.iter().copied().collect(),
                    )
                })
                .collect();
            if stored.id != folded.id
                || stored.text != folded.text
                || stored.edited != folded.edited
                || stored.deleted != folded.deleted
                || reactions != folded.reactions
            {
                wrong(
                    found,
                    "I12",
                    format!("{room}: {stored:?} was folded to {folded:?}"),
                );
            }
        }
    }
}

/// I10: markers never go back, and unread is the count of messages after the marker.
async fn unread_is_arithmetic(world: &World, log: &Log, found: &mut Vec<Finding>) {
    let users: BTreeSet<UserId> = world.clients.iter().map(|client| client.user).collect();
    for user in users {
        let mut markers: HashMap<RoomId, Seq> = HashMap::new();
        for event in log
            .all
            .iter()
            .filter(|event| event.log == LogId::User(user))
        {
            if let Some(Content::Known(Known::MarkerMoved { room, seq, .. })) = &event.content {
                let old = markers.insert(*room, *seq);
                if old.is_some_and(|old| old >= *seq) {
                    wrong(
                        found,
                        "I10",
                        format!("the marker of {user} in {room} went from {old:?} to {seq}"),
                    );
                }
            }
        }
        let resume = world
            .store
            .resume(user, None)
            .await
            .expect("the store is open")
            .expect("a user");
        for room in resume.rooms {
            let events = log
                .rooms
                .get(&room.id)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let messages = messages_of(events);
            let own = messages
                .iter()
                .filter(|event| event.actor == user)
                .map(|event| event.seq)
                .max();
            let marker = markers.get(&room.id).copied().max(own).unwrap_or_default();
            let unread = messages.iter().filter(|event| event.seq > marker).count() as u64;
            if room.count - room.marker.count != unread {
                let told = room.count - room.marker.count;
                wrong(
                    found,
                    "I10",
                    format!("{user} has {unread} unread in {}, told {told}", room.id),
                );
            }
        }
    }
}

/// The messages of a room's log, erased ones too: each raises the count.
fn messages_of(events: &[Event]) -> Vec<&Event> {
    let mut count = 0;
    events
        .iter()
        .filter(|event| event.count > std::mem::replace(&mut count, event.count))
        .collect()
}

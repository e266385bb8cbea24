//! The fold law at the store: the state after a batch is what a fresh load shows; and the rooms that clients fold from
//! the log are the rooms that the store shows. [FO1]

use std::collections::{BTreeMap, BTreeSet};

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use tidings_core::{
    AddDevice, Command, Executed, KeepDevices, Needs, RemoveDevice, SetPassword, State,
    room_fold::{Folded, FoldedMessage, RoomFold},
};
use tidings_protocol::{
    Command as Given, DeviceId, EventId, LogId, RoomId, RoomKind, Seq, ShardId, UserId, Visibility,
    content::RemovedReason, subject::CreateRoom,
};
use tidings_store::{Commit, Page, Store};
use tidings_testkit::commands::{Numbers, Things, draw};

use crate::{Database, world::*};

/// Random scripts a run. Each is some hundred commands.
const SCRIPTS: u32 = 12;
const PEOPLE: usize = 4;

/// One step: what to do, by whom, to what; numbers pick among what exists.
#[derive(Debug, Clone)]
struct Step {
    what: u8,
    actor: usize,
    a: usize,
    b: usize,
    with_txn: bool,
    same_batch: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let numbers = (0u8..27, 0..PEOPLE, 0usize..1000, 0usize..1000);
    (numbers, any::<bool>(), any::<bool>()).prop_map(
        |((what, actor, a, b), with_txn, same_batch)| Step {
            what,
            actor,
            a,
            b,
            with_txn,
            same_batch,
        },
    )
}

/// What a script has made so far.
#[derive(Default)]
struct Made {
    people: Vec<UserId>,
    rooms: Vec<RoomId>,
    messages: Vec<(RoomId, EventId)>,
    devices: Vec<(UserId, DeviceId)>,
    txns: u32,
    erased: BTreeSet<(RoomId, Seq)>,
}

impl Made {
    fn command(&self, step: &Step) -> (UserId, Command) {
        let actor = self.people[step.actor];
        let of_devices = self.devices.get(step.a % self.devices.len().max(1));
        let command = match (step.what, of_devices) {
            (0, _) => AddDevice {
                device: DeviceId::from_bits(id()),
                name: "a device".to_owned(),
                token_hash: std::array::from_fn(|_| rand_byte()),
                checked_hash: None,
            }
            .into(),
            (1, Some(&(owner, device))) => {
                let reason = RemovedReason::SignedOut;
                return (owner, RemoveDevice { device, reason }.into());
            }
            (2, found) => SetPassword {
                password_hash: format!("hash {}", step.a),
                checked_hash: None,
                keep: match found {
                    Some((_, device)) if step.b.is_multiple_of(2) => KeepDevices::Only(*device),
                    _ if step.b.is_multiple_of(3) => KeepDevices::All,
                    _ => KeepDevices::None,
                },
            }
            .into(),
            (3..=18, _) => {
                let word = Given::WORDS[step.a % Given::WORDS.len()];
                let mut numbers = Numbers::of((step.a * 1_000 + step.b) as u64);
                let things = Things {
                    rooms: self.rooms.clone(),
                    users: self.people.clone(),
                    messages: self.messages.clone(),
                };
                draw(word, &things, &mut numbers).into()
            }
            _ => message_of(self.rooms[step.a % self.rooms.len()], step.b),
        };
        (actor, command)
    }

    fn note(&mut self, answer: &Answer) {
        let Ok(Executed::Happened(entries)) = answer else {
            return;
        };
        for entry in entries {
            use tidings_protocol::content::Known;
            let event = &entry.event;
            match (&entry.content, event.log) {
                (Known::RoomCreated { .. }, LogId::Room(room)) => self.rooms.push(room),
                (Known::Message { .. }, LogId::Room(room)) => {
                    self.messages.push((room, event.id));
                }
                (Known::MessageDeleted { target, .. }, LogId::Room(room)) => {
                    self.erased.insert((room, *target));
                }
                (Known::DeviceAdded { device, .. }, _) => {
                    self.devices.push((event.actor, *device));
                }
                _ => {}
            }
        }
    }
}

fn rand_byte() -> u8 {
    uuid::Uuid::now_v7().as_bytes()[15]
}

fn message_of(room: RoomId, number: usize) -> Command {
    message(room, &format!("message {number}"))
}

pub(crate) fn the_state_after_a_batch_is_what_a_fresh_load_shows(db: Database) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(db.open());
    let mut runner = TestRunner::new(Config {
        cases: SCRIPTS,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..Config::default()
    });
    let scripts = proptest::collection::vec(step(), 1..120);
    let result = runner.run(&scripts, |script| {
        runtime.block_on(play(&store, &script));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

async fn play(store: &Store, script: &[Step]) {
    let mut made = Made::default();
    for _ in 0..PEOPLE {
        let name = format!("u{:031x}", id() >> 4);
        let user = UserId::from_bits(id());
        let command = create_user(user, &name);
        checked(store, &mut made, vec![(user, None, command)]).await;
        made.people.push(user);
    }
    let first = made.people[0];
    let create = CreateRoom {
        kind: RoomKind::Group,
        visibility: Some(Visibility::Private),
        name: None,
        members: vec![made.people[1]],
    };
    let create = Command::from(create);
    let sent = (first, drawn_for(&create), create);
    checked(store, &mut made, vec![sent]).await;

    let mut waiting: Vec<Sent> = Vec::new();
    for step in script {
        let (actor, command) = made.command(step);
        let txn = step.with_txn.then(|| {
            // One in three is a repeat of an earlier txn.
            made.txns += u32::from(step.b % 3 != 0);
            txn(&format!("txn-{}", made.txns))
        });
        let txn = txn.or_else(|| drawn_for(&command));
        let shard = |sent: &Sent| sent.2.log(sent.0, sent.1.as_ref()).shard(store.shards());
        let sent = (actor, txn, command);
        let fits = waiting.first().is_none_or(|w| shard(w) == shard(&sent));
        let goes_along = step.same_batch && fits;
        if !goes_along && !waiting.is_empty() {
            checked(store, &mut made, std::mem::take(&mut waiting)).await;
        }
        waiting.push(sent);
    }
    if !waiting.is_empty() {
        checked(store, &mut made, waiting).await;
    }
    for room in made.rooms.clone() {
        clients_fold_the_same(store, first, room).await;
    }
}

/// Sends a batch; what it left in memory must be what the database shows.
async fn checked(store: &Store, made: &mut Made, commands: Vec<Sent>) {
    let shard = commands[0]
        .2
        .log(commands[0].0, commands[0].1.as_ref())
        .shard(store.shards());
    let asked = needs(&commands);
    let (answers, after) = store
        .append(shard, asked.clone(), move |head, state| {
            let (commit, answers) = decide(shard, head, state, &commands);
            let after = commit.state.clone();
            (commit, (answers, after))
        })
        .await
        .unwrap();
    answers.iter().for_each(|answer| made.note(answer));
    let wider = widen(asked, &after);
    let fresh = load(store, shard, wider.clone()).await;
    let (after, fresh) = (
        normal(after, &wider, &made.erased),
        normal(fresh, &wider, &made.erased),
    );
    assert_eq!(after, fresh);
}

/// What was asked for, and every row that changed.
fn widen(mut needs: Needs, after: &State) -> Needs {
    let changes = &after.changes;
    needs.rooms.extend(&changes.rooms);
    needs.members.extend(&changes.members);
    needs.messages.extend(&changes.messages);
    needs.users.extend(&changes.users);
    needs.markers.extend(&changes.markers);
    needs.devices.extend(changes.devices.keys());
    needs.txns.extend(after.txns.keys().cloned());
    needs.counts.extend(
        changes
            .rooms
            .iter()
            .map(|room| (*room, after.rooms[room].head)),
    );
    needs
}

/// A state read by a batch that does nothing.
async fn load(store: &Store, shard: ShardId, needs: Needs) -> State {
    store
        .append(shard, needs, |_, state| {
            let entries = Vec::new();
            let seen = state.clone();
            (Commit { entries, state }, seen)
        })
        .await
        .unwrap()
}

/// Without what nobody asked for, zeros, and texts that were erased.
fn normal(mut state: State, needs: &Needs, erased: &BTreeSet<(RoomId, Seq)>) -> State {
    state.changes = tidings_core::Changes::default();
    state.rooms.retain(|key, _| needs.rooms.contains(key));
    state.members.retain(|key, _| needs.members.contains(key));
    state.messages.retain(|key, _| needs.messages.contains(key));
    state.users.retain(|key, _| needs.users.contains(key));
    state
        .usernames
        .retain(|key, _| needs.usernames.contains(key));
    state
        .public_names
        .retain(|key, _| needs.public_names.contains(key));
    state.markers.retain(|key, _| needs.markers.contains(key));
    state.devices.retain(|key, _| needs.devices.contains(key));
    state.counts.retain(|key, _| needs.counts.contains(key));
    state
        .device_counts
        .retain(|key, _| needs.device_counts.contains(key));
    state
        .room_counts
        .retain(|key, _| needs.room_counts.contains(key));
    state.any_user &= needs.any_user;
    let asked: BTreeSet<_> = needs
        .reactions
        .iter()
        .map(|(room, message, emoji, _)| (*room, *message, emoji.clone()))
        .collect();
    state
        .reaction_counts
        .retain(|key, count| *count > 0 && asked.contains(key));
    state.reactions.retain(|key| {
        let key = (key.room, key.message, key.emoji.clone(), key.user);
        needs.reactions.contains(&key)
    });
    for ((log, _, _), done) in &mut state.txns {
        let about = match done.event.kind.as_ref() {
            "message" => Some(done.event.seq),
            "message_edited" => target(done.event.body.as_deref()),
            _ => None,
        };
        let gone = about.is_none_or(|seq| log.room().is_some_and(|r| erased.contains(&(r, seq))));
        if gone && matches!(&*done.event.kind, "message" | "message_edited") {
            done.event.body = None;
        }
    }
    state
}

fn target(body: Option<&str>) -> Option<Seq> {
    let value: serde_json::Value = serde_json::from_str(body?).unwrap();
    value["target"].as_u64().map(Seq)
}

/// Folds the whole log of a room as a client does, and compares it with what the store shows.
async fn clients_fold_the_same(store: &Store, reader: UserId, room: RoomId) {
    let mut fold = RoomFold::empty(room);
    let events = store
        .log_after(LogId::Room(room), Seq::ZERO, 100_000)
        .await
        .unwrap();
    for event in events {
        assert_eq!(
            fold.apply(&event.to_event(reader).unwrap()),
            Folded::Applied
        );
    }
    let row = store.room(room).await.unwrap().unwrap();
    assert_eq!(fold.kind, Some(row.kind));
    assert_eq!(fold.name, row.name);
    assert_eq!((fold.head, fold.count), (row.head, row.count));
    assert_eq!(fold.members.len() as u32, row.members);
    let members = store.members(room, None, 1000).await.unwrap();
    let members: BTreeMap<_, _> = members.into_iter().map(|m| (m.user.id, m.role)).collect();
    assert_eq!(fold.members, members);
    let page = store
        .messages(room, reader, Page::Latest, 100_000)
        .await
        .unwrap();
    let shown: Vec<_> = page.messages.into_iter().map(folded).collect();
    assert_eq!(fold.messages, shown);
    let last = row.last_message;
    assert_eq!(last, fold.messages.last().map(|m| m.seq));
}

fn folded(message: tidings_protocol::Message) -> FoldedMessage {
    let reactions = message.reactions.into_iter();
    FoldedMessage {
        id: message.id,
        seq: message.seq,
        at: message.at,
        actor: message.actor,
        count: message.count,
        text: message.text,
        edited: message.edited,
        deleted: message.deleted,
        reactions: reactions
            .map(|r| (r.emoji, r.users.into_iter().collect()))
            .collect(),
    }
}

//! Two writers, panics, and callers who go away.

use std::collections::{BTreeMap, BTreeSet};
use tidings_protocol::{
    LogId, Position, RefusalCode, RoomId, RoomKind, Seq, ShardId, TxnId, UserId, Visibility,
    subject::CreateRoom,
};

use tidings_core::{Command, Needs};
use tidings_store::{Commit, Store, StoreError};

use crate::{Database, world::*};

/// Messages each writer sends.
const EACH: usize = 60;

async fn writer(store: Store, actor: UserId, rooms: Vec<RoomId>, name: &'static str) -> Vec<TxnId> {
    let mut acknowledged = Vec::new();
    for n in 0..EACH {
        let room = rooms[n % rooms.len()];
        // Batches of different sizes; all of one batch are for one room.
        let sent: Vec<Sent> = (0..=n % 3)
            .map(|i| {
                (
                    actor,
                    Some(txn(&format!("{name}-{n}-{i}"))),
                    message(room, "x"),
                )
            })
            .collect();
        let txns: Vec<_> = sent.iter().filter_map(|s| s.1.clone()).collect();
        let answers = loop {
            match batch(&store, sent.clone()).await {
                Ok(answers) => break answers,
                Err(StoreError::Unavailable(_)) => {}
                Err(error) => panic!("{error}"),
            }
        };
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        acknowledged.extend(txns);
    }
    acknowledged
}

pub(crate) async fn two_writers_leave_no_gap_and_lose_nothing(db: Database) {
    let (a, b) = (db.open().await, db.open().await);
    let ada = user(&a, "ada").await;
    let bob = user(&b, "bob").await;
    let mut rooms = Vec::new();
    for _ in 0..3 {
        rooms.push(group(&a, ada, &[bob]).await);
    }
    let tasks = [
        tokio::spawn(writer(a.clone(), ada, rooms.clone(), "a")),
        tokio::spawn(writer(b.clone(), bob, rooms.clone(), "b")),
        tokio::spawn(writer(b.clone(), ada, rooms.clone(), "c")),
    ];
    let mut acknowledged = BTreeSet::new();
    for task in tasks {
        acknowledged.extend(task.await.unwrap());
    }

    let mut seqs: BTreeMap<LogId, Seq> = BTreeMap::new();
    let mut found = BTreeSet::new();
    let mut messages: BTreeMap<LogId, u64> = BTreeMap::new();
    for (shard, head) in (0..).map(ShardId).zip(a.heads().await.unwrap()) {
        let events = a.shard_after(shard, Position::ZERO, 10_000).await.unwrap();
        assert_eq!(events.len() as u64, head.0, "positions have no gap");
        for (event, position) in events.iter().zip(1..) {
            assert_eq!(event.position, Position(position));
            assert_eq!(event.log.shard(a.shards()), shard);
            let seq = seqs.entry(event.log).or_default();
            *seq = seq.next();
            assert_eq!(event.seq, *seq, "seq has no gap");
            *messages.entry(event.log).or_default() += u64::from(&*event.kind == "message");
            assert_eq!(event.count, messages[&event.log]);
            if let Some(txn) = event.txn.as_ref().filter(|_| &*event.kind == "message") {
                assert!(found.insert(txn.clone()), "{txn} twice");
            }
        }
    }
    assert_eq!(found, acknowledged);
    assert_eq!(found.len(), 3 * EACH * 2);
    for room in rooms {
        let row = b.room(room).await.unwrap().unwrap();
        assert_eq!(row.head, seqs[&LogId::Room(room)]);
        assert_eq!(row.count, messages[&LogId::Room(room)]);
    }
}

pub(crate) async fn a_panic_in_a_decision_rolls_back_and_harms_nobody(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let room = group(&store, ada, &[]).await;
    let shard = LogId::Room(room).shard(store.shards());
    for _ in 0..3 {
        let panicked = store
            .append(shard, Needs::default(), |_, _| -> (Commit, ()) {
                panic!("a bug in a decision")
            })
            .await;
        match panicked {
            Err(StoreError::Trouble(what)) => assert!(what.contains("a bug in a decision")),
            other => panic!("{other:?}"),
        }
    }
    let heads = store.heads().await.unwrap();
    let said = say(&store, ada, room, "still here").await;
    assert_eq!(said.position, heads[usize::from(shard.0)].next());
}

pub(crate) async fn a_batch_with_a_gap_is_not_written(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let room = group(&store, ada, &[]).await;
    let shard = LogId::Room(room).shard(store.shards());
    let heads = store.heads().await.unwrap();
    let sent = vec![(ada, None, message(room, "x"))];
    let needs = needs(&sent);
    let skipped = store
        .append(shard, needs.clone(), move |head, state| {
            decide(shard, head.next(), state, &sent)
        })
        .await;
    assert!(
        matches!(skipped, Err(StoreError::Trouble(_))),
        "{skipped:?}"
    );
    let nowhere = store
        .append(ShardId(store.shards()), needs, |_, state| {
            let entries = Vec::new();
            (Commit { entries, state }, ())
        })
        .await;
    assert!(
        matches!(nowhere, Err(StoreError::Trouble(_))),
        "{nowhere:?}"
    );
    assert_eq!(store.heads().await.unwrap(), heads);
    assert_eq!(say(&store, ada, room, "y").await.seq, Seq(3));
}

pub(crate) async fn nothing_is_written_without_entries(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let needs = Needs {
        users: BTreeSet::from([ada]),
        ..Needs::default()
    };
    let shard = LogId::User(ada).shard(store.shards());
    let seen = store
        .append(shard, needs, move |head, mut state| {
            if let Some(user) = state.users.get_mut(&ada) {
                user.password_hash = "changed".to_owned();
                state.changes.users.insert(ada);
            }
            let entries = Vec::new();
            (Commit { entries, state }, head)
        })
        .await
        .unwrap();
    assert_eq!(seen, store.heads().await.unwrap()[usize::from(shard.0)]);
    let user = store.user(ada).await.unwrap().unwrap();
    assert_eq!(user.password_hash, "$argon2id$of-ada");
}

pub(crate) async fn a_caller_who_goes_away_harms_nobody(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let room = group(&store, ada, &[]).await;
    let mut done = BTreeSet::new();
    for n in 0..40 {
        let name = format!("t{n}");
        let sent = vec![(ada, Some(txn(&name)), message(room, "x"))];
        let call = batch(&store, sent.clone());
        // Polled once or twice, then dropped: before, while or after the server works on it.
        let polled = tokio::time::timeout(std::time::Duration::from_micros(n * 50), call).await;
        if polled.is_ok() {
            done.insert(name);
        }
    }
    let last = say(&store, ada, room, "last").await;
    let log = store
        .log_after(LogId::Room(room), Seq::ZERO, 1000)
        .await
        .unwrap();
    assert_eq!(log.last().map(|e| e.seq), Some(last.seq));
    assert!(log.iter().zip(1..).all(|(e, n)| e.seq == Seq(n)));
    let found: BTreeSet<_> = log
        .iter()
        .filter_map(|e| e.txn.as_ref().map(ToString::to_string))
        .collect();
    assert!(done.is_subset(&found), "what was acknowledged is there");
}

pub(crate) async fn of_two_public_channels_with_one_name_one_is_made(db: Database) {
    // [RM11] In whatever shards they are: the unique rule of the database decides, and the other is decided again.
    let (a, b) = (db.open().await, db.open().await);
    let ada = user(&a, "ada").await;
    for round in 0..6 {
        let make = |store: Store, name: String| async move {
            let command = CreateRoom {
                kind: RoomKind::Channel,
                visibility: Some(Visibility::Public),
                name: Some(name.parse().unwrap()),
                members: Vec::new(),
            };
            let command = Command::from(command);
            let txn = drawn_for(&command);
            let room = command.log(ada, txn.as_ref()).room().unwrap();
            loop {
                match batch(&store, vec![(ada, txn.clone(), command.clone())]).await {
                    Ok(mut answers) => break (room, answers.remove(0)),
                    // The appender decides such a batch again, too.
                    Err(StoreError::Conflict | StoreError::Unavailable(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        };
        let (one, other) = tokio::join!(
            make(a.clone(), format!("Round {round}")),
            make(b.clone(), format!("#round  {round}"))
        );
        let (made, refused) = if one.1.is_ok() {
            (one, other)
        } else {
            (other, one)
        };
        assert!(made.1.is_ok(), "{made:?}");
        let refusal = refused.1.unwrap_err();
        assert_eq!(refusal.code, RefusalCode::NameTaken);
        assert_eq!(refusal.room.as_deref(), Some(&made.0));
    }
    let all = a.public_rooms(ada, None, 100).await.unwrap();
    assert_eq!(all.len(), 6);
}

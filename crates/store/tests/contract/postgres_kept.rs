//! Messages that are decided before PostgreSQL is asked: as right as those that are decided under the lock.

use std::sync::{
    Arc, Barrier,
    atomic::{AtomicU32, Ordering},
};
use tidings_protocol::{LogId, RefusalCode, RoomId, Seq, UserId, subject::RemoveMember};

use tidings_core::Executed;
use tidings_store::{Store, StoreError, verify::verify};

use crate::{Database, world::*};

/// Two nodes of one database, and a room of Ada and Ben in it.
struct Nodes {
    db: Database,
    here: Store,
    there: Store,
    ada: UserId,
    ben: UserId,
    room: RoomId,
}

impl Nodes {
    async fn start() -> Nodes {
        let db = Database::postgres();
        let (here, there) = (db.open().await, db.open().await);
        let (ada, ben) = (user(&here, "ada").await, user(&here, "ben").await);
        let room = group(&here, ada, &[ben]).await;
        Nodes {
            db,
            here,
            there,
            ada,
            ben,
            room,
        }
    }

    /// Ada and Ben have said so much here that their rows are kept.
    async fn warm() -> Nodes {
        let nodes = Nodes::start().await;
        for _ in 0..4 {
            say(&nodes.here, nodes.ada, nodes.room, "warm").await;
            say(&nodes.here, nodes.ben, nodes.room, "warm").await;
        }
        assert_eq!(nodes.asked(&nodes.here, nodes.ben, None).await.0, 1);
        nodes
    }

    /// How often one message of a user was decided, and what became of it.
    async fn asked(&self, store: &Store, user: UserId, id: Option<&str>) -> (u32, Answer) {
        let sent = vec![(user, id.map(txn), message(self.room, "so often?"))];
        let (times, answer) = decided(store, sent).await;
        (times, answer.unwrap().remove(0))
    }

    /// What is in the log has no gap, and all that stands beside it agrees.
    async fn check(self, messages: u64) {
        let row = self.here.room(self.room).await.unwrap().unwrap();
        assert_eq!(row.count, messages);
        let log = LogId::Room(self.room);
        let log = self.here.log_after(log, Seq(0), 10_000).await.unwrap();
        let seqs: Vec<u64> = log.iter().map(|event| event.seq.0).collect();
        assert_eq!(seqs, (1..=log.len() as u64).collect::<Vec<_>>());
        drop((self.here, self.there));
        let verified = verify(&self.db.config, Box::new(drop)).await.unwrap();
        assert!(verified.damage.is_empty(), "{:?}", verified.damage);
    }
}

async fn decided(store: &Store, sent: Vec<Sent>) -> (u32, Result<Vec<Answer>, StoreError>) {
    let shard = sent[0]
        .2
        .log(sent[0].0, sent[0].1.as_ref())
        .shard(store.shards());
    let times = Arc::new(AtomicU32::new(0));
    let counted = times.clone();
    let answer = store
        .append(shard, needs(&sent), move |head, state| {
            counted.fetch_add(1, Ordering::Relaxed);
            decide(shard, head, state, &sent)
        })
        .await;
    (times.load(Ordering::Relaxed), answer)
}

#[tokio::test]
async fn what_another_node_wrote_meanwhile_is_seen() {
    let nodes = Nodes::warm().await;
    let mut messages = 9;
    for burst in [1, 4, 2, 7, 3] {
        say(&nodes.there, nodes.ada, nodes.room, "from there").await;
        let (times, answer) = nodes.asked(&nodes.here, nodes.ben, None).await;
        happened(answer);
        assert!(times <= 2);
        for _ in 0..burst {
            say(&nodes.here, nodes.ben, nodes.room, "from here").await;
        }
        messages += 2 + burst;
    }
    nodes.check(messages).await;
}

#[tokio::test]
async fn who_was_removed_on_another_node_says_nothing_more() {
    let nodes = Nodes::warm().await;
    let (room, user) = (nodes.room, nodes.ben);
    let (said, first) = nodes.asked(&nodes.here, user, Some("before")).await;
    assert_eq!(said, 1, "it was decided by what is kept");
    let first = happened(first);
    let remove = RemoveMember {
        room,
        user: Some(user),
    };
    happened(run(&nodes.there, nodes.ada, remove).await);
    let (_, answer) = nodes.asked(&nodes.here, user, Some("after")).await;
    assert_eq!(refused(answer), RefusalCode::NotFound);
    // Also alone with a message that may be sent, so that there is something to commit.
    for _ in 0..4 {
        say(&nodes.here, nodes.ada, room, "without Ben").await;
    }
    let sent = vec![
        (nodes.ada, None, message(room, "x")),
        (user, None, message(room, "y")),
        // A retry is still answered by what became of it, whatever became of its author.
        (user, Some(txn("before")), message(room, "so often?")),
    ];
    let (_, answers) = decided(&nodes.here, sent).await;
    let [x, y, again] = answers.unwrap().try_into().unwrap();
    happened(x);
    assert_eq!(refused(y), RefusalCode::NotFound);
    assert_eq!(before(again), first);
    nodes.check(8 + 1 + 1 + 4 + 1).await;
}

#[tokio::test]
async fn a_retry_is_answered_by_the_first() {
    // [CM3]
    let nodes = Nodes::warm().await;
    let first = happened(nodes.asked(&nodes.here, nodes.ben, Some("once")).await.1);
    for store in [&nodes.here, &nodes.there, &nodes.here] {
        let again = nodes.asked(store, nodes.ben, Some("once")).await.1;
        assert_eq!(before(again), first);
        say(store, nodes.ben, nodes.room, "between").await;
    }
    nodes.check(9 + 1 + 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_nodes_that_decide_at_once_both_are_right() {
    let nodes = Nodes::warm().await;
    // A database that was quiet since: both keep what is there.
    for _ in 0..3 {
        say(&nodes.there, nodes.ada, nodes.room, "warm").await;
    }
    let barrier = Arc::new(Barrier::new(2));
    for round in 0..20 {
        let at_once = [("here", &nodes.here), ("there", &nodes.there)].map(|(name, store)| {
            let (store, barrier) = (store.clone(), barrier.clone());
            let txn = Some(txn(&format!("{name}-{round}")));
            let sent = vec![(nodes.ada, txn, message(nodes.room, "at once"))];
            let shard = LogId::Room(nodes.room).shard(store.shards());
            tokio::spawn(async move {
                tokio::task::spawn_blocking(move || barrier.wait())
                    .await
                    .unwrap();
                let needs = needs(&sent);
                let mut times = 0;
                let answer = store.append(shard, needs, move |head, state| {
                    times += 1;
                    let (commit, answers) = decide(shard, head, state, &sent);
                    (commit, (answers, times))
                });
                answer.await
            })
        });
        for node in at_once {
            let (answers, _) = node.await.unwrap().unwrap();
            happened(answers.into_iter().next().unwrap());
        }
    }
    nodes.check(9 + 3 + 40).await;
}

#[tokio::test]
async fn a_head_that_went_back_is_not_written_after() {
    let nodes = Nodes::warm().await;
    // As a standby that was behind, that has the address now: the last message is not there.
    let shard = LogId::Room(nodes.room).shard(nodes.here.shards());
    let heads = nodes.here.heads().await.unwrap();
    let head = heads[usize::from(shard.0)].0;
    nodes.db.sql(&format!(
        "DELETE FROM messages m USING events e WHERE e.shard = {0} AND e.position = {head} AND m.id = e.id; \
         DELETE FROM events WHERE shard = {0} AND position = {head}; \
         UPDATE shards SET head = {head} - 1 WHERE shard = {0}",
        shard.0
    ));
    let (times, answer) = nodes.asked(&nodes.here, nodes.ben, None).await;
    assert_eq!(times, 2, "what is kept was tried, and the head was another");
    match answer {
        Ok(Executed::Happened(entries)) => assert_eq!(entries[0].event.position.0, head),
        other => panic!("{other:?}"),
    }
}

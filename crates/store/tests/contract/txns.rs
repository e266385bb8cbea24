//! Exactly once: the same `txn` is the same command. [P3] [CM3]

use tidings_protocol::{
    LogId, RefusalCode, Seq,
    subject::{AddMember, DeleteMessage},
};

use crate::{Database, world::*};

pub(crate) async fn a_retry_gets_the_first_answer(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let room = group(&store, ada, &[]).await;
    let first = happened(run_with(&store, ada, Some("t1"), message(room, "hello")).await);
    say(&store, ada, room, "between").await;
    let again = before(run_with(&store, ada, Some("t1"), message(room, "hello")).await);
    assert_eq!(again, first);
    // Another user's txn of the same text is another txn.
    let eve = user(&store, "eve").await;
    let add = AddMember {
        room,
        user: Some(eve),
    };
    happened(run(&store, ada, add).await);
    happened(run_with(&store, eve, Some("t1"), message(room, "hello")).await);
}

pub(crate) async fn a_retry_within_one_batch_gets_the_first_answer(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let room = group(&store, ada, &[]).await;
    let head = store.room(room).await.unwrap().unwrap().head;
    let sent = || (ada, Some(txn("t1")), message(room, "hello"));
    let mut answers = batch(&store, vec![sent(), sent(), sent()]).await.unwrap();
    let (third, second) = (answers.pop().unwrap(), answers.pop().unwrap());
    let first = happened(answers.pop().unwrap());
    assert_eq!(before(second), first);
    assert_eq!(before(third), first);
    let log = store.log_after(LogId::Room(room), head, 100).await.unwrap();
    assert_eq!(log, vec![first]);
}

pub(crate) async fn a_retry_after_reopening_gets_the_first_answer(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let room = group(&store, ada, &[]).await;
    let first = happened(run_with(&store, ada, Some("t1"), message(room, "hello")).await);
    drop(store);
    let store = db.open().await;
    let again = before(run_with(&store, ada, Some("t1"), message(room, "hello")).await);
    assert_eq!(again, first);
    assert_eq!(store.room(room).await.unwrap().unwrap().head, first.seq);
}

pub(crate) async fn a_retry_of_what_was_erased_gets_the_erased_event(db: Database) {
    // [CM3] Nothing is kept by which a short text could be guessed, so no content is told from another.
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let room = group(&store, ada, &[]).await;
    let said = happened(run_with(&store, ada, Some("t1"), message(room, "hello")).await);
    let delete = DeleteMessage {
        room,
        message: said.id,
    };
    happened(run(&store, ada, delete).await);
    for text in ["hello", "another"] {
        let again = before(run_with(&store, ada, Some("t1"), message(room, text)).await);
        assert_eq!((again.id, again.body), (said.id, None), "{text}");
    }
}

pub(crate) async fn a_txn_with_another_command_is_refused(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let room = group(&store, ada, &[]).await;
    happened(run_with(&store, ada, Some("t1"), message(room, "hello")).await);
    let other = run_with(&store, ada, Some("t1"), message(room, "good bye")).await;
    assert_eq!(refused(other), RefusalCode::TxnReused);
    let head = store.room(room).await.unwrap().unwrap().head;
    assert_eq!(head, Seq(3));
}

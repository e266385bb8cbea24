//! Opening: what is kept, and what is refused.

use tidings_protocol::{LogId, Seq};
use tidings_store::{Page, Store, StoreConfig, StoreError};

use crate::{Database, world::*};

async fn refusal(db: &Database) -> String {
    match Store::open(&db.config).await {
        Err(StoreError::Refused(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

pub(crate) async fn what_was_committed_is_there_after_reopening(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let room = group(&store, ada, &[]).await;
    let said = say(&store, ada, room, "hello").await;
    let facts = async |store: &Store| {
        (
            store.epoch(),
            store.shards(),
            store.heads().await.unwrap(),
            store
                .log_after(LogId::Room(room), Seq::ZERO, 10)
                .await
                .unwrap(),
            store.resume(ada, None).await.unwrap().unwrap(),
            store.messages(room, ada, Page::Latest, 10).await.unwrap(),
        )
    };
    let before = facts(&store).await;
    drop(store);
    let store = db.open().await;
    assert_eq!(facts(&store).await, before);
    assert_eq!(before.3.last(), Some(&said));
    store.ping().await.unwrap();
    assert_eq!(
        store.is_shared(),
        matches!(db.config, StoreConfig::Postgres { .. })
    );
    assert_eq!(store.shards(), if store.is_shared() { 16 } else { 1 });
    assert_eq!(before.2.len(), usize::from(store.shards()));
    assert!(before.0.0 > 0 && before.0.0 < 1 << 53);
    // The next one goes on where the last one ended.
    assert_eq!(say(&store, ada, room, "again").await.seq, said.seq.next());
}

pub(crate) async fn a_newer_database_is_refused(db: Database) {
    drop(db.open().await);
    db.sql(
        "INSERT INTO migrations (version, name, checksum, applied_at) VALUES (999, '0999_later.sql', 'x', 0)",
    );
    let why = refusal(&db).await;
    assert!(
        why.contains("newer version") && why.contains("0999_later.sql"),
        "{why}"
    );
}

pub(crate) async fn a_changed_migration_is_refused(db: Database) {
    drop(db.open().await);
    db.sql("UPDATE migrations SET checksum = 'another' WHERE version = 1");
    let why = refusal(&db).await;
    assert!(why.contains("must never be changed"), "{why}");
}

pub(crate) async fn a_foreign_database_is_refused(db: Database) {
    db.sql("CREATE TABLE recipes (name text)");
    let why = refusal(&db).await;
    assert!(why.contains("a database of its own"), "{why}");
    // It was not touched.
    assert_eq!(db.sql("SELECT count(*) FROM recipes"), ["0"]);
}

pub(crate) async fn two_may_open_a_new_database_at_once(db: Database) {
    let open = || {
        let config = db.config.clone();
        tokio::spawn(async move { Store::open(&config).await.unwrap() })
    };
    let (a, b) = (open(), open());
    let (a, b) = (a.await.unwrap(), b.await.unwrap());
    assert_eq!(a.epoch(), b.epoch());
    let all = db.migrations().to_string();
    assert_eq!(db.sql("SELECT count(*) FROM migrations"), [all]);
}

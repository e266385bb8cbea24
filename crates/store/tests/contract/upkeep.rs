//! What operators do: look, back up, begin a new epoch.

use tidings_protocol::{LogId, Seq};
use tidings_store::{
    Store, StoreConfig, StoreError,
    upkeep::{self, Found},
};

use crate::{Database, world::*};

fn refused<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Err(StoreError::Refused(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

fn tables(db: &Database) -> Vec<String> {
    match db.config {
        StoreConfig::Postgres { .. } => {
            db.sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        }
        _ => db.files(),
    }
}

pub(crate) async fn a_look_says_what_is_there_and_changes_nothing(db: Database) {
    assert_eq!(upkeep::look(&db.config).await.unwrap(), Found::Nothing);
    assert_eq!(tables(&db), Vec::<String>::new());
    let store = db.open().await;
    user(&store, "ada").await;
    let current = Found::Current {
        epoch: store.epoch(),
        shards: store.shards(),
    };
    // Beside a server, and after it.
    assert_eq!(upkeep::look(&db.config).await.unwrap(), current);
    drop(store);
    db.closed().await;
    let before = (tables(&db), db.file_bytes().await);
    assert_eq!(upkeep::look(&db.config).await.unwrap(), current);
    assert!((tables(&db), db.file_bytes().await) == before);
    db.sql("DELETE FROM migrations");
    db.closed().await;
    let before = (tables(&db), db.file_bytes().await);
    let older = Found::Older {
        applied: 0,
        known: db.migrations(),
    };
    assert_eq!(upkeep::look(&db.config).await.unwrap(), older);
    assert!((tables(&db), db.file_bytes().await) == before);
    assert_eq!(db.sql("SELECT count(*) FROM migrations"), ["0"]);
    db.sql("INSERT INTO migrations (version, name, checksum, applied_at) VALUES (999, '0999_later.sql', 'x', 0)");
    assert!(refused(upkeep::look(&db.config).await).contains("newer version"));
}

pub(crate) async fn a_look_refuses_what_is_not_ours(db: Database) {
    db.sql("CREATE TABLE recipes (name text)");
    assert!(refused(upkeep::look(&db.config).await).contains("a database of its own"));
    assert!(refused(upkeep::new_epoch(&db.config).await).contains("a database of its own"));
}

pub(crate) async fn a_new_epoch_is_drawn_and_kept(db: Database) {
    // [CU3]
    let why = refused(upkeep::new_epoch(&db.config).await);
    assert!(why.contains("no database of Tidings"), "{why}");
    assert_eq!(tables(&db), Vec::<String>::new());
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let (before, heads) = (store.epoch(), store.heads().await.unwrap());
    drop(store);
    db.closed().await;
    let drawn = upkeep::new_epoch(&db.config).await.unwrap();
    assert!(drawn != before && drawn.0 > 0 && drawn.0 < 1 << 53);
    let store = db.open().await;
    assert_eq!(store.epoch(), drawn);
    assert_eq!(store.heads().await.unwrap(), heads);
    assert!(store.user(ada).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_new_epoch_is_drawn_on_postgres_while_a_node_runs() {
    let db = Database::postgres();
    let store = db.open().await;
    user(&store, "ada").await;
    let why = refused(upkeep::new_epoch(&db.config).await);
    assert!(why.contains("Stop every node"), "{why}");
    let epoch = store.epoch();
    drop(store);
    db.closed().await;
    assert_eq!(db.open().await.epoch(), epoch);
}

#[tokio::test]
async fn postgres_is_backed_up_by_its_own_programs() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy.db");
    let why = refused(upkeep::back_up(&Database::postgres().config, &to, Box::new(drop)).await);
    assert!(
        why.contains("pg_dump") && why.contains("new-epoch"),
        "{why}"
    );
    assert!(!to.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_one_commit_of_a_store_in_use_and_begins_an_epoch_of_its_own() {
    // [CU3]
    use std::os::unix::fs::PermissionsExt;
    let db = Database::sqlite();
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy.db");
    let back_up = || upkeep::back_up(&db.config, &to, Box::new(drop));
    let why = refused(back_up().await);
    assert!(why.contains("no database of Tidings"), "{why}");
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let room = group(&store, ada, &[]).await;
    for n in 0..50 {
        say(&store, ada, room, &format!("before {n}")).await;
    }
    let writing = async {
        for n in 0..50 {
            say(&store, ada, room, &format!("during {n}")).await;
        }
    };
    let (done, ()) = tokio::join!(back_up(), writing);
    let verified = done.unwrap();
    assert!(verified.events > 50 && verified.damage.is_empty());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let mode = std::fs::metadata(&to).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds the hashes of passwords");
    let bytes = std::fs::read(&to).unwrap();
    let why = refused(back_up().await);
    assert!(why.contains("exists already"), "{why}");
    assert!(std::fs::read(&to).unwrap() == bytes);
    // Looking at it leaves it a backup.
    let config = StoreConfig::Sqlite { path: to };
    upkeep::look(&config).await.unwrap();
    let copy = Store::open(&config).await.unwrap();
    let drawn = copy.epoch();
    assert_ne!(drawn, store.epoch());
    let log = async |store: &Store| {
        store
            .log_after(LogId::Room(room), Seq::ZERO, 500)
            .await
            .unwrap()
    };
    let (whole, part) = (log(&store).await, log(&copy).await);
    assert!(part.len() > 50 && whole.len() > 100);
    assert_eq!(part[..], whole[..part.len()]);
    assert_eq!(
        copy.heads().await.unwrap()[0],
        part.last().unwrap().position
    );
    // Once: from then on it is a database like any other.
    drop(copy);
    assert_eq!(Store::open(&config).await.unwrap().epoch(), drawn);
    assert_eq!(db.open().await.epoch(), store.epoch());
}

pub(crate) async fn nodes_of_one_database_share_a_key_and_its_copies_do_not(db: Database) {
    // [P7] What one node seals another of the same database opens, and nobody else.
    let (one, two) = (db.open().await, db.open().await);
    let key = one.hint_key().await.unwrap();
    assert_eq!(one.hint_key().await.unwrap(), key);
    // A file is served by one process alone.
    assert_eq!(two.hint_key().await.unwrap() == key, one.is_shared());
    let secret = || db.sql("SELECT value FROM meta WHERE key = 'hint_secret'");
    let before = secret();
    assert_eq!((before.len(), before[0].len()), (1, 64));
    // Another database, even with the same secret.
    let other = match db.config {
        StoreConfig::Postgres { .. } => Database::postgres(),
        _ => Database::sqlite(),
    };
    let copy = other.open().await;
    assert_ne!(copy.hint_key().await.unwrap(), key);
    other.sql(&format!(
        "UPDATE meta SET value = '{}' WHERE key = 'hint_secret'",
        before[0]
    ));
    assert_ne!(copy.hint_key().await.unwrap(), key);
    // A new epoch draws another secret.
    drop((one, two, copy));
    db.closed().await;
    upkeep::new_epoch(&db.config).await.unwrap();
    assert_ne!(secret(), before);
    let store = db.open().await;
    assert_ne!(store.hint_key().await.unwrap(), key);
}

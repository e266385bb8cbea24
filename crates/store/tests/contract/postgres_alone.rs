//! What only PostgreSQL can do wrong: races between shards, a server that goes away.

use std::sync::{Arc, Barrier};

use tidings_core::Executed;
use tidings_protocol::{LogId, RefusalCode, ServerRole, UserId};
use tidings_store::{Store, StoreConfig, StoreError};
use tidings_testkit::postgres::TestPostgres;

use crate::{Database, world::*};

/// Decides on two shards at the same moment: both have loaded, neither has written. Each is a node of its own, with
/// a thread of its own, since the decisions wait for each other.
fn at_once(config: &StoreConfig, sent: [Sent; 2]) -> Vec<Result<Vec<Answer>, StoreError>> {
    let barrier = Arc::new(Barrier::new(2));
    let nodes = sent.map(|sent| {
        let (config, barrier) = (config.clone(), barrier.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async move {
                let store = Store::open(&config).await.unwrap();
                let shard = sent.2.log(sent.0, sent.1.as_ref()).shard(store.shards());
                let sent = vec![sent];
                store
                    .append(shard, needs(&sent), move |head, state| {
                        barrier.wait();
                        decide(shard, head, state, &sent)
                    })
                    .await
            })
        })
    });
    nodes.map(|node| node.join().unwrap()).into()
}

fn users(store: &Store) -> [UserId; 2] {
    [user_on(store, 3), user_on(store, 11)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_who_take_one_name_one_conflicts_and_is_refused() {
    let db = Database::postgres();
    let store = db.open().await;
    user(&store, "first").await;
    let [x, y] = users(&store);
    let sent = [
        (x, None, create_user(x, "ada")),
        (y, None, create_user(y, "ada")),
    ];
    let results = at_once(&db.config, sent.clone());
    let lost: Vec<_> = results
        .iter()
        .zip(sent)
        .filter(|(result, _)| matches!(result, Err(StoreError::Conflict)))
        .collect();
    assert_eq!(lost.len(), 1, "{results:?}");
    let again = batch(&store, vec![lost[0].1.clone()]).await.unwrap();
    assert_eq!(
        again[0].as_ref().unwrap_err().code,
        RefusalCode::UsernameTaken
    );
    let user = store.user_by_name(&"ada".parse().unwrap()).await.unwrap();
    assert!([x, y].contains(&user.unwrap().id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_first_accounts_one_is_owner() {
    // [RM7]
    let db = Database::postgres();
    let store = db.open().await;
    let [x, y] = users(&store);
    let sent = [
        (x, None, create_user(x, "ada")),
        (y, None, create_user(y, "bob")),
    ];
    let results = at_once(&db.config, sent.clone());
    let lost: Vec<_> = results
        .iter()
        .zip(sent)
        .filter(|(result, _)| matches!(result, Err(StoreError::Conflict)))
        .collect();
    assert_eq!(lost.len(), 1, "{results:?}");
    let again = batch(&store, vec![lost[0].1.clone()]).await.unwrap();
    assert!(matches!(again[0], Ok(Executed::Happened(_))));
    let mut roles = Vec::new();
    for user in [x, y] {
        roles.push(store.user(user).await.unwrap().unwrap().role);
    }
    roles.sort();
    assert_eq!(roles, [ServerRole::Member, ServerRole::Owner]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_or_crashes_is_unavailable_and_comes_back() {
    let server = TestPostgres::new();
    let url = server.fresh_database();
    let store = Store::open(&StoreConfig::Postgres { url }).await.unwrap();
    let ada = user(&store, "ada").await;
    let room = group(&store, ada, &[]).await;
    let mut said = Vec::new();
    for round in 0..4 {
        said.push(say(&store, ada, room, &format!("round {round}")).await);
        if round % 2 == 0 {
            server.stop();
        } else {
            server.kill();
        }
        for _ in 0..3 {
            let sent = vec![(ada, None, message(room, "lost"))];
            let down = batch(&store, sent).await;
            assert!(matches!(down, Err(StoreError::Unavailable(_))), "{down:?}");
            let down = store.heads().await;
            assert!(matches!(down, Err(StoreError::Unavailable(_))), "{down:?}");
        }
        server.start();
        // The first call may find a connection that ended without a word.
        let log = loop {
            match store.log_after(LogId::Room(room), said[0].seq, 100).await {
                Ok(log) => break log,
                Err(StoreError::Unavailable(_)) => {}
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(log, said[1..], "what was acknowledged is there, once");
    }
}

#[tokio::test]
async fn an_address_that_leads_nowhere_says_so() {
    let open = |url: &str| {
        let url = url.to_owned();
        async move { Store::open(&StoreConfig::Postgres { url }).await.err() }
    };
    let nonsense = open("postgres://[").await;
    assert!(
        matches!(nonsense, Some(StoreError::Refused(_))),
        "{nonsense:?}"
    );
    let server = TestPostgres::shared();
    let missing = open(&server.url("no_such_database")).await;
    assert!(
        matches!(missing, Some(StoreError::Refused(_))),
        "{missing:?}"
    );
    // Port 1 of this machine: nobody listens.
    let silent = open("postgres://tidings@127.0.0.1:1/tidings").await;
    assert!(
        matches!(silent, Some(StoreError::Unavailable(_))),
        "{silent:?}"
    );
}

#[tokio::test]
async fn a_database_in_another_encoding_is_refused() {
    let server = TestPostgres::shared();
    let main = server.fresh_database();
    let text =
        "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0";
    let _ = server.sql(&main, text);
    let url = server.url("latin");
    let refused = Store::open(&StoreConfig::Postgres { url }).await.err();
    match refused {
        Some(StoreError::Refused(why)) => assert!(why.contains("UTF8"), "{why}"),
        other => panic!("{other:?}"),
    }
}

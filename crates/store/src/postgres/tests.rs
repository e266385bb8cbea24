//! Every statement prepares on a real server, each by an index, on connections that commit durably.

mod growth;
mod pool;

use tidings_testkit::postgres::TestPostgres;

use super::{CALL_TIMEOUT, Postgres, Session, migrate, session, statements};
use crate::{
    error::StoreError,
    migrate::{POSTGRES, fixture},
};

async fn database() -> (String, Session) {
    let url = TestPostgres::shared().fresh_database();
    let config = session::config(&url).unwrap();
    migrate::migrate(&config, POSTGRES).await.unwrap();
    (url, Session::open(&config, &[]).await.unwrap())
}

#[tokio::test]
async fn an_upgrade_keeps_what_was_there_and_runs_once() {
    let url = TestPostgres::shared().fresh_database();
    let config = session::config(&url).unwrap();
    let first = &POSTGRES[..1];
    let epoch = migrate::migrate(&config, first).await.unwrap().epoch;
    let session = Session::open(&config, &[]).await.unwrap();
    let user = "INSERT INTO users (id, username, display_name, folded_name, kind, role, created_at, head, head_position) \
                VALUES (gen_random_uuid(), 'ada', 'Ada', 'ada', 'person', 'owner', 1, 1, 1)";
    session.client().batch_execute(user).await.unwrap();
    let ask = async |text: &str| -> String {
        let row = session.client().query_one(text, &[]).await.unwrap();
        row.get(0)
    };
    let versions = "SELECT string_agg(version::text, ',' ORDER BY version) FROM migrations";
    // One that fails leaves the database as it was, for the program that made it.
    let broken = migrate::migrate(&config, &fixture::broken(POSTGRES)).await;
    let error = broken.err().unwrap().to_string();
    assert!(error.contains("0002_broken.sql"), "{error}");
    let colour = session.client().prepare("SELECT colour FROM users").await;
    assert!(colour.is_err());
    assert_eq!(ask(versions).await, "1");
    // An upgrade by two nodes at once, and a later start.
    let upgrade = fixture::upgrade(POSTGRES);
    let both = tokio::join!(
        migrate::migrate(&config, &upgrade),
        migrate::migrate(&config, &upgrade)
    );
    let later = migrate::migrate(&config, &upgrade).await;
    for made in [both.0, both.1, later] {
        assert_eq!(made.unwrap().epoch, epoch, "the logs are the same");
    }
    assert_eq!(ask(versions).await, "1,2");
    let row = "SELECT username || ', ' || colour FROM users";
    assert_eq!(ask(row).await, "ada, of ada");
    assert_eq!(ask("SELECT name FROM colours").await, "of ada");
    // The older program does not touch it.
    let older = migrate::migrate(&config, first).await;
    let error = older.err().unwrap().to_string();
    assert!(error.contains("newer version"), "{error}");
}

#[tokio::test]
async fn names_of_before_an_upgrade_are_found_and_taken_as_new_ones() {
    let url = TestPostgres::shared().fresh_database();
    let config = session::config(&url).unwrap();
    migrate::migrate(&config, &POSTGRES[..4]).await.unwrap();
    let session = Session::open(&config, &[]).await.unwrap();
    // More than a page of them.
    let users = "INSERT INTO users (id, username, display_name, folded_name, kind, role, created_at, head, head_position) \
                 SELECT gen_random_uuid(), 'zoe' || n, 'Ädele Ötker', 'ädele ötker', 'person', 'member', 1, 1, 1 \
                 FROM generate_series(1, 2500) AS n";
    session.client().batch_execute(users).await.unwrap();
    let rooms = "INSERT INTO rooms (id, kind, visibility, name, created_by, created_at, head, head_position, count, members, owners) \
                 SELECT gen_random_uuid(), 'channel', 'public', name, gen_random_uuid(), at, 1, 1, 0, 1, 1 \
                 FROM (VALUES ('General', 2), ('GENERAL', 1), ('Tea', 3)) AS rooms (name, at)";
    session.client().batch_execute(rooms).await.unwrap();
    migrate::migrate(&config, POSTGRES).await.unwrap();
    let named =
        "SELECT string_agg(name || ' ' || public_name, ', ' ORDER BY created_at) FROM rooms";
    let named = session.client().query_one(named, &[]).await.unwrap();
    assert_eq!(named.get::<_, String>(0), "GENERAL general, Tea tea");
    let words = "SELECT word, count(*) FROM user_words WHERE word !~ '[0-9]' OR word = 'zoe2500' GROUP BY word ORDER BY word";
    let words = session.client().query(words, &[]).await.unwrap();
    let words: Vec<(String, i64)> = words.iter().map(|row| (row.get(0), row.get(1))).collect();
    let expected = [("adele", 2_500), ("otker", 2_500), ("zoe2500", 1)];
    assert_eq!(
        words,
        expected.map(|(word, count)| (word.to_owned(), count))
    );
}

#[tokio::test]
async fn an_upgrade_leaves_what_extensions_put_beside_it_alone() {
    let url = TestPostgres::shared().fresh_database();
    let config = session::config(&url).unwrap();
    let admin = Session::open(&config, &[]).await.unwrap();
    let role = format!("role_of_{}", config.get_dbname().unwrap());
    let owns = format!("CREATE ROLE {role} LOGIN; GRANT ALL ON SCHEMA public TO {role}");
    admin.client().batch_execute(&owns).await.unwrap();
    let mut as_role = config.clone();
    as_role.user(&role);
    // What an extension made does not make a database another program's.
    let extension = "CREATE VIEW calls AS SELECT 1 AS n; ALTER EXTENSION plpgsql ADD VIEW calls; \
                     GRANT SELECT ON calls TO PUBLIC";
    admin.client().batch_execute(extension).await.unwrap();
    migrate::migrate(&as_role, &POSTGRES[..2]).await.unwrap();
    // As pg_stat_statements does: to be read by everybody, and owned by the superuser.
    let extension = "CREATE TABLE reported (n bigint); CREATE VIEW reports AS SELECT n FROM reported; \
                     GRANT SELECT ON reported, reports TO PUBLIC";
    admin.client().batch_execute(extension).await.unwrap();
    migrate::migrate(&as_role, POSTGRES).await.unwrap();
}

#[tokio::test]
async fn an_upgrade_waits_for_whoever_works_however_long_and_in_nobodys_way() {
    let url = TestPostgres::shared().fresh_database();
    let config = session::config(&url).unwrap();
    migrate::migrate(&config, &POSTGRES[..2]).await.unwrap();
    // A node of the version before, in the middle of an append.
    let node = Session::open(&config, &[]).await.unwrap();
    let begun = "BEGIN; SELECT head FROM shards WHERE shard = 0 FOR UPDATE; LOCK TABLE events IN ROW EXCLUSIVE MODE";
    node.client().batch_execute(begun).await.unwrap();
    let upgrade = tokio::spawn(async move { Postgres::open(&url).await });
    let watching = Session::open(&config, &[]).await.unwrap();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    loop {
        let row = watching.client().query_one(waits, &[]).await.unwrap();
        if row.get::<_, i64>(0) > 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    // An index of a large table takes minutes, and so may the node that is before this one.
    tokio::time::pause();
    tokio::time::advance(CALL_TIMEOUT * 10).await;
    tokio::time::resume();
    let ends = "LOCK TABLE members IN ROW EXCLUSIVE MODE; COMMIT";
    node.client().batch_execute(ends).await.unwrap();
    upgrade.await.unwrap().map(drop).unwrap();
}

fn all() -> impl Iterator<Item = session::Named> {
    let verifying = crate::verify::statements::READS.iter();
    let verifying = verifying.map(|query| (query.name, query.text));
    session::reads()
        .into_iter()
        .chain(statements::names())
        .chain(verifying)
}

#[tokio::test]
async fn every_statement_prepares() {
    let (_, session) = database().await;
    for (name, text) in all() {
        if let Err(error) = session.client().prepare(text).await {
            panic!("{name}: {error:?}\n{text}");
        }
    }
}

/// `shards` has 16 rows, and whether any user exists needs one row of them.
const MAY_SCAN: [&str; 3] = ["HEADS", "REACHED", "LOAD_ANY_USER"];

#[tokio::test]
async fn no_statement_scans_a_table() {
    let (_, session) = database().await;
    let client = session.client();
    for (name, text) in all().filter(|(name, _)| !MAY_SCAN.contains(name) && *name != "SHARDS") {
        let params = client.prepare(text).await.unwrap().params().len();
        let nulls = vec!["NULL"; params].join(", ");
        let values = if params == 0 {
            String::new()
        } else {
            format!("({nulls})")
        };
        let explain =
            format!("PREPARE q AS {text}; EXPLAIN (COSTS OFF) EXECUTE q{values}; DEALLOCATE q");
        let plan: Vec<_> = client
            .simple_query(&explain)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error:?}"))
            .into_iter()
            .filter_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            })
            .collect();
        assert!(!plan.is_empty(), "{name}");
        let scans = plan.iter().any(|line| line.contains("Seq Scan"));
        assert!(!scans, "{name}: {plan:#?}");
    }
}

#[tokio::test]
async fn commits_are_synchronous_whatever_the_database_says() {
    let (url, _) = database().await;
    let server = TestPostgres::shared();
    let name = url.rsplit('=').next().unwrap();
    let _ = server.sql(
        &url,
        &format!("ALTER DATABASE {name} SET synchronous_commit = off"),
    );
    assert_eq!(server.sql(&url, "SHOW synchronous_commit").trim(), "off");
    let config = session::config(&url).unwrap();
    let session = Session::open(&config, &[]).await.unwrap();
    let text = "SHOW synchronous_commit";
    let row = session.client().query_one(text, &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "on");
}

#[tokio::test]
async fn a_frozen_holder_of_a_lock_makes_others_unavailable_not_stuck() {
    let (url, holder) = database().await;
    let lock = "BEGIN; SELECT head FROM shards WHERE shard = 0 FOR UPDATE";
    holder.client().batch_execute(lock).await.unwrap();
    let config = session::config(&url).unwrap();
    let session = Session::open(&config, &statements::names()).await.unwrap();
    // As for every connection, only less patient.
    let impatient = "SET lock_timeout = '50ms'";
    session.client().batch_execute(impatient).await.unwrap();
    let needs = tidings_core::Needs::default();
    let waited = super::load::locked(&session, tidings_protocol::ShardId(0), &needs).await;
    assert!(
        matches!(waited, Err(StoreError::Unavailable(_))),
        "{waited:?}"
    );
}

//! Every statement prepares, none of the hot ones scans a table, and who missed nothing reads no log.

mod growth;

use std::{cell::RefCell, sync::Barrier, thread};

use rusqlite::Connection;
use tidings_protocol::{Cursor, Epoch, Position, RoomId, ShardId, UserId};

use super::{columns::now, open, open::Place, statements, upkeep};
use crate::{
    error::StoreError,
    migrate,
    query::{Query, READS},
    read,
    value::{Decode, Param, Snapshot},
};

/// How often some open a new file at once.
const OPENING_ROUNDS: usize = 200;
const OPENERS: usize = 2;

fn database() -> (Place, Connection) {
    let place = Place::temporary().unwrap();
    let (connection, _) = open::writer(&place).unwrap();
    (place, connection)
}

#[test]
fn who_opens_a_new_file_at_once_with_others_has_it() {
    // In each round none may be told that another holds the file: all of them are on their way to the same.
    for _ in 0..OPENING_ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tidings.db");
        let start = Barrier::new(OPENERS);
        let open = || {
            start.wait();
            open::writer(&Place::file(path.clone(), false)).map(|(_, epoch)| epoch)
        };
        let epochs: Vec<_> = thread::scope(|scope| {
            let all: Vec<_> = (0..OPENERS).map(|_| scope.spawn(open)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let first = epochs[0].as_ref().unwrap();
        assert!(
            epochs.iter().all(|epoch| epoch.as_ref() == Ok(first)),
            "{epochs:?}"
        );
    }
}

#[test]
fn an_upgrade_keeps_what_was_there_and_runs_once() {
    let place = Place::temporary().unwrap();
    let path = place.path();
    let mut connection = Connection::open(&path).unwrap();
    let first = &migrate::SQLITE[..1];
    let epoch = open::migrate(&mut connection, &path, first).unwrap();
    let user = "INSERT INTO users (id, username, display_name, folded_name, kind, role, created_at, head, head_position) \
                VALUES (x'00', 'ada', 'Ada', 'ada', 'person', 'owner', 1, 1, 1)";
    connection.execute(user, []).unwrap();
    let ask = |connection: &Connection, text: &str| -> String {
        connection.query_row(text, [], |row| row.get(0)).unwrap()
    };
    let versions = "SELECT group_concat(version) FROM migrations";
    // One that fails leaves the file as it was, for the program that made it.
    let broken = migrate::fixture::broken(migrate::SQLITE);
    let error = open::migrate(&mut connection, &path, &broken).unwrap_err();
    assert!(error.to_string().contains("0002_broken.sql"), "{error}");
    assert!(connection.prepare("SELECT colour FROM users").is_err());
    assert_eq!(ask(&connection, versions), "1");
    // An upgrade, and every later start.
    let upgrade = migrate::fixture::upgrade(migrate::SQLITE);
    for _ in 0..2 {
        let kept = open::migrate(&mut connection, &path, &upgrade).unwrap();
        assert_eq!(kept, epoch, "the logs are the same");
        assert_eq!(ask(&connection, versions), "1,2");
        let row = "SELECT username || ', ' || colour FROM users";
        assert_eq!(ask(&connection, row), "ada, of ada");
        assert_eq!(ask(&connection, "SELECT name FROM colours"), "of ada");
    }
    // What is sorted in an upgrade is as large as the messages are; while serving it is small.
    let sorted = migrate::Migration {
        version: 3,
        name: "0003_sorted.sql",
        text: "CREATE TABLE sorted AS SELECT temp_store FROM pragma_temp_store",
    };
    let sorting: Vec<_> = upgrade.iter().copied().chain([sorted]).collect();
    open::migrate(&mut connection, &path, &sorting).unwrap();
    let places = "SELECT s.temp_store || ', ' || p.temp_store FROM sorted s, pragma_temp_store p";
    assert_eq!(
        ask(&connection, places),
        "1, 2",
        "in a file, then in memory"
    );
    // The older program does not touch it.
    let error = open::migrate(&mut connection, &path, first).unwrap_err();
    assert!(error.to_string().contains("newer version"), "{error}");
}

#[test]
fn names_of_before_an_upgrade_are_found_and_taken_as_new_ones() {
    let place = Place::temporary().unwrap();
    let path = place.path();
    let mut connection = Connection::open(&path).unwrap();
    open::migrate(&mut connection, &path, &migrate::SQLITE[..4]).unwrap();
    let user = "INSERT INTO users (id, username, display_name, folded_name, kind, role, created_at, head, head_position) \
                VALUES (x'07', 'zoe', 'Ädele Ötker', 'ädele ötker', 'person', 'owner', 1, 1, 1)";
    connection.execute(user, []).unwrap();
    let room = "INSERT INTO rooms (id, kind, visibility, name, created_by, created_at, head, head_position, count, members, owners) \
                VALUES (?1, 'channel', ?2, ?3, x'07', ?4, 1, 1, 0, 1, 1)";
    for room_row in [
        (b"1", "public", "General", 2),
        (b"2", "public", "# general", 1),
        (b"3", "private", "Tea", 3),
        (b"4", "public", "TEA", 4),
    ] {
        connection.execute(room, room_row).unwrap();
    }
    open::migrate(&mut connection, &path, migrate::SQLITE).unwrap();
    let named = "SELECT group_concat(CAST(id AS TEXT) || ' ' || public_name, ', ') FROM rooms WHERE public_name IS NOT NULL";
    let named: String = connection.query_row(named, [], |row| row.get(0)).unwrap();
    assert_eq!(named, "2 general, 4 tea");
    let words = "SELECT group_concat(word || ' ' || hex(\"user\"), ', ') FROM user_words";
    let words: String = connection.query_row(words, [], |row| row.get(0)).unwrap();
    assert_eq!(words, "adele 07, otker 07, zoe 07");
}

#[test]
fn the_backup_that_precedes_an_upgrade_is_made_by_the_new_program_too() {
    let place = Place::temporary().unwrap();
    let path = place.path();
    let mut connection = Connection::open(&path).unwrap();
    let earlier = &migrate::SQLITE[..2];
    let epoch = open::migrate(&mut connection, &path, earlier).unwrap();
    let to = path.with_file_name("copy.db");
    let verified = upkeep::back_up(&path, &to, Box::new(drop)).unwrap();
    assert!(verified.damage.is_empty());
    assert!(verified.notes[0].contains("older"), "{:?}", verified.notes);
    // The program that made it takes it back, as a new epoch.
    let mut copy = Connection::open(&to).unwrap();
    assert_ne!(open::migrate(&mut copy, &to, earlier).unwrap(), epoch);
}

fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    let reads = READS.iter().chain(crate::verify::statements::READS);
    let reads = reads.map(|q| (q.name, q.sqlite.as_str()));
    reads.chain(statements::ALL.iter().copied())
}

#[test]
fn every_statement_prepares() {
    let (_place, connection) = database();
    for (name, text) in all() {
        if let Err(error) = connection.prepare(text) {
            panic!("{name}: {error}\n{text}");
        }
    }
}

fn plan(connection: &Connection, text: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {text}"))
        .unwrap();
    let nulls = std::iter::repeat_n(rusqlite::types::Null, statement.parameter_count());
    let steps = statement.query_map(rusqlite::params_from_iter(nulls), |row| row.get(3));
    steps.unwrap().collect::<Result<_, _>>().unwrap()
}

/// What may look at every row of a table: `shards` has one row, and whether any user exists needs one row of them.
const MAY_SCAN: [&str; 3] = ["HEADS", "REACHED", "LOAD_ANY_USER"];

/// What verifies reads every event once, and there is one shard.
const READS_ALL: [&str; 2] = ["SHARDS", "SHARD_EVENTS"];

#[test]
fn no_statement_scans_a_table() {
    let (_place, connection) = database();
    for (name, text) in all() {
        if MAY_SCAN.contains(&name) || READS_ALL.contains(&name) {
            continue;
        }
        let steps = plan(&connection, text);
        for step in &steps {
            // Lists that came with the question, what a recursive query has found so far, and short lists found before.
            let list = step.contains("VIRTUAL TABLE")
                || step == "SCAN h"
                || step.starts_with("SCAN by_")
                || step.starts_with("SCAN (subquery");
            assert!(!step.starts_with("SCAN") || list, "{name}: {steps:#?}");
        }
    }
}

#[test]
fn hot_reads_take_their_order_from_an_index() {
    let (_place, connection) = database();
    let hot = [
        "LOG_AFTER",
        "SHARD_AFTER",
        "VISIBLE_AFTER",
        "MESSAGES_BEFORE",
        "MESSAGES_AFTER",
        "MESSAGES_BEFORE_FOR",
        "MESSAGES_AFTER_FOR",
        "LOG_AFTER_FOR",
        "MEMBERS_FOR",
        "MEMBERS",
        "PUBLIC_ROOMS",
        "DEVICES",
        "ANY_MESSAGE_UPTO",
    ];
    for name in hot {
        let query = READS.iter().find(|q| q.name == name).unwrap();
        let plan = plan(&connection, &query.sqlite);
        let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!sorts, "{name} sorts: {plan:#?}");
    }
}

/// A connection that keeps the texts of what it is asked.
struct Asked<'c> {
    connection: &'c Connection,
    texts: RefCell<Vec<&'static str>>,
}

impl Snapshot for Asked<'_> {
    async fn rows<T: Send + 'static>(
        &self,
        query: &'static Query,
        params: Vec<Param>,
        decode: Decode<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.texts.borrow_mut().push(query.text);
        self.connection.rows(query, params, decode).await
    }
}

#[test]
fn who_missed_nothing_costs_no_read_of_the_log() {
    // A thousand rooms of a thousand events each, as their rows say; no event is there to be read.
    const ROOMS: u64 = 1_000;
    let (_place, connection) = database();
    let user = UserId::from_bits(1);
    let head = 1_000 * ROOMS;
    let id = |number: u64| RoomId::from_bits(u128::from(number) + 100).bytes();
    connection
        .execute(
            "INSERT INTO users (id, username, display_name, folded_name, kind, role, created_at, password_hash, head, \
             head_position) VALUES (?1, 'ada', 'Ada', 'ada', 'person', 'owner', 0, '', 1, 1)",
            [user.bytes()],
        )
        .unwrap();
    connection
        .execute("UPDATE shards SET head = ?1", [head as i64])
        .unwrap();
    for room in 0..ROOMS {
        let position = (head - room) as i64;
        connection
            .execute(
                "INSERT INTO rooms (id, kind, visibility, created_by, created_at, head, head_position, count, members, \
                 owners) VALUES (?1, 'group', 'private', ?2, 0, 1000, ?3, 900, 1, 1)",
                (id(room), user.bytes(), position),
            )
            .unwrap();
        connection
            .execute(
                "INSERT INTO members (room, \"user\", role, joined, joined_seq, joined_position) \
                 VALUES (?1, ?2, 'owner', 1, 1, 1)",
                (id(room), user.bytes()),
            )
            .unwrap();
    }
    let resume_at = |position: u64| {
        let mut cursor = Cursor::start(Epoch(1), 1);
        cursor.advance(ShardId(0), Position(position));
        let asked = Asked {
            connection: &connection,
            texts: RefCell::default(),
        };
        let resume = now(read::resume::resume(&asked, user, Some(cursor))).unwrap();
        let resume = resume.unwrap();
        assert_eq!(resume.following.len(), ROOMS as usize);
        let of_log = asked.texts.take().into_iter();
        let of_log = of_log.filter(|text| text.contains(" events ") || text.contains(" messages "));
        (resume.rooms.len(), of_log.count())
    };
    assert_eq!(resume_at(head), (0, 0));
    // Three rooms moved: one statement reads all three summaries, with their last lines.
    assert_eq!(resume_at(head - 3), (3, 1));
}

#[test]
fn a_temporary_database_may_have_shards() {
    let (_place, mut connection) = database();
    open::spread(&mut connection, 3).unwrap();
    for (name, text) in all() {
        if let Err(error) = connection.prepare(text) {
            panic!("{name}: {error}\n{text}");
        }
    }
    // The same position in two shards, and the keys that hold for all of them.
    let add = "INSERT INTO events (shard, position, log, log_kind, seq, id, at, actor, count, kind) \
        VALUES (?1, 1, ?2, 'room', 1, x'00', 0, x'00', 0, 'message')";
    let mut add = connection.prepare(add).unwrap();
    assert_eq!(add.execute((0, [1u8])).unwrap(), 1);
    assert_eq!(add.execute((2, [2u8])).unwrap(), 1);
    assert!(add.execute((2, [3u8])).is_err(), "one event a position");
    assert!(add.execute((1, [1u8])).is_err(), "one event a seq of a log");
    let heads = "SELECT count(*) FROM shards WHERE head = 0";
    let heads: i64 = connection.query_row(heads, [], |row| row.get(0)).unwrap();
    assert_eq!(heads, 3);
}

#[test]
fn whoever_closes_last_leaves_one_file() {
    for _ in 0..100 {
        let (place, writer) = database();
        let path = place.path();
        let readers = (0..4).map(|_| open::reader(&place).unwrap());
        let connections: Vec<Connection> = std::iter::once(writer).chain(readers).collect();
        let together = std::sync::Barrier::new(connections.len());
        std::thread::scope(|scope| {
            for connection in connections {
                scope.spawn(|| {
                    together.wait();
                    super::close(connection);
                });
            }
        });
        let files = std::fs::read_dir(path.parent().unwrap()).unwrap();
        let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        assert_eq!(names, ["tidings.db"]);
    }
}

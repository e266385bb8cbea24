//! A database that is older than what was served from it, or not whole, is told at the start, with what to do.

use std::{collections::BTreeMap, path::Path};

use serde_json::json;
use tidings_testkit::postgres::TestPostgres;

use crate::world::{
    User, World,
    program::{Ran, run},
};

type Files = BTreeMap<String, Vec<u8>>;

/// The files of a data folder.
fn files(data: &Path) -> Files {
    let each = std::fs::read_dir(data).unwrap().map(|file| {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(path).unwrap())
    });
    each.collect()
}

/// Puts these in the place of what is there; those that `keep` says stay as they are.
fn put_back(data: &Path, copied: &Files, keep: &[&str]) {
    for name in files(data)
        .keys()
        .filter(|name| !keep.contains(&name.as_str()))
    {
        std::fs::remove_file(data.join(name)).unwrap();
    }
    for (name, bytes) in copied
        .iter()
        .filter(|(name, _)| !keep.contains(&name.as_str()))
    {
        std::fs::write(data.join(name), bytes).unwrap();
    }
}

/// A start that is expected to fail.
async fn start(data: &Path) -> Ran {
    run(&[
        "serve",
        "--listen=127.0.0.1:0",
        "--data",
        data.to_str().unwrap(),
    ])
    .await
}

/// A start is refused with this, changes nothing, and the doctor says the same.
async fn is_refused(data: &Path, why: &str) {
    let without_index = |data: &Path| {
        let mut files = files(data);
        files.remove("tidings.db-shm");
        // The process that holds the folder.
        files.remove("tidings.lock");
        files
    };
    let before = without_index(data);
    for _ in 0..2 {
        let refused = start(data).await;
        let said = refused.fails(1);
        assert!(
            said.contains(why) && said.contains("acknowledged"),
            "{said}"
        );
    }
    let place = data.to_str().unwrap();
    let doctor = run(&["doctor", "--listen=127.0.0.1:0", "--data", place]).await;
    doctor.fails(1);
    assert!(
        doctor.out.contains("WRONG  mark: ") && doctor.out.contains(why),
        "{doctor:?}"
    );
    assert!(
        without_index(data) == before,
        "a refused start changed something"
    );
}

async fn say(world: &World, (room, ada): &(String, User), count: usize) {
    for n in 0..count {
        world.say(ada, room, &format!("message {n}")).await;
    }
}

async fn talk(world: &World) -> (String, User) {
    let (room, [ada]) = world.with_room("tea", ["ada"]).await;
    let talk = (room, ada);
    say(world, &talk, 5).await;
    talk
}

async fn length(world: &World, (room, ada): &(String, User)) -> usize {
    world.log_of(ada, room).await.len()
}

#[tokio::test]
async fn an_older_copy_in_its_place_is_told_even_when_it_has_grown() {
    let mut world = World::new().await;
    let talk = talk(&world).await;
    world.stop().await;
    let copied = files(&world.data());
    world.start().await;
    say(&world, &talk, 10).await;
    world.stop().await;
    let newest = files(&world.data());
    // The folder's own mark stays: it is what a copy of the database does not carry.
    put_back(&world.data(), &copied, &["tidings.mark"]);
    is_refused(&world.data(), "older than what was served").await;
    // Served from elsewhere until it is longer than before, it tells another story.
    let data = world.data();
    let mark = std::fs::read(data.join("tidings.mark")).unwrap();
    std::fs::remove_file(data.join("tidings.mark")).unwrap();
    world.start().await;
    say(&world, &talk, 30).await;
    world.stop().await;
    let grown = files(&data);
    std::fs::write(data.join("tidings.mark"), mark).unwrap();
    is_refused(&data, "another story").await;
    // The right one back: all is as it was.
    put_back(&data, &newest, &["tidings.mark"]);
    world.start().await;
    assert_eq!(length(&world, &talk).await, 2 + 15);
    world.stop().await;
    // Or on with what is there, which every client is told.
    put_back(&data, &grown, &["tidings.mark"]);
    is_refused(&data, "another story").await;
    world.tidings(&["new-epoch"]).await.well();
    world.start().await;
    assert_eq!(length(&world, &talk).await, 2 + 5 + 30);
    world.restart().await;
}

#[tokio::test]
async fn a_write_ahead_log_that_is_gone_is_told() {
    let mut world = World::new().await;
    let talk = talk(&world).await;
    let data = world.data();
    // Killed at once: what was noted last may be older than what was answered last.
    world.kill().await;
    let left = files(&data);
    assert!(!left["tidings.db-wal"].is_empty());
    let gone = |left: &Files| {
        let mut files = left.clone();
        files.remove("tidings.db-wal");
        files.remove("tidings.db-shm");
        files
    };
    // Without it there is not even a database in the file.
    put_back(&data, &gone(&left), &[]);
    is_refused(&data, "is gone").await;
    // Programs beside the server leave it where it is.
    put_back(&data, &left, &[]);
    world.tidings(&["user", "list"]).await.well();
    let copy = data.join("copy.db");
    world
        .tidings(&["backup", copy.to_str().unwrap()])
        .await
        .well();
    assert!(data.join("tidings.db-wal").exists());
    // Put back, nothing is lost.
    put_back(&data, &left, &[]);
    world.start().await;
    assert_eq!(length(&world, &talk).await, 2 + 5);
    // Everything is in the file, and nothing after it was noted: still, the log that the server had is missing.
    world.stop().await;
    world.start().await;
    world.kill().await;
    let left = files(&data);
    put_back(&data, &gone(&left), &[]);
    is_refused(&data, "its write-ahead log").await;
    world.tidings(&["new-epoch"]).await.well();
    world.start().await;
    assert_eq!(length(&world, &talk).await, 2 + 5);
    // After an orderly end it is missed by nobody.
    world.stop().await;
    put_back(&data, &gone(&files(&data)), &[]);
    world.start().await;
}

#[tokio::test]
async fn a_database_that_is_gone_is_not_made_anew() {
    let mut world = World::new().await;
    talk(&world).await;
    world.stop().await;
    let data = world.data();
    std::fs::remove_file(data.join("tidings.db")).unwrap();
    is_refused(&data, "is gone").await;
    std::fs::remove_file(data.join("tidings.mark")).unwrap();
    world.start().await;
    // A mark that does not read as one.
    world.stop().await;
    std::fs::write(data.join("tidings.mark"), "{}\n").unwrap();
    let refused = start(&data).await;
    assert!(
        refused
            .fails(1)
            .contains("does not read as what was written"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_client_that_remembers_more_than_the_database_is_told_to_the_operator() {
    // [CU3] The whole folder is put back, and its mark with it: only clients know.
    let mut world = World::new().await;
    let talk = talk(&world).await;
    world.stop().await;
    let copied = files(&world.data());
    world.start().await;
    say(&world, &talk, 5).await;
    let (socket, ready) = world.session(&talk.1, json!({})).await;
    socket.close().await;
    world.stop().await;
    put_back(&world.data(), &copied, &[]);
    world.start().await;
    assert!(!world.log().contains("remembers more"));
    let (_, reset) = world
        .session(&talk.1, json!({ "since": ready["cursor"] }))
        .await;
    assert_eq!(reset["type"], "reset");
    let log = world.log();
    assert!(
        log.contains("remembers more") && log.contains("tidings new-epoch"),
        "{log}"
    );
}

#[tokio::test]
async fn a_node_on_postgresql_with_a_folder_of_its_own_notices_a_restored_database() {
    let server = TestPostgres::shared();
    let url = server.fresh_database();
    let database = format!("--database={url}");
    let mut world = World::with(&[&database]).await;
    let talk = talk(&world).await;
    world.stop().await;
    let data = world.data();
    assert!(!data.exists(), "a node needs no folder");
    std::fs::create_dir(&data).unwrap();
    world.start().await;
    say(&world, &talk, 5).await;
    world.stop().await;
    let forget = "UPDATE shards SET head = head - 3 WHERE head > 3; \
        DELETE FROM events e USING shards s WHERE e.shard = s.shard AND e.position > s.head";
    let _ = server.sql(&url, forget);
    let place = ["--data", data.to_str().unwrap(), database.as_str()];
    let refused = run(&[&["serve", "--listen=127.0.0.1:0"], &place[..]].concat()).await;
    let said = refused.fails(1);
    assert!(
        said.contains("older than what was served") && said.contains("--database"),
        "{said}"
    );
    assert!(
        !said.contains(&url),
        "an address may hold a password: {said}"
    );
    run(&[&["new-epoch"], &place[..]].concat()).await.well();
    world.start().await;
    world.restart().await;
}

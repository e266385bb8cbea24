//! Trouble that is ours: what the client is told, and what the log says of it. `[RF1]` `[CM7]`

use serde_json::json;

use tidings_testkit::postgres::TestPostgres;

use crate::world::{Answer, World, socket::send_frame, stream::poll_path};

/// SQL on the server's own file, from another process's point of view.
fn sql(world: &World, text: &str) {
    let file = rusqlite::Connection::open(world.data().join("tidings.db")).unwrap();
    file.busy_timeout(std::time::Duration::from_secs(10))
        .unwrap();
    file.execute_batch(text).unwrap();
}

/// Every commit with a message fails from now on, in a way that only the operator may see.
fn break_commits(world: &World) {
    sql(
        world,
        "CREATE TRIGGER planted BEFORE INSERT ON messages \
         BEGIN SELECT RAISE(ABORT, 'planted trouble'); END",
    );
}

#[tokio::test]
async fn a_command_whose_commit_failed_is_found_in_the_log() {
    let world = World::new().await;
    let (room, [ada]) = world.with_room("tea", ["ada"]).await;
    let mut socket = world.open(&ada, &room).await;
    break_commits(&world);
    let mut send = send_frame(&room, "a private text");
    send["txn"] = "txn-of-trouble".into();
    socket.send(&send).await;
    let told = socket.expect("refused").await;
    assert_eq!(
        (&told["txn"], &told["refusal"]["code"]),
        (&send["txn"], &json!("internal"))
    );
    assert!(!told.to_string().contains("planted"), "{told}");
    let id = told["refusal"]["request_id"].as_str().unwrap();
    let log = world.log();
    let line = log.lines().find(|line| line.contains(id)).unwrap();
    for text in [
        "a commit failed",
        "planted trouble",
        "txn-of-trouble",
        &ada.id,
        &room,
    ] {
        assert!(line.contains(text), "{text}: {line}");
    }
    // Over REST the request's own id leads to the commit's.
    let body = json!({ "text": "a private text", "txn": "another" });
    let path = format!("/rooms/{room}/messages");
    let answer = world.call("POST", &path, Some(&ada), Some(&body)).await;
    let id = answer.expect(500)["request_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let log = world.log();
    let line = log.lines().find(|line| line.contains(&id)).unwrap();
    let commit = line
        .split("commit=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let failed = log.lines().filter(|line| line.contains(commit));
    assert!(
        failed.clone().any(|line| line.contains("txn=another")),
        "{log}"
    );
    assert!(!log.contains("a private text"));
    // Nothing happened; the same txn does it once the trouble is over.
    sql(&world, "DROP TRIGGER planted");
    socket.send(&send).await;
    let event = socket.expect_text("a private text").await;
    assert_eq!(event["txn"], send["txn"]);
}

#[tokio::test]
async fn a_refusal_that_is_the_callers_doing_needs_no_id() {
    let world = World::new().await;
    let (room, [ada]) = world.with_room("tea", ["ada"]).await;
    let mut socket = world.open(&ada, &room).await;
    let mut empty = send_frame(&room, "");
    empty["txn"] = "empty".into();
    socket.send(&empty).await;
    let told = socket.expect("refused").await;
    assert!(told["refusal"]["request_id"].is_null(), "{told}");
}

#[tokio::test]
async fn while_the_database_is_away_everybody_is_told_to_come_again() {
    // [LP1] [CM7]
    let postgres = TestPostgres::new();
    let database = format!("--database={}", postgres.fresh_database());
    let world = World::with(&[&database]).await;
    let (room, [ada]) = world.with_room("tea", ["ada"]).await;
    let (_, cursor) = world.poll(&ada, None).await;
    let path = poll_path(Some(&cursor));
    let mut waiting = Vec::new();
    for _ in 0..8 {
        waiting.push(world.ask("GET", &path, Some(&ada), None).await);
    }
    let stop = tokio::task::spawn_blocking(move || {
        postgres.stop_immediately();
        postgres
    });
    // Asked before, while and after it goes.
    while !stop.is_finished() {
        waiting.push(world.ask("GET", &path, Some(&ada), None).await);
        waiting.push(world.ask("GET", "/me", Some(&ada), None).await);
    }
    let postgres = stop.await.unwrap();
    for path in [
        "/me".to_owned(),
        "/rooms".to_owned(),
        "/devices".to_owned(),
        "/users?q=a".to_owned(),
        format!("/rooms/{room}"),
        format!("/rooms/{room}/members"),
        format!("/rooms/{room}/messages"),
        format!("/rooms/{room}/events"),
        "/events".to_owned(),
        path.clone(),
    ] {
        let answer = world.call("GET", &path, Some(&ada), None).await;
        let problem = answer.expect(503);
        assert_eq!(problem["code"], "unavailable", "{path}");
        assert!(problem["retry_after_ms"].as_u64().unwrap() > 0, "{path}");
    }
    postgres.start();
    for mut stream in waiting {
        let answer = Answer::read(&mut stream).await;
        match answer.status {
            200 => {}
            status => {
                assert_eq!(status, 503, "{}", answer.text());
                assert!(answer.json()["retry_after_ms"].as_u64().unwrap() > 0);
            }
        }
    }
    let log = world.log();
    let away = log
        .lines()
        .filter(|line| line.contains("the store is not available"));
    assert_eq!(away.count(), 1, "{log}");
}

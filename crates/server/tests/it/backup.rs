//! Backups: what clients get that remember more than the restored database does. `[CU3]`

use serde_json::{Value, json};

use crate::world::{User, World, program::Ran};

/// What a client remembers of the life that was lost.
struct Memory {
    room: String,
    ada: User,
    cursor: String,
    head: u64,
}

/// A room with some messages.
async fn before(world: &World) -> (String, User) {
    let (room, [ada]) = world.with_room("tea", ["ada"]).await;
    for text in ["one", "two"] {
        world.say(&ada, &room, text).await;
    }
    (room, ada)
}

/// What happens after the backup, and is lost.
async fn lost(world: &World, room: String, ada: User) -> Memory {
    for n in 0..5 {
        world.say(&ada, &room, &format!("lost {n}")).await;
    }
    let (socket, ready) = world.session(&ada, json!({})).await;
    socket.close().await;
    Memory {
        cursor: ready["cursor"].as_str().unwrap().to_owned(),
        head: ready["rooms"][0]["head"].as_u64().unwrap(),
        room,
        ada,
    }
}

/// Puts a file in the database's place.
fn put_back(world: &World, copy: &std::path::Path) {
    for name in ["tidings.db-wal", "tidings.db-shm"] {
        let _ = std::fs::remove_file(world.data().join(name));
    }
    std::fs::copy(copy, world.data().join("tidings.db")).unwrap();
}

/// On every door the old cursor is answered by `reset` with the state as it is now.
async fn every_client_starts_anew(world: &World, memory: &Memory, head: u64) {
    let whole = |frame: &Value| {
        assert_eq!(frame["type"], "reset", "{frame}");
        assert_eq!(frame["rooms"][0]["id"], *memory.room, "{frame}");
        assert_eq!(frame["rooms"][0]["head"], head, "{frame}");
        frame["cursor"].as_str().unwrap().to_owned()
    };
    let since = Some(memory.cursor.as_str());
    let hello = json!({ "since": memory.cursor });
    let (mut socket, reset) = world.session(&memory.ada, hello).await;
    let cursor = whole(&reset);
    let hello = json!({ "since": memory.cursor, "follow": "all" });
    let (follower, reset) = world.session(&memory.ada, hello).await;
    whole(&reset);
    follower.close().await;
    let (mut stream, reset) = world.stream(&memory.ada, since).await;
    whole(&reset);
    let (frames, polled) = world.poll(&memory.ada, since).await;
    assert_eq!(frames.len(), 1);
    whole(&frames[0]);
    // From there on all is as ever.
    let next = world.say(&memory.ada, &memory.room, "anew").await;
    assert_eq!(next["seq"], head + 1);
    stream.until(|frame| frame["id"] == next["id"]).await;
    let (frames, _) = world.poll(&memory.ada, Some(&polled)).await;
    assert!(
        frames.iter().any(|frame| frame["id"] == next["id"]),
        "{frames:?}"
    );
    socket
        .find("the room moves", |frame| frame["type"] == "rooms")
        .await;
    let (_, ready) = world.session(&memory.ada, json!({ "since": cursor })).await;
    assert_eq!(ready["type"], "ready");
    assert_eq!(ready["rooms"][0]["head"], head + 1);
}

/// Other things happen than before, until the logs are as long as they were, or longer.
async fn other_things_happen(world: &World, memory: &Memory) -> u64 {
    let mut head = 0;
    while head <= memory.head + 3 {
        let event = world.say(&memory.ada, &memory.room, "another").await;
        head = event["seq"].as_u64().unwrap();
    }
    head
}

/// A copy of the database as `cp` makes it of a stopped server, or a snapshot of the disk. The server runs on.
async fn copied(world: &mut World) -> std::path::PathBuf {
    world.stop().await;
    let copy = world.data().join("copied");
    std::fs::copy(world.data().join("tidings.db"), &copy).unwrap();
    let mark = world.data().join("tidings.mark");
    std::fs::copy(&mark, world.data().join("copied.mark")).unwrap();
    world.start().await;
    copy
}

#[tokio::test]
async fn a_backup_made_while_the_server_runs_begins_an_epoch_of_its_own() {
    let mut world = World::new().await;
    let (room, ada) = before(&world).await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    let made: Ran = world.tidings(&["backup", copy.to_str().unwrap()]).await;
    assert!(made.well().contains("holds the database"), "{made:?}");
    let memory = lost(&world, room, ada).await;
    world.stop().await;
    put_back(&world, &copy);
    world.start().await;
    let head = other_things_happen(&world, &memory).await;
    every_client_starts_anew(&world, &memory, head).await;
    let log = world.log_of(&memory.ada, &memory.room).await;
    assert!(!serde_json::to_string(&log).unwrap().contains("lost"));
}

#[tokio::test]
async fn after_restoring_a_plain_copy_a_new_epoch_is_drawn_by_hand() {
    let mut world = World::new().await;
    let (room, ada) = before(&world).await;
    let copy = copied(&mut world).await;
    let memory = lost(&world, room, ada).await;
    let refused = world.tidings(&["new-epoch"]).await;
    assert!(refused.fails(1).contains("stop it first"), "{refused:?}");
    world.stop().await;
    put_back(&world, &copy);
    let drawn = world.tidings(&["new-epoch"]).await;
    assert!(
        drawn.well().contains("every client starts anew"),
        "{drawn:?}"
    );
    world.start().await;
    let head = other_things_happen(&world, &memory).await;
    every_client_starts_anew(&world, &memory, head).await;
}

#[tokio::test]
async fn a_cursor_from_the_future_starts_anew_without_help() {
    // Nobody drew a new epoch, but the logs are still shorter than what the client remembers.
    let mut world = World::new().await;
    let (room, ada) = before(&world).await;
    let copy = copied(&mut world).await;
    let memory = lost(&world, room, ada).await;
    world.stop().await;
    // The whole folder, with the mark that would tell.
    put_back(&world, &copy);
    let mark = world.data().join("tidings.mark");
    std::fs::copy(world.data().join("copied.mark"), mark).unwrap();
    world.start().await;
    let head = memory.head - 5;
    every_client_starts_anew(&world, &memory, head).await;
}

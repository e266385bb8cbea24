//! Typing and presence: who is told, and who is not. `[SG1]` to `[SG5]`

use serde_json::{Value, json};
use tidings_protocol::{RoomId, limits::WATCHED_USERS_MAX};

use crate::world::{World, inside::Inside};

#[tokio::test]
async fn typing_reaches_others_who_have_the_room_open() {
    // [SG2]
    let world = World::new().await;
    let (room, [ada, lin, eve]) = world.with_room("designers", ["ada", "lin", "eve"]).await;
    world.remove(&ada, &room, &eve).await;
    let mut typist = world.open(&ada, &room).await;
    let mut own = world.open(&ada, &room).await;
    let mut readers = [world.open(&lin, &room).await, world.open(&lin, &room).await];
    let mut listed = world.listed(&lin).await;
    let mut stranger = world.listed(&eve).await;
    for on in [true, false] {
        typist
            .send(&json!({ "type": "typing", "room": room, "on": on }))
            .await;
        for reader in &mut readers {
            assert_eq!(
                reader.expect("typing").await,
                json!({ "type": "typing", "room": room, "user": ada.id, "on": on })
            );
        }
    }
    // A stranger's typing reaches nobody.
    stranger
        .send(&json!({ "type": "typing", "room": room, "on": true }))
        .await;
    stranger.settled().await;
    typist.say(&room, "done").await;
    let [one, two] = &mut readers;
    for session in [&mut own, one, two] {
        let frames = session
            .until("done", |f| f["content"]["text"] == "done")
            .await;
        assert!(!frames.iter().any(|f| f["type"] == "typing"), "{frames:?}");
    }
    let frames = listed.until("a summary", |f| f["type"] == "rooms").await;
    assert!(!frames.iter().any(|f| f["type"] == "typing"));
    assert!(typist.seen.iter().all(|f| f["type"] != "typing"));
    // Who left hears no more typing, and is not heard.
    world.remove(&ada, &room, &lin).await;
    for reader in &mut readers {
        reader.expect("left").await;
        reader
            .send(&json!({ "type": "typing", "room": room, "on": true }))
            .await;
        reader.settled().await;
    }
    typist
        .send(&json!({ "type": "typing", "room": room, "on": true }))
        .await;
    typist.say(&room, "again").await;
    let frames = own
        .until("again", |f| f["content"]["text"] == "again")
        .await;
    assert!(!frames.iter().any(|f| f["type"] == "typing"), "{frames:?}");
    let next = world.group("others", &ada, &[&lin]).await;
    for reader in &mut readers {
        let frames = reader
            .until("the other room", |f| f["room"]["id"] == next.as_str())
            .await;
        assert!(!frames.iter().any(|f| f["type"] == "typing"), "{frames:?}");
    }
}

/// What a session heard of each user's presence, in order.
fn heard(frames: &[Value], user: &str) -> Vec<String> {
    frames
        .iter()
        .filter(|f| f["type"] == "presence")
        .flat_map(|f| f["users"].as_array().unwrap())
        .filter(|u| u["user"] == user)
        .map(|u| u["status"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn what_cannot_be_signalled_is_refused() {
    // [SG3]
    let world = World::new().await;
    let ada = world.user("ada").await;
    let mut socket = world.listed(&ada).await;
    for (frame, code) in [
        (
            json!({ "type": "presence", "status": "offline" }),
            "bad_request",
        ),
        (
            json!({ "type": "watch", "users": vec![ada.id.clone(); WATCHED_USERS_MAX + 1] }),
            "limit_reached",
        ),
    ] {
        socket.send(&frame).await;
        let refused = socket.expect("refused").await;
        assert_eq!(refused["refusal"]["code"], code, "{refused}");
        assert_eq!(refused.get("txn"), None);
    }
}

#[tokio::test]
async fn presence_is_told_among_those_who_share_a_room() {
    // [SG3] RELIABILITY 4.34
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let eve = world.user("eve").await;
    let mut watcher = world.open(&ada, &room).await;
    watcher
        .send(&json!({ "type": "watch", "users": [lin.id, eve.id] }))
        .await;
    let now = watcher.expect("presence").await;
    assert_eq!(
        now["users"],
        json!([{ "user": lin.id, "status": "offline" }])
    );
    // Nobody tells of eve, though she comes first.
    let stranger = world.listed(&eve).await;
    let mut one = world.listed(&lin).await;
    let told = |status: &'static str| {
        let lin = lin.id.clone();
        move |f: &Value| {
            heard(std::slice::from_ref(f), &lin)
                .last()
                .is_some_and(|s| s == status)
        }
    };
    watcher.find("online", told("online")).await;
    one.send(&json!({ "type": "presence", "status": "away" }))
        .await;
    watcher.find("away", told("away")).await;
    // As present as the most present session.
    let two = world.listed(&lin).await;
    watcher.find("online", told("online")).await;
    two.close().await;
    watcher.find("away", told("away")).await;
    one.close().await;
    watcher.find("offline", told("offline")).await;
    stranger.close().await;
    assert_eq!(heard(&watcher.seen, &eve.id), Vec::<String>::new());
    // The list is replaced; who shares no room hears nothing.
    watcher.send(&json!({ "type": "watch", "users": [] })).await;
    watcher.settled().await;
    let mut outside = world.listed(&eve).await;
    outside
        .send(&json!({ "type": "watch", "users": [lin.id, ada.id] }))
        .await;
    assert_eq!(outside.expect("presence").await["users"], json!([]));
    let mut third = world.listed(&lin).await;
    let mut second = world.open(&ada, &room).await;
    second
        .send(&json!({ "type": "watch", "users": [lin.id] }))
        .await;
    second.find("online", told("online")).await;
    third
        .send(&json!({ "type": "presence", "status": "away" }))
        .await;
    second.find("away", told("away")).await;
    for silent in [&mut watcher, &mut outside] {
        let frames = silent.settled().await;
        assert_eq!(heard(&frames, &lin.id), Vec::<String>::new());
    }
}

#[tokio::test]
async fn those_who_have_a_room_open_hear_how_many_members_are_there() {
    // [SG5]
    let world = World::new().await;
    let (room, [ada, lin, eve]) = world.with_room("designers", ["ada", "lin", "eve"]).await;
    let outsider = world.user("max").await;
    let _outside = world.listed(&outsider).await;
    let mut watcher = world.open(&ada, &room).await;
    watcher.counted(&room, 1).await;
    // A user counts once, however many sessions of any kind they have, and counts while away.
    let (one, mut two) = (world.listed(&lin).await, world.open(&lin, &room).await);
    two.send(&json!({ "type": "presence", "status": "away" }))
        .await;
    two.counted(&room, 2).await;
    let (stream, _) = world.stream(&eve, None).await;
    for session in [&mut watcher, &mut two] {
        session.counted(&room, 3).await;
    }
    drop(stream);
    watcher.counted(&room, 2).await;
    // Who comes to the room or goes from it is counted when they are there already.
    world.add(&ada, &room, &outsider).await;
    watcher.counted(&room, 3).await;
    world.remove(&ada, &room, &lin).await;
    watcher.counted(&room, 2).await;
    two.expect("left").await;
    let before = two.counts.len();
    let third = world.listed(&eve).await;
    watcher.counted(&room, 3).await;
    two.settled().await;
    assert_eq!(two.counts.len(), before, "one who has left hears nothing");
    for session in [one, two, third] {
        session.close().await;
    }
    watcher.counted(&room, 2).await;
    // Another room has its own count; a closed one tells nothing.
    let other = world.group("others", &ada, &[&lin, &eve]).await;
    watcher
        .send(&json!({ "type": "open", "room": other }))
        .await;
    watcher.counted(&other, 1).await;
    watcher
        .send(&json!({ "type": "close", "room": room }))
        .await;
    watcher.settled().await;
    let told = watcher.counts.clone();
    let mut late = world.open(&eve, &room).await;
    late.counted(&room, 3).await;
    watcher.counted(&other, 2).await;
    let of_room = |counts: &[(String, u64)]| counts.iter().filter(|(r, _)| *r == room).count();
    assert_eq!(of_room(&watcher.counts), of_room(&told));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rooms_whose_members_cannot_be_read_hold_up_no_other() {
    // [SG5] More of them than are read at a time.
    let inside = Inside::start().await;
    let world = &inside.world;
    let (room, [ada, lin]) = world.with_room("tea", ["ada", "lin"]).await;
    let mut watcher = world.listed(&ada).await;
    let file = inside.database();
    for n in 0..8 {
        let broken = world.group(&format!("broken {n}"), &ada, &[]).await;
        let id: RoomId = broken.parse().unwrap();
        let member = "INSERT INTO members (room, \"user\", role, joined, joined_seq, joined_position) \
            VALUES (?1, X'FF', 'member', 1, 1, 1)";
        file.execute(member, [id.bytes()]).unwrap();
        watcher.expect("room").await;
        watcher
            .send(&json!({ "type": "open", "room": broken }))
            .await;
        watcher.expect("opened").await;
    }
    let mut other = world.open(&lin, &room).await;
    other.counted(&room, 2).await;
    drop((watcher, other));
    inside.stop().await;
}

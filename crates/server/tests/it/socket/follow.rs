//! Following rooms: open, listed, coming and going. `[SB1]` to `[SB9]`

use serde_json::{Value, json};

use crate::world::{
    World,
    socket::{Socket, is_event, send_frame, seqs},
    txn,
};

/// Sends messages as fast as the server takes them: the `seq` of the last.
pub(crate) async fn flood(socket: &mut Socket, room: &str, count: usize) -> u64 {
    let mut last = 0;
    let mut left = count;
    while left > 0 {
        let now = left.min(100);
        let mut bytes = Vec::new();
        let mut txns = std::collections::HashSet::new();
        for _ in 0..now {
            let txn = txn();
            let mut frame = send_frame(room, &format!("flood {txn}"));
            frame["txn"] = txn.clone().into();
            bytes.extend(socket.encode(&frame));
            txns.insert(txn);
        }
        socket.raw(&bytes).await;
        while !txns.is_empty() {
            let answer = socket.find("answers", |f| f["txn"].is_string()).await;
            assert_eq!(answer["type"], "event", "{answer}");
            txns.remove(answer["txn"].as_str().unwrap());
            last = last.max(answer["seq"].as_u64().unwrap());
        }
        left -= now;
    }
    last
}

#[tokio::test]
async fn a_room_is_opened_from_where_the_client_is() {
    // [SB3] [SB4] [EV3]
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    // Kept open on one core, so that there is a ring; the other core has none.
    let mut writer = world.open(&ada, &room).await;
    let head = flood(&mut writer, &room, 620).await;
    for (after, from) in [
        (None, head),
        (Some(head), head),
        (Some(head - 5), head - 5),
        (Some(head - 130), head - 130),
        (Some(head - 500), head - 500),
        (Some(head - 501), head),
        (Some(0), head),
        (Some(head + 100_000), head),
    ] {
        // Twice each: connections are dealt to both cores.
        for _ in 0..2 {
            let mut reader = world.listed(&lin).await;
            let opened = reader.open(&room, after).await;
            assert_eq!(opened["from"], from, "{after:?}");
            assert_eq!(opened["head"], head, "{after:?}");
            if from < head {
                let frames = reader
                    .until("the head", |f| is_event(f) && f["seq"] == head)
                    .await;
                assert_eq!(
                    seqs(&frames, &room),
                    (from + 1..=head).collect::<Vec<u64>>()
                );
            }
            reader.close().await;
        }
    }
    // The past and the new alike: what is sent while the past is read comes after it, once.
    let mut readers = Vec::new();
    for _ in 0..4 {
        let (reader, _) = world
            .session(
                &lin,
                json!({ "open": [{ "room": room, "after": head - 400 }] }),
            )
            .await;
        readers.push(reader);
    }
    let last = flood(&mut writer, &room, 100).await;
    for mut reader in readers {
        let opened = reader.expect("opened").await;
        assert_eq!(opened["from"], head - 400);
        let frames = reader
            .until("the last", |f| is_event(f) && f["seq"] == last)
            .await;
        assert_eq!(
            seqs(&frames, &room),
            (head - 399..=last).collect::<Vec<u64>>()
        );
    }
}

#[tokio::test]
async fn only_rooms_of_ones_own_are_opened() {
    // [SB3] [P6] [RE5]
    let world = World::new().await;
    let (room, [_ada]) = world.with_room("designers", ["ada"]).await;
    let eve = world.user("eve").await;
    let mut socket = world.listed(&eve).await;
    let absent = "room_00000000000000000000000000";
    let mut answers = Vec::new();
    for room in [room.as_str(), absent] {
        socket
            .send(&json!({ "type": "open", "room": room, "after": 0 }))
            .await;
        let mut refused = socket.expect("refused").await;
        assert_eq!(refused["room"], room);
        refused["room"] = Value::Null;
        answers.push(refused);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0]["refusal"]["code"], "not_found");
    let (mut socket, _) = world
        .session(&eve, json!({ "open": [{ "room": room }] }))
        .await;
    assert_eq!(socket.expect("refused").await["room"], room);
}

#[tokio::test]
async fn a_listed_room_is_told_by_summaries() {
    // [SB1] [SB2] [SB6] [P8]
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let mut listed = world.listed(&lin).await;
    let mut opened = world.open(&lin, &room).await;
    let mut writer = world.open(&ada, &room).await;
    let long = "long ".repeat(100);
    let event = writer.say(&room, &long).await;
    let rooms = listed.expect("rooms").await;
    assert_eq!(rooms["rooms"][0]["room"], room);
    assert_eq!(rooms["rooms"][0]["head"], event["seq"]);
    assert_eq!(rooms["rooms"][0]["count"], 1);
    let last = rooms["rooms"][0]["last"]["text"].as_str().unwrap();
    assert_eq!(last, &long[..140]);
    // Many at once are told as few, and the last is the truth.
    let head = flood(&mut writer, &room, 100).await;
    let frames = listed
        .until("the head", |f| f["rooms"][0]["head"] == head)
        .await;
    assert!(frames.len() < 100, "{}", frames.len());
    assert_eq!(frames.last().unwrap()["rooms"][0]["count"], 101);
    assert!(frames.iter().all(|f| f["type"] != "event"));
    // Back to summaries.
    opened
        .until("the head", |f| is_event(f) && f["seq"] == head)
        .await;
    opened.send(&json!({ "type": "close", "room": room })).await;
    opened.settled().await;
    let event = writer.say(&room, "closed").await;
    let frames = opened.until("a summary", |f| f["type"] == "rooms").await;
    assert!(!frames.iter().any(is_event), "{frames:?}");
    assert_eq!(frames.last().unwrap()["rooms"][0]["head"], event["seq"]);
    // And open again, without a gap.
    let again = opened.open(&room, Some(head)).await;
    assert_eq!(again["from"], head);
    let event = opened.expect_text("closed").await;
    assert_eq!(event["seq"], head + 1);
    // An edited or deleted last line shows at once.
    let edit = json!({ "type": "edit", "room": room, "message": event["id"], "content": { "kind": "text", "text": "mended" } });
    writer.command(edit).await;
    listed
        .find("the edit", |f| f["rooms"][0]["last"]["text"] == "mended")
        .await;
    writer
        .command(json!({ "type": "delete", "room": room, "message": event["id"] }))
        .await;
    let head = head + 3;
    let gone = json!([event["seq"]]);
    let frame = listed
        .find("the deletion", |f| {
            f["rooms"][0]["head"] == head && f["rooms"][0]["gone"] == gone
        })
        .await;
    assert_eq!(frame["rooms"][0]["last"]["text"], Value::Null);
}

#[tokio::test]
async fn who_joins_is_told_of_the_room_and_who_leaves_of_nothing_more() {
    // [SB7] [SB8] [P6]
    let world = World::new().await;
    let (room, [ada]) = world.with_room("designers", ["ada"]).await;
    let lin = world.user("lin").await;
    let mut writer = world.open(&ada, &room).await;
    writer.say(&room, "before").await;
    let mut socket = world.listed(&lin).await;
    let mut other = world.listed(&lin).await;
    world.add(&ada, &room, &lin).await;
    for session in [&mut socket, &mut other] {
        let told = session.expect("room").await;
        assert_eq!(told["room"]["id"], room);
        assert_eq!(told["room"]["role"], "member");
        assert_eq!(told["room"]["members"], 2);
        assert_eq!(told["room"]["last"]["text"], "before");
        assert_eq!(told["users"][0]["username"], "ada");
    }
    // Members see the whole history. [RM5]
    let opened = socket.open(&room, Some(0)).await;
    assert_eq!(opened["from"], 0);
    writer.say(&room, "during").await;
    let frames = socket
        .until("during", |f| f["content"]["text"] == "during")
        .await;
    assert_eq!(seqs(&frames, &room), (1..=5).collect::<Vec<u64>>());
    let left = world.remove(&ada, &room, &lin).await;
    writer.say(&room, "canary").await;
    let event = socket.expect_event("member_left").await;
    assert_eq!(event["seq"], left["seq"]);
    let expected = json!({ "type": "left", "room": room, "by": ada.id });
    assert_eq!(socket.next().await, expected);
    let frames = other.until("left", |f| f["type"] == "left").await;
    assert!(!frames.iter().any(is_event));
    // Everything that came after is of another room.
    let next = world.group("others", &ada, &[&lin]).await;
    world.say(&ada, &next, "there").await;
    for session in [&mut socket, &mut other] {
        let frames = session
            .until("the other room", |f| {
                f["room"]["id"] == next || f["rooms"][0]["room"] == next
            })
            .await;
        assert!(!format!("{frames:?}").contains(&room), "{frames:?}");
        session
            .send(&json!({ "type": "open", "room": room, "after": 0 }))
            .await;
        assert_eq!(
            session.expect("refused").await["refusal"]["code"],
            "not_found"
        );
    }
    assert!(!format!("{:?}{:?}", socket.seen, other.seen).contains("canary"));
}

#[tokio::test]
async fn a_room_of_ones_own_comes_to_every_session() {
    // [SB7] [CM6]
    let world = World::new().await;
    let [ada, lin] = world.users(["ada", "lin"]).await;
    let (mut one, mut two) = (world.listed(&ada).await, world.listed(&ada).await);
    let mut peer = world.listed(&lin).await;
    let created = one
        .command(json!({ "type": "create_room", "kind": "direct", "members": [lin.id] }))
        .await;
    for (session, other) in [(&mut one, &lin), (&mut two, &lin), (&mut peer, &ada)] {
        let told = session.find("the room", |f| f["type"] == "room").await;
        assert_eq!(told["room"]["id"], created["log"]);
        assert_eq!(told["room"]["peer"], other.id.as_str());
        let names: Vec<&Value> = told["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|u| &u["username"])
            .collect();
        assert!(names.contains(&&json!(other.name)), "{told}");
    }
    // It can be used from then on.
    let room = created["log"].as_str().unwrap();
    peer.open(room, None).await;
    one.say(room, "hi").await;
    peer.expect_text("hi").await;
}

#[tokio::test]
async fn coming_and_going_many_times_leaves_the_truth() {
    // [SB7] [SB8] Joining reads the room; leaving meanwhile must win.
    let world = World::new().await;
    let (room, [ada]) = world.with_room("designers", ["ada"]).await;
    let lin = world.user("lin").await;
    let mut admin = world.listed(&ada).await;
    let mut sessions = [world.listed(&lin).await, world.listed(&lin).await];
    let mut bytes = Vec::new();
    for round in 0..40 {
        for (kind, at) in [("join", 0), ("leave", 1)] {
            let command = json!({ "type": kind, "txn": format!("{round}-{at}"), "room": room, "user": lin.id });
            bytes.extend(admin.encode(&command));
        }
    }
    admin.raw(&bytes).await;
    admin.find("the last answer", |f| f["txn"] == "39-1").await;
    admin.say(&room, "canary").await;
    let other = world.group("others", &ada, &[&lin]).await;
    for session in &mut sessions {
        session
            .find("the other room", |f| f["room"]["id"] == other.as_str())
            .await;
        session.settled().await;
        let mut frames = session
            .seen
            .iter()
            .filter(|f| f["room"] == room.as_str() || f["room"]["id"] == room.as_str());
        let last = frames.next_back();
        assert!(last.is_none_or(|f| f["type"] == "left"), "{last:?}");
        session
            .send(&json!({ "type": "open", "room": room, "after": 0 }))
            .await;
        let answer = session
            .find("an answer", |f| {
                f["type"] == "refused" || f["type"] == "opened"
            })
            .await;
        assert_eq!(answer["type"], "refused", "{answer}");
        assert!(!format!("{:?}", session.seen).contains("canary"));
    }
}

#[tokio::test]
async fn who_came_back_reads_the_whole_history() {
    // [RM5] [SB3] Their own leaving is an event among others.
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let mut writer = world.open(&ada, &room).await;
    writer.say(&room, "one").await;
    world.remove(&ada, &room, &lin).await;
    writer.say(&room, "two").await;
    world.add(&ada, &room, &lin).await;
    let head = writer.say(&room, "three").await["seq"].as_u64().unwrap();
    for _ in 0..2 {
        let mut reader = world.listed(&lin).await;
        let opened = reader.open(&room, Some(0)).await;
        assert_eq!(opened["from"], 0);
        let frames = reader
            .until("three", |f| is_event(f) && f["seq"] == head)
            .await;
        assert_eq!(seqs(&frames, &room), (1..=head).collect::<Vec<u64>>());
    }
}

#[tokio::test]
async fn cursors_come_from_time_to_time_and_are_true() {
    // [SB9] [CU1]
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let mut socket = world.open(&lin, &room).await;
    world.say(&ada, &room, "before").await;
    socket.expect_text("before").await;
    let cursor = socket.expect("cursor").await["cursor"].clone();
    assert!(
        seqs(&socket.seen, &room).len() == 1,
        "told before the cursor"
    );
    let (_, ready) = world.session(&lin, json!({ "since": cursor })).await;
    assert_eq!(ready["type"], "ready");
    assert_eq!(ready["rooms"], json!([]));
    world.say(&ada, &room, "after").await;
    let (_, ready) = world.session(&lin, json!({ "since": cursor })).await;
    assert_eq!(ready["rooms"][0]["last"]["text"], "after");
}

#[tokio::test]
async fn the_own_user_log_follows_by_itself() {
    // [HS4] [EV7] [FO4]
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let event = world.say(&ada, &room, "read me").await;
    let (mut socket, ready) = world.session(&lin, json!({})).await;
    let mut stranger = world.open(&ada, &room).await;
    let second = world.device(&lin).await;
    let added = socket.expect_event("device_added").await;
    assert_eq!(added["content"]["device"], second.device);
    assert_eq!(added["log"], lin.id.as_str());
    let body = json!({ "seq": event["seq"] });
    world
        .call(
            "PUT",
            &format!("/rooms/{room}/marker"),
            Some(&second),
            Some(&body),
        )
        .await
        .expect(200);
    let moved = socket.expect_event("marker_moved").await;
    assert_eq!(moved["content"]["seq"], event["seq"]);
    assert_eq!(moved["content"]["count"], 1);
    // One who comes back says what they have.
    let had = ready["user_seq"].clone();
    let (mut again, ready) = world.session(&lin, json!({ "user_seq": had })).await;
    assert_eq!(ready["rooms"][0]["marker"]["seq"], event["seq"]);
    assert_eq!(
        again.expect_event("device_added").await["seq"],
        added["seq"]
    );
    assert_eq!(
        again.expect_event("marker_moved").await["seq"],
        moved["seq"]
    );
    // It is nobody else's business.
    let frames = stranger.settled().await;
    assert!(
        !frames.iter().any(|f| f["log"] == lin.id.as_str()),
        "{frames:?}"
    );
}

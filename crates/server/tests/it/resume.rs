//! Coming back after a while: what moved is told, and only that. `[HS2]` `[HS3]`

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::world::{
    Socket, World,
    socket::{is_event, send_frame, seqs},
    txn,
};

/// Rooms of one user; enough that "all" and "those that moved" differ.
const ROOMS: usize = 200;

/// Gives commands all at once, a burst at a time: their answers, in the order of the commands.
async fn burst(socket: &mut Socket, commands: Vec<Value>) -> Vec<Value> {
    let mut answers = Vec::new();
    for commands in commands.chunks(100) {
        let mut bytes = Vec::new();
        let mut txns = Vec::new();
        for command in commands {
            let mut command = command.clone();
            command["txn"] = txn().into();
            bytes.extend(socket.encode(&command));
            txns.push(command["txn"].clone());
        }
        socket.raw(&bytes).await;
        let mut came = std::collections::HashMap::new();
        while came.len() < txns.len() {
            // Own events from elsewhere carry a txn, too.
            let answer = socket.find("answers", |f| txns.contains(&f["txn"])).await;
            assert_ne!(answer["type"], "refused", "{answer}");
            came.insert(answer["txn"].to_string(), answer);
        }
        answers.extend(
            txns.iter()
                .map(|txn| came.remove(&txn.to_string()).unwrap()),
        );
    }
    answers
}

fn ids(rooms: &Value) -> BTreeSet<String> {
    let rooms = rooms.as_array().unwrap().iter();
    rooms
        .map(|room| room["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn only_rooms_that_moved_are_told() {
    // [HS2] [HS3] [P4] [P8]
    let world = World::new().await;
    let [ada, lin] = world.users(["ada", "lin"]).await;
    let mut writer = world.listed(&ada).await;
    let create = |number: usize| {
        json!({
            "type": "create_room", "kind": "group", "name": format!("room {number}"), "members": [lin.id],
        })
    };
    let created = burst(&mut writer, (0..ROOMS).map(create).collect()).await;
    let rooms: Vec<String> = created
        .iter()
        .map(|e| e["log"].as_str().unwrap().to_owned())
        .collect();
    let (socket, ready) = world.session(&lin, json!({})).await;
    assert_eq!(ids(&ready["rooms"]), rooms.iter().cloned().collect());
    let cursor = ready["cursor"].clone();
    socket.close().await;
    // Nothing missed: nothing told.
    let (_, ready) = world.session(&lin, json!({ "since": cursor })).await;
    assert_eq!(
        (&ready["type"], &ready["rooms"]),
        (&json!("ready"), &json!([]))
    );
    assert!(ready["left"].is_null() && ready["users"].is_null());
    // Away while every fifth room moves by some messages, one is left, one is new, one read on another device.
    let moved: Vec<&String> = rooms.iter().step_by(5).collect();
    let messages = |round: usize| {
        moved
            .iter()
            .map(move |room| send_frame(room, &format!("round {round}")))
    };
    burst(&mut writer, (0..5).flat_map(messages).collect()).await;
    let left = &rooms[1];
    burst(
        &mut writer,
        vec![json!({ "type": "leave", "room": left, "user": lin.id })],
    )
    .await;
    let new = world.group("new", &ada, &[&lin]).await;
    let read = &rooms[2];
    world.say(&ada, read, "read me").await;
    let seq = json!({ "seq": 4 });
    world
        .call(
            "PUT",
            &format!("/rooms/{read}/marker"),
            Some(&lin),
            Some(&seq),
        )
        .await
        .expect(200);
    let (socket, ready) = world.session(&lin, json!({ "since": cursor })).await;
    let mut expected: BTreeSet<String> = moved.iter().map(|room| (*room).clone()).collect();
    expected.extend([new.clone(), read.clone()]);
    assert_eq!(ids(&ready["rooms"]), expected);
    assert_eq!(ready["left"], json!([{ "room": left, "by": ada.id }]));
    for room in ready["rooms"].as_array().unwrap() {
        let unread = room["count"].as_u64().unwrap() - room["marker"]["count"].as_u64().unwrap();
        if room["id"] == new.as_str() || room["id"] == read.as_str() {
            assert_eq!(unread, 0, "{room}");
        } else {
            assert_eq!(unread, 5, "{room}");
            assert_eq!(room["last"]["text"], "round 4");
        }
    }
    socket.close().await;
    // The same cursor gives the same again; a newer one only what came after.
    let (_, again) = world.session(&lin, json!({ "since": cursor })).await;
    assert_eq!(ids(&again["rooms"]), expected);
    let (_, last) = world
        .session(&lin, json!({ "since": again["cursor"] }))
        .await;
    assert_eq!(last["rooms"], json!([]));
}

#[tokio::test]
async fn a_room_is_taken_up_where_it_was_left() {
    // [SB3] [SB4] [P4] By the seq of the last event held: near by a replay, far by starting over.
    let mut world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let mut writer = world.open(&ada, &room).await;
    let mut held = 0;
    let mut cursor = Value::Null;
    for away in [0, 1, 30, 499, 600] {
        burst(
            &mut writer,
            (0..away)
                .map(|n| send_frame(&room, &n.to_string()))
                .collect(),
        )
        .await;
        if away == 30 {
            // Over a restart there is no ring.
            drop(writer);
            world.restart().await;
            writer = world.open(&ada, &room).await;
        }
        let head = world.say(&ada, &room, "mark").await["seq"]
            .as_u64()
            .unwrap();
        let hello = json!({ "since": cursor, "open": [{ "room": room, "after": held }] });
        let (mut socket, ready) = world.session(&lin, hello).await;
        assert_eq!(ready["type"], "ready");
        assert_eq!(ready["rooms"][0]["head"], head);
        cursor = ready["cursor"].clone();
        let opened = socket.expect("opened").await;
        assert_eq!(opened["head"], head);
        if head - held <= 500 {
            assert_eq!(opened["from"], held, "{away}");
            let frames = socket
                .until("the head", |f| is_event(f) && f["seq"] == head)
                .await;
            assert_eq!(
                seqs(&frames, &room),
                (held + 1..=head).collect::<Vec<u64>>()
            );
        } else {
            assert_eq!(opened["from"], head);
        }
        held = head;
        socket.close().await;
    }
}

#[tokio::test]
async fn many_come_back_at_once() {
    // [P5] RELIABILITY 4.36 A restart throws everybody out; all of them come back and miss nothing.
    let mut world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let mut sessions = Vec::new();
    for _ in 0..60 {
        sessions.push(world.session(&lin, json!({})).await);
    }
    let cursor = sessions[0].1["cursor"].clone();
    let head = sessions[0].1["rooms"][0]["head"].as_u64().unwrap();
    drop(sessions);
    world.say(&ada, &room, "missed").await;
    world.restart().await;
    let hello = json!({ "since": cursor, "open": [{ "room": room, "after": head }] });
    let mut sockets = Vec::new();
    for _ in 0..60 {
        let mut socket = crate::world::Dial::default().connect(&world).await.unwrap();
        let mut hello = hello.clone();
        hello["type"] = "hello".into();
        hello["token"] = lin.token.as_str().into();
        socket.send(&hello).await;
        sockets.push(socket);
    }
    for socket in &mut sockets {
        assert_eq!(socket.next().await["type"], "ready");
        assert_eq!(socket.expect("opened").await["from"], head);
        assert_eq!(
            socket.expect_event("message").await["content"]["text"],
            "missed"
        );
    }
}

//! Commands over the socket and their answers. `[CM1]` to `[CM9]`

use serde_json::{Value, json};

use crate::world::{
    Dial, World,
    socket::{End, Socket, is_event, send_frame, seqs},
    txn,
};

fn code(answer: &Value) -> &str {
    answer["refusal"]["code"]
        .as_str()
        .unwrap_or_else(|| panic!("not refused: {answer}"))
}

/// What makes two answers the same event.
/// What tells one event from another: log, seq, id, content.
type Identity = (Value, Value, Value, Value);

fn identity(event: &Value) -> Identity {
    assert_eq!(event["type"], "event", "{event}");
    (
        event["id"].clone(),
        event["seq"].clone(),
        event["position"].clone(),
        event["content"].clone(),
    )
}

#[tokio::test]
async fn every_command_has_one_answer() {
    // [CM2] [CM6]
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let mut socket = world.listed(&ada).await;
    let message = socket.say(&room, "hello").await;
    let id = &message["id"];
    let theirs = world.say(&lin, &room, "hello you").await["seq"].clone();
    for (command, kind) in [
        (
            json!({ "type": "react", "room": room, "message": id, "emoji": "👍" }),
            Some("reaction_added"),
        ),
        (
            json!({ "type": "react", "room": room, "message": id, "emoji": "👍" }),
            None,
        ),
        (
            json!({ "type": "unreact", "room": room, "message": id, "emoji": "👍" }),
            Some("reaction_removed"),
        ),
        (
            json!({ "type": "unreact", "room": room, "message": id, "emoji": "👍" }),
            None,
        ),
        (
            json!({ "type": "edit", "room": room, "message": id, "content": { "kind": "text", "text": "hello!" } }),
            Some("message_edited"),
        ),
        (
            json!({ "type": "edit", "room": room, "message": id, "content": { "kind": "text", "text": "hello!" } }),
            None,
        ),
        (
            json!({ "type": "mark", "room": room, "seq": theirs }),
            Some("marker_moved"),
        ),
        (json!({ "type": "mark", "room": room, "seq": 1 }), None),
        (
            json!({ "type": "rename", "room": room, "name": "Design" }),
            Some("room_renamed"),
        ),
        (
            json!({ "type": "rename", "room": room, "name": "Design" }),
            None,
        ),
        (
            json!({ "type": "delete", "room": room, "message": id }),
            Some("message_deleted"),
        ),
        (
            json!({ "type": "delete", "room": room, "message": id }),
            None,
        ),
        (
            json!({ "type": "set_role", "room": room, "user": lin.id, "role": "admin" }),
            Some("role_changed"),
        ),
        (
            json!({ "type": "set_role", "room": room, "user": lin.id, "role": "admin" }),
            None,
        ),
        (
            json!({ "type": "leave", "room": room, "user": lin.id }),
            Some("member_left"),
        ),
        (
            json!({ "type": "leave", "room": room, "user": lin.id }),
            None,
        ),
        (
            json!({ "type": "join", "room": room, "user": lin.id }),
            Some("member_joined"),
        ),
        (
            json!({ "type": "join", "room": room, "user": lin.id }),
            None,
        ),
        (
            json!({ "type": "create_room", "kind": "direct", "members": [lin.id] }),
            Some("room_created"),
        ),
        (
            json!({ "type": "create_room", "kind": "direct", "members": [lin.id] }),
            None,
        ),
        (
            json!({ "type": "create_room", "kind": "channel", "name": "all", "visibility": "public" }),
            Some("room_created"),
        ),
    ] {
        let answer = socket.command(command.clone()).await;
        match kind {
            Some(kind) => {
                assert_eq!(answer["type"], "event", "{command}: {answer}");
                assert_eq!(answer["content"]["kind"], kind, "{command}");
            }
            None => {
                assert_eq!(answer["type"], "unchanged", "{command}: {answer}");
                assert!(answer["log"].is_string());
            }
        }
    }
    // The direct room that was there is named.
    let rooms = world
        .call("GET", "/rooms", Some(&ada), None)
        .await
        .expect(200);
    let direct = rooms["rooms"]
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["kind"] == "direct")
        .unwrap();
    let again = socket
        .command(json!({ "type": "create_room", "kind": "direct", "members": [lin.id] }))
        .await;
    assert_eq!(again["log"], direct["id"]);
}

#[tokio::test]
async fn refusals_say_why_and_change_nothing() {
    // [CM2] [CM4] [RF1] [RM1] [RM4] [RM6]
    let world = World::new().await;
    let (room, [ada, lin, eve]) = world.with_room("designers", ["ada", "lin", "eve"]).await;
    world.remove(&ada, &room, &eve).await;
    let hers = world.say(&ada, &room, "mine").await;
    let direct = world
        .room(&ada, json!({ "kind": "direct", "members": [lin.id] }))
        .await;
    let mut lin_socket = world.listed(&lin).await;
    for (command, refusal) in [
        (
            json!({ "type": "edit", "room": room, "message": hers["id"], "content": { "kind": "text", "text": "mine now" } }),
            "forbidden",
        ),
        (
            json!({ "type": "delete", "room": room, "message": hers["id"] }),
            "forbidden",
        ),
        (
            json!({ "type": "leave", "room": room, "user": ada.id }),
            "forbidden",
        ),
        (json!({ "type": "leave", "room": direct }), "direct_room"),
        (
            json!({ "type": "rename", "room": direct, "name": "us" }),
            "direct_room",
        ),
        (
            json!({ "type": "react", "room": direct, "message": hers["id"], "emoji": "👍" }),
            "not_found",
        ),
        (
            json!({ "type": "create_room", "kind": "direct", "members": [lin.id] }),
            "bad_request",
        ),
        (
            send_frame("room_00000000000000000000000000", "x"),
            "not_found",
        ),
    ] {
        let answer = lin_socket.command(command.clone()).await;
        assert_eq!(code(&answer), refusal, "{command}");
        assert!(!answer["refusal"]["message"].as_str().unwrap().is_empty());
    }
    // A refusal is not remembered: the same txn may succeed later.
    let mut eve_socket = world.listed(&eve).await;
    let mut send = send_frame(&room, "let me in");
    send["txn"] = "again".into();
    assert_eq!(code(&eve_socket.command(send.clone()).await), "not_found");
    world.add(&ada, &room, &eve).await;
    let event = eve_socket.command(send).await;
    assert_eq!(event["content"]["text"], "let me in");
}

#[tokio::test]
async fn a_command_happens_once_however_often_it_is_given() {
    // [P1] [P3] [CM3] [CM7]
    let mut world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let mut socket = world.open(&ada, &room).await;
    let message = socket.say(&room, "hello").await["id"].clone();
    let theirs = world.say(&lin, &room, "hello you").await["seq"].clone();
    let commands = [
        // First: what one wrote one has read.
        json!({ "type": "mark", "room": room, "seq": theirs }),
        send_frame(&room, "once"),
        json!({ "type": "react", "room": room, "message": message, "emoji": "🎉" }),
        json!({ "type": "edit", "room": room, "message": message, "content": { "kind": "text", "text": "edited" } }),
        json!({ "type": "rename", "room": room, "name": "again" }),
        json!({ "type": "create_room", "kind": "group", "name": "new" }),
        json!({ "type": "leave", "room": room, "user": lin.id }),
    ];
    let mut given = Vec::new();
    for mut command in commands {
        command["txn"] = txn().into();
        let first = socket.command(command.clone()).await;
        given.push((command, identity(&first)));
    }
    let head = world.log_of(&ada, &room).await.len();
    let second = world.device(&ada).await;
    let same = async |socket: &mut Socket, given: &[(Value, Identity)]| {
        for (command, event) in given {
            let answer = socket.command(command.clone()).await;
            assert_eq!(identity(&answer), *event, "{command}");
        }
    };
    same(&mut socket, &given).await;
    same(&mut world.listed(&ada).await, &given).await;
    same(&mut world.listed(&second).await, &given).await;
    same(&mut world.open(&second, &room).await, &given).await;
    world.restart().await;
    same(&mut world.listed(&ada).await, &given).await;
    world.kill().await;
    world.start().await;
    same(&mut world.open(&second, &room).await, &given).await;
    assert_eq!(world.log_of(&ada, &room).await.len(), head);
    // Over REST it is the same command, too.
    let (command, event) = &given[1];
    let body = json!({ "txn": command["txn"], "text": "once" });
    let path = format!("/rooms/{room}/messages");
    let answer = world.call("POST", &path, Some(&ada), Some(&body)).await;
    assert_eq!(answer.expect(201)["id"], event.0);
    // Another command with its txn is none.
    let mut socket = world.listed(&ada).await;
    let mut other = send_frame(&room, "something else");
    other["txn"] = command["txn"].clone();
    assert_eq!(code(&socket.command(other).await), "txn_reused");
    let edit = json!({ "type": "rename", "room": room, "name": "third", "txn": command["txn"] });
    assert_eq!(code(&socket.command(edit).await), "txn_reused");
    // Of another user it is another.
    world.add(&ada, &room, &lin).await;
    let answer = world.listed(&lin).await.command(command.clone()).await;
    assert_ne!(answer["id"], event.0);
    assert_eq!(answer["content"]["text"], "once");
}

#[tokio::test]
async fn a_burst_of_retries_is_one_message() {
    // [P3] [CM3] The same command many times at once, from two devices, in one batch and in several.
    let world = World::new().await;
    let (room, [ada]) = world.with_room("designers", ["ada"]).await;
    let second = world.device(&ada).await;
    let (mut one, mut two) = (world.open(&ada, &room).await, world.listed(&second).await);
    let mut command = send_frame(&room, "once");
    command["txn"] = "burst".into();
    for _ in 0..20 {
        one.send(&command).await;
        two.send(&command).await;
    }
    let end = one.say(&room, "end").await;
    let last = two.say(&room, "last").await;
    assert_eq!(
        last["seq"]
            .as_u64()
            .unwrap()
            .max(end["seq"].as_u64().unwrap()),
        world.log_of(&ada, &room).await.len() as u64
    );
    let answers: Vec<&Value> = two.seen.iter().filter(|f| f["txn"] == "burst").collect();
    assert!(!answers.is_empty());
    assert!(answers.iter().all(|a| identity(a) == identity(answers[0])));
    let texts: Vec<Value> = world.log_of(&ada, &room).await;
    let once = texts
        .iter()
        .filter(|e| e["content"]["text"] == "once")
        .count();
    assert_eq!(once, 1);
    let in_place = one
        .seen
        .iter()
        .filter(|f| is_event(f) && f["txn"] == "burst")
        .count();
    assert_eq!(in_place, 1);
}

#[tokio::test]
async fn commands_of_a_session_are_decided_in_order() {
    // [CM5] [EV3] [EV6]
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let mut reader = world.open(&lin, &room).await;
    let mut writer = world.open(&ada, &room).await;
    let mut bytes = Vec::new();
    for number in 0..100 {
        let mut frame = send_frame(&room, &format!("number {number}"));
        frame["txn"] = format!("order-{number}").into();
        bytes.extend(writer.encode(&frame));
    }
    writer.raw(&bytes).await;
    for socket in [&mut reader, &mut writer] {
        let got = socket
            .until("number 99", |f| {
                is_event(f) && f["content"]["text"] == "number 99"
            })
            .await;
        let events: Vec<&Value> = got.iter().filter(|f| is_event(f)).collect();
        let texts: Vec<&str> = events
            .iter()
            .filter_map(|e| e["content"]["text"].as_str())
            .collect();
        let expected: Vec<String> = (0..100).map(|number| format!("number {number}")).collect();
        assert_eq!(texts, expected);
        let all = seqs(&got, &room);
        assert!(all.windows(2).all(|w| w[1] == w[0] + 1), "{all:?}");
        let counts: Vec<u64> = events
            .iter()
            .map(|e| e["count"].as_u64().unwrap())
            .collect();
        assert_eq!(counts, (1..=100).collect::<Vec<u64>>());
    }
}

#[tokio::test]
async fn too_many_commands_at_once_are_refused() {
    // [CM8]
    let world = World::new().await;
    let (room, [ada]) = world.with_room("designers", ["ada"]).await;
    let mut writer = world.open(&ada, &room).await;
    let mut bytes = Vec::new();
    for number in 0..400 {
        let mut frame = send_frame(&room, &number.to_string());
        frame["txn"] = format!("flood-{number}").into();
        bytes.extend(writer.encode(&frame));
    }
    writer.raw(&bytes).await;
    let (mut happened, mut refused) = (0, 0);
    for _ in 0..400 {
        let answer = writer
            .find("an answer", |f| f["txn"].is_string() && f["answer"] != true)
            .await;
        if answer["type"] == "event" {
            happened += 1;
        } else {
            assert_eq!(code(&answer), "rate_limited");
            assert!(answer["refusal"]["retry_after_ms"].as_u64().unwrap() > 0);
            refused += 1;
        }
    }
    assert!(happened >= 128, "{happened}");
    assert!(refused > 0);
    // It goes on, and what was refused did not happen.
    writer.say(&room, "calm again").await;
    let messages = world.log_of(&ada, &room).await;
    let messages = messages
        .iter()
        .filter(|e| e["content"]["kind"] == "message")
        .count();
    assert_eq!(messages, happened + 1);
}

#[tokio::test]
async fn a_user_has_one_budget_for_every_door() {
    // [CM4] RELIABILITY 4.30 Twenty at once, whichever device or door, and the two sessions take half of
    // them; far fewer in the time that the test takes.
    let world = World::with(&["--commands-per-second=5"]).await;
    let [ada, lin] = world.users(["ada", "lin"]).await;
    let room = world.group("designers", &ada, &[&lin]).await;
    let second = world.device(&ada).await;
    let mut sockets = [world.listed(&ada).await, world.listed(&second).await];
    let mut limited = None;
    for number in 0..200 {
        let socket = &mut sockets[number % 2];
        let answer = socket.command(send_frame(&room, &number.to_string())).await;
        if answer["type"] == "refused" {
            limited = Some(answer);
            break;
        }
    }
    let limited = limited.expect("a budget has an end");
    assert_eq!(code(&limited), "rate_limited");
    assert!(limited["refusal"]["retry_after_ms"].as_u64().unwrap() > 0);
    let mut refused = false;
    for _ in 0..10 {
        let answer = world.call("GET", "/me", Some(&second), None).await;
        refused |= answer.status == 429;
    }
    assert!(refused, "REST has a budget of its own");
    // It is nobody else's trouble, and the session goes on.
    world.say(&lin, &room, "unhurried").await;
    sockets[0].settled().await;
}

#[tokio::test]
async fn a_deleted_message_is_erased_in_every_replay() {
    // [EV2] [EV8]
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let mut ring = world.open(&ada, &room).await;
    let message = ring.say(&room, "canary one").await;
    let edit = json!({ "type": "edit", "room": room, "message": message["id"], "content": { "kind": "text", "text": "canary two" } });
    ring.command(edit).await;
    ring.command(json!({ "type": "react", "room": room, "message": message["id"], "emoji": "👍" }))
        .await;
    ring.command(json!({ "type": "delete", "room": room, "message": message["id"] }))
        .await;
    let end = ring.say(&room, "end").await;
    let after = message["seq"].as_u64().unwrap() - 1;
    let look = async |why: &str| {
        let mut reader = world.listed(&lin).await;
        let opened = reader.open(&room, Some(after)).await;
        assert_eq!(opened["from"], after);
        let frames = reader.until("end", |f| f["id"] == end["id"]).await;
        let events: Vec<&Value> = frames.iter().filter(|f| is_event(f)).collect();
        assert_eq!(
            seqs(&frames, &room),
            (after + 1..=after + 5).collect::<Vec<u64>>(),
            "{why}"
        );
        assert_eq!(events[0]["content"], Value::Null, "{why}");
        assert_eq!(events[1]["content"], Value::Null, "{why}");
        assert_eq!(events[3]["content"]["kind"], "message_deleted", "{why}");
        assert!(!format!("{:?}", reader.seen).contains("canary"), "{why}");
    };
    look("from a ring").await;
    ring.close().await;
    look("from the store, or another core's ring").await;
    let (mut stream, first) = world.stream(&lin, None).await;
    assert!(!first.to_string().contains("canary"));
    world.say(&ada, &room, "over").await;
    stream.until(|f| f["content"]["text"] == "over").await;
}

#[tokio::test]
async fn a_user_has_so_many_sessions_and_no_more() {
    // [LI3] Whichever wire; a place that is given back can be taken again.
    let world = World::with(&["--sessions-per-user=3"]).await;
    let [ada, lin] = world.users(["ada", "lin"]).await;
    let first = world.listed(&ada).await;
    let _second = world.listed(&ada).await;
    let (_stream, _) = world.stream(&ada, None).await;
    let mut fourth = Dial::default().connect(&world).await.unwrap();
    let hello = json!({ "type": "hello", "token": ada.token });
    fourth.send(&hello).await;
    assert_eq!(fourth.closed().await, 4101);
    let answer = world.call("GET", "/events", Some(&ada), None).await;
    assert_eq!(answer.status, 429);
    world.listed(&lin).await;
    first.close().await;
    // The server counts it away when it has seen the end.
    loop {
        let mut again = Dial::default().connect(&world).await.unwrap();
        again.send(&hello).await;
        match again.step("the welcome").await {
            Ok(frame) => break assert_eq!(frame["type"], "ready"),
            Err(end) => assert_eq!(end, End::Close(4101, "rate_limited".into())),
        }
    }
}

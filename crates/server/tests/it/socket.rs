//! Sessions over a real WebSocket: how they begin, what they read, how they end.
//!
//! The parts: [`commands`] and their answers, [`follow`]ing rooms, [`signals`].

mod commands;
pub(crate) mod follow;
mod signals;

use serde_json::{Value, json};
use tidings_websocket::{Frame, Opcode};

use crate::world::{
    Dial, World,
    socket::{is_event, send_frame, seqs},
};

const FORMATS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

#[tokio::test]
async fn hello_is_answered_by_ready_with_everything() {
    // [HS1] [HS2] [LI1]
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    world.say(&ada, &room, "first").await;
    let (_socket, ready) = world.session(&lin, json!({})).await;
    assert_eq!(ready["type"], "ready");
    assert_eq!(ready["me"]["id"], lin.id.as_str());
    let rooms = ready["rooms"].as_array().unwrap();
    assert_eq!(rooms.len(), 1);
    assert_eq!(rooms[0]["id"], room.as_str());
    assert_eq!(rooms[0]["name"], "designers");
    assert_eq!(rooms[0]["role"], "member");
    assert_eq!(rooms[0]["members"], 2);
    assert_eq!(rooms[0]["count"], 1);
    assert_eq!(rooms[0]["last"]["text"], "first");
    assert_eq!(rooms[0]["marker"]["seq"], 0);
    assert!(rooms[0]["head"].as_u64().unwrap() > 1);
    // The author of the last line is named.
    assert_eq!(ready["users"][0]["username"], "ada");
    assert!(ready["user_seq"].as_u64().unwrap() > 0);
    assert!(!ready["cursor"].as_str().unwrap().is_empty());
    assert_eq!(ready["limits"]["commands_in_flight_max"], 128);
}

#[tokio::test]
async fn everybody_gets_the_same_events_in_every_format() {
    // [EV1] [EV3] [EV4] [FR1] [FR3] [P2]
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let mut readers = Vec::new();
    for (binary, deflate) in FORMATS {
        let dial = Dial {
            binary,
            deflate,
            ..Dial::default()
        };
        let (mut reader, _) = dial.session(&world, &lin, json!({})).await;
        reader.open(&room, None).await;
        readers.push(reader);
    }
    let second = world.device(&ada).await;
    let mut own = world.open(&second, &room).await;
    let mut writer = world.open(&ada, &room).await;
    let long = "the same words again and again ".repeat(500);
    let mut sent = Vec::new();
    let first = writer
        .say(&room, "grüße, 世界 👋🏽 \"quoted\" \\ \u{7f}")
        .await;
    let message = first["id"].clone();
    sent.push(first);
    sent.push(writer.say(&room, &long).await);
    for command in [
        json!({ "type": "react", "room": room, "message": message, "emoji": "👍" }),
        json!({ "type": "edit", "room": room, "message": message, "content": { "kind": "text", "text": "edited" } }),
        json!({ "type": "rename", "room": room, "name": "Designers" }),
        json!({ "type": "delete", "room": room, "message": message }),
        send_frame(&room, "last"),
    ] {
        sent.push(writer.command(command).await);
    }
    let kinds: Vec<&str> = sent
        .iter()
        .map(|event| event["content"]["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "message",
            "message",
            "reaction_added",
            "message_edited",
            "room_renamed",
            "message_deleted",
            "message"
        ]
    );
    // The actor's other device gets the same, the `txn` too.
    let others = own.until("last", |f| f["content"]["text"] == "last").await;
    let others: Vec<Value> = others.into_iter().filter(is_event).collect();
    assert_eq!(others, in_place(sent.clone()));
    assert!(others.iter().all(|event| event["txn"].is_string()));
    let mut bytes = Vec::new();
    for reader in &mut readers {
        let got = reader
            .until("last", |f| f["content"]["text"] == "last")
            .await;
        let got: Vec<Value> = got.into_iter().filter(is_event).collect();
        let mut expected = in_place(sent.clone());
        for event in &mut expected {
            event.as_object_mut().unwrap().remove("txn");
        }
        assert_eq!(got, expected);
        bytes.push(reader.bytes);
    }
    // It was worth compressing.
    assert!(
        bytes[1] * 4 < bytes[0] && bytes[3] * 4 < bytes[2],
        "{bytes:?}"
    );
}

/// Answers as they would stand in their place in the log.
fn in_place(mut events: Vec<Value>) -> Vec<Value> {
    for event in &mut events {
        event.as_object_mut().unwrap().remove("answer");
    }
    events
}

#[tokio::test]
async fn all_formats_can_speak() {
    // [FR1] [FR3]
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let mut reader = world.open(&lin, &room).await;
    for (binary, deflate) in FORMATS {
        let dial = Dial {
            binary,
            deflate,
            ..Dial::default()
        };
        let (mut writer, _) = dial.session(&world, &ada, json!({})).await;
        let text = format!("{binary} {deflate} {}", "and so on ".repeat(100));
        let answer = writer.say(&room, text.trim()).await;
        let event = reader.expect_event("message").await;
        assert_eq!(event["content"]["text"], text.trim());
        assert_eq!(event["id"], answer["id"]);
    }
}

#[tokio::test]
async fn subprotocols_are_negotiated() {
    // [FR1]
    let world = World::new().await;
    for (offered, agreed) in [
        ("tidings.v1.json", Some("tidings.v1.json")),
        ("tidings.v1.msgpack", Some("tidings.v1.msgpack")),
        (
            "other, tidings.v1.msgpack, tidings.v1.json",
            Some("tidings.v1.msgpack"),
        ),
        ("graphql-ws", None),
        ("TIDINGS.V1.JSON", None),
    ] {
        let dial = Dial {
            protocols: Some(offered),
            ..Dial::default()
        };
        match (dial.connect(&world).await, agreed) {
            (Ok(socket), Some(agreed)) => assert_eq!(socket.protocol.as_deref(), Some(agreed)),
            (Err(answer), None) => assert_eq!(answer.status, 400, "{offered}"),
            (Ok(_), None) => panic!("{offered} was agreed to"),
            (Err(answer), Some(_)) => panic!("{offered}: {}", answer.text()),
        }
    }
}

#[tokio::test]
async fn a_session_begins_with_one_hello_and_a_valid_token() {
    // [HS1] [CL1]
    let world = World::new().await;
    let ada = world.user("ada").await;
    for (first, code) in [
        (json!({ "type": "hello" }), 4200),
        (json!({ "type": "hello", "token": "tdg_wrong" }), 4200),
        (
            json!({ "type": "hello", "token": format!("{}x", ada.token) }),
            4200,
        ),
        (json!({ "type": "ping" }), 4202),
        (json!({ "type": "watch", "users": [] }), 4202),
    ] {
        let mut socket = Dial::default().connect(&world).await.unwrap();
        socket.send(&first).await;
        assert_eq!(socket.closed().await, code, "{first}");
        assert!(socket.seen.is_empty());
    }
    let mut twice = world.listed(&ada).await;
    twice
        .send(&json!({ "type": "hello", "token": ada.token }))
        .await;
    assert_eq!(twice.closed().await, 4204);
    // Signed out: the token is worth nothing.
    let other = world.device(&ada).await;
    world
        .call("DELETE", "/devices/current", Some(&other), None)
        .await;
    let mut socket = Dial::default().connect(&world).await.unwrap();
    socket
        .send(&json!({ "type": "hello", "token": other.token }))
        .await;
    assert_eq!(socket.closed().await, 4200);
}

#[tokio::test]
async fn the_handshake_takes_tokens_but_no_foreign_page() {
    // [HS1] RELIABILITY 4.10, 4.11
    let world = World::new().await;
    let ada = world.user("ada").await;
    let bearer = format!("Bearer {}", ada.token);
    let cookie = format!("tidings_token_{}={}", world.address().port(), ada.token);
    let own = format!("http://{}", world.address());
    let foreign = [
        vec![("cookie", cookie.as_str())],
        vec![("cookie", &cookie), ("origin", "null")],
        vec![("cookie", &cookie), ("origin", "https://evil.example")],
        vec![
            ("cookie", &cookie),
            ("origin", &own),
            ("origin", "https://evil.example"),
        ],
    ];
    for headers in &foreign {
        let dial = Dial {
            headers,
            ..Dial::default()
        };
        let answer = dial.connect(&world).await.unwrap_err();
        assert_eq!(answer.status, 403, "{headers:?}");
        assert_eq!(answer.json()["code"], "foreign_origin");
    }
    for headers in [
        vec![("cookie", cookie.as_str()), ("origin", own.as_str())],
        vec![("authorization", bearer.as_str())],
        vec![
            ("authorization", &bearer),
            ("origin", "https://evil.example"),
        ],
    ] {
        let dial = Dial {
            headers: &headers,
            ..Dial::default()
        };
        let mut socket = dial.connect(&world).await.unwrap();
        socket.send(&json!({ "type": "hello" })).await;
        assert_eq!(socket.next().await["me"]["id"], ada.id.as_str());
    }
    // Never from the address.
    let mut stream = world.tcp().await;
    let path = format!("/api/v1/events?token={}", ada.token);
    let request = crate::world::rest::request(world.address(), "GET", &path, &[], None);
    tokio::io::AsyncWriteExt::write_all(&mut stream, &request)
        .await
        .unwrap();
    let answer = crate::world::Answer::read(&mut stream).await;
    assert!(matches!(answer.status, 400 | 401), "{}", answer.status);
}

#[tokio::test]
async fn frames_that_cannot_be_read_are_refused_and_the_session_goes_on() {
    // [FR2]
    let world = World::new().await;
    let (room, [ada]) = world.with_room("designers", ["ada"]).await;
    for binary in [false, true] {
        let dial = Dial {
            binary,
            ..Dial::default()
        };
        let (mut socket, _) = dial.session(&world, &ada, json!({})).await;
        for (frame, txn) in [
            (json!({ "type": "dance", "txn": "t-1" }), json!("t-1")),
            (
                json!({ "type": "send", "txn": "t-2", "room": "room_x" }),
                json!("t-2"),
            ),
            (
                json!({ "type": "send", "txn": "", "room": room, "content": { "kind": "text", "text": "x" } }),
                Value::Null,
            ),
            (
                json!({ "type": "send", "room": room, "content": { "kind": "text", "text": "no txn" } }),
                Value::Null,
            ),
            (
                json!({ "type": "send", "txn": "t-3", "room": room, "content": { "kind": "text", "text": "" } }),
                json!("t-3"),
            ),
            (
                json!({ "type": "send", "txn": "t-4", "room": room, "content": { "kind": "hologram" } }),
                json!("t-4"),
            ),
            (json!({ "txn": "t-5" }), json!("t-5")),
            (json!({}), Value::Null),
        ] {
            socket.send(&frame).await;
            let refused = socket.expect("refused").await;
            assert_eq!(refused["refusal"]["code"], "bad_request", "{frame}");
            assert_eq!(refused["txn"], txn, "{frame}");
        }
        // The same for fields that nobody knows: of a misspelt `user` the sender would be left.
        let mut later = send_frame(&room, "from the future");
        later["content"]["style"] = json!("bold");
        for (frame, field) in [
            (
                json!({ "type": "leave", "txn": "t-6", "room": room, "usr": ada.id }),
                "usr",
            ),
            (later, "style"),
        ] {
            socket.send(&frame).await;
            let refused = socket.expect("refused").await;
            assert_eq!(refused["txn"], frame["txn"]);
            let sentence = refused["refusal"]["message"].as_str().unwrap();
            assert!(sentence.contains(&format!("`{field}`")), "{sentence}");
        }
        let said = socket.say(&room, "still here").await;
        assert_eq!(said["content"]["text"], "still here");
    }
}

#[tokio::test]
async fn text_that_is_no_text_is_refused_and_the_session_goes_on() {
    // [FR2] Half of a surrogate pair ended the session, and each one after it when the client sent it again.
    let world = World::new().await;
    let (room, [ada]) = world.with_room("designers", ["ada"]).await;
    let mut socket = world.listed(&ada).await;
    let deep = format!("{}{}", "[".repeat(700), "]".repeat(700));
    for part in [r#""half \ud83d of it""#, "1e9999", &deep] {
        let frame = format!(
            r#"{{"type":"send","txn":"t","room":"{room}","content":{{"kind":"text","text":{part}}}}}"#
        );
        let frame = Frame {
            fin: true,
            compressed: false,
            opcode: Opcode::Text,
            payload: frame.as_bytes(),
        };
        socket.raw_frame(frame).await;
        let refused = socket.expect("refused").await;
        assert_eq!(refused["txn"], "t", "{part:.40}");
        assert_eq!(refused["refusal"]["code"], "bad_request");
    }
    socket.say(&room, "still here").await;
    socket.close().await;
}

#[tokio::test]
async fn what_follows_hello_waits_for_ready_and_is_done_in_order() {
    // [HS5] In one piece with `hello`, or even with the handshake: it saves the round trip.
    let world = World::new().await;
    let (room, [ada]) = world.with_room("designers", ["ada"]).await;
    for early in [false, true] {
        let mut scratch = world.listed(&ada).await;
        let mut bytes = Vec::new();
        let txn = format!("early-{early}");
        for frame in [
            json!({ "type": "hello", "token": ada.token }),
            json!({ "type": "open", "room": room }),
            json!({ "type": "send", "txn": txn, "room": room, "content": { "kind": "text", "text": "early" } }),
            json!({ "type": "send", "txn": "no", "room": room, "body": "early" }),
            json!({ "type": "ping" }),
        ] {
            bytes.extend(scratch.encode(&frame));
        }
        let dial = Dial {
            early: if early { &bytes } else { &[] },
            ..Dial::default()
        };
        let mut socket = dial.connect(&world).await.unwrap();
        if !early {
            socket.raw(&bytes).await;
        }
        socket.expect("ready").await;
        assert!(
            socket
                .seen
                .iter()
                .all(|frame| matches!(frame["type"].as_str(), Some("ready" | "pong"))),
            "{:?}",
            socket.seen
        );
        socket.expect("opened").await;
        let event = socket.expect_text("early").await;
        assert_eq!(event["txn"], txn.as_str());
        let refused = socket.seen.iter().find(|frame| frame["type"] == "refused");
        let refused = match refused {
            Some(refused) => refused.clone(),
            None => socket.expect("refused").await,
        };
        assert_eq!(refused["txn"], "no");
        socket.close().await;
    }
}

#[tokio::test]
async fn what_waits_for_ready_is_bounded() {
    // [HS5] [P5] All in one piece, so that no `ready` comes in between.
    let world = World::new().await;
    let ada = world.user("ada").await;
    let many = vec![json!({ "type": "watch", "users": [] }); 129];
    let large = vec![json!({ "type": "watch", "users": vec![ada.id.as_str(); 400] }); 10];
    for frames in [many, large] {
        let mut scratch = world.listed(&ada).await;
        let mut bytes = scratch.encode(&json!({ "type": "hello", "token": ada.token }));
        for frame in &frames {
            bytes.extend(scratch.encode(frame));
        }
        let mut socket = Dial::default().connect(&world).await.unwrap();
        socket.raw(&bytes).await;
        assert_eq!(socket.closed().await, 4101);
    }
}

#[tokio::test]
async fn what_is_no_frame_ends_the_session() {
    // [FR2] [CL1]
    let world = World::new().await;
    let (room, [ada]) = world.with_room("designers", ["ada"]).await;
    let json_text = send_frame(&room, "x").to_string();
    let packed = rmp_serde::to_vec_named(&json!({ "type": "ping" })).unwrap();
    let list = rmp_serde::to_vec_named(&json!(["ping"])).unwrap();
    for (binary, opcode, payload) in [
        (false, Opcode::Binary, packed.as_slice()),
        (false, Opcode::Text, b"[1,2]"),
        (false, Opcode::Text, b"\"ping\""),
        (false, Opcode::Text, b"hello?"),
        (false, Opcode::Text, b""),
        (true, Opcode::Text, json_text.as_bytes()),
        (true, Opcode::Binary, list.as_slice()),
        (true, Opcode::Binary, b"\xc1"),
        (true, Opcode::Binary, b""),
    ] {
        let dial = Dial {
            binary,
            ..Dial::default()
        };
        let (mut socket, _) = dial.session(&world, &ada, json!({})).await;
        let frame = Frame {
            fin: true,
            compressed: false,
            opcode,
            payload,
        };
        socket.raw_frame(frame).await;
        assert_eq!(socket.closed().await, 4203, "{binary} {payload:?}");
    }
}

#[tokio::test]
async fn pings_of_both_kinds_are_answered() {
    // [HB1]
    let world = World::new().await;
    let ada = world.user("ada").await;
    let mut socket = world.listed(&ada).await;
    let mut bytes = Vec::new();
    tidings_websocket::put_ping(&mut bytes, b"are you there", Some([1, 2, 3, 4]));
    socket.raw(&bytes).await;
    socket.settled().await;
    assert_eq!(socket.pongs, [b"are you there".to_vec()]);
    socket.close().await;
}

#[tokio::test]
async fn a_connection_that_went_silent_is_found_and_one_that_answers_stays() {
    // [HB1] [HB2] The far end of the first is gone without a word: it answers no ping. The second only answers pings.
    let world = World::new().await;
    let [ada, lin] = world.users(["ada", "lin"]).await;
    let mut silent = world.listed(&ada).await;
    let mut quiet = world.listed(&lin).await;
    let gone = silent.ended_by_silence();
    let stays = async {
        loop {
            quiet.pong_when_pinged().await;
        }
    };
    let code = tokio::select! {
        code = gone => code,
        () = stays => unreachable!("it goes on for ever"),
    };
    assert_eq!(code, Some(4001));
    assert!(silent.pings > 0, "it was asked first");
    quiet.settled().await;
}

#[tokio::test]
async fn a_removed_device_is_cut_off_at_once() {
    // [CL1] [EV7] RELIABILITY 4.15
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let lost = world.device(&lin).await;
    let mut thief = world.open(&lost, &room).await;
    let mut second = world.open(&lost, &room).await;
    let mut kept = world.open(&lin, &room).await;
    let (mut stream, _) = world.stream(&lost, None).await;
    let path = format!("/devices/{}", lost.device);
    world
        .call("DELETE", &path, Some(&lin), None)
        .await
        .expect(200);
    world.say(&ada, &room, "canary").await;
    assert_eq!(thief.closed().await, 4201);
    assert_eq!(second.closed().await, 4201);
    for socket in [&thief, &second] {
        assert!(!format!("{:?}", socket.seen).contains("canary"));
    }
    while let Some(piece) = stream.next().await {
        assert!(!piece.frame.to_string().contains("canary"));
    }
    kept.expect_text("canary").await;
    // A client that does not care about the close frame gives no more commands.
    let frame = send_frame(&room, "still here");
    let mut frame = frame.clone();
    frame["txn"] = "late".into();
    let bytes = thief.encode(&frame);
    let _ = tokio::io::AsyncWriteExt::write_all(&mut thief.tcp, &bytes).await;
    thief.ended().await;
    let last = world.say(&ada, &room, "after").await;
    kept.expect_text("after").await;
    let log = world.log_of(&ada, &room).await;
    assert!(!format!("{log:?}").contains("still here"));
    let all = seqs(&kept.seen, &room);
    assert_eq!(all.last(), last["seq"].as_u64().as_ref());
    assert!(all.windows(2).all(|w| w[1] == w[0] + 1), "{all:?}");
}

//! Stopping: everybody is told, nothing that was acknowledged is lost, and the program ends well. `[CL2]`

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::world::{
    Answer, Dial, World,
    rest::request,
    socket::{End, is_event, send_frame, seqs},
    stream::poll_path,
    txn,
};

#[tokio::test]
async fn everybody_is_told_to_come_back() {
    // [CL1] [CL2] [SE1] [LP1]
    let mut world = World::new().await;
    let (room, [ada, lin, eve]) = world.with_room("designers", ["ada", "lin", "eve"]).await;
    let (_, cursor) = world.poll(&eve, None).await;
    let mut sockets = [world.listed(&ada).await, world.open(&lin, &room).await];
    let mut fresh = Dial::default().connect(&world).await.unwrap();
    let (mut stream, _) = world.stream(&lin, None).await;
    // Somebody whose poll waits is there: that tells when it does.
    let watch = json!({ "type": "watch", "users": [eve.id] });
    let eve_is = |status: &'static str| {
        move |f: &Value| f["type"] == "presence" && f["users"][0]["status"] == status
    };
    sockets[0].send(&watch).await;
    sockets[0].find("that she is away", eve_is("offline")).await;
    let mut poll = world
        .ask("GET", &poll_path(Some(&cursor)), Some(&eve), None)
        .await;
    sockets[0].find("that she is there", eve_is("online")).await;
    world.terminate();
    for socket in &mut sockets {
        let frame = socket.expect("reconnect").await;
        assert_eq!(frame["jitter_ms"], 250);
        assert_eq!(
            socket.step("the close").await.unwrap_err(),
            End::Close(4000, "restarting".to_owned())
        );
    }
    assert_eq!(fresh.ended().await, Some(4000));
    drop((sockets, fresh));
    while let Some(piece) = stream.next().await {
        assert!(piece.frame["type"] == "event" || piece.frame["type"] == "reconnect");
    }
    // Come back, with the same token and cursor.
    let answer = Answer::read(&mut poll).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.json()["retry_after_ms"].as_u64().unwrap() > 0);
    let status = world.ended().await;
    assert!(status.success(), "{status}");
    world.start().await;
    let last = stream.last_id.clone().unwrap();
    let event = world.say(&ada, &room, "after").await;
    let (mut stream, _) = world.stream(&lin, Some(&last)).await;
    assert_eq!(stream.frame().await["id"], event["id"]);
    let (frames, _) = world.poll(&eve, Some(&cursor)).await;
    assert_eq!(frames[0]["id"], event["id"]);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_afterwards() {
    // [P1] [P3] [CM7] Many write while the server stops; each answer is either the truth or "again, with the same txn".
    let mut world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let mut writer = world.open(&ada, &room).await;
    let mut commands: Vec<Value> = Vec::new();
    for number in 0..100 {
        let mut frame = send_frame(&room, &format!("socket {number}"));
        frame["txn"] = txn().into();
        commands.push(frame);
    }
    let mut rest = Vec::new();
    for number in 0..20 {
        let body = json!({ "txn": format!("rest-{number}"), "text": format!("rest {number}") });
        let path = format!("/rooms/{room}/messages");
        let stream = world.ask("POST", &path, Some(&lin), Some(&body)).await;
        rest.push((body, stream));
    }
    let mut bytes = Vec::new();
    for command in &commands {
        bytes.extend(writer.encode(command));
    }
    writer.raw(&bytes).await;
    world.terminate();
    let mut answered = Vec::new();
    loop {
        match writer.step("the end").await {
            Ok(frame) if is_event(&frame) => answered.push(frame),
            Ok(frame) if frame["type"] == "refused" => {
                assert_eq!(frame["refusal"]["code"], "unavailable", "{frame}");
            }
            Ok(_) => {}
            Err(end) => {
                assert_eq!(end, End::Close(4000, "restarting".to_owned()));
                break;
            }
        }
    }
    drop(writer);
    for (_, stream) in &mut rest {
        // One that the server had not taken yet is cut off: its client does not know, and asks again.
        let Some(answer) = Answer::try_read(stream).await else {
            continue;
        };
        match answer.status {
            201 => answered.push(answer.json()),
            503 => assert_eq!(answer.json()["code"], "unavailable"),
            other => panic!("{other}: {}", answer.text()),
        }
    }
    assert!(world.ended().await.success());
    world.start().await;
    let log = world.log_of(&ada, &room).await;
    for event in &answered {
        let place = usize::try_from(event["seq"].as_u64().unwrap()).unwrap() - 1;
        assert_eq!(log[place]["id"], event["id"]);
        assert_eq!(log[place]["content"], event["content"]);
    }
    // Everything again, with the same txn: each is there once.
    let mut again = world.open(&ada, &room).await;
    for command in commands {
        assert_eq!(again.command(command).await["type"], "event");
    }
    for (body, _) in &rest {
        let path = format!("/rooms/{room}/messages");
        world
            .call("POST", &path, Some(&lin), Some(body))
            .await
            .expect(201);
    }
    let log = world.log_of(&ada, &room).await;
    let mut texts: Vec<&str> = log
        .iter()
        .filter_map(|e| e["content"]["text"].as_str())
        .collect();
    assert_eq!(texts.len(), 120);
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 120);
    assert_eq!(
        seqs(&log, &room).len(),
        0,
        "the log over REST has no frames"
    );
}

#[tokio::test]
async fn a_request_under_way_is_answered() {
    // [CL2] Its head was read and its body is awaited when the server begins to stop.
    let mut world = World::new().await;
    let (room, [ada]) = world.with_room("designers", ["ada"]).await;
    let mut socket = world.listed(&ada).await;
    let body = json!({ "txn": "late", "text": "late" });
    let bearer = format!("Bearer {}", ada.token);
    let headers = [
        ("authorization", bearer.as_str()),
        ("expect", "100-continue"),
    ];
    let path = format!("/api/v1/rooms/{room}/messages");
    let whole = request(world.address(), "POST", &path, &headers, Some(&body));
    let body = body.to_string();
    let (head, body) = whole.split_at(whole.len() - body.len());
    let mut stream = world.tcp().await;
    stream.write_all(head).await.unwrap();
    let go_on = Answer::head(&mut stream, &mut Vec::new()).await;
    assert_eq!(go_on.status, 100);
    world.terminate();
    assert_eq!(socket.closed().await, 4000);
    drop(socket);
    stream.write_all(body).await.unwrap();
    let answer = Answer::read(&mut stream).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.json()["code"], "unavailable");
    assert!(world.ended().await.success());
    world.start().await;
    assert!(!format!("{:?}", world.log_of(&ada, &room).await).contains("late"));
}

#[tokio::test]
async fn a_client_that_does_not_go_does_not_hold_it_up_for_ever() {
    // [CL2] One never reads, one never closes, one sends half a request.
    let mut world = World::new().await;
    let (room, [ada]) = world.with_room("designers", ["ada"]).await;
    let _deaf = world.open(&ada, &room).await;
    let (_stream, _) = world.stream(&ada, None).await;
    let mut half = world.tcp().await;
    let whole = request(world.address(), "GET", "/api/v1/me", &[], None);
    half.write_all(&whole[..20]).await.unwrap();
    world.terminate();
    let status = world.ended().await;
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn one_that_is_stopped_as_soon_as_it_listens_ends_well() {
    let mut world = World::new().await;
    for _ in 0..10 {
        world.restart().await;
    }
}

#[tokio::test]
async fn after_sigterm_a_node_says_that_it_leaves_and_serves_on() {
    // The delay is longer than any test waits: only a second signal ends it.
    let mut world = World::with(&["--drain-delay-ms=3600000"]).await;
    let (room, [ada]) = world.with_room("tea", ["ada"]).await;
    let mut socket = world.open(&ada, &room).await;
    assert_eq!(world.at("GET", "/readyz").await.status, 200);
    world.terminate();
    while world.at("GET", "/readyz").await.status == 200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.at("GET", "/readyz").await.status, 503);
    assert_eq!(world.at("GET", "/healthz").await.status, 200);
    world.say(&ada, &room, "one that came all the same").await;
    socket.expect_text("one that came all the same").await;
    world.user("lin").await;
    // A second signal ends it at once, and what was acknowledged is there.
    world.terminate();
    let status = world.ended().await;
    assert_eq!(status.code(), Some(128 + 15), "{status}");
    world.start().await;
    assert!(format!("{:?}", world.log_of(&ada, &room).await).contains("all the same"));
}

#[tokio::test]
async fn at_a_desk_nothing_is_waited_for() {
    // [CL2]
    let mut world = World::with(&["--drain-delay-ms=3600000"]).await;
    let ada = world.user("ada").await;
    let mut socket = world.listed(&ada).await;
    world.signal("INT");
    assert_eq!(socket.closed().await, 4000);
    drop(socket);
    assert!(world.ended().await.success());
}

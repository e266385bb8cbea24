//! The stream over server-sent events and long poll, and one cursor through all of them. `[SE1]` to `[LP2]`

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    socket::follow::flood,
    world::{
        Dial, User, World,
        socket::{Socket, is_event, seqs},
    },
};

#[tokio::test]
async fn a_stream_begins_now_and_tells_everything_after() {
    // [SE1] [SE2] [SE3] [SB7] [SB8]
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    world.say(&ada, &room, "before").await;
    let (mut stream, ready) = world.stream(&lin, None).await;
    assert!(stream.retry.unwrap() > 0);
    assert_eq!(ready["type"], "ready");
    assert_eq!(ready["rooms"][0]["id"], room.as_str());
    assert_eq!(stream.last_id.as_deref(), ready["cursor"].as_str());
    world
        .say(&ada, &room, "after\nwith a line\u{2028}and more")
        .await;
    let piece = stream.next().await.unwrap();
    assert_eq!(
        piece.frame["content"]["text"],
        "after\nwith a line\u{2028}and more"
    );
    assert!(piece.id.is_some() && piece.frame["txn"].is_null());
    // A room of others, then one's own, from the joining event on.
    let other = world.group("others", &ada, &[]).await;
    world.say(&ada, &other, "canary").await;
    let joined = world.add(&ada, &other, &lin).await;
    world.say(&ada, &other, "welcome").await;
    let frames = stream.until(|f| f["content"]["text"] == "welcome").await;
    let seq = joined["seq"].as_u64().unwrap();
    assert_eq!(seqs(&frames, &other), [seq, seq + 1]);
    // Own events carry their txn, those of the own user log come too.
    let second = world.device(&lin).await;
    world.say(&second, &room, "mine").await;
    let frames = stream.until(|f| f["content"]["text"] == "mine").await;
    assert!(
        frames
            .iter()
            .any(|f| f["content"]["kind"] == "device_added")
    );
    assert!(frames.last().unwrap()["txn"].is_string());
    // Leaving is the last that is told.
    let left = world.remove(&ada, &other, &lin).await;
    world.say(&ada, &other, "canary").await;
    world.say(&ada, &room, "end").await;
    let frames = stream.until(|f| f["content"]["text"] == "end").await;
    assert_eq!(seqs(&frames, &other), [left["seq"].as_u64().unwrap()]);
    assert!(!format!("{:?}", stream.seen).contains("canary"));
}

#[tokio::test]
async fn who_may_not_read_gets_no_stream() {
    // [SE1] [RE3]
    let world = World::new().await;
    let ada = world.user("ada").await;
    let nobody = User {
        token: "tdg_nobody".to_owned(),
        ..ada.clone()
    };
    let answer = world.try_stream(&nobody, None).await.unwrap_err();
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (401, &json!("unauthenticated"))
    );
    let answer = world.stream_with(&[]).await.unwrap_err();
    assert_eq!(answer.status, 401);
    let answer = world.call("GET", "/events?live=poll", None, None).await;
    assert_eq!(answer.status, 401);
    for path in ["/events?live=dance", "/events?sinse=x"] {
        let answer = world.call("GET", path, Some(&ada), None).await;
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (400, &json!("bad_request")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_stream_resumes_exactly_across_restarts_and_kills() {
    // [SE1] [CU4] [P4] Each time the client has seen a little, the server goes away, and more is written meanwhile.
    let mut world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let (mut stream, first) = world.stream(&lin, None).await;
    let from = first["rooms"][0]["head"].as_u64().unwrap();
    let mut got: Vec<Value> = Vec::new();
    for round in 0..6 {
        let mut writer = world.open(&ada, &room).await;
        flood(&mut writer, &room, 120).await;
        // Now and then all of it was read, now and then a part.
        let part = if round % 2 == 0 { 120 } else { 50 };
        for _ in 0..part {
            got.push(stream.frame().await);
        }
        match round % 3 {
            0 => {
                world.terminate();
                // What was said on the way out counts, too: the id that a browser keeps is of the last piece.
                while let Some(piece) = stream.next().await {
                    got.push(piece.frame);
                }
                assert!(world.ended().await.success());
                world.start().await;
            }
            1 => {
                world.kill().await;
                world.start().await;
            }
            _ => {}
        }
        let (next, first) = world.stream(&lin, stream.last_id.as_deref()).await;
        assert_eq!(first["type"], "ready");
        stream = next;
    }
    let last = world.say(&ada, &room, "last").await["seq"]
        .as_u64()
        .unwrap();
    got.extend(stream.until(|f| f["content"]["text"] == "last").await);
    assert_eq!(seqs(&got, &room), (from + 1..=last).collect::<Vec<u64>>());
}

/// The ways to hear of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Socket,
    Sse,
    Poll,
}

#[tokio::test]
async fn one_cursor_goes_through_every_way_and_misses_nothing() {
    // [P4] [CU2] [CU4] [LP2] WebSocket, SSE and long poll in turn, while others write to several rooms.
    let world = World::new().await;
    let (one, [ada, lin]) = world.with_room("one", ["ada", "lin"]).await;
    let two = world.group("two", &ada, &[&lin]).await;
    let mut writer = world.listed(&ada).await;
    let (_, mut cursor) = world.poll(&lin, None).await;
    let mut got: BTreeMap<(String, u64), Value> = BTreeMap::new();
    let mut texts = 0;
    let ways = [
        Way::Socket,
        Way::Sse,
        Way::Poll,
        Way::Sse,
        Way::Poll,
        Way::Socket,
        Way::Poll,
    ];
    for (round, way) in ways.into_iter().cycle().take(14).enumerate() {
        let before = texts;
        for _ in 0..8 {
            texts += 1;
            let room = if texts % 3 == 0 { &two } else { &one };
            writer.send(&command(room, texts)).await;
        }
        let frames = match way {
            Way::Socket => {
                let hello = json!({ "follow": "all", "since": cursor });
                let (mut socket, first) = world.session(&lin, hello).await;
                assert_eq!(first["type"], "ready");
                let frames = socket
                    .until("the last", |f| {
                        f["content"]["text"] == texts.to_string().as_str()
                    })
                    .await;
                // Over a socket a cursor comes now and then, so the one from before is used again: CU2 allows it.
                frames
            }
            Way::Sse => {
                let (mut stream, first) = world.stream(&lin, Some(&cursor)).await;
                assert_eq!(first["type"], "ready");
                // Cut off in the middle, sometimes before anything came.
                let upto = if round % 2 == 0 { texts } else { before + 3 };
                let frames = stream
                    .until(|f| f["content"]["text"] == upto.to_string().as_str())
                    .await;
                cursor = stream.last_id.clone().unwrap();
                frames
            }
            Way::Poll => {
                let (frames, next) = world.poll(&lin, Some(&cursor)).await;
                assert!(!frames.is_empty());
                cursor = next;
                frames
            }
        };
        for event in frames.into_iter().filter(is_event) {
            let key = (
                event["log"].as_str().unwrap().to_owned(),
                event["seq"].as_u64().unwrap(),
            );
            if let Some(old) = got.insert(key, event.clone()) {
                assert_eq!(old, event, "the same event twice is the same");
            }
        }
    }
    // Once more to the end.
    loop {
        if got
            .values()
            .any(|e| e["content"]["text"] == texts.to_string().as_str())
        {
            break;
        }
        let (frames, next) = world.poll(&lin, Some(&cursor)).await;
        cursor = next;
        for event in frames.into_iter().filter(is_event) {
            let key = (
                event["log"].as_str().unwrap().to_owned(),
                event["seq"].as_u64().unwrap(),
            );
            got.insert(key, event);
        }
    }
    for room in [&one, &two] {
        let log = world.log_of(&lin, room).await;
        let began = log
            .iter()
            .position(|e| e["content"]["kind"] == "message")
            .unwrap();
        let expected: Vec<u64> = (began as u64 + 1..=log.len() as u64).collect();
        let keys = got.keys().filter(|(log, _)| log == room);
        assert_eq!(keys.map(|(_, seq)| *seq).collect::<Vec<u64>>(), expected);
    }
}

fn command(room: &str, number: usize) -> Value {
    let mut frame = crate::world::socket::send_frame(room, &number.to_string());
    frame["txn"] = format!("way-{number}").into();
    frame
}

#[tokio::test]
async fn exact_ways_repeat_nothing() {
    // [CU4] SSE and long poll in turn, cut off anywhere: no event twice, none left out, in order.
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("one", ["ada", "lin"]).await;
    let (_, mut cursor) = world.poll(&lin, None).await;
    let mut writer = world.open(&ada, &room).await;
    let mut got = Vec::new();
    let first = flood(&mut writer, &room, 1).await;
    for round in 0..12usize {
        flood(&mut writer, &room, 7).await;
        if round % 2 == 0 {
            let (mut stream, _) = world.stream(&lin, Some(&cursor)).await;
            // Round after round a little more of what is there.
            for _ in 0..round / 2 + 1 {
                got.push(stream.frame().await);
            }
            cursor = stream.last_id.clone().unwrap();
        } else {
            let (frames, next) = world.poll(&lin, Some(&cursor)).await;
            got.extend(frames);
            cursor = next;
        }
    }
    let last = world.say(&ada, &room, "last").await["seq"]
        .as_u64()
        .unwrap();
    while got.last().is_none_or(|f: &Value| f["seq"] != last) {
        let (frames, next) = world.poll(&lin, Some(&cursor)).await;
        assert!(
            !frames.is_empty(),
            "{last} did not come after {:?}",
            seqs(&got, &room)
        );
        got.extend(frames);
        cursor = next;
    }
    assert_eq!(seqs(&got, &room), (first..=last).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_cursor_that_is_not_ours_is_answered_by_reset() {
    // [CU3] [HS2]
    let world = World::new().await;
    let elsewhere = World::new().await;
    let (room, [ada]) = world.with_room("designers", ["ada"]).await;
    let (other, [there]) = elsewhere.with_room("designers", ["ada"]).await;
    for _ in 0..5 {
        elsewhere.say(&there, &other, "x").await;
    }
    let (_, own) = world.poll(&ada, None).await;
    let (_, foreign) = elsewhere.poll(&there, None).await;
    for wrong in [
        foreign.as_str(),
        "garbage",
        "AQ",
        "A",
        &own[..own.len() - 1],
    ] {
        let (_, first) = world.session(&ada, json!({ "since": wrong })).await;
        assert_eq!(first["type"], "reset", "{wrong}");
        assert_eq!(first["rooms"][0]["id"], room.as_str());
        let (stream, first) = world.stream(&ada, Some(wrong)).await;
        assert_eq!(first["type"], "reset", "{wrong}");
        assert_eq!(stream.last_id.as_deref(), first["cursor"].as_str());
        let (frames, cursor) = world.poll(&ada, Some(wrong)).await;
        assert_eq!(frames[0]["type"], "reset", "{wrong}");
        assert_eq!(frames[0]["cursor"], cursor.as_str());
        let (_, first) = world.session(&ada, json!({ "since": cursor })).await;
        assert_eq!(first["type"], "ready");
    }
}

#[tokio::test]
async fn a_long_poll_waits_and_then_tells() {
    // [LP1]
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let (frames, cursor) = world.poll(&lin, None).await;
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0]["type"], "ready");
    // Already asking when it happens; what others do elsewhere does not wake it.
    let other = world.group("others", &ada, &[]).await;
    let waiting = world.poll(&lin, Some(&cursor));
    let saying = async {
        world.say(&ada, &other, "canary").await;
        world.say(&ada, &room, "news").await
    };
    let ((frames, cursor), event) = tokio::join!(waiting, saying);
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!(frames[0]["id"], event["id"]);
    // Already there when it asks.
    let event = world.say(&ada, &room, "more").await;
    let (frames, _) = world.poll(&lin, Some(&cursor)).await;
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0]["id"], event["id"]);
    let (again, _) = world.poll(&lin, Some(&cursor)).await;
    assert_eq!(again, frames, "the same cursor, the same answer");
}

#[tokio::test]
async fn a_long_poll_that_hears_nothing_ends_with_the_same_truth() {
    // [LP1] After 25 s at most: empty, with a cursor to go on from.
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let (_, cursor) = world.poll(&lin, None).await;
    let (frames, cursor) = world.poll(&lin, Some(&cursor)).await;
    assert_eq!(frames, Vec::<Value>::new());
    world.say(&ada, &room, "news").await;
    let (frames, _) = world.poll(&lin, Some(&cursor)).await;
    assert_eq!(frames[0]["content"]["text"], "news");
}

#[tokio::test]
async fn a_big_backlog_comes_in_pages() {
    // [LP2] [CU4] [SB5] [P4] More than the ring of the shard holds, so the store is asked, too.
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let (_, start) = world.poll(&lin, None).await;
    let mut writer = world.open(&ada, &room).await;
    let first = flood(&mut writer, &room, 1).await;
    let last = flood(&mut writer, &room, 2_300).await;
    let (mut got, mut cursor, mut pages) = (Vec::new(), start.clone(), 0);
    while got.last().is_none_or(|f: &Value| f["seq"] != last) {
        let (frames, next) = world.poll(&lin, Some(&cursor)).await;
        assert!((1..=500).contains(&frames.len()));
        got.extend(frames);
        cursor = next;
        pages += 1;
    }
    assert!(pages > 4);
    let all: Vec<u64> = (first..=last).collect();
    assert_eq!(seqs(&got, &room), all);
    // The same over the other ways, also in MessagePack.
    let (mut stream, _) = world.stream(&lin, Some(&start)).await;
    let frames = stream.until(|f| f["seq"] == last).await;
    assert_eq!(seqs(&frames, &room), all);
    for binary in [false, true] {
        let dial = Dial {
            binary,
            deflate: binary,
            ..Dial::default()
        };
        let hello = json!({ "follow": "all", "since": start });
        let (mut socket, _): (Socket, _) = dial.session(&world, &lin, hello).await;
        let frames = socket
            .until("the last", |f| is_event(f) && f["seq"] == last)
            .await;
        assert_eq!(seqs(&frames, &room), all);
    }
}

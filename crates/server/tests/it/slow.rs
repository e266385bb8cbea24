//! Readers that stop reading: they cost little, hold up nobody, and lose nothing. `[P5]` `[SB5]` RELIABILITY 4.35, I15

use serde_json::{Value, json};

use crate::{
    socket::follow::flood,
    world::{
        Dial, Socket, World,
        socket::{is_event, send_frame, seqs},
        txn,
    },
};

/// Connections that stop reading; a thousand are a matter for the bench.
const STALLED: usize = 200;
/// KiB that one may cost, in the program and the kernel together.
const STALLED_KIB_MAX: u64 = 256;
/// Bytes of one message: some of them fill every buffer on the way.
const TEXT_BYTES: usize = 4_000;

/// Tests that measure what the kernel holds stall their readers one after another: each would count the other's.
static MEASURING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// KiB that the kernel holds for all sockets of this machine.
fn kernel_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/net/sockstat").unwrap();
    let line = text.lines().find(|l| l.starts_with("TCP:")).unwrap();
    let pages = line.split_once("mem ").unwrap().1.trim();
    pages.parse::<u64>().unwrap() * 4
}

/// The same at its least while somebody writes on, and the `seq` of the last that was written: what others of this
/// machine hold comes and goes, what the stalled hold stays.
async fn least_kernel_kib(writer: &mut Socket, room: &str) -> (u64, u64) {
    let (mut least, mut last) = (u64::MAX, 0);
    for _ in 0..100 {
        last = writer.say(room, "meanwhile").await["seq"].as_u64().unwrap();
        least = least.min(kernel_kib());
    }
    (least, last)
}

/// Long messages, as fast as they are taken: the `seq` of the last.
async fn shout(socket: &mut Socket, room: &str, count: usize) -> u64 {
    let mut last = 0;
    for _ in 0..count / 20 {
        let mut txns = std::collections::HashSet::new();
        let mut bytes = Vec::new();
        for _ in 0..20 {
            // Random enough that nothing on the way makes it smaller.
            let txn = txn();
            let mut frame = send_frame(room, &format!("{txn} {}", "x".repeat(TEXT_BYTES)));
            frame["txn"] = txn.clone().into();
            bytes.extend(socket.encode(&frame));
            txns.insert(txn);
        }
        socket.raw(&bytes).await;
        while !txns.is_empty() {
            let is_answer = |f: &Value| f["txn"].as_str().is_some_and(|txn| txns.contains(txn));
            let answer = socket.find("answers", is_answer).await;
            assert_eq!(answer["type"], "event", "{answer}");
            txns.remove(answer["txn"].as_str().unwrap());
            last = answer["seq"].as_u64().unwrap();
        }
    }
    last
}

#[tokio::test]
async fn readers_that_stop_cost_little_and_miss_nothing() {
    let _turn = MEASURING.lock().await;
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("busy", ["ada", "lin"]).await;
    let mut writer = world.open(&ada, &room).await;
    let mut normal = world.open(&lin, &room).await;
    // Until the rings are full, so that what is measured is the readers'.
    let warming = async {
        shout(&mut writer, &room, 600).await;
        writer.say(&room, "warm").await["seq"].as_u64().unwrap()
    };
    let (head, _) = tokio::join!(warming, normal.expect_text("warm"));
    // Half of them follow the room, half everything; all in the small receive window of a client far away.
    let mut stalled = Vec::new();
    for number in 0..STALLED {
        let dial = Dial {
            receive_buffer: Some(16 * 1024),
            ..Dial::default()
        };
        let hello = if number % 2 == 0 {
            json!({ "open": [{ "room": room }] })
        } else {
            json!({ "follow": "all" })
        };
        let (mut socket, _) = dial.session(&world, &lin, hello).await;
        if number % 2 == 0 {
            socket.expect("opened").await;
        }
        stalled.push(socket);
    }
    let (rss, kernel) = (world.rss_kib(), kernel_kib());
    // Far more than all buffers between them hold, within what is replayed.
    let shouting = async {
        shout(&mut writer, &room, 400).await;
        writer.say(&room, "over").await["seq"].as_u64().unwrap()
    };
    let is_over = |f: &Value| f["content"]["text"] == "over";
    let (last, frames) = tokio::join!(shouting, normal.until("the last", is_over));
    assert_eq!(
        seqs(&frames, &room),
        (head + 1..=last).collect::<Vec<u64>>()
    );
    let (now, last) = least_kernel_kib(&mut writer, &room).await;
    let grown = (world.rss_kib().saturating_sub(rss)) + now.saturating_sub(kernel);
    let each = grown / STALLED as u64;
    assert!(
        each <= STALLED_KIB_MAX,
        "{each} KiB for each stalled reader"
    );
    // Those who read again have everything, or are told to start over.
    for socket in stalled.iter_mut().take(20) {
        let frames = socket
            .until("the last", |f| {
                (is_event(f) && f["seq"] == last) || (f["type"] == "opened" && f["from"] == last)
            })
            .await;
        complete(&frames, &room, head, last);
    }
    // And live again.
    let after = writer.say(&room, "after").await["seq"].as_u64().unwrap();
    for socket in stalled.iter_mut().take(20) {
        let event = socket.expect_text("after").await;
        assert_eq!(event["seq"], after);
    }
}

/// Every event after `from` once and in order, where `opened` may begin anew.
fn complete(frames: &[Value], room: &str, from: u64, last: u64) {
    let mut next = from + 1;
    for frame in frames {
        if frame["type"] == "opened" {
            next = frame["from"].as_u64().unwrap() + 1;
        } else if is_event(frame) && frame["log"] == room {
            assert_eq!(frame["seq"], next);
            next += 1;
        }
    }
    assert_eq!(next, last + 1);
}

#[tokio::test]
async fn streams_that_are_not_read_cost_little_and_miss_nothing() {
    // [SE1] [CU4]
    let _turn = MEASURING.lock().await;
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("busy", ["ada", "lin"]).await;
    let mut writer = world.open(&ada, &room).await;
    // Until the rings are full, so that what is measured is the readers'.
    let head = shout(&mut writer, &room, 600).await;
    let bearer = format!("Bearer {}", lin.token);
    let mut stalled = Vec::new();
    // What the program gives back and takes meanwhile (memory of hashing, pages of the store) is some megabytes: of few
    // streams, it would be a third of what each costs.
    for _ in 0..STALLED {
        let tcp = world.narrow_tcp(16 * 1024).await;
        let headers = [("authorization", bearer.as_str())];
        let mut stream = world.stream_on(tcp, &headers).await.unwrap();
        assert_eq!(stream.frame().await["type"], "ready");
        stalled.push(stream);
    }
    let (rss, kernel) = (world.rss_kib(), kernel_kib());
    shout(&mut writer, &room, 800).await;
    let (now, last) = least_kernel_kib(&mut writer, &room).await;
    let own = world.rss_kib().saturating_sub(rss);
    let theirs = now.saturating_sub(kernel);
    let each = (own + theirs) / stalled.len() as u64;
    assert!(
        each <= STALLED_KIB_MAX,
        "{each} KiB for each stalled stream: {own} of the program, {theirs} of the kernel"
    );
    for stream in stalled.iter_mut().take(10) {
        let frames = stream.until(|f| f["seq"] == last).await;
        assert_eq!(
            seqs(&frames, &room),
            (head + 1..=last).collect::<Vec<u64>>()
        );
    }
}

#[tokio::test]
async fn one_who_fell_too_far_behind_starts_over() {
    // [SB5] With `follow: all` there is no too far.
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("busy", ["ada", "lin"]).await;
    let dial = Dial {
        receive_buffer: Some(4 * 1024),
        ..Dial::default()
    };
    let (mut open, ready) = dial
        .session(&world, &lin, json!({ "open": [{ "room": room }] }))
        .await;
    open.expect("opened").await;
    let (mut all, _) = dial.session(&world, &lin, json!({ "follow": "all" })).await;
    let (mut stream, _) = world.stream(&lin, None).await;
    let from = ready["rooms"][0]["head"].as_u64().unwrap();
    let mut writer = world.open(&ada, &room).await;
    shout(&mut writer, &room, 300).await;
    let last = flood(&mut writer, &room, 900).await;
    let frames = open
        .until("the last", |f| {
            (is_event(f) && f["seq"] == last) || (f["type"] == "opened" && f["from"] == last)
        })
        .await;
    assert!(
        frames.iter().any(|f| f["type"] == "opened"),
        "it was behind more than 500"
    );
    complete(&frames, &room, from, last);
    let frames = all
        .until("the last", |f| is_event(f) && f["seq"] == last)
        .await;
    assert_eq!(
        seqs(&frames, &room),
        (from + 1..=last).collect::<Vec<u64>>()
    );
    let frames = stream.until(|f| f["seq"] == last).await;
    assert_eq!(
        seqs(&frames, &room),
        (from + 1..=last).collect::<Vec<u64>>()
    );
}

#[tokio::test]
async fn one_who_sends_and_never_reads_is_not_read_from() {
    // [P5] Its answers do not pile up: the server stops taking its commands, and everybody else goes on.
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("busy", ["ada", "lin"]).await;
    let mut normal = world.open(&ada, &room).await;
    let dial = Dial {
        receive_buffer: Some(4 * 1024),
        ..Dial::default()
    };
    let (mut deaf, _) = dial.session(&world, &lin, json!({})).await;
    let rss = world.rss_kib();
    let refused = json!({ "type": "open", "room": "room_00000000000000000000000000", "after": 0 });
    let mut bytes = Vec::new();
    for _ in 0..200 {
        bytes.extend(deaf.encode(&refused));
    }
    // Until nothing more is taken: the kernel's buffers are full in both directions.
    let mut taken = 0usize;
    let stuck = loop {
        match deaf.tcp.try_write(&bytes) {
            Ok(n) => taken += n,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                // Others are served before it is tried again.
                normal.say(&room, "going on").await;
                match deaf.tcp.try_write(&bytes) {
                    Ok(n) => taken += n,
                    Err(_) => break true,
                }
            }
            Err(_) => break false,
        }
        assert!(taken < 64 * 1024 * 1024, "it is read from for ever");
    };
    assert!(stuck, "it was cut off");
    normal.say(&room, "still going on").await;
    let grown = world.rss_kib().saturating_sub(rss);
    assert!(grown < 8 * 1024, "{grown} KiB");
}

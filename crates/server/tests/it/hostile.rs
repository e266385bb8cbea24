//! Clients that break the rules on purpose: the right end for each, service for all others, and memory that stays.
//!
//! RELIABILITY 4.25, 4.27. [`slow_heads`] are those that take their time.

mod slow_heads;

use serde_json::json;
use tidings_protocol::limits::{CLIENT_FRAME_BYTES_MAX, FRAME_FRAGMENTS_MAX};
use tidings_websocket::{Deflater, Frame, Opcode, put_frame};
use tokio::io::AsyncWriteExt;

use crate::world::{
    Answer, Dial, Socket, User, World,
    socket::{KEY, send_frame},
};

/// KiB by which the program may grow while it is attacked.
const GROWTH_KIB_MAX: u64 = 24 * 1024;

/// A server with somebody on it who goes on talking.
struct Scene {
    world: World,
    room: String,
    ada: User,
    lin: User,
    witness: Socket,
}

impl Scene {
    async fn new() -> Scene {
        let world = World::new().await;
        let (room, [ada, lin]) = world.with_room("quiet", ["ada", "lin"]).await;
        let witness = world.open(&lin, &room).await;
        Scene {
            world,
            room,
            ada,
            lin,
            witness,
        }
    }

    /// Everybody else is served.
    async fn goes_on(&mut self, after: &str) {
        self.world.say(&self.ada, &self.room, after).await;
        self.witness.expect_text(after).await;
    }

    async fn attacker(&self, deflate: bool) -> Socket {
        let dial = Dial {
            deflate,
            ..Dial::default()
        };
        dial.session(&self.world, &self.ada, json!({})).await.0
    }
}

fn frame(fin: bool, opcode: Opcode, payload: &[u8]) -> Frame<'_> {
    Frame {
        fin,
        compressed: false,
        opcode,
        payload,
    }
}

/// A frame's bytes, masked.
fn bytes(frame: Frame<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put_frame(&mut out, frame, Some(KEY));
    out
}

/// Sends what the server may cut off in the middle.
async fn pour(socket: &mut Socket, bytes: &[u8]) {
    let _ = socket.tcp.write_all(bytes).await;
}

#[tokio::test]
async fn frames_that_break_the_rules_end_the_connection_with_the_right_code() {
    // RFC 6455 §5, §7.4
    let mut scene = Scene::new().await;
    let text = |text: &str| text.as_bytes().to_vec();
    let long = CLIENT_FRAME_BYTES_MAX as u64 + 1;
    let mut announced = vec![0x81, 0xff];
    announced.extend(long.to_be_bytes());
    announced.extend(KEY);
    let mut absurd = vec![0x81, 0xff];
    absurd.extend(u64::MAX.to_be_bytes());
    absurd.extend(KEY);
    let mut largest = vec![0x82, 0xff];
    largest.extend((u64::MAX >> 1).to_be_bytes());
    largest.extend(KEY);
    let mut unmasked = Vec::new();
    put_frame(
        &mut unmasked,
        frame(true, Opcode::Text, b"{\"type\":\"ping\"}"),
        None,
    );
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        ("a frame without a mask", unmasked, 1002),
        ("a reserved bit", vec![0xc1, 0x80, 1, 2, 3, 4], 1002),
        ("two reserved bits", vec![0xb1, 0x80, 1, 2, 3, 4], 1002),
        ("a reserved opcode", vec![0x83, 0x80, 1, 2, 3, 4], 1002),
        (
            "a reserved control opcode",
            vec![0x8b, 0x80, 1, 2, 3, 4],
            1002,
        ),
        ("a ping in pieces", vec![0x09, 0x80, 1, 2, 3, 4], 1002),
        (
            "a ping of 126 bytes",
            bytes(frame(true, Opcode::Ping, &[0; 126])),
            1002,
        ),
        (
            "nothing to continue",
            bytes(frame(true, Opcode::Continuation, b"x")),
            1002,
        ),
        (
            "a message within a message",
            [
                bytes(frame(false, Opcode::Text, b"{")),
                bytes(frame(true, Opcode::Text, b"}")),
            ]
            .concat(),
            1002,
        ),
        (
            "a close of one byte",
            bytes(frame(true, Opcode::Close, b"x")),
            1002,
        ),
        (
            "a close with 1005",
            bytes(frame(true, Opcode::Close, &1005u16.to_be_bytes())),
            1002,
        ),
        (
            "text that is no UTF-8",
            bytes(frame(true, Opcode::Text, &[0xff, 0xfe])),
            1007,
        ),
        (
            "half a character",
            bytes(frame(true, Opcode::Text, &[0xe2, 0x82])),
            1007,
        ),
        ("one byte too long", announced, 1009),
        ("a length of all ones", absurd, 1002),
        ("the longest length", largest, 1009),
        ("garbage", text("GET / HTTP/1.1\r\n\r\n"), 1002),
    ];
    for (what, bytes, code) in cases {
        let mut socket = scene.attacker(false).await;
        pour(&mut socket, &bytes).await;
        // What follows is not looked at.
        let command = send_frame(&scene.room, "after the end");
        let mut command = command.clone();
        command["txn"] = "after".into();
        let more = socket.encode(&command);
        pour(&mut socket, &more).await;
        assert_eq!(socket.ended().await, Some(code), "{what}");
        scene.goes_on(what).await;
    }
    let log = scene.world.log_of(&scene.lin, &scene.room).await;
    assert!(!format!("{log:?}").contains("after the end"));
}

#[tokio::test]
async fn what_is_allowed_in_pieces_is_taken() {
    // RFC 6455 §5.4 One byte a fragment, pings in between, as many as are allowed.
    let mut scene = Scene::new().await;
    let mut socket = scene.attacker(false).await;
    let message = b"{\"type\":\"ping\"}";
    let mut out = Vec::new();
    for (index, byte) in message.iter().enumerate() {
        let opcode = if index == 0 {
            Opcode::Text
        } else {
            Opcode::Continuation
        };
        let fin = index + 1 == message.len();
        out.extend(bytes(frame(fin, opcode, &[*byte])));
        out.extend(bytes(frame(true, Opcode::Ping, b"between")));
    }
    socket.raw(&out).await;
    socket.expect("pong").await;
    // The largest frame that is allowed.
    let command = send_frame(&scene.room, &format!("x{}", "\u{1}".repeat(16_383)));
    assert!(command.to_string().len() > 96 * 1024);
    assert_eq!(socket.command(command).await["type"], "event");
    scene.goes_on("all is well").await;
}

/// As many frames as fit into so many bytes, each a type of a hundred thousand letters when it is inflated.
fn bombs(bytes_max: usize) -> Vec<u8> {
    let text = format!(
        "{{\"type\":\"{}\"}}",
        "a".repeat(CLIENT_FRAME_BYTES_MAX - 32)
    );
    let mut deflater = Deflater::new(9);
    let payload = deflater.compress(text.as_bytes()).unwrap();
    let mut one = Vec::new();
    let frame = Frame {
        fin: true,
        compressed: true,
        opcode: Opcode::Text,
        payload,
    };
    put_frame(&mut one, frame, Some(KEY));
    one.repeat(bytes_max / one.len())
}

#[tokio::test]
async fn what_inflates_to_much_is_not_kept() {
    // [P5] Sixty-four KiB hold forty megabytes of refused frames. Nobody pays before hello, so there it is the end.
    let mut scene = Scene::new().await;
    let bombs = bombs(64 * 1024);
    assert!(bombs.len() > 60_000);
    let before = scene.world.rss_kib();
    let dial = Dial {
        deflate: true,
        ..Dial::default()
    };
    let mut strangers = Vec::new();
    for _ in 0..8 {
        let mut socket = dial.connect(&scene.world).await.unwrap();
        pour(&mut socket, &bombs).await;
        strangers.push(socket);
    }
    for socket in &mut strangers {
        assert_eq!(socket.ended().await, Some(4202));
    }
    let mut members = Vec::new();
    for _ in 0..8 {
        let mut socket = scene.attacker(true).await;
        pour(&mut socket, &bombs).await;
        members.push(socket);
    }
    scene.goes_on("beside the bombs").await;
    for socket in &mut members {
        let refused = socket.expect("refused").await;
        let message = refused["refusal"]["message"].as_str().unwrap();
        assert!(message.len() < 1_000, "{} bytes", message.len());
    }
    let grown = scene.world.rss_kib().saturating_sub(before);
    assert!(grown < GROWTH_KIB_MAX, "{grown} KiB");
}

#[tokio::test]
async fn floods_are_ended_and_leave_no_trace_in_memory() {
    // RELIABILITY 4.25
    let mut scene = Scene::new().await;
    scene.goes_on("before").await;
    let before = scene.world.rss_kib();
    for _ in 0..4 {
        // Empty fragments, and fragments of one byte.
        for payload in [&b""[..], b" "] {
            let mut socket = scene.attacker(false).await;
            let mut out = bytes(frame(false, Opcode::Text, payload));
            for _ in 0..FRAME_FRAGMENTS_MAX + 10 {
                out.extend(bytes(frame(false, Opcode::Continuation, payload)));
            }
            pour(&mut socket, &out).await;
            assert_eq!(socket.ended().await, Some(1008));
        }
        // A message that never ends.
        let mut socket = scene.attacker(false).await;
        pour(
            &mut socket,
            &bytes(frame(false, Opcode::Text, &[b' '; 60_000])),
        )
        .await;
        pour(
            &mut socket,
            &bytes(frame(false, Opcode::Continuation, &[b' '; 60_000])),
        )
        .await;
        assert_eq!(socket.ended().await, Some(1009));
        // A frame that is announced and does not come.
        let mut socket = scene.attacker(false).await;
        let mut announced = vec![0x81, 0xfe];
        announced.extend(60_000u16.to_be_bytes());
        announced.extend(KEY);
        announced.extend([0; 1_000]);
        pour(&mut socket, &announced).await;
        drop(socket);
        scene.goes_on("and on").await;
    }
    let grown = scene.world.rss_kib().saturating_sub(before);
    assert!(grown < GROWTH_KIB_MAX, "{grown} KiB");
}

#[tokio::test]
async fn a_deflate_bomb_is_not_unpacked() {
    // RFC 7692 RELIABILITY 4.25 Sixteen megabytes of blanks in some kilobytes, at once and in fragments.
    let mut scene = Scene::new().await;
    let blanks = vec![b' '; 16 * 1024 * 1024];
    let mut deflater = Deflater::new(9);
    let bomb = deflater.compress(&blanks).unwrap().to_vec();
    assert!(bomb.len() < CLIENT_FRAME_BYTES_MAX);
    let before = scene.world.rss_kib();
    for _ in 0..10 {
        let mut socket = scene.attacker(true).await;
        let whole = Frame {
            fin: true,
            compressed: true,
            opcode: Opcode::Text,
            payload: &bomb,
        };
        pour(&mut socket, &bytes(whole)).await;
        assert_eq!(socket.ended().await, Some(1009));
        let mut socket = scene.attacker(true).await;
        let (head, tail) = bomb.split_at(bomb.len() / 2);
        let first = Frame {
            fin: false,
            payload: head,
            ..whole
        };
        pour(&mut socket, &bytes(first)).await;
        pour(&mut socket, &bytes(frame(true, Opcode::Continuation, tail))).await;
        assert_eq!(socket.ended().await, Some(1009));
        // Something that does not unpack at all.
        let mut socket = scene.attacker(true).await;
        let broken = Frame {
            payload: &[0xff; 50],
            ..whole
        };
        pour(&mut socket, &bytes(broken)).await;
        assert_eq!(socket.ended().await, Some(1007));
        scene.goes_on("unharmed").await;
    }
    let grown = scene.world.rss_kib().saturating_sub(before);
    assert!(grown < GROWTH_KIB_MAX, "{grown} KiB");
}

#[tokio::test]
async fn a_flood_of_pings_is_answered_at_the_pace_of_its_reader() {
    // [P5] RELIABILITY 4.25
    let mut scene = Scene::new().await;
    let before = scene.world.rss_kib();
    let socket = scene.attacker(false).await;
    let ping = bytes(frame(true, Opcode::Ping, &[7; 125]));
    let many = ping.repeat(500);
    let mut poured = 0;
    // Without reading a single pong, until nothing more is taken.
    loop {
        match socket.tcp.try_write(&many) {
            Ok(n) => poured += n,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                scene.goes_on("between pings").await;
                match socket.tcp.try_write(&many) {
                    Ok(n) => poured += n,
                    Err(_) => break,
                }
            }
            Err(error) => panic!("{error}"),
        }
        assert!(poured < 64 * 1024 * 1024, "pongs pile up somewhere");
    }
    let grown = scene.world.rss_kib().saturating_sub(before);
    assert!(grown < GROWTH_KIB_MAX, "{grown} KiB");
    drop(socket);
    let mut polite = scene.attacker(false).await;
    polite.raw(&ping.repeat(200)).await;
    polite.settled().await;
    assert_eq!(polite.pongs.len(), 200);
    scene.goes_on("after pings").await;
}

#[tokio::test]
async fn handshakes_that_are_none_are_refused() {
    // RFC 6455 §4.2.1, §4.4
    let mut scene = Scene::new().await;
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let good = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", key),
    ];
    for (name, value, status) in [
        ("connection", None, 426),
        ("connection", Some("keep-alive"), 426),
        ("upgrade", None, 426),
        ("upgrade", Some("h2c"), 426),
        ("sec-websocket-version", None, 426),
        ("sec-websocket-version", Some("8"), 426),
        ("sec-websocket-key", None, 400),
        ("sec-websocket-key", Some("short"), 400),
        ("sec-websocket-key", Some("!!!!!!!!!!!!!!!!!!!!!!=="), 400),
        (
            "sec-websocket-extensions",
            Some("permessage-deflate; ="),
            400,
        ),
        ("authorization", Some("Basic YTpi"), 401),
    ] {
        let mut headers: Vec<(&str, &str)> = good.into_iter().filter(|(n, _)| *n != name).collect();
        headers.extend(value.map(|value| (name, value)));
        let answer = raw(&scene.world, "GET", "/api/v1/socket", &headers).await;
        assert_eq!(answer.status, status, "{name} {value:?}: {}", answer.text());
        if status == 426 {
            assert_eq!(answer.header("sec-websocket-version"), Some("13"));
            assert_eq!(answer.header("upgrade"), Some("websocket"));
        }
    }
    for method in ["POST", "PUT", "DELETE"] {
        let answer = raw(&scene.world, method, "/api/v1/socket", &good).await;
        assert_eq!(answer.status, 405, "{method}");
    }
    scene.goes_on("after all").await;
}

/// One request as it stands, and its answer.
async fn raw(world: &World, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = crate::world::rest::request(world.address(), method, path, headers, None);
    let mut tcp = world.tcp().await;
    tcp.write_all(&request).await.unwrap();
    Answer::read(&mut tcp).await
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    // RFC 9112 RELIABILITY 4.29
    let mut scene = Scene::new().await;
    let huge = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
        "y".repeat(200 * 1024)
    );
    let many = format!(
        "GET / HTTP/1.1\r\nhost: x\r\n{}\r\n",
        "x: y\r\n".repeat(500)
    );
    let long = format!(
        "GET /{} HTTP/1.1\r\nhost: x\r\n\r\n",
        "y".repeat(200 * 1024)
    );
    let both = "POST /api/v1/users HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let two = "POST /api/v1/users HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!";
    for (what, text, statuses) in [
        ("garbage", "\x16\x03\x01\x02\r\n\r\n", &[400][..]),
        ("no version", "GET /\r\n\r\n", &[400]),
        ("a head of 200 KiB", &huge, &[431]),
        ("500 headers", &many, &[431]),
        ("an address of 200 KiB", &long, &[414, 431]),
        ("two kinds of length", both, &[400, 415, 422]),
        ("two lengths", two, &[400]),
        (
            "a blank in a header's name",
            "GET / HTTP/1.1\r\nho st: x\r\n\r\n",
            &[400],
        ),
    ] {
        let mut tcp = scene.world.tcp().await;
        let _ = tcp.write_all(text.as_bytes()).await;
        // An answer may be lost when the connection is closed with bytes unread; an end is needed in any case.
        if let Some(answer) = Answer::try_read(&mut tcp).await {
            assert!(
                statuses.contains(&answer.status),
                "{what}: {}",
                answer.status
            );
        }
        scene.goes_on(what).await;
    }
    // A head of 16 KiB is an ordinary one.
    let padding = "y".repeat(16 * 1024);
    let answer = raw(&scene.world, "GET", "/healthz", &[("x-padding", &padding)]).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn bodies_that_are_too_much_are_refused() {
    // RELIABILITY 4.26
    let mut scene = Scene::new().await;
    let bearer = format!("Bearer {}", scene.ada.token);
    let path = format!("/api/v1/rooms/{}/messages", scene.room);
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let deep_value = format!("{{\"text\":{deep}}}");
    let keys: String = (0..8_000).map(|n| format!("\"{n}\":0,")).collect();
    let keys = format!("{{{keys}\"text\":\"x\"}}");
    let big = format!("{{\"text\":\"{}\"}}", "x".repeat(300 * 1024));
    for (what, body, statuses) in [
        ("deep lists", deep.as_str(), &[400][..]),
        ("a deep value", &deep_value, &[400]),
        ("many keys", &keys, &[400]),
        ("300 KiB", &big, &[413]),
        ("a number without end", "{\"text\":1e999999999}", &[400]),
        ("a key twice", "{\"text\":\"a\",\"text\":\"b\"}", &[400]),
        ("half a text", "{\"text\":\"a", &[400]),
        ("half a character", "{\"text\":\"\\ud800\"}", &[400]),
    ] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: {bearer}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut tcp = scene.world.tcp().await;
        let _ = tcp.write_all(head.as_bytes()).await;
        let _ = tcp.write_all(body.as_bytes()).await;
        let answer = Answer::read(&mut tcp).await;
        assert!(
            statuses.contains(&answer.status),
            "{what}: {}",
            answer.status
        );
    }
    scene.goes_on("after all").await;
    assert_eq!(
        scene
            .witness
            .seen
            .iter()
            .filter(|f| f["type"] == "event")
            .count(),
        1
    );
}

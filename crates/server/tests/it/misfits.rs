//! What does not fit is refused the same way everywhere, with the place and in people's words. `[RE9]`

use serde_json::{Value, json};
use tidings_protocol::limits::{EMOJI_BYTES_MAX, MESSAGE_TEXT_BYTES_MAX, REQUEST_HEAD_BYTES_MAX};
use tidings_server::config::Settings;
use tokio::io::AsyncWriteExt;

use crate::{
    server::{Answer, Server},
    world::{self, World, socket::send_frame},
};

#[track_caller]
fn errors(answer: &Answer) -> Value {
    answer.json()["errors"].clone()
}

#[tokio::test]
async fn what_is_too_large_is_too_large_everywhere() {
    // [RE9] [LI2]
    let long = "x".repeat(MESSAGE_TEXT_BYTES_MAX + 1);
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let room = server.group(&ada, &[]).await;
    let path = format!("/api/v1/rooms/{room}/messages");
    for (body, pointer) in [
        (json!({ "text": long }), "/text"),
        (
            json!({ "content": { "kind": "text", "text": long } }),
            "/content",
        ),
    ] {
        let answer = server.say("POST", &path, &ada, &body).await;
        answer.refuses(413, "too_large");
        assert_eq!(errors(&answer)[0]["pointer"], pointer);
        assert!(answer.text.contains("16384 bytes"), "{}", answer.text);
    }
    let name = json!({ "name": "x".repeat(121) });
    let answer = server
        .say("PATCH", &format!("/api/v1/rooms/{room}"), &ada, &name)
        .await;
    answer.refuses(413, "too_large");
    let emoji = "%F0%9F%91%8D".repeat(EMOJI_BYTES_MAX / 4 + 1);
    let event = server.message(&ada, &room, "hello").await;
    let path = format!("{path}/{}/reactions/{emoji}", event["id"].as_str().unwrap());
    let answer = server.ask("PUT", &path, &ada).await;
    answer.refuses(413, "too_large");
    assert_eq!(errors(&answer)[0]["parameter"], "emoji");
    // Over the socket, in both formats.
    let world = World::new().await;
    let (room, [ada]) = world.with_room("tea", ["ada"]).await;
    for binary in [false, true] {
        let dial = world::Dial {
            binary,
            ..world::Dial::default()
        };
        let (mut socket, _) = dial.session(&world, &ada, json!({})).await;
        let refused = socket.command(send_frame(&room, &long)).await;
        assert_eq!(refused["refusal"]["code"], "too_large", "{refused}");
        let mut frame = send_frame(&room, "x");
        frame["content"]["text"] = 3.into();
        let refused = socket.command(frame).await;
        assert_eq!(refused["refusal"]["code"], "bad_request", "{refused}");
    }
}

#[tokio::test]
async fn a_problem_names_the_field_the_parameter_or_the_header() {
    // [RE3] [RE8] [RE9]
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let body = json!({ "kind": "group", "members": [ada.id.to_string(), "bob"] });
    let answer = server.say("POST", "/api/v1/rooms", &ada, &body).await;
    answer.refuses(400, "bad_request");
    assert_eq!(errors(&answer)[0]["pointer"], "/members/1");
    assert_eq!(errors(&answer)[0]["detail"], answer.json()["detail"]);
    for path in [
        "/api/v1/rooms?limt=3",
        "/api/v1/rooms?scope=public&limit=0",
        "/api/v1/rooms?limit=x",
        "/api/v1/events?foo=1",
    ] {
        let answer = server.get(path, &ada).await;
        answer.refuses(400, "bad_request");
        let name = errors(&answer)[0]["parameter"].as_str().unwrap().to_owned();
        assert!(path.contains(&name), "{path}: {name}");
    }
    let call = server.call("POST", "/api/v1/rooms").by(&ada);
    let call = call.header("idempotency-key", "two words");
    let answer = call.json(&json!({ "kind": "group" })).send().await;
    answer.refuses(400, "bad_request");
    assert_eq!(errors(&answer)[0]["header"], "Idempotency-Key");
}

#[tokio::test]
async fn a_body_is_taken_as_json_and_not_packed() {
    // [RE11]
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let body = json!({ "kind": "group" }).to_string();
    let send = async |name: &str, value: &str, kind: &str| {
        let call = server.call("POST", "/api/v1/rooms").by(&ada);
        let call = call.header(name, value).header("content-type", kind);
        call.body(body.clone()).send().await
    };
    let json = "application/json";
    send("content-encoding", "gzip", json)
        .await
        .refuses(415, "unsupported_media_type");
    send("content-encoding", "br", json)
        .await
        .refuses(415, "unsupported_media_type");
    send("accept", "*/*", "text/plain")
        .await
        .refuses(415, "unsupported_media_type");
    send("content-encoding", "identity", json).await.expect(201);
}

#[tokio::test]
async fn a_head_has_one_host_and_is_not_longer_than_its_limit() {
    // [RE11] RFC 9112 §3.2
    let world = World::new().await;
    let send = async |head: String| {
        let mut tcp = world.tcp().await;
        tcp.write_all(head.as_bytes()).await.unwrap();
        world::Answer::read(&mut tcp).await
    };
    let line = "GET /healthz HTTP/1.1\r\n";
    for (head, status) in [
        (format!("{line}host: x\r\n\r\n"), 200),
        (format!("{line}\r\n"), 400),
        (format!("{line}host: x\r\nhost: y\r\n\r\n"), 400),
        ("GET /healthz HTTP/1.0\r\n\r\n".to_owned(), 200),
    ] {
        let answer = send(head.clone()).await;
        assert_eq!(answer.status, status, "{head}: {}", answer.text());
        if status == 400 {
            assert_eq!(answer.json()["errors"][0]["header"], "Host");
        }
    }
    let of = |bytes: usize| {
        let rest = format!("{line}host: x\r\nx: \r\n\r\n").len();
        format!("{line}host: x\r\nx: {}\r\n\r\n", "y".repeat(bytes - rest))
    };
    assert_eq!(send(of(REQUEST_HEAD_BYTES_MAX)).await.status, 200);
    for bytes in [REQUEST_HEAD_BYTES_MAX + 1, 45_000, 100_000] {
        assert_eq!(send(of(bytes)).await.status, 431, "{bytes}");
    }
}

#[tokio::test]
async fn everybody_signed_in_is_told_what_is_left() {
    // [RE10]
    let settings = Settings {
        commands_per_second: Some(1),
        ..Settings::default()
    };
    let server = Server::with(settings).await;
    let ada = server.user("ada").await;
    let mut refused = 0;
    for path in [
        "/api/v1/me",
        "/api/v1/rooms?limt=1",
        "/api/v1/rooms/none",
        "/api/v1/me",
        "/api/v1/me",
        "/api/v1/me",
        "/api/v1/events",
    ] {
        let answer = server.get(path, &ada).await;
        let limit = answer.headers["ratelimit"].to_str().unwrap().to_owned();
        assert_eq!(
            answer.headers["ratelimit-policy"], "\"user\";q=4;w=4",
            "{path}"
        );
        if answer.status == 429 {
            refused += 1;
            assert!(limit.starts_with("\"user\";r=0;t="), "{path}: {limit}");
            assert!(answer.headers.contains_key("retry-after"), "{path}");
        }
    }
    assert!(refused >= 2, "{refused}");
    let world = World::new().await;
    let lin = world.user("lin").await;
    let bearer = format!("Bearer {}", lin.token);
    let headers = [("authorization", bearer.as_str())];
    let poll = world
        .with_headers("GET", "/api/v1/events?live=poll", &headers)
        .await;
    assert!(poll.header("ratelimit").is_some() && poll.header("ratelimit-policy").is_some());
    let (mut stream, _) = world.stream(&lin, None).await;
    assert!(stream.retry.take().is_some());
}

#[tokio::test]
async fn what_was_made_has_an_address() {
    // [RE7]
    let server = Server::start().await;
    let body = json!({ "username": "eve", "password": "correct horse" });
    let at = |answer: &Answer| answer.headers["location"].to_str().unwrap().to_owned();
    let answer = server
        .call("POST", "/api/v1/users")
        .json(&body)
        .send()
        .await;
    let user = answer.expect(201)["user"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(at(&answer), format!("/api/v1/users?id={user}"));
    let answer = server
        .call("POST", "/api/v1/devices")
        .json(&body)
        .send()
        .await;
    let device = answer.expect(201)["device"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(at(&answer), format!("/api/v1/devices/{device}"));
    let ada = server.user("ada").await;
    let answer = server
        .say("POST", "/api/v1/rooms", &ada, &json!({ "kind": "group" }))
        .await;
    let room = answer.expect(201)["room"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(at(&answer), format!("/api/v1/rooms/{room}"));
    server.get(&at(&answer), &ada).await.expect(200);
    let path = format!("/api/v1/rooms/{room}/messages");
    let answer = server
        .say("POST", &path, &ada, &json!({ "text": "a" }))
        .await;
    let event = answer.expect(201)["id"].as_str().unwrap().to_owned();
    assert_eq!(at(&answer), format!("{path}/{event}"));
    server.ask("DELETE", &at(&answer), &ada).await.expect(200);
}

#[tokio::test]
async fn every_list_is_walked_the_same_way() {
    // [RE13]
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let bob = server.user("bob").await;
    let room = server.group(&ada, &[&bob]).await;
    for n in 0..5 {
        server.message(&ada, &room, &format!("message {n}")).await;
    }
    for name in ["one", "two", "three"] {
        let body = json!({ "kind": "channel", "visibility": "public", "name": name });
        server
            .say("POST", "/api/v1/rooms", &ada, &body)
            .await
            .expect(201);
    }
    for (list, rows, count) in [
        ("/api/v1/rooms?scope=public&limit=2".to_owned(), "rooms", 3),
        ("/api/v1/users?q=&limit=1".to_owned(), "users", 2),
        (
            format!("/api/v1/rooms/{room}/members?limit=1"),
            "members",
            2,
        ),
        (format!("/api/v1/rooms/{room}/events?limit=3"), "events", 8),
        (
            format!("/api/v1/rooms/{room}/messages?limit=2&after=0"),
            "messages",
            5,
        ),
    ] {
        let (mut seen, mut address) = (Vec::new(), Some(list.clone()));
        while let Some(at) = address.take() {
            let answer = server.get(&at, &ada).await;
            let page = answer.expect(200);
            seen.extend(page[rows].as_array().unwrap().iter().cloned());
            let link = answer
                .headers
                .get("link")
                .map(|link| link.to_str().unwrap());
            address = link
                .and_then(|link| link.split(", ").find(|link| link.contains("rel=\"next\"")))
                .map(|link| link.split(['<', '>']).nth(1).unwrap().to_owned());
            if rows != "messages" {
                assert_eq!(page["next"].is_null(), address.is_none(), "{at}: {page}");
            }
        }
        let mut once = seen.clone();
        once.dedup();
        assert_eq!((seen.len(), once.len()), (count, count), "{list}: {seen:?}");
    }
    // History goes back as well.
    let answer = server
        .get(&format!("/api/v1/rooms/{room}/messages?limit=2"), &ada)
        .await;
    let link = answer.headers["link"].to_str().unwrap();
    assert!(
        link.contains("&before=") && link.ends_with("rel=\"prev\""),
        "{link}"
    );
}

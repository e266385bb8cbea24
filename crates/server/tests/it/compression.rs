//! Long answers travel packed, for those who take it; a token never does.

use std::io::Read;

use serde_json::{Value, json};

use crate::world::{Answer, User, World};

fn headers<'a>(bearer: &'a str, coding: &'a str) -> [(&'a str, &'a str); 2] {
    [("authorization", bearer), ("accept-encoding", coding)]
}

fn unpacked(answer: &Answer) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(&answer.body[..])
        .read_to_end(&mut out)
        .unwrap();
    out
}

async fn room_with_much(world: &World) -> (String, User) {
    let (room, [ada]) = world.with_room("tea", ["ada"]).await;
    for n in 0..50 {
        world
            .say(
                &ada,
                &room,
                &format!("{n}: {}", "a sentence as long as people write ".repeat(30)),
            )
            .await;
    }
    (room, ada)
}

#[tokio::test]
async fn long_answers_are_packed_and_short_ones_are_not() {
    let world = World::new().await;
    // [RE12]
    let (room, ada) = room_with_much(&world).await;
    let bearer = format!("Bearer {}", ada.token);
    let path = format!("/api/v1/rooms/{room}/messages");
    let plain = world
        .with_headers("GET", &path, &headers(&bearer, "br"))
        .await;
    assert_eq!(
        (plain.status, plain.header("content-encoding")),
        (200, None)
    );
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    let packed = world
        .with_headers("GET", &path, &headers(&bearer, "br, gzip, zstd"))
        .await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(
        packed.body.len() * 5 < plain.body.len(),
        "{} of {}",
        packed.body.len(),
        plain.body.len()
    );
    assert_eq!(unpacked(&packed), plain.body);
    // A poll's answer, too.
    let poll = format!(
        "/api/v1/events?live=poll&since={}",
        world.poll(&ada, None).await.1
    );
    for n in 0..20 {
        world.say(&ada, &room, &format!("news {n}")).await;
    }
    let packed = world
        .with_headers("GET", &poll, &headers(&bearer, "gzip"))
        .await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let frames: Value = serde_json::from_slice(&unpacked(&packed)).unwrap();
    assert_eq!(frames["frames"].as_array().unwrap().len(), 20);
    let short = world
        .with_headers("GET", "/api/v1/me", &headers(&bearer, "gzip"))
        .await;
    assert_eq!(
        (short.status, short.header("content-encoding")),
        (200, None)
    );
    for path in [
        "/api/openapi.json",
        "/docs/protocol",
        "/docs/reference",
        "/docs/swagger-ui-bundle.js",
    ] {
        let packed = world
            .with_headers("GET", path, &headers(&bearer, "gzip"))
            .await;
        assert_eq!(packed.header("content-encoding"), Some("gzip"), "{path}");
        let plain = world.at("GET", path).await;
        assert!(packed.body.len() * 2 < plain.body.len(), "{path}");
        assert_eq!(unpacked(&packed), plain.body, "{path}");
    }
    // The stream goes out as it comes.
    let with = headers(&bearer, "gzip");
    let mut stream = world.stream_with(&with).await.ok().unwrap();
    assert_eq!(stream.frame().await["type"], "ready");
}

#[tokio::test]
async fn a_token_does_not_travel_packed() {
    // [RE12] What the caller chooses stands beside the token: the length of the two together would tell of it.
    let world = World::new().await;
    let name = "x".repeat(120);
    for path in ["/api/v1/users", "/api/v1/devices"] {
        let body = json!({ "username": "ada", "password": "a long password", "device_name": name });
        let mut tcp = world.tcp().await;
        let with = [("accept-encoding", "gzip")];
        let request =
            crate::world::rest::request(world.address(), "POST", path, &with, Some(&body));
        tokio::io::AsyncWriteExt::write_all(&mut tcp, &request)
            .await
            .unwrap();
        let answer = Answer::read(&mut tcp).await;
        assert_eq!(
            (answer.status, answer.header("content-encoding")),
            (201, None)
        );
        assert!(!answer.json()["token"].as_str().unwrap().is_empty());
    }
}

//! What one may not see does not exist: strangers, former members, ids of other rooms. `[RE5]` `[P6]`

use serde_json::{Value, json};

use crate::server::{Answer, Server, Someone, nothing};

/// Every address below a room, with a body that is sound.
fn addresses(room: &str, message: &str) -> Vec<(&'static str, String, Option<Value>)> {
    let at = |rest: &str| format!("/api/v1/rooms/{room}{rest}");
    vec![
        ("GET", at(""), None),
        ("PATCH", at(""), Some(json!({ "name": "taken" }))),
        ("GET", at("/members"), None),
        ("PUT", at("/members/me"), None),
        ("PUT", at(&format!("/members/{}", nothing("user"))), None),
        ("DELETE", at(&format!("/members/{}", nothing("user"))), None),
        (
            "POST",
            at("/messages"),
            Some(json!({ "text": "let me in" })),
        ),
        ("GET", at("/messages"), None),
        ("GET", at("/messages?around=1"), None),
        (
            "PATCH",
            at(&format!("/messages/{message}")),
            Some(json!({ "text": "mine" })),
        ),
        ("DELETE", at(&format!("/messages/{message}")), None),
        (
            "PUT",
            at(&format!("/messages/{message}/reactions/%F0%9F%91%8D")),
            None,
        ),
        (
            "DELETE",
            at(&format!("/messages/{message}/reactions/%F0%9F%91%8D")),
            None,
        ),
        ("PUT", at("/marker"), Some(json!({ "seq": 1 }))),
        ("GET", at("/events"), None),
    ]
}

async fn ask(
    server: &Server,
    by: &Someone,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Answer {
    match body {
        Some(body) => server.say(method, path, by, body).await,
        None => server.ask(method, path, by).await,
    }
}

#[tokio::test]
async fn a_private_room_looks_to_others_like_none() {
    let server = Server::start().await;
    let (ada, bob, eve) = (
        server.user("ada").await,
        server.user("bob").await,
        server.user("eve").await,
    );
    let secret = json!({ "kind": "channel", "name": "canary-name", "members": [bob.id] });
    let channel = server.room(&ada, secret).await;
    let group = server.group(&ada, &[&bob]).await;
    let direct = server
        .room(&ada, json!({ "kind": "direct", "members": [bob.id] }))
        .await;
    for room in [channel, group, direct] {
        let sent = server.message(&ada, &room, "canary-text").await;
        let message = sent["id"].as_str().unwrap();
        let real = addresses(&room, message);
        let absent = addresses(&nothing("room"), &nothing("evt"));
        for ((method, path, body), (_, nowhere, _)) in real.iter().zip(&absent) {
            let answer = ask(&server, &eve, method, path, body.as_ref()).await;
            answer.refuses(404, "not_found");
            assert!(!answer.text.contains("canary"), "{method} {path}");
            let expected = ask(&server, &eve, method, nowhere, body.as_ref()).await;
            assert_eq!(answer.look(), expected.look(), "{method} {path}");
        }
        // None of that did anything.
        let log = server
            .get(&format!("/api/v1/rooms/{room}/events"), &ada)
            .await
            .expect(200);
        assert_eq!(log["head"], sent["seq"]);
    }
    let mine = server.get("/api/v1/rooms", &eve).await;
    let public = server.get("/api/v1/rooms?scope=public", &eve).await;
    assert_eq!(
        (mine.expect(200), public.expect(200)),
        (json!({ "rooms": [] }), json!({ "rooms": [] }))
    );
}

#[tokio::test]
async fn former_members_see_nothing_of_a_private_room() {
    // [RM5]
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let room = server.group(&ada, &[&bob]).await;
    let sent = server.message(&ada, &room, "canary").await;
    let message = sent["id"].as_str().unwrap().to_owned();
    server
        .get(&format!("/api/v1/rooms/{room}/messages"), &bob)
        .await
        .expect(200);
    server
        .ask(
            "DELETE",
            &format!("/api/v1/rooms/{room}/members/{}", bob.id),
            &ada,
        )
        .await
        .expect(200);
    let real = addresses(&room, &message);
    let absent = addresses(&nothing("room"), &nothing("evt"));
    for ((method, path, body), (_, nowhere, _)) in real.iter().zip(&absent) {
        let answer = ask(&server, &bob, method, path, body.as_ref()).await;
        let expected = ask(&server, &bob, method, nowhere, body.as_ref()).await;
        assert_eq!(answer.look(), expected.look(), "{method} {path}");
        assert!(!answer.text.contains("canary"));
    }
    assert_eq!(
        server.get("/api/v1/rooms", &bob).await.expect(200)["rooms"],
        json!([])
    );
}

#[tokio::test]
async fn nobody_reads_or_writes_without_a_token() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let room = server.channel(&ada, "public").await;
    let message = server.message(&ada, &room, "hello").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut all = addresses(&room, &message);
    for path in [
        "/api/v1/me",
        "/api/v1/devices",
        "/api/v1/users?q=a",
        "/api/v1/rooms",
        "/api/v1/events",
    ] {
        all.push(("GET", path.to_owned(), None));
    }
    all.push((
        "POST",
        "/api/v1/rooms".to_owned(),
        Some(json!({ "kind": "group" })),
    ));
    all.push(("DELETE", "/api/v1/devices/current".to_owned(), None));
    all.push(("DELETE", format!("/api/v1/devices/{}", ada.device), None));
    for (method, path, body) in all {
        let call = server.call(method, &path);
        let call = if let Some(body) = &body {
            call.json(body)
        } else {
            call
        };
        call.send().await.refuses(401, "unauthenticated");
    }
}

#[tokio::test]
async fn a_public_channel_is_read_by_all_and_written_by_members() {
    // [RM3]
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let room = server.channel(&ada, "news").await;
    let message = server.message(&ada, &room, "hello").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for (method, path, body) in addresses(&room, &message) {
        if path.ends_with("/members/me") {
            continue;
        }
        let answer = ask(&server, &bob, method, &path, body.as_ref()).await;
        match method {
            "GET" => drop(answer.expect(200)),
            _ => answer.refuses(403, "forbidden"),
        }
    }
    server
        .ask("PUT", &format!("/api/v1/rooms/{room}/members/me"), &bob)
        .await
        .expect(200);
    server.message(&bob, &room, "hello back").await;
}

#[tokio::test]
async fn an_id_of_one_room_means_nothing_in_another() {
    // RELIABILITY: room crossing
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let here = server.group(&ada, &[&bob]).await;
    let there = server.group(&ada, &[&bob]).await;
    let hidden = server.group(&ada, &[]).await;
    for other in [&there, &hidden] {
        let message = server.message(&ada, other, "canary").await["id"]
            .as_str()
            .unwrap()
            .to_owned();
        for by in [&ada, &bob] {
            let real = addresses(&here, &message);
            let absent = addresses(&here, &nothing("evt"));
            let of_messages = |path: &str| path.contains("/messages/");
            for ((method, path, body), (_, nowhere, _)) in real.iter().zip(&absent) {
                if of_messages(path) {
                    let answer = ask(&server, by, method, path, body.as_ref()).await;
                    answer.refuses(404, "not_found");
                    let expected = ask(&server, by, method, nowhere, body.as_ref()).await;
                    assert_eq!(answer.look(), expected.look(), "{method} {path}");
                }
            }
        }
    }
    let page = server
        .get(&format!("/api/v1/rooms/{there}/messages"), &ada)
        .await
        .expect(200);
    assert_eq!(page["messages"][0]["text"], "canary");
}

#[tokio::test]
async fn what_is_no_id_names_nothing() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let room = server.group(&ada, &[]).await;
    let expected = server
        .get(&format!("/api/v1/rooms/{}", nothing("room")), &ada)
        .await;
    for wrong in [
        "x",
        "room_",
        &room.to_uppercase(),
        &nothing("user"),
        "%00",
        "..%2f..%2fetc",
    ] {
        let answer = server.get(&format!("/api/v1/rooms/{wrong}"), &ada).await;
        assert_eq!(answer.look(), expected.look(), "{wrong}");
        let answer = server
            .get(&format!("/api/v1/rooms/{wrong}/messages"), &ada)
            .await;
        assert_eq!(answer.look(), expected.look(), "{wrong}");
        let path = format!("/api/v1/rooms/{room}/messages/{wrong}");
        assert_eq!(
            server.ask("DELETE", &path, &ada).await.look(),
            expected.look(),
            "{wrong}"
        );
    }
}

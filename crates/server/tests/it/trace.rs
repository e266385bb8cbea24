//! What the log says of requests, and what it never says.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use serde_json::json;

use crate::server::Server;

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no test panics while it logs").clone())
            .expect("UTF-8")
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .expect("no test panics while it logs")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_and_no_text_ever_stands_in_the_log() {
    // RELIABILITY: secrets in logs
    let log = Log::default();
    let writer = log.clone();
    // For the whole process, so that what other threads log counts, too; other tests' requests are in it as well.
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let (token, cookie, room) = story().await;
    let text = log.text();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("request_id=story-1"))
        .collect();
    for (status, line) in ["status=201", "status=400"].iter().zip(&lines) {
        assert!(
            line.contains(status) && line.contains("user=user_"),
            "{line}"
        );
        assert!(
            line.contains("route=\"/api/v1/rooms/{room}/messages\""),
            "{line}"
        );
    }
    assert_eq!(lines.len(), 2, "{text}");
    for secret in [
        token.as_str(),
        cookie.as_str(),
        room.as_str(),
        "correct horse",
        "wrong horse",
        "canary",
        "tidings_token",
        "Bearer",
        "argon2",
    ] {
        assert!(!text.contains(secret), "{secret} stands in:\n{text}");
    }
}

/// A short life of a user; gives back what is secret.
async fn story() -> (String, String, String) {
    let server = Server::start().await;
    let body = json!({ "username": "ada", "password": "correct horse" });
    let signed_up = server
        .call("POST", "/api/v1/users")
        .json(&body)
        .send()
        .await
        .expect(201);
    let token = signed_up["token"]
        .as_str()
        .expect("as the server answers")
        .to_owned();
    let bearer = format!("Bearer {token}");
    let wrong = json!({ "username": "ada", "password": "wrong horse" });
    server
        .call("POST", "/api/v1/devices")
        .json(&wrong)
        .send()
        .await
        .refuses(401, "wrong_credentials");
    let with_cookie = server
        .call("POST", "/api/v1/devices")
        .json(&body)
        .header("x-tidings-cookie", "1")
        .send()
        .await;
    let set = with_cookie.headers["set-cookie"]
        .to_str()
        .expect("as the server answers");
    let cookie = set
        .split(['=', ';'])
        .nth(1)
        .expect("as the server answers")
        .to_owned();
    let create = server
        .call("POST", "/api/v1/rooms")
        .header("authorization", &bearer);
    let created = create
        .json(&json!({ "kind": "group", "name": "canary-room" }))
        .send()
        .await
        .expect(201);
    let room = created["room"]["id"]
        .as_str()
        .expect("as the server answers")
        .to_owned();
    let path = format!("/api/v1/rooms/{room}/messages");
    let send = || {
        server
            .call("POST", &path)
            .header("authorization", &bearer)
            .header("x-request-id", "story-1")
    };
    send()
        .json(&json!({ "text": "canary-text", "txn": "canary-txn" }))
        .send()
        .await
        .expect(201);
    send()
        .json(&json!({ "text": "canary-text", "canary-field": 1 }))
        .send()
        .await
        .refuses(400, "bad_request");
    server
        .call("GET", &format!("/api/v1/me?token={token}&q=canary"))
        .send()
        .await
        .refuses(401, "unauthenticated");
    let bad = server
        .call("GET", "/api/v1/users?q=canary&canary=1")
        .header("authorization", &bearer);
    bad.send().await.refuses(400, "bad_request");
    server
        .call("GET", "/api/v1/me")
        .header("cookie", &format!("tidings_token={cookie}"))
        .send()
        .await
        .expect(200);
    server.call("GET", "/canary-page?canary=1").send().await;
    (token, cookie, room)
}

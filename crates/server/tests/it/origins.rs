//! Pages of other sites: what their requests with the cookie may do. `[RE2]`

use serde_json::json;
use tidings_server::config::Settings;

use crate::server::Server;

const OWN: &str = "https://chat.example.org";

#[tokio::test]
async fn with_the_cookie_only_the_own_page_changes_something() {
    let settings = Settings {
        origins: Some(vec!["https://app.example.org".to_owned()]),
        ..Settings::default()
    };
    let server = Server::with(settings).await;
    let ada = server.user("ada").await;
    let room = server.group(&ada, &[]).await;
    let message = server.message(&ada, &room, "hello").await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let at = |rest: &str| format!("/api/v1/rooms/{room}{rest}");
    let changes = [
        (
            "POST",
            "/api/v1/rooms".to_owned(),
            Some(json!({ "kind": "group" })),
        ),
        ("POST", at("/messages"), Some(json!({ "text": "hello" }))),
        ("PATCH", at(""), Some(json!({ "name": "new" }))),
        ("PUT", at("/marker"), Some(json!({ "seq": 1 }))),
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
        ("DELETE", at(&format!("/messages/{message}")), None),
        ("DELETE", "/api/v1/devices/current".to_owned(), None),
    ];
    for (method, path, body) in &changes {
        for origin in [
            None,
            Some("null"),
            Some("https://evil.example"),
            Some("https://chat.example.org.evil.example"),
        ] {
            let mut call = server.call(method, path).cookie(&ada);
            if let Some(origin) = origin {
                call = call.header("origin", origin);
            }
            if let Some(body) = body {
                call = call.json(body);
            }
            call.send().await.refuses(403, "foreign_origin");
        }
    }
    let log = server.get(&at("/events"), &ada).await.expect(200);
    assert_eq!(log["head"], 3, "nothing of that happened");
    for (method, path, body) in &changes {
        for origin in [OWN, "https://app.example.org"] {
            if path.ends_with("current") && origin == OWN {
                continue;
            }
            let mut call = server
                .call(method, path)
                .cookie(&ada)
                .header("origin", origin);
            if let Some(body) = body {
                call = call.json(body);
            }
            let answer = call.send().await;
            assert!(
                answer.status.is_success(),
                "{method} {path} {origin}: {}",
                answer.text
            );
        }
    }
}

#[tokio::test]
async fn reading_and_bearers_need_no_origin() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let room = server.group(&ada, &[]).await;
    let history = format!("/api/v1/rooms/{room}/messages");
    for (method, path) in [
        ("GET", "/api/v1/me"),
        ("HEAD", "/api/v1/me"),
        ("GET", &history),
        ("HEAD", &history),
        ("GET", &history),
    ] {
        let call = server
            .call(method, path)
            .cookie(&ada)
            .header("origin", "https://evil.example");
        let answer = call.send().await;
        assert_eq!(answer.status, 200);
        // The page of the other site cannot read it.
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
    let path = format!("/api/v1/rooms/{room}/messages");
    let call = server
        .call("POST", &path)
        .by(&ada)
        .header("origin", "https://bot.example");
    call.json(&json!({ "text": "hello" }))
        .send()
        .await
        .expect(201);
    // A Bearer that is wrong is not saved by a cookie that is right.
    let both = server
        .call("POST", &path)
        .cookie(&ada)
        .header("authorization", "Bearer x")
        .header("origin", OWN);
    both.json(&json!({ "text": "hello" }))
        .send()
        .await
        .refuses(401, "unauthenticated");
}

#[tokio::test]
async fn a_form_of_another_site_gets_nowhere() {
    // RELIABILITY: CSRF with the types that a form can send
    let server = Server::start().await;
    let ada = server.user("ada").await;
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ] {
        let form = || {
            let call = server
                .call("POST", "/api/v1/rooms")
                .cookie(&ada)
                .header("content-type", kind);
            call.body(r#"{"kind":"group"}"#)
        };
        form()
            .header("origin", "https://evil.example")
            .send()
            .await
            .refuses(403, "foreign_origin");
        form()
            .header("origin", OWN)
            .send()
            .await
            .refuses(415, "unsupported_media_type");
        let hidden = form()
            .header("origin", "https://evil.example")
            .header("x-http-method-override", "GET");
        hidden.send().await.refuses(403, "foreign_origin");
    }
    assert_eq!(
        server.get("/api/v1/rooms", &ada).await.expect(200)["rooms"],
        json!([])
    );
}

#[tokio::test]
async fn another_site_cannot_sign_its_visitor_in() {
    let server = Server::start().await;
    let body = json!({ "username": "mallory", "password": "correct horse" });
    let call = |path: &str| {
        server
            .call("POST", path)
            .json(&body)
            .header("x-tidings-cookie", "1")
    };
    call("/api/v1/users").send().await.expect(201);
    for path in ["/api/v1/users", "/api/v1/devices"] {
        let answer = call(path)
            .header("origin", "https://evil.example")
            .send()
            .await;
        answer.refuses(403, "foreign_origin");
        assert!(!answer.headers.contains_key("set-cookie"));
    }
}

//! What stands around every request, and what those who run the server ask.

use serde_json::json;

use crate::server::{Answer, Server, nothing};

#[tokio::test]
async fn every_answer_is_safe_for_a_browser_and_private_when_of_the_api() {
    // [RE6]
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let room = server.group(&ada, &[]).await;
    let mut answers: Vec<(&str, Answer)> = Vec::new();
    for path in [
        "/",
        "/rooms/x",
        "/favicon.ico",
        "/docs/",
        "/healthz",
        "/metrics",
    ] {
        answers.push((path, server.call("GET", path).send().await));
    }
    let api = [
        ("me", server.get("/api/v1/me", &ada).await),
        (
            "messages",
            server
                .get(&format!("/api/v1/rooms/{room}/messages"), &ada)
                .await,
        ),
        ("401", server.call("GET", "/api/v1/me").send().await),
        (
            "404",
            server
                .get(&format!("/api/v1/rooms/{}", nothing("room")), &ada)
                .await,
        ),
        ("unknown", server.get("/api/v1/nothing", &ada).await),
        ("unknown version", server.get("/api/v9/me", &ada).await),
        (
            "405",
            server.call("PUT", "/api/v1/users").by(&ada).send().await,
        ),
        (
            "sign in",
            server
                .call("POST", "/api/v1/devices")
                .json(&json!({}))
                .send()
                .await,
        ),
    ];
    for (what, answer) in &api {
        assert_eq!(
            answer.headers["cache-control"], "private, no-store",
            "{what}"
        );
    }
    answers.extend(api);
    for (what, answer) in &answers {
        let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
        assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{what}");
        assert_eq!(
            header("cross-origin-opener-policy"),
            "same-origin",
            "{what}"
        );
        let csp = header("content-security-policy");
        assert!(
            csp.contains("script-src 'self';") && csp.contains("frame-ancestors 'none'"),
            "{what}"
        );
        assert!(
            csp.contains("style-src 'self';") || *what == "/docs/",
            "{what}"
        );
        assert_eq!(header("x-request-id").len(), 36, "{what}");
    }
}

#[tokio::test]
async fn a_request_id_is_kept_when_it_is_sane() {
    let server = Server::start().await;
    let mine = server
        .call("GET", "/healthz")
        .header("x-request-id", "mine-1")
        .send()
        .await;
    assert_eq!(mine.headers["x-request-id"], "mine-1");
    let odd = server
        .call("GET", "/api/v1/me")
        .header("x-request-id", "a b\tc")
        .send()
        .await;
    assert_eq!(odd.headers["x-request-id"].len(), 36);
    odd.refuses(401, "unauthenticated");
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    for path in [
        "/api",
        "/api/",
        "/api/v1/",
        "/api/v1/nothing",
        "//api/v1/me",
        "/API/V1/me",
        "/api//v1/me",
        "/%61pi/v1/me",
        "/healthz/",
        "//metrics",
        "/Docs/",
        "/api/v2/me",
        "/api/v1/rooms/",
    ] {
        server.get(path, &ada).await.refuses(404, "not_found");
    }
    for (method, path, allow) in [
        ("DELETE", "/api/v1/rooms".to_owned(), "POST,GET,HEAD"),
        ("POST", "/api/v1/me".to_owned(), "GET,HEAD"),
        (
            "POST",
            format!("/api/v1/rooms/{}", nothing("room")),
            "GET,HEAD,PATCH",
        ),
        (
            "GET",
            format!("/api/v1/rooms/{}/marker", nothing("room")),
            "PUT",
        ),
        (
            "PUT",
            format!("/api/v1/rooms/{}/messages", nothing("room")),
            "POST,GET,HEAD",
        ),
        ("POST", "/healthz".to_owned(), "GET,HEAD"),
        ("POST", "/anything".to_owned(), "GET,HEAD"),
        ("BREW", "/api/v1/me".to_owned(), "GET,HEAD"),
    ] {
        let answer = server.ask(method, &path, &ada).await;
        answer.refuses(405, "method_not_allowed");
        assert_eq!(answer.headers["allow"], allow, "{method} {path}");
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_told_so_in_one_form() {
    // [RE3]
    let server = Server::start().await;
    let answer = server.call("GET", "/api/v1/socket").send().await;
    answer.refuses(426, "upgrade_required");
    assert_eq!(answer.headers["upgrade"], "websocket");
}

#[tokio::test]
async fn a_node_says_whether_it_lives_and_serves() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    assert_eq!(server.call("GET", "/healthz").send().await.text, "ok\n");
    assert_eq!(server.call("GET", "/readyz").send().await.text, "ready\n");
    server.node.begin_drain();
    assert_eq!(server.call("GET", "/healthz").send().await.status, 200);
    server
        .call("GET", "/readyz")
        .send()
        .await
        .refuses(503, "unavailable");
    let body = json!({ "kind": "group" });
    let refused = server.say("POST", "/api/v1/rooms", &ada, &body).await;
    refused.refuses(503, "unavailable");
    assert!(refused.json()["retry_after_ms"].as_u64().unwrap() > 0);
    server.get("/api/v1/me", &ada).await.expect(200);
}

#[tokio::test]
async fn counters_are_for_this_machine_alone() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let room = server.group(&ada, &[]).await;
    server
        .get(&format!("/api/v1/rooms/{room}"), &ada)
        .await
        .expect(200);
    let nobody = server.call("GET", "/metrics").send().await;
    nobody.refuses(404, "not_found");
    let far = server
        .call("GET", "/metrics")
        .from("192.0.2.1:1")
        .send()
        .await;
    far.refuses(404, "not_found");
    let proxied = server
        .call("GET", "/metrics")
        .from("127.0.0.1:1")
        .header("x-forwarded-for", "192.0.2.1");
    proxied.send().await.refuses(404, "not_found");
    let here = server.call("GET", "/metrics").from("[::1]:1").send().await;
    assert_eq!(here.status, 200);
    assert!(
        here.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    for line in [
        "tidings_http_requests_total{method=\"GET\",route=\"/api/v1/rooms/{room}\",status=\"200\"} 1",
        "tidings_http_requests_total{method=\"POST\",route=\"/api/v1/rooms\",status=\"201\"} 1",
        "tidings_commands_total{answer=\"happened\"} 1",
    ] {
        assert!(here.text.contains(line), "{line} is not in:\n{}", here.text);
    }
    assert!(!here.text.contains(&room));
}

#[tokio::test]
async fn anybody_may_ask_what_answers_here() {
    let server = Server::start().await;
    let about = server.call("GET", "/api/v1").send().await;
    // [RE1] Every answer says of which version it is, refusals too.
    let version = concat!("Tidings/", env!("CARGO_PKG_VERSION"));
    assert_eq!(about.headers["server"], version);
    let nowhere = server.call("GET", "/api/v1/nowhere").send().await;
    assert_eq!(
        (nowhere.status.as_u16(), &nowhere.headers["server"]),
        (404, &about.headers["server"])
    );
    let about = about.expect(200);
    assert_eq!(about["name"], "tidings");
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(about["api"], json!(["v1"]));
    assert_eq!(about["sign_up"], true);
    assert_eq!(
        about["limits"]["message_text_bytes_max"],
        tidings_protocol::limits::MESSAGE_TEXT_BYTES_MAX
    );
    let closed = Server::with(tidings_server::config::Settings {
        sign_up: Some(false),
        ..Default::default()
    })
    .await;
    let about = closed.call("GET", "/api/v1").send().await.expect(200);
    assert_eq!(about["sign_up"], false);
}

#[tokio::test]
async fn readers_of_counters_get_the_form_they_ask_for() {
    let server = Server::start().await;
    let ask = async |accept: &str| {
        let call = server.call("GET", "/metrics").from("127.0.0.1:1");
        let answer = call.header("accept", accept).send().await;
        let kind = answer.headers["content-type"].to_str().unwrap().to_owned();
        (kind, answer.text)
    };
    let (kind, text) =
        ask("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3")
            .await;
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert!(text.contains("tidings_build_info{version="), "{text}");
    for accept in ["*/*", "text/plain;version=0.0.4"] {
        let (kind, text) = ask(accept).await;
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        assert!(text.contains("# HELP tidings_bugs_total "), "{text}");
    }
}

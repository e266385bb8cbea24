//! Proxies in front, and pages of other origins: whose word counts, and who may read.

use serde_json::json;
use tidings_server::config::Settings;

use crate::server::{Answer, Server};

const APP: &str = "https://app.example.org";

/// A server behind a proxy at 127.0.0.1 with few sign-ins a minute.
async fn behind_proxy() -> Server {
    Server::with(Settings {
        trusted_proxies: Some(vec!["127.0.0.1/32".parse().unwrap()]),
        sign_ins_per_minute: Some(3),
        ..Settings::default()
    })
    .await
}

async fn try_to_sign_in(server: &Server, name: &str, peer: &str, forwarded: &str) -> u16 {
    let body = json!({ "username": name, "password": "not this one" });
    let call = server.call("POST", "/api/v1/devices").from(peer);
    let answer = call
        .header("x-forwarded-for", forwarded)
        .json(&body)
        .send()
        .await;
    answer.status.as_u16()
}

#[tokio::test]
async fn clients_of_a_trusted_proxy_have_a_budget_each() {
    let server = behind_proxy().await;
    for n in 0..3 {
        let forwarded = format!("6.6.6.{n}, 192.0.2.1");
        assert_eq!(
            try_to_sign_in(&server, "ada", "127.0.0.1:1", &forwarded).await,
            401
        );
    }
    assert_eq!(
        try_to_sign_in(&server, "bob", "127.0.0.1:1", "192.0.2.1").await,
        429
    );
    assert_eq!(
        try_to_sign_in(&server, "bob", "127.0.0.1:1", "192.0.2.2").await,
        401
    );
    // Anybody else is where they are, whatever they write.
    for n in 0..3 {
        let forwarded = format!("192.0.2.{}", 10 + n);
        assert_eq!(
            try_to_sign_in(&server, "eve", "198.51.100.1:1", &forwarded).await,
            401
        );
    }
    assert_eq!(
        try_to_sign_in(&server, "eve", "198.51.100.1:1", "192.0.2.99").await,
        429
    );
}

#[tokio::test]
async fn a_trusted_proxy_says_whether_the_client_speaks_tls() {
    let server = behind_proxy().await;
    let cookie = async |name: &str, peer: &str| {
        let body = json!({ "username": name, "password": "correct horse" });
        let call = server.call("POST", "/api/v1/users").from(peer).json(&body);
        let call = call
            .header("x-tidings-cookie", "1")
            .header("x-forwarded-proto", "https");
        let answer = call.send().await;
        answer.expect(201);
        answer.headers["set-cookie"].to_str().unwrap().to_owned()
    };
    assert!(cookie("ada", "127.0.0.1:1").await.ends_with("; Secure"));
    assert!(!cookie("bob", "192.0.2.1:1").await.contains("Secure"));
}

#[tokio::test]
async fn with_a_token_counters_are_for_those_who_have_it() {
    let settings = Settings {
        metrics_token: Some("hush".to_owned().into()),
        ..Settings::default()
    };
    let server = Server::with(settings).await;
    let ask = async |peer: &str, said: Option<&str>| {
        let mut call = server.call("GET", "/metrics").from(peer);
        if let Some(said) = said {
            call = call.header("authorization", said);
        }
        call.send().await
    };
    let told = ask("192.0.2.1:1", Some("Bearer hush")).await;
    assert_eq!(told.status, 200);
    assert!(told.text.ends_with("# EOF\n") && !told.text.contains("hush"));
    for said in [
        None,
        Some("Bearer hus"),
        Some("Bearer hushh"),
        Some("hush"),
        Some("Bearer "),
    ] {
        // This machine is no exception: a proxy on it may be plain.
        for peer in ["192.0.2.1:1", "127.0.0.1:1"] {
            ask(peer, said).await.refuses(401, "unauthenticated");
        }
    }
}

/// A server for pages of one other origin.
async fn with_app() -> Server {
    Server::with(Settings {
        origins: Some(vec![APP.to_owned()]),
        ..Settings::default()
    })
    .await
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer
        .headers
        .get(name)
        .map(|value| value.to_str().unwrap())
}

async fn preflight(server: &Server, path: &str, origin: &str) -> Answer {
    let call = server.call("OPTIONS", path).header("origin", origin);
    let call = call.header("access-control-request-method", "PUT");
    call.header(
        "access-control-request-headers",
        "authorization,content-type",
    )
    .send()
    .await
}

#[tokio::test]
async fn a_page_of_the_settings_may_ask_and_read() {
    let server = with_app().await;
    let ada = server.user("ada").await;
    let room = server.group(&ada, &[]).await;
    let path = format!("/api/v1/rooms/{room}/marker");
    let answer = preflight(&server, &path, APP).await;
    assert!(answer.status.is_success());
    assert_eq!(header(&answer, "access-control-allow-origin"), Some(APP));
    assert_eq!(
        header(&answer, "access-control-allow-credentials"),
        Some("true")
    );
    let methods = header(&answer, "access-control-allow-methods").unwrap();
    let headers = header(&answer, "access-control-allow-headers").unwrap();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        assert!(methods.contains(method), "{methods}");
    }
    for name in [
        "authorization",
        "content-type",
        "idempotency-key",
        "last-event-id",
    ] {
        assert!(headers.contains(name), "{headers}");
    }
    let asked = [
        server.call("GET", "/api/v1/me").by(&ada),
        server.call("GET", "/api/v1/me").cookie(&ada),
        // A refusal can be read, too.
        server.call("GET", "/api/v1/me"),
        server.call("PUT", "/api/v1/me").by(&ada),
    ];
    for call in asked {
        let answer = call.header("origin", APP).send().await;
        assert_eq!(header(&answer, "access-control-allow-origin"), Some(APP));
        assert_eq!(
            header(&answer, "access-control-allow-credentials"),
            Some("true")
        );
        let exposed = header(&answer, "access-control-expose-headers").unwrap();
        assert!(
            exposed.contains("x-request-id") && exposed.contains("retry-after"),
            "{exposed}"
        );
        assert!(
            header(&answer, "vary")
                .unwrap()
                .to_ascii_lowercase()
                .contains("origin")
        );
        assert_eq!(header(&answer, "cache-control"), Some("private, no-store"));
    }
}

#[tokio::test]
async fn no_other_page_may() {
    let server = with_app().await;
    let ada = server.user("ada").await;
    let others = [
        "https://evil.example",
        "http://app.example.org",
        "https://app.example.org.evil.example",
        "https://app.example.org:444",
        "null",
        "*",
    ];
    for origin in others {
        let answer = preflight(&server, "/api/v1/me", origin).await;
        assert_eq!(
            header(&answer, "access-control-allow-origin"),
            None,
            "{origin}"
        );
        let call = server
            .call("GET", "/api/v1/me")
            .by(&ada)
            .header("origin", origin);
        let answer = call.send().await;
        assert_eq!(
            header(&answer, "access-control-allow-origin"),
            None,
            "{origin}"
        );
    }
    // Without origins in the settings nothing of it is there; the operators' addresses are nobody's.
    for (server, path) in [
        (&Server::start().await, "/api/v1/me"),
        (&server, "/metrics"),
    ] {
        let answer = preflight(server, path, APP).await;
        assert_eq!(answer.status, 405);
        assert_eq!(header(&answer, "access-control-allow-origin"), None);
    }
}

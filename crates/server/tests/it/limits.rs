//! Budgets: what happens to those who ask too often.

use serde_json::json;
use tidings_server::config::Settings;

use crate::server::{Answer, Server};

fn waits(answer: &Answer) {
    answer.refuses(429, "rate_limited");
    let millis = answer.json()["retry_after_ms"]
        .as_u64()
        .expect("as the server answers");
    assert!(millis > 0);
    let seconds: u64 = answer.headers["retry-after"]
        .to_str()
        .expect("as the server answers")
        .parse()
        .expect("as the server answers");
    assert_eq!(seconds, millis.div_ceil(1_000));
}

#[tokio::test]
async fn a_user_has_one_budget_and_is_told_of_it() {
    let settings = Settings {
        commands_per_second: Some(1),
        ..Settings::default()
    };
    let server = Server::with(settings).await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let other = server.device(ada.id).await;
    let first = server.get("/api/v1/me", &ada).await;
    first.expect(200);
    assert_eq!(first.headers["ratelimit-policy"], "\"user\";q=4;w=4");
    assert_eq!(first.headers["ratelimit"], "\"user\";r=3;t=1");
    // The same budget for every device of the user.
    let mut last = None;
    for device in [&ada, &other].into_iter().cycle().take(20) {
        last = Some(server.get("/api/v1/me", device).await);
    }
    waits(&last.unwrap());
    server.get("/api/v1/me", &bob).await.expect(200);
}

#[tokio::test]
async fn sign_ins_are_limited_by_address_and_by_name_alike_for_names_nobody_has() {
    let settings = Settings {
        sign_ins_per_minute: Some(2),
        ..Settings::default()
    };
    let server = Server::with(settings).await;
    let try_in = |name: &str, from: &str| {
        let body = json!({ "username": name, "password": "correct horse" });
        server
            .call("POST", "/api/v1/devices")
            .json(&body)
            .from(from)
            .send()
    };
    for _ in 0..2 {
        try_in("nobody", "192.0.2.1:1")
            .await
            .refuses(401, "wrong_credentials");
    }
    waits(&try_in("somebody", "192.0.2.1:2").await);
    // Somebody else who has this name is not locked out by it.
    try_in("NOBODY", "192.0.2.9:1")
        .await
        .refuses(401, "wrong_credentials");
    // What an address says of itself does not count.
    let body = json!({ "username": "new", "password": "correct horse" });
    let call = server
        .call("POST", "/api/v1/users")
        .json(&body)
        .from("192.0.2.1:3");
    waits(&call.header("x-forwarded-for", "192.0.2.77").send().await);
    let call = server
        .call("POST", "/api/v1/users")
        .json(&body)
        .from("[2001:db8::1]:3");
    call.send().await.expect(201);
}

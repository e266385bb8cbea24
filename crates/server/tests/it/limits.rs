//! Budgets: what happens to those who ask too often.

use serde_json::json;
use tidings_protocol::limits::SIGN_IN_WAIT_MS_MAX;
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
async fn reads_of_a_room_are_paid_from_the_same_budget() {
    // [RE10] By those who are signed in alone.
    let settings = Settings {
        commands_per_second: Some(1),
        ..Settings::default()
    };
    let server = Server::with(settings).await;
    let ada = server.user("ada").await;
    let (other, last) = (server.device(ada.id).await, server.device(ada.id).await);
    let room = server.group(&ada, &[]).await;
    let path = format!("/api/v1/rooms/{room}/messages");
    let first = server.get(&path, &other).await;
    first.expect(200);
    assert_eq!(first.headers["ratelimit-policy"], "\"user\";q=4;w=4");
    let gone = format!("/api/v1/devices/{}", other.device);
    server.ask("DELETE", &gone, &last).await.expect(200);
    for device in [&ada, &last].into_iter().cycle().take(20) {
        server.get(&path, device).await;
    }
    let none = server.get(&path, &ada).await;
    waits(&none);
    let left = none.headers["ratelimit"].to_str().unwrap();
    assert!(left.starts_with("\"user\";r=0;t="), "{left}");
    // Who is signed out is told that, not to wait.
    for _ in 0..2 {
        server
            .get(&path, &other)
            .await
            .refuses(401, "unauthenticated");
    }
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
    let body = json!({ "username": "newton", "password": "correct horse" });
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

#[tokio::test]
async fn the_owner_signs_in_while_strangers_try_the_name() {
    // [LI5]
    let settings = Settings {
        sign_ins_per_minute: Some(2),
        ..Settings::default()
    };
    let server = Server::with(settings).await;
    let call = |path: &str, password: &str, from: &str| {
        let body = json!({ "username": "ada", "password": password });
        let call = server.call("POST", path).json(&body).from(from);
        call.header("x-tidings-cookie", "1")
    };
    let up = call("/api/v1/users", "correct horse", "198.51.100.7:1");
    let up = up.send().await;
    up.expect(201);
    let kept = up.headers.get_all("set-cookie").iter().nth(1).unwrap();
    let kept = kept.to_str().unwrap().split(';').next().unwrap();
    // Many strangers, each within the budget of its network.
    for n in 0..40 {
        let from = format!("{}.2.3.4:1", 20 + n);
        let _ = call("/api/v1/devices", "wrong horse", &from).send().await;
    }
    let away = || call("/api/v1/devices", "correct horse", "203.0.113.9:1");
    let turn = away().send().await;
    waits(&turn);
    assert!(turn.json()["retry_after_ms"].as_u64().unwrap() <= SIGN_IN_WAIT_MS_MAX);
    assert!(turn.text.contains("Your turn is in"), "{}", turn.text);
    // From the network where the account signed in before, and with what a device keeps.
    let home = call("/api/v1/devices", "correct horse", "198.51.100.7:2");
    home.send().await.expect(201);
    away().header("cookie", kept).send().await.expect(201);
    // It is of no use for another name, and a changed one for none.
    let other = json!({ "username": "bob", "password": "correct horse" });
    for from in ["203.0.113.9:1", "203.0.113.9:1", "203.0.113.9:1"] {
        let call = server
            .call("POST", "/api/v1/devices")
            .json(&other)
            .from(from);
        let answer = call.header("cookie", kept).send().await;
        assert!(matches!(answer.status.as_u16(), 401 | 429));
    }
    let forged = format!("{}x", &kept[..kept.len() - 1]);
    let elsewhere = call("/api/v1/devices", "correct horse", "203.0.114.9:1");
    waits(&elsewhere.header("cookie", &forged).send().await);
}

//! Signing up, in and out; devices; people.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tidings_core::CreateUser;
use tidings_protocol::{
    LogId, RefusalCode, Seq, ServerRole, UserId, UserKind,
    limits::{DEVICES_PER_USER_MAX, KNOWN_SIGN_INS_PER_MINUTE},
};
use tidings_server::config::Settings;
use tidings_testkit::postgres::TestPostgres;

use crate::server::{Answer, Server, Someone, nothing};

async fn sign_up(server: &Server, name: &str) -> Value {
    let body = json!({ "username": name, "password": "correct horse" });
    server
        .call("POST", "/api/v1/users")
        .json(&body)
        .send()
        .await
        .expect(201)
}

async fn sign_in(server: &Server, name: &str, password: &str) -> Answer {
    let body = json!({ "username": name, "password": password });
    server
        .call("POST", "/api/v1/devices")
        .json(&body)
        .send()
        .await
}

async fn me(server: &Server, token: &str) -> Answer {
    server
        .call("GET", "/api/v1/me")
        .header("authorization", &format!("Bearer {token}"))
        .send()
        .await
}

#[tokio::test]
async fn the_first_account_owns_the_server_and_is_signed_in() {
    // [RM7] [RE1]
    let server = Server::start().await;
    let body = json!({
        "username": " Ada ", "password": "correct horse", "display_name": "Ada L.", "device_name": "Laptop",
    });
    let ada = server
        .call("POST", "/api/v1/users")
        .json(&body)
        .send()
        .await
        .expect(201);
    assert_eq!(ada["user"]["username"], "ada");
    assert_eq!(ada["user"]["display_name"], "Ada L.");
    assert_eq!(ada["user"]["role"], "owner");
    assert_eq!(ada["user"]["kind"], "person");
    assert_eq!(ada["device"]["name"], "Laptop");
    assert_eq!(ada["device"]["current"], true);
    let token = ada["token"].as_str().unwrap();
    assert!(token.starts_with("tdg_") && token.len() == 47, "{token}");
    let answer = me(&server, token).await.expect(200);
    assert_eq!(
        (&answer["user"], &answer["device"]),
        (&ada["user"], &ada["device"])
    );

    let bob = sign_up(&server, "bob").await;
    assert_eq!(bob["user"]["role"], "member");
    assert_eq!(bob["user"]["display_name"], "bob");
    assert_ne!(bob["token"], ada["token"]);
}

#[tokio::test]
async fn a_sign_up_that_breaks_a_rule_is_refused() {
    // [LI2] [RE8]
    let server = Server::start().await;
    sign_up(&server, "ada").await;
    let good = json!({ "username": "bob", "password": "correct horse" });
    for (field, value, status, code) in [
        ("username", json!("ADA"), 409, "username_taken"),
        ("username", json!("a"), 400, "bad_request"),
        ("username", json!("аda"), 400, "bad_request"),
        ("username", json!(7), 400, "bad_request"),
        ("password", json!("1234567"), 400, "bad_request"),
        ("password", json!("xyz ".repeat(129)), 400, "bad_request"),
        ("password", json!("correct\nhorse"), 400, "bad_request"),
        ("password", json!("password1"), 400, "weak_password"),
        ("password", json!("12345678"), 400, "weak_password"),
        ("password", json!("bob-bob-bob"), 400, "weak_password"),
        ("password", json!("example.org1"), 400, "weak_password"),
        ("username", json!("Admin"), 409, "username_reserved"),
        ("username", json!("me"), 409, "username_reserved"),
        ("display_name", json!("a\nb"), 400, "bad_request"),
        ("device_name", json!("a\u{7}b"), 400, "bad_request"),
        ("device_name", json!("x".repeat(121)), 413, "too_large"),
        ("role", json!("owner"), 400, "bad_request"),
        ("is_admin", json!(true), 400, "bad_request"),
        ("id", json!(nothing("user")), 400, "bad_request"),
    ] {
        let mut body = good.clone();
        body[field] = value.clone();
        let answer = server
            .call("POST", "/api/v1/users")
            .json(&body)
            .send()
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (status, code.to_owned()),
            "{field} {value}"
        );
        // [RE9]
        assert_eq!(
            answer.json()["errors"][0]["pointer"],
            json!(format!("/{field}")),
            "{field} {value}"
        );
    }
    let form = server.call("POST", "/api/v1/users").body(good.to_string());
    form.header("content-type", "text/plain")
        .send()
        .await
        .refuses(415, "unsupported_media_type");
    server
        .call("POST", "/api/v1/users")
        .send()
        .await
        .refuses(415, "unsupported_media_type");
    // Nothing of all that made an account.
    sign_in(&server, "bob", "correct horse")
        .await
        .refuses(401, "wrong_credentials");
}

#[tokio::test]
async fn nobody_learns_whether_a_name_or_a_password_was_wrong() {
    // [RF1] RELIABILITY: enumeration by text
    let server = Server::start().await;
    sign_up(&server, "ada").await;
    server.user("passwordless").await;
    let expected = sign_in(&server, "ada", "wrong horse").await;
    expected.refuses(401, "wrong_credentials");
    let long = "x".repeat(5_000);
    for (name, password) in [
        ("bob", "correct horse"),
        ("ada", ""),
        ("ada", long.as_str()),
        ("-not a name-", "correct horse"),
        ("", ""),
        ("passwordless", ""),
        ("passwordless", "nobody has this password"),
    ] {
        let answer = sign_in(&server, name, password).await;
        assert_eq!(answer.look(), expected.look(), "{name}");
        let names = |answer: &Answer| {
            answer
                .headers
                .keys()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&answer), names(&expected));
    }
    sign_in(&server, "Ada", "correct horse").await.expect(201);
}

#[tokio::test]
async fn a_wrong_token_looks_the_same_however_it_is_wrong() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let expected = server.call("GET", "/api/v1/me").send().await;
    expected.refuses(401, "unauthenticated");
    assert_eq!(expected.headers["www-authenticate"], "Bearer");
    let gone = server.device(ada.id).await;
    server
        .ask("DELETE", "/api/v1/devices/current", &gone)
        .await
        .expect(200);
    let mut other = ada.token.clone();
    let last = if other.ends_with('A') { "E" } else { "A" };
    other.replace_range(other.len() - 1.., last);
    for token in ["", "x", gone.token.as_str(), other.as_str()] {
        assert_eq!(me(&server, token).await.look(), expected.look(), "{token}");
    }
    let query = format!("/api/v1/me?token={}", ada.token);
    assert_eq!(
        server.call("GET", &query).send().await.look(),
        expected.look()
    );
    me(&server, &ada.token).await.expect(200);
}

#[tokio::test]
async fn the_cookie_holds_the_token_where_no_script_reads_it() {
    // [RE1]
    let server = Server::start().await;
    sign_up(&server, "ada").await;
    let body = json!({ "username": "ada", "password": "correct horse" });
    let wanted = || {
        let call = server.call("POST", "/api/v1/devices").json(&body);
        call.header("x-tidings-cookie", "1")
            .header("origin", "https://chat.example.org")
    };
    let answer = wanted().send().await;
    assert_eq!(answer.expect(201)["token"], "");
    let set = answer.headers["set-cookie"].to_str().unwrap();
    // What the device keeps to be known by, sent where it signs in alone. [LI5]
    let kept = answer.headers.get_all("set-cookie").iter().nth(1).unwrap();
    let kept = kept.to_str().unwrap();
    assert!(
        kept.starts_with("tidings_device=")
            && kept.contains("; HttpOnly; SameSite=Strict; Path=/api/v1/devices; Max-Age="),
        "{kept}"
    );
    assert!(
        set.contains("; HttpOnly; SameSite=Lax; Path=/; Max-Age=") && !set.contains("Secure"),
        "{set}"
    );
    let cookie = set.split(';').next().unwrap();
    assert!(
        !answer
            .text
            .contains(cookie.strip_prefix("tidings_token=").unwrap())
    );
    // Nobody's word on it counts but that of a proxy of the settings.
    let told = wanted().header("x-forwarded-proto", "https").send().await;
    assert!(
        !told.headers["set-cookie"]
            .to_str()
            .unwrap()
            .contains("Secure")
    );

    server
        .call("GET", "/api/v1/me")
        .header("cookie", cookie)
        .send()
        .await
        .expect(200);
    let out = server
        .call("DELETE", "/api/v1/devices/current")
        .header("cookie", cookie);
    let out = out
        .header("origin", "https://chat.example.org")
        .send()
        .await;
    out.expect(200);
    let forgotten = out.headers["set-cookie"].to_str().unwrap();
    assert!(
        forgotten.starts_with("tidings_token=;") && forgotten.contains("Max-Age=0"),
        "{forgotten}"
    );
    server
        .call("GET", "/api/v1/me")
        .header("cookie", cookie)
        .send()
        .await
        .refuses(401, "unauthenticated");

    let without = server
        .call("POST", "/api/v1/devices")
        .json(&body)
        .send()
        .await;
    assert!(!without.headers.contains_key("set-cookie"));
    assert!(
        without.expect(201)["token"]
            .as_str()
            .unwrap()
            .starts_with("tdg_")
    );
}

#[tokio::test]
async fn devices_are_listed_and_signed_out_one_by_one() {
    // [RE7]
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let bob = server.user("bob").await;
    let other = server.device(ada.id).await;
    let devices = server.get("/api/v1/devices", &ada).await.expect(200);
    let current: Vec<(&Value, &Value)> = devices["devices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| (&d["id"], &d["current"]))
        .collect();
    let (new, old) = (json!(other.device), json!(ada.device));
    assert_eq!(
        current,
        [(&new, &json!(false)), (&old, &json!(true))],
        "newest first"
    );

    let path = format!("/api/v1/devices/{}", other.device);
    let foreign = server.ask("DELETE", &path, &bob).await;
    foreign.refuses(404, "not_found");
    let absent = server
        .ask(
            "DELETE",
            &format!("/api/v1/devices/{}", nothing("device")),
            &bob,
        )
        .await;
    assert_eq!(foreign.look(), absent.look());
    me(&server, &other.token).await.expect(200);

    let event = server.ask("DELETE", &path, &ada).await.expect(200);
    assert_eq!(
        event["content"],
        json!({ "kind": "device_removed", "device": other.device, "reason": "signed_out" })
    );
    me(&server, &other.token)
        .await
        .refuses(401, "unauthenticated");
    server
        .ask("DELETE", &path, &ada)
        .await
        .refuses(404, "not_found");
    server
        .ask("DELETE", "/api/v1/devices/x", &ada)
        .await
        .refuses(404, "not_found");
}

#[tokio::test]
async fn a_device_that_is_signed_out_reads_nothing_more() {
    // [RE10] Also where its token was looked up before; and nothing is said or spent in its user's name.
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let room = server.group(&ada, &[]).await;
    let read = |what: &str| format!("/api/v1/rooms/{room}/{what}");
    for (method, path) in [
        ("GET", read("messages")),
        ("GET", read("events")),
        ("GET", read("members")),
        ("HEAD", read("messages")),
        // What comes to no read.
        ("GET", read("messages?limit=0")),
        ("GET", read("events?after=x")),
        ("GET", read("members?limt=1")),
        ("GET", "/api/v1/rooms/none/messages".to_owned()),
        ("GET", format!("/api/v1/rooms/{}/messages", nothing("room"))),
    ] {
        let other = server.device(ada.id).await;
        server.get(&read("messages"), &other).await.expect(200);
        let device = format!("/api/v1/devices/{}", other.device);
        server.ask("DELETE", &device, &ada).await.expect(200);
        for _ in 0..2 {
            let answer = server.call(method, &path).by(&other).send().await;
            assert_eq!(answer.status, 401, "{method} {path}");
            assert!(!answer.headers.contains_key("ratelimit"), "{method} {path}");
        }
        server.get(&read("messages"), &ada).await.expect(200);
    }
}

#[tokio::test]
async fn the_oldest_device_gives_way() {
    let server = Server::start().await;
    let first = sign_up(&server, "ada").await;
    let user = first["user"]["id"].as_str().unwrap().parse().unwrap();
    let mut second = None;
    for _ in 1..DEVICES_PER_USER_MAX {
        let device = server.device(user).await;
        second.get_or_insert(device);
    }
    let second: Someone = second.unwrap();
    me(&server, first["token"].as_str().unwrap())
        .await
        .expect(200);
    let new = sign_in(&server, "ada", "correct horse").await.expect(201);
    me(&server, first["token"].as_str().unwrap())
        .await
        .refuses(401, "unauthenticated");
    me(&server, &second.token).await.expect(200);
    let devices = server.get("/api/v1/devices", &second).await.expect(200);
    let devices = devices["devices"].as_array().unwrap();
    assert_eq!(devices.len(), DEVICES_PER_USER_MAX);
    assert_eq!(devices[0]["id"], new["device"]["id"]);
    // It is told: to who signs in, and in the user's log.
    assert_eq!(new["signed_out"].as_array().unwrap().len(), 1);
    assert_eq!(new["signed_out"][0]["id"], first["device"]["id"]);
    assert!(first.get("signed_out").is_none());
    let log = server.node.store.log_after(LogId::User(user), Seq(0), 100);
    let bodies: Vec<String> = log
        .await
        .unwrap()
        .iter()
        .filter_map(|event| event.body.as_deref().map(str::to_owned))
        .collect();
    let gone = bodies.iter().filter(|body| body.contains("device_removed"));
    let gone: Vec<_> = gone.collect();
    assert_eq!(gone.len(), 1);
    assert!(gone[0].contains(r#""reason":"too_many""#), "{gone:?}");
}

async fn set_password(server: &Server, token: &str, body: &Value) -> Answer {
    server
        .call("PUT", "/api/v1/me/password")
        .header("authorization", &format!("Bearer {token}"))
        .json(body)
        .send()
        .await
}

#[tokio::test]
async fn a_password_is_changed_and_signs_the_other_devices_out() {
    let server = Server::start().await;
    let ada = sign_up(&server, "ada").await;
    let token = ada["token"].as_str().unwrap();
    let other = sign_in(&server, "ada", "correct horse").await.expect(201);
    let other = other["token"].as_str().unwrap();
    let change = json!({ "old_password": "correct horse", "password": "noisy otter 42" });

    let wrong = json!({ "old_password": "wrong horse", "password": "noisy otter 42" });
    let refused = set_password(&server, token, &wrong).await;
    refused.refuses(403, "wrong_password");
    assert_eq!(refused.json()["errors"][0]["pointer"], "/old_password");
    let weak = json!({ "old_password": "correct horse", "password": "ada12345" });
    set_password(&server, token, &weak)
        .await
        .refuses(400, "weak_password");
    let misspelt =
        json!({ "old_password": "correct horse", "password": "noisy otter 42", "keep": true });
    set_password(&server, token, &misspelt)
        .await
        .refuses(400, "bad_request");
    set_password(&server, "x", &change)
        .await
        .refuses(401, "unauthenticated");
    me(&server, other).await.expect(200);

    // [EV7]
    let event = set_password(&server, token, &change).await.expect(200);
    assert_eq!(event["content"], json!({ "kind": "password_changed" }));
    me(&server, token).await.expect(200);
    me(&server, other).await.refuses(401, "unauthenticated");
    sign_in(&server, "ada", "correct horse")
        .await
        .refuses(401, "wrong_credentials");
    // [RE4] The answer was lost, and the request comes again.
    assert_eq!(
        set_password(&server, token, &change).await.status.as_u16(),
        204
    );
    let keyed = server
        .call("PUT", "/api/v1/me/password")
        .header("authorization", &format!("Bearer {token}"))
        .header("idempotency-key", "t-1")
        .json(&change);
    keyed.send().await.refuses(400, "bad_request");

    let other = sign_in(&server, "ada", "noisy otter 42").await.expect(201);
    let keep = json!({
        "old_password": "noisy otter 42", "password": "quiet otter 43", "keep_devices": true,
    });
    set_password(&server, token, &keep).await.expect(200);
    me(&server, other["token"].as_str().unwrap())
        .await
        .expect(200);
}

#[tokio::test]
async fn an_old_password_is_asked_about_as_often_as_a_person_mistypes() {
    // [LI5] Each request with a wrong one asks about two passwords: the old one, and whether the new one is set already.
    let server = Server::start().await;
    let ada = sign_up(&server, "ada").await;
    let token = ada["token"].as_str().unwrap();
    let wrong = json!({ "old_password": "wrong horse", "password": "noisy otter 42" });
    let mut last = None;
    for _ in 0..=KNOWN_SIGN_INS_PER_MINUTE / 2 {
        last = Some(set_password(&server, token, &wrong).await);
    }
    last.unwrap().refuses(429, "rate_limited");
}

#[tokio::test]
async fn a_password_is_one_text_however_it_is_typed() {
    // [LI2]
    let server = Server::start().await;
    for (name, composed, decomposed) in [
        ("ada", "Straße-Grün", "Straße-Gru\u{308}n"),
        (
            "bob",
            "한글비밀번호예요",
            "\u{1112}\u{1161}\u{11ab}글비밀번호예요",
        ),
        ("eve", "three\u{a0}open doors", "three open doors"),
    ] {
        let body = json!({ "username": name, "password": composed });
        let up = server.call("POST", "/api/v1/users").json(&body).send();
        up.await.expect(201);
        sign_in(&server, name, decomposed).await.expect(201);
        sign_in(&server, name, composed).await.expect(201);
        // Nothing is folded or trimmed.
        let shouted = format!("{composed}X").to_lowercase();
        sign_in(&server, name, &shouted)
            .await
            .refuses(401, "wrong_credentials");
        sign_in(&server, name, &format!("{composed} "))
            .await
            .refuses(401, "wrong_credentials");
    }
}

#[tokio::test]
async fn a_closed_server_takes_its_first_account_only() {
    let settings = Settings {
        sign_up: Some(false),
        ..Settings::default()
    };
    let server = Server::with(settings).await;
    assert_eq!(sign_up(&server, "ada").await["user"]["role"], "owner");
    let body = json!({ "username": "bob", "password": "correct horse" });
    server
        .call("POST", "/api/v1/users")
        .json(&body)
        .send()
        .await
        .refuses(403, "forbidden");
    sign_in(&server, "ada", "correct horse").await.expect(201);
}

#[tokio::test]
async fn people_are_found_by_id_and_by_the_beginning_of_their_name() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let adam = server.user("adam").await;
    let bob = server.user("bob").await;
    let names = |answer: Value| -> Vec<String> {
        let users = answer["users"].as_array().unwrap().iter();
        users
            .map(|user| user["username"].as_str().unwrap().to_owned())
            .collect()
    };
    let path = format!(
        "/api/v1/users?id={}&id={}&id={}",
        ada.id,
        bob.id,
        nothing("user")
    );
    assert_eq!(
        names(server.get(&path, &ada).await.expect(200)),
        ["ada", "bob"]
    );
    assert_eq!(
        names(server.get("/api/v1/users?q=AD", &bob).await.expect(200)),
        ["ada", "adam"]
    );
    assert_eq!(
        names(
            server
                .get("/api/v1/users?q=ad&limit=1", &bob)
                .await
                .expect(200)
        ),
        ["ada"]
    );
    assert_eq!(
        names(server.get("/api/v1/users?q=%25", &adam).await.expect(200)),
        [""; 0]
    );
    server
        .get("/api/v1/users", &ada)
        .await
        .refuses(400, "bad_request");
    server
        .get("/api/v1/users?name=ada", &ada)
        .await
        .refuses(400, "bad_request");
    server
        .call("GET", "/api/v1/users?q=a")
        .send()
        .await
        .refuses(401, "unauthenticated");
    let found = server.get("/api/v1/users?q=ada", &bob).await.text;
    assert!(
        !found.contains("password") && !found.contains("token"),
        "{found}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_made_at_once_on_a_fresh_postgres_are_all_made() {
    // [RM7] Which shard is faster is a race; that nobody hears of it is not.
    for _ in 0..3 {
        let url = TestPostgres::shared().fresh_database();
        let settings = Settings {
            database: Some(url.into()),
            ..Settings::default()
        };
        let server = Server::with(settings).await;
        let create = |name: String| {
            let user = UserId::from_bits(uuid::Uuid::now_v7().as_u128());
            let create = CreateUser {
                only_first: false,
                user,
                username: name.parse().unwrap(),
                display_name: name.parse().unwrap(),
                kind: UserKind::Person,
                password_hash: String::new(),
            };
            server.node.submit(user, None, create)
        };
        let names = (0..8).map(|n| format!("person{n}"));
        for made in join_all(names.map(create)).await {
            assert!(made.is_ok(), "{made:?}");
        }
        let users = server
            .node
            .store
            .search_users("person", None, 20)
            .await
            .unwrap();
        let owners = users.iter().filter(|user| user.role == ServerRole::Owner);
        assert_eq!((users.len(), owners.count()), (8, 1));
        // One name: one has it, and the others hear that it is taken.
        let made = join_all((0..8).map(|_| create("same".to_owned()))).await;
        let codes = made.iter().filter_map(|made| made.as_ref().err());
        let codes: Vec<_> = codes.map(|refusal| refusal.code).collect();
        assert_eq!(codes, [RefusalCode::UsernameTaken; 7]);
    }
}

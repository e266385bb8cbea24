//! Rooms and who is in them.

use serde_json::{Value, json};

use crate::server::{Server, nothing};

fn ids(answer: &Value) -> Vec<&str> {
    answer["rooms"]
        .as_array()
        .expect("as the server answers")
        .iter()
        .map(|room| room["id"].as_str().expect("as the server answers"))
        .collect()
}

#[tokio::test]
async fn rooms_of_every_kind_are_created() {
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    for (body, kind, visibility, name, members, role) in [
        (
            json!({ "kind": "channel", "name": " News ", "visibility": "public" }),
            "channel",
            "public",
            json!("News"),
            1,
            "owner",
        ),
        (
            json!({ "kind": "channel", "name": "Ours" }),
            "channel",
            "private",
            json!("Ours"),
            1,
            "owner",
        ),
        (
            json!({ "kind": "group", "members": [bob.id] }),
            "group",
            "private",
            Value::Null,
            2,
            "owner",
        ),
        (
            json!({ "kind": "direct", "members": [bob.id] }),
            "direct",
            "private",
            Value::Null,
            2,
            "member",
        ),
    ] {
        let answer = server
            .say("POST", "/api/v1/rooms", &ada, &body)
            .await
            .expect(201);
        let room = &answer["room"];
        assert_eq!(
            (&room["kind"], &room["visibility"]),
            (&json!(kind), &json!(visibility))
        );
        assert_eq!(
            (&room["name"], &room["members"], &room["role"]),
            (&name, &json!(members), &json!(role))
        );
        let path = format!("/api/v1/rooms/{}", room["id"].as_str().unwrap());
        assert_eq!(server.get(&path, &ada).await.expect(200), answer);
    }
}

#[tokio::test]
async fn a_room_that_breaks_a_rule_is_refused() {
    // [RM1] [RM2] [RM3] [RE8]
    let server = Server::start().await;
    let (ada, bob, eve) = (
        server.user("ada").await,
        server.user("bob").await,
        server.user("eve").await,
    );
    for (body, status, code) in [
        (json!({ "kind": "channel" }), 400, "bad_request"),
        (
            json!({ "kind": "channel", "name": " " }),
            400,
            "bad_request",
        ),
        (
            json!({ "kind": "group", "visibility": "public" }),
            400,
            "bad_request",
        ),
        (json!({ "kind": "club" }), 400, "bad_request"),
        (json!({ "kind": "direct" }), 400, "bad_request"),
        (
            json!({ "kind": "direct", "members": [ada.id] }),
            400,
            "bad_request",
        ),
        (
            json!({ "kind": "direct", "members": [bob.id, eve.id] }),
            400,
            "bad_request",
        ),
        (
            json!({ "kind": "direct", "members": [bob.id], "name": "us" }),
            400,
            "bad_request",
        ),
        (
            json!({ "kind": "direct", "members": [nothing("user")] }),
            404,
            "not_found",
        ),
        (
            json!({ "kind": "group", "members": [nothing("user")] }),
            404,
            "not_found",
        ),
        (
            json!({ "kind": "group", "members": ["bob"] }),
            400,
            "bad_request",
        ),
        (
            json!({ "kind": "group", "owner": bob.id }),
            400,
            "bad_request",
        ),
        (json!({ "kind": "group", "txn": "" }), 400, "bad_request"),
    ] {
        let answer = server.say("POST", "/api/v1/rooms", &ada, &body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{body}"
        );
    }
    assert_eq!(
        ids(&server.get("/api/v1/rooms", &ada).await.expect(200)),
        [""; 0]
    );
}

#[tokio::test]
async fn a_direct_room_is_one_from_both_sides() {
    // [ID5] [CM6]
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let body = json!({ "kind": "direct", "members": [bob.id] });
    let first = server
        .say("POST", "/api/v1/rooms", &ada, &body)
        .await
        .expect(201);
    assert_eq!(first["room"]["peer"], json!(bob.id));
    let again = server
        .say("POST", "/api/v1/rooms", &ada, &body)
        .await
        .expect(200);
    assert_eq!(again, first);
    let body = json!({ "kind": "direct", "members": [ada.id, bob.id] });
    let other = server
        .say("POST", "/api/v1/rooms", &bob, &body)
        .await
        .expect(200);
    assert_eq!(
        (&other["room"]["id"], &other["room"]["peer"]),
        (&first["room"]["id"], &json!(ada.id))
    );
}

#[tokio::test]
async fn a_repeated_creation_is_one_room() {
    // [CM3] [RE4]
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let body = json!({ "kind": "group", "name": "One", "txn": "t-1" });
    let first = server
        .say("POST", "/api/v1/rooms", &ada, &body)
        .await
        .expect(201);
    assert_eq!(
        server
            .say("POST", "/api/v1/rooms", &ada, &body)
            .await
            .expect(201),
        first
    );
    let bare = json!({ "kind": "group", "name": "One" });
    let keyed = |key: &'static str| {
        server
            .call("POST", "/api/v1/rooms")
            .by(&ada)
            .header("idempotency-key", key)
            .json(&bare)
    };
    assert_eq!(keyed("\"t-1\"").send().await.expect(201), first);
    let second = keyed("t-2").send().await.expect(201);
    assert_ne!(second["room"]["id"], first["room"]["id"]);
    let other = json!({ "kind": "group", "name": "Two", "txn": "t-1" });
    server
        .say("POST", "/api/v1/rooms", &ada, &other)
        .await
        .refuses(409, "txn_reused");
    let both = server
        .call("POST", "/api/v1/rooms")
        .by(&ada)
        .header("idempotency-key", "t-9");
    both.json(&body).send().await.refuses(400, "bad_request");
    // Somebody else's ids are their own; and without one each request is its own.
    let theirs = server
        .say("POST", "/api/v1/rooms", &bob, &body)
        .await
        .expect(201);
    assert_ne!(theirs["room"]["id"], first["room"]["id"]);
    server
        .say("POST", "/api/v1/rooms", &ada, &bare)
        .await
        .expect(201);
    server
        .say("POST", "/api/v1/rooms", &ada, &bare)
        .await
        .expect(201);
    assert_eq!(
        ids(&server.get("/api/v1/rooms", &ada).await.expect(200)).len(),
        4
    );
}

#[tokio::test]
async fn ones_own_rooms_are_one_list_and_public_channels_come_in_pages() {
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let mut public = Vec::new();
    for name in ["one", "two", "three"] {
        public.push(server.channel(&ada, name).await);
    }
    let group = server.group(&ada, &[]).await;
    public.sort();
    let mut all = public.clone();
    all.push(group);
    all.sort();
    assert_eq!(
        ids(&server.get("/api/v1/rooms", &ada).await.expect(200)),
        all
    );
    assert_eq!(
        ids(&server.get("/api/v1/rooms", &bob).await.expect(200)),
        [""; 0]
    );

    let whole = server
        .get("/api/v1/rooms?scope=public", &bob)
        .await
        .expect(200);
    assert_eq!(ids(&whole), public);
    assert!(whole.get("next").is_none());
    assert_eq!(whole["rooms"][0]["role"], Value::Null);
    let exact = server
        .get("/api/v1/rooms?scope=public&limit=3", &bob)
        .await
        .expect(200);
    assert!(exact.get("next").is_none());
    let first = server
        .get("/api/v1/rooms?scope=public&limit=2", &bob)
        .await
        .expect(200);
    assert_eq!(
        (ids(&first), &first["next"]),
        (vec![&*public[0], &*public[1]], &json!(public[1]))
    );
    let path = format!("/api/v1/rooms?scope=public&limit=2&after={}", public[1]);
    let second = server.get(&path, &bob).await.expect(200);
    assert_eq!(ids(&second), [&*public[2]]);
    assert!(second.get("next").is_none());
    for wrong in [
        "scope=all",
        "limit=3",
        "after=x",
        "scope=public&limit=0",
        "scope=public&limit=201",
    ] {
        server
            .get(&format!("/api/v1/rooms?{wrong}"), &bob)
            .await
            .refuses(400, "bad_request");
    }
}

#[tokio::test]
async fn who_may_rename_renames() {
    // [RM1] [RM2] [RM3] [RE7]
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let channel = server.channel(&ada, "old").await;
    let path = format!("/api/v1/rooms/{channel}");
    let event = server
        .say("PATCH", &path, &ada, &json!({ "name": "new" }))
        .await
        .expect(200);
    assert_eq!(
        event["content"],
        json!({ "kind": "room_renamed", "name": "new" })
    );
    assert_eq!(
        server.get(&path, &bob).await.expect(200)["room"]["name"],
        "new"
    );
    let same = server
        .say("PATCH", &path, &ada, &json!({ "name": "new" }))
        .await;
    assert_eq!((same.status.as_u16(), same.text.as_str()), (204, ""));
    server
        .say("PATCH", &path, &bob, &json!({ "name": "mine" }))
        .await
        .refuses(403, "forbidden");
    server
        .ask("PUT", &format!("{path}/members/me"), &bob)
        .await
        .expect(200);
    server
        .say("PATCH", &path, &bob, &json!({ "name": "mine" }))
        .await
        .refuses(403, "forbidden");
    for body in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "x", "visibility": "private" }),
    ] {
        server
            .say("PATCH", &path, &ada, &body)
            .await
            .refuses(400, "bad_request");
    }
    let group = format!("/api/v1/rooms/{}", server.group(&ada, &[&bob]).await);
    server
        .say("PATCH", &group, &bob, &json!({ "name": "ours" }))
        .await
        .expect(200);
    let direct = server
        .room(&ada, json!({ "kind": "direct", "members": [bob.id] }))
        .await;
    let direct = format!("/api/v1/rooms/{direct}");
    server
        .say("PATCH", &direct, &bob, &json!({ "name": "us" }))
        .await
        .refuses(409, "direct_room");
}

#[tokio::test]
async fn members_come_and_go() {
    // [RM2] [RM3] [RM4] [RE7]
    let server = Server::start().await;
    let (ada, bob, eve) = (
        server.user("ada").await,
        server.user("bob").await,
        server.user("eve").await,
    );
    let channel = server.channel(&ada, "all").await;
    let at = |who: &str| format!("/api/v1/rooms/{channel}/members/{who}");

    let joined = server.ask("PUT", &at("me"), &bob).await.expect(200);
    assert_eq!(
        joined["content"],
        json!({ "kind": "member_joined", "user": bob.id, "role": "member" })
    );
    assert_eq!(server.ask("PUT", &at("me"), &bob).await.status, 204);
    assert_eq!(
        server
            .ask("PUT", &at(&bob.id.to_string()), &ada)
            .await
            .status,
        204
    );
    server
        .ask("PUT", &at(&eve.id.to_string()), &bob)
        .await
        .expect(200);
    server
        .ask("PUT", &at(&nothing("user")), &ada)
        .await
        .refuses(404, "not_found");
    server
        .ask("PUT", &at("you"), &ada)
        .await
        .refuses(404, "not_found");
    let sneaky = json!({ "role": "owner" });
    server
        .say("PUT", &at("me"), &bob, &sneaky)
        .await
        .refuses(400, "bad_request");

    server
        .ask("DELETE", &at(&ada.id.to_string()), &bob)
        .await
        .refuses(403, "forbidden");
    server
        .ask("DELETE", &at(&eve.id.to_string()), &bob)
        .await
        .refuses(403, "forbidden");
    let removed = server
        .ask("DELETE", &at(&eve.id.to_string()), &ada)
        .await
        .expect(200);
    assert_eq!(
        removed["content"],
        json!({ "kind": "member_left", "user": eve.id })
    );
    assert_eq!(
        server
            .ask("DELETE", &at(&eve.id.to_string()), &ada)
            .await
            .status,
        204
    );
    server
        .ask("DELETE", &at("me"), &ada)
        .await
        .refuses(409, "last_owner");
    server.ask("DELETE", &at("me"), &bob).await.expect(200);
    assert_eq!(server.ask("DELETE", &at("me"), &bob).await.status, 204);
    server.ask("DELETE", &at("me"), &ada).await.expect(200);

    let direct = server
        .room(&ada, json!({ "kind": "direct", "members": [bob.id] }))
        .await;
    let path = format!("/api/v1/rooms/{direct}/members");
    server
        .ask("DELETE", &format!("{path}/me"), &bob)
        .await
        .refuses(409, "direct_room");
    server
        .ask("PUT", &format!("{path}/{}", eve.id), &bob)
        .await
        .refuses(409, "direct_room");
}

#[tokio::test]
async fn roles_are_given_by_owners() {
    // [RM4] [RM9] [RE7]
    let server = Server::start().await;
    let (ada, bob, eve) = (
        server.user("ada").await,
        server.user("bob").await,
        server.user("eve").await,
    );
    let room = server.group(&ada, &[&bob, &eve]).await;
    let at = |who: &str| format!("/api/v1/rooms/{room}/members/{who}");
    let role = |role: &str| json!({ "role": role });
    let given = server
        .say("PATCH", &at(&bob.id.to_string()), &ada, &role("admin"))
        .await
        .expect(200);
    assert_eq!(
        given["content"],
        json!({ "kind": "role_changed", "user": bob.id, "role": "admin" })
    );
    let again = server
        .say("PATCH", &at(&bob.id.to_string()), &ada, &role("admin"))
        .await;
    assert_eq!(again.status, 204);
    for (who, by, to, status, code) in [
        (eve.id.to_string(), &bob, role("admin"), 403, "forbidden"),
        (eve.id.to_string(), &eve, role("owner"), 403, "forbidden"),
        (nothing("user"), &ada, role("admin"), 404, "not_found"),
        ("me".to_owned(), &ada, role("member"), 409, "last_owner"),
        (bob.id.to_string(), &ada, role("king"), 400, "bad_request"),
        (bob.id.to_string(), &ada, json!({}), 400, "bad_request"),
    ] {
        server
            .say("PATCH", &at(&who), by, &to)
            .await
            .refuses(status, code);
    }
    // The list and the summary show it; the admin may do what admins do.
    let members = server
        .ask("GET", &format!("/api/v1/rooms/{room}/members"), &eve)
        .await
        .expect(200);
    let of = |id: String| {
        let mut found = members["members"].as_array().unwrap().iter();
        found.find(|m| m["user"]["id"] == id.as_str()).unwrap()["role"].clone()
    };
    assert_eq!(of(bob.id.to_string()), "admin");
    assert_eq!(of(eve.id.to_string()), "member");
    let summary = server
        .ask("GET", &format!("/api/v1/rooms/{room}"), &bob)
        .await
        .expect(200);
    assert_eq!(summary["room"]["role"], "admin");
    server
        .ask("DELETE", &at(&eve.id.to_string()), &bob)
        .await
        .expect(200);
    // Handed over, the first owner may go.
    server
        .say("PATCH", &at(&bob.id.to_string()), &ada, &role("owner"))
        .await
        .expect(200);
    server.ask("DELETE", &at("me"), &ada).await.expect(200);
}

#[tokio::test]
async fn an_ownerless_channel_goes_to_who_joins_it() {
    // [RM10]
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let channel = server.channel(&ada, "all").await;
    let me = format!("/api/v1/rooms/{channel}/members/me");
    server.ask("DELETE", &me, &ada).await.expect(200);
    let joined = server.ask("PUT", &me, &bob).await.expect(200);
    assert_eq!(joined["content"]["role"], "owner");
    let joined = server.ask("PUT", &me, &ada).await.expect(200);
    assert_eq!(joined["content"]["role"], "member");
}

#[tokio::test]
async fn members_are_listed_in_pages() {
    let server = Server::start().await;
    let (ada, bob, eve) = (
        server.user("ada").await,
        server.user("bob").await,
        server.user("eve").await,
    );
    let group = server.group(&ada, &[&bob, &eve]).await;
    let mut expected = [ada.id, bob.id, eve.id];
    expected.sort();
    let listed = |answer: Value| -> Vec<Value> {
        answer["members"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["user"]["id"].clone())
            .collect()
    };
    let path = format!("/api/v1/rooms/{group}/members");
    let all = server.get(&path, &bob).await.expect(200);
    assert!(all.get("next").is_none());
    let owner = all["members"]
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["role"] == "owner")
        .unwrap();
    assert_eq!(owner["user"]["username"], "ada");
    assert_eq!(listed(all), expected.map(|id| json!(id)));
    let first = server
        .get(&format!("{path}?limit=2"), &bob)
        .await
        .expect(200);
    assert_eq!(first["next"], json!(expected[1]));
    let rest = server
        .get(&format!("{path}?limit=2&after={}", expected[1]), &bob)
        .await
        .expect(200);
    assert!(rest.get("next").is_none());
    assert_eq!(listed(rest), [json!(expected[2])]);
}

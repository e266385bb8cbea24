//! What is said: sending, history, editing, reacting, reading.

use serde_json::{Value, json};
use tidings_protocol::limits::{BODY_BYTES_MAX, MESSAGE_TEXT_BYTES_MAX, PAGE_DEFAULT};

use crate::server::{Server, nothing};

#[tokio::test]
async fn a_message_is_answered_by_its_event() {
    // [RE4] [CM3] [EV1] [ID2]
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let room = server.group(&ada, &[]).await;
    let path = format!("/api/v1/rooms/{room}/messages");
    let body = json!({ "txn": "t-1", "text": "hello" });
    let event = server.say("POST", &path, &ada, &body).await.expect(201);
    assert_eq!(
        event["content"],
        json!({ "kind": "message", "text": "hello" })
    );
    assert_eq!(
        (&event["log"], &event["seq"], &event["count"]),
        (&json!(room), &json!(3), &json!(1))
    );
    assert_eq!(
        (&event["actor"], &event["txn"]),
        (&json!(ada.id), &json!("t-1"))
    );

    assert_eq!(
        server.say("POST", &path, &ada, &body).await.expect(201),
        event
    );
    let content = json!({ "txn": "t-1", "content": { "kind": "text", "text": "hello" } });
    assert_eq!(
        server.say("POST", &path, &ada, &content).await.expect(201),
        event
    );
    let keyed = server
        .call("POST", &path)
        .by(&ada)
        .header("idempotency-key", "t-1");
    assert_eq!(
        keyed
            .json(&json!({ "text": "hello" }))
            .send()
            .await
            .expect(201),
        event
    );
    let other = json!({ "txn": "t-1", "text": "something else" });
    server
        .say("POST", &path, &ada, &other)
        .await
        .refuses(409, "txn_reused");
    let page = server.get(&path, &ada).await.expect(200);
    assert_eq!(page["messages"].as_array().unwrap().len(), 1);
    assert_eq!(page["messages"][0]["id"], event["id"]);

    let without = json!({ "text": "hello" });
    server.say("POST", &path, &ada, &without).await.expect(201);
    let last = server.say("POST", &path, &ada, &without).await.expect(201);
    assert_eq!(last["count"], 3);
}

#[tokio::test]
async fn a_message_that_breaks_a_rule_is_refused() {
    // [LI2] [RE8]
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let room = server.group(&ada, &[]).await;
    let path = format!("/api/v1/rooms/{room}/messages");
    for body in [
        json!({}),
        json!({ "text": "" }),
        json!({ "text": " \n" }),
        json!({ "text": "\u{3164}" }),
        json!({ "text": "a\u{0}b" }),
        json!({ "text": 7 }),
        json!({ "text": "a", "content": { "kind": "text", "text": "a" } }),
        json!({ "content": { "kind": "dance", "text": "a" } }),
        json!({ "content": { "kind": "text" } }),
        json!({ "content": { "kind": "text", "text": "a", "actor": ada.id } }),
        json!({ "text": "a", "txn": "two words" }),
        json!({ "text": "a", "seq": 1 }),
        json!({ "text": "a", "actor": nothing("user") }),
        json!({ "text": "a", "at": "2020-01-01T00:00:00.000Z" }),
        json!(["t-1", "a", null]),
    ] {
        server
            .say("POST", &path, &ada, &body)
            .await
            .refuses(400, "bad_request");
    }
    for large in [MESSAGE_TEXT_BYTES_MAX + 1, BODY_BYTES_MAX] {
        let large = json!({ "text": "x".repeat(large) });
        server
            .say("POST", &path, &ada, &large)
            .await
            .refuses(413, "too_large");
    }
    let key = server
        .call("POST", &path)
        .by(&ada)
        .header("idempotency-key", "two words");
    key.json(&json!({ "text": "a" }))
        .send()
        .await
        .refuses(400, "bad_request");
    let page = server.get(&path, &ada).await.expect(200);
    assert_eq!(page["messages"], json!([]));
    let largest = json!({ "text": format!("a{}", "\u{1}".repeat(MESSAGE_TEXT_BYTES_MAX - 1)) });
    server.say("POST", &path, &ada, &largest).await.expect(201);
}

#[tokio::test]
async fn history_comes_in_pages() {
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let room = server.group(&ada, &[&bob]).await;
    let first = server.message(&ada, &room, "1").await["seq"]
        .as_u64()
        .unwrap();
    for text in ["2", "3", "4", "5"] {
        server.message(&ada, &room, text).await;
    }
    let path = format!("/api/v1/rooms/{room}/messages");
    for (query, texts, before, after) in [
        (String::new(), "12345", false, false),
        ("?limit=2".to_owned(), "45", true, false),
        (format!("?before={}&limit=2", first + 3), "23", true, true),
        (format!("?before={}&limit=9", first + 1), "1", false, true),
        (format!("?before={first}"), "", false, true),
        (format!("?after={}&limit=2", first + 1), "34", true, true),
        (format!("?after={}", first + 4), "", true, false),
        ("?after=0&limit=5".to_owned(), "12345", false, false),
        (format!("?around={}&limit=3", first + 2), "234", true, true),
        (format!("?around={}", first + 2), "12345", false, false),
        ("?after=9007199254740991".to_owned(), "", true, false),
    ] {
        let page = server
            .get(&format!("{path}{query}"), &bob)
            .await
            .expect(200);
        let found: String = page["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["text"].as_str().unwrap())
            .collect();
        assert_eq!(
            (found.as_str(), &page["more_before"], &page["more_after"]),
            (texts, &json!(before), &json!(after)),
            "{query}"
        );
        assert_eq!(page["head"], json!(first + 4));
    }
    for wrong in [
        "limit=0",
        "limit=201",
        "limit=x",
        "before=-1",
        "before=1&after=1",
        "after=9007199254740992",
        "since=1",
        "before=1&before=2",
    ] {
        server
            .get(&format!("{path}?{wrong}"), &bob)
            .await
            .refuses(400, "bad_request");
    }
}

#[tokio::test]
async fn a_page_has_its_default_size() {
    let server = Server::start().await;
    let ada = server.user("ada").await;
    let room = server.group(&ada, &[]).await;
    for number in 0..=PAGE_DEFAULT {
        server.message(&ada, &room, &number.to_string()).await;
    }
    let page = server
        .get(&format!("/api/v1/rooms/{room}/messages"), &ada)
        .await
        .expect(200);
    assert_eq!(
        page["messages"].as_array().unwrap().len(),
        PAGE_DEFAULT as usize
    );
    assert_eq!(
        (&page["messages"][0]["text"], &page["more_before"]),
        (&json!("1"), &json!(true))
    );
}

#[tokio::test]
async fn authors_edit_and_delete_and_the_text_is_gone() {
    // [RM6] [EV2] [EV8] [RE7]
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let room = server.group(&ada, &[&bob]).await;
    let sent = server.message(&bob, &room, "canary-one").await;
    let path = format!(
        "/api/v1/rooms/{room}/messages/{}",
        sent["id"].as_str().unwrap()
    );

    let edited = server
        .say(
            "PATCH",
            &path,
            &bob,
            &json!({ "txn": "e-1", "text": "canary-two" }),
        )
        .await
        .expect(200);
    assert_eq!(
        edited["content"],
        json!({
            "kind": "message_edited", "message": sent["id"], "target": sent["seq"], "text": "canary-two",
        })
    );
    let again = server
        .say(
            "PATCH",
            &path,
            &bob,
            &json!({ "txn": "e-1", "text": "canary-two" }),
        )
        .await;
    assert_eq!(again.expect(200), edited);
    assert_eq!(
        server
            .say("PATCH", &path, &bob, &json!({ "text": "canary-two" }))
            .await
            .status,
        204
    );
    server
        .say("PATCH", &path, &ada, &json!({ "text": "mine" }))
        .await
        .refuses(403, "forbidden");
    server
        .say("PATCH", &path, &bob, &json!({ "text": "" }))
        .await
        .refuses(400, "bad_request");
    server
        .say(
            "PATCH",
            &path,
            &bob,
            &json!({ "text": "a", "deleted": null }),
        )
        .await
        .refuses(400, "bad_request");

    // The owner of a group deletes what a member wrote.
    let deleted = server.ask("DELETE", &path, &ada).await.expect(200);
    assert_eq!(deleted["content"]["kind"], "message_deleted");
    assert_eq!(server.ask("DELETE", &path, &ada).await.status, 204);
    server
        .say("PATCH", &path, &bob, &json!({ "text": "back" }))
        .await
        .refuses(409, "message_deleted");
    let page = server
        .get(&format!("/api/v1/rooms/{room}/messages"), &bob)
        .await;
    assert_eq!(page.expect(200)["messages"][0]["text"], Value::Null);
    let log = server
        .get(&format!("/api/v1/rooms/{room}/events"), &bob)
        .await;
    assert_eq!(log.expect(200)["events"][3]["content"], Value::Null);
    assert!(
        !page.text.contains("canary") && !log.text.contains("canary"),
        "{}",
        log.text
    );

    let own = server.message(&ada, &room, "ada's").await;
    let own = format!(
        "/api/v1/rooms/{room}/messages/{}",
        own["id"].as_str().unwrap()
    );
    server
        .ask("DELETE", &own, &bob)
        .await
        .refuses(403, "forbidden");
    server
        .say("DELETE", &own, &ada, &json!({ "all": true }))
        .await
        .refuses(400, "bad_request");
    server.ask("DELETE", &own, &ada).await.expect(200);
}

#[tokio::test]
async fn reactions_are_given_once_and_taken_back() {
    // [RE7]
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let room = server.group(&ada, &[&bob]).await;
    let sent = server.message(&ada, &room, "hello").await;
    let path = format!(
        "/api/v1/rooms/{room}/messages/{}/reactions",
        sent["id"].as_str().unwrap()
    );
    let heart = format!("{path}/%E2%9D%A4%EF%B8%8F");
    let added = server.ask("PUT", &heart, &bob).await.expect(200);
    assert_eq!(
        (&added["content"]["kind"], &added["content"]["emoji"]),
        (&json!("reaction_added"), &json!("❤️"))
    );
    assert_eq!(server.ask("PUT", &heart, &bob).await.status, 204);
    server.ask("PUT", &heart, &ada).await.expect(200);
    let page = server
        .get(&format!("/api/v1/rooms/{room}/messages"), &bob)
        .await
        .expect(200);
    let mut both = [ada.id, bob.id];
    both.sort();
    assert_eq!(
        page["messages"][0]["reactions"],
        json!([{ "emoji": "❤️", "users": both }])
    );
    server.ask("DELETE", &heart, &bob).await.expect(200);
    assert_eq!(server.ask("DELETE", &heart, &bob).await.status, 204);
    // [LI2] One emoji, however it is written: with the selector of colour and without.
    for (by, thumb) in [(&ada, "%F0%9F%91%8D"), (&bob, "%F0%9F%91%8D%EF%B8%8F")] {
        let thumb = format!("{path}/{thumb}");
        server.ask("PUT", &thumb, by).await.expect(200);
    }
    let page = server
        .get(&format!("/api/v1/rooms/{room}/messages"), &bob)
        .await
        .expect(200);
    let reactions = page["messages"][0]["reactions"].as_array().unwrap();
    assert!(
        reactions.contains(&json!({ "emoji": "👍", "users": both })),
        "{page}"
    );
    for wrong in ["a", "%3Cb%3E", "%F0%9F%91%8Dx"] {
        server
            .ask("PUT", &format!("{path}/{wrong}"), &bob)
            .await
            .refuses(400, "bad_request");
    }
    server
        .ask("PUT", &format!("{path}/%FF"), &bob)
        .await
        .refuses(404, "not_found");
    server
        .say("PUT", &heart, &bob, &json!({ "user": ada.id }))
        .await
        .refuses(400, "bad_request");
}

#[tokio::test]
async fn a_marker_moves_forward_only() {
    // [P8] [FO4] [RE7]
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let room = server.group(&ada, &[&bob]).await;
    let seq = server.message(&ada, &room, "1").await["seq"]
        .as_u64()
        .unwrap();
    server.message(&ada, &room, "2").await;
    let path = format!("/api/v1/rooms/{room}/marker");
    let to = |seq: u64| json!({ "seq": seq });
    let marker = server
        .say("PUT", &path, &bob, &to(seq + 1))
        .await
        .expect(200);
    assert_eq!(marker, json!({ "marker": { "seq": seq + 1, "count": 2 } }));
    assert_eq!(server.say("PUT", &path, &bob, &to(seq)).await.status, 204);
    server
        .say("PUT", &path, &bob, &to(seq + 2))
        .await
        .refuses(400, "bad_request");
    for body in [
        json!({}),
        json!({ "seq": -1 }),
        json!({ "seq": 1.5 }),
        json!({ "seq": u64::MAX }),
        json!({ "seq": 1, "count": 9 }),
    ] {
        server
            .say("PUT", &path, &bob, &body)
            .await
            .refuses(400, "bad_request");
    }
    let summary = server
        .get(&format!("/api/v1/rooms/{room}"), &bob)
        .await
        .expect(200);
    assert_eq!(
        summary["room"]["marker"],
        json!({ "seq": seq + 1, "count": 2 })
    );
}

#[tokio::test]
async fn what_is_deleted_before_it_is_read_is_not_unread() {
    // [P8] [FO3]
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let room = server.group(&ada, &[&bob]).await;
    let mut said = Vec::new();
    for text in ["1", "2", "3"] {
        said.push(server.message(&ada, &room, text).await);
    }
    let seq = |index: usize| said[index]["seq"].as_u64().unwrap();
    for index in [2, 1] {
        let id = said[index]["id"].as_str().unwrap();
        let path = format!("/api/v1/rooms/{room}/messages/{id}");
        server.call("DELETE", &path).by(&ada).send().await;
    }
    let room_of = async |user| {
        let path = format!("/api/v1/rooms/{room}");
        server.get(&path, user).await.expect(200)["room"].clone()
    };
    let summary = room_of(&bob).await;
    assert_eq!(
        (&summary["count"], &summary["gone"]),
        (&json!(3), &json!([seq(1), seq(2)]))
    );
    let unread = async || {
        let summary = serde_json::from_value(room_of(&bob).await);
        let summary: tidings_protocol::RoomSummary = summary.unwrap();
        summary.unread()
    };
    assert_eq!(unread().await, 1, "the one that is there to read");
    // A marker between: what stands before it was counted by both.
    let path = format!("/api/v1/rooms/{room}/marker");
    server
        .say("PUT", &path, &bob, &json!({ "seq": seq(1) }))
        .await
        .expect(200);
    assert_eq!(unread().await, 0);
    assert_eq!(room_of(&bob).await["gone"], json!([seq(2)]));
    // Ada wrote all of them, so nothing is unread for her.
    assert_eq!(room_of(&ada).await.get("gone"), None);
    server.message(&ada, &room, "4").await;
    assert_eq!(unread().await, 1);
}

#[tokio::test]
async fn the_log_is_read_in_order_and_shows_a_txn_to_its_own_author_alone() {
    // [EV4] [P2]
    let server = Server::start().await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let room = server.group(&ada, &[&bob]).await;
    let path = format!("/api/v1/rooms/{room}/messages");
    server
        .say(
            "POST",
            &path,
            &ada,
            &json!({ "txn": "adas-own", "text": "hello" }),
        )
        .await
        .expect(201);
    let log = format!("/api/v1/rooms/{room}/events");
    let own = server.get(&log, &ada).await.expect(200);
    let seqs: Vec<_> = own["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["seq"].as_u64().unwrap())
        .collect();
    assert_eq!((seqs, &own["head"]), (vec![1, 2, 3, 4], &json!(4)));
    assert_eq!(own["events"][3]["txn"], "adas-own");
    let theirs = server.get(&log, &bob).await;
    assert!(!theirs.text.contains("adas-own"));
    let history = server.get(&path, &bob).await;
    assert!(!history.text.contains("adas-own"));
    let page = server
        .get(&format!("{log}?after=1&limit=2"), &bob)
        .await
        .expect(200);
    assert_eq!(
        (
            &page["events"][0]["seq"],
            page["events"].as_array().unwrap().len()
        ),
        (&json!(2), 2)
    );
    let end = server
        .get(&format!("{log}?after=4"), &bob)
        .await
        .expect(200);
    assert_eq!(end, json!({ "events": [], "head": 4 }));
    for wrong in ["after=x", "limit=0", "before=3"] {
        server
            .get(&format!("{log}?{wrong}"), &bob)
            .await
            .refuses(400, "bad_request");
    }
}

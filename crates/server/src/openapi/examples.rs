//! One example for each body of the API: what the interactive page fills in, and what the tests send.
//!
//! Owns: the examples, by the name of their schema. Never: names a room or user in what is asked: nobody has those.

use serde_json::{Value, json};

use super::shape::operations;

const ADA: &str = "user_01jd3v9k2mf8erx3z5q7w9t1ya";
const BEN: &str = "user_01jd3v9m7ze2pbk4c6d8f0g2hb";
const ROOM: &str = "room_01jd3va0q4f6s8t0v2w4x6y8zc";
const MESSAGE: &str = "evt_01jd3vb5n1e3r5t7y9k1m3p5qd";
const AT: &str = "2026-11-20T21:00:00.000Z";
const CURSOR: &str = "AQGsBg";
/// The name of the schema of a refusal.
const PROBLEM: &str = "Problem";

/// Gives every body of a document its example.
pub(super) fn give(document: &mut Value) {
    for operation in operations(document) {
        operation.get_mut("requestBody").map(content_of);
        let answers = operation
            .get_mut("responses")
            .and_then(Value::as_object_mut);
        let answers = answers.into_iter().flatten();
        answers.for_each(|(_, answer)| content_of(answer));
    }
}

fn content_of(holder: &mut Value) {
    let Some(content) = holder.get_mut("content").and_then(Value::as_object_mut) else {
        return;
    };
    for (kind, body) in content {
        let name = body["schema"]["$ref"].as_str().unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or_default();
        let example = match kind.as_str() {
            "text/event-stream" => Some(stream()),
            "application/openmetrics-text" => Some(json!("# EOF\n")),
            kind if kind.starts_with("text/plain") => Some(json!("ok\n")),
            _ => of(name),
        };
        if let Some(example) = example {
            body["example"] = example;
        }
    }
}

fn stream() -> Value {
    let message = with(event(), json!({ "type": "event" }));
    format!("id: {CURSOR}\ndata: {message}\n\n").into()
}

/// The example of a schema that stands for a whole body.
fn of(name: &str) -> Option<Value> {
    Some(match name {
        "SignUp" => {
            json!({ "username": "ada", "password": "correct horse battery", "display_name": "Ada",
            "device_name": "Firefox on Linux" })
        }
        "About" => {
            json!({ "name": "tidings", "version": "0.1.0", "api": ["v1"],
            "subprotocols": ["tidings.v1.json", "tidings.v1.msgpack"], "sign_up": true,
            "limits": { "message_text_bytes_max": 16384 } })
        }
        "SetPassword" => {
            json!({ "old_password": "correct horse battery", "password": "staple by the harbour" })
        }
        "SignIn" => json!({ "username": "ada", "password": "correct horse battery",
            "device_name": "Firefox on Linux" }),
        "CreateRoom" => json!({ "kind": "channel", "name": "harbour", "visibility": "public" }),
        "RenameRoom" => json!({ "name": "lighthouse" }),
        "SetRole" => json!({ "role": "admin" }),
        "SendMessage" => json!({ "text": "hello" }),
        "EditMessage" => json!({ "text": "hello again" }),
        "MoveMarker" => json!({ "seq": 1 }),
        "SignedIn" => {
            json!({ "user": user(), "device": device(), "token": "shown-once-keep-it-as-a-password" })
        }
        "Me" => json!({ "user": user(), "device": device() }),
        "Devices" => json!({ "devices": [device()] }),
        "Users" => json!({ "users": [user()] }),
        "RoomAnswer" => json!({ "room": room() }),
        "Rooms" => json!({ "rooms": [room()] }),
        "Members" => json!({ "members": [{ "user": user(), "role": "owner" }], "next": ADA }),
        "Event" => event(),
        "Events" => json!({ "events": [event()], "head": 42 }),
        "Messages" => {
            json!({ "messages": [message()], "head": 42, "more_before": true, "more_after": false })
        }
        "MarkerAnswer" => json!({ "marker": { "seq": 42, "count": 40 } }),
        "Poll" => {
            json!({ "frames": [with(event(), json!({ "type": "event" }))], "cursor": CURSOR })
        }
        PROBLEM => {
            json!({ "type": "urn:tidings:refusal:not_found", "title": "There is no such thing, or it is not yours to see.",
            "status": 404, "code": "not_found", "detail": "There is no such room, or you are not in it.",
            "request_id": "0192f0c1d2e3" })
        }
        _ => return None,
    })
}

fn user() -> Value {
    json!({ "id": ADA, "username": "ada", "display_name": "Ada", "kind": "person", "role": "owner", "created_at": AT })
}

fn device() -> Value {
    json!({ "id": "device_01jd3v9k3ra0s2d4f6g8h0j2ke", "name": "Firefox on Linux", "created_at": AT, "current": true })
}

fn room() -> Value {
    json!({ "id": ROOM, "kind": "channel", "visibility": "public", "name": "harbour", "created_at": AT, "head": 42,
        "count": 40, "members": 2, "role": "owner", "marker": { "seq": 41, "count": 39 },
        "last": { "id": MESSAGE, "seq": 42, "at": AT, "actor": BEN, "text": "hello" } })
}

fn event() -> Value {
    json!({ "shard": 0, "position": 812, "log": ROOM, "seq": 42, "id": MESSAGE, "at": AT, "actor": BEN, "count": 40,
        "content": { "kind": "message", "text": "hello" } })
}

fn message() -> Value {
    json!({ "id": MESSAGE, "room": ROOM, "seq": 42, "at": AT, "actor": BEN, "count": 40, "text": "hello",
        "reactions": [{ "emoji": "👍", "users": [ADA] }] })
}

fn with(mut value: Value, more: Value) -> Value {
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    value
}

//! Every answer of every test that asks the router is what the OpenAPI document says of it.
//!
//! Owns: judging an answer by the document; sending the document's own examples.
//! Never: judges what is said in an answer; the other tests do.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::server::{Answer, Server, Someone};

static DOCUMENT: LazyLock<Value> = LazyLock::new(tidings_server::http::docs::openapi);
/// What judges a schema, by the schema's own text.
static JUDGES: LazyLock<Mutex<HashMap<String, &'static Validator>>> = LazyLock::new(Mutex::default);

/// Fails when an answer is not as the document says.
pub(crate) fn judge(method: &str, address: &str, answer: &Answer) {
    let path = address.split('?').next().unwrap();
    let operation = operation(path, &method.to_ascii_lowercase());
    let Some(operation) = operation else { return };
    let what = format!("{method} {path}: {} {}", answer.status, answer.text);
    let answers = &operation["responses"];
    let documented = match &answers[answer.status.as_str()] {
        Value::Null if answer.status.is_success() => panic!("not documented: {what}"),
        Value::Null => &answers["default"],
        documented => documented,
    };
    let kind = answer.headers.get("content-type");
    let kind = kind.map_or("", |kind| kind.to_str().unwrap());
    if answer.text.is_empty() {
        assert!(documented.get("content").is_none(), "no body: {what}");
        return;
    }
    let kind = kind.split(';').next().unwrap();
    let body = &documented["content"][kind];
    assert!(body.is_object(), "{kind:?} is not documented: {what}");
    if kind.ends_with("json") {
        fits(&body["schema"], &answer.json(), &what);
    }
}

/// Fails when a value is not of the named schema.
#[track_caller]
pub(crate) fn judge_as(name: &str, value: &Value) {
    let schema = json!({ "$ref": format!("#/components/schemas/{name}") });
    fits(&schema, value, name);
}

/// The documented operation behind an address.
fn operation(path: &str, method: &str) -> Option<&'static Value> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    // An address without a parameter goes before one with.
    let exact = paths.get(path).filter(|item| item.get(method).is_some());
    let item = exact.or_else(|| {
        let mut found = paths.iter().filter(|(template, _)| is_of(path, template));
        found.find_map(|(_, item)| item.get(method).map(|_| item))
    });
    item?.get(method)
}

fn is_of(path: &str, template: &str) -> bool {
    let (mut path, mut template) = (path.split('/'), template.split('/'));
    loop {
        match (path.next(), template.next()) {
            (None, None) => return true,
            (Some(segment), Some(name)) if name.starts_with('{') || segment == name => {}
            _ => return false,
        }
    }
}

/// Fails when a value is not of a schema of the document.
#[track_caller]
fn fits(schema: &Value, value: &Value, what: &str) {
    let mut judges = JUDGES.lock().unwrap_or_else(|broken| broken.into_inner());
    let judge = *judges.entry(schema.to_string()).or_insert_with(|| {
        let mut whole = schema.clone();
        whole["components"] = DOCUMENT["components"].clone();
        Box::leak(Box::new(jsonschema::draft202012::new(&whole).unwrap()))
    });
    drop(judges);
    let wrong: Vec<String> = judge
        .iter_errors(value)
        .map(|error| error.to_string())
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}: {what}");
}

/// An address of the document with what there is in a world.
fn fill(path: &str, world: &[(&str, &str)]) -> String {
    let mut path = path.to_owned();
    for (name, value) in world {
        path = path.replace(&format!("{{{name}}}"), value);
    }
    assert!(!path.contains('{'), "{path}");
    path
}

#[test]
fn every_example_is_of_its_schema() {
    let mut count = 0;
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let answers = operation["responses"].as_object().unwrap().values();
            for holder in answers.chain([&operation["requestBody"]]) {
                for (kind, body) in holder["content"].as_object().into_iter().flatten() {
                    fits(
                        &body["schema"],
                        &body["example"],
                        &format!("{method} {path} {kind}"),
                    );
                    count += 1;
                }
            }
        }
    }
    assert!(count > 60, "{count}");
}

#[tokio::test]
async fn every_operation_takes_its_example() {
    let mut sent = 0;
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let example = &operation["requestBody"]["content"]["application/json"]["example"];
            if path == "/api/v1/events" {
                // Its answer needs a core; `stream` hears it, and judges one below.
                continue;
            }
            // A world for each: none is in another's way.
            let server = Server::start().await;
            let (owner, ben) = (server.user("olga").await, server.user("ben").await);
            let room = server.group(&owner, &[&ben]).await;
            let message = server.message(&owner, &room, "a message").await;
            let id = message["id"].as_str().unwrap();
            let (user, device) = (ben.id.to_string(), owner.device.to_string());
            let path = fill(
                path,
                &[
                    ("room", &room),
                    ("message", id),
                    ("user", &user),
                    ("device", &device),
                    ("emoji", "%F0%9F%91%8D"),
                ],
            );
            if path == "/api/v1/devices" && method == "post" {
                sign_up(&server).await;
            }
            let query = if path == "/api/v1/users" { "?q=be" } else { "" };
            let call = server
                .call(&method.to_uppercase(), &format!("{path}{query}"))
                .by(&owner);
            let call = match example {
                Value::Null => call,
                example => call.json(example),
            };
            let answer = call.send().await;
            let from_here = path == "/metrics";
            // Nobody here has the password of the example: it is read, and compared.
            let compared = path.ends_with("/me/password") && answer.text.contains("wrong_password");
            assert!(
                answer.status.is_success() || from_here || compared,
                "{method} {path}: {}",
                answer.text
            );
            sent += 1;
        }
    }
    assert!(sent > 20, "{sent}");
}

/// The account of the examples.
async fn sign_up(server: &Server) -> Someone {
    let body = &DOCUMENT["paths"]["/api/v1/users"]["post"]["requestBody"];
    let example = &body["content"]["application/json"]["example"];
    let answer = server
        .call("POST", "/api/v1/users")
        .json(example)
        .send()
        .await;
    let account = answer.expect(201);
    Someone {
        id: account["user"]["id"].as_str().unwrap().parse().unwrap(),
        device: account["device"]["id"].as_str().unwrap().parse().unwrap(),
        token: account["token"].as_str().unwrap().to_owned(),
    }
}

#[test]
fn what_is_not_of_its_schema_is_found() {
    let schema = json!({ "$ref": "#/components/schemas/Event" });
    let answer = &DOCUMENT["paths"]["/api/v1/rooms/{room}/messages"]["post"]["responses"]["201"];
    let right = &answer["content"]["application/json"]["example"];
    fits(&schema, right, "the example");
    for (field, wrong) in [
        ("seq", json!(9_007_199_254_740_992_u64)),
        ("seq", json!(-1)),
        ("log", json!("room_1")),
        ("content", json!({ "kind": "message" })),
        (
            "content",
            json!({ "kind": "no_such_kind", "text": "hello" }),
        ),
    ] {
        let mut spoiled = right.clone();
        spoiled[field] = wrong;
        let judged = std::panic::catch_unwind(|| fits(&schema, &spoiled, "spoiled"));
        assert!(judged.is_err(), "{spoiled}");
    }
}

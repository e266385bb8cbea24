//! The document is whole: it leads nowhere wrong, and leaves makers of clients nothing to guess.
//!
//! Owns: what holds for every schema and operation. Never: asks a server; `tests/it` does.

use std::collections::BTreeSet;

use serde_json::Value;

use tidings_protocol::limits::PAGE_MAX;

use super::{openapi, shape};

#[test]
fn every_reference_leads_somewhere() {
    let document = openapi();
    let mut found = Vec::new();
    shape::references(&document, &mut found);
    assert!(found.len() > 100, "{}", found.len());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn what_is_not_there_is_left_out() {
    // Neither standard knows a member that is null: readers that check refuse the whole document.
    for document in [openapi(), crate::asyncapi::asyncapi()] {
        let mut nulls = Vec::new();
        find_nulls(&document, "", &mut nulls);
        assert!(nulls.is_empty(), "{nulls:#?}");
    }
}

fn find_nulls(value: &Value, at: &str, out: &mut Vec<String>) {
    match value {
        Value::Null => out.push(at.to_owned()),
        Value::Object(members) => members
            .iter()
            // What a server answers may hold null.
            .filter(|(name, _)| !["example", "examples"].contains(&name.as_str()))
            .for_each(|(name, inner)| find_nulls(inner, &format!("{at}/{name}"), out)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(n, inner)| find_nulls(inner, &format!("{at}/{n}"), out)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_operation_says_how_it_refuses_and_who_may() {
    let document = openapi();
    assert_eq!(document["openapi"], "3.1.0");
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let refusal = &operation["responses"]["default"]["content"]["application/problem+json"];
            assert_eq!(
                refusal["schema"]["$ref"], "#/components/schemas/Problem",
                "{method} {path}"
            );
            assert!(operation["summary"].is_string(), "{method} {path}");
            let open = path.starts_with("/api/") == operation["security"].is_null();
            let signing =
                method == "post" && (path.ends_with("/users") || path.ends_with("/devices"));
            assert!(
                open || signing || path == "/api/v1/events" || path == "/api/v1",
                "{method} {path}"
            );
        }
    }
}

#[test]
fn every_list_says_how_long_a_page_may_be() {
    // [RE13]
    let document = openapi();
    let mut lists = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for parameter in item["get"]["parameters"].as_array().into_iter().flatten() {
            if parameter["name"] == "limit" {
                lists += 1;
                let (least, most) = (
                    &parameter["schema"]["minimum"],
                    &parameter["schema"]["maximum"],
                );
                assert_eq!(
                    (least.as_u64(), most.as_u64()),
                    (Some(1), Some(u64::from(PAGE_MAX))),
                    "{path}"
                );
            }
        }
    }
    assert!(lists >= 5, "{lists}");
}

/// Every schema below a value, with where it stands.
fn schemas<'a>(value: &'a Value, at: &str, out: &mut Vec<(String, &'a Value)>) {
    out.push((at.to_owned(), value));
    for key in ["properties", "patternProperties"] {
        for (name, inner) in value[key].as_object().into_iter().flatten() {
            schemas(inner, &format!("{at}.{name}"), out);
        }
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        for inner in value[key].as_array().into_iter().flatten() {
            schemas(inner, &format!("{at}/{key}"), out);
        }
    }
    if let Some(items) = value.get("items") {
        schemas(items, &format!("{at}[]"), out);
    }
}

/// What a maker of clients would drop, guess or leave without a name.
fn unclear(document: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut all = Vec::new();
    let named = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in named {
        schemas(schema, name, &mut all);
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let at = format!("{method} {path}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                schemas(
                    &parameter["schema"],
                    &format!("{at} {}", parameter["name"]),
                    &mut all,
                );
            }
            let answers = operation["responses"].as_object().unwrap().values();
            for body in answers.chain([&operation["requestBody"]]) {
                for (kind, body) in body["content"].as_object().into_iter().flatten() {
                    schemas(&body["schema"], &format!("{at} {kind}"), &mut all);
                }
            }
        }
    }
    for (at, schema) in all {
        let is_named = named.contains_key(&at);
        let is_null = |one: &Value| one["type"] == "null";
        let says = ["$ref", "type", "oneOf", "anyOf"];
        if !says.iter().any(|key| schema.get(key).is_some()) {
            wrong.push(format!("{at} says nothing"));
        }
        if schema.get("allOf").is_some() {
            wrong.push(format!("{at} is laid together by its reader"));
        }
        // A map of names to values is known by what it holds.
        let is_map = schema["additionalProperties"].is_object();
        if schema["type"] == "object" && !is_named && !is_map {
            wrong.push(format!("{at} is an object without a name"));
        }
        if let Some(choices) = schema["oneOf"].as_array() {
            let mapping = schema["discriminator"]["mapping"].as_object();
            let mapped: BTreeSet<&str> = mapping
                .into_iter()
                .flat_map(|map| map.values().filter_map(Value::as_str))
                .collect();
            let all: BTreeSet<&str> = choices
                .iter()
                .filter_map(|one| one["$ref"].as_str())
                .collect();
            if !is_named || mapped != all || all.len() != choices.len() {
                wrong.push(format!("{at} is a choice that nothing tells apart"));
            }
        }
        if let Some(choices) = schema["anyOf"].as_array()
            && !matches!(&choices[..], [one, null] if one.get("$ref").is_some() && is_null(null))
        {
            wrong.push(format!("{at} is a choice of more than null"));
        }
        if schema["type"] == "array" && schema.get("items").is_none() {
            wrong.push(format!("{at} is a list of anything"));
        }
    }
    wrong
}

#[test]
fn nothing_is_left_to_guess() {
    assert_eq!(unclear(&openapi()), Vec::<String>::new());
}

#[test]
fn what_would_be_guessed_is_found() {
    let mut spoiled = openapi();
    let schemas = spoiled["components"]["schemas"].as_object_mut().unwrap();
    let frame = schemas["ServerFrame"].as_object_mut().unwrap();
    frame.remove("discriminator");
    schemas["Event"]["properties"]["content"] = serde_json::json!({});
    schemas["Poll"]["properties"]["frames"]["items"] = serde_json::json!({ "type": "object" });
    let found = unclear(&spoiled);
    for wrong in [
        "ServerFrame is a choice",
        "Event.content says",
        "Poll.frames[] is an object",
    ] {
        assert!(
            found.iter().any(|line| line.starts_with(wrong)),
            "{wrong}: {found:?}"
        );
    }
    assert_eq!(found.len(), 3);
}

#[test]
fn every_body_has_an_example() {
    let document = openapi();
    let mut count = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let answers = operation["responses"].as_object().unwrap().values();
            for holder in answers.chain([&operation["requestBody"]]) {
                for (kind, body) in holder["content"].as_object().into_iter().flatten() {
                    assert!(body.get("example").is_some(), "{method} {path}: {kind}");
                    count += 1;
                }
            }
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn the_stream_is_documented_in_both_forms() {
    let document = openapi();
    let answer = &document["paths"]["/api/v1/events"]["get"]["responses"]["200"]["content"];
    assert_eq!(
        answer["application/json"]["schema"]["$ref"],
        "#/components/schemas/Poll"
    );
    assert_eq!(answer["text/event-stream"]["schema"]["type"], "string");
}

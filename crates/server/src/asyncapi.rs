//! The AsyncAPI 3.0 document of the socket, made from the frames themselves.
//!
//! Owns: turning the two enums of frames into messages of one channel. Never: repeats by hand what a type says.

use serde_json::{Map, Value, json};
use tidings_protocol::{
    ClientFrame, Command, RefusalCode, ServerFrame,
    close::{CloseCode, come_back},
    frame::{SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK},
    limits,
};
use utoipa::{PartialSchema, ToSchema};

use crate::openapi::shape;

/// Frames that answer a command, one of them each. `[CM2]`
const ANSWERS: [&str; 3] = ["event", "refused", "unchanged"];

/// The document.
#[must_use]
pub fn asyncapi() -> Value {
    let mut schemas = Map::new();
    let mut messages = Map::new();
    let given = commands(&mut schemas);
    let said = frames::<ClientFrame>("client", given, &mut schemas, &mut messages);
    let heard = frames::<ServerFrame>("server", Vec::new(), &mut schemas, &mut messages);
    let channel: Map<String, Value> = said
        .iter()
        .chain(&heard)
        .map(|name| {
            (
                name.clone(),
                reference(&format!("#/components/messages/{name}")),
            )
        })
        .collect();
    // What a client says is asked of it; null there says the same as nothing.
    let mut asked = Vec::new();
    for name in &said {
        shape::references(&schemas[name], &mut asked);
    }
    let asked = asked.iter().filter_map(|to| to.rsplit('/').next());
    let asked = asked
        .chain(said.iter().map(String::as_str))
        .map(str::to_owned)
        .collect();
    shape::name_variants(&mut schemas);
    shape::write_null_once(&mut schemas, &asked);
    for schema in schemas.values_mut() {
        // Here the field alone is named; the words are those of the variants.
        if let Some(field) = schema
            .get("discriminator")
            .map(|one| one["propertyName"].clone())
        {
            schema["discriminator"] = field;
        }
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tidings: the stream",
            "version": env!("CARGO_PKG_VERSION"),
            "description": description(),
            "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": {
            "own": {
                "host": "127.0.0.1:8080",
                "protocol": "ws",
                "description": "Where a server listens unless told otherwise; behind TLS it is `wss`.",
            },
        },
        "x-tidings": constants(),
        "channels": {
            "socket": {
                "address": "/api/v1/socket",
                "title": "One session",
                "description": "The first frame is `hello`; the answer is `ready` or `reset`.",
                "messages": channel,
                "bindings": { "ws": { "method": "GET", "bindingVersion": "0.1.0" } },
            },
        },
        "operations": {
            "say": {
                "action": "receive",
                "channel": reference("#/channels/socket"),
                "summary": "What a client says.",
                "messages": in_channel(&said),
                "security": [reference("#/components/securitySchemes/bearer"), reference("#/components/securitySchemes/cookie")],
                "reply": {
                    "channel": reference("#/channels/socket"),
                    "messages": in_channel(&ANSWERS.map(|name| format!("server_{name}"))),
                },
            },
            "hear": {
                "action": "send",
                "channel": reference("#/channels/socket"),
                "summary": "What the server says.",
                "messages": in_channel(&heard),
            },
        },
        "components": {
            "messages": messages,
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of a sign-in, here or in `hello`.",
                },
                "cookie": {
                    "type": "httpApiKey",
                    "in": "cookie",
                    "name": crate::auth::cookie::NAME,
                    "description": "Counts only with an `Origin` of the server's own.",
                },
            },
        },
    })
}

fn description() -> String {
    let mut text = format!(
        "The socket of Tidings. Frames are JSON in text frames (subprotocol `{SUBPROTOCOL_JSON}`, the default) or the \
         same as MessagePack in binary frames (`{SUBPROTOCOL_MSGPACK}`). Rules by id stand in spec/PROTOCOL.md.\n\n\
         A command carries `txn` and is answered by its `event`, by `refused`, or by `unchanged`.\n\n\
         Close codes:\n\n"
    );
    for code in CloseCode::ALL {
        text.push_str(&format!("- `{}` {}\n", code.code(), code.reason()));
    }
    text.push_str("\nCodes of refusals:\n\n");
    for code in RefusalCode::ALL {
        text.push_str(&format!("- `{}`: {}\n", code.as_str(), code.message()));
    }
    text
}

/// What clients need and no schema can say: the numbers behind the words.
fn constants() -> Value {
    let limit = |limit: &limits::Limit| {
        let about: Vec<&str> = limit.about.iter().map(|line| line.trim()).collect();
        json!({ "name": limit.name, "value": limit.value, "description": about.join(" ") })
    };
    let close = |code: &CloseCode| {
        json!({
            "name": code.name(),
            "code": code.code(),
            "reason": code.reason(),
            "come_back": code.come_back().as_str(),
        })
    };
    let refusal = |code: &RefusalCode| json!({ "code": code.as_str(), "status": code.status(), "message": code.message() });
    // Those of RFC 6455 that a lost network, a proxy or a browser says; and the ends of our ranges. `[CL1]`
    let come_back: Map<String, Value> = (1000..=1015)
        .chain([4000, 4099, 4100, 4199, 4200, 4299, 4300])
        .map(|code| (code.to_string(), come_back(code).as_str().into()))
        .collect();
    json!({
        "subprotocols": { "json": SUBPROTOCOL_JSON, "msgpack": SUBPROTOCOL_MSGPACK },
        "limits": limits::ALL.iter().map(limit).collect::<Vec<Value>>(),
        "refusals": RefusalCode::ALL.iter().map(refusal).collect::<Vec<Value>>(),
        "close_codes": CloseCode::ALL.iter().map(close).collect::<Vec<Value>>(),
        "come_back": come_back,
    })
}

/// The frame of each command: its own fields, with `type` and `txn` beside them.
fn commands(schemas: &mut Map<String, Value>) -> Vec<Value> {
    let mut named = Vec::new();
    Command::named_schemas(&mut named);
    for (name, schema) in named {
        schemas.insert(name, plain(&schema));
    }
    let frame = |(word, schema): (&str, _)| {
        let mut frame = plain(&schema);
        let mut txn = reference("#/components/schemas/TxnId");
        txn["description"] = "The client's id for this command.".into();
        frame["properties"]["txn"] = txn;
        frame["properties"]["type"] = json!({ "type": "string", "enum": [word] });
        let own = frame["required"].as_array().cloned().unwrap_or_default();
        frame["required"] = ["txn".into()]
            .into_iter()
            .chain(own)
            .chain(["type".into()])
            .collect();
        if let Some(frame) = frame.as_object_mut() {
            // As for every other frame: the rule that refuses unknown fields stands in the protocol.
            frame.remove("additionalProperties");
        }
        frame
    };
    Command::schemas().into_iter().map(frame).collect()
}

/// Makes one message of each variant of a frame, and of those `beside`, and takes over the schemas that it names. Returns
/// the messages' names.
fn frames<F: ToSchema>(
    side: &str,
    beside: Vec<Value>,
    schemas: &mut Map<String, Value>,
    messages: &mut Map<String, Value>,
) -> Vec<String> {
    let mut named = Vec::new();
    F::schemas(&mut named);
    for (name, schema) in named {
        schemas.insert(name, plain(&schema));
    }
    let frame = plain(&<F as PartialSchema>::schema());
    let mut variants = frame["oneOf"].as_array().cloned().unwrap_or_default();
    variants.extend(beside);
    let mut names = Vec::new();
    for mut variant in variants {
        let Some(kind) = tag(&variant) else { continue };
        let name = format!("{side}_{kind}");
        let about = variant
            .as_object_mut()
            .and_then(|variant| variant.remove("description"));
        schemas.insert(name.clone(), variant);
        let mut message = json!({
            "name": kind,
            "title": kind,
            "payload": reference(&format!("#/components/schemas/{name}")),
        });
        if let Some(about) = about {
            message["summary"] = about;
        }
        messages.insert(name.clone(), message);
        names.push(name);
    }
    names
}

fn plain(schema: &impl serde::Serialize) -> Value {
    serde_json::to_value(schema).expect("a schema is plain data, which always encodes")
}

/// The value of `type` that marks a variant: in the object itself, or in one of the parts it is made of.
fn tag(variant: &Value) -> Option<String> {
    let own = variant
        .pointer("/properties/type/enum/0")
        .and_then(Value::as_str);
    let parts = variant["allOf"].as_array();
    own.map(str::to_owned)
        .or_else(|| parts?.iter().find_map(tag))
}

fn reference(to: &str) -> Value {
    json!({ "$ref": to })
}

fn in_channel(names: &[String]) -> Vec<Value> {
    names
        .iter()
        .map(|name| reference(&format!("#/channels/socket/messages/{name}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(value: &Value, out: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(text)) = map.get("$ref") {
                    out.push(text.clone());
                }
                map.values().for_each(|value| references(value, out));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, out)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = asyncapi();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 60, "{}", found.len());
        for reference in found {
            assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_frame_is_a_message() {
        // [FR2]
        let document = asyncapi();
        let messages = document["components"]["messages"].as_object().unwrap();
        let sides = |side: &str| {
            messages
                .keys()
                .filter(|name| name.starts_with(side))
                .count()
        };
        let variants = |frame: Value| frame["oneOf"].as_array().unwrap().len();
        let others = variants(plain(&ClientFrame::schema()));
        assert_eq!(sides("client_"), others + Command::WORDS.len());
        assert_eq!(sides("server_"), variants(plain(&ServerFrame::schema())));
        for name in [
            "client_hello",
            "client_send",
            "server_ready",
            "server_reset",
            "server_event",
            "server_pong",
        ] {
            assert!(messages[name]["summary"].is_string(), "{name}");
        }
    }

    #[test]
    fn what_is_always_there_is_required() {
        // A field that may be null is written as null or left out; the schema says which, and clients rely on it.
        let room = "room_00000000000000000000000000";
        let user = "user_00000000000000000000000000";
        let id = "evt_00000000000000000000000000";
        let at = "2026-11-20T21:00:00.000Z";
        let event = json!({ "shard": 0, "position": 1, "log": room, "seq": 1, "id": id, "at": at, "actor": user,
            "count": 0, "content": null });
        let summary = json!({ "id": room, "kind": "group", "visibility": "private", "name": null, "created_at": at,
            "head": 1, "count": 0, "members": 1, "role": null, "marker": { "seq": 0, "count": 0 }, "last": null });
        let last = json!({ "id": id, "seq": 1, "at": at, "actor": user, "text": null });
        let message = json!({ "id": id, "room": room, "seq": 1, "at": at, "actor": user, "count": 1, "text": null });
        let head = json!({ "room": room, "head": 1, "count": 0 });
        least::<tidings_protocol::Event>(event);
        least::<tidings_protocol::RoomSummary>(summary);
        least::<tidings_protocol::LastMessage>(last);
        least::<tidings_protocol::Message>(message);
        least::<tidings_protocol::RoomHead>(head);
    }

    /// With as little in it as can be, a value has the fields that its schema requires, and no others.
    fn least<T: serde::Serialize + serde::de::DeserializeOwned + PartialSchema>(value: Value) {
        let written = plain(&serde_json::from_value::<T>(value).unwrap());
        let mut keys: Vec<&str> = written
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let schema = plain(&T::schema());
        let required = schema["required"].as_array().unwrap();
        let mut required: Vec<&str> = required.iter().filter_map(Value::as_str).collect();
        keys.sort_unstable();
        required.sort_unstable();
        assert_eq!(keys, required, "{}", std::any::type_name::<T>());
    }

    #[test]
    fn limits_and_close_codes_are_told_with_their_meaning() {
        // [LI1] [CL1]
        let told = constants();
        let limits = told["limits"].as_array().unwrap();
        let text = limits
            .iter()
            .find(|limit| limit["name"] == "MESSAGE_TEXT_BYTES_MAX");
        assert_eq!(
            text.unwrap()["value"],
            tidings_protocol::limits::MESSAGE_TEXT_BYTES_MAX
        );
        assert!(limits.iter().all(|limit| limit["description"] != ""));
        assert_eq!(told["come_back"]["4100"], "later");
    }
}

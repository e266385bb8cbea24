//! `spec/REFERENCE.md`: what `spec/PROTOCOL.md` rules, as tables of every word of the wire.
//!
//! Owns the form of the page. What stands on it comes from the two documents that the server prints
//! from its own types; only the headers and the addresses beside the API are words of this module.
//! It must never repeat a number or a name that a document holds, and stops at a shape that it does
//! not know, so that nothing is left out in silence.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Map, Value};

const OPENAPI: &str = "spec/openapi.json";
const ASYNCAPI: &str = "spec/asyncapi.json";

const INTRODUCTION: &str = "\
# Reference

Made by `cargo xtask codegen` from the code; edit that instead.
The rules, with their ids, are in [PROTOCOL.md](PROTOCOL.md); here are the words and numbers that a client is written from.
The same for programs: [openapi.json](openapi.json) and [asyncapi.json](asyncapi.json), and from a running server what `Addresses` says.

In the tables of fields `?` marks what may be left out, and `null` what may be null.
";

const HEADERS: &str = "
## Headers

| header | where | what |
|---|---|---|
| `Authorization: Bearer …` | requests | the token |
| `Cookie: tidings_token=…` | requests | the token, with `Origin` where something changes `[RE2]` |
| `X-Tidings-Cookie: 1` | signing up and in | asks for the token as the cookie `[RE1]` |
| `Idempotency-Key` | requests that change something | the `txn` of the command `[RE4]` |
| `X-Request-Id` | both | the caller's, if it is 1 to 64 of letters, digits, `-`, `_`, `.`; else a fresh one. It stands in the server's log and in `request_id` |
| `Last-Event-ID` | `GET /events` | the cursor `[SE1]` |
| `RateLimit-Policy`, `RateLimit` | answers to one who is signed in | the budget, and what is left of it (IETF draft *RateLimit header fields for HTTP*) `[LI3]` |
| `Retry-After` | refusals that waiting helps | whole seconds; `retry_after_ms` in the body is exact |
| `Cache-Control: private, no-store` | answers of the API | `[RE6]` |
| `Allow` | 405 | the methods that the address offers |
| `Sec-WebSocket-Protocol` | the socket's handshake | one of the subprotocols `[FR1]` |
";

/// The whole page.
pub(crate) fn write(root: &Path) -> Result<String, String> {
    let read = |path: &str| -> Result<Value, String> {
        let text = std::fs::read_to_string(root.join(path)).map_err(|e| format!("{path}: {e}"))?;
        serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))
    };
    page(&read(OPENAPI)?, &read(ASYNCAPI)?)
}

fn page(openapi: &Value, asyncapi: &Value) -> Result<String, String> {
    let known = &asyncapi["x-tidings"];
    let mut out = INTRODUCTION.to_owned();
    addresses(&mut out, openapi)?;
    out.push_str(HEADERS);
    rows(
        &mut out,
        "Refusals",
        &known["refusals"],
        &[
            ("code", "code"),
            ("status", "HTTP"),
            ("message", "its own sentence"),
        ],
    )?;
    rows(
        &mut out,
        "Close codes",
        &known["close_codes"],
        &[
            ("code", "code"),
            ("reason", "reason"),
            ("come_back", "come back"),
        ],
    )?;
    rows(
        &mut out,
        "Limits",
        &known["limits"],
        &[
            ("name", "name"),
            ("value", "value"),
            ("description", "what"),
        ],
    )?;
    for (title, side) in [
        ("Frames of the client", "client_"),
        ("Frames of the server", "server_"),
    ] {
        heading(&mut out, title);
        for (name, message) in object(&asyncapi["components"]["messages"], "messages")? {
            let Some(kind) = name.strip_prefix(side) else {
                continue;
            };
            let schema = &asyncapi["components"]["schemas"][name];
            section(&mut out, kind, message["summary"].as_str(), schema, "type")?;
        }
    }
    let mut schemas = object(&openapi["components"]["schemas"], "schemas")?.clone();
    for (name, schema) in object(&asyncapi["components"]["schemas"], "schemas")? {
        // The other names are those of the frames above.
        if name.starts_with(char::is_uppercase) {
            schemas.insert(name.clone(), schema.clone());
        }
    }
    heading(&mut out, "Contents of events");
    let kinds = schemas
        .get("Content")
        .and_then(|content| content["oneOf"].as_array());
    for kind in kinds.ok_or("Content has no kinds")? {
        let kind = named(kind, &schemas);
        let name = kind["properties"]["kind"]["enum"][0]
            .as_str()
            .ok_or("a kind without a name")?;
        section(&mut out, name, kind["description"].as_str(), kind, "kind")?;
    }
    heading(&mut out, "Objects");
    // These have chapters of their own, above.
    let mut told = Vec::new();
    for name in ["Content", "ServerFrame"] {
        let forms = schemas
            .get(name)
            .and_then(|schema| schema["oneOf"].as_array());
        told.extend(forms.into_iter().flatten().filter_map(name_of));
        told.push(name);
    }
    for (name, schema) in &schemas {
        if told.contains(&name.as_str()) {
            continue;
        }
        if schema["properties"].is_object() {
            section(&mut out, name, schema["description"].as_str(), schema, "")?;
        } else if let Some(forms) = schema["oneOf"].as_array() {
            let forms: Vec<String> = forms
                .iter()
                .filter_map(|form| Some(format!("`{}`", name_of(form)?)))
                .collect();
            let _ = write!(out, "### `{name}`\n\nOne of {}.\n\n", forms.join(", "));
        }
    }
    heading(&mut out, "Words and texts");
    out.push_str("| name | form | what |\n|---|---|---|\n");
    for (name, schema) in &schemas {
        if ["properties", "oneOf"]
            .iter()
            .all(|key| schema[*key].is_null())
        {
            let about = cell(schema["description"].as_str().unwrap_or_default());
            let _ = writeln!(out, "| `{name}` | {} | {about} |", shape(schema)?);
        }
    }
    let end = out.trim_end().len();
    out.truncate(end);
    out.push('\n');
    Ok(out)
}

fn heading(out: &mut String, title: &str) {
    let _ = write!(out, "\n## {title}\n\n");
}

fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, String> {
    value
        .as_object()
        .ok_or_else(|| format!("the documents have no {what}"))
}

/// A sentence within a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn addresses(out: &mut String, openapi: &Value) -> Result<(), String> {
    heading(out, "Addresses");
    out.push_str("Requests and answers in full: `GET /api/openapi.json`, `GET /api/asyncapi.json`, and to read and try `/docs/`.\n\n");
    out.push_str("| address | what | query | answers |\n|---|---|---|---|\n");
    for (path, item) in object(&openapi["paths"], "paths")? {
        for (method, operation) in object(item, "operations")? {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let query: Vec<String> = parameters
                .filter(|parameter| parameter["in"] == "query")
                .filter_map(|parameter| Some(format!("`{}`", parameter["name"].as_str()?)))
                .collect();
            let answers = object(&operation["responses"], "responses")?;
            let statuses: Vec<&str> = answers
                .keys()
                .map(String::as_str)
                .filter(|s| *s != "default")
                .collect();
            let about = operation["summary"]
                .as_str()
                .ok_or("an operation without a summary")?;
            let _ = writeln!(
                out,
                "| `{} {path}` | {} | {} | {} |",
                method.to_uppercase(),
                cell(about),
                query.join(", "),
                statuses.join(", ")
            );
        }
    }
    out.push_str("| `GET /api/v1/socket` | The stream and commands over WebSocket |  | 101 |\n");
    Ok(())
}

fn rows(
    out: &mut String,
    title: &str,
    list: &Value,
    columns: &[(&str, &str)],
) -> Result<(), String> {
    heading(out, title);
    let heads: Vec<&str> = columns.iter().map(|(_, head)| *head).collect();
    let _ = writeln!(
        out,
        "| {} |\n|{}",
        heads.join(" | "),
        "---|".repeat(columns.len())
    );
    for row in list
        .as_array()
        .ok_or_else(|| format!("no list for {title}"))?
    {
        let cells: Vec<String> = columns
            .iter()
            .map(|(key, _)| match &row[*key] {
                Value::String(text) if *key == "code" || *key == "name" => format!("`{text}`"),
                Value::String(text) => cell(text),
                Value::Number(number) => number.to_string(),
                _ => String::new(),
            })
            .collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    Ok(())
}

/// One object: what it is, and its fields but for the one that names it.
fn section(
    out: &mut String,
    name: &str,
    about: Option<&str>,
    schema: &Value,
    tag: &str,
) -> Result<(), String> {
    let _ = write!(out, "### `{name}`\n\n");
    if let Some(about) = about {
        let _ = write!(out, "{}\n\n", cell(about));
    }
    if let Some(parts) = schema["allOf"].as_array() {
        for part in parts.iter().filter(|part| !part["$ref"].is_null()) {
            let _ = write!(out, "The fields of {}, beside `type`.\n\n", shape(part)?);
        }
        return Ok(());
    }
    let required: Vec<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let fields = object(&schema["properties"], name)?;
    let fields: Vec<_> = fields
        .iter()
        .filter(|(field, _)| field.as_str() != tag)
        .collect();
    if fields.is_empty() {
        return Ok(());
    }
    out.push_str("| field | type | what |\n|---|---|---|\n");
    for (field, value) in fields {
        let mark = if required.contains(&field.as_str()) {
            ""
        } else {
            "?"
        };
        let _ = writeln!(
            out,
            "| `{field}`{mark} | {} | {} |",
            shape(value)?,
            cell(&about_of(value))
        );
    }
    out.push('\n');
    Ok(())
}

/// The name that a reference leads to.
fn name_of(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

/// What a reference leads to.
fn named<'a>(schema: &'a Value, schemas: &'a Map<String, Value>) -> &'a Value {
    let found = name_of(schema).and_then(|name| schemas.get(name));
    found.unwrap_or(schema)
}

/// The words for people, of the field or of the one form beside null.
fn about_of(schema: &Value) -> String {
    let own = schema["description"].as_str();
    let nested = || {
        schema["anyOf"]
            .as_array()?
            .iter()
            .find_map(|one| one["description"].as_str())
    };
    own.or_else(nested).unwrap_or_default().to_owned()
}

/// A type in a few words.
fn shape(schema: &Value) -> Result<String, String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return Ok(format!(
            "`{}`",
            reference.rsplit('/').next().unwrap_or(reference)
        ));
    }
    let forms = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
    if let Some(forms) = forms.filter(|forms| !forms.is_empty()) {
        let forms: Result<Vec<String>, String> = forms.iter().map(shape).collect();
        return Ok(forms?.join(" or "));
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words
            .iter()
            .filter_map(Value::as_str)
            .map(|word| format!("`{word}`"))
            .collect();
        return Ok(words.join(", "));
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        // No type at all: any JSON.
        _ if schema
            .as_object()
            .is_some_and(|map| map.keys().all(|key| key == "description")) =>
        {
            vec!["any"]
        }
        other => {
            return Err(format!(
                "the reference does not know a type {other} in {schema}"
            ));
        }
    };
    let mut words = Vec::new();
    for kind in kinds {
        words.push(match kind {
            "array" => format!("list of {}", shape(&schema["items"])?),
            "string" => match (&schema["pattern"], &schema["format"]) {
                (Value::String(pattern), _) => format!("text `{}`", pattern.replace('|', "\\|")),
                (_, Value::String(format)) => format!("text ({format})"),
                _ => "text".to_owned(),
            },
            "integer" | "boolean" | "null" | "object" | "any" => kind.to_owned(),
            other => return Err(format!("the reference does not know a type {other:?}")),
        });
    }
    Ok(words.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_type_is_told_in_a_few_words() {
        for (schema, words) in [
            (json!({ "$ref": "#/components/schemas/RoomId" }), "`RoomId`"),
            (json!({ "type": "string" }), "text"),
            (json!({ "type": ["integer", "null"] }), "integer or null"),
            (
                json!({ "type": "array", "items": { "$ref": "#/x/UserId" } }),
                "list of `UserId`",
            ),
            (
                json!({ "anyOf": [{ "$ref": "#/x/Role" }, { "type": "null" }] }),
                "`Role` or null",
            ),
            (json!({ "type": "string", "enum": ["a", "b"] }), "`a`, `b`"),
            (
                json!({ "type": "string", "pattern": "^(a|b)$" }),
                "text `^(a\\|b)$`",
            ),
        ] {
            assert_eq!(shape(&schema).as_deref(), Ok(words));
        }
        assert!(shape(&json!({ "type": "tuple" })).is_err());
        assert!(shape(&json!({ "anyOf": [] })).is_err());
    }

    #[test]
    fn every_word_of_the_documents_stands_on_the_page() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let text = write(&root).expect("the documents are there");
        for words in [
            "| `txn_reused` | 409 |",
            "| 4203 | bad_frame | never |",
            "| `MESSAGE_TEXT_BYTES_MAX` | 16384 |",
            "### `set_role`",
            "### `opened`",
            "### `role_changed`",
            "### `RoomSummary`",
            "### `SendContent`",
            "| `Follow` |",
            "`GET /readyz`",
            "`RateLimit`",
        ] {
            assert!(text.contains(words), "{words}");
        }
    }
}

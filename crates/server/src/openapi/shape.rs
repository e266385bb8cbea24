//! The form of schemas that makers of clients take whole: every choice named, and told apart by one field.
//!
//! Owns: naming the variants of enums, what tells them apart, how null is written. Never: changes what a schema allows,
//! but for `null` in what an answer leaves out anyway.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// The fields that tell the variants of an enum apart: frames by their type, contents by their kind.
const TAGS: [&str; 2] = ["type", "kind"];
/// Where schemas lie in both documents.
const SCHEMAS: &str = "#/components/schemas/";

/// Gives every variant of every enum among the schemas a name, `ContentMessage` for `message` of `Content`, and says
/// by which field and which of its words each is known.
pub(crate) fn name_variants(schemas: &mut Map<String, Value>) {
    let names: Vec<String> = schemas.keys().cloned().collect();
    for name in names {
        let Some(variants) = schemas[&name]["oneOf"].as_array().cloned() else {
            continue;
        };
        let whole: Vec<Value> = variants.iter().map(|one| merged(one, schemas)).collect();
        let Some(tag) = TAGS
            .iter()
            .find(|tag| whole.iter().all(|one| word(one, tag).is_some()))
        else {
            continue;
        };
        let (mut refs, mut mapping) = (Vec::new(), Map::new());
        for variant in whole {
            let word = word(&variant, tag).expect("asked above").to_owned();
            let own = format!("{name}{}", pascal(&word));
            let to = format!("{SCHEMAS}{own}");
            refs.push(json!({ "$ref": to }));
            mapping.insert(word, to.into());
            schemas.insert(own, variant);
        }
        let schema = &mut schemas[&name];
        schema["oneOf"] = refs.into();
        schema["discriminator"] = json!({ "propertyName": tag, "mapping": mapping });
    }
}

/// A variant as one object: what it is made of is laid together, as makers of clients build families of what is not.
fn merged(variant: &Value, schemas: &Map<String, Value>) -> Value {
    let Some(parts) = variant["allOf"].as_array() else {
        return variant.clone();
    };
    let (mut required, mut properties) = (Vec::new(), Map::new());
    for part in parts {
        let part = match part["$ref"].as_str() {
            Some(to) => &schemas[to.trim_start_matches(SCHEMAS)],
            None => part,
        };
        required.extend(part["required"].as_array().into_iter().flatten().cloned());
        properties.extend(part["properties"].as_object().cloned().unwrap_or_default());
    }
    let mut whole = json!({ "type": "object", "required": required, "properties": properties });
    if let Some(about) = variant.get("description") {
        whole["description"] = about.clone();
    }
    whole
}

/// The one word that a field of an object can have.
fn word<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    let words = object["properties"][field]["enum"].as_array()?;
    match words.as_slice() {
        [only] => only.as_str(),
        _ => None,
    }
}

fn pascal(word: &str) -> String {
    let capital = |part: &str| {
        let mut letters = part.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).collect::<String>()
    };
    word.split('_').map(capital).collect()
}

/// Writes null in one way, `anyOf` of the schema and null with the words about the field beside them; and leaves it out
/// where an answer leaves the field out instead.
pub(crate) fn write_null_once(schemas: &mut Map<String, Value>, asked: &BTreeSet<String>) {
    for (name, schema) in schemas {
        let required: BTreeSet<String> = strings(&schema["required"]);
        let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
            continue;
        };
        for (field, property) in properties {
            // In what is asked null says the same as nothing, and is taken.
            let kept = required.contains(field) || asked.contains(name);
            rewrite_null(property, kept);
        }
    }
}

/// Takes null out of the parameters: there is no way to write it in an address or a header.
pub(crate) fn no_null_in_parameters(document: &mut Value) {
    for operation in operations(document) {
        // (Indexed to be changed, what is not there would come to be, as null.)
        let parameters = operation
            .get_mut("parameters")
            .and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            rewrite_null(&mut parameter["schema"], false);
        }
    }
}

/// Takes out the schemas that nothing names any more: some makers of clients drop them, others warn.
pub(crate) fn drop_unnamed(document: &mut Value) {
    let mut named = Vec::new();
    references(document, &mut named);
    let schemas = &mut document["components"]["schemas"];
    if let Some(schemas) = schemas.as_object_mut() {
        schemas.retain(|name, _| named.contains(&format!("{SCHEMAS}{name}")));
    }
}

fn rewrite_null(property: &mut Value, kept: bool) {
    let is_null = |one: &Value| one["type"] == "null";
    if let Some(words) = property["type"].as_array() {
        let bare: Vec<Value> = words
            .iter()
            .filter(|word| *word != "null")
            .cloned()
            .collect();
        if !kept && bare.len() == 1 && bare.len() < words.len() {
            property["type"] = bare[0].clone();
        }
        return;
    }
    let Some(choices) = property["oneOf"].as_array() else {
        return;
    };
    let [bare] = &choices
        .iter()
        .filter(|one| !is_null(one))
        .collect::<Vec<_>>()[..]
    else {
        return;
    };
    if !choices.iter().any(is_null) {
        return;
    }
    let mut bare = (*bare).clone();
    let about = bare
        .as_object_mut()
        .and_then(|bare| bare.remove("description"));
    let mut whole = if kept {
        json!({ "anyOf": [bare, { "type": "null" }] })
    } else {
        bare
    };
    if let Some(about) = about {
        whole["description"] = about;
    }
    *property = whole;
}

/// The names of the schemas that requests are made of.
pub(crate) fn asked(document: &mut Value) -> BTreeSet<String> {
    let mut waiting = Vec::new();
    for operation in operations(document) {
        references(&operation["requestBody"], &mut waiting);
    }
    let mut found = BTreeSet::new();
    while let Some(to) = waiting.pop() {
        let name = to.trim_start_matches(SCHEMAS).to_owned();
        if found.insert(name.clone()) {
            references(&document["components"]["schemas"][name], &mut waiting);
        }
    }
    found
}

/// Every operation of a document.
pub(crate) fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    paths.flat_map(|(_, item)| {
        item.as_object_mut()
            .into_iter()
            .flatten()
            .map(|(_, one)| one)
    })
}

/// Every `$ref` below a value.
pub(crate) fn references(value: &Value, out: &mut Vec<String>) {
    if let Value::Object(map) = value {
        if let Some(Value::String(text)) = map.get("$ref") {
            out.push(text.clone());
        }
        map.values().for_each(|value| references(value, out));
    } else if let Value::Array(items) = value {
        items.iter().for_each(|value| references(value, out));
    }
}

fn strings(list: &Value) -> BTreeSet<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

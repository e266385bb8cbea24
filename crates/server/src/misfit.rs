//! What does not fit, in people's words: from what the parsers of bodies, queries and frames say to a refusal. `[RE9]`
//!
//! Owns: reading JSON and queries into types, and the one translation of serde's complaints.
//! Never: lets a parser's words out (its places, its types' names); a test sends it rubbish and looks for them.

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};
use tidings_protocol::{FieldError, NameError, Refusal, RefusalCode, frame::read::Fault};

/// Characters of a name that is quoted from what was sent.
const QUOTED_LEN_MAX: usize = 60;
/// What a JSON text is that is none.
const NO_JSON: &str = "This is no JSON, or not all of it.";
/// What a MessagePack frame is that is none.
const NO_MSGPACK: &str = "This is no MessagePack, or not all of it.";

/// Reads a JSON text that must be an object.
///
/// # Errors
/// `bad_request` for what cannot be read or breaks a rule, `too_large` for what is above a limit; both name the field.
pub(crate) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    // Serde would also take a list of the fields' values in their order, which nobody means.
    match bytes.trim_ascii_start().first() {
        None => return Err(bad("The body is missing; it is a JSON object.")),
        Some(b'{') => {}
        Some(_) => return Err(bad("The body is a JSON object.")),
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    match serde_path_to_error::deserialize(&mut deserializer) {
        Ok(value) => match deserializer.end() {
            Ok(()) => Ok(value),
            Err(_) => Err(bad("Something stands after the JSON object.")),
        },
        Err(error) => Err(of_json(error.inner(), Some(error.path()))),
    }
}

/// Reads the parameters of an address.
///
/// # Errors
/// `bad_request` or `too_large`, naming the parameter.
pub(crate) fn query<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    let pairs = form_urlencoded::parse(text.as_bytes());
    let deserializer = serde_urlencoded::Deserializer::new(pairs);
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let told = tell(
            &error.inner().to_string(),
            name_of(error.path()),
            "parameter",
        );
        let name = told.name.clone();
        refusal(told, |detail| {
            name.map(|name| FieldError::parameter(&name, detail))
        })
    })
}

/// What a frame that does not fit is refused with.
pub(crate) fn of_frame(fault: &Fault<'_>) -> Refusal {
    match fault {
        Fault::Json(error) => of_json(error, None),
        Fault::MsgPack(error) => of_msgpack(error),
        Fault::Said(sentence) => bad(&format!("The frame does not fit: {sentence}.")),
    }
}

/// What a JSON frame or body that does not fit is refused with. Without a path the field is named when the parser did.
pub(crate) fn of_json(error: &serde_json::Error, path: Option<&Path>) -> Refusal {
    if !error.is_data() {
        let said = error.to_string();
        return bad(
            if said.contains("surrogate") || said.contains("hex escape") {
                "A text holds half a character (a lone surrogate). Send whole ones."
            } else {
                NO_JSON
            },
        );
    }
    let said = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    of_words(said.strip_suffix(&place).unwrap_or(&said), path)
}

/// The same for a MessagePack frame.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "errors of a library: all the others are of the bytes"
)]
pub(crate) fn of_msgpack(error: &rmp_serde::decode::Error) -> Refusal {
    match error {
        rmp_serde::decode::Error::Syntax(said) | rmp_serde::decode::Error::Uncategorized(said) => {
            of_words(said, None)
        }
        rmp_serde::decode::Error::TypeMismatch(_) | rmp_serde::decode::Error::OutOfRange => {
            bad("A field holds a value of another kind than it takes.")
        }
        _ => bad(NO_MSGPACK),
    }
}

fn of_words(said: &str, path: Option<&Path>) -> Refusal {
    let told = tell(said, path.and_then(name_of), "field");
    let pointer = pointer(path, told.child.as_deref());
    refusal(told, |detail| {
        pointer.map(|pointer| FieldError::pointer(&pointer, detail))
    })
}

fn refusal(told: Told, at: impl FnOnce(&str) -> Option<FieldError>) -> Refusal {
    let code = if told.is_too_large {
        RefusalCode::TooLarge
    } else {
        RefusalCode::BadRequest
    };
    let refusal = Refusal::with_message(code, told.sentence);
    match at(&refusal.message) {
        Some(error) => refusal.error(error),
        None => refusal,
    }
}

fn bad(sentence: &str) -> Refusal {
    Refusal::with_message(RefusalCode::BadRequest, sentence)
}

/// The last name of a path.
fn name_of(path: &Path) -> Option<String> {
    path.iter().rev().find_map(|segment| match segment {
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { .. } | Segment::Seq { .. } | Segment::Unknown => None,
    })
}

/// RFC 6901. The parser counts a field that it does not know, or lacks, sometimes to the path and sometimes not.
fn pointer(path: Option<&Path>, child: Option<&str>) -> Option<String> {
    let mut out = String::new();
    let mut last = None;
    for segment in path.into_iter().flat_map(Path::iter) {
        let name = match segment {
            Segment::Map { key } => key.clone(),
            Segment::Seq { index } => index.to_string(),
            Segment::Enum { .. } | Segment::Unknown => continue,
        };
        push(&mut out, &name);
        last = Some(name);
    }
    if let Some(child) = child
        && last.as_deref() != Some(child)
    {
        push(&mut out, child);
    }
    (!out.is_empty()).then_some(out)
}

fn push(pointer: &mut String, name: &str) {
    pointer.push('/');
    pointer.push_str(&short(name).replace('~', "~0").replace('/', "~1"));
}

/// What a complaint becomes.
struct Told {
    sentence: String,
    /// The field or parameter that it is about.
    name: Option<String>,
    /// A field below the place where the parser was.
    child: Option<String>,
    is_too_large: bool,
}

/// Serde's sentences (`serde::de::Error`) have a few fixed forms; what has none of them is a rule of ours, whose words
/// are for people already.
fn tell(said: &str, name: Option<String>, kind: &str) -> Told {
    // What was sent may hold the sign that serde quotes it by.
    let quoted = |begin: &str| {
        let rest = said.strip_prefix(begin)?;
        let ends = ["`, expected ", "`, there are no "];
        let end = ends.iter().find_map(|end| rest.rfind(end));
        let (name, rest) = rest.split_at(end.or_else(|| rest.find('`'))?);
        Some((short(name), &rest[1..]))
    };
    let here = name.as_deref().map_or_else(
        || "The object".to_owned(),
        |name| format!("`{}`", short(name)),
    );
    let about_child = |child: String, sentence: String| Told {
        sentence,
        name: Some(child.clone()),
        child: Some(child),
        is_too_large: false,
    };
    let about_this = |sentence: String| Told {
        sentence,
        name: name.clone(),
        child: None,
        is_too_large: false,
    };
    if let Some((child, rest)) = quoted("unknown field `") {
        let known = known(rest);
        let sentence = if known.is_empty() {
            format!("There is no {kind} `{child}` here.")
        } else {
            format!("There is no {kind} `{child}` here; there are: {known}.")
        };
        return about_child(child, sentence);
    }
    if let Some((child, _)) = quoted("missing field `") {
        let sentence = format!("The {kind} `{child}` is missing.");
        return about_child(child, sentence);
    }
    if let Some((child, _)) = quoted("duplicate field `") {
        let sentence = format!("Give `{child}` once.");
        return about_child(child, sentence);
    }
    if let Some((_, rest)) = quoted("unknown variant `") {
        return about_this(format!("{here} is one of: {}.", known(rest)));
    }
    for begin in ["invalid type: ", "invalid value: ", "invalid length "] {
        if said.starts_with(begin) {
            let wanted = said
                .rsplit_once(", expected ")
                .map_or("", |(_, wanted)| wanted);
            if wanted.starts_with("one of `") {
                return about_this(format!("{here} is one of: {}.", known(wanted)));
            }
            return about_this(format!("{here} takes {}.", takes(wanted)));
        }
    }
    let is_number = [
        "invalid digit found in string",
        "number too large to fit in target type",
        "number too small to fit in target type",
        "cannot parse integer from empty string",
    ];
    if is_number.contains(&said) {
        return about_this(format!("{here} takes a whole number, 0 or more."));
    }
    if said.starts_with("data did not match any variant") {
        return about_this(format!("{here} has none of its forms."));
    }
    Told {
        is_too_large: NameError::says_too_long(said),
        ..about_this(match &name {
            Some(_) => format!("{here}: {}.", said.trim_end_matches('.')),
            None => format!("{}.", said.trim_end_matches('.')),
        })
    }
}

/// What a value should have been: serde names types of the program.
fn takes(wanted: &str) -> &'static str {
    match wanted {
        "a string" | "a borrowed string" | "str" | "a character" => "a text",
        "a boolean" | "`true` or `false`" => "true or false",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "an object",
        "string or map" | "variant identifier" => "one of its words",
        _ if wanted.ends_with(" as text") => "an id, as text",
        _ if wanted.starts_with("struct ") || wanted.contains(" enum ") => "an object",
        _ => "a value of another kind",
    }
}

/// The names in serde's "expected one of `a`, `b`".
fn known(rest: &str) -> String {
    let names: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    names.join(", ")
}

/// Not more of a name than a sentence can hold.
fn short(name: &str) -> String {
    match name.char_indices().nth(QUOTED_LEN_MAX) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests;

//! Texts with rules: names, message text, emoji. What breaks its rule cannot exist here. `[LI2]`
//!
//! Owns: the rules of each text. Never: knows who may use which name; that is decided in `core`.

mod emoji;
mod marks;
mod reserved;
mod visible;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::limits::{
    DEVICE_NAME_BYTES_MAX, DISPLAY_NAME_BYTES_MAX, EMOJI_BYTES_MAX, MESSAGE_TEXT_BYTES_MAX,
    ROOM_NAME_BYTES_MAX, USERNAME_LEN_MAX, USERNAME_LEN_MIN,
};

/// Why a text is refused; the sentence says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left after trimming.
    #[error("{0} is empty; write something")]
    Empty(&'static str),
    /// Above its limit of bytes.
    #[error("{0} is longer than {1} bytes; shorten it")]
    TooLong(&'static str, usize),
    /// Has characters that its rule does not allow.
    #[error("{0} {1}")]
    Characters(&'static str, &'static str),
}

impl NameError {
    /// Whether a sentence is that of a text above its limit: all that comes through a parser are the words.
    #[must_use]
    pub fn says_too_long(sentence: &str) -> bool {
        sentence.ends_with("; shorten it")
    }
}

fn one_line(text: &str, what: &'static str, max: usize) -> Result<Box<str>, NameError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(NameError::Empty(what));
    }
    if text.len() > max {
        return Err(NameError::TooLong(what, max));
    }
    if !visible::everything_shows(text) {
        return Err(NameError::Characters(
            what,
            "must be one line without control or invisible characters",
        ));
    }
    if !marks::are_few(text) {
        return Err(NameError::Characters(
            what,
            "has too many marks on one letter; remove some",
        ));
    }
    Ok(text.into())
}

fn parse_room_name(text: &str) -> Result<Box<str>, NameError> {
    // `#general` is how a channel is written where it is spoken of; its name is what follows.
    let text = text.trim().trim_start_matches('#');
    one_line(text, "a room's name", ROOM_NAME_BYTES_MAX)
}

fn parse_display_name(text: &str) -> Result<Box<str>, NameError> {
    one_line(text, "a display name", DISPLAY_NAME_BYTES_MAX)
}

fn parse_username(text: &str) -> Result<Box<str>, NameError> {
    let what = "a username";
    let rule =
        "has 2 to 32 of a-z, 0-9, dot, hyphen and underscore, and starts with a letter or digit";
    let lower = text.trim().to_ascii_lowercase();
    let fits = (USERNAME_LEN_MIN..=USERNAME_LEN_MAX).contains(&lower.len())
        && lower.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_')
        })
        && lower.as_bytes()[0].is_ascii_alphanumeric();
    if fits {
        Ok(lower.into())
    } else if lower.is_ascii() && lower.len() > USERNAME_LEN_MAX {
        Err(NameError::TooLong(what, USERNAME_LEN_MAX))
    } else {
        Err(NameError::Characters(what, rule))
    }
}

fn parse_message_text(text: &str) -> Result<Box<str>, NameError> {
    let what = "a message";
    if !visible::anything_shows(text) {
        return Err(NameError::Empty(what));
    }
    if text.len() > MESSAGE_TEXT_BYTES_MAX {
        return Err(NameError::TooLong(what, MESSAGE_TEXT_BYTES_MAX));
    }
    if text.contains('\0') {
        return Err(NameError::Characters(
            what,
            "must not hold the character NUL",
        ));
    }
    Ok(text.into())
}

fn parse_emoji(text: &str) -> Result<Box<str>, NameError> {
    let what = "a reaction";
    let rule = "is one emoji";
    if text.is_empty() {
        return Err(NameError::Empty(what));
    }
    if text.len() > EMOJI_BYTES_MAX {
        return Err(NameError::TooLong(what, EMOJI_BYTES_MAX));
    }
    let kept = emoji::qualified(text).ok_or(NameError::Characters(what, rule))?;
    if kept.len() > EMOJI_BYTES_MAX {
        return Err(NameError::TooLong(what, EMOJI_BYTES_MAX));
    }
    Ok(kept.into())
}

/// Blocks that hold emoji and what joins them; wide on purpose, so that next year's emoji pass.
fn is_emoji_part(c: char) -> bool {
    matches!(u32::from(c),
        0x00a9 | 0x00ae | 0x200d | 0x203c | 0x2049 | 0x20e3 | 0x2122 | 0x2139 | 0x2190..=0x2bff | 0x3030 | 0x303d
        | 0x3297 | 0x3299 | 0xfe0e..=0xfe0f | 0x1f000..=0x1ffff | 0xe0020..=0xe007f)
}

/// The rule of a device's name, which may be empty: one visible line. Returns it trimmed.
///
/// # Errors
/// What is wrong with it.
pub fn device_name(text: &str) -> Result<Box<str>, NameError> {
    match one_line(text, "a device's name", DEVICE_NAME_BYTES_MAX) {
        Err(NameError::Empty(_)) => Ok("".into()),
        result => result,
    }
}

/// What the documents say of a text whose limit is in bytes: a schema's `maxLength` would count characters.
#[cfg(feature = "openapi")]
fn byte_limit(about: &str, max: usize) -> utoipa::openapi::ObjectBuilder {
    use utoipa::openapi::{ObjectBuilder, extensions::Extensions, schema::Type};
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(format!("{about} At most {max} bytes of UTF-8.")))
        .min_length(Some(1))
        // No character has less than a byte.
        .max_length(Some(max))
        .extensions(Some(Extensions::builder().add("x-max-bytes", max).build()))
}

/// What the documents say of a username: ASCII, so characters are bytes.
#[cfg(feature = "openapi")]
fn username_schema() -> utoipa::openapi::ObjectBuilder {
    use utoipa::openapi::{ObjectBuilder, schema::Type};
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(
            "Given with spaces around it or in upper case, it is trimmed and folded.",
        ))
        .min_length(Some(USERNAME_LEN_MIN))
        .max_length(Some(USERNAME_LEN_MAX))
        .pattern(Some("^[a-z0-9][a-z0-9._-]*$"))
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $parse:path, $schema:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The text, within its rule.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }

            /// A text as it was kept, in today's form where it has one. It was judged when it came; a rule that is stricter
            /// since is for new ones.
            #[must_use]
            pub fn kept(text: &str) -> $name {
                text.parse().unwrap_or_else(|_| $name(text.into()))
            }

            /// The same, for fields of what the server tells.
            pub(crate) fn told<'de, D: Deserializer<'de>>(d: D) -> Result<$name, D::Error> {
                Ok($name::kept(&<std::borrow::Cow<'de, str>>::deserialize(d)?))
            }

            /// The same, for fields that may be absent.
            #[allow(dead_code, reason = "not every text is one that may be absent")]
            pub(crate) fn told_or_none<'de, D: Deserializer<'de>>(d: D) -> Result<Option<$name>, D::Error> {
                let text = <Option<std::borrow::Cow<'de, str>>>::deserialize(d)?;
                Ok(text.map(|text| $name::kept(&text)))
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<$name, NameError> { $parse(text).map($name) }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Debug::fmt(&self.0, f) }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.serialize_str(&self.0) }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<$name, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                $schema.into()
            }
        }
        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}
    };
}

text!(
    /// A room's name: one visible line, trimmed.
    RoomName, parse_room_name, byte_limit("One visible line, trimmed.", ROOM_NAME_BYTES_MAX)
);
text!(
    /// A username: 2 to 32 of `a-z 0-9 . - _`, lower case. ASCII alone, so that no two look alike.
    Username, parse_username, username_schema()
);
text!(
    /// How a user wants to be called: one visible line, trimmed.
    DisplayName, parse_display_name, byte_limit("One visible line, trimmed.", DISPLAY_NAME_BYTES_MAX)
);
text!(
    /// The text of a message, as written.
    MessageText, parse_message_text, byte_limit("As written.", MESSAGE_TEXT_BYTES_MAX)
);
text!(
    /// One emoji, as a reaction, in its one form: fully-qualified.
    Emoji, parse_emoji, byte_limit("One emoji; kept fully-qualified, as Unicode's emoji data calls it.", EMOJI_BYTES_MAX)
);

impl Username {
    /// Whether nobody may have it: it means something else where names stand. `[LI2]`
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        reserved::is_reserved(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_not_judged_again() {
        // [EV5]
        let text = "Z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}";
        assert!(text.parse::<RoomName>().is_err());
        let known = |body: serde_json::Value| {
            let content: crate::Content = serde_json::from_value(body).unwrap();
            content.known().cloned()
        };
        let renamed = crate::content::Known::RoomRenamed {
            name: RoomName::kept(text),
        };
        let body = serde_json::json!({ "kind": "room_renamed", "name": text });
        assert_eq!(known(body), Some(renamed));
        let profile = serde_json::json!({
            "id": "user_01h455vb4pex5vsknk084sn02q", "username": "ada", "display_name": text, "kind": "person", "role": "member",
            "created_at": "2026-11-27T00:00:00.000000Z",
        });
        let profile: crate::UserProfile = serde_json::from_value(profile).unwrap();
        assert_eq!(profile.display_name.as_str(), text);
    }

    #[test]
    fn a_text_above_its_limit_is_known_by_its_sentence() {
        for error in [
            NameError::Empty("a name"),
            NameError::TooLong("a name", 3),
            NameError::Characters("a name", "is odd"),
        ] {
            let says = NameError::says_too_long(&error.to_string());
            assert_eq!(says, matches!(error, NameError::TooLong(..)), "{error}");
        }
    }

    #[test]
    fn texts_keep_their_rules() {
        // [LI2]
        assert_eq!("  Ada ".parse::<Username>().unwrap().as_str(), "ada");
        for bad in [
            "",
            "a",
            "-ada",
            "аda",
            "a b",
            &"x".repeat(33),
            "ada\u{200b}",
        ] {
            assert!(bad.parse::<Username>().is_err(), "{bad}");
        }
        assert_eq!(
            " Design  team ".parse::<RoomName>().unwrap().as_str(),
            "Design  team"
        );
        for bad in [
            "",
            "  ",
            "a\nb",
            "a\u{202e}b",
            "\u{3164}",
            "\u{2800}\u{2800}",
            "ada\u{61c}",
            &"x".repeat(121),
        ] {
            assert!(bad.parse::<RoomName>().is_err(), "{bad}");
            assert!(bad.parse::<DisplayName>().is_err(), "{bad}");
        }
        assert!("hello\nthere".parse::<MessageText>().is_ok());
        assert_eq!(
            " two\u{202e} \n".parse::<MessageText>().unwrap().as_str(),
            " two\u{202e} \n",
            "as written"
        );
        for bad in [
            "",
            " \n ",
            "\u{200b}\u{3164}",
            "a\0b",
            &"x".repeat(MESSAGE_TEXT_BYTES_MAX + 1),
        ] {
            assert!(bad.parse::<MessageText>().is_err());
        }
        for (name, kept) in [
            ("#general", "general"),
            (" # tea", "tea"),
            ("C# team", "C# team"),
        ] {
            assert_eq!(name.parse::<RoomName>().unwrap().as_str(), kept);
        }
        assert!("#".parse::<RoomName>().is_err());
        assert_eq!(
            "#general".parse::<DisplayName>().unwrap().as_str(),
            "#general"
        );
        for good in ["👍", "❤️", "👩‍👩‍👧‍👦", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🇩🇪"]
        {
            assert_eq!(good.parse::<Emoji>().unwrap().as_str(), good);
        }
        assert_eq!(
            "\u{2764}".parse::<Emoji>(),
            "\u{2764}\u{fe0f}".parse::<Emoji>()
        );
        for bad in [
            "",
            "a",
            "<b>",
            "1",
            "1a\u{20e3}",
            "😀a",
            "\u{200d}",
            "\u{2800}",
            "👍\u{200d}",
            &"👍".repeat(20),
        ] {
            assert!(bad.parse::<Emoji>().is_err(), "{bad}");
        }
    }
}

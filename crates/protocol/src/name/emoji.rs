//! One emoji, in its one form: fully-qualified, as Unicode's emoji data calls it (UTS #51). `[LI2]`
//!
//! Owns: what is one emoji, and which of its spellings is kept: `👍` and `👍\u{fe0f}` are one reaction, not two.
//! Never: has a list of all emoji. It is the grammar of UTS #51 over the properties of each character, so that next
//! year's pass. `packages/client/src/emoji.ts` is its twin; `spec/vectors/texts/emoji.json` pins both.

use unicode_properties::{EmojiStatus, GeneralCategory, UnicodeEmoji, UnicodeGeneralCategory};

const ZERO_WIDTH_JOINER: char = '\u{200d}';
const TEXT_STYLE: char = '\u{fe0e}';
const EMOJI_STYLE: char = '\u{fe0f}';

/// The emoji that a text is, fully-qualified; none when it is anything but exactly one.
pub(super) fn qualified(text: &str) -> Option<String> {
    let mut rest = Rest(text);
    let mut out = String::with_capacity(text.len() + EMOJI_STYLE.len_utf8());
    if rest.keycap(&mut out).is_some() {
        return rest.0.is_empty().then_some(out);
    }
    loop {
        // Hair is no emoji alone, and stands behind a person.
        let hair = rest.one(|c| is_hair(c) && out.ends_with(ZERO_WIDTH_JOINER));
        match hair {
            Some(hair) => out.push(hair),
            None => rest.element(&mut out)?,
        }
        if rest.0.is_empty() {
            return Some(out);
        }
        rest.one(|c| c == ZERO_WIDTH_JOINER)?;
        out.push(ZERO_WIDTH_JOINER);
    }
}

/// What a character is among emoji.
struct Traits {
    /// It is drawn in colour without being asked.
    colour: bool,
    /// It takes a skin tone.
    skin: bool,
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "properties of Unicode: what is named is taken, nothing else"
)]
fn traits(c: char) -> Option<Traits> {
    let (colour, skin) = match c.emoji_status() {
        EmojiStatus::EmojiPresentation => (true, false),
        EmojiStatus::EmojiPresentationAndModifierBase => (true, true),
        EmojiStatus::EmojiModifierBase => (false, true),
        EmojiStatus::EmojiOther => (false, false),
        // Places that Unicode keeps for emoji to come.
        EmojiStatus::NonEmoji if is_reserved(c) => (true, true),
        // Digits, letters of flags, skin tones: none of them is an emoji alone.
        _ => return None,
    };
    Some(Traits { colour, skin })
}

fn is_reserved(c: char) -> bool {
    matches!(c, '\u{1f000}'..='\u{1faff}' | '\u{1fc00}'..='\u{1fffd}')
        && c.general_category() == GeneralCategory::Unassigned
}

fn is_hair(c: char) -> bool {
    matches!(c, '\u{1f9b0}'..='\u{1f9b3}')
}

fn is_skin_tone(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

fn is_flag_letter(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}')
}

/// The part of a text that is still to be read.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn one(&mut self, fits: impl Fn(char) -> bool) -> Option<char> {
        let c = self.0.chars().next().filter(|c| fits(*c))?;
        self.0 = &self.0[c.len_utf8()..];
        Some(c)
    }

    /// A digit, `#` or `*` in its box.
    fn keycap(&mut self, out: &mut String) -> Option<()> {
        let key = self.one(|c| c.is_ascii_digit() || matches!(c, '#' | '*'))?;
        self.one(|c| c == EMOJI_STYLE);
        let frame = self.one(|c| c == super::visible::ENCLOSING_KEYCAP)?;
        out.extend([key, EMOJI_STYLE, frame]);
        Some(())
    }

    /// One piece between joiners: a flag of two letters, or an emoji with its skin tone, style or tags.
    fn element(&mut self, out: &mut String) -> Option<()> {
        if let Some(first) = self.one(is_flag_letter) {
            out.extend([first, self.one(is_flag_letter)?]);
            return Some(());
        }
        let c = self.one(|c| traits(c).is_some())?;
        let traits = traits(c)?;
        out.push(c);
        // A style that was asked for says nothing: a reaction is drawn in colour.
        self.one(|c| matches!(c, TEXT_STYLE | EMOJI_STYLE));
        if let Some(tone) = self.one(|c| traits.skin && is_skin_tone(c)) {
            out.push(tone);
        } else if !traits.colour {
            out.push(EMOJI_STYLE);
        } else if c == super::visible::BLACK_FLAG {
            let after: Vec<char> = self.0.chars().take(super::visible::TAGS_MAX + 1).collect();
            for tag in &after[..super::visible::tags(&after)] {
                self.one(|_| true);
                out.push(*tag);
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form that an emoji is kept in, as the vectors say.
    fn vectors() -> serde_json::Value {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../spec/vectors/texts/emoji.json"
        );
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn the_published_vectors_hold() {
        // [LI2]
        let vectors = vectors();
        for row in vectors["same"].as_array().unwrap() {
            let kept = row["kept"].as_str().unwrap();
            for given in row["given"].as_array().unwrap() {
                let given = given.as_str().unwrap();
                assert_eq!(qualified(given).as_deref(), Some(kept), "{given:?}");
            }
            assert_eq!(qualified(kept).as_deref(), Some(kept), "kept as it is");
        }
        for wrong in vectors["refused"].as_array().unwrap() {
            let wrong = wrong.as_str().unwrap();
            assert_eq!(qualified(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn every_emoji_there_is_is_kept_fully_qualified() {
        // [LI2] In whatever spelling: with the selectors of style, and without any.
        let mut count = 0;
        for emoji in emojis::iter() {
            let tones = emoji.skin_tones().into_iter().flatten();
            for emoji in tones.chain([emoji]) {
                let text = emoji.as_str();
                assert_eq!(qualified(text).as_deref(), Some(text), "{text:?}");
                let bare = text.replace(EMOJI_STYLE, "");
                assert_eq!(qualified(&bare).as_deref(), Some(text), "{bare:?}");
                assert!(text.len() <= crate::limits::EMOJI_BYTES_MAX);
                for other in ["👍", "🏽🏽", "🇩"] {
                    assert_eq!(qualified(&format!("{text}{other}")), None, "{text}{other}");
                }
                count += 1;
            }
        }
        assert!(count > 1_900, "{count}");
    }
}

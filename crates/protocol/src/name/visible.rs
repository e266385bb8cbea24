//! Which characters show something, and which may hold others together without showing anything themselves.
//!
//! Owns: the table of code points that are ignored, blank, or turn the direction of text (UAX #44
//! `Default_Ignorable_Code_Point` and `Bidi_Control` of Unicode 17, and what fonts draw as nothing), and the few places
//! where such a one belongs. Never: judges look-alikes; two names may look the same, ids never do.

/// First and last of each stretch.
const UNSEEN: &[(u32, u32)] = &[
    (0x00ad, 0x00ad),   // soft hyphen
    (0x034f, 0x034f),   // combining grapheme joiner
    (0x061c, 0x061c),   // Arabic letter mark
    (0x115f, 0x1160),   // Hangul fillers
    (0x17b4, 0x17b5),   // Khmer inherent vowels
    (0x180b, 0x180f),   // Mongolian selectors and separator
    (0x200b, 0x200f),   // zero width space, joiners, marks of direction
    (0x202a, 0x202e),   // embeddings and overrides of direction
    (0x2060, 0x206f),   // word joiner, invisible operators, isolates
    (0x2800, 0x2800),   // Braille without dots
    (0x3164, 0x3164),   // Hangul filler
    (0xfe00, 0xfe0f),   // variation selectors
    (0xfeff, 0xfeff),   // zero width no-break space
    (0xffa0, 0xffa0),   // halfwidth Hangul filler
    (0xfff0, 0xfffb),   // ignorable, interlinear annotation
    (0x13430, 0x1343f), // joiners of hieroglyphs
    (0x1bca0, 0x1bca3), // shorthand format controls
    (0x1d159, 0x1d159), // null notehead
    (0x1d173, 0x1d17a), // musical format controls
    (0xe0000, 0xe0fff), // tags, variation selectors
];

/// The longest name of a region in a flag (`gbeng`), and one to spare.
pub(super) const TAGS_MAX: usize = 6;
pub(super) const BLACK_FLAG: char = '\u{1f3f4}';
const CANCEL_TAG: char = '\u{e007f}';
pub(super) const ENCLOSING_KEYCAP: char = '\u{20e3}';

/// Whether a character leaves a mark on the screen. A space does not, nor does a control character.
fn shows(c: char) -> bool {
    let code = u32::from(c);
    !c.is_whitespace()
        && !c.is_control()
        && !UNSEEN
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&code))
}

/// Whether there is anything to see in a text at all.
pub(super) fn anything_shows(text: &str) -> bool {
    text.chars().any(shows)
}

/// Whether each character shows, is a space within a line, or holds together what shows: a joiner between two letters or
/// emoji that are not ASCII, a variation selector after an emoji, the tags of a flag.
pub(super) fn everything_shows(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let mut rest = chars.as_slice();
    while let [c, after @ ..] = rest {
        let before = &chars[..chars.len() - rest.len()];
        let fits = match c {
            '\u{200c}' | '\u{200d}' => joins(before, after),
            '\u{fe0e}' | '\u{fe0f}' => selects(before, after),
            c => shows(*c) || is_space(*c),
        };
        if !fits {
            return false;
        }
        rest = match c {
            &BLACK_FLAG => &after[tags(after)..],
            _ => after,
        };
    }
    true
}

fn is_space(c: char) -> bool {
    c.is_whitespace() && !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}')
}

/// Whether a joiner stands where one means something: Persian and Indic words, and emoji, are written with them.
fn joins(before: &[char], after: &[char]) -> bool {
    let means = |c: &char| shows(*c) && !c.is_ascii();
    let base = match before {
        [rest @ .., '\u{fe0f}'] => rest.last(),
        _ => before.last(),
    };
    base.is_some_and(means) && after.first().is_some_and(means)
}

/// Whether a variation selector (text or emoji) follows something that comes in both forms.
fn selects(before: &[char], after: &[char]) -> bool {
    match before.last() {
        Some(c) if c.is_ascii() => after.first() == Some(&ENCLOSING_KEYCAP),
        Some(c) => shows(*c) && super::is_emoji_part(*c),
        None => false,
    }
}

/// How many characters of tags follow a black flag: letters and digits, and the end. None when they have no end.
pub(super) fn tags(after: &[char]) -> usize {
    let is_tag = |c: &&char| matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}');
    let letters = after.iter().take(TAGS_MAX).take_while(is_tag).count();
    if letters > 0 && after.get(letters) == Some(&CANCEL_TAG) {
        letters + 1
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_nothing_is_found_by_the_table() {
        // [LI2]
        for (first, last) in UNSEEN {
            assert!(first <= last);
            for code in [*first, *last] {
                let text = String::from(char::from_u32(code).unwrap());
                assert!(!anything_shows(&text), "U+{code:04X}");
                assert!(!everything_shows(&text), "U+{code:04X}");
                assert!(!everything_shows(&format!("a{text}b")), "U+{code:04X}");
                assert!(anything_shows(&format!("a{text}")), "U+{code:04X}");
            }
        }
        for text in ["", " ", "\u{3000}", "\n", "\u{1}", "\u{85}"] {
            assert!(!anything_shows(text), "{text:?}");
        }
        for text in ["a\nb", "a\tb", "a\u{2028}b", "a\u{85}b"] {
            assert!(!everything_shows(text), "{text:?}");
        }
    }

    #[test]
    fn what_holds_a_sequence_together_stays_in_its_place() {
        // [LI2]
        for good in [
            "Ada",
            "李　明",
            "علی\u{200c}رضا",
            "ක්\u{200d}ෂ",
            "👩\u{200d}👩\u{200d}👧",
            "👩\u{200d}❤\u{fe0f}\u{200d}👨",
            "❤\u{fe0f} ops",
            "1\u{fe0f}\u{20e3}",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} rugby",
            "👍🏽",
            "🇩🇪",
        ] {
            assert!(everything_shows(good), "{good:?}");
        }
        for bad in [
            "\u{200d}👩",
            "👩\u{200d}",
            "👩\u{200d}\u{200d}👩",
            "a\u{200d}b",
            "é\u{200c}a",
            "a\u{fe0f}",
            "1\u{fe0f}",
            "❤\u{fe0f}\u{fe0f}",
            "\u{fe0f}",
            "李\u{fe00}",
            "🏴\u{e0067}\u{e0062}",
            "🏴\u{e007f}",
            "a\u{e0067}\u{e007f}",
            "🏴\u{e0061}\u{e0061}\u{e0061}\u{e0061}\u{e0061}\u{e0061}\u{e0061}\u{e007f}",
        ] {
            assert!(!everything_shows(bad), "{bad:?}");
        }
    }
}

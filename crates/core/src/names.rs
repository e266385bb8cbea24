//! When two names are the same name, and which words find a person.
//!
//! Owns: the folds of names, for comparing and for finding; neither is ever shown. `[RM11]` `[RE15]`
//! Never: changes how a name is written. Look-alikes of other scripts stay apart: only ids are proof.

use std::collections::BTreeSet;

use tidings_protocol::{DisplayName, RoomName, Username};
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// Words that find one person, at most. A name of 120 bytes has fewer.
const WORDS_MAX: usize = 64;
/// Words of a question that are looked for. More find nobody else.
const ASKED_MAX: usize = 4;

/// A name as it is compared: `Café  Berlin` and `CAFÉ berlin`, full-width letters and narrow ones are one name.
/// Normal form KC before and after folding case, as UTR #36 compares identifiers; spaces run together.
#[must_use]
pub fn compared(name: &RoomName) -> String {
    let words: Vec<String> = name.as_str().split_whitespace().map(case_folded).collect();
    words.join(" ")
}

/// Up and down again: `ß` meets `ss`, and the two small sigmas each other.
fn case_folded(text: &str) -> String {
    text.nfkc()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .nfkc()
        .collect()
}

/// The words that find a person: those of both names, and, in scripts that are written without spaces, every ending of
/// a word. A question finds them by their beginning.
#[must_use]
pub fn found_by(username: &Username, display_name: &DisplayName) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for word in words(username.as_str()).chain(words(display_name.as_str())) {
        let ends = word
            .char_indices()
            .filter(|&(at, c)| at > 0 && is_unspaced(c));
        let ends: Vec<String> = ends.map(|(at, _)| word[at..].to_owned()).collect();
        found.extend(ends.into_iter().chain([word]));
    }
    // A letter of a username at least, so that everybody is found by something.
    found.into_iter().take(WORDS_MAX).collect()
}

/// The words of a question, the longest first: whoever has a word that begins with each of them is found.
#[must_use]
pub fn asked(text: &str) -> Vec<String> {
    let mut asked: Vec<String> = words(text).collect::<BTreeSet<_>>().into_iter().collect();
    asked.sort_by_key(|word| std::cmp::Reverse(word.len()));
    asked.truncate(ASKED_MAX);
    asked
}

/// The words of a text, without case and accents.
fn words(text: &str) -> impl Iterator<Item = String> {
    let plain: String = case_folded(text)
        .nfd()
        .filter(|c| !matches!(c, '\u{300}'..='\u{36f}' | '\0'))
        .nfc()
        .collect();
    let words: Vec<String> = plain
        .split(is_between)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.into_iter()
}

/// Whether a character stands between words: `@`, a dot, a hyphen, a space.
fn is_between(c: char) -> bool {
    c.is_whitespace()
        || c.general_category_group() == GeneralCategoryGroup::Punctuation
        || (c.is_ascii() && !c.is_ascii_alphanumeric())
}

/// Whether a character is of a script that sets no spaces between words, or of Korean, whose names have none; and begins
/// something, as a vowel sign or tone does not.
fn is_unspaced(c: char) -> bool {
    let script = matches!(u32::from(c),
        0x0e00..=0x0eff | 0x0f00..=0x109f | 0x1780..=0x17ff | 0x3005..=0x30ff | 0x31f0..=0x31ff
        | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0x20000..=0x3ffff);
    let is_mark = matches!(
        c.general_category(),
        GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark
    );
    script && !is_mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_read_the_same_are_the_same() {
        // [RM11]
        let same =
            |a: &str, b: &str| compared(&a.parse().unwrap()) == compared(&b.parse().unwrap());
        for (a, b) in [
            ("general", "#General"),
            ("general", " GENERAL "),
            ("tea  room", "tea room"),
            ("Café", "Cafe\u{301}"),
            ("STRASSE", "straße"),
            ("ＧＥＮＥＲＡＬ", "general"),
            ("ΣΟΦΟΣ", "σοφος"),
            ("σοφος", "σοφοσ"),
            ("ﬁsh", "fish"),
            ("パパ", "ﾊﾟﾊﾟ"),
        ] {
            assert!(same(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("general", "generals"),
            ("cafe", "café"),
            ("tea room", "tearoom"),
        ] {
            assert!(!same(a, b), "{a} {b}");
        }
    }

    fn finds(question: &str, username: &str, display_name: &str) -> bool {
        let found = found_by(&username.parse().unwrap(), &display_name.parse().unwrap());
        let asked = asked(question);
        !asked.is_empty()
            && asked
                .iter()
                .all(|word| found.iter().any(|name| name.starts_with(word)))
    }

    #[test]
    fn people_are_found_by_any_word_of_their_names() {
        // [RE15]
        for (question, username, display_name) in [
            ("okafor", "ben", "Benedict Okafor"),
            ("@ben", "ben", "Benedict Okafor"),
            ("oka BEN", "ben", "Benedict Okafor"),
            ("ben okafor extra", "ben", "Ben Okafor Extraordinary"),
            ("adele", "zoe", "Ädele 100%"),
            ("Äde", "zoe", "Adele"),
            ("100", "zoe", "Ädele 100%"),
            ("love", "ada.lovelace", "A."),
            ("ada.lov", "ada.lovelace", "A."),
            ("brien", "sean", "Seán O'Brien"),
            ("o'b", "sean", "Seán O'Brien"),
            ("jean-l", "jl", "Jean-Luc"),
            ("美", "tanaka", "田中美咲"),
            ("美咲", "tanaka", "田中美咲"),
            ("さ", "tanaka", "田中 みさき"),
            ("철수", "kim", "김철수"),
            ("ชัย", "sup", "ศุภชัย"),
            ("strasse", "gruen", "Straße Grün"),
            ("🦊", "fox", "🦊"),
        ] {
            assert!(
                finds(question, username, display_name),
                "{question} {display_name}"
            );
        }
        for (question, username, display_name) in [
            ("kafor", "ben", "Benedict Okafor"),
            ("ben adams", "ben", "Benedict Okafor"),
            ("", "ben", "Ben"),
            ("@", "ben", "Ben"),
            ("%", "ben", "Ben"),
            ("中美x", "tanaka", "田中美咲"),
        ] {
            assert!(
                !finds(question, username, display_name),
                "{question} {display_name}"
            );
        }
    }

    #[test]
    fn what_is_kept_and_asked_is_bounded() {
        // [P5]
        let longest = "ก".repeat(40);
        assert!(found_by(&"ab".parse().unwrap(), &longest.parse().unwrap()).len() <= WORDS_MAX);
        assert_eq!(asked("a b c d e f a").len(), ASKED_MAX);
    }
}

//! What a password is: one text however it was typed, and none of those that are guessed first. `[LI2]`
//!
//! Owns: the form that is hashed (RFC 8265, OpaqueString: NFC, every space the same one), the lengths, and the look for
//! weak ones (NIST SP 800-63B: commonly used, expected, about the account itself).
//! Never: trims, folds case or cuts; shows a password.

use std::fmt;

use tidings_protocol::{
    Refusal, RefusalCode,
    limits::{PASSWORD_BYTES_MAX, PASSWORD_LEN_MIN},
};
use unicode_normalization::UnicodeNormalization;

use super::frequent::COMMON;

/// What may stand around a common word without making it another one: `Password2024!` is `password`.
const AROUND_CHARS_MAX: usize = 4;
/// Characters that a run on the keyboard or in the alphabet has at least.
const RUN_CHARS_MIN: usize = 3;
/// Characters of what is repeated, at most, to be a pattern and not a phrase said twice.
const PERIOD_CHARS_MAX: usize = 4;
/// Characters of a text about the account, at least, and of one of its words: shorter ones stand in honest passwords.
const ABOUT_CHARS_MIN: (usize, usize) = (3, 4);

/// Keys that lie side by side, and letters and digits in their order.
const RUNS: &[&str] = &[
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiopü",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "1q2w3e4r5t6y7u8i9o0p",
    "qazwsxedcrfvtgbyhnujm",
    "!@#$%^&*()",
    "йцукенгшщзхъ",
    "фывапролджэ",
    "ячсмитьбю",
];

/// A password in the form that is hashed. Two ways of typing one text are one password.
#[derive(Clone)]
pub struct Password(Option<Box<str>>);

impl Password {
    /// What somebody who signs in typed. What no account can have fits no hash.
    #[must_use]
    pub fn given(text: &str) -> Password {
        Password(prepare(text).ok().filter(|text| length(text).is_ok()))
    }

    /// One that is chosen for an account; `about` are texts that people know of it: its names, the server's.
    ///
    /// # Errors
    /// `bad_request` when it breaks the rule, `weak_password` when it is one that is guessed first.
    pub fn chosen(text: &str, about: &[&str]) -> Result<Password, Refusal> {
        let bad = |sentence: String| Refusal::with_message(RefusalCode::BadRequest, sentence);
        let text = prepare(text).map_err(|sentence| bad(sentence.to_owned()))?;
        length(&text).map_err(bad)?;
        match weakness(&text, about) {
            Some(sentence) => Err(Refusal::with_message(RefusalCode::WeakPassword, sentence)),
            None => Ok(Password(Some(text))),
        }
    }

    /// The text, unless no account can have it.
    pub(super) fn text(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

/// RFC 8265, section 4.2.2. Characters that show nothing stay, against its letter: emoji are made with them.
fn prepare(text: &str) -> Result<Box<str>, &'static str> {
    // NFC makes at most three times as many bytes: what is longer than this is too long in any form.
    if text.len() > 4 * PASSWORD_BYTES_MAX {
        return Ok(text.into());
    }
    if text.chars().any(char::is_control) {
        return Err("A password has no line breaks and no control characters.");
    }
    let spaces = text.chars().map(|c| if is_space(c) { ' ' } else { c });
    Ok(spaces.nfc().collect::<String>().into())
}

/// Unicode's category Zs.
fn is_space(c: char) -> bool {
    matches!(
        c,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

fn length(text: &str) -> Result<(), String> {
    if text.chars().count() < PASSWORD_LEN_MIN {
        return Err(format!(
            "A password has at least {PASSWORD_LEN_MIN} characters."
        ));
    }
    if text.len() > PASSWORD_BYTES_MAX {
        return Err(format!(
            "A password has at most {PASSWORD_BYTES_MAX} bytes."
        ));
    }
    Ok(())
}

/// What makes a password one that is guessed first, in a sentence; none if nothing does.
fn weakness(password: &str, about: &[&str]) -> Option<&'static str> {
    let folded = password.to_lowercase();
    if is_pattern(&folded) {
        return Some(
            "This password repeats a few characters or follows the keyboard, so it is guessed first. Choose another; \
             four words that do not belong together are a good one.",
        );
    }
    if is_common(&folded) {
        return Some(
            "This password is among the most common ones, so it is guessed first. Choose another; four words that do \
             not belong together are a good one.",
        );
    }
    let words = about.iter().flat_map(|text| {
        let words = text.split(|c: char| !c.is_alphanumeric());
        words.filter(|word| word.chars().count() >= ABOUT_CHARS_MIN.1)
    });
    let mut about = about.iter().copied().chain(words);
    if about.any(|text| is_about(&folded, text)) {
        return Some(
            "This password is little more than the name of the account or the server, so it is guessed first. Choose \
             another; four words that do not belong together are a good one.",
        );
    }
    None
}

/// `aaaaaaaa`, `abcabcabc`, `12345678`, `qwerty123`.
fn is_pattern(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let longest = PERIOD_CHARS_MAX.min(chars.len() / 2);
    let repeats = |period: usize| (period..chars.len()).all(|i| chars[i] == chars[i - period]);
    (1..=longest).any(repeats) || is_runs(&chars)
}

/// Whether all of it is runs: of one character, or along one of [`RUNS`], forwards or back.
fn is_runs(chars: &[char]) -> bool {
    let mut rest = chars;
    while !rest.is_empty() {
        let length = run(rest);
        if length < RUN_CHARS_MIN {
            return false;
        }
        rest = &rest[length..];
    }
    true
}

/// The characters of the longest run that it begins with.
fn run(chars: &[char]) -> usize {
    let same = chars.iter().take_while(|c| **c == chars[0]).count();
    let along = |row: &mut dyn Iterator<Item = char>| {
        let row: Vec<char> = row.collect();
        let starts = (0..row.len()).filter(|i| row[*i] == chars[0]);
        let lengths = starts.map(|i| {
            let pairs = row[i..].iter().zip(chars);
            pairs.take_while(|(a, b)| a == b).count()
        });
        lengths.max().unwrap_or_default()
    };
    let rows = RUNS
        .iter()
        .map(|row| along(&mut row.chars()).max(along(&mut row.chars().rev())));
    rows.max().unwrap_or_default().max(same)
}

/// A common word with little around it, also with digits and signs for letters: `P@ssw0rd123`.
fn is_common(folded: &str) -> bool {
    let found = |text: &str| {
        COMMON
            .split_ascii_whitespace()
            .any(|word| text.contains(word) && is_little(&text.replace(word, "")))
    };
    let bare: String = folded.chars().filter(|c| c.is_alphanumeric()).collect();
    found(folded) || found(&bare) || found(&letters(folded, 'i')) || found(&letters(folded, 'l'))
}

/// With the letters that digits and signs stand for; `one` is what a 1 stands for.
fn letters(folded: &str, one: char) -> String {
    let letter = |c| match c {
        '0' => 'o',
        '1' | '!' | '|' => one,
        '3' | '€' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        c => c,
    };
    // What follows the word is not spelt so: `password1`.
    let end = folded.trim_end_matches(|c: char| !c.is_alphabetic()).len();
    let (word, rest) = folded.split_at(end);
    word.chars().map(letter).chain(rest.chars()).collect()
}

/// The name of the account or the server with little around it.
fn is_about(folded: &str, word: &str) -> bool {
    let bare = |text: &str| -> String {
        let lower = text.nfc().collect::<String>().to_lowercase();
        lower.chars().filter(|c| c.is_alphanumeric()).collect()
    };
    let (text, word) = (bare(folded), bare(word));
    if word.chars().count() < ABOUT_CHARS_MIN.0 {
        return false;
    }
    let back: String = word.chars().rev().collect();
    // However often it stands there.
    [word, back].iter().any(|word| {
        let rest = text.replace(word, "");
        rest.len() < text.len() && is_little(&rest)
    })
}

fn is_little(rest: &str) -> bool {
    let chars: Vec<char> = rest.chars().collect();
    chars.len() <= AROUND_CHARS_MAX || is_runs(&chars)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Option<RefusalCode> {
        let about = [
            "ada.lovelace",
            "Ada Lovelace",
            "chat.example.org",
            "tidings",
        ];
        Password::chosen(text, &about)
            .err()
            .map(|refusal| refusal.code)
    }

    #[test]
    fn one_text_is_one_password_however_it_was_typed() {
        // [LI2]
        let of = |text: &str| Password::given(text).text().map(str::to_owned);
        for (one, other) in [
            ("Straße-Grün", "Straße-Gru\u{308}n"),
            ("한글비밀번호예", "\u{1112}\u{1161}\u{11ab}글비밀번호예"),
            ("eight o\u{a0}clock", "eight o clock"),
            ("ideographic\u{3000}one", "ideographic one"),
            ("An\u{212b}ngstroms", "An\u{c5}ngstroms"),
        ] {
            let both = (of(one), of(other));
            assert!(both.0 == both.1, "{one}");
        }
        // Nothing else is made equal.
        for (one, other) in [
            (" correct horse", "correct horse"),
            ("Correct Horse", "correct horse"),
            ("ﬁfteen men", "fifteen men"),
            ("correct  horse", "correct horse"),
        ] {
            assert_ne!(of(one), of(other), "{one}");
        }
        assert_eq!(of("correct\u{0}horse"), None);
        assert_eq!(of(&"x".repeat(100_000)), None);
    }

    #[test]
    fn lengths_keep_their_rule() {
        // [LI2]
        let long = |n| "correct horse".chars().cycle().take(n).collect::<String>();
        for bad in [
            "",
            "äöüqwfp",
            "tab\tinside",
            "line\nbreak it",
            "u\u{308}u\u{308}u\u{308}u\u{308}",
            &long(513),
            &"x".repeat(10_000),
        ] {
            assert_eq!(code(bad), Some(RefusalCode::BadRequest), "{bad}");
        }
        for good in ["äöüßzjkw", "👩‍👩‍👧‍👦 and ☕", &long(512)] {
            assert_eq!(code(good), None, "{good}");
        }
    }

    #[test]
    fn what_is_guessed_first_is_refused() {
        // [LI2]
        for weak in [
            "password",
            "Password",
            "PASSWORD1",
            "password123",
            "p@ssw0rd",
            "P@$$w0rd!",
            "Passw0rd2024",
            "12345678",
            "123456789",
            "87654321",
            "aaaaaaaa",
            "abcabcabc",
            "abababab",
            "qwertyuiop",
            "qwerty123",
            "1qaz2wsx",
            "1q2w3e4r",
            "asdfghjkl",
            "abcd1234",
            "iloveyou",
            "iloveyou!!",
            "sunshine1",
            "trustno1!",
            "letmein1",
            "letmein!",
            "welcome1",
            "admin123",
            "administrator",
            "football",
            "princess",
            "superman1",
            "changeme",
            "ada.lovelace",
            "AdaLovelace1",
            "adalovelace!",
            "ecalevolada",
            "Ada Lovelace 99",
            "lovelace",
            "lovelace1",
            "tidings1",
            "tidings2026",
            "chatexampleorg",
            "chat.example.org",
            "йцукенгш",
            "passwort",
            "passwort1",
            "motdepasse",
            "contraseña",
            "password password",
            "hallo123",
            "schatz123",
            "11223344",
            "11111111",
        ] {
            assert_eq!(code(weak), Some(RefusalCode::WeakPassword), "{weak}");
        }
        for good in [
            "correct horse",
            "wrong horse",
            "battery staple",
            "zqmxwpqf",
            "my password is long",
            "Tidings for everybody",
            "Straße-Grün",
            "lovelace engine",
            "ada wrote the first",
            "noisy-otter-42",
            "tr0ub4dor&3",
            "x7f-q9pz",
        ] {
            assert_eq!(code(good), None, "{good}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = format!("{:?}", Password::given("correct horse"));
        assert!(!shown.contains("horse"));
    }
}

//! Words and calls that stay out, each with what to write instead.
//!
//! Owns the list. It looks at code only, never at sentences or strings; where a reason to sleep in
//! a test is good, the line says so itself with a marker comment.

use super::Finding;
use super::source::{Language, Source};

/// Where a ban holds.
#[derive(Clone, Copy)]
enum Where {
    Everywhere,
    Tests,
    /// The pure crates, tests apart.
    Pure,
}

struct Ban {
    language: Language,
    place: Where,
    /// All of these stand in one line of code.
    parts: &'static [&'static str],
    instead: &'static str,
    /// A comment on the line, or on the line before, that permits it; a reason follows it.
    marker: Option<&'static str>,
}

/// The crates where time and ids are arguments.
const PURE: &[&str] = &["core", "sync", "protocol", "websocket"];

const SLEEP: Option<&str> = Some("tidy: allow sleep —");
const TIME: &str = "take the time as an argument";

const BANS: &[Ban] = &[
    rust(
        Where::Everywhere,
        &["dbg!"],
        "write a tracing event, or nothing",
    ),
    rust(
        Where::Everywhere,
        &["todo!"],
        "write it now, or leave the function out",
    ),
    rust(
        Where::Everywhere,
        &["unimplemented!"],
        "write it now, or leave the function out",
    ),
    rust(
        Where::Everywhere,
        &["#[ignore"],
        "mend the test, or delete it",
    ),
    rust(Where::Pure, &["Instant::now"], TIME),
    rust(Where::Pure, &["SystemTime::now"], TIME),
    rust(Where::Pure, &["Timestamp::now"], TIME),
    rust(Where::Pure, &["Zoned::now"], TIME),
    rust(Where::Pure, &["Uuid::now_v7"], "take the id as an argument"),
    rust(Where::Pure, &["Uuid::new_v4"], "take the id as an argument"),
    sleep(Language::Rust, &["thread::sleep"]),
    sleep(Language::Rust, &["time::sleep"]),
    sleep(Language::Rust, &["use ", "time::{", "sleep"]),
    sleep(Language::Web, &["waitForTimeout("]),
    sleep(Language::Web, &["new Promise", "setTimeout("]),
    web(&[".skip("], "mend the test, or delete it"),
    web(&[".only("], "run one test from the command line"),
    web(&[".todo("], "write the test, or leave it out"),
];

const fn rust(place: Where, parts: &'static [&'static str], instead: &'static str) -> Ban {
    Ban {
        language: Language::Rust,
        place,
        parts,
        instead,
        marker: None,
    }
}

const fn web(parts: &'static [&'static str], instead: &'static str) -> Ban {
    Ban {
        language: Language::Web,
        place: Where::Tests,
        parts,
        instead,
        marker: None,
    }
}

const fn sleep(language: Language, parts: &'static [&'static str]) -> Ban {
    Ban {
        language,
        place: Where::Tests,
        parts,
        instead: "wait for the thing itself (an event, a channel, a condition), or write \
                  `// tidy: allow sleep — <reason>`",
        marker: SLEEP,
    }
}

/// Checks every line of one file.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    if source.is_generated() {
        return findings;
    }
    let written: Vec<&str> = source.text.lines().collect();
    for (number, code) in source.code.lines().enumerate() {
        for ban in BANS {
            if ban.language == source.language
                && holds(ban.place, source, number)
                && ban.parts.iter().all(|part| has_word(code, part))
                && !permitted(ban, &written, number)
            {
                findings.push(Finding::error(
                    &source.path,
                    number + 1,
                    format!("no `{}`: {}", ban.parts.join("…"), ban.instead),
                ));
            }
        }
    }
    findings
}

fn holds(place: Where, source: &Source, line: usize) -> bool {
    match place {
        Where::Everywhere => true,
        Where::Tests => source.is_test(line),
        Where::Pure => {
            source.krate().is_some_and(|krate| PURE.contains(&krate)) && !source.is_test(line)
        }
    }
}

/// Whether the part stands in the line, and not as the end of a longer word.
fn has_word(code: &str, part: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins_a_word = part.bytes().next().is_some_and(word);
    code.match_indices(part)
        .any(|(at, _)| !begins_a_word || at == 0 || !word(code.as_bytes()[at - 1]))
}

/// Whether the marker, with a reason after it, stands on this line or in the comment above it.
fn permitted(ban: &Ban, written: &[&str], line: usize) -> bool {
    let Some(marker) = ban.marker else {
        return false;
    };
    let reason = |text: &str| {
        text.split_once(marker)
            .is_some_and(|(_, reason)| !reason.trim().is_empty())
    };
    if reason(written[line]) {
        return true;
    }
    let above = written[..line].iter().rev();
    above
        .take_while(|text| text.trim_start().starts_with("//"))
        .any(|text| reason(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let findings = check(&Source::new(path, text));
        findings.into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn unfinished_code_stays_out() {
        let text = "fn a() { dbg!(1); }\nfn b() { todo!() }\nfn c() { unimplemented!() }\n// todo!()\nlet s = \"dbg!\";\nfn e() { my_todo!() }\n";
        assert_eq!(lines("crates/engine/src/a.rs", text), [1, 2, 3]);
    }

    #[test]
    fn no_test_is_set_aside() {
        assert_eq!(
            lines(
                "crates/engine/tests/a.rs",
                "#[test]\n#[ignore = \"slow\"]\nfn a() {}\n"
            ),
            [2]
        );
        let text = "it.skip('a', () => {});\ndescribe.only('b', () => {});\ntest.todo('c');\n";
        assert_eq!(lines("packages/client/src/a.test.ts", text), [1, 2, 3]);
        assert_eq!(
            lines("packages/client/src/a.ts", "pages.skip(1);\n"),
            [0; 0]
        );
    }

    #[test]
    fn the_pure_crates_have_no_clock() {
        let text = "let a = std::time::Instant::now();\nlet b = SystemTime::now();\n";
        assert_eq!(lines("crates/sync/src/a.rs", text), [1, 2]);
        assert_eq!(lines("crates/engine/src/a.rs", text), [0; 0]);
        assert_eq!(lines("crates/sync/tests/a.rs", text), [0; 0]);
    }

    #[test]
    fn a_test_does_not_sleep_without_a_reason() {
        let text = "tokio::time::sleep(d).await;\nstd::thread::sleep(d);\nuse tokio::time::{sleep, timeout};\n";
        assert_eq!(lines("crates/engine/tests/a.rs", text), [1, 2, 3]);
        assert_eq!(lines("crates/engine/src/a.rs", text), [0; 0]);
        let told = "// tidy: allow sleep — the clock of this test is paused,\n// so nothing waits.\ntokio::time::sleep(d).await;\ntokio::time::sleep(d).await; // tidy: allow sleep — the same\n";
        assert_eq!(lines("crates/engine/tests/a.rs", told), [0; 0]);
        let untold = "tokio::time::sleep(d).await; // tidy: allow sleep —\n";
        assert_eq!(lines("crates/engine/tests/a.rs", untold), [1]);
        let browser =
            "await page.waitForTimeout(100);\nawait new Promise((r) => setTimeout(r, 5));\n";
        assert_eq!(lines("e2e/stories/a.spec.ts", browser), [1, 2]);
    }
}

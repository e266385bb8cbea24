//! The shape of files: how long, with which header, under which name.
//!
//! Owns the limits on size and the names that say nothing. Tests and generated files may be long;
//! no file may be nameless.

use super::Finding;
use super::source::{Language, Source};

/// Home is 150 to 400 lines; beyond this a file asks for a second look.
const LINES_WARNED: usize = 500;
/// The hard end.
const LINES_MAX: usize = 800;

/// Names that tell a reader nothing about what is inside.
const NAMES: &[&str] = &[
    "common", "util", "utils", "helper", "helpers", "manager", "misc",
];

/// Checks one file's length, header and name.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    if source.language == Language::Other {
        return findings;
    }
    check_name(source, &mut findings);
    if source.is_generated() {
        return findings;
    }
    if source.language == Language::Rust && !has_header(&source.text) {
        findings.push(Finding::error(
            &source.path,
            1,
            "no `//!` header; say in 3 to 10 lines what this module owns and must never do",
        ));
    }
    let lines = source.lines_outside_tests();
    if lines > LINES_MAX {
        findings.push(Finding::error(
            &source.path,
            0,
            format!(
                "{lines} lines outside tests; {LINES_MAX} is the end: split it by what it owns"
            ),
        ));
    } else if lines > LINES_WARNED {
        findings.push(Finding::warning(
            &source.path,
            0,
            format!("{lines} lines outside tests; home is 150 to 400"),
        ));
    }
    findings
}

fn check_name(source: &Source, findings: &mut Vec<Finding>) {
    if source.path.ends_with("/mod.rs") {
        let folder = source.path.trim_end_matches("/mod.rs");
        findings.push(Finding::error(
            &source.path,
            0,
            format!("no mod.rs; name it {folder}.rs"),
        ));
    }
    for part in source.path.split('/') {
        let stem = part.split('.').next().unwrap_or(part);
        if NAMES.contains(&stem.to_ascii_lowercase().as_str()) {
            findings.push(Finding::error(
                &source.path,
                0,
                format!("`{stem}` says nothing; name the module after what it owns"),
            ));
        }
    }
    if source.language == Language::Rust {
        for (number, line) in source.code.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            if words.any(|word| word == "mod") && words.next().is_some_and(|n| NAMES.contains(&n)) {
                findings.push(Finding::error(
                    &source.path,
                    number + 1,
                    "this module's name says nothing; name it after what it owns",
                ));
            }
        }
    }
}

/// Whether the first thing in the file is its `//!` header; inner attributes may stand before it.
fn has_header(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with("#!["))
        .is_some_and(|line| line.starts_with("//!"))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn found(path: &str, text: &str) -> Vec<Level> {
        let findings = check(&Source::new(path, text));
        findings.into_iter().map(|finding| finding.level).collect()
    }

    fn long(lines: usize) -> String {
        format!("//! Long.\n{}", "fn f() {}\n".repeat(lines - 1))
    }

    #[test]
    fn sizes_have_a_soft_and_a_hard_end() {
        assert_eq!(found("crates/core/src/a.rs", &long(500)), []);
        assert_eq!(found("crates/core/src/a.rs", &long(501)), [Level::Warning]);
        assert_eq!(found("crates/core/src/a.rs", &long(801)), [Level::Error]);
        assert_eq!(found("web/src/app/a.svelte", &long(801)), [Level::Error]);
        assert_eq!(found("crates/core/tests/a.rs", &long(2000)), []);
        assert_eq!(
            found("packages/protocol/src/generated/a.ts", &long(2000)),
            []
        );
        let tested = format!(
            "//! X.\n#[cfg(test)]\nmod tests {{\n{}}}\n",
            "\n".repeat(900)
        );
        assert_eq!(found("crates/core/src/a.rs", &tested), []);
    }

    #[test]
    fn a_module_begins_with_its_header() {
        assert_eq!(found("crates/core/src/a.rs", "fn a() {}\n"), [Level::Error]);
        assert_eq!(found("crates/core/src/a.rs", "#![no_main]\n\n//! A.\n"), []);
        assert_eq!(found("web/src/app/a.ts", "export {}\n"), []);
    }

    #[test]
    fn names_say_what_is_inside() {
        assert_eq!(
            found("crates/core/src/utils.rs", "//! A.\n"),
            [Level::Error]
        );
        assert_eq!(found("web/src/helpers/a.ts", ""), [Level::Error]);
        assert_eq!(
            found("crates/core/src/a/mod.rs", "//! A.\n"),
            [Level::Error]
        );
        assert_eq!(
            found("crates/core/src/a.rs", "//! A.\npub(crate) mod utils {}\n"),
            [Level::Error]
        );
        assert_eq!(found("crates/core/src/commons.rs", "//! common\n"), []);
    }
}

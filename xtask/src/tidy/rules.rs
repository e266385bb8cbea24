//! The protocol's numbered rules and the code that proves them.
//!
//! Owns the two directions: an id that code quotes as `[SEQ1]` must stand in `spec/PROTOCOL.md`,
//! and each rule there must be quoted by a test (or an auditor of the test kit, which is one). The
//! first holds within the document's own families: `[UTF8]` is no rule, but no mistake either.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::source::{Language, Source};

const DOCUMENT: &str = "spec/PROTOCOL.md";
/// What judges the runs of tests and simulations.
const AUDITORS: &str = "crates/testkit/";

/// Compares the rules with the quotes of the whole tree.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let Some(document) = sources.iter().find(|source| source.path == DOCUMENT) else {
        return Vec::new();
    };
    let rules = defined(&document.text);
    let families: BTreeSet<&str> = rules.keys().map(|id| family(id)).collect();
    let mut findings = Vec::new();
    let mut quoted = BTreeSet::new();
    for source in sources {
        // Tidy's own tests name rules that do not exist.
        if source.language == Language::Other || source.path.starts_with("xtask/") {
            continue;
        }
        for (number, line) in source.text.lines().enumerate() {
            for id in bracketed(line) {
                if families.contains(family(id)) && !rules.contains_key(id) {
                    findings.push(Finding::error(
                        &source.path,
                        number + 1,
                        format!("[{id}] is no rule of {DOCUMENT}; add it there, or mend the id"),
                    ));
                }
                if source.is_test(number) || source.path.starts_with(AUDITORS) {
                    quoted.insert(id.to_owned());
                }
            }
        }
    }
    for (id, line) in rules.iter().filter(|(id, _)| !quoted.contains(**id)) {
        findings.push(Finding::error(
            DOCUMENT,
            *line,
            format!(
                "no test quotes [{id}]; quote it in the one that proves it, or write that test"
            ),
        ));
    }
    findings
}

/// The rules that the document defines, with their lines: `**SEQ1**` at the beginning of a line or
/// of a list's item.
fn defined(text: &str) -> BTreeMap<&str, usize> {
    let mut rules = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let line = line.strip_prefix("- ").unwrap_or(line);
        let id = line
            .strip_prefix("**")
            .and_then(|rest| rest.split("**").next());
        if let Some(id) = id.filter(|id| is_rule_id(id)) {
            rules.entry(id).or_insert(number + 1);
        }
    }
    rules
}

/// The ids that a line quotes in square brackets, alone or separated by commas.
fn bracketed(line: &str) -> Vec<&str> {
    line.split('[')
        .skip(1)
        .filter_map(|rest| rest.split(']').next())
        .flat_map(|inside| {
            let ids: Vec<&str> = inside.split(',').map(str::trim).collect();
            if ids.iter().all(|id| is_rule_id(id)) {
                ids
            } else {
                Vec::new()
            }
        })
        .collect()
}

/// The letters of an id.
fn family(id: &str) -> &str {
    id.trim_end_matches(|c: char| c.is_ascii_digit())
}

/// One to six capital letters and a number: `SEQ1`.
fn is_rule_id(word: &str) -> bool {
    let letters = word
        .bytes()
        .take_while(|byte| byte.is_ascii_uppercase())
        .count();
    let digits = &word[letters..];
    (1..=6).contains(&letters)
        && (1..=3).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    const RULES: &str = "# Protocol\n\n**P1** Acknowledged means durable.\n- **SEQ1** gapless, see SEQ2.\n- **SEQ2** one order\n- SEQ9 is only spoken of.\n- **SUB4** Cut over\n- **note** no rule\n";

    #[test]
    fn rules_are_found_where_they_are_defined() {
        let rules = defined(RULES);
        assert_eq!(
            rules.into_iter().collect::<Vec<_>>(),
            [("P1", 3), ("SEQ1", 4), ("SEQ2", 5), ("SUB4", 7)]
        );
    }

    #[test]
    fn quotes_stand_in_brackets() {
        assert_eq!(
            bracketed("// [P1] and [SEQ1, SEQ2]"),
            ["P1", "SEQ1", "SEQ2"]
        );
        assert_eq!(bracketed("let a = [0u8; 4]; b[UTF8]; c[at1]"), ["UTF8"]);
    }

    #[test]
    fn a_wrong_quote_fails_and_so_does_a_rule_that_no_test_quotes() {
        let sources = [
            Source::new(DOCUMENT, RULES),
            Source::new(
                "crates/sync/src/a.rs",
                "//! [SUB4] is kept here\n// [SEQ8] [UTF8]\n#[cfg(test)]\nmod tests {\n    // [P1]\n}\n",
            ),
            Source::new("crates/sync/tests/b.rs", "// [SEQ1]\n"),
            Source::new("crates/testkit/src/audit.rs", "// [SEQ2]\n"),
        ];
        let findings = check(&sources);
        let short: Vec<(&str, usize)> = findings
            .iter()
            .map(|finding| (finding.path.as_str(), finding.line))
            .collect();
        assert_eq!(short, [("crates/sync/src/a.rs", 2), (DOCUMENT, 7)]);
        assert!(findings.iter().all(|finding| finding.level == Level::Error));
        assert!(findings[1].message.contains("[SUB4]"), "{}", findings[1]);
    }

    #[test]
    fn without_the_document_nothing_is_claimed() {
        let sources = [Source::new("crates/sync/src/a.rs", "// [P1]\n")];
        assert!(check(&sources).is_empty());
    }
}

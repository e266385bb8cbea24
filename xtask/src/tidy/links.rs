//! Links from one document of the tree to another.
//!
//! Owns the check that a relative link in Markdown, and a decision that code points to, exist. It
//! must never look at the network: an address elsewhere is the reader's business.

use std::collections::BTreeSet;

use super::Finding;
use super::source::Source;
use super::web::resolve;

/// Checks one file's links against the files and folders of the tree.
pub(super) fn check(source: &Source, tree: &BTreeSet<String>) -> Vec<Finding> {
    let folder = source
        .path
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    let markdown = source.path.ends_with(".md");
    let mut findings = Vec::new();
    let mut in_fence = false;
    for (number, line) in source.text.lines().enumerate() {
        // A test may speak of a decision that nobody made.
        let mut targets = match source.is_test(number) {
            true => Vec::new(),
            false => decisions(line),
        };
        in_fence ^= markdown && line.trim_start().starts_with("```");
        if markdown && !in_fence {
            targets.extend(links(line).map(|link| resolve(folder, &relative(link))));
        }
        for target in targets {
            if !tree.contains(target.trim_end_matches('/')) {
                findings.push(Finding::error(
                    &source.path,
                    number + 1,
                    format!("{target} does not exist; write it, or mend the link"),
                ));
            }
        }
    }
    findings
}

/// The files and folders above the given files.
pub(super) fn tree<'a>(files: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let mut tree = BTreeSet::new();
    for file in files {
        let mut path = file;
        while tree.insert(path.to_owned()) {
            match path.rsplit_once('/') {
                Some((folder, _)) => path = folder,
                None => break,
            }
        }
    }
    tree
}

/// The targets of `[text](target)` that lie in the tree.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ', '#']).next())
        .filter(|link| !link.is_empty() && !link.contains(':') && !link.starts_with('/'))
}

fn relative(link: &str) -> String {
    if link.starts_with('.') {
        link.to_owned()
    } else {
        format!("./{link}")
    }
}

/// Whole paths of decisions, wherever they are named.
fn decisions(line: &str) -> Vec<String> {
    const FOLDER: &str = "docs/decisions/";
    line.match_indices(FOLDER)
        .filter_map(|(at, _)| {
            let rest = &line[at + FOLDER.len()..];
            let name = &rest[..rest.find(".md")?];
            let whole = name.starts_with(|c: char| c.is_ascii_digit())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            whole.then(|| format!("{FOLDER}{name}.md"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<usize> {
        let tree = tree(["README.md", "docs/decisions/0001-a.md", "spec/PROTOCOL.md"].into_iter());
        let findings = check(&Source::new(path, text), &tree);
        findings.into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_link_within_the_tree_leads_somewhere() {
        let text = "[a](spec/PROTOCOL.md) [b](docs/decisions/)\n[c](spec/PROTOCOL.md#6-rest) [d](https://x.example/y)\n[e](spec/GONE.md)\n```\n[f](gone.md)\n```\n";
        assert_eq!(found("README.md", text), [3]);
        assert_eq!(
            found(
                "docs/decisions/0001-a.md",
                "[a](../../README.md)\n[b](../README.md)\n"
            ),
            [2]
        );
    }

    #[test]
    fn a_decision_that_code_points_to_exists() {
        let text = "//! Why: `docs/decisions/0001-a.md`.\n//! `docs/decisions/0002-b.md`\n//! docs/decisions/ holds them\n";
        assert_eq!(found("crates/core/src/a.rs", text), [2]);
    }
}

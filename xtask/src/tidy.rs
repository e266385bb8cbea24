//! `cargo xtask tidy`: the house rules that a program can check.
//!
//! Owns the walk over the tree and the verdict; each family of rules is a module below that looks
//! at texts and returns findings, so that it can be tried on small strings. A rule names what to
//! do instead. Tidy must never change a file, and never need the network or a build.

mod imports;
mod links;
mod rules;
mod shape;
mod source;
mod web;
mod words;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use crate::command;
use source::Source;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// Shown, and nothing more.
    Warning,
    /// Fails the run.
    Error,
}

/// One place that breaks one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    level: Level,
    path: String,
    /// Counted from 1; 0 when the whole file is meant.
    line: usize,
    message: String,
}

impl Finding {
    fn error(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            path: path.to_owned(),
            line,
            message: message.into(),
        }
    }

    fn warning(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            ..Self::error(path, line, message)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Warning => "warning",
            Level::Error => "error",
        };
        match self.line {
            0 => write!(f, "{level}: {}: {}", self.path, self.message),
            line => write!(f, "{level}: {}:{line}: {}", self.path, self.message),
        }
    }
}

/// Checks the whole tree: what git tracks, and what it would track.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let Tree { paths, sources } = read_tree(root)?;
    let mut findings = Vec::new();
    for source in &sources {
        findings.extend(shape::check(source));
        findings.extend(words::check(source));
        findings.extend(web::check(source));
        findings.extend(links::check(source, &paths));
        findings.extend(imports::check_manifest(source));
        findings.extend(imports::check_lock(source));
    }
    findings.extend(rules::check(&sources));
    for finding in &findings {
        println!("{finding}");
    }
    let count = |level| findings.iter().filter(|f| f.level == level).count();
    let (errors, warnings) = (count(Level::Error), count(Level::Warning));
    println!(
        "tidy: {} files, {errors} errors, {warnings} warnings",
        sources.len()
    );
    match errors {
        0 => Ok(()),
        _ => Err("tidy: mend the errors above".to_owned()),
    }
}

const READ: &[&str] = &[
    ".rs",
    ".ts",
    ".js",
    ".mjs",
    ".svelte",
    ".toml",
    ".md",
    "Cargo.lock",
];

struct Tree {
    /// Every file and every folder.
    paths: BTreeSet<String>,
    /// The files that a rule may look at.
    sources: Vec<Source>,
}

fn read_tree(root: &Path) -> Result<Tree, String> {
    let listing = command::output(
        root,
        &[
            "git",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ],
    )?;
    let listing = String::from_utf8(listing)
        .map_err(|_| "a file name in the tree is not UTF-8; rename it".to_owned())?;
    let present = listing
        .split('\0')
        .filter(|path| !path.is_empty() && root.join(path).exists());
    let paths = links::tree(present);
    let mut sources = Vec::new();
    for path in &paths {
        let read = READ.iter().any(|end| path.ends_with(end));
        if read && root.join(path).is_file() {
            let text = std::fs::read_to_string(root.join(path))
                .map_err(|error| format!("{path}: {error}"))?;
            sources.push(Source::new(path, &text));
        }
    }
    Ok(Tree { paths, sources })
}

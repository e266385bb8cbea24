//! `cargo xtask codegen`: the files that are made from the code and committed.
//!
//! Owns the list of generated artefacts and the rule that a stale one fails CI. The makers live
//! with what they describe: the server prints its API documents, the protocol package turns them
//! into TypeScript. Nothing here edits by hand what a maker wrote.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::{command, reference};

/// Whether to write the artefacts or only to compare them with what is committed.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    /// Write what the makers make.
    Write,
    /// Leave the tree as it is; fail when a maker makes something else.
    Check,
}

/// One generated file, or one folder of generated files.
struct Artefact {
    /// Where it lies, from the root.
    path: &'static str,
    maker: Maker,
}

enum Maker {
    /// `tidings` with these arguments prints the file.
    Server(&'static [&'static str]),
    /// [`reference`](crate::reference) writes it from the two documents.
    Reference,
    /// `npm run codegen` in this package writes the folder.
    Package(&'static str),
}

/// In order: the reference and the packages read what the server printed.
const ARTEFACTS: &[Artefact] = &[
    Artefact {
        path: "spec/openapi.json",
        maker: Maker::Server(&["openapi"]),
    },
    Artefact {
        path: "spec/asyncapi.json",
        maker: Maker::Server(&["asyncapi"]),
    },
    Artefact {
        path: "spec/REFERENCE.md",
        maker: Maker::Reference,
    },
    Artefact {
        path: "docs/settings.md",
        maker: Maker::Server(&["settings", "--page"]),
    },
    Artefact {
        path: "packages/protocol/src/generated",
        maker: Maker::Package("packages/protocol"),
    },
];

/// Makes every artefact. A maker that is not there fails the run: what nobody makes goes stale unseen.
pub(crate) fn run(root: &Path, mode: Mode) -> Result<(), String> {
    let mut stale = Vec::new();
    for artefact in ARTEFACTS {
        let before = snapshot(&root.join(artefact.path))?;
        make(root, artefact)?;
        let after = snapshot(&root.join(artefact.path))?;
        let changed = differences(&before, &after);
        if mode == Mode::Check && !changed.is_empty() {
            restore(&before, &after)?;
            stale.extend(changed);
        } else {
            let word = if changed.is_empty() {
                "is current"
            } else {
                "written"
            };
            println!("codegen: {} {word}", artefact.path);
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = stale.iter().map(|path| shown(root, path)).collect();
    Err(format!(
        "codegen: stale: {}. Run `cargo xtask codegen` and commit what it writes.",
        names.join(", ")
    ))
}

fn make(root: &Path, artefact: &Artefact) -> Result<(), String> {
    match artefact.maker {
        Maker::Server(arguments) => {
            // A build that exists already can be named, so that CI does not build a second one.
            let program = std::env::var("TIDINGS_BIN");
            let mut line = match &program {
                Ok(program) => vec![program.as_str()],
                Err(_) => vec!["cargo", "run", "--quiet", "-p", "tidings-server", "--"],
            };
            line.extend(arguments);
            let text = command::output(root, &line)?;
            let path = root.join(artefact.path);
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
        }
        Maker::Reference => {
            let text = reference::write(root)?;
            let path = root.join(artefact.path);
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
        }
        Maker::Package(package) => {
            command::run(root, &["npm", "run", "--silent", "codegen", "-w", package])
        }
    }
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Every file at or below a path, with its bytes; nothing when the path does not exist.
fn snapshot(path: &Path) -> Result<Files, String> {
    let mut files = Files::new();
    let mut waiting = vec![path.to_owned()];
    while let Some(path) = waiting.pop() {
        let wrong = |error: std::io::Error| format!("{}: {error}", path.display());
        if path.is_dir() {
            for entry in std::fs::read_dir(&path).map_err(wrong)? {
                waiting.push(entry.map_err(wrong)?.path());
            }
        } else if path.is_file() {
            let bytes = std::fs::read(&path).map_err(wrong)?;
            files.insert(path, bytes);
        }
    }
    Ok(files)
}

fn differences(before: &Files, after: &Files) -> Vec<PathBuf> {
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    let other = after
        .iter()
        .filter(|(path, bytes)| before.get(*path) != Some(bytes))
        .map(|(path, _)| path);
    gone.chain(other).cloned().collect()
}

/// Puts the tree back as it was before the makers ran.
fn restore(before: &Files, after: &Files) -> Result<(), String> {
    for path in after.keys().filter(|path| !before.contains_key(*path)) {
        std::fs::remove_file(path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    for (path, bytes) in before {
        std::fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

fn shown(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(pairs: &[(&str, &str)]) -> Files {
        pairs
            .iter()
            .map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn a_changed_a_new_and_a_gone_file_are_stale() {
        let before = files(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let after = files(&[("a", "1"), ("b", "2"), ("d", "1")]);
        let names: Vec<_> = differences(&before, &after);
        assert_eq!(names, ["c", "b", "d"].map(PathBuf::from));
        assert!(differences(&before, &before).is_empty());
    }

    #[test]
    fn a_check_leaves_the_tree_as_it_was() {
        let folder = std::env::temp_dir().join(format!("tidings-codegen-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("deep")).expect("a folder for the test");
        std::fs::write(folder.join("deep/kept"), "old").expect("a file for the test");
        let before = snapshot(&folder).expect("readable");
        std::fs::write(folder.join("deep/kept"), "new").expect("writable");
        std::fs::write(folder.join("added"), "new").expect("writable");
        let after = snapshot(&folder).expect("readable");
        assert_eq!(differences(&before, &after).len(), 2);
        restore(&before, &after).expect("writable");
        assert_eq!(snapshot(&folder).expect("readable"), before);
        std::fs::remove_dir_all(&folder).expect("the test's own folder");
    }
}

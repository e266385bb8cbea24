//! Who may import whom: the table of the architecture, checked against the crates' manifests.
//!
//! Owns the table itself. A new edge is a change of this file, so that it is seen in review.
//! Development dependencies are free: a test may use anything.

use super::Finding;
use super::source::Source;

/// Which of our crates each crate may depend on.
const OURS: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("websocket", &[]),
    ("powercut", &[]),
    ("core", &["protocol"]),
    ("sync", &["protocol"]),
    ("sdk", &["sync", "protocol"]),
    ("store", &["core", "protocol"]),
    // The hub writes WebSocket frames, so that one broadcast is framed and compressed once.
    (
        "engine",
        &["store", "core", "sync", "websocket", "protocol"],
    ),
    (
        "server",
        &[
            "engine",
            "store",
            "core",
            "sync",
            "sdk",
            "websocket",
            "protocol",
            "bench",
        ],
    ),
];

/// Crates that stand beside the product and may use anything.
const BESIDE: &[&str] = &["testkit", "bench"];

/// Outside crates that only some of ours may name, and why.
const OUTSIDE: &[Fence] = &[
    Fence {
        crates: &[
            "tokio",
            "tokio-util",
            "async-std",
            "smol",
            "rand",
            "getrandom",
            "fastrand",
        ],
        shut_out: Some(&["core", "sync", "protocol", "websocket"]),
        only: None,
        instead: "these crates are pure: take the time, the ids and the bytes as arguments",
    },
    Fence {
        crates: &[
            "rusqlite",
            "libsqlite3-sys",
            "tokio-postgres",
            "deadpool-postgres",
            "sqlx",
        ],
        shut_out: None,
        only: Some(&["store"]),
        instead: "SQL lives in tidings-store only: add a function there",
    },
    Fence {
        crates: &["fuser"],
        shut_out: None,
        only: Some(&["powercut"]),
        instead: "a disk that forgets is for tests: use tidings-powercut",
    },
    Fence {
        crates: &["axum", "axum-extra"],
        shut_out: None,
        only: Some(&["server"]),
        instead: "HTTP lives in tidings-server only: hand it plain types",
    },
];

struct Fence {
    crates: &'static [&'static str],
    /// These may not; all others may.
    shut_out: Option<&'static [&'static str]>,
    /// Only these may.
    only: Option<&'static [&'static str]>,
    instead: &'static str,
}

impl Fence {
    fn refuses(&self, krate: &str, dependency: &str) -> bool {
        self.crates.contains(&dependency)
            && (self.shut_out.is_some_and(|list| list.contains(&krate))
                || self.only.is_some_and(|list| !list.contains(&krate)))
    }
}

/// Checks one crate's `Cargo.toml` against the table.
pub(super) fn check_manifest(source: &Source) -> Vec<Finding> {
    let Some(krate) = source.krate() else {
        return Vec::new();
    };
    if source.path != format!("crates/{krate}/Cargo.toml") {
        return Vec::new();
    }
    let manifest = match source.text.parse::<toml::Table>() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Finding::error(&source.path, 0, error.to_string())],
    };
    let mut findings = Vec::new();
    let lints = manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"));
    if lints.and_then(toml::Value::as_bool) != Some(true) {
        findings.push(Finding::error(
            &source.path,
            0,
            "the workspace's lints do not hold here; write `[lints]` with `workspace = true`",
        ));
    }
    if BESIDE.contains(&krate) {
        return findings;
    }
    let Some((_, allowed)) = OURS.iter().find(|(name, _)| *name == krate) else {
        findings.push(Finding::error(
            &source.path,
            0,
            format!(
                "the crate {krate} is not in the import table; a crate is earned: add it to \
                 xtask/src/tidy/imports.rs and say why in docs/decisions/"
            ),
        ));
        return findings;
    };
    for dependency in dependencies(&manifest) {
        let line = line_of(&source.text, &dependency);
        if let Some(ours) = dependency.strip_prefix("tidings-")
            && !allowed.contains(&ours)
        {
            findings.push(Finding::error(
                &source.path,
                line,
                format!(
                    "{krate} may not import {ours}; it may import: {}",
                    allowed.join(", ")
                ),
            ));
        }
        for fence in OUTSIDE {
            if fence.refuses(krate, &dependency) {
                findings.push(Finding::error(
                    &source.path,
                    line,
                    format!("{krate} may not import {dependency}: {}", fence.instead),
                ));
            }
        }
    }
    findings
}

/// Crates that may not be in the tree at all. (`ring` stands in the lock file as a part that others could ask for, and is
/// never built: [`crate::ci`] asks cargo.)
const NOWHERE: &[(&str, &str)] = &[
    ("openssl-sys", "no OpenSSL: rustls"),
    ("native-tls", "no OpenSSL: rustls"),
];

/// Checks what the whole workspace resolved to.
pub(super) fn check_lock(source: &Source) -> Vec<Finding> {
    if source.path != "Cargo.lock" {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (number, line) in source.text.lines().enumerate() {
        let name = line
            .strip_prefix("name = \"")
            .and_then(|rest| rest.strip_suffix('"'));
        for (banned, instead) in NOWHERE {
            if name == Some(banned) {
                findings.push(Finding::error(
                    &source.path,
                    number + 1,
                    format!("{banned} is in the tree; {instead} (`cargo tree -i {banned}`)"),
                ));
            }
        }
    }
    findings
}

/// Every dependency that ends up in the crate itself, by the real name of the package.
fn dependencies(manifest: &toml::Table) -> Vec<String> {
    let mut tables = vec![manifest.get("dependencies")];
    if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
        tables.extend(targets.values().map(|target| target.get("dependencies")));
    }
    let tables = tables.into_iter().flatten();
    tables
        .filter_map(toml::Value::as_table)
        .flat_map(|table| table.iter())
        .map(|(name, value)| {
            let package = value.get("package").and_then(toml::Value::as_str);
            package.unwrap_or(name).to_owned()
        })
        .collect()
}

fn line_of(text: &str, dependency: &str) -> usize {
    text.lines()
        .position(|line| {
            line.trim_start().starts_with(dependency) || line.contains(&format!("\"{dependency}\""))
        })
        .map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(krate: &str, text: &str) -> Vec<String> {
        let text = format!("{text}[lints]\nworkspace = true\n");
        let source = Source::new(&format!("crates/{krate}/Cargo.toml"), &text);
        check_manifest(&source)
            .into_iter()
            .map(|finding| format!("{}: {}", finding.line, finding.message))
            .collect()
    }

    #[test]
    fn the_spine_imports_downwards_only() {
        let down =
            "[dependencies]\ntidings-core.workspace = true\ntidings-protocol.workspace = true\n";
        assert!(messages("store", down).is_empty());
        let up = "[dependencies]\ntidings-engine = { path = \"../engine\" }\n";
        let found = messages("store", up);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("2: store may not import engine"),
            "{found:?}"
        );
        assert_eq!(messages("sync", down).len(), 1, "sync knows only protocol");
        assert_eq!(
            messages("server", "[dependencies]\ntidings-testkit = {}\n").len(),
            1
        );
    }

    #[test]
    fn tests_may_import_anything() {
        let text = "[dev-dependencies]\ntidings-testkit = {}\ntokio = \"1\"\nrusqlite = \"1\"\n";
        assert!(messages("core", text).is_empty());
        assert!(
            messages(
                "testkit",
                "[dependencies]\nrusqlite = \"1\"\ntidings-server = {}\n"
            )
            .is_empty()
        );
    }

    #[test]
    fn heavy_crates_stay_behind_their_fence() {
        assert_eq!(messages("sync", "[dependencies]\ntokio = \"1\"\n").len(), 1);
        assert_eq!(
            messages("engine", "[dependencies]\ntokio = \"1\"\n").len(),
            0
        );
        assert_eq!(
            messages("engine", "[dependencies]\nrusqlite = \"1\"\n").len(),
            1
        );
        assert_eq!(
            messages("store", "[dependencies]\nrusqlite = \"1\"\n").len(),
            0
        );
        assert_eq!(
            messages("engine", "[dependencies]\naxum = \"1\"\n").len(),
            1
        );
    }

    #[test]
    fn a_new_name_or_a_target_does_not_hide_a_dependency() {
        let renamed = "[dependencies]\ndb = { package = \"rusqlite\", version = \"1\" }\n";
        assert_eq!(messages("engine", renamed).len(), 1);
        let target = "[target.'cfg(unix)'.dependencies]\nrand = \"1\"\n";
        assert_eq!(messages("core", target).len(), 1);
    }

    #[test]
    fn the_lints_hold_in_every_crate() {
        let count = |text| check_manifest(&Source::new("crates/bench/Cargo.toml", text)).len();
        assert_eq!(count("[lints]\nworkspace = true\n"), 0);
        assert_eq!(count("[lints]\nworkspace = false\n"), 1);
        assert_eq!(count("[package]\n"), 1);
    }

    #[test]
    fn an_unknown_crate_is_named() {
        assert!(messages("extras", "")[0].contains("not in the import table"));
    }

    #[test]
    fn another_tls_library_is_named() {
        let lock = Source::new(
            "Cargo.lock",
            "[[package]]\nname = \"openssl-sys\"\nversion = \"0.9.0\"\n",
        );
        assert_eq!(check_lock(&lock).len(), 1);
        let lock = Source::new("Cargo.lock", "[[package]]\nname = \"openssl\"\n");
        assert!(check_lock(&lock).is_empty());
    }
}

//! `cargo xtask ci`: what CI checks besides the tests, in the order of what fails soonest.
//!
//! Owns the list of checks. Every check runs even when an earlier one failed, so that one run
//! shows everything there is to mend. It must never check what only CI can see: the same command
//! gives the same verdict on a desk.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::{codegen, command, tidy};

/// The crates that others build on.
const PUBLISHED: [&str; 3] = ["tidings-protocol", "tidings-sync", "tidings-sdk"];

/// Runs all checks, prints how long each took, and fails when one failed.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let mut report = Report::default();
    report.step("format", || {
        command::run(root, &["cargo", "fmt", "--all", "--check"])
    });
    report.step("tidy", || tidy::run(root));
    report.step("clippy", || {
        command::run(
            root,
            &[
                "cargo",
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
        )
    });
    report.step("one TLS provider", || {
        let line =
            "cargo tree --quiet --workspace --all-features --target all --edges all --invert ring";
        let line: Vec<&str> = line.split(' ').collect();
        match command::output(root, &line)? {
            nothing if nothing.trim_ascii().is_empty() => Ok(()),
            tree => Err(format!(
                "ring is built; the one provider is aws-lc-rs:\n{}",
                String::from_utf8_lossy(&tree)
            )),
        }
    });
    report.step("codegen --check", || {
        codegen::run(root, codegen::Mode::Check)
    });
    // What would be published holds all that it needs, and nothing that lies beside it. Nothing is built or sent.
    report.step("cargo package", || {
        let mut line = vec![
            "cargo",
            "package",
            "--no-verify",
            "--allow-dirty",
            "--quiet",
        ];
        for name in PUBLISHED {
            line.extend(["--package", name]);
        }
        command::run(root, &line)
    });
    // A workspace of its own, which the steps above do not see. Running the targets needs nightly, compiling them does not.
    report.step("check fuzz", || {
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
        let target = target.join("fuzz").display().to_string();
        let manifest = "fuzz/Cargo.toml";
        command::run(
            root,
            &[
                "cargo",
                "check",
                "--locked",
                "--manifest-path",
                manifest,
                "--target-dir",
                &target,
            ],
        )
    });
    report.step("npm run check", || {
        if !root.join("node_modules").is_dir() {
            return Err("node_modules is missing; run `npm ci`".to_owned());
        }
        command::run(
            root,
            &["npm", "run", "check", "--workspaces", "--if-present"],
        )
    });
    if command::exists(root, &["cargo", "deny", "--version"]) {
        report.step("cargo deny", || {
            command::run(
                root,
                &[
                    "cargo",
                    "deny",
                    "check",
                    "--hide-inclusion-graph",
                    "bans",
                    "licenses",
                    "sources",
                ],
            )
        });
    } else {
        report.skip(
            "cargo deny",
            "not installed; `cargo install --locked cargo-deny`",
        );
    }
    report.finish()
}

#[derive(Default)]
struct Report {
    lines: Vec<String>,
    failed: Vec<&'static str>,
    total: Duration,
}

impl Report {
    fn step(&mut self, name: &'static str, check: impl FnOnce() -> Result<(), String>) {
        println!("\n== {name}");
        let start = Instant::now();
        let result = check();
        let took = start.elapsed();
        self.total += took;
        let verdict = if result.is_ok() { "ok" } else { "FAILED" };
        if let Err(message) = result {
            eprintln!("{message}");
            self.failed.push(name);
        }
        self.lines.push(format!(
            "{:>7.1} s  {verdict:<7} {name}",
            took.as_secs_f64()
        ));
    }

    fn skip(&mut self, name: &str, why: &str) {
        self.lines
            .push(format!("        -  left out {name}: {why}"));
    }

    fn finish(self) -> Result<(), String> {
        println!("\n== cargo xtask ci");
        for line in &self.lines {
            println!("{line}");
        }
        println!("{:>7.1} s  together", self.total.as_secs_f64());
        if self.failed.is_empty() {
            Ok(())
        } else {
            Err(format!("ci: {} failed", self.failed.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_fails_the_whole_and_the_rest_still_runs() {
        let mut report = Report::default();
        let mut ran = Vec::new();
        report.step("first", || Err("no".to_owned()));
        report.step("second", || {
            ran.push("second");
            Ok(())
        });
        assert_eq!(ran, ["second"]);
        let message = report.finish().expect_err("the first step failed");
        assert!(message.contains("first") && !message.contains("second"));
    }
}

//! The project's own tasks: what CI checks, what is generated, what is tidy.
//!
//! Owns the command line (`cargo xtask ci | tidy | codegen | sim`) and nothing else; each task is a
//! module. It must never be needed to build or run the server: `cargo build` works without it.

mod ci;
mod codegen;
mod command;
mod reference;
mod sim;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <task>

  ci                          everything that CI checks besides the tests
  tidy                        the import table, file sizes, headers, banned words and calls
  codegen [--check]           write the generated files, or fail when one is stale
  sim --seed N [--count M]    run the seeded simulation, from seed N on, M seeds
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let root = root();
    let result = match args.as_slice() {
        ["ci"] => ci::run(&root),
        ["tidy"] => tidy::run(&root),
        ["codegen"] => codegen::run(&root, codegen::Mode::Write),
        ["codegen", "--check"] => codegen::run(&root, codegen::Mode::Check),
        ["sim", rest @ ..] => sim::run(&root, rest),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("this is not a task.\n\n{USAGE}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root: the folder above this crate's own.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in a folder of the repository")
        .to_owned()
}

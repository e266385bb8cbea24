//! Running other programs from the repository's root.
//!
//! Owns how a task starts a program and how its failure is told. It must never swallow an exit
//! code: a program that fails makes the task fail.

use std::path::Path;
use std::process::{Command, Stdio};

/// A program with its arguments, as one would type it.
pub(crate) fn command(root: &Path, line: &[&str]) -> Command {
    let (program, args) = line.split_first().expect("a command names its program");
    let mut command = Command::new(program);
    command.args(args).current_dir(root).stdin(Stdio::null());
    command
}

/// Runs a program with its output shown.
pub(crate) fn run(root: &Path, line: &[&str]) -> Result<(), String> {
    let status = command(root, line)
        .status()
        .map_err(|error| format!("cannot start `{}`: {error}", line.join(" ")))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` failed ({status})", line.join(" ")))
    }
}

/// Runs a program and returns what it wrote to its standard output.
pub(crate) fn output(root: &Path, line: &[&str]) -> Result<Vec<u8>, String> {
    let output = command(root, line)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start `{}`: {error}", line.join(" ")))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("`{}` failed ({})", line.join(" "), output.status))
    }
}

/// Whether a program can be started at all; asked by running it with the given arguments.
pub(crate) fn exists(root: &Path, line: &[&str]) -> bool {
    command(root, line)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

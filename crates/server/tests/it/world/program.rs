//! The program's other commands, run to their end.
//!
//! Owns: one run with these arguments, variables and input. Never: passes on what the one who runs the tests has set.

use std::process::Stdio;

use tokio::{io::AsyncWriteExt, process::Command};

use super::{World, in_time};

/// How a run ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// What it printed, after checking that it went well.
    #[track_caller]
    pub(crate) fn well(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:?}");
        &self.out
    }

    /// What it complained of, after checking that it ended with this code.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32) -> &str {
        assert_eq!(self.code, Some(code), "{self:?}");
        &self.err
    }

    /// Checks that none of these words stand anywhere in it.
    #[track_caller]
    pub(crate) fn keeps(&self, secrets: &[&str]) {
        for secret in secrets {
            assert!(
                !self.out.contains(secret) && !self.err.contains(secret),
                "{secret}: {self:?}"
            );
        }
    }
}

/// Runs the program with these arguments and variables, and with this input.
pub(crate) async fn run_with(args: &[&str], variables: &[(&str, &str)], input: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidings"))
        .args(args)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that reads no input may be gone already.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let ended = in_time("the end of a command", child.wait_with_output()).await;
    let ended = ended.unwrap();
    Ran {
        code: ended.status.code(),
        out: String::from_utf8(ended.stdout).unwrap(),
        err: String::from_utf8(ended.stderr).unwrap(),
    }
}

/// Runs the program with these arguments.
pub(crate) async fn run(args: &[&str]) -> Ran {
    run_with(args, &[], "").await
}

impl World {
    /// The server's data folder.
    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Runs another command of the program on the server's data.
    pub(crate) async fn tidings(&self, args: &[&str]) -> Ran {
        let data = self.data();
        let place = ["--data", data.to_str().unwrap()];
        run(&[args, &place].concat()).await
    }
}

//! What commands print on standard output.
//!
//! Owns: a reader that went away (`tidings settings | head -1`) is no error, and what cannot be written is said once.
//! Never: panics, as `println!` does.

use std::io::{ErrorKind, Write};

use anyhow::Context;

/// Prints a line.
///
/// # Errors
/// When standard output takes nothing, a full disk behind it for one. Whoever reads a pipe may stop reading.
pub fn line(text: impl std::fmt::Display) -> anyhow::Result<()> {
    put(&mut std::io::stdout().lock(), text)
}

fn put(out: &mut impl Write, text: impl std::fmt::Display) -> anyhow::Result<()> {
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

/// Says why the program failed, on standard error; when that takes nothing either, the exit code has to do.
pub fn complain(error: &anyhow::Error) {
    let _ = writeln!(std::io::stderr().lock(), "tidings: {error:#}");
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_may_stop_and_a_full_disk_is_said() {
        assert!(put(&mut Failing(ErrorKind::BrokenPipe), "x").is_ok());
        let full = put(&mut Failing(ErrorKind::StorageFull), "x").unwrap_err();
        assert!(full.to_string().contains("standard output"), "{full}");
        let mut out = Vec::new();
        put(&mut out, "a line").unwrap();
        assert_eq!(out, b"a line\n");
    }
}

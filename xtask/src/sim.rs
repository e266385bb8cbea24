//! `cargo xtask sim`: the seeded simulation of the testkit, in a release build.
//!
//! Owns only the command line; the simulation, its faults and its auditors live in
//! `crates/testkit`. A seed that fails prints itself, and becomes a named test.

use std::path::Path;

use crate::command;

/// Runs `--count` seeds from `--seed` on.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<(), String> {
    let Request { seed, count } = parse(args)?;
    let (seed, count) = (seed.to_string(), count.to_string());
    command::run(
        root,
        &[
            "cargo",
            "run",
            "--release",
            "-p",
            "tidings-testkit",
            "--bin",
            "sim",
            "--",
            "--seed",
            &seed,
            "--count",
            &count,
        ],
    )
}

#[derive(Debug, PartialEq)]
struct Request {
    seed: u64,
    count: u64,
}

fn parse(args: &[&str]) -> Result<Request, String> {
    let mut seed = None;
    let mut count = 1;
    for pair in args.chunks(2) {
        let [name, value] = pair else {
            return Err(format!("sim: `{}` needs a number after it", pair[0]));
        };
        let number = value
            .parse()
            .map_err(|_| format!("sim: `{value}` is not a number"))?;
        match *name {
            "--seed" => seed = Some(number),
            "--count" => count = number,
            other => return Err(format!("sim: `{other}` is unknown; take --seed, --count")),
        }
    }
    let seed = seed.ok_or("sim: name the first seed with --seed N")?;
    Ok(Request { seed, count })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_needed_and_the_count_is_one() {
        assert_eq!(parse(&["--seed", "7"]), Ok(Request { seed: 7, count: 1 }));
        assert_eq!(
            parse(&["--count", "20", "--seed", "7"]),
            Ok(Request { seed: 7, count: 20 })
        );
        assert!(parse(&["--count", "20"]).is_err());
        assert!(parse(&["--seed"]).is_err());
        assert!(parse(&["--seed", "seven"]).is_err());
        assert!(parse(&["--speed", "7"]).is_err());
    }
}

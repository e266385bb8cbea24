//! Runs the simulation for a range of seeds: `sim --seed N --count M`.
//!
//! Owns: the command line. Never: decides what is right; the auditors do.

use std::{io::Write, process::ExitCode};

use tidings_testkit::sim::{Options, run};

fn main() -> ExitCode {
    let mut seed = 1u64;
    let mut count = 1u64;
    let mut steps = Options::default().steps;
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().and_then(|text| text.parse().ok());
        match (name.as_str(), value) {
            ("--seed", Some(n)) => seed = n,
            ("--count", Some(n)) => count = n,
            ("--steps", Some(n)) => steps = n,
            _ => {
                eprintln!("usage: sim --seed N [--count M] [--steps S]");
                return ExitCode::FAILURE;
            }
        }
    }
    let mut failed = 0u64;
    let mut events = 0u64;
    for seed in seed..seed.saturating_add(count) {
        let outcome = run(
            seed,
            &Options {
                steps,
                ..Options::default()
            },
        );
        events += outcome.record.events();
        if !outcome.findings.is_empty() {
            failed += 1;
            eprintln!("seed {seed}: {} findings", outcome.findings.len());
            for finding in outcome.findings.iter().take(10) {
                eprintln!("  {finding}");
            }
        }
    }
    // A closed pipe is no failure of the simulation.
    let _ = writeln!(
        std::io::stdout(),
        "{count} seeds, {events} events, {failed} failed"
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

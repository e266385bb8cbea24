//! What was measured, as people and as programs read it.
//!
//! Owns: percentiles, the table, the JSON object on the last line. Never: rounds what it hands to a program.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::machine::Machine;

/// Durations of one kind, kept in steps of 100 ns, so that millions of them fit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies {
    steps: Vec<u32>,
}

/// Nanoseconds of one step.
const STEP_NANOS: u128 = 100;

impl Latencies {
    pub(crate) fn add(&mut self, duration: Duration) {
        self.steps
            .push(u32::try_from(duration.as_nanos() / STEP_NANOS).unwrap_or(u32::MAX));
    }

    pub(crate) fn extend(&mut self, other: Latencies) {
        self.steps.extend(other.steps);
    }

    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }

    /// The percentiles asked for (0 to 100), in milliseconds; by nearest rank. `NaN` when nothing was measured.
    pub(crate) fn percentiles_ms<const N: usize>(&self, percents: [f64; N]) -> [f64; N] {
        let mut sorted = self.steps.clone();
        sorted.sort_unstable();
        percents.map(|percent| match rank(sorted.len(), percent) {
            Some(index) => f64::from(sorted[index]) * STEP_NANOS as f64 / 1e6,
            None => f64::NAN,
        })
    }
}

/// The index of a percentile in `len` sorted values, by nearest rank.
fn rank(len: usize, percent: f64) -> Option<usize> {
    let rank = (percent / 100.0 * len as f64).ceil() as usize;
    (len > 0).then(|| rank.clamp(1, len) - 1)
}

/// A plain table: the first column to the left, all others to the right.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Table {
        Table {
            rows: vec![header.map(str::to_owned).to_vec()],
        }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let gap = " ".repeat(width - cell.chars().count());
                match index {
                    0 => line.extend([cell.as_str(), &gap]),
                    _ => line.extend(["  ", &gap, cell]),
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A number with as many digits as say something.
pub(crate) fn digits(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "-".into(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A measurement's results: lines for people as they come, one object for programs at the end.
#[derive(Debug)]
pub(crate) struct Report {
    json: bool,
    object: Map<String, Value>,
    machine: Machine,
}

impl Report {
    pub(crate) fn new(bench: &str, json: bool) -> anyhow::Result<Report> {
        let mut object = Map::new();
        object.insert("bench".into(), bench.into());
        let machine = Machine::now()?;
        Ok(Report {
            json,
            object,
            machine,
        })
    }

    /// A line for people.
    pub(crate) fn say(&self, line: &str) -> anyhow::Result<()> {
        use std::io::Write;
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{line}").and_then(|()| out.flush()) {
            // Whoever reads may have seen enough.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// A value for programs. What could not be measured is null.
    pub(crate) fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.object.insert(key.to_owned(), value.into());
    }

    /// Says how much others disturbed, and prints the object when it was asked for.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        let others = self.machine.others()?;
        let cores = std::thread::available_parallelism()?;
        self.say(&format!(
            "others used {} of {cores} cores meanwhile",
            digits(others)
        ))?;
        self.put("others_cores", others);
        if self.json {
            self.say(&Value::Object(self.object.clone()).to_string())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let mut latencies = Latencies::default();
        for ms in (1..=200).rev() {
            latencies.add(Duration::from_millis(ms));
        }
        assert_eq!(
            latencies.percentiles_ms([0.0, 50.0, 99.0, 100.0]),
            [1.0, 100.0, 198.0, 200.0]
        );
        let mut one = Latencies::default();
        one.add(Duration::from_micros(1500));
        assert_eq!(one.percentiles_ms([0.0, 50.0, 99.0]), [1.5; 3]);
        assert!(Latencies::default().percentiles_ms([50.0])[0].is_nan());
    }

    #[test]
    fn what_is_too_long_is_kept_as_the_longest() {
        let mut latencies = Latencies::default();
        latencies.add(Duration::from_secs(3600));
        latencies.add(Duration::ZERO);
        let mut more = Latencies::default();
        more.add(Duration::from_secs(1));
        latencies.extend(more);
        assert_eq!(latencies.len(), 3);
        assert_eq!(latencies.percentiles_ms([50.0]), [1000.0]);
        assert!(latencies.percentiles_ms([100.0])[0] > 400_000.0);
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["what", "µs", "x"]);
        table.row(["a longer one".into(), "1".into(), "10".into()]);
        table.row(["b".into(), "12.5".into(), "2".into()]);
        let text = table.to_string();
        let expected = "what            µs   x\na longer one     1  10\nb             12.5   2\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn numbers_keep_what_says_something() {
        let all = [0.0123, 1.234, 12.34, 1234.5, f64::NAN].map(digits);
        assert_eq!(all, ["0.012", "1.23", "12.3", "1234", "-"]);
    }
}

//! The log's way out: one line at a time to standard error, or nowhere.
//!
//! Owns: losing a line rather than anything else. A full disk, a closed pipe or a reader that stands still costs lines,
//! which are counted and told of once lines can be written again.
//! Never: panics for a line, or makes a core wait for the log's reader longer than [`WAIT`], and that once.

use std::{
    io::{ErrorKind, IsTerminal, Write},
    os::fd::AsFd,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tidings_engine::{Environment, SystemEnvironment};

use crate::config::LogFormat;

/// How long a line waits for a reader that is slow. One that takes nothing for so long stands still: further lines do
/// not wait, until it takes one.
const WAIT: Duration = Duration::from_millis(250);
/// Bytes that a pipe takes whole once it says that it takes any (`PIPE_BUF`, pipe(7)).
const PIECE_BYTES: usize = 4_096;

static LOST: AtomicU64 = AtomicU64::new(0);
static STARTED: AtomicBool = AtomicBool::new(false);
static OUT: Mutex<Out> = Mutex::new(Out::new());

/// Log lines that could not be written since the start.
#[must_use]
pub fn lines_lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Whether the log has begun, and what is to be told belongs there.
#[must_use]
pub fn is_started() -> bool {
    STARTED.load(Ordering::Relaxed)
}

/// Begins to log, in this form.
pub fn start(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("TIDINGS_LOG_FILTER")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Line)
        // Its own complaints would go to standard error with `eprintln!`, which panics where nothing can be written.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .with_target(false);
    OUT.lock().format = format;
    let begun = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // It was begun before.
    if begun.is_err() {
        return;
    }
    STARTED.store(true, Ordering::Relaxed);
    // Where, and not what: the message of a panic may quote what somebody wrote.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let thread = std::thread::current()
            .name()
            .unwrap_or("unnamed")
            .to_owned();
        tracing::error!(place, thread, "a panic; this is a bug");
    }));
}

/// One line on its way: the formatter hands it over whole.
#[derive(Debug)]
struct Line;

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        OUT.lock().put(&mut std::io::stderr(), line, &LOST);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is known of the place where lines go.
#[derive(Debug)]
struct Out {
    format: LogFormat,
    /// The last line was cut off: the next one begins on a line of its own.
    is_torn: bool,
    /// It took nothing for [`WAIT`].
    stands_still: bool,
    /// How many lines were lost when that was last told.
    told: u64,
}

impl Out {
    const fn new() -> Out {
        Out {
            format: LogFormat::Text,
            is_torn: false,
            stands_still: false,
            told: 0,
        }
    }

    fn put(&mut self, out: &mut (impl Write + AsFd), line: &[u8], lost: &AtomicU64) {
        let lines = lost.load(Ordering::Relaxed) - self.told;
        if lines > 0 && self.write(out, self.notice(lines).as_bytes()).is_ok() {
            self.told += lines;
        }
        if self.write(out, line).is_err() {
            lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn notice(&self, lines: u64) -> String {
        let now = SystemEnvironment.now();
        match self.format {
            LogFormat::Text => format!("{now}  WARN log lines were lost lines={lines}\n"),
            LogFormat::Json => format!(
                "{{\"timestamp\":\"{now}\",\"level\":\"WARN\",\"message\":\"log lines were lost\",\"lines\":{lines}}}\n"
            ),
        }
    }

    /// Writes a line whole, or as far as it goes.
    fn write(&mut self, out: &mut (impl Write + AsFd), line: &[u8]) -> std::io::Result<()> {
        if self.is_torn {
            self.write_piece(out, b"\n")?;
            self.is_torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            let piece = &rest[..rest.len().min(PIECE_BYTES)];
            match self.write_piece(out, piece) {
                Ok(n) => rest = &rest[n..],
                Err(error) => {
                    self.is_torn = rest.len() < line.len();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn write_piece(
        &mut self,
        out: &mut (impl Write + AsFd),
        piece: &[u8],
    ) -> std::io::Result<usize> {
        let until = Instant::now() + WAIT;
        loop {
            let wait = if self.stands_still {
                Duration::ZERO
            } else {
                until.saturating_duration_since(Instant::now())
            };
            self.stands_still = !takes_some(out, wait);
            if self.stands_still {
                return Err(ErrorKind::WouldBlock.into());
            }
            match out.write(piece) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => return Ok(n),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Somebody has made it one that does not wait, and it has less room than it said.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.stands_still = Instant::now() >= until;
                    std::thread::yield_now();
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether something can be written within this time. What cannot be asked is tried.
fn takes_some(out: &impl AsFd, wait: Duration) -> bool {
    let mut asked = [PollFd::new(out, PollFlags::OUT)];
    let wait = Timespec {
        tv_sec: i64::try_from(wait.as_secs()).unwrap_or(0),
        tv_nsec: i64::from(wait.subsec_nanos()),
    };
    !matches!(poll(&mut asked, Some(&wait)), Ok(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs::File, io::Read};

    fn lines(count: u64) -> impl Iterator<Item = String> {
        (0..count).map(|n| format!("line {n} {}\n", "x".repeat(200)))
    }

    #[test]
    fn a_full_disk_costs_lines_and_nothing_else() {
        let lost = AtomicU64::new(0);
        let mut full = File::options().write(true).open("/dev/full").unwrap();
        let mut out = Out::new();
        for line in lines(10) {
            out.put(&mut full, line.as_bytes(), &lost);
        }
        assert_eq!(lost.load(Ordering::Relaxed), 10);
    }

    #[test]
    fn a_closed_pipe_costs_lines_and_nothing_else() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        drop(reader);
        let lost = AtomicU64::new(0);
        let mut out = Out::new();
        for line in lines(3) {
            out.put(&mut writer, line.as_bytes(), &lost);
        }
        assert_eq!(lost.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_reader_that_stands_still_is_waited_for_once_and_told_what_it_missed() {
        // [P7]
        for format in [LogFormat::Text, LogFormat::Json] {
            let (mut reader, mut writer) = std::io::pipe().unwrap();
            let lost = AtomicU64::new(0);
            let mut out = Out {
                format,
                ..Out::new()
            };
            for line in lines(2_000) {
                out.put(&mut writer, line.as_bytes(), &lost);
            }
            let missed = lost.load(Ordering::Relaxed);
            assert!(missed > 0 && out.stands_still);
            // It takes everything that was there; what comes next finds room.
            let mut taken = vec![0; 1 << 20];
            let n = reader.read(&mut taken).unwrap();
            taken.truncate(n);
            out.put(&mut writer, b"after\n", &lost);
            assert_eq!(lost.load(Ordering::Relaxed), missed);
            drop(writer);
            reader.read_to_end(&mut taken).unwrap();
            let text = String::from_utf8(taken).unwrap();
            let told = text.lines().rev().nth(1).unwrap();
            assert!(told.contains("log lines were lost"), "{told}");
            assert!(told.contains(&missed.to_string()), "{missed}: {told}");
            assert!(text.ends_with("\nafter\n"));
            if format == LogFormat::Json {
                let told: serde_json::Value = serde_json::from_str(told).unwrap();
                assert_eq!(told["lines"], missed);
            }
        }
    }
}

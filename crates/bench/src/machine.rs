//! What the kernel says of a process and of its own memory, from `/proc`.
//!
//! Owns: reading and parsing. Never: guesses; what cannot be read is an error.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};

/// CPU time of a process so far, all threads, those that ended too.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Cpu {
    /// In the program itself.
    pub(crate) user: Duration,
    /// In the kernel on its behalf.
    pub(crate) system: Duration,
    /// Of the threads that live now, exact to the nanosecond; the others count in whole ticks.
    threads: Duration,
}

/// Below this the ticks of `/proc/<pid>/stat` are too coarse.
const TICKS_ENOUGH: Duration = Duration::from_secs(1);

impl Cpu {
    /// What was used since `before`.
    pub(crate) fn since(&self, before: &Cpu) -> Cpu {
        Cpu {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
            threads: self.threads.saturating_sub(before.threads),
        }
    }

    pub(crate) fn plus(&self, other: &Cpu) -> Cpu {
        Cpu {
            user: self.user + other.user,
            system: self.system + other.system,
            threads: self.threads + other.threads,
        }
    }

    /// All of it. Short spans by the exact count of the living threads, long ones by ticks, which no thread that ended
    /// takes with it.
    pub(crate) fn total(&self) -> Duration {
        let ticks = self.user + self.system;
        if ticks >= TICKS_ENOUGH {
            ticks
        } else {
            self.threads
                .max(ticks.saturating_sub(Duration::from_millis(20)))
        }
    }
}

/// CPU time of a process so far.
pub(crate) fn cpu(pid: u32) -> anyhow::Result<Cpu> {
    let stat = read(&format!("/proc/{pid}/stat"))?;
    let (user, system) = parse_stat(&stat).context("/proc/<pid>/stat does not parse")?;
    let mut threads = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end while the list is read; it is then in the ticks alone.
        if let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) {
            threads += Duration::from_nanos(first_number(&text).unwrap_or(0));
        }
    }
    Ok(Cpu {
        user: ticks(user),
        system: ticks(system),
        threads,
    })
}

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Memory {
    /// Resident.
    pub(crate) rss: u64,
    /// Resident, shared pages divided among those who share them.
    pub(crate) pss: u64,
    /// Resident and its own: heap and stacks.
    pub(crate) anonymous: u64,
}

/// Memory of a process now.
pub(crate) fn memory(pid: u32) -> anyhow::Result<Memory> {
    let text = read(&format!("/proc/{pid}/smaps_rollup"))?;
    let field = |name| {
        kib_field(&text, name).with_context(|| format!("no {name} in /proc/<pid>/smaps_rollup"))
    };
    Ok(Memory {
        rss: field("Rss:")?,
        pss: field("Pss:")?,
        anonymous: field("Anonymous:")?,
    })
}

/// Memory of the kernel for sockets, of the whole machine, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Kernel {
    /// Buffers of TCP sockets (`/proc/net/sockstat`).
    pub(crate) tcp_buffers: u64,
    /// Small objects of any kind, those of sockets among them (`/proc/meminfo`).
    pub(crate) slab: u64,
}

/// Memory of the kernel now.
pub(crate) fn kernel() -> anyhow::Result<Kernel> {
    let pages = tcp_pages(&read("/proc/net/sockstat")?).context("no TCP in /proc/net/sockstat")?;
    let slab = kib_field(&read("/proc/meminfo")?, "Slab:").context("no Slab in /proc/meminfo")?;
    Ok(Kernel {
        tcp_buffers: pages * rustix::param::page_size() as u64,
        slab,
    })
}

/// Segments with data that the whole machine sent over TCP so far. Over loopback one `send` of less than 64 KiB is one.
pub(crate) fn segments() -> anyhow::Result<u64> {
    let netstat = read("/proc/net/netstat")?;
    column(&netstat, "TcpExt:", "TCPOrigDataSent")
        .context("no TCPOrigDataSent in /proc/net/netstat")
}

/// What the whole machine did since a moment, to tell how much of it was not ours.
#[derive(Debug)]
pub(crate) struct Machine {
    began: Instant,
    busy: Duration,
    own: Duration,
}

impl Machine {
    /// From now on.
    pub(crate) fn now() -> anyhow::Result<Machine> {
        Ok(Machine {
            began: Instant::now(),
            busy: ticks(busy_ticks(&read("/proc/stat")?).context("no cpu in /proc/stat")?),
            own: own()?,
        })
    }

    /// Cores that others kept busy since then, on average: other programs, and the kernel on nobody's behalf.
    pub(crate) fn others(&self) -> anyhow::Result<f64> {
        let now = Machine::now()?;
        let busy = now.busy.saturating_sub(self.busy).as_secs_f64();
        let own = now.own.saturating_sub(self.own).as_secs_f64();
        let elapsed = now.began.duration_since(self.began).as_secs_f64();
        Ok(((busy - own) / elapsed).max(0.0))
    }
}

/// CPU of this process and its children, those that ended too.
fn own() -> anyhow::Result<Duration> {
    let stat = read("/proc/self/stat")?;
    let ended = fields(&stat, 13).context("/proc/self/stat does not parse")?;
    let mut all = cpu(std::process::id())?.total() + ticks(ended.0 + ended.1);
    for task in fs::read_dir("/proc/self/task")? {
        let children = fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        for pid in children.split_ascii_whitespace() {
            // One that ends just now is counted among those that ended, next time.
            all += cpu(pid.parse()?).map_or(Duration::ZERO, |cpu| cpu.total());
        }
    }
    Ok(all)
}

/// How many files this process may hold open.
pub(crate) fn files_max() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit
        .current
        .map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX))
}

fn read(path: &str) -> anyhow::Result<String> {
    fs::read_to_string(path).map_err(|error| anyhow!("cannot read {path}: {error}"))
}

/// User and system ticks.
fn parse_stat(stat: &str) -> Option<(u64, u64)> {
    fields(stat, 11)
}

/// Two numbers after the name, which may hold spaces and parentheses itself.
fn fields(stat: &str, skip: usize) -> Option<(u64, u64)> {
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_ascii_whitespace().skip(skip);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Ticks that all cores together were not idle, from the first line of `/proc/stat`.
fn busy_ticks(stat: &str) -> Option<u64> {
    let all: Vec<u64> = stat
        .strip_prefix("cpu ")?
        .lines()
        .next()?
        .split_ascii_whitespace()
        .map_while(|word| word.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq steal; guest time is in user already.
    let busy = [0, 1, 2, 5, 6, 7];
    busy.iter().map(|index| all.get(*index)).sum()
}

fn ticks(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn first_number(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// A field such as `Rss:  12 kB`, in bytes.
fn kib_field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(first_number(line)? * 1024)
}

/// A value of a table in which a line of names stands above a line of values.
fn column(text: &str, table: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(table));
    let (names, values) = (lines.next()?, lines.next()?);
    let mut both = names
        .split_ascii_whitespace()
        .zip(values.split_ascii_whitespace());
    both.find(|(found, _)| *found == name)?.1.parse().ok()
}

fn tcp_pages(sockstat: &str) -> Option<u64> {
    let line = sockstat
        .lines()
        .find_map(|line| line.strip_prefix("TCP:"))?;
    let mut words = line.split_ascii_whitespace();
    words.find(|word| *word == "mem")?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_ticks() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 10 20 30 40 111 222 3 4 20 0 1 0";
        assert_eq!(parse_stat(stat), Some((111, 222)));
        assert_eq!(parse_stat("7 (a) S 1"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn what_is_idle_or_a_guest_does_not_count_as_busy() {
        let stat = "cpu  1 2 4 1000 1000 8 16 32 1000 1000\ncpu0 9 9 9 9\n";
        assert_eq!(busy_ticks(stat), Some(63));
        assert_eq!(busy_ticks("cpu  1 2"), None);
        assert_eq!(fields("7 (a) S 1 2 3", 1), Some((1, 2)));
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text =
            "55-7f ---p 0 0:0 0 [rollup]\nRss:      1836 kB\nPss:       370 kB\nPss_Dirty: 1 kB\n";
        assert_eq!(kib_field(text, "Rss:"), Some(1836 * 1024));
        assert_eq!(kib_field(text, "Pss:"), Some(370 * 1024));
        assert_eq!(kib_field(text, "Swap:"), None);
    }

    #[test]
    fn pages_of_tcp_are_told_from_those_of_udp() {
        let text =
            "sockets: used 16\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 212\nUDP: inuse 0 mem 5\n";
        assert_eq!(tcp_pages(text), Some(212));
        assert_eq!(tcp_pages("UDP: inuse 0 mem 5\n"), None);
    }

    #[test]
    fn short_spans_count_in_nanoseconds_and_long_ones_in_ticks() {
        let short = Cpu {
            user: Duration::from_millis(10),
            system: Duration::ZERO,
            threads: Duration::from_micros(12_345),
        };
        assert_eq!(short.total(), Duration::from_micros(12_345));
        let long = Cpu {
            user: Duration::from_secs(2),
            system: Duration::from_secs(1),
            // A thread ended, and its share went with it.
            threads: Duration::from_secs(1),
        };
        assert_eq!(long.total(), Duration::from_secs(3));
        assert_eq!(long.since(&long), Cpu::default());
        assert_eq!(short.plus(&short).user, Duration::from_millis(20));
    }

    #[test]
    fn columns_are_found_by_the_line_above() {
        let text = "TcpExt: A B\nTcpExt: 1 2\nIpExt: B\nIpExt: 3\n";
        assert_eq!(column(text, "TcpExt:", "B"), Some(2));
        assert_eq!(column(text, "IpExt:", "B"), Some(3));
        assert_eq!(column(text, "TcpExt:", "C"), None);
        assert!(segments().is_ok());
    }

    #[test]
    fn this_process_can_be_read() {
        let pid = std::process::id();
        let memory = memory(pid).unwrap();
        assert!(memory.rss > 0 && memory.pss <= memory.rss);
        let before = cpu(pid).unwrap();
        let after = cpu(pid).unwrap();
        assert!(after.user + after.system >= before.user + before.system);
        assert!(kernel().unwrap().slab > 0);
        assert!(files_max() > 0);
        assert!(Machine::now().unwrap().others().unwrap() >= 0.0);
    }
}

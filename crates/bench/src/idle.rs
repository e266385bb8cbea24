//! `tidings bench idle`: memory and CPU of connections that are only there.
//!
//! Owns: the difference that the connections make. Never: counts the kernel's memory as the server's.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use crate::{
    args::IdleArgs,
    bare::Control,
    conn::{Happening, Opening},
    figures::{Report, Table, digits},
    machine::{self, Cpu, Kernel, Memory},
    pool::Pool,
    server::{self, Server},
    session::{Hello, sign_on},
    world::World,
};

/// What is freed goes back to the system at once: else the memory that hashing a password took would hide that of
/// thousands of connections.
const PURGE: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "0");
/// Files that are open besides the sockets.
const FILES_BESIDE: usize = 200;
/// Connections that begin at once.
const AT_ONCE: usize = 64;
/// Connections before those that count: what is made once must not be divided among them.
const WARM: usize = 200;
/// How long things come to rest.
const REST: Duration = Duration::from_secs(3);
/// Seconds between heartbeats.
const HEARTBEAT: usize = 18;
/// How long one pool is looked at before the other.
const LOOK: Duration = Duration::from_millis(20);

/// Serves the pools for a while; pings are answered by themselves. None of their connections may end.
fn rest(pools: &mut [&mut Pool], span: Duration) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut ended = None;
    while began.elapsed() < span {
        for pool in pools.iter_mut() {
            pool.turn(Some(LOOK), &mut |_, _, what| {
                if let Happening::Closed(why) = what {
                    ended.get_or_insert(why.to_owned());
                }
            })?;
        }
    }
    match ended {
        Some(why) => bail!("an idle connection ended: {why}"),
        None => Ok(()),
    }
}

/// Runs the measurement.
pub(crate) fn run(args: &IdleArgs) -> anyhow::Result<()> {
    let files = machine::files_max();
    ensure!(
        args.connections > 0 && args.users > 0 && args.connections + FILES_BESIDE <= files,
        "a process here may hold {files} files, and there is at least one connection"
    );
    let report = Report::new("idle", args.server.json)?;
    let server = Server::start_in(&args.server, None, &[PURGE])?;
    let begun = server.memory()?;
    let mut world = World::new(server.address(), args.users)?;
    world.rooms(args.rooms)?;
    let mut pool = Pool::new(server.address())?;
    let hello = |index: usize| {
        let token = world.token(index);
        Hello {
            token,
            ..Hello::default()
        }
        .text()
    };
    let warm: Vec<_> = sign_on(&mut pool, (0..WARM).map(hello), AT_ONCE, 0)?;
    for session in &warm {
        ensure!(
            session.rooms()? == args.rooms,
            "a session hears of all its rooms"
        );
        pool.close(session.conn);
    }
    rest(&mut [&mut pool], REST)?;

    let (before, kernel_before) = (server.memory()?, machine::kernel()?);
    sign_on(&mut pool, (0..args.connections).map(hello), AT_ONCE, 0)?;
    rest(&mut [&mut pool], REST)?;
    let (after, kernel_after) = (server.memory()?, machine::kernel()?);
    let n = args.connections;

    // As many bare sockets as there are files left.
    let bare_n = n.min(files - FILES_BESIDE - n);
    let process = server::bare(&[])?;
    let ping = tidings_websocket::ping(b"");
    let mut control = Control::begin(process.address(), bare_n, &[&ping])?;
    let mut bare = Pool::new(process.address())?;
    let kernel_bare_before = machine::kernel()?;
    for _ in 0..bare_n {
        bare.connect(Opening::Bare)?;
    }
    control.wait()?;
    rest(&mut [&mut bare, &mut pool], REST)?;
    let kernel_bare_after = machine::kernel()?;

    let (cpu_before, bare_before) = (server.cpu()?, process.cpu()?);
    let began = Instant::now();
    for second in 0..usize::try_from(args.seconds)? {
        // The bare heartbeat: one send for each socket every 18 s, spread evenly.
        let place = |part: usize| part * bare_n / HEARTBEAT;
        let part = second % HEARTBEAT;
        control.order(1, place(part), place(part + 1))?;
        let until = Duration::from_secs(second as u64 + 1);
        rest(
            &mut [&mut pool, &mut bare],
            until.saturating_sub(began.elapsed()),
        )?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let (cpu_after, bare_after) = (server.cpu()?, process.cpu()?);
    ensure!(
        pool.open() == n,
        "{} of {n} connections are left",
        pool.open()
    );
    pool.close_all();
    rest(&mut [&mut bare], REST)?;

    Found {
        seconds,
        begun,
        before: before.unwrap_or_default(),
        after: after.unwrap_or_default(),
        ended: server.memory()?.unwrap_or_default(),
        kernel: each(kernel_before, kernel_after, n),
        kernel_bare: each(kernel_bare_before, kernel_bare_after, bare_n),
        cpu: span(cpu_before, cpu_after),
        cpu_bare: bare_after.since(&bare_before),
        bare_n,
    }
    .tell(args, report)
}

fn span(before: Option<Cpu>, after: Option<Cpu>) -> Cpu {
    after.unwrap_or_default().since(&before.unwrap_or_default())
}

/// What the kernel took for each connection, both ends together: buffers and small objects.
fn each(before: Kernel, after: Kernel, connections: usize) -> [f64; 2] {
    let each = |before: u64, after: u64| (after as f64 - before as f64) / connections as f64;
    [
        each(before.tcp_buffers, after.tcp_buffers),
        each(before.slab, after.slab),
    ]
}

struct Found {
    seconds: f64,
    /// None: the process is not known.
    begun: Option<Memory>,
    before: Memory,
    after: Memory,
    ended: Memory,
    kernel: [f64; 2],
    kernel_bare: [f64; 2],
    cpu: Cpu,
    cpu_bare: Cpu,
    bare_n: usize,
}

impl Found {
    fn tell(&self, args: &IdleArgs, mut report: Report) -> anyhow::Result<()> {
        let n = args.connections as f64;
        let known = self.begun.is_some();
        let begun = self.begun.unwrap_or_default();
        let mib = |bytes: u64| digits(bytes as f64 / (1024.0 * 1024.0));
        let mut memory = Table::new(["MiB", "RSS", "Pss", "anonymous"]);
        let rows = [
            ("started", begun),
            ("before the connections", self.before),
            ("with the connections", self.after),
            ("after them", self.ended),
        ];
        for (name, m) in rows {
            memory.row([name.into(), mib(m.rss), mib(m.pss), mib(m.anonymous)]);
        }
        report.say(&memory.to_string())?;
        let per = |before: u64, after: u64| (after as f64 - before as f64) / n;
        let rss = per(self.before.rss, self.after.rss);
        let pss = per(self.before.pss, self.after.pss);
        let cpu_us = |cpu: &Cpu, n: f64| cpu.total().as_secs_f64() * 1e6 / n / self.seconds;
        let ours_us = cpu_us(&self.cpu, n);
        let bare_us = cpu_us(&self.cpu_bare, self.bare_n as f64);
        let mut table = Table::new([
            "for each connection",
            "RSS B",
            "Pss B",
            "kernel buffers B, both ends",
            "kernel objects B, both ends",
            "CPU µs/s",
        ]);
        table.row([
            "tidings".into(),
            digits(rss),
            digits(pss),
            digits(self.kernel[0]),
            digits(self.kernel[1]),
            digits(ours_us),
        ]);
        table.row([
            "bare loop".into(),
            "-".into(),
            "-".into(),
            digits(self.kernel_bare[0]),
            digits(self.kernel_bare[1]),
            digits(bare_us),
        ]);
        report.say(&table.to_string())?;
        report.put("connections", args.connections);
        report.put("rooms", args.rooms);
        report.put("users", args.users);
        report.put("seconds", self.seconds);
        report.put("rss_bytes_per_connection", known.then_some(rss));
        report.put("pss_bytes_per_connection", known.then_some(pss));
        report.put("cpu_us_per_connection_second", known.then_some(ours_us));
        report.put("bare_cpu_us_per_connection_second", bare_us);
        report.put(
            "kernel_bytes_per_connection",
            self.kernel[0] + self.kernel[1],
        );
        report.put(
            "bare_kernel_bytes_per_connection",
            self.kernel_bare[0] + self.kernel_bare[1],
        );
        for (name, m) in [
            ("started", begun),
            ("before", self.before),
            ("with", self.after),
            ("after", self.ended),
        ] {
            report.put(&format!("rss_bytes_{name}"), known.then_some(m.rss));
        }
        report.end()
    }
}

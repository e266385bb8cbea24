//! `tidings bench fanout`: what one event's way to many sockets costs, beside a loop that only calls `send`.
//!
//! Owns: the turns that ours and the bare loop take. Never: counts the load generator's CPU; it is another process.

use anyhow::{Context, ensure};

use crate::{
    args::FanoutArgs,
    bare::Control,
    conn::{Happening, Opening},
    figures::{Report, Table, digits},
    flood::{Plan, Round, drive},
    frames, machine,
    machine::Cpu,
    pool::Pool,
    server::{self, Process, Server},
    session::{Hello, sign_on},
    world::{World, line, send_frame},
};

/// Files that are open besides the sockets.
const FILES_BESIDE: usize = 200;
/// Events before anything counts.
const WARM_EVENTS: usize = 20;
/// Connections that begin at once.
const AT_ONCE: usize = 64;

/// What one side did, all rounds together.
#[derive(Debug, Default)]
struct Side {
    round: Round,
    cpu: Cpu,
}

impl Side {
    fn add(&mut self, round: Round, cpu: &Cpu) {
        self.round.plus(round);
        self.cpu = self.cpu.plus(cpu);
    }

    fn us(&self, time: std::time::Duration) -> f64 {
        time.as_secs_f64() * 1e6 / self.round.deliveries().max(1) as f64
    }

    fn cpu_us(&self) -> f64 {
        self.us(self.cpu.total())
    }

    fn user_us(&self) -> f64 {
        self.us(self.cpu.user)
    }
}

/// The server, its sockets and who sends.
struct Ours {
    server: Server,
    pool: Pool,
    sockets: usize,
    sender: usize,
    room: String,
    quiet: String,
    text: String,
    txn: usize,
}

impl Ours {
    fn begin(args: &FanoutArgs) -> anyhow::Result<Ours> {
        // One core serves, as one thread sends in the bare loop.
        let server = Server::start(&args.server, Some(1))?;
        let mut world = World::new(server.address(), args.users + 1)?;
        let everybody: Vec<usize> = (0..=args.users).collect();
        let room = world.room(args.users, &everybody)?;
        let quiet = world.room(args.users, &[])?;
        let mut pool = Pool::new(server.address())?;
        let open = [room.clone()];
        let hellos = (0..args.sockets).map(|index| {
            let token = &world.accounts[index % args.users].token;
            let open = &open;
            Hello {
                token,
                open,
                ..Hello::default()
            }
            .text()
        });
        let sockets = sign_on(&mut pool, hellos, AT_ONCE, 1)?;
        ensure!(
            sockets.iter().enumerate().all(|(i, s)| s.conn == i),
            "sockets are numbered in order"
        );
        let hello = Hello {
            token: &world.accounts[args.users].token,
            ..Hello::default()
        };
        let sender = sign_on(&mut pool, [hello.text()], 1, 0)?[0].conn;
        Ok(Ours {
            server,
            pool,
            sockets: args.sockets,
            sender,
            room,
            quiet,
            text: line(args.text_bytes),
            txn: 0,
        })
    }

    fn run(&mut self, plan: Plan, quiet: bool) -> anyhow::Result<(Round, Cpu)> {
        let before = self.server.cpu()?;
        let room = if quiet { &self.quiet } else { &self.room };
        let receivers = if quiet {
            self.sender..self.sender + 1
        } else {
            0..self.sockets
        };
        let (sender, text, txn) = (self.sender, &self.text, &mut self.txn);
        let round = drive(&mut self.pool, receivers, plan, |pool, _, count| {
            pool.with(sender, |conn| {
                for _ in 0..count {
                    conn.put(&send_frame(&format!("f-{txn}"), room, text));
                    *txn += 1;
                }
            });
            Ok(())
        })?;
        let after = self.server.cpu()?.unwrap_or_default();
        Ok((round, after.since(&before.unwrap_or_default())))
    }

    /// One event's frame as the sockets get it.
    fn frame(&mut self) -> anyhow::Result<Vec<u8>> {
        let frame = send_frame("f-first", &self.room, &self.text);
        self.pool.say(self.sender, &frame);
        let mut found = None;
        // The sender's own copy is waited for, too: it must not count later.
        let mut left = self.sockets + 1;
        while left > 0 {
            self.pool.turn(None, &mut |id, _, what| {
                if let Happening::Text(text) = what
                    && frames::is_event(text)
                {
                    left -= 1;
                    if id < self.sockets {
                        let text = String::from_utf8_lossy(text);
                        found = Some(tidings_websocket::text(&text).to_vec());
                    }
                }
            })?;
        }
        found.context("no event came")
    }
}

/// The bare loop and its sockets.
struct Bare {
    process: Process,
    control: Control,
    pool: Pool,
    sockets: usize,
}

impl Bare {
    fn begin(sockets: usize, frame: &[u8]) -> anyhow::Result<Bare> {
        let process = server::bare(&[])?;
        let mut control = Control::begin(process.address(), sockets, &[frame])?;
        let mut pool = Pool::new(process.address())?;
        for _ in 0..sockets {
            pool.connect(Opening::Bare)?;
        }
        control.wait()?;
        while pool.open() < sockets {
            pool.turn(None, &mut |_, _, _| {})?;
        }
        Ok(Bare {
            process,
            control,
            pool,
            sockets,
        })
    }

    fn run(&mut self, plan: Plan) -> anyhow::Result<(Round, Cpu)> {
        let before = self.process.cpu()?;
        let (control, sockets) = (&mut self.control, self.sockets);
        let round = drive(&mut self.pool, 0..sockets, plan, |_, _, count| {
            control.order(count, 0, sockets)
        })?;
        Ok((round, self.process.cpu()?.since(&before)))
    }
}

/// Runs the measurement.
pub(crate) fn run(args: &FanoutArgs) -> anyhow::Result<()> {
    ensure!(
        args.sockets > 0 && args.users > 0 && args.in_flight > 0 && args.rounds > 0,
        "there is at least one of each"
    );
    let report = Report::new("fanout", args.server.json)?;
    let files = machine::files_max();
    ensure!(
        args.sockets + FILES_BESIDE <= files,
        "a process here may hold {files} files; that is fewer than {} sockets need",
        args.sockets
    );
    let mut ours = Ours::begin(args)?;
    let frame = ours.frame()?;
    report.say(&format!(
        "{} sockets, frames of {} bytes, {} in flight",
        args.sockets,
        frame.len(),
        args.in_flight
    ))?;
    let plan = |events: usize| Plan {
        events: events.max(1),
        in_flight: args.in_flight,
        rate: args.rate,
        spin: !args.sleep,
    };
    let (warm, one) = (plan(WARM_EVENTS), plan(args.events / args.rounds));
    let (mut our_side, mut bare_side) = (Side::default(), Side::default());
    // What committing costs apart from delivering: a room that nobody else has open.
    ours.run(warm, true)?;
    let (committed, commit_cpu) = ours.run(plan(args.events.min(1_000)), true)?;
    let commit_us = commit_cpu.total().as_secs_f64() * 1e6 / committed.events as f64;
    if 2 * args.sockets + FILES_BESIDE <= files {
        let mut bare = Bare::begin(args.sockets, &frame)?;
        ours.run(warm, false)?;
        bare.run(warm)?;
        for _ in 0..args.rounds {
            let (round, cpu) = ours.run(one, false)?;
            let same = one.coalesced_as(&round);
            our_side.add(round, &cpu);
            let (round, cpu) = bare.run(same)?;
            bare_side.add(round, &cpu);
        }
    } else {
        // Both at once would be too many files: all of ours, then all of the bare loop.
        ours.run(warm, false)?;
        for _ in 0..args.rounds {
            let (round, cpu) = ours.run(one, false)?;
            our_side.add(round, &cpu);
        }
        ours.pool.close_all();
        let mut bare = Bare::begin(args.sockets, &frame)?;
        bare.run(warm)?;
        let same = one.coalesced_as(&our_side.round);
        for _ in 0..args.rounds {
            let (round, cpu) = bare.run(same)?;
            bare_side.add(round, &cpu);
        }
    }
    tell(
        args,
        report,
        &ours.server,
        frame.len(),
        &our_side,
        &bare_side,
        commit_us,
    )
}

fn tell(
    args: &FanoutArgs,
    mut report: Report,
    server: &Server,
    frame_bytes: usize,
    ours: &Side,
    bare: &Side,
    commit_us: f64,
) -> anyhow::Result<()> {
    let known = server.cpu()?.is_some();
    let mut table = Table::new([
        "",
        "CPU µs",
        "of it user",
        "events/s",
        "deliveries/s",
        "a CPU second",
        "frames/write",
        "p50 ms",
        "p99 ms",
    ]);
    for (name, side) in [("tidings", ours), ("bare loop", bare)] {
        let [p50, p99] = side.round.latencies.percentiles_ms([50.0, 99.0]);
        table.row([
            name.into(),
            digits(side.cpu_us()),
            digits(side.user_us()),
            digits(side.round.per_second(side.round.events)),
            digits(side.round.per_second(side.round.deliveries())),
            digits(1e6 / side.cpu_us()),
            digits(side.round.frames_per_write()),
            digits(p50),
            digits(p99),
        ]);
    }
    report.say(&table.to_string())?;
    let ratio = ours.cpu_us() / bare.cpu_us();
    let commit_share = commit_us / args.sockets as f64;
    let ratio_delivery = (ours.cpu_us() - commit_share) / bare.cpu_us();
    report.say(&format!(
        "CPU a delivery: {} × the bare loop; {} × without the commit, which costs {} µs an event",
        digits(ratio),
        digits(ratio_delivery),
        digits(commit_us)
    ))?;
    report.put("sockets", args.sockets);
    report.put("in_flight", args.in_flight);
    report.put("events", ours.round.events);
    report.put("frame_bytes", frame_bytes);
    report.put("rate", args.rate);
    report.put("reader_sleeps", args.sleep);
    report.put("cpu_ratio", known.then_some(ratio));
    report.put("cpu_ratio_without_commit", known.then_some(ratio_delivery));
    report.put("commit_cpu_us_per_event", known.then_some(commit_us));
    for (name, side) in [("", ours), ("bare_", bare)] {
        let [p50, p99] = side.round.latencies.percentiles_ms([50.0, 99.0]);
        let known = known || name == "bare_";
        let mut put = |key: &str, value: f64| report.put(&format!("{name}{key}"), value);
        put(
            "events_per_second",
            side.round.per_second(side.round.events),
        );
        put(
            "deliveries_per_second",
            side.round.per_second(side.round.deliveries()),
        );
        put("frames_per_write", side.round.frames_per_write());
        put("p50_ms", p50);
        put("p99_ms", p99);
        if known {
            put("cpu_us_per_delivery", side.cpu_us());
            put("user_us_per_delivery", side.user_us());
            put("deliveries_per_cpu_second", 1e6 / side.cpu_us());
        }
    }
    let rates = [ours, bare].map(|side| side.round.per_second(side.round.deliveries()));
    report.put("deliveries_ratio", rates[0] / rates[1]);
    report.end()
}

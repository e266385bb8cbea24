//! `tidings bench stall`: what sockets cost that stop reading in a busy room, and what the others notice of them.
//!
//! Owns: the two rounds, without and beside the stalled. Never: reads from a stalled socket before the end.

use anyhow::{bail, ensure};

use crate::{
    args::StallArgs,
    conn::Happening,
    figures::{Report, Table, digits},
    flood::{Plan, Round, drive},
    frames, machine,
    machine::{Cpu, Kernel, Memory},
    pool::Pool,
    server::Server,
    session::{Hello, sign_on},
    world::{World, line, send_frame},
};

/// Files that are open besides the sockets.
const FILES_BESIDE: usize = 200;
/// Events before anything counts.
const WARM_EVENTS: usize = 200;
/// Events that fill every buffer on the way to the stalled, sent as fast as they are taken.
const FILL_EVENTS: usize = 600;
/// Of them under way at once.
const FILL_IN_FLIGHT: usize = 4;
/// Connections that begin at once.
const AT_ONCE: usize = 64;
/// Bytes that the kernel may hold at the end of one who does not read: little, so that it is the server's that counts.
const RECEIVE_BYTES: usize = 16 * 1024;
/// The text by which those who read again are known to be level.
const LAST: &str = "Everybody is back.";
/// How long they may take.
const BACK_WAIT: std::time::Duration = std::time::Duration::from_secs(60);

/// A room with readers and one who sends.
struct Room<'a> {
    args: &'a StallArgs,
    server: Server,
    pool: Pool,
    room: String,
    sender: usize,
    sent: usize,
}

/// One round, and what the server spent on it.
struct Part {
    round: Round,
    cpu: Cpu,
}

impl Part {
    fn cpu_us(&self) -> f64 {
        self.cpu.total().as_secs_f64() * 1e6 / self.round.events.max(1) as f64
    }
}

impl Room<'_> {
    fn run(&mut self, plan: Plan) -> anyhow::Result<Part> {
        let before = self.server.cpu()?.unwrap_or_default();
        let text = line(self.args.text_bytes);
        let (room, sender, sent) = (&self.room, self.sender, &mut self.sent);
        let round = drive(&mut self.pool, 0..self.args.readers, plan, |pool, _, n| {
            pool.with(sender, |conn| {
                for _ in 0..n {
                    conn.put(&send_frame(&format!("s-{sent}"), room, &text));
                    *sent += 1;
                }
            });
            Ok(())
        })?;
        let cpu = self.server.cpu()?.unwrap_or_default().since(&before);
        Ok(Part { round, cpu })
    }

    /// As often as the measured rounds send, for both of them.
    fn paced(&self) -> Plan {
        Plan {
            events: self.args.events,
            in_flight: FILL_IN_FLIGHT,
            rate: Some(self.args.rate),
            spin: false,
        }
    }

    fn hurried(events: usize) -> Plan {
        Plan {
            events,
            in_flight: FILL_IN_FLIGHT,
            rate: None,
            spin: false,
        }
    }

    fn memory(&self) -> anyhow::Result<(Memory, Kernel)> {
        Ok((
            self.server.memory()?.unwrap_or_default(),
            machine::kernel()?,
        ))
    }
}

/// Runs the measurement.
pub(crate) fn run(args: &StallArgs) -> anyhow::Result<()> {
    let files = machine::files_max();
    ensure!(
        args.stalled > 0 && args.readers > 0 && args.users > 0 && args.events > 0,
        "there is at least one of each"
    );
    ensure!(
        args.stalled + args.readers + FILES_BESIDE <= files,
        "a process here may hold {files} files; that is fewer than so many sockets need"
    );
    let report = Report::new("stall", args.server.json)?;
    let server = Server::start(&args.server, None)?;
    let mut world = World::new(server.address(), args.users)?;
    let everybody: Vec<usize> = (0..args.users).collect();
    let id = world.room(0, &everybody)?;
    let open = [id.clone()];
    let hello = |index: usize| {
        Hello {
            token: world.token(index),
            open: &open,
            ..Hello::default()
        }
        .text()
    };
    let mut pool = Pool::new(server.address())?;
    sign_on(&mut pool, (0..args.readers).map(hello), AT_ONCE, 1)?;
    let quiet = Hello {
        token: world.token(0),
        ..Hello::default()
    };
    let sender = sign_on(&mut pool, [quiet.text()], 1, 0)?[0].conn;
    let mut room = Room {
        args,
        server,
        pool,
        room: id,
        sender,
        sent: 0,
    };
    room.run(Room::hurried(WARM_EVENTS.max(FILL_EVENTS)))?;
    let alone = room.run(room.paced())?;

    let mut stalled = Pool::new(room.server.address())?;
    stalled.narrow(RECEIVE_BYTES);
    sign_on(&mut stalled, (0..args.stalled).map(hello), AT_ONCE, 1)?;
    let before = room.memory()?;
    room.run(Room::hurried(FILL_EVENTS))?;
    let filled = room.memory()?;
    let beside = room.run(room.paced())?;
    let after = room.memory()?;
    let back = come_back(&mut room, &mut stalled)?;
    tell(
        args,
        report,
        &room.server,
        [&alone, &beside],
        before,
        [filled, after],
        back,
    )
}

/// The stalled read again: how many of them are level with the room in the end.
fn come_back(room: &mut Room<'_>, stalled: &mut Pool) -> anyhow::Result<usize> {
    let frame = send_frame("s-last", &room.room, LAST);
    let (mut asked, mut level) = (false, 0);
    let (mut ended, mut quiet) = (None, false);
    let began = std::time::Instant::now();
    while level < room.args.stalled {
        ensure!(
            began.elapsed() < BACK_WAIT,
            "{level} of {} are level again",
            room.args.stalled
        );
        let mut heard = false;
        stalled.turn(
            Some(std::time::Duration::from_millis(50)),
            &mut |_, _, what| {
                heard = true;
                match what {
                    Happening::Text(text) if frames::is_event(text) => {
                        let last = LAST.as_bytes();
                        level += usize::from(text.windows(last.len()).any(|w| w == last));
                    }
                    Happening::Text(_) => {}
                    Happening::Closed(why) => ended = Some(why.to_owned()),
                }
            },
        )?;
        if let Some(why) = ended {
            bail!("one who stalled was ended: {why}");
        }
        // The last line goes out when they have taken what waited for them.
        quiet |= !heard;
        if quiet && !asked {
            room.pool.say(room.sender, &frame);
            asked = true;
        }
        let mut refused = None;
        room.pool
            .turn(Some(std::time::Duration::ZERO), &mut |_, _, what| {
                if let Happening::Text(text) = what
                    && frames::is_refused(text)
                {
                    refused = Some(String::from_utf8_lossy(text).into_owned());
                }
            })?;
        if let Some(refused) = refused {
            bail!(refused);
        }
    }
    Ok(level)
}

/// Bytes for each of so many, by which two readings differ.
fn each(before: u64, after: u64, of: usize) -> f64 {
    (after as f64 - before as f64) / of as f64
}

fn tell(
    args: &StallArgs,
    mut report: Report,
    server: &Server,
    parts: [&Part; 2],
    before: (Memory, Kernel),
    later: [(Memory, Kernel); 2],
    back: usize,
) -> anyhow::Result<()> {
    let known = server.cpu()?.is_some();
    let mut table = Table::new(["", "events/s", "p50 ms", "p99 ms", "CPU µs/event"]);
    let mut percentiles = Vec::new();
    for (name, part) in ["alone", "beside the stalled"].iter().zip(parts) {
        let [p50, p99] = part.round.latencies.percentiles_ms([50.0, 99.0]);
        percentiles.push((p50, p99));
        table.row([
            (*name).into(),
            digits(part.round.per_second(part.round.events)),
            digits(p50),
            digits(p99),
            digits(part.cpu_us()),
        ]);
    }
    report.say(&format!(
        "{} sockets that do not read, {} that do",
        args.stalled, args.readers
    ))?;
    report.say(&table.to_string())?;
    let mut table = Table::new([
        "for each stalled",
        "RSS B",
        "kernel B, both ends",
        "together B",
    ]);
    let mut most = f64::MIN;
    let mut figures = [0.0; 2];
    for (name, (memory, kernel)) in ["when full", "at the end"].iter().zip(later) {
        let rss = each(before.0.rss, memory.rss, args.stalled);
        let kernel = each(before.1.tcp_buffers, kernel.tcp_buffers, args.stalled)
            + each(before.1.slab, kernel.slab, args.stalled);
        if rss + kernel > most {
            most = rss + kernel;
            figures = [rss, kernel];
        }
        table.row([
            (*name).into(),
            digits(rss),
            digits(kernel),
            digits(rss + kernel),
        ]);
    }
    report.say(&table.to_string())?;
    report.say(&format!(
        "{back} of {} read again and were level",
        args.stalled
    ))?;
    let [(alone_p50, alone_p99), (p50, p99)] = percentiles[..] else {
        bail!("there are two rounds")
    };
    report.put("stalled", args.stalled);
    report.put("readers", args.readers);
    report.put("rate", args.rate);
    report.put("back", back);
    report.put("bytes_per_stalled", known.then_some(most));
    report.put("rss_bytes_per_stalled", known.then_some(figures[0]));
    report.put("kernel_bytes_per_stalled", figures[1]);
    report.put("p50_ms", p50);
    report.put("p99_ms", p99);
    report.put("alone_p50_ms", alone_p50);
    report.put("alone_p99_ms", alone_p99);
    report.put("p50_ratio", p50 / alone_p50);
    report.put("p99_ratio", p99 / alone_p99);
    report.put("cpu_us_per_event", known.then_some(parts[1].cpu_us()));
    report.put("alone_cpu_us_per_event", known.then_some(parts[0].cpu_us()));
    report.end()
}

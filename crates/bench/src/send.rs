//! `tidings bench send`: acknowledged durable sends through the socket, beside the same rows without the doors.
//!
//! Owns: full load (each answer lets the next go) and half load (a clock lets them go, whatever the answers do).
//! Never: measures from later than a send was due: a late generator counts against the figure.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use crate::{
    args::SendArgs,
    conn::Happening,
    figures::{Latencies, Report, Table, digits},
    frames,
    machine::Cpu,
    pool::Pool,
    server::Server,
    session::{Hello, sign_on},
    store::{self, Appended, Load},
    world::{World, line, send_frame},
};

/// Full load before anything counts.
const WARM: Duration = Duration::from_secs(2);
/// How long the last answers of a phase may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the clock of half load lets sends go.
const TICK: Duration = Duration::from_millis(1);
/// Bytes on disk of one row, about: the event, the message and their indexes.
const ROW_BYTES: usize = 512;

/// What one phase came to.
#[derive(Debug, Default)]
struct Phase {
    /// Acknowledged within the span.
    acked: usize,
    refused: usize,
    elapsed: Duration,
    answers: Latencies,
    delivered: Latencies,
    cpu: Cpu,
}

impl Phase {
    fn per_second(&self) -> f64 {
        self.acked as f64 / self.elapsed.as_secs_f64()
    }
}

struct Senders {
    server: Server,
    pool: Pool,
    clients: Vec<usize>,
    rooms: Vec<String>,
    text: String,
    watcher: String,
    sent: usize,
}

/// The number in an answer's `txn`, `s-17`.
fn number(payload: &[u8]) -> Option<usize> {
    frames::field(payload, br#""txn":"s-"#)?.parse().ok()
}

/// The number at the beginning of a text, `m17 …`.
fn spoken(payload: &[u8]) -> Option<usize> {
    let text = frames::field(payload, br#""text":"m"#)?;
    text.split(' ').next()?.parse().ok()
}

impl Senders {
    fn begin(args: &SendArgs) -> anyhow::Result<Senders> {
        let server = Server::start(&args.server, None)?;
        let mut world = World::new(server.address(), args.users + 1)?;
        let rooms = world.rooms(args.rooms)?;
        let mut pool = Pool::new(server.address())?;
        let hellos = (0..args.clients).map(|index| {
            let token = &world.accounts[index % args.users].token;
            Hello {
                token,
                ..Hello::default()
            }
            .text()
        });
        let sessions = sign_on(&mut pool, hellos, 16, 0)?;
        let token = &world.accounts[args.users].token;
        let watcher = Hello {
            token,
            open: &rooms,
            ..Hello::default()
        }
        .text();
        Ok(Senders {
            server,
            pool,
            clients: sessions.iter().map(|session| session.conn).collect(),
            rooms,
            text: line(60),
            watcher,
            sent: 0,
        })
    }

    /// The next send's frame. Rooms take turns, each client goes through all of them.
    fn next(&mut self) -> String {
        let number = self.sent;
        self.sent += 1;
        let turn = number / self.clients.len() + number;
        let room = &self.rooms[turn % self.rooms.len()];
        send_frame(
            &format!("s-{number}"),
            room,
            &format!("m{number} {}", self.text),
        )
    }

    /// Full load: so many sends under way on each connection, for `span`.
    fn full(&mut self, in_flight: usize, span: Duration) -> anyhow::Result<Phase> {
        let mut phase = Phase::default();
        let before = self.server.cpu()?;
        let first = self.sent;
        let mut sent: Vec<Instant> = Vec::new();
        let mut due: Vec<usize> = Vec::new();
        for client in self.clients.clone() {
            due.extend(std::iter::repeat_n(client, in_flight));
        }
        let began = Instant::now();
        let mut open = 0;
        while began.elapsed() < span || open > 0 {
            // All that a connection may send goes out by one write.
            due.sort_unstable();
            for run in due.chunk_by(|a, b| a == b) {
                let texts: Vec<String> = run.iter().map(|_| self.next()).collect();
                sent.resize(sent.len() + run.len(), Instant::now());
                open += run.len();
                self.pool
                    .with(run[0], |conn| texts.iter().for_each(|text| conn.put(text)));
            }
            due.clear();
            ensure!(
                began.elapsed() < span + PATIENCE,
                "{open} sends were not answered"
            );
            let mut trouble = None;
            self.pool.turn(
                Some(Duration::from_secs(1)),
                &mut |id, _, what| match what {
                    Happening::Text(text) if frames::is_event(text) => {
                        if let Some(at) = number(text).and_then(|n| sent.get(n.checked_sub(first)?))
                        {
                            open -= 1;
                            if began.elapsed() < span {
                                phase.acked += 1;
                                phase.answers.add(at.elapsed());
                                due.push(id);
                            }
                        }
                    }
                    Happening::Text(text) if frames::is_refused(text) => {
                        open -= 1;
                        phase.refused += 1;
                        if began.elapsed() < span {
                            due.push(id);
                        }
                    }
                    Happening::Closed(why) => trouble = Some(why.to_owned()),
                    Happening::Text(_) => {}
                },
            )?;
            if let Some(why) = trouble {
                bail!("a connection ended: {why}");
            }
            if phase.elapsed.is_zero() && began.elapsed() >= span {
                phase.elapsed = began.elapsed();
                phase.cpu = self.cpu_since(before)?;
            }
        }
        Ok(phase)
    }

    fn cpu_since(&self, before: Option<Cpu>) -> anyhow::Result<Cpu> {
        let after = self.server.cpu()?.unwrap_or_default();
        Ok(after.since(&before.unwrap_or_default()))
    }

    /// A clock lets sends go; one more session has all rooms open and sees them arrive.
    fn paced(&mut self, per_second: f64, span: Duration) -> anyhow::Result<Phase> {
        let watcher = sign_on(&mut self.pool, [self.watcher.clone()], 1, self.rooms.len())?[0].conn;
        self.pool.tick_every(TICK)?;
        let mut phase = Phase::default();
        let before = self.server.cpu()?;
        let first = self.sent;
        let mut due_at: Vec<Instant> = Vec::new();
        let (mut answered, mut arrived) = (0, 0);
        let began = Instant::now();
        loop {
            let elapsed = began.elapsed();
            if elapsed < span {
                let ticks = elapsed.as_nanos() / TICK.as_nanos();
                let tick = TICK * u32::try_from(ticks)?;
                let due = (tick.as_secs_f64() * per_second) as usize;
                while due_at.len() < due {
                    // A tick that was missed: these were due when it should have come.
                    let should = Duration::from_secs_f64(due_at.len() as f64 / per_second);
                    let ticks = (should.as_nanos() / TICK.as_nanos()) as u32 + 1;
                    due_at.push(began + (TICK * ticks).min(tick));
                    let client = self.clients[due_at.len() % self.clients.len()];
                    let text = self.next();
                    self.pool.say(client, &text);
                }
            } else {
                if phase.elapsed.is_zero() {
                    phase.elapsed = elapsed;
                    phase.cpu = self.cpu_since(before)?;
                }
                if answered == due_at.len() && arrived + phase.refused == due_at.len() {
                    break;
                }
                ensure!(
                    elapsed < span + PATIENCE,
                    "{answered} of {} sends were answered, {arrived} delivered",
                    due_at.len()
                );
            }
            let mut trouble = None;
            self.pool.turn(Some(TICK), &mut |id, _, what| match what {
                Happening::Text(text) if frames::is_event(text) => {
                    let watching = id == watcher;
                    let index = if watching { spoken(text) } else { number(text) };
                    let Some(at) = index.and_then(|n| due_at.get(n.checked_sub(first)?)) else {
                        return;
                    };
                    if watching {
                        arrived += 1;
                        phase.delivered.add(at.elapsed());
                    } else {
                        answered += 1;
                        phase.answers.add(at.elapsed());
                    }
                }
                Happening::Text(text) if frames::is_refused(text) => {
                    answered += 1;
                    phase.refused += 1;
                }
                Happening::Closed(why) => trouble = Some(why.to_owned()),
                Happening::Text(_) => {}
            })?;
            if let Some(why) = trouble {
                bail!("a connection ended: {why}");
            }
        }
        phase.acked = answered - phase.refused;
        Ok(phase)
    }
}

/// Runs the measurement.
pub(crate) fn run(args: &SendArgs) -> anyhow::Result<()> {
    let counts = [
        args.clients,
        args.in_flight,
        args.rooms,
        args.users,
        args.batch,
    ];
    ensure!(
        !counts.contains(&0) && args.seconds > 0,
        "there is at least one of each"
    );
    ensure!(
        args.rooms <= tidings_protocol::limits::OPEN_ROOMS_MAX,
        "one session has all rooms open, at most {}",
        tidings_protocol::limits::OPEN_ROOMS_MAX
    );
    let report = Report::new("send", args.server.json)?;
    let span = Duration::from_secs(args.seconds);
    let mut senders = Senders::begin(args)?;
    senders.full(args.in_flight, WARM)?;
    let full = senders.full(args.in_flight, span)?;
    let rate = args.rate.unwrap_or(full.per_second() / 2.0);
    let half = senders.paced(rate, span)?;
    // The bare rows go beside the server's own, while it rests.
    let folder = match &args.server.data {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let database = senders.server.database();
    let part = span / 2;
    let paced = Load::Paced { per_second: rate };
    let full_of = |batch| Load::Full { batch };
    let bare = store::append(database, folder.path(), full_of(args.batch), part)?;
    let bare_16 = store::append(database, folder.path(), full_of(16), part)?;
    let bare_paced = store::append(database, folder.path(), paced, span)?;
    let syncs = store::syncs_per_second(folder.path(), args.batch * ROW_BYTES, part / 2)?;
    tell(
        args,
        report,
        &senders.server,
        [&full, &half],
        [&bare, &bare_16, &bare_paced],
        syncs,
    )
}

fn tell(
    args: &SendArgs,
    mut report: Report,
    server: &Server,
    [full, half]: [&Phase; 2],
    [bare, bare_16, bare_paced]: [&Appended; 3],
    syncs: f64,
) -> anyhow::Result<()> {
    let known = server.cpu()?.is_some();
    let cpu_us = |phase: &Phase| phase.cpu.total().as_secs_f64() * 1e6 / phase.acked.max(1) as f64;
    let mut table = Table::new([
        "",
        "acked/s",
        "p50 ms",
        "p99 ms",
        "max ms",
        "delivered p50 ms",
        "p99 ms",
        "CPU µs/send",
        "refused",
    ]);
    for (name, phase) in [("full load", full), ("paced", half)] {
        let [p50, p99, max] = phase.answers.percentiles_ms([50.0, 99.0, 100.0]);
        let [d50, d99] = phase.delivered.percentiles_ms([50.0, 99.0]);
        table.row([
            name.into(),
            digits(phase.per_second()),
            digits(p50),
            digits(p99),
            digits(max),
            digits(d50),
            digits(d99),
            digits(cpu_us(phase)),
            phase.refused.to_string(),
        ]);
    }
    let bare_rows = [
        (
            format!("bare transactions of {}", args.batch),
            bare,
            &bare.batches,
        ),
        ("bare transactions of 16".into(), bare_16, &bare_16.batches),
        (
            "bare, at the same pace".into(),
            bare_paced,
            &bare_paced.answers,
        ),
    ];
    for (name, bare, times) in bare_rows {
        let [p50, p99, max] = times.percentiles_ms([50.0, 99.0, 100.0]);
        table.row([
            name,
            digits(bare.per_second()),
            digits(p50),
            digits(p99),
            digits(max),
            "-".into(),
            "-".into(),
            "-".into(),
            "-".into(),
        ]);
    }
    report.say(&table.to_string())?;
    report.say(&format!(
        "{} × the rows of bare transactions of {}; the disk alone syncs {} KiB {} times a second",
        digits(full.per_second() / bare.per_second()),
        args.batch,
        args.batch * ROW_BYTES / 1024,
        digits(syncs)
    ))?;
    let [p50, p99] = half.answers.percentiles_ms([50.0, 99.0]);
    let [bare_p50, bare_p99] = bare_paced.answers.percentiles_ms([50.0, 99.0]);
    report.say(&format!(
        "paced, an answer takes {} × (p50) and {} × (p99) the time of a bare transaction at the same pace",
        digits(p50 / bare_p50),
        digits(p99 / bare_p99),
    ))?;
    let [full_p50, full_p99] = full.answers.percentiles_ms([50.0, 99.0]);
    let [d50, d99] = half.delivered.percentiles_ms([50.0, 99.0]);
    report.put("clients", args.clients);
    report.put("in_flight", args.in_flight);
    report.put("rooms", args.rooms);
    report.put("acked_per_second", full.per_second());
    report.put("paced_per_second", half.per_second());
    report.put("p50_ms", p50);
    report.put("p99_ms", p99);
    report.put("full_p50_ms", full_p50);
    report.put("full_p99_ms", full_p99);
    report.put("delivered_p50_ms", d50);
    report.put("delivered_p99_ms", d99);
    report.put("refused", full.refused + half.refused);
    report.put("cpu_us_per_send", known.then(|| cpu_us(full)));
    report.put("bare_batch", args.batch);
    report.put("bare_rows_per_second", bare.per_second());
    report.put("bare_rows_per_second_16", bare_16.per_second());
    report.put("bare_paced_p50_ms", bare_p50);
    report.put("bare_paced_p99_ms", bare_p99);
    report.put("p99_ratio", p99 / bare_p99);
    report.put("bare_ratio", full.per_second() / bare.per_second());
    report.put("bare_syncs_per_second", syncs);
    report.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_and_a_delivery_name_their_send() {
        let answer = br#"{"type":"event","seq":4,"txn":"s-17","content":{"kind":"message","text":"m17 Lunch"}}"#;
        assert_eq!((number(answer), spoken(answer)), (Some(17), Some(17)));
        let other = br#"{"type":"event","seq":4,"txn":"f-17","content":{"kind":"room_renamed","name":"m"}}"#;
        assert_eq!((number(other), spoken(other)), (None, None));
    }
}

//! `tidings bench resume`: everybody comes back at once, and one comes back after long.
//!
//! Owns: the storm, with and without a restart of the server, and the time to the head of what was missed.
//! Never: lets the load generator spread the storm; all begin at the same moment.

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::{
    args::ResumeArgs,
    bare::Control,
    conn::{Happening, Opening},
    figures::{Latencies, Report, Table, digits},
    flood::{Plan, drive},
    frames, machine,
    machine::Cpu,
    pool::Pool,
    server::{self, Server},
    session::{Hello, Session, sign_on},
    world::{World, line, send_frame},
};

/// Files that are open besides the sockets.
const FILES_BESIDE: usize = 200;
/// Connections that begin at once, the first time.
const AT_ONCE: usize = 64;
/// How long the server has to notice that everybody went.
const REST: Duration = Duration::from_secs(1);
/// Rooms that the missed events are in.
const BUSY_ROOMS: usize = 20;
/// Sends under way while events are made; below the server's limit.
const IN_FLIGHT: usize = 100;
/// How long to wait for what was missed.
const PATIENCE: Duration = Duration::from_secs(120);

/// Times that everybody came back.
#[derive(Debug, Default)]
struct Storms {
    connections: usize,
    elapsed: Duration,
    latencies: Latencies,
    cpu: Cpu,
    resets: usize,
    moved: usize,
}

impl Storms {
    fn add(&mut self, sessions: &[Session], elapsed: Duration, cpu: &Cpu) -> anyhow::Result<()> {
        self.connections += sessions.len();
        self.elapsed += elapsed;
        self.cpu = self.cpu.plus(cpu);
        for session in sessions {
            self.latencies.add(session.took);
            self.resets += usize::from(session.is_reset());
            self.moved += session.rooms()?;
        }
        Ok(())
    }

    fn per_second(&self) -> f64 {
        self.connections as f64 / self.elapsed.as_secs_f64()
    }

    fn per_core(&self) -> f64 {
        self.connections as f64 / self.cpu.total().as_secs_f64()
    }
}

fn since(before: Option<Cpu>, server: &Server) -> anyhow::Result<Cpu> {
    let after = server.cpu()?.unwrap_or_default();
    Ok(after.since(&before.unwrap_or_default()))
}

/// All come back with the cursors they had; returns the new ones.
fn storm(
    server: &Server,
    world: &World,
    pool: &mut Pool,
    cursors: &[String],
    storms: &mut Storms,
) -> anyhow::Result<Vec<String>> {
    let hellos: Vec<String> = cursors
        .iter()
        .enumerate()
        .map(|(index, cursor)| {
            let (token, since) = (world.token(index), Some(cursor.as_str()));
            Hello {
                token,
                since,
                ..Hello::default()
            }
            .text()
        })
        .collect();
    let before = server.cpu()?;
    let began = Instant::now();
    let sessions = sign_on(pool, hellos, cursors.len(), 0)?;
    let elapsed = began.elapsed();
    storms.add(&sessions, elapsed, &since(before, server)?)?;
    Ok(sessions
        .iter()
        .map(|session| session.cursor().to_owned())
        .collect())
}

fn leave(pool: &mut Pool) -> anyhow::Result<()> {
    pool.close_all();
    let began = Instant::now();
    while began.elapsed() < REST {
        pool.turn(Some(REST), &mut |_, _, _| {})?;
    }
    Ok(())
}

/// A storm of the same bytes on a loop that has each answer ready.
fn bare_storm(args: &ResumeArgs, welcome: &[u8], hello: &str) -> anyhow::Result<Storms> {
    let process = server::bare(&["--answer"])?;
    let accept = tidings_websocket::handshake::accept_key(b"BwcHBwcHBwcHBwcHBwcHBw==");
    let upgraded = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\nsec-websocket-protocol: tidings.v1.json\r\n\r\n"
    );
    let welcome = tidings_websocket::text(&String::from_utf8_lossy(welcome));
    let pieces: [&[u8]; 2] = [upgraded.as_bytes(), &welcome];
    let _control = Control::begin(process.address(), args.connections, &pieces)?;
    let mut pool = Pool::new(process.address())?;
    let mut storms = Storms::default();
    for _ in 0..args.rounds {
        let hellos = vec![hello.to_owned(); args.connections];
        let before = process.cpu()?;
        let began = Instant::now();
        let sessions = sign_on(&mut pool, hellos, args.connections, 0)?;
        let elapsed = began.elapsed();
        storms.add(&sessions, elapsed, &process.cpu()?.since(&before))?;
        leave(&mut pool)?;
    }
    Ok(storms)
}

/// The one who was away: how long to `ready`, and to the last of the missed events.
#[derive(Debug)]
struct Away {
    rooms: usize,
    events: usize,
    listed_ready: Duration,
    listed_told: usize,
    ready: Duration,
    head: Duration,
    cpu: Cpu,
}

fn away(args: &ResumeArgs, server: &Server, world: &mut World) -> anyhow::Result<Away> {
    let (traveller, writer) = (0, 1);
    // A connection that was idle for so long has been closed by the server.
    world.reconnect(server.address())?;
    let mut rooms = Vec::with_capacity(args.away_rooms);
    for _ in 0..args.away_rooms {
        rooms.push(world.room(writer, &[traveller, writer])?);
    }
    let token = world.accounts[traveller].token.clone();
    let mut pool = Pool::new(server.address())?;
    let hello = Hello {
        token: &token,
        ..Hello::default()
    };
    let cursor = sign_on(&mut pool, [hello.text()], 1, 0)?[0]
        .cursor()
        .to_owned();
    pool.close_all();

    let hello = Hello {
        token: &world.accounts[writer].token,
        ..Hello::default()
    };
    let sender = sign_on(&mut pool, [hello.text()], 1, 0)?[0].conn;
    let text = line(60);
    let busy = &rooms[..rooms.len().min(BUSY_ROOMS)];
    let plan = Plan {
        events: args.away_events,
        in_flight: IN_FLIGHT,
        rate: None,
        spin: false,
    };
    drive(&mut pool, sender..sender + 1, plan, |pool, at, count| {
        pool.with(sender, |conn| {
            for index in at..at + count {
                let room = &busy[index % busy.len()];
                conn.put(&send_frame(&format!("a-{index}"), room, &text));
            }
        });
        Ok(())
    })?;
    leave(&mut pool)?;

    let back = |all| {
        Hello {
            token: &token,
            since: Some(&cursor),
            all,
            ..Hello::default()
        }
        .text()
    };
    let listed = sign_on(&mut pool, [back(false)], 1, 0)?;
    ensure!(!listed[0].is_reset(), "a cursor never expires");
    leave(&mut pool)?;
    let before = server.cpu()?;
    let began = Instant::now();
    let conn = pool.connect(Opening::Socket(back(true)))?;
    let (mut ready, mut events) = (Duration::ZERO, 0);
    let mut trouble = None;
    while events < args.away_events && trouble.is_none() {
        ensure!(
            began.elapsed() < PATIENCE,
            "{events} of {} missed events came",
            args.away_events
        );
        pool.turn(
            Some(Duration::from_secs(1)),
            &mut |id, _, what| match what {
                Happening::Text(text) if id == conn && frames::is_welcome(text) => {
                    ready = began.elapsed()
                }
                Happening::Text(text) if id == conn && frames::is_event(text) => events += 1,
                Happening::Closed(why) => trouble = Some(why.to_owned()),
                Happening::Text(_) => {}
            },
        )?;
    }
    ensure!(
        trouble.is_none(),
        "the connection ended: {}",
        trouble.unwrap_or_default()
    );
    Ok(Away {
        rooms: args.away_rooms,
        events: args.away_events,
        listed_ready: listed[0].took,
        listed_told: listed[0].rooms()?,
        ready,
        head: began.elapsed(),
        cpu: since(before, server)?,
    })
}

/// Runs the measurement.
pub(crate) fn run(args: &ResumeArgs) -> anyhow::Result<()> {
    let files = machine::files_max();
    ensure!(
        args.connections > 0 && args.rounds > 0 && args.users > 1 && args.away_rooms > 0,
        "there is at least one of each, and two users"
    );
    ensure!(
        args.connections + FILES_BESIDE <= files,
        "a process here may hold {files} files; that is fewer than {} connections need",
        args.connections
    );
    let report = Report::new("resume", args.server.json)?;
    // One core serves, so that a rate is that of a core.
    let mut server = Server::start(&args.server, Some(1))?;
    let mut world = World::new(server.address(), args.users)?;
    world.rooms(args.rooms)?;
    let mut pool = Pool::new(server.address())?;
    let fresh = |index: usize| {
        Hello {
            token: world.token(index),
            ..Hello::default()
        }
        .text()
    };
    let mut first = Storms::default();
    let before = server.cpu()?;
    let began = Instant::now();
    let sessions = sign_on(&mut pool, (0..args.connections).map(fresh), AT_ONCE, 0)?;
    let elapsed = began.elapsed();
    first.add(&sessions, elapsed, &since(before, &server)?)?;
    let mut cursors: Vec<String> = sessions.iter().map(|s| s.cursor().to_owned()).collect();
    let mut back = Storms::default();
    for _ in 0..args.rounds {
        leave(&mut pool)?;
        cursors = storm(&server, &world, &mut pool, &cursors, &mut back)?;
    }
    leave(&mut pool)?;
    let mut restarted = Storms::default();
    let start = server.restart()?;
    if start.is_some() {
        pool = Pool::new(server.address())?;
        cursors = storm(&server, &world, &mut pool, &cursors, &mut restarted)?;
        leave(&mut pool)?;
    }
    // What one of the storm said and heard, for the bare loop.
    let (token, cursor) = (world.token(0), Some(cursors[0].as_str()));
    let hello = Hello {
        token,
        since: cursor,
        ..Hello::default()
    }
    .text();
    let welcome = sign_on(&mut pool, [hello.clone()], 1, 0)?.remove(0).welcome;
    leave(&mut pool)?;
    let bare = bare_storm(args, &welcome, &hello)?;
    ensure!(
        back.resets == 0 && back.moved == 0,
        "nobody missed anything"
    );
    let away = away(args, &server, &mut world)?;
    tell(
        args,
        report,
        &server,
        [&first, &back, &restarted, &bare],
        start,
        &away,
    )
}

fn tell(
    args: &ResumeArgs,
    mut report: Report,
    server: &Server,
    storms: [&Storms; 4],
    start: Option<Duration>,
    away: &Away,
) -> anyhow::Result<()> {
    let known = server.cpu()?.is_some();
    let mut table = Table::new([
        "",
        "a core and second",
        "a second",
        "CPU µs each",
        "p50 ms",
        "p99 ms",
        "max ms",
    ]);
    report.put("connections", args.connections);
    report.put("rooms", args.rooms);
    let names = [
        ("first time, 64 at once", "fresh_"),
        ("all come back at once", ""),
        ("the same after a restart", "restart_"),
        ("bare loop, all at once", "bare_"),
    ];
    for ((label, name), storm) in names.into_iter().zip(storms) {
        if storm.connections == 0 {
            continue;
        }
        let [p50, p99, max] = storm.latencies.percentiles_ms([50.0, 99.0, 100.0]);
        let known = known || name == "bare_";
        let each = storm.cpu.total().as_secs_f64() * 1e6 / storm.connections as f64;
        table.row([
            label.into(),
            digits(storm.per_core()),
            digits(storm.per_second()),
            digits(each),
            digits(p50),
            digits(p99),
            digits(max),
        ]);
        let mut put = |key: &str, value: Option<f64>| report.put(&format!("{name}{key}"), value);
        put("per_core_second", known.then(|| storm.per_core()));
        put("per_second", Some(storm.per_second()));
        put("p50_ms", Some(p50));
        put("p99_ms", Some(p99));
    }
    report.say(&table.to_string())?;
    if known {
        report.put("cpu_ratio", storms[3].per_core() / storms[1].per_core());
    }
    report.put("restart_ready_ms", start.map(ms));
    report.say(&format!(
        "back after {} events in {} rooms: ready in {} ms with {} rooms that moved; following everything, ready in {} ms \
         and at the head in {} ms",
        away.events,
        away.rooms,
        digits(ms(away.listed_ready)),
        away.listed_told,
        digits(ms(away.ready)),
        digits(ms(away.head)),
    ))?;
    report.put("away_rooms", away.rooms);
    report.put("away_events", away.events);
    report.put("away_listed_ready_ms", ms(away.listed_ready));
    report.put("away_listed_told", away.listed_told);
    report.put("away_ready_ms", ms(away.ready));
    report.put("away_head_ms", ms(away.head));
    report.put("away_cpu_ms", known.then(|| ms(away.cpu.total())));
    report.end()
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

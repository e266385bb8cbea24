//! `tidings bench history`: one page of a long room, read at random places.
//!
//! Owns: seeding, and pages read one after the other on one connection. Never: reads what is not asked for.

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::{
    args::HistoryArgs,
    bare::Control,
    figures::{Latencies, Report, Table, digits},
    flood::{Plan, drive},
    http::{Http, request},
    machine::Cpu,
    pool::Pool,
    server::{self, Server},
    session::{Hello, sign_on},
    world::{World, line, send_frame},
};

/// Sends under way while the room is filled; below the server's limit.
const IN_FLIGHT: usize = 100;
/// The size that growth is measured from; each next one is ten times the one before.
const SMALL: usize = 1_000;
const STEP: usize = 10;
/// More events than a room begins with: its creation, its members.
const BEGINNING: usize = 10;
/// Pages before anything counts.
const WARM_PAGES: usize = 200;

/// Pages read at one size of the room.
#[derive(Debug)]
struct Read {
    messages: usize,
    latencies: Latencies,
    cpu: Cpu,
}

/// Numbers that look random and are the same in each run.
struct Places(u64);

impl Places {
    /// A place from 1 to `most`.
    fn next(&mut self, most: usize) -> usize {
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % most.max(1) as u64) as usize + 1
    }
}

/// Runs the measurement.
pub(crate) fn run(args: &HistoryArgs) -> anyhow::Result<()> {
    ensure!(
        args.messages > args.page && args.page > 0,
        "a room holds more than one page"
    );
    let report = Report::new("history", args.server.json)?;
    let server = Server::start(&args.server, None)?;
    let mut world = World::new(server.address(), 1)?;
    let room = world.room(0, &[])?;
    let token = world.token(0).to_owned();
    let mut reads = Vec::new();
    let (mut held, mut filling) = (0, Duration::ZERO);
    let mut answer_bytes = 0;
    for size in sizes(args.messages, args.page) {
        let began = Instant::now();
        fill(&server, &token, &room, held, size)?;
        (held, filling) = (size, filling + began.elapsed());
        // A new connection: the server closes those that are quiet for as long as filling takes.
        let mut http = Http::connect(server.address())?;
        reads.push(pages(args, &server, &mut http, &token, &room, size)?);
        answer_bytes = http.answer_bytes();
    }
    let filled = args.messages as f64 / filling.as_secs_f64();

    // The same bytes both ways without a server: one connection, one answer that is ready.
    let mut piece = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
        answer_bytes - 100
    );
    piece.extend(std::iter::repeat_n('x', answer_bytes - 100));
    let process = server::bare(&["--answer"])?;
    let _control = Control::begin(process.address(), 1, &[piece.as_bytes()])?;
    let mut bare_http = Http::connect(process.address())?;
    let asked = ask(args, &server, &token, &room, args.messages);
    for _ in 0..WARM_PAGES {
        bare_http.exchange(&asked)?;
    }
    let before = process.cpu()?;
    let mut latencies = Latencies::default();
    for _ in 0..args.pages {
        let one = Instant::now();
        bare_http.exchange(&asked)?;
        latencies.add(one.elapsed());
    }
    reads.push(Read {
        messages: 0,
        latencies,
        cpu: process.cpu()?.since(&before),
    });
    tell(args, report, filled, answer_bytes, &reads)
}

/// The sizes of the room at which pages are read, up to `most`.
fn sizes(most: usize, page: usize) -> Vec<usize> {
    let first = SMALL.max(page + BEGINNING);
    let smaller = std::iter::successors(Some(first), |size| size.checked_mul(STEP));
    smaller
        .take_while(|size| *size < most)
        .chain([most])
        .collect()
}

/// Sends messages until the room holds `upto`.
fn fill(server: &Server, token: &str, room: &str, from: usize, upto: usize) -> anyhow::Result<()> {
    let mut pool = Pool::new(server.address())?;
    let hello = Hello {
        token,
        ..Hello::default()
    };
    let sender = sign_on(&mut pool, [hello.text()], 1, 0)?[0].conn;
    let text = line(60);
    let plan = Plan {
        events: upto - from,
        in_flight: IN_FLIGHT,
        rate: None,
        spin: false,
    };
    drive(&mut pool, sender..sender + 1, plan, |pool, at, count| {
        pool.with(sender, |conn| {
            for index in at..at + count {
                conn.put(&send_frame(&format!("h-{}", from + index), room, &text));
            }
        });
        Ok(())
    })?;
    Ok(())
}

fn ask(args: &HistoryArgs, server: &Server, token: &str, room: &str, before: usize) -> Vec<u8> {
    let path = format!(
        "/api/v1/rooms/{room}/messages?before={before}&limit={}",
        args.page
    );
    request(server.address(), "GET", &path, Some(token), None)
}

/// Reads pages at random places of a room that holds `messages`.
fn pages(
    args: &HistoryArgs,
    server: &Server,
    http: &mut Http,
    token: &str,
    room: &str,
    messages: usize,
) -> anyhow::Result<Read> {
    let mut places = Places(7);
    let mut latencies = Latencies::default();
    let mut before = None;
    for index in 0..WARM_PAGES + args.pages {
        if index == WARM_PAGES {
            before = server.cpu()?;
        }
        // A place nearer to the beginning than this would read less than a page.
        let place = places.next(messages - args.page) + args.page + BEGINNING;
        let asked = ask(args, server, token, room, place);
        let one = Instant::now();
        let body = http.exchange(&asked)?;
        let took = one.elapsed();
        if index < WARM_PAGES {
            let page: serde_json::Value = serde_json::from_slice(body)?;
            let found = page["messages"].as_array().map_or(0, Vec::len);
            ensure!(
                found == args.page,
                "a page before {place} has {found} messages"
            );
        } else {
            latencies.add(took);
        }
    }
    let after = server.cpu()?.unwrap_or_default();
    Ok(Read {
        messages,
        latencies,
        cpu: after.since(&before.unwrap_or_default()),
    })
}

fn tell(
    args: &HistoryArgs,
    mut report: Report,
    filled: f64,
    answer_bytes: usize,
    reads: &[Read],
) -> anyhow::Result<()> {
    report.say(&format!(
        "pages of {}, {} bytes each; the room was filled with {} messages/s",
        args.page,
        answer_bytes,
        digits(filled)
    ))?;
    let mut table = Table::new([
        "messages in the room",
        "p50 ms",
        "p99 ms",
        "max ms",
        "CPU µs/page",
    ]);
    report.put("messages", args.messages);
    report.put("pages", args.pages);
    report.put("page", args.page);
    report.put("answer_bytes", answer_bytes);
    report.put("filled_per_second", filled);
    for read in reads {
        let [p50, p99, max] = read.latencies.percentiles_ms([50.0, 99.0, 100.0]);
        let cpu = read.cpu.total().as_secs_f64() * 1e6 / args.pages as f64;
        let (label, name) = match read.messages {
            0 => ("bare loop".into(), "bare_".to_owned()),
            messages if messages == args.messages => (messages.to_string(), String::new()),
            messages => (messages.to_string(), format!("{messages}_")),
        };
        table.row([label, digits(p50), digits(p99), digits(max), digits(cpu)]);
        report.put(&format!("{name}p50_ms"), p50);
        report.put(&format!("{name}p99_ms"), p99);
        report.put(&format!("{name}cpu_us_per_page"), cpu);
    }
    report.say(&table.to_string())?;
    let [small] = reads[0].latencies.percentiles_ms([50.0]);
    // The last is the bare loop.
    let [full] = reads[reads.len() - 2].latencies.percentiles_ms([50.0]);
    report.put("growth", full / small);
    report.say(&format!(
        "{} × the time in a room of {}",
        digits(full / small),
        reads[0].messages
    ))?;
    report.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_grows_tenfold() {
        assert_eq!(sizes(100_000, 50), [1_000, 10_000, 100_000]);
        assert_eq!(sizes(25_000, 50), [1_000, 10_000, 25_000]);
        assert_eq!(sizes(600, 50), [600]);
        assert_eq!(sizes(4_000, 2_000), [2_010, 4_000]);
    }

    #[test]
    fn places_are_spread_and_within() {
        let mut places = Places(7);
        let found: Vec<usize> = (0..1_000).map(|_| places.next(10)).collect();
        assert!((1..=10).all(|place| found.iter().filter(|f| **f == place).count() > 50));
        assert!(found.iter().all(|place| (1..=10).contains(place)));
        assert_eq!(places.next(0), 1);
    }
}

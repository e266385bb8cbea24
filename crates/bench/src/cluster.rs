//! `tidings bench cluster`: from a send on one node to a reader on another, beside a bare hop through the same Redis.
//!
//! Owns: two nodes on one PostgreSQL and one Redis, one event under way at a time, and the bare hop between two of them.
//! Never: waits for both readers at once; every other event is waited for on the sender's own node instead.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};

use crate::{
    args::ClusterArgs,
    conn::Happening,
    figures::{Latencies, Report, Table, digits},
    frames,
    pool::Pool,
    server::Server,
    session::{Hello, sign_on},
    world::{World, line, send_frame},
};

/// Events before anything counts.
const WARM: usize = 100;
/// How long one event may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A publisher and a subscriber on the same Redis, and nothing else.
struct Bare {
    publisher: BufReader<TcpStream>,
    subscriber: BufReader<TcpStream>,
    channel: String,
    payload: Vec<u8>,
}

impl Bare {
    fn connect(address: &str, bytes: usize) -> anyhow::Result<Bare> {
        let open = || -> anyhow::Result<BufReader<TcpStream>> {
            let stream = TcpStream::connect(address)
                .with_context(|| format!("no Redis at {address}; give redis://ADDRESS:PORT"))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(BufReader::new(stream))
        };
        let mut bare = Bare {
            publisher: open()?,
            subscriber: open()?,
            channel: format!("tidings:bench:{}", uuid::Uuid::now_v7()),
            payload: vec![b'x'; bytes],
        };
        let subscribe = command(&[b"SUBSCRIBE", bare.channel.as_bytes()]);
        bare.subscriber.get_mut().write_all(&subscribe)?;
        read_array(&mut bare.subscriber)?;
        Ok(bare)
    }

    /// From publishing to hearing it.
    fn hop(&mut self) -> anyhow::Result<Duration> {
        let publish = command(&[b"PUBLISH", self.channel.as_bytes(), &self.payload]);
        let began = Instant::now();
        self.publisher.get_mut().write_all(&publish)?;
        read_array(&mut self.subscriber)?;
        let took = began.elapsed();
        let mut answer = String::new();
        self.publisher.read_line(&mut answer)?;
        ensure!(answer.starts_with(':'), "Redis says {answer}");
        Ok(took)
    }
}

/// A command as Redis takes it.
fn command(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", parts.len()).into_bytes();
    for part in parts {
        bytes.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Reads over one array of texts and numbers.
fn read_array(from: &mut impl BufRead) -> anyhow::Result<()> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let parts: usize = line
        .trim()
        .strip_prefix('*')
        .and_then(|n| n.parse().ok())
        .with_context(|| format!("Redis says {line}"))?;
    for _ in 0..parts {
        line.clear();
        from.read_line(&mut line)?;
        if let Some(len) = line.trim().strip_prefix('$') {
            let len: usize = len.parse()?;
            let mut text = vec![0; len + 2];
            from.read_exact(&mut text)?;
        }
    }
    Ok(())
}

/// The number at the beginning of a text, `m17 …`.
fn spoken(payload: &[u8]) -> Option<usize> {
    let text = frames::field(payload, br#""text":"m"#)?;
    text.split(' ').next()?.parse().ok()
}

/// Waits until a pool has an event's text.
fn wait_for(pool: &mut Pool, number: usize) -> anyhow::Result<()> {
    let began = Instant::now();
    let (mut here, mut trouble) = (false, None);
    while !here {
        ensure!(began.elapsed() < PATIENCE, "event {number} did not come");
        pool.turn(Some(PATIENCE), &mut |_, _, what| match what {
            Happening::Text(text) if frames::is_refused(text) => {
                trouble = Some(String::from_utf8_lossy(text).into_owned());
            }
            Happening::Text(text) => here |= frames::is_event(text) && spoken(text) == Some(number),
            Happening::Closed(why) => trouble = Some(why.to_owned()),
        })?;
        if let Some(why) = trouble.take() {
            bail!("a connection ended: {why}");
        }
    }
    Ok(())
}

/// Runs the measurement.
pub(crate) fn run(args: &ClusterArgs) -> anyhow::Result<()> {
    ensure!(args.events > 0, "there is at least one event");
    let mut report = Report::new("cluster", args.server.json)?;
    let mut with_redis = args.server.clone();
    ensure!(
        with_redis.database.is_some(),
        "two nodes share a PostgreSQL: give --database"
    );
    with_redis.redis = Some(args.redis.clone());
    let address = args.redis.strip_prefix("redis://");
    let address = address
        .context("an address here begins with redis://")?
        .trim_end_matches('/');
    let nodes = [
        Server::start(&with_redis, None)?,
        Server::start(&with_redis, None)?,
    ];
    let mut world = World::new(nodes[0].address(), 2)?;
    let rooms = world.rooms(1)?;
    let mut pools = [
        Pool::new(nodes[0].address())?,
        Pool::new(nodes[1].address())?,
    ];
    let mut conns = Vec::new();
    for (pool, account) in pools.iter_mut().zip(&world.accounts) {
        let hello = Hello {
            token: &account.token,
            open: &rooms,
            ..Hello::default()
        };
        conns.push(sign_on(pool, [hello.text()], 1, 1)?[0].conn);
    }
    let text = line(args.text_bytes);
    // As much as a hint of one such event has, about.
    let mut bare = Bare::connect(address, 250 + args.text_bytes)?;
    let [mut own, mut other, mut hops] = [(); 3].map(|()| Latencies::default());
    for number in 0..WARM + 2 * args.events {
        let is_warm = number >= WARM;
        let first = number % 2;
        let frame = send_frame(
            &format!("c-{number}"),
            &rooms[0],
            &format!("m{number} {text}"),
        );
        let began = Instant::now();
        pools[0].say(conns[0], &frame);
        wait_for(&mut pools[first], number)?;
        let took = began.elapsed();
        wait_for(&mut pools[1 - first], number)?;
        let hop = bare.hop()?;
        if is_warm {
            [&mut own, &mut other][first].add(took);
            hops.add(hop);
        }
    }
    let mut table = Table::new(["", "p50 ms", "p99 ms"]);
    let figures = [&own, &other, &hops].map(|l| l.percentiles_ms([50.0, 99.0]));
    for (name, [p50, p99]) in [
        "to a reader on the sender's node",
        "to a reader on the other node",
        "a bare hop through Redis",
    ]
    .iter()
    .zip(figures)
    {
        table.row([(*name).to_owned(), digits(p50), digits(p99)]);
    }
    let [[own50, own99], [other50, other99], [hop50, hop99]] = figures;
    report.say(&table.to_string())?;
    report.say(&format!(
        "the other node hears {} ms later (p50): {} × the bare hop",
        digits(other50 - own50),
        digits((other50 - own50) / hop50)
    ))?;
    report.put("events", args.events);
    report.put("own_p50_ms", own50);
    report.put("own_p99_ms", own99);
    report.put("other_p50_ms", other50);
    report.put("other_p99_ms", other99);
    report.put("bare_p50_ms", hop50);
    report.put("bare_p99_ms", hop99);
    report.put("later_ratio", (other50 - own50) / hop50);
    report.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redis_says_is_read_to_its_end() {
        let said = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\na\r\nb\r\nrest";
        let mut from = &said[..];
        read_array(&mut from).unwrap();
        read_array(&mut from).unwrap();
        assert_eq!(from, b"rest");
        assert_eq!(command(&[b"A", b"bc"]), b"*2\r\n$1\r\nA\r\n$2\r\nbc\r\n");
    }
}

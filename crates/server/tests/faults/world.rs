//! Nodes and the clients on them, as every test here needs them.

use std::{io::Write, net::SocketAddr, path::Path, time::Duration};

use tidings_store::{StoreConfig, verify::verify};
use tidings_testkit::{
    history::{Following, audit::Judged},
    load::{Load, Plan},
    process::{Launch, TestServer},
};

/// The failure limit of every wait. What is promised is ten seconds; what it took is printed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Limits that this load would run into: many accounts at once, all from one address.
const FLAGS: [&str; 8] = [
    "--sign-ins-per-minute",
    "10000",
    "--commands-per-second",
    "10000",
    "--cores",
    "2",
    "--drain-jitter-ms",
    "100",
];

/// Starts a node.
pub(crate) fn node(database: Option<&str>, redis: Option<&str>) -> TestServer {
    start(Launch {
        database: database.map(str::to_owned),
        redis: redis.map(str::to_owned),
        ..Launch::default()
    })
}

/// Starts a node on SQLite in this folder.
pub(crate) fn node_in(data: &Path) -> TestServer {
    start(Launch {
        data: Some(data.to_owned()),
        ..Launch::default()
    })
}

fn start(launch: Launch) -> TestServer {
    let flags = FLAGS.map(str::to_owned).to_vec();
    TestServer::start(env!("CARGO_BIN_EXE_tidings"), Launch { flags, ..launch })
}

/// Runs a test with the load on other threads than its own, so that it may block.
pub(crate) fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads")
        .block_on(test);
}

/// Prints even when the output of tests is captured: figures are for those who run them by hand.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// How many messages of a room a sender has under way.
#[derive(Clone, Copy)]
pub(crate) enum Sending {
    /// One: its order holds whatever fails in between.
    OneByOne,
    /// Several for some clients: their order holds as long as nothing is refused.
    Pipelined,
}

/// Five people in four rooms. Some move from node to node when theirs fails, some stay with one.
pub(crate) async fn load(nodes: &[SocketAddr], sending: Sending) -> Load {
    let mut load = Load::set_up(nodes[0], 5, 4).await.expect("accounts");
    let mut plan = |name: &str, user, first: usize, following, window, deflate| {
        let mut order = nodes.to_vec();
        order.rotate_left(first % nodes.len());
        load.member(Plan {
            name: name.to_owned(),
            user,
            nodes: order,
            following,
            window,
            pace: Duration::from_millis(if window > 0 { 10 } else { 200 }),
            deflate,
        });
    };
    let several = match sending {
        Sending::OneByOne => 1,
        Sending::Pipelined => 4,
    };
    plan("anna", 0, 0, Following::Open, 1, false);
    plan("ben", 1, 1, Following::Open, several, true);
    plan("cleo", 2, 2, Following::All, 1, false);
    plan("dora", 3, 0, Following::Listed, several, false);
    plan("elif", 4, 1, Following::All, several, true);
    // A second device of somebody who sends.
    plan("anna too", 0, 2, Following::Listed, 0, true);
    for (index, node) in nodes.iter().enumerate() {
        load.member(Plan {
            name: format!("open at {index}"),
            user: 1 + index,
            nodes: vec![*node],
            following: Following::Open,
            window: 0,
            pace: Duration::from_millis(200),
            deflate: false,
        });
        load.sse(2 + index, &[*node]);
    }
    load.poll(4, nodes);
    load.recovered(PATIENCE).await.expect("the load begins");
    load
}

/// Ends the load, prints the figures and fails with the first findings, if there are any.
pub(crate) async fn judge(name: &str, load: Load, nodes: &[&TestServer]) -> Judged {
    let addresses: Vec<SocketAddr> = nodes.iter().map(|node| node.address()).collect();
    let judged = load.finish(&addresses, PATIENCE).await;
    say(&format!("{name}: {}", judged.figures()));
    let mut wrong: Vec<String> = judged.findings.iter().map(ToString::to_string).collect();
    for (index, node) in nodes.iter().enumerate() {
        let log = node.log();
        let panics = log.lines().filter(|line| line.contains("panicked at"));
        wrong.extend(panics.map(|line| format!("node {index}: {line}")));
    }
    for node in nodes {
        wrong.extend(damage(node).await);
    }
    if !wrong.is_empty() {
        for (index, node) in nodes.iter().enumerate() {
            let log = node.log();
            let tail: Vec<&str> = log.lines().rev().take(15).collect();
            say(&format!(
                "the end of the log of node {index}, last line first: {tail:#?}"
            ));
        }
        let shown = wrong.len().min(20);
        panic!(
            "{name}: {} findings\n{}",
            wrong.len(),
            wrong[..shown].join("\n")
        );
    }
    judged
}

/// What of the node's database is not as it was committed: every event by its chain, every row by its log.
async fn damage(node: &TestServer) -> Vec<String> {
    let config = match node.database() {
        Some(url) => StoreConfig::Postgres {
            url: url.to_owned(),
        },
        None => StoreConfig::Sqlite {
            path: node.data().join("tidings.db"),
        },
    };
    let verified = verify(&config, Box::new(drop)).await;
    let verified = verified.expect("the database can be looked at");
    assert!(verified.events > 0);
    let damage = verified.damage.into_iter();
    damage.map(|damage| damage.to_string()).collect()
}

/// Numbers that look random and are the same in each run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

//! The command line of `tidings bench`.
//!
//! Owns: names, defaults and meanings of the options. Never: does anything.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand};

/// Measure this machine, each figure beside a bare loop of the same run
#[derive(Debug, Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    pub(crate) what: What,
}

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// Memory and CPU of connections that are only there
    Idle(IdleArgs),
    /// CPU and time of one event's way to many sockets
    Fanout(FanoutArgs),
    /// Acknowledged durable sends
    Send(SendArgs),
    /// Everybody comes back at once; one comes back after long
    Resume(ResumeArgs),
    /// Pages of a long history
    History(HistoryArgs),
    /// Memory of sockets that stop reading, and what others notice of them
    Stall(StallArgs),
    /// Time of an event from a node to a reader on another
    Cluster(ClusterArgs),
    /// The bare loops, as a process of their own
    #[command(hide = true)]
    Bare(BareArgs),
}

/// Which server is measured.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServerArgs {
    /// A running server (http://ADDRESS:PORT) with high limits; one is started when left out
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// The process of that server, for CPU and memory
    #[arg(long, requires = "url")]
    pub(crate) pid: Option<u32>,
    /// A PostgreSQL address for the server that is started; SQLite in a new folder without one
    #[arg(long, conflicts_with = "url")]
    pub(crate) database: Option<String>,
    /// Where that folder is made; the system's folder for temporary files when left out
    #[arg(long, conflicts_with = "url")]
    pub(crate) data: Option<PathBuf>,
    /// Threads that serve connections in the server that is started
    #[arg(long, conflicts_with = "url")]
    pub(crate) cores: Option<usize>,
    /// The program to start as the server, to compare versions; this one when left out
    #[arg(long, conflicts_with = "url")]
    pub(crate) program: Option<PathBuf>,
    /// Print one JSON object as the last line
    #[arg(long)]
    pub(crate) json: bool,
    /// The Redis of a server that is started; given by the measurements that need one
    #[arg(skip)]
    pub(crate) redis: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct IdleArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Connections
    #[arg(long, default_value_t = 4_000)]
    pub(crate) connections: usize,
    /// Rooms of each user, all listed
    #[arg(long, default_value_t = 20)]
    pub(crate) rooms: usize,
    /// Users who share the connections; each new account hashes a password
    #[arg(long, default_value_t = 40)]
    pub(crate) users: usize,
    /// Seconds over which CPU is counted; three heartbeats by default
    #[arg(long, default_value_t = 54)]
    pub(crate) seconds: u64,
}

#[derive(Debug, Args)]
pub(crate) struct FanoutArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Sockets that have the room open
    #[arg(long, default_value_t = 1_000)]
    pub(crate) sockets: usize,
    /// Users who share the sockets; one more sends
    #[arg(long, default_value_t = 7)]
    pub(crate) users: usize,
    /// Events, all rounds together
    #[arg(long, default_value_t = 2_000)]
    pub(crate) events: usize,
    /// Rounds; ours and the bare loop take turns
    #[arg(long, default_value_t = 4)]
    pub(crate) rounds: usize,
    /// Events a second at most; without it the next goes out when the slowest socket has the last
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// Events under way at once; above 1 there is something to coalesce
    #[arg(long, default_value_t = 1)]
    pub(crate) in_flight: usize,
    /// The reader sleeps between reads; then a sender that is slower than the reader also pays for waking it
    #[arg(long)]
    pub(crate) sleep: bool,
    /// Bytes of each message's text
    #[arg(long, default_value_t = 60)]
    pub(crate) text_bytes: usize,
}

#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Connections that send
    #[arg(long, default_value_t = 64)]
    pub(crate) clients: usize,
    /// Sends under way on each, at full load
    #[arg(long, default_value_t = 16)]
    pub(crate) in_flight: usize,
    /// Seconds of each phase
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u64,
    /// Rooms they send to
    #[arg(long, default_value_t = 16)]
    pub(crate) rooms: usize,
    /// Users who share the connections
    #[arg(long, default_value_t = 8)]
    pub(crate) users: usize,
    /// Sends a second of the paced phase; half of what full load came to when left out
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// Rows of one bare transaction
    #[arg(long, default_value_t = 64)]
    pub(crate) batch: usize,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Connections that come back
    #[arg(long, default_value_t = 2_000)]
    pub(crate) connections: usize,
    /// Rooms of each user, all listed
    #[arg(long, default_value_t = 20)]
    pub(crate) rooms: usize,
    /// Users who share the connections
    #[arg(long, default_value_t = 40)]
    pub(crate) users: usize,
    /// How often everybody comes back
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Rooms of the one who was away for long
    #[arg(long, default_value_t = 1_000)]
    pub(crate) away_rooms: usize,
    /// Events that this one missed
    #[arg(long, default_value_t = 10_000)]
    pub(crate) away_events: usize,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Messages in the room
    #[arg(long, default_value_t = 100_000)]
    pub(crate) messages: usize,
    /// Pages read, at random places
    #[arg(long, default_value_t = 5_000)]
    pub(crate) pages: usize,
    /// Messages of one page
    #[arg(long, default_value_t = 50)]
    pub(crate) page: usize,
}

#[derive(Debug, Args)]
pub(crate) struct StallArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Sockets that open the room and stop reading
    #[arg(long, default_value_t = 1_000)]
    pub(crate) stalled: usize,
    /// Sockets that go on reading; their latency is measured
    #[arg(long, default_value_t = 100)]
    pub(crate) readers: usize,
    /// Users who share all of them
    #[arg(long, default_value_t = 7)]
    pub(crate) users: usize,
    /// Events of each round
    #[arg(long, default_value_t = 1_000)]
    pub(crate) events: usize,
    /// Events a second in both rounds
    #[arg(long, default_value_t = 200.0)]
    pub(crate) rate: f64,
    /// Bytes of each message's text
    #[arg(long, default_value_t = 1_000)]
    pub(crate) text_bytes: usize,
}

#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// The Redis of both nodes, redis://ADDRESS:PORT
    #[arg(long)]
    pub(crate) redis: String,
    /// Events measured on each node
    #[arg(long, default_value_t = 2_000)]
    pub(crate) events: usize,
    /// Bytes of each message's text
    #[arg(long, default_value_t = 60)]
    pub(crate) text_bytes: usize,
}

#[derive(Debug, Args)]
pub(crate) struct BareArgs {
    /// Answer requests with the bytes given first, instead of sending to everybody
    #[arg(long)]
    pub(crate) answer: bool,
    /// Where to listen, ADDRESS:PORT
    #[arg(long)]
    pub(crate) listen: SocketAddr,
}

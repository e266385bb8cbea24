//! Measurements of a running server, each beside a bare loop that does the kernel's part alone.
//!
//! Owns: the load generator (raw sockets and epoll in one thread), the bare loops (in a process of their own, so that
//! CPU is measured the same way), reading `/proc`, tables and JSON.
//! Never: a timed test. An absolute time on a shared machine means little; the ratios in one run do.

mod args;
mod bare;
mod cluster;
mod conn;
mod fanout;
mod figures;
mod flood;
mod frames;
mod history;
mod http;
mod idle;
mod machine;
mod pool;
mod resume;
mod send;
mod server;
mod session;
mod stall;
mod store;
mod world;

pub use args::BenchArgs;
use args::What;

/// Runs one measurement and prints what it found.
///
/// # Errors
/// When the server cannot be started or reached, or does something that the protocol does not allow.
pub fn run(args: BenchArgs) -> anyhow::Result<()> {
    match args.what {
        What::Idle(args) => idle::run(&args),
        What::Fanout(args) => fanout::run(&args),
        What::Send(args) => send::run(&args),
        What::Resume(args) => resume::run(&args),
        What::History(args) => history::run(&args),
        What::Stall(args) => stall::run(&args),
        What::Cluster(args) => cluster::run(&args),
        What::Bare(args) => bare::serve(&args),
    }
}

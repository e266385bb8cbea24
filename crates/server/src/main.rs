//! The program: reads the settings and wires everything together.
//!
//! Owns: the command line, the threads, signals, log output. The only place that knows every part.
//! Never: holds logic that a test would want to reach; that is in the library.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use clap::{Parser, Subcommand};
use tidings_engine::Inbox;
use tidings_server::{
    backup,
    config::{
        Config, DatabaseSettings, DoctorSettings, LogFormat, Settings, check_variables,
        of_command_line, page,
    },
    data_folder, log, mark,
    node::{Node, raise_open_files},
    output, reactor,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Connections that wait to be accepted on one core.
const BACKLOG: i32 = 4_096;
/// Bytes of a core's stack; what parses the frames of strangers stops long before.
const CORE_STACK_BYTES: usize = 4 * 1024 * 1024;

/// Real-time chat: a server, an app and an API in one program.
#[derive(Debug, Parser)]
#[command(name = "tidings", version, about)]
struct Cli {
    /// A file with settings (TOML)
    #[arg(long, global = true, env = "TIDINGS_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the app and the API
    Serve(Box<Settings>),
    /// Bring the database to this version, and stop
    Migrate(DatabaseSettings),
    /// Look whether everything needed is there and well; changes nothing
    Doctor(DoctorSettings),
    /// Copy the SQLite database into a new file, while the server may run
    Backup {
        /// The file to make
        file: PathBuf,
        #[command(flatten)]
        settings: DatabaseSettings,
    },
    /// After restoring a backup: make every client start anew
    ///
    /// What clients remember of the database that was lost does not fit the one that was restored. A file made by
    /// `tidings backup` does this by itself when it is used.
    NewEpoch(DatabaseSettings),
    /// Add and list accounts, sign them out
    #[command(subcommand)]
    User(tidings_server::user::UserCommand),
    /// Print the settings in effect, secrets masked
    #[command(name = "settings")]
    ShowSettings {
        /// Print all there are, as the page of the documentation
        #[arg(long)]
        page: bool,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// Measure this machine, each figure beside a bare loop of the same run
    Bench(tidings_bench::BenchArgs),
    /// Print the OpenAPI document
    Openapi,
    /// Print the AsyncAPI document
    Asyncapi,
    /// Echo WebSocket messages, for the conformance suite
    #[command(hide = true)]
    AutobahnEcho {
        /// Where to listen, ADDRESS:PORT
        #[arg(long)]
        listen: SocketAddr,
    },
}

fn main() -> ExitCode {
    // Whatever it makes is for its owner alone, unless it says otherwise: databases, backups, marks.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // The parser's own words quote what it could not read, and that may be a password.
        Err(error) => match of_command_line(&error) {
            None => error.exit(),
            Some(said) => {
                eprintln!("tidings: {said}");
                return ExitCode::from(2);
            }
        },
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if log::is_started() {
                tracing::error!(error = format!("{error:#}"), "the program ends");
            } else {
                output::complain(&error);
            }
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let load = |settings: Settings| {
        check_variables(std::env::vars_os().map(|(name, _)| name))?;
        Config::load(cli.config.as_deref(), settings)
    };
    match cli.command {
        Command::Serve(settings) => {
            // So that what is wrong with the settings is told in this form, too.
            if settings.log == Some(LogFormat::Json) {
                log::start(LogFormat::Json);
            }
            serve(load(*settings)?)
        }
        Command::Migrate(settings) => backup::migrate(&load(settings.into())?),
        Command::Doctor(settings) => {
            let deep = settings.deep;
            tidings_server::doctor::run(&load(settings.into())?, deep)
        }
        Command::Backup { file, settings } => backup::back_up(&load(settings.into())?, &file),
        Command::NewEpoch(settings) => backup::new_epoch(&load(settings.into())?),
        Command::User(command) => tidings_server::user::run(command, load),
        Command::ShowSettings { page: true, .. } => output::line(page().trim_end()),
        Command::ShowSettings { settings, .. } => {
            output::line(serde_json::to_string_pretty(&load(*settings)?)?)
        }
        Command::Bench(args) => tidings_bench::run(args),
        Command::Openapi => output::line(serde_json::to_string_pretty(
            &tidings_server::http::docs::openapi(),
        )?),
        Command::Asyncapi => output::line(serde_json::to_string_pretty(
            &tidings_server::http::docs::asyncapi(),
        )?),
        Command::AutobahnEcho { listen } => tidings_server::echo::run(listen),
    }
}

fn listener(address: SocketAddr) -> anyhow::Result<std::net::TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // A restarted server takes its port again at once; several cores share it.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Refuses a port that another program listens on: with a shared port the kernel would deal out connections to both.
fn check_port_is_free(address: SocketAddr) -> anyhow::Result<()> {
    if address.port() != 0 {
        std::net::TcpListener::bind(address)
            .with_context(|| format!("cannot listen on {address}; is another program there?"))?;
    }
    Ok(())
}

fn serve(config: Config) -> anyhow::Result<()> {
    let format = config.log;
    log::start(format);
    raise_open_files();
    data_folder::prepare(&config)?;
    // Until the process ends.
    let _held = data_folder::hold(&config)?;
    check_port_is_free(config.listen)?;
    let first =
        listener(config.listen).with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..config.cores {
        listeners.push(listener(address)?);
    }
    let inboxes: Vec<Arc<Inbox>> = listeners
        .iter()
        .map(|_| Arc::new(Inbox::default()))
        .collect();
    // Appenders, hints, looks and drivers of databases; connections are served by the cores alone.
    let background = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("background")
        .enable_all()
        .build()?;
    background.block_on(mark::compare(&config))?;
    let node = background.block_on(Node::start(config, inboxes.clone()))?;
    let (drain, drained) = watch::channel(false);
    let mut threads = Vec::new();
    for (index, (listener, inbox)) in listeners.into_iter().zip(inboxes).enumerate() {
        let (node, drained) = (Arc::clone(&node), drained.clone());
        let index = u16::try_from(index).context("too many cores")?;
        let thread = std::thread::Builder::new()
            .name(format!("core-{index}"))
            .stack_size(CORE_STACK_BYTES);
        threads.push(thread.spawn(move || reactor::run(node, index, inbox, listener, drained))?);
    }
    // Before anybody is told that it is ready: a signal that comes at once must drain, too.
    let stop = background.block_on(async { Stop::listen() })?;
    let told = match format {
        LogFormat::Text => output::line(format_args!("listening on http://{address}")),
        LogFormat::Json => output::line(serde_json::json!({
            "level": "INFO",
            "message": "listening",
            "url": format!("http://{address}"),
        })),
    };
    if let Err(error) = told {
        tracing::warn!(error = format!("{error:#}"), "nobody is told the address");
    }
    tracing::info!(%address, cores = threads.len(), "ready");
    let failed = background.block_on(async {
        tokio::select! {
            () = stop.asked_and_left(&node) => false,
            () = node.failed() => true,
        }
    });
    tracing::info!("draining");
    node.begin_drain();
    drain.send_replace(true);
    for thread in threads {
        match thread.join() {
            Ok(result) => result?,
            Err(_) => tracing::error!("a core panicked"),
        }
    }
    background.block_on(node.finish());
    anyhow::ensure!(
        !failed,
        "this node could not go on; see the log, and start it again"
    );
    tracing::info!("bye");
    Ok(())
}

/// The signals that ask the program to end.
struct Stop {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Stop {
    fn listen() -> anyhow::Result<Stop> {
        Ok(Stop {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the first signal, and after SIGTERM until whoever sends clients to this node has had the time to see
    /// that it leaves. From then on a second signal ends the process at once: everything acknowledged is on disk.
    async fn asked_and_left(mut self, node: &Node) {
        let is_terminate = self.asked().await == SignalKind::terminate();
        tokio::spawn(async move {
            let code = 128 + self.asked().await.as_raw_value();
            tracing::warn!("a second signal: ending at once");
            std::process::exit(code);
        });
        if is_terminate && node.config.drain_delay_ms > 0 {
            let delay_ms = node.config.drain_delay_ms;
            node.begin_to_leave();
            tracing::info!(delay_ms, "leaving: not ready, and still serving");
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        }
    }

    async fn asked(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        }
    }
}

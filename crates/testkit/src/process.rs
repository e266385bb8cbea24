//! The real program as a child process: started, killed, frozen, drained, started again at the same address.
//!
//! Owns: a port of its own, the data folder, the log, and that the child ends with the test process however that ends.
//! Never: knows how the program is built (its path is given), speaks to it, or ends a process that it did not start.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU16, Ordering},
        mpsc,
    },
};

/// Ports below those that the kernel deals out: a client that dials a stopped server must not be given its port.
const PORTS: std::ops::Range<u16> = 12_000..30_000;
/// How often a first start is tried when another program was faster at taking the port.
const STARTS_MAX: u32 = 10;

/// What a server is started with.
#[derive(Debug, Clone, Default)]
pub struct Launch {
    /// A PostgreSQL address; SQLite in a folder of the server's own without one.
    pub database: Option<String>,
    /// A Redis address.
    pub redis: Option<String>,
    /// A folder for its data; one of the server's own without it.
    pub data: Option<PathBuf>,
    /// More flags of `tidings serve`.
    pub flags: Vec<String>,
}

/// A server that belongs to this test process.
#[derive(Debug)]
pub struct TestServer {
    program: PathBuf,
    launch: Launch,
    folder: tempfile::TempDir,
    address: SocketAddr,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    /// Kept open, so that the child may still print.
    _output: BufReader<std::process::ChildStdout>,
}

impl TestServer {
    /// Starts `program serve` and returns when it listens.
    ///
    /// # Panics
    /// When it does not; the message holds the end of its log.
    #[must_use]
    pub fn start(program: impl AsRef<Path>, launch: Launch) -> TestServer {
        let folder = tempfile::Builder::new().prefix("tidings-server-").tempdir();
        let mut server = TestServer {
            program: program.as_ref().to_owned(),
            launch,
            folder: folder.expect("the temporary folder takes files"),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            running: None,
        };
        let mut why = String::new();
        for _ in 0..STARTS_MAX {
            server.address.set_port(free_port());
            match server.try_start() {
                Ok(()) => return server,
                Err(error) => why = error,
            }
        }
        panic!("{why}");
    }

    /// Where it listens; the same after each start.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts it again with the same data, at the same address; returns when it listens.
    ///
    /// # Panics
    /// When it runs already, or does not start.
    pub fn restart(&mut self) {
        assert!(self.running.is_none(), "the server runs already");
        self.try_start().unwrap_or_else(|why| panic!("{why}"));
    }

    /// `kill -9`; returns when the process is gone.
    ///
    /// # Panics
    /// When it does not run: a crash before the kill is a finding of its own.
    pub fn kill(&mut self) {
        let mut running = self.take();
        if let Ok(Some(status)) = running.child.try_wait() {
            panic!("the server had ended by itself: {status}\n{}", self.log());
        }
        running.child.kill().expect("a child can be killed");
        running.child.wait().expect("a child can be waited for");
    }

    /// `kill -9` of a server that may have ended already, since what it stands on is gone.
    pub fn end(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }

    /// SIGTERM: the server drains and ends by itself. Returns how it ended.
    ///
    /// # Panics
    /// When it does not run.
    pub fn terminate(&mut self) -> ExitStatus {
        let mut running = self.take();
        signal(&running.child, "TERM");
        running.child.wait().expect("a child can be waited for")
    }

    /// Waits until it ends by itself. Returns how it ended.
    ///
    /// # Panics
    /// When it does not run.
    pub fn wait(&mut self) -> ExitStatus {
        let mut running = self.take();
        running.child.wait().expect("a child can be waited for")
    }

    /// SIGSTOP: it neither ends nor runs.
    ///
    /// # Panics
    /// When it does not run.
    pub fn freeze(&self) {
        signal(
            &self.running.as_ref().expect("a running server").child,
            "STOP",
        );
    }

    /// SIGCONT.
    ///
    /// # Panics
    /// When it does not run.
    pub fn thaw(&self) {
        signal(
            &self.running.as_ref().expect("a running server").child,
            "CONT",
        );
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        let own = || self.folder.path().join("data");
        self.launch.data.clone().unwrap_or_else(own)
    }

    /// The PostgreSQL address that it was started with.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.launch.database.as_deref()
    }

    /// Everything it has logged, over all its lives.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn take(&mut self) -> Running {
        self.running.take().expect("a running server")
    }

    fn try_start(&mut self) -> Result<(), String> {
        let mut command = tied(&self.program);
        command
            .args(["serve", "--listen", &self.address.to_string(), "--data"])
            .arg(self.data())
            .args(&self.launch.flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(append(&self.folder.path().join("log"))?);
        for (name, value) in [
            ("--database", &self.launch.database),
            ("--redis", &self.launch.redis),
        ] {
            if let Some(value) = value {
                command.args([name, value]);
            }
        }
        // What the one who runs the tests has set is not for these servers.
        let foreign = std::env::vars_os().map(|(name, _)| name);
        for name in foreign.filter(|name| name.to_string_lossy().starts_with("TIDINGS_")) {
            command.env_remove(name);
        }
        // Nobody is sent to these; a flag goes before it.
        command.env("TIDINGS_DRAIN_DELAY_MS", "0");
        let mut child = spawn(command)?;
        let mut output = BufReader::new(child.stdout.take().expect("its output is piped"));
        let mut line = String::new();
        // Ends with the line, or with the process.
        output.read_line(&mut line).map_err(|e| e.to_string())?;
        if !line.starts_with("listening on ") {
            let status = child.wait().map_err(|e| e.to_string())?;
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            return Err(format!(
                "the server did not start ({status}): {line}\n{tail:#?}"
            ));
        }
        self.running = Some(Running {
            child,
            _output: output,
        });
        Ok(())
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.end();
    }
}

/// A command whose process is killed by the kernel when the thread that started it ends: see [`spawn`].
pub(crate) fn tied(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args([OsString::from("--pdeathsig"), "KILL".into(), "--".into()])
        .arg(program);
    command
}

/// Starts a process from a thread that lives as long as this process, so that [`tied`] ties it to the process and not
/// to one test.
pub(crate) fn spawn(command: Command) -> Result<Child, String> {
    type Job = (Command, mpsc::Sender<Result<Child, String>>);
    static SPAWNER: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        std::thread::spawn(move || {
            for (mut command, answer) in jobs {
                let program = command.get_program().to_owned();
                let child = command.spawn();
                let _ = answer.send(child.map_err(|e| format!("{program:?} did not start: {e}")));
            }
        });
        sender
    });
    let (answer, answered) = mpsc::channel();
    spawner.send((command, answer)).map_err(|e| e.to_string())?;
    answered.recv().map_err(|e| e.to_string())?
}

/// Sends a signal to a child that was not waited for yet, so its id is still its own.
pub(crate) fn signal(child: &Child, name: &str) {
    let done = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(child.id().to_string())
        .status();
    assert!(
        done.is_ok_and(|status| status.success()),
        "kill -{name} failed"
    );
}

/// A port that nobody listens on, another at each call.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let size = PORTS.end - PORTS.start;
    // Other test processes begin elsewhere.
    let begin = (std::process::id() % u32::from(size)) as u16;
    for _ in 0..size {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % size;
        let port = PORTS.start + (begin + step) % size;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {} and {}", PORTS.start, PORTS.end);
}

fn append(path: &Path) -> Result<File, String> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.map_err(|e| format!("{}: {e}", path.display()))
}

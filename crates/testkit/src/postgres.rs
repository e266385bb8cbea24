//! A real PostgreSQL server for tests: made, started, stopped, killed, and gone with the test process.
//!
//! Owns: finding the programs, a data folder of its own in the temporary folder, fresh databases.
//! Never: skips a test because PostgreSQL is missing, uses a server that was there before, depends on another crate
//! of ours (every crate's tests may use it).
//!
//! A watchdog process holds the other end of a pipe: when the test process ends, however it ends, the pipe closes
//! and the watchdog stops the server and removes the folder.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// The role that owns everything on the server; it needs no password.
const ROLE: &str = "tidings";
/// How often starting is tried: a port may be taken meanwhile, processes of a killed server may still be ending.
const STARTS_MAX: u32 = 50;
/// How long killed processes may take to end: the system frees their memory first.
const KILL_TIMEOUT: Duration = Duration::from_secs(30);

/// A PostgreSQL server that belongs to this test process.
#[derive(Debug)]
pub struct TestPostgres {
    programs: PathBuf,
    /// Who runs the programs when we are root, which PostgreSQL refuses to be.
    account: Option<Account>,
    folder: PathBuf,
    port: u16,
    databases: AtomicU32,
    watchdog: Mutex<Child>,
}

#[derive(Debug, Clone)]
struct Account {
    user: String,
    group: String,
}

impl TestPostgres {
    /// The server of this test binary, started by the first who asks.
    ///
    /// # Panics
    /// When it cannot be made; the message says why.
    pub fn shared() -> &'static TestPostgres {
        static SHARED: OnceLock<TestPostgres> = OnceLock::new();
        SHARED.get_or_init(TestPostgres::new)
    }

    /// A server of one's own, for tests that stop it. It ends when dropped.
    ///
    /// # Panics
    /// When it cannot be made; the message says why.
    #[must_use]
    pub fn new() -> TestPostgres {
        TestPostgres::make(|_, _, _| {}).unwrap_or_else(|why| panic!("{why}"))
    }

    /// A server of one's own whose data folder `mount` puts onto another disk: it is given the empty folder, and the user
    /// and group that it must belong to.
    ///
    /// # Panics
    /// When it cannot be made; the message says why.
    #[must_use]
    pub fn on_disk(mount: impl FnOnce(&Path, u32, u32)) -> TestPostgres {
        TestPostgres::make(mount).unwrap_or_else(|why| panic!("{why}"))
    }

    fn make(mount: impl FnOnce(&Path, u32, u32)) -> Result<TestPostgres, String> {
        let programs = programs()?;
        let account = account()?;
        let template = std::env::temp_dir().join("tidings-pg-XXXXXX");
        let mut mktemp = as_account(account.as_ref(), Path::new("mktemp"));
        let folder = output(mktemp.arg("-d").arg(&template))?;
        let folder = PathBuf::from(folder.trim());
        let watchdog = watchdog(account.as_ref(), &programs, &folder)?;
        let mut server = TestPostgres {
            programs,
            account,
            folder,
            port: 0,
            databases: AtomicU32::new(0),
            watchdog: Mutex::new(watchdog),
        };
        output(as_account(server.account.as_ref(), Path::new("mkdir")).arg(server.data()))?;
        let id = |flag| -> Result<u32, String> {
            let told = output(as_account(server.account.as_ref(), Path::new("id")).arg(flag))?;
            told.trim().parse().map_err(|e| format!("id {flag}: {e}"))
        };
        mount(&server.data(), id("-u")?, id("-g")?);
        output(
            server
                .program("initdb")
                .arg("--pgdata")
                .arg(server.data())
                .args(["--username", ROLE, "--auth", "trust"])
                .args(["--encoding", "UTF8", "--no-locale", "--no-sync"]),
        )?;
        server.choose_port()?;
        server.try_start()?;
        Ok(server)
    }

    /// The connection string of a new, empty database.
    ///
    /// # Panics
    /// When the server does not make it.
    #[must_use]
    pub fn fresh_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        output(
            self.program("createdb")
                .arg("--host")
                .arg(&self.folder)
                .args(["--port", &self.port.to_string()])
                .args(["--username", ROLE, "--template", "template0", &name]),
        )
        .unwrap_or_else(|why| panic!("{why}"));
        self.url(&name)
    }

    /// The connection string of a database, over the Unix socket.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!(
            "host={} port={} user={ROLE} dbname={database}",
            self.folder.display(),
            self.port
        )
    }

    /// The same over TCP, for a proxy between.
    #[must_use]
    pub fn url_over_tcp(&self, database: &str) -> String {
        format!("postgres://{ROLE}@127.0.0.1:{}/{database}", self.port)
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again after [`stop`](TestPostgres::stop) or [`kill`](TestPostgres::kill), with the same data and
    /// port; returns when it answers.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(&self) {
        self.try_start().unwrap_or_else(|why| panic!("{why}"));
    }

    /// Stops it in good order; connections are cut.
    ///
    /// # Panics
    /// When it does not stop.
    pub fn stop(&self) {
        output(
            self.program("pg_ctl")
                .args(["stop", "--wait", "--mode", "fast", "--pgdata"])
                .arg(self.data()),
        )
        .unwrap_or_else(|why| panic!("{why}"));
    }

    /// Stops it without a word to anybody and without a checkpoint; the next start recovers.
    ///
    /// # Panics
    /// When it does not stop.
    pub fn stop_immediately(&self) {
        output(
            self.program("pg_ctl")
                .args(["stop", "--wait", "--mode", "immediate", "--pgdata"])
                .arg(self.data()),
        )
        .unwrap_or_else(|why| panic!("{why}"));
    }

    /// `kill -9` of the server and of every process it serves a connection with, as a crash: what was not synced is
    /// for its recovery.
    ///
    /// # Panics
    /// When there is no server to kill.
    pub fn kill(&self) {
        self.kill_after(|| {});
    }

    /// The same, and `before` happens when it is known whom to kill: for what takes the data folder away.
    ///
    /// # Panics
    /// When there is no server to kill.
    pub fn kill_after(&self, before: impl FnOnce()) {
        let pid = fs::read_to_string(self.data().join("postmaster.pid"))
            .map_err(|e| format!("no server to kill: {e}"))
            .and_then(|text| Ok(text.lines().next().ok_or("an empty pid file")?.to_owned()))
            .unwrap_or_else(|why| panic!("{why}"));
        let mut all = children(&pid);
        // The server first, so that it starts no other process.
        all.insert(0, pid);
        before();
        let mut kill = as_account(self.account.as_ref(), Path::new("kill"));
        // One that ended by itself meanwhile is no failure.
        let _ = output(kill.arg("-9").args(&all));
        let killed = Instant::now();
        while all.iter().any(|pid| alive(pid)) {
            assert!(killed.elapsed() < KILL_TIMEOUT, "{all:?} still run");
            std::thread::yield_now();
        }
    }

    /// Runs SQL in a database, and gives what it prints: one line a row, columns apart by `|`.
    ///
    /// # Panics
    /// When the SQL fails.
    #[must_use]
    pub fn sql(&self, database_url: &str, text: &str) -> String {
        output(self.program("psql").args([
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--set=ON_ERROR_STOP=1",
            "--dbname",
            database_url,
            "--command",
            text,
        ]))
        .unwrap_or_else(|why| panic!("{why}"))
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn program(&self, name: &str) -> Command {
        as_account(self.account.as_ref(), &self.programs.join(name))
    }

    fn choose_port(&mut self) -> Result<(), String> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
        self.port = free.map_err(|e| format!("no free port: {e}"))?.port();
        Ok(())
    }

    fn try_start(&self) -> Result<(), String> {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={} -c fsync=on \
             -c max_connections=200 -c shared_buffers=64MB",
            self.port,
            self.folder.display()
        );
        let mut why = String::new();
        for _ in 0..STARTS_MAX {
            let mut start = self.program("pg_ctl");
            start
                .args(["start", "--wait", "--timeout", "60", "--silent", "--pgdata"])
                .arg(self.data())
                .arg("--log")
                .arg(self.folder.join("log"))
                .args(["--options", &options]);
            match output(&mut start) {
                Ok(_) => return Ok(()),
                Err(error) => why = error,
            }
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let tail: Vec<_> = log.lines().rev().take(20).collect();
        Err(format!("PostgreSQL did not start: {why}\n{tail:#?}"))
    }
}

/// The processes whose parent this is, where the system tells.
fn children(parent: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten();
    processes
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|pid| stat(pid).is_some_and(|fields| fields.get(1).is_some_and(|p| p == parent)))
        .collect()
}

/// Whether it runs still: a killed process may wait as a zombie for its parent.
fn alive(pid: &str) -> bool {
    stat(pid).is_some_and(|fields| fields.first().is_some_and(|state| state != "Z"))
}

/// The state, the parent and so on: what follows the name in parentheses (proc(5)).
fn stat(pid: &str) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

impl Default for TestPostgres {
    fn default() -> TestPostgres {
        TestPostgres::new()
    }
}

impl Drop for TestPostgres {
    fn drop(&mut self) {
        if let Ok(watchdog) = self.watchdog.get_mut() {
            // The closed pipe wakes it.
            drop(watchdog.stdin.take());
            let _ = watchdog.wait();
        }
    }
}

/// The folder with PostgreSQL's programs: `TIDINGS_TEST_PG_BIN`, or the newest of Debian's.
fn programs() -> Result<PathBuf, String> {
    let missing = "PostgreSQL's programs (initdb, pg_ctl) are missing, and no test is skipped for that: \
                   `make test` installs them, or TIDINGS_TEST_PG_BIN names their folder.";
    let complete = |folder: &PathBuf| folder.join("initdb").is_file();
    if let Some(folder) = std::env::var_os("TIDINGS_TEST_PG_BIN").filter(|f| !f.is_empty()) {
        return Some(PathBuf::from(folder))
            .filter(complete)
            .ok_or_else(|| missing.to_owned());
    }
    let versions = fs::read_dir("/usr/lib/postgresql").map_err(|_| missing.to_owned())?;
    versions
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("bin"))
        .filter(complete)
        .max_by_key(|bin| version(bin))
        .ok_or_else(|| missing.to_owned())
}

/// The 15 in `/usr/lib/postgresql/15/bin`.
fn version(bin: &Path) -> u32 {
    let folder = bin.parent().and_then(Path::file_name);
    folder
        .and_then(|name| name.to_str()?.parse().ok())
        .unwrap_or(0)
}

fn account() -> Result<Option<Account>, String> {
    if output(Command::new("id").arg("-u"))?.trim() != "0" {
        return Ok(None);
    }
    for user in ["postgres", "nobody"] {
        if let Ok(group) = output(Command::new("id").args(["-g", user])) {
            return Ok(Some(Account {
                user: user.to_owned(),
                group: group.trim().to_owned(),
            }));
        }
    }
    Err("PostgreSQL does not run as root, and there is no user postgres or nobody".to_owned())
}

fn as_account(account: Option<&Account>, program: &Path) -> Command {
    let mut command = match account {
        None => Command::new(program),
        Some(account) => {
            let mut command = Command::new("setpriv");
            command
                .arg(format!("--reuid={}", account.user))
                .arg(format!("--regid={}", account.group))
                .args(["--clear-groups", "--"])
                .arg(program);
            command
        }
    };
    // A folder that the account may enter.
    command.current_dir("/").stdin(Stdio::null());
    command
}

/// Waits for the pipe to close, then stops the server and removes the folder. In a process group of its own, so that
/// an interrupt from the keyboard does not end it first.
fn watchdog(account: Option<&Account>, programs: &Path, folder: &Path) -> Result<Child, String> {
    use std::os::unix::process::CommandExt;
    let script = "read -r _; \"$1/pg_ctl\" stop --silent --wait --mode immediate --pgdata \"$2/data\"; rm -rf \"$2\"";
    as_account(account, Path::new("sh"))
        .args(["-c", script, "watchdog"])
        .arg(programs)
        .arg(folder)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("the watchdog of PostgreSQL did not start: {e}"))
}

/// Runs to the end and gives what it printed.
fn output(command: &mut Command) -> Result<String, String> {
    let done = command
        .output()
        .map_err(|e| format!("{:?} did not run: {e}", command.get_program()))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let line: Vec<_> = command
        .get_args()
        .map(std::ffi::OsStr::to_string_lossy)
        .collect();
    Err(format!("{} failed: {said}", line.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_keeps_its_data_through_stop_and_crash_and_leaves_nothing() {
        let server = TestPostgres::new();
        let url = server.fresh_database();
        assert_eq!(server.sql(&url, "SHOW fsync").trim(), "on");
        let _ = server.sql(&url, "CREATE TABLE t (n bigint); INSERT INTO t VALUES (1)");
        server.stop();
        server.start();
        let _ = server.sql(&url, "INSERT INTO t VALUES (2)");
        server.kill();
        server.start();
        assert_eq!(server.sql(&url, "SELECT sum(n) FROM t").trim(), "3");
        let folder = server.folder.clone();
        drop(server);
        assert!(!folder.exists());
    }
}

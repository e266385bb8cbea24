//! A real Redis server for tests: started, stopped, killed, frozen, and gone with the test process.
//!
//! Owns: finding the program, a port and a folder of its own. It keeps nothing on disk: Redis holds no truth here.
//! Never: skips a test because Redis is missing, uses a server that was there before.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Stdio},
    sync::{Arc, Mutex},
};

use crate::process;

/// How often a first start is tried when another program was faster at taking the port.
const STARTS_MAX: u32 = 10;

/// A Redis server that belongs to this test process.
#[derive(Debug)]
pub struct TestRedis {
    program: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    child: Mutex<Option<Child>>,
}

impl TestRedis {
    /// A server of one's own. It ends when dropped.
    ///
    /// # Panics
    /// When it cannot be started; the message says why.
    #[must_use]
    pub fn new() -> TestRedis {
        let folder = tempfile::Builder::new().prefix("tidings-redis-").tempdir();
        let mut server = TestRedis {
            program: program().unwrap_or_else(|why| panic!("{why}")),
            folder: folder.expect("the temporary folder takes files"),
            port: 0,
            child: Mutex::new(None),
        };
        let mut why = String::new();
        for _ in 0..STARTS_MAX {
            server.port = process::free_port();
            match server.try_start() {
                Ok(()) => return server,
                Err(error) => why = error,
            }
        }
        panic!("{why}");
    }

    /// The address for clients; the same after each start.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Starts it again at the same address; returns when it takes connections.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(&self) {
        self.try_start().unwrap_or_else(|why| panic!("{why}"));
    }

    /// Ends it at once; connections are cut.
    ///
    /// # Panics
    /// When it does not run.
    pub fn stop(&self) {
        let mut child = self.lock().take().expect("a running Redis");
        child.kill().expect("a child can be killed");
        child.wait().expect("a child can be waited for");
    }

    /// SIGSTOP: connections stand, nothing answers.
    ///
    /// # Panics
    /// When it does not run.
    pub fn freeze(&self) {
        process::signal(self.lock().as_ref().expect("a running Redis"), "STOP");
    }

    /// SIGCONT.
    ///
    /// # Panics
    /// When it does not run.
    pub fn thaw(&self) {
        process::signal(self.lock().as_ref().expect("a running Redis"), "CONT");
    }

    /// Says something on a channel, as anybody can who reaches it; returns when it was handed out.
    ///
    /// # Panics
    /// When it does not run.
    pub fn publish(&self, channel: &str, bytes: &[u8]) {
        let mut tcp = self.connect();
        tcp.write_all(&command(&[b"PUBLISH", channel.as_bytes(), bytes]))
            .expect("Redis takes a command");
        let mut answer = [0; 1];
        tcp.read_exact(&mut answer).expect("Redis answers");
        assert_eq!(answer, *b":", "a count of listeners");
    }

    /// Keeps what is said on a channel, as anybody can who reaches it, until it ends. Returns when it hears.
    ///
    /// # Panics
    /// When it does not run.
    pub fn listen(&self, channel: &str, kept: Arc<Mutex<Vec<Vec<u8>>>>) {
        let mut tcp = self.connect();
        tcp.write_all(&command(&[b"SUBSCRIBE", channel.as_bytes()]))
            .expect("Redis takes a command");
        let mut tcp = BufReader::new(tcp);
        let mut heard = move || -> std::io::Result<Vec<u8>> {
            // An array of three: what it is, the channel, the message (or how many channels there are).
            let mut line = String::new();
            tcp.read_line(&mut line)?;
            let mut last = Vec::new();
            for _ in 0..3 {
                line.clear();
                if tcp.read_line(&mut line)? == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                if let Some(len) = line.strip_prefix('$') {
                    let len: usize = len.trim().parse().unwrap_or_default();
                    last = vec![0; len + 2];
                    tcp.read_exact(&mut last)?;
                    last.truncate(len);
                }
            }
            Ok(last)
        };
        heard().expect("Redis answers");
        std::thread::spawn(move || {
            while let Ok(message) = heard() {
                kept.lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .push(message);
            }
        });
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).expect("a running Redis")
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.child
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn try_start(&self) -> Result<(), String> {
        let mut command = process::tied(&self.program);
        command
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = process::spawn(command)?;
        let mut output = BufReader::new(child.stdout.take().expect("its output is piped"));
        let mut said = String::new();
        loop {
            let from = said.len();
            if output.read_line(&mut said).map_err(|e| e.to_string())? == 0 {
                let status = child.wait().map_err(|e| e.to_string())?;
                return Err(format!("Redis did not start ({status}):\n{said}"));
            }
            if said[from..].contains("eady to accept connections") {
                break;
            }
        }
        // Someone must go on reading, or it would wait for us to.
        std::thread::spawn(move || {
            let mut rest = [0; 4_096];
            while output.read(&mut rest).is_ok_and(|n| n > 0) {}
        });
        *self.lock() = Some(child);
        Ok(())
    }
}

impl Default for TestRedis {
    fn default() -> TestRedis {
        TestRedis::new()
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        if let Some(mut child) = self.lock().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
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

/// `TIDINGS_TEST_REDIS_BIN`, or `redis-server` in the path.
fn program() -> Result<PathBuf, String> {
    let named = std::env::var_os("TIDINGS_TEST_REDIS_BIN").filter(|p| !p.is_empty());
    let found = match named {
        Some(program) => Some(PathBuf::from(program)).filter(|p| p.is_file()),
        None => std::env::var_os("PATH").and_then(|path| {
            let mut programs =
                std::env::split_paths(&path).map(|folder| folder.join("redis-server"));
            programs.find(|program| program.is_file())
        }),
    };
    found.ok_or_else(|| {
        "redis-server is missing, and no test is skipped for that: `make test` installs it, or \
         TIDINGS_TEST_REDIS_BIN names it."
            .to_owned()
    })
}

//! The real program on a folder and a port of its own, and clients that speak to it over real sockets.
//!
//! Owns: starting, stopping and killing the program; users and rooms in it; waiting with a deadline that fails.
//! Never: knows the program from inside; what a test sees came over a socket. [`inside`] is a node in this process, [`program`] runs its other commands,
//! [`rest`] asks over HTTP, [`socket`] speaks WebSocket, [`stream`] reads server-sent events.

pub(crate) mod inside;
pub(crate) mod program;
pub(crate) mod rest;
pub(crate) mod socket;
pub(crate) mod stream;

use std::{
    future::Future,
    net::SocketAddr,
    process::{ExitStatus, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStdout, Command},
};

pub(crate) use rest::Answer;
pub(crate) use socket::{Dial, Socket};

/// After this long a wait has failed. Nothing takes a tenth of it on an idle machine.
const DEADLINE: Duration = Duration::from_secs(30);
/// Budgets that no test meets by accident.
const GENEROUS: [&str; 5] = [
    "--sign-ins-per-minute=1000000",
    "--commands-per-second=1000000",
    "--password-threads=2",
    "--drain-delay-ms=0",
    "--drain-jitter-ms=250",
];

/// Waits for something, or fails saying for what.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain: {what}"),
    }
}

/// The moment when a wait that begins now has failed.
fn deadline() -> tokio::time::Instant {
    tokio::time::Instant::now() + DEADLINE
}

/// A client's id for a command that no other has.
pub(crate) fn txn() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("txn-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) device: String,
    pub(crate) token: String,
}

/// A running program.
#[derive(Debug)]
struct Running {
    child: Child,
    address: SocketAddr,
    /// Kept open, so that the program may print.
    _output: tokio::io::Lines<BufReader<ChildStdout>>,
}

/// A server and its data.
#[derive(Debug)]
pub(crate) struct World {
    running: Option<Running>,
    /// Where a node listens that is part of the test process, instead of the program.
    within: Option<SocketAddr>,
    settings: Vec<String>,
    folder: tempfile::TempDir,
}

impl World {
    /// A server of its own, with generous budgets.
    pub(crate) async fn new() -> World {
        World::with(&[]).await
    }

    /// The same with settings as on the command line; they go over the generous ones.
    pub(crate) async fn with(settings: &[&str]) -> World {
        let folder = tempfile::tempdir().unwrap();
        let is_given = |generous: &&&str| {
            let (name, _) = generous.split_once('=').expect("a setting has a value");
            !settings.iter().any(|given| given.starts_with(name))
        };
        let settings = GENEROUS
            .iter()
            .filter(is_given)
            .chain(settings)
            .map(|s| (*s).to_owned())
            .collect();
        let mut world = World {
            running: None,
            within: None,
            settings,
            folder,
        };
        world.start().await;
        world
    }

    /// Clients for a node that is part of the test process: for what no client can make happen.
    pub(crate) fn within(address: SocketAddr) -> World {
        World {
            running: None,
            within: Some(address),
            settings: Vec::new(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Starts the program on the folder.
    pub(crate) async fn start(&mut self) {
        assert!(self.running.is_none(), "the program runs already");
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_tidings"))
            .args(["serve", "--listen=127.0.0.1:0", "--cores=2", "--data"])
            .arg(self.folder.path().join("data"))
            .args(&self.settings)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = in_time("the program's address", output.next_line())
            .await
            .unwrap()
            .unwrap_or_else(|| panic!("the program ended: {}", self.log()));
        let address = line
            .strip_prefix("listening on http://")
            .unwrap_or_else(|| panic!("{line}"))
            .parse()
            .unwrap();
        self.running = Some(Running {
            child,
            address,
            _output: output,
        });
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the program runs")
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.within.unwrap_or_else(|| self.running().address)
    }

    /// The program's process.
    pub(crate) fn pid(&self) -> u32 {
        self.running().child.id().expect("the program runs")
    }

    /// Memory of the program in KiB, as the kernel counts it.
    pub(crate) fn rss_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Asks the program to stop, and does not wait.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends the program a signal.
    pub(crate) fn signal(&self, name: &str) {
        let status = std::process::Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.pid())])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits until the program has ended.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("the program runs");
        in_time("the program's end", running.child.wait())
            .await
            .unwrap()
    }

    /// Stops the program as an operator does.
    pub(crate) async fn stop(&mut self) {
        self.terminate();
        let status = self.ended().await;
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Ends the program as a power cut does.
    pub(crate) async fn kill(&mut self) {
        let mut running = self.running.take().expect("the program runs");
        running.child.kill().await.unwrap();
    }

    /// Stops and starts it.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    /// What the program logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A new account.
    pub(crate) async fn user(&self, name: &str) -> User {
        let body = json!({ "username": name, "password": "a long password" });
        let answer = self.call("POST", "/users", None, Some(&body)).await;
        signed_in(name, &answer.expect(201))
    }

    /// Another device of the same user.
    pub(crate) async fn device(&self, user: &User) -> User {
        let body = json!({ "username": user.name, "password": "a long password" });
        let answer = self.call("POST", "/devices", None, Some(&body)).await;
        signed_in(&user.name, &answer.expect(201))
    }

    /// New accounts.
    pub(crate) async fn users<const N: usize>(&self, names: [&str; N]) -> [User; N] {
        let mut users = Vec::new();
        for name in names {
            users.push(self.user(name).await);
        }
        users.try_into().expect("as many users as names")
    }

    /// New accounts in a group of their own; the first is its owner.
    pub(crate) async fn with_room<const N: usize>(
        &self,
        name: &str,
        names: [&str; N],
    ) -> (String, [User; N]) {
        let users = self.users(names).await;
        let others: Vec<&User> = users.iter().skip(1).collect();
        let room = self.group(name, &users[0], &others).await;
        (room, users)
    }

    /// A group.
    pub(crate) async fn group(&self, name: &str, owner: &User, others: &[&User]) -> String {
        let members: Vec<&str> = others.iter().map(|user| user.id.as_str()).collect();
        let body = json!({ "kind": "group", "name": name, "members": members });
        self.room(owner, body).await
    }

    /// A room of any kind.
    pub(crate) async fn room(&self, owner: &User, body: Value) -> String {
        let answer = self
            .call("POST", "/rooms", Some(owner), Some(&body))
            .await
            .expect(201);
        answer["room"]["id"].as_str().unwrap().to_owned()
    }

    /// A message over REST: its event.
    pub(crate) async fn say(&self, user: &User, room: &str, text: &str) -> Value {
        let body = json!({ "txn": txn(), "text": text });
        self.call(
            "POST",
            &format!("/rooms/{room}/messages"),
            Some(user),
            Some(&body),
        )
        .await
        .expect(201)
    }

    /// Somebody joins a room, or is added by `by`.
    pub(crate) async fn add(&self, by: &User, room: &str, user: &User) -> Value {
        let path = format!("/rooms/{room}/members/{}", user.id);
        self.call("PUT", &path, Some(by), None).await.expect(200)
    }

    /// Somebody leaves a room, or is removed by `by`.
    pub(crate) async fn remove(&self, by: &User, room: &str, user: &User) -> Value {
        let path = format!("/rooms/{room}/members/{}", user.id);
        self.call("DELETE", &path, Some(by), None).await.expect(200)
    }

    /// The room's log as REST tells it.
    pub(crate) async fn log_of(&self, user: &User, room: &str) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        loop {
            let after = events
                .last()
                .map_or(0, |event| event["seq"].as_u64().unwrap());
            let path = format!("/rooms/{room}/events?after={after}&limit=200");
            let page = self.call("GET", &path, Some(user), None).await.expect(200);
            let page = page["events"].as_array().unwrap();
            if page.is_empty() {
                return events;
            }
            events.extend(page.iter().cloned());
        }
    }

    /// A session that was welcomed, with these fields in its `hello`.
    pub(crate) async fn session(&self, user: &User, hello: Value) -> (Socket, Value) {
        Dial::default().session(self, user, hello).await
    }

    /// A welcomed session that follows its rooms listed.
    pub(crate) async fn listed(&self, user: &User) -> Socket {
        self.session(user, json!({})).await.0
    }

    /// A welcomed session with a room open from its head.
    pub(crate) async fn open(&self, user: &User, room: &str) -> Socket {
        let mut socket = self.listed(user).await;
        socket.open(room, None).await;
        socket
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(8).collect();
            eprintln!(
                "the program's last words, newest first:\n{}",
                tail.join("\n")
            );
        }
    }
}

fn signed_in(name: &str, answer: &Value) -> User {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    User {
        name: name.to_owned(),
        id: text(&answer["user"]["id"]),
        device: text(&answer["device"]["id"]),
        token: text(&answer["token"]),
    }
}

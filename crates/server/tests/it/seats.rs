//! Connections against a process with few files: nobody who says something is kept out by strangers, and the log stays
//! readable.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::Stdio,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::{TcpSocket, TcpStream},
    process::{Child, ChildStderr, Command},
    sync::mpsc,
    time::Instant,
};

use crate::world::in_time;

/// Files that the process may open.
const FILES: usize = 512;
/// What one address may hold of them as a stranger: an eighth of the half.
const SEATS: usize = FILES / 2 / 8;

struct Program {
    _child: Child,
    address: SocketAddr,
    /// What it says of having no files left.
    out_of_files: mpsc::UnboundedReceiver<String>,
    _folder: tempfile::TempDir,
}

async fn start(more: &str) -> Program {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "ulimit -n {FILES}; exec {} serve --listen=127.0.0.1:0 --cores=2 --password-threads=1 --data={}/data {more}",
        env!("CARGO_BIN_EXE_tidings"),
        folder.path().display(),
    );
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let (full, out_of_files) = mpsc::unbounded_channel();
    tokio::spawn(pass_on(stderr, "cannot accept connections", full));
    let line = in_time("the program's address", output.next_line()).await;
    let line = line.unwrap().unwrap();
    let address = line.strip_prefix("listening on http://").unwrap();
    Program {
        address: address.parse().unwrap(),
        out_of_files,
        _child: child,
        _folder: folder,
    }
}

/// Reads a log to its end, and passes on the lines with these words.
async fn pass_on(
    mut lines: Lines<BufReader<ChildStderr>>,
    words: &str,
    to: mpsc::UnboundedSender<String>,
) {
    while let Ok(Some(line)) = lines.next_line().await {
        if line.contains(words) {
            // A test that does not ask has no receiver any more.
            let _ = to.send(line);
        }
    }
}

/// A connection from one of this machine's many addresses.
async fn connect(address: &SocketAddr, last: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    let from = Ipv4Addr::new(127, 0, 0, last);
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    socket.connect(*address).await.unwrap()
}

async fn say(stream: &mut TcpStream, text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut bytes = vec![0; 4_096];
    let n = in_time("an answer", stream.read(&mut bytes)).await.unwrap();
    String::from_utf8_lossy(&bytes[..n]).into_owned()
}

/// Makes an account; its token.
async fn sign_up(address: &SocketAddr, name: &str) -> String {
    let body = format!(r#"{{"username":"{name}","password":"correct horse"}}"#);
    let request = format!(
        "POST /api/v1/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = say(&mut connect(address, 1).await, &request).await;
    let token = answer.split("\"token\":\"").nth(1).unwrap();
    token.split('"').next().unwrap().to_owned()
}

/// A WebSocket that is welcome.
async fn session(address: &SocketAddr, token: &str) -> TcpStream {
    let upgrade = format!(
        "GET /api/v1/socket HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let mut socket = connect(address, 1).await;
    let answer = say(&mut socket, &upgrade).await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    // A masked text frame with a mask of zeros.
    let hello = br#"{"type":"hello"}"#;
    let mut frame = vec![0x81, 0x80 | u8::try_from(hello.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(hello);
    socket.write_all(&frame).await.unwrap();
    let mut bytes = vec![0; 4_096];
    let n = in_time("ready", socket.read(&mut bytes)).await.unwrap();
    let ready = String::from_utf8_lossy(&bytes[..n]).into_owned();
    assert!(ready.contains("\"ready\""), "{ready}");
    socket
}

#[tokio::test]
async fn half_requests_of_one_address_keep_nobody_out() {
    // [LI5] [P5]
    let program = start("").await;
    let mut half = Vec::new();
    for _ in 0..10 * SEATS {
        let mut stream = connect(&program.address, 66).await;
        // It may be closed already, to make room for the next.
        let _ = stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
            .await;
        half.push(stream);
    }
    // The oldest gave way, long before their time for a head was over.
    let mut byte = [0];
    let ended = in_time("the end of the first", half[0].read(&mut byte)).await;
    assert!(matches!(ended, Ok(0) | Err(_)));
    let whole = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    for last in [1, 2, 3] {
        let mut other = connect(&program.address, last).await;
        let answer = say(&mut other, whole).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // The attackers' own neighbours behind the same address come in, too: they say something.
    let mut neighbour = connect(&program.address, 66).await;
    let answer = say(&mut neighbour, whole).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn users_behind_one_address_are_as_many_as_there_are_files_for() {
    // [LI5] An office: each socket is a stranger's until its hello.
    let program = start("--sessions-per-user=1000 --commands-per-second=10000").await;
    let token = sign_up(&program.address, "ada").await;
    let mut sockets = Vec::new();
    for _ in 0..3 * SEATS {
        sockets.push(session(&program.address, &token).await);
    }
    // All of them are still there.
    for socket in &mut sockets {
        let ping = [0x89, 0x80, 0, 0, 0, 0];
        socket.write_all(&ping).await.unwrap();
        let mut bytes = [0; 4_096];
        let n = in_time("a pong", socket.read(&mut bytes)).await.unwrap();
        assert!(n > 0);
    }
}

#[tokio::test]
async fn connections_of_one_user_keep_nobody_out() {
    // [LI5] [P5] Each says something with a good token, and says it again before it would be closed.
    let program = start("--commands-per-second=10000").await;
    let token = sign_up(&program.address, "mallory").await;
    let me = format!("GET /api/v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    let mut held = Vec::new();
    for _ in 0..FILES {
        let mut stream = connect(&program.address, 66).await;
        let answer = say(&mut stream, &me).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        held.push(stream);
    }
    let whole = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    for last in [1, 2, 66] {
        let mut other = connect(&program.address, last).await;
        let answer = say(&mut other, whole).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test]
async fn being_out_of_files_is_logged_once_and_then_seldom() {
    // [P5] Those who come wait, and the loop that accepts them meets it twenty times a second.
    let mut program = start("--sessions-per-user=1000 --commands-per-second=10000").await;
    let began = Instant::now();
    let token = sign_up(&program.address, "ada").await;
    let mut sockets = Vec::new();
    let first = loop {
        assert!(sockets.len() < FILES, "the files have no end");
        let Program {
            address,
            out_of_files,
            ..
        } = &mut program;
        let line = out_of_files.recv();
        tokio::select! {
            line = in_time("the line", line) => break line.unwrap(),
            socket = session(address, &token) => sockets.push(socket),
        }
    };
    assert!(first.contains("left_out=0"), "{first}");
    // Many wait; whenever one may come in, the next meets it again.
    let mut waiting = FuturesUnordered::new();
    for last in 2..32 {
        let mut stream = connect(&program.address, last).await;
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        waiting.push(async move {
            let mut bytes = vec![0; 4_096];
            let n = stream.read(&mut bytes).await.unwrap();
            assert!(bytes[..n].starts_with(b"HTTP/1.1 200"));
            stream
        });
    }
    let mut served = Vec::new();
    for _ in 0..20 {
        drop(sockets.pop());
        served.extend(in_time("one who waited", waiting.next()).await);
    }
    let more = std::iter::from_fn(|| program.out_of_files.try_recv().ok()).count();
    let due = began.elapsed().as_secs() / 30;
    assert!(more as u64 <= due, "{more} lines more");
}

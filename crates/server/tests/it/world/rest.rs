//! Requests and answers over HTTP/1.1, byte by byte.
//!
//! Owns: one request on one connection, bodies with a length or in chunks. Never: retries, or keeps a connection.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{User, World, in_time};

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null when there is none.
    pub(crate) fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body, after checking the status.
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    /// Reads the head of an answer from a connection. What follows it stays in `rest`.
    pub(crate) async fn head(stream: &mut TcpStream, rest: &mut Vec<u8>) -> Answer {
        Answer::try_head(stream, rest)
            .await
            .expect("the connection ended without an answer")
    }

    /// The same; none when the connection ends before anything came.
    async fn try_head(stream: &mut TcpStream, rest: &mut Vec<u8>) -> Option<Answer> {
        let end = loop {
            if let Some(at) = rest.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            let n = in_time("the head of an answer", stream.read_buf(rest))
                .await
                .unwrap_or(0);
            if n == 0 {
                let half = String::from_utf8_lossy(rest);
                assert!(half.is_empty(), "half an answer: {half}");
                return None;
            }
        };
        let head = String::from_utf8(rest.drain(..end).collect()).unwrap();
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?;
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Some(Answer {
            status: status.parse().ok()?,
            headers,
            body: Vec::new(),
        })
    }

    /// Reads a whole answer; none when the connection ends before anything came.
    pub(crate) async fn try_read(stream: &mut TcpStream) -> Option<Answer> {
        let mut rest = Vec::new();
        let answer = Answer::try_head(stream, &mut rest).await?;
        Some(answer.with_body(stream, rest).await)
    }

    /// Reads a whole answer from a connection.
    pub(crate) async fn read(stream: &mut TcpStream) -> Answer {
        let mut rest = Vec::new();
        let answer = Answer::head(stream, &mut rest).await;
        answer.with_body(stream, rest).await
    }

    /// Reads the body that belongs to a head.
    pub(crate) async fn with_body(self, stream: &mut TcpStream, mut rest: Vec<u8>) -> Answer {
        let mut answer = self;
        let chunked = answer.header("transfer-encoding") == Some("chunked");
        let length = answer.header("content-length").map(|l| l.parse().unwrap());
        let mut chunks = Chunks::default();
        loop {
            if chunked {
                if chunks.take(&mut rest, &mut answer.body) {
                    return answer;
                }
            } else if rest.len() >= length.unwrap_or(0) {
                rest.truncate(length.unwrap_or(0));
                answer.body = rest;
                return answer;
            }
            let n = in_time("the body of an answer", stream.read_buf(&mut rest))
                .await
                .unwrap();
            assert!(n > 0, "the body ended early: {answer:?}");
        }
    }
}

/// A body in chunks (RFC 9112 §7.1).
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    done: bool,
}

impl Chunks {
    /// Moves whole chunks from `rest` to `body`. Returns whether the last one came.
    pub(crate) fn take(&mut self, rest: &mut Vec<u8>, body: &mut Vec<u8>) -> bool {
        while !self.done {
            let Some(line) = rest.windows(2).position(|w| w == b"\r\n") else {
                break;
            };
            let size = std::str::from_utf8(&rest[..line]).unwrap();
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            let end = line + 2 + size + 2;
            if rest.len() < end {
                break;
            }
            body.extend_from_slice(&rest[line + 2..end - 2]);
            rest.drain(..end);
            self.done = size == 0;
        }
        self.done
    }
}

/// The text of a request.
pub(crate) fn request(
    host: std::net::SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let body = body.map(Value::to_string);
    if let Some(body) = &body {
        text.push_str("content-type: application/json\r\n");
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body.as_deref().unwrap_or_default());
    text.into_bytes()
}

impl World {
    /// A bare connection.
    pub(crate) async fn tcp(&self) -> TcpStream {
        let stream = in_time("a connection", TcpStream::connect(self.address()))
            .await
            .unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// A bare connection for which the kernel holds no more than so many bytes while nobody reads.
    pub(crate) async fn narrow_tcp(&self, bytes: u32) -> TcpStream {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(bytes).unwrap();
        in_time("a connection", socket.connect(self.address()))
            .await
            .unwrap()
    }

    /// One request without a body, at any address, on a connection of its own.
    pub(crate) async fn at(&self, method: &str, path: &str) -> Answer {
        self.with_headers(method, path, &[]).await
    }

    /// The same with more headers.
    pub(crate) async fn with_headers(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut stream = self.tcp().await;
        let request = request(self.address(), method, path, headers, None);
        stream.write_all(&request).await.unwrap();
        Answer::read(&mut stream).await
    }

    /// One request under `/api/v1` on a connection of its own.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        by: Option<&User>,
        body: Option<&Value>,
    ) -> Answer {
        let mut stream = self.ask(method, path, by, body).await;
        Answer::read(&mut stream).await
    }

    /// Sends a request and gives back the connection, on which the answer will come.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        by: Option<&User>,
        body: Option<&Value>,
    ) -> TcpStream {
        let bearer = by.map(|user| format!("Bearer {}", user.token));
        let mut headers = Vec::new();
        if let Some(bearer) = &bearer {
            headers.push(("authorization", bearer.as_str()));
        }
        let path = format!("/api/v1{path}");
        let mut stream = self.tcp().await;
        let request = request(self.address(), method, &path, &headers, body);
        stream.write_all(&request).await.unwrap();
        stream
    }
}

//! Server-sent events as a browser reads them (HTML §9.2), and long poll.
//!
//! Owns: the pieces of the stream and the last id. Never: comes back by itself.

use serde_json::Value;
use tokio::{io::AsyncReadExt, net::TcpStream};

use super::{
    Answer, User, World,
    rest::{Chunks, request},
};

/// One event of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) id: Option<String>,
    pub(crate) frame: Value,
}

/// A stream that is open.
#[derive(Debug)]
pub(crate) struct Stream {
    tcp: TcpStream,
    rest: Vec<u8>,
    text: Vec<u8>,
    chunks: Chunks,
    ended: bool,
    /// The id of the last event that had one, as a browser keeps it.
    pub(crate) last_id: Option<String>,
    /// What `retry:` said.
    pub(crate) retry: Option<u64>,
    /// Everything that came.
    pub(crate) seen: Vec<Value>,
}

impl Stream {
    /// The next event; none when the stream has ended as it should.
    pub(crate) async fn next(&mut self) -> Option<Piece> {
        let until = super::deadline();
        loop {
            while let Some(at) = self.text.windows(2).position(|w| w == b"\n\n") {
                let block: Vec<u8> = self.text.drain(..at + 2).collect();
                if let Some(piece) = self.block(std::str::from_utf8(&block).unwrap()) {
                    self.seen.push(piece.frame.clone());
                    return Some(piece);
                }
            }
            if self.ended {
                assert!(self.text.is_empty(), "half an event: {:?}", self.text);
                return None;
            }
            // Comments keep the connection alive, so each read alone would never be late.
            let read = tokio::time::timeout_at(until, self.tcp.read_buf(&mut self.rest)).await;
            let n = read
                .unwrap_or_else(|_| panic!("no event after {:#?}", self.seen))
                .unwrap();
            self.ended = self.chunks.take(&mut self.rest, &mut self.text);
            assert!(
                n > 0 || self.ended,
                "the stream was cut off: {:#?}",
                self.seen
            );
        }
    }

    fn block(&mut self, block: &str) -> Option<Piece> {
        let (mut id, mut data) = (None, None);
        for line in block.lines() {
            match line.split_once(": ") {
                Some(("id", value)) => id = Some(value.to_owned()),
                Some(("data", value)) => data = Some(serde_json::from_str(value).unwrap()),
                Some(("retry", value)) => {
                    // In a block of its own it is an event without data to some clients. [SE3]
                    assert!(block.contains("\ndata: "), "{block}");
                    self.retry = Some(value.parse().unwrap());
                }
                _ => assert!(line.is_empty() || line.starts_with(':'), "{line}"),
            }
        }
        if id.is_some() {
            self.last_id.clone_from(&id);
        }
        if let Some(frame) = &data {
            crate::schema::judge_as("ServerFrame", frame);
        }
        data.map(|frame| Piece { id, frame })
    }

    /// The next event's frame.
    pub(crate) async fn frame(&mut self) -> Value {
        let piece = self.next().await;
        piece
            .unwrap_or_else(|| panic!("the stream ended after {:#?}", self.seen))
            .frame
    }

    /// Frames up to and including the first that is as asked.
    pub(crate) async fn until(&mut self, mut is_it: impl FnMut(&Value) -> bool) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            let frame = self.frame().await;
            let found = is_it(&frame);
            frames.push(frame);
            if found {
                return frames;
            }
        }
    }
}

impl World {
    /// Opens a stream after a cursor; the answer when it is refused.
    pub(crate) async fn try_stream(
        &self,
        user: &User,
        last: Option<&str>,
    ) -> Result<Stream, Answer> {
        let bearer = format!("Bearer {}", user.token);
        let mut headers = vec![("authorization", bearer.as_str())];
        if let Some(last) = last {
            headers.push(("last-event-id", last));
        }
        self.stream_with(&headers).await
    }

    /// The same with any headers.
    pub(crate) async fn stream_with(&self, headers: &[(&str, &str)]) -> Result<Stream, Answer> {
        let tcp = self.tcp().await;
        self.stream_on(tcp, headers).await
    }

    /// The same on a connection that is there.
    pub(crate) async fn stream_on(
        &self,
        mut tcp: TcpStream,
        headers: &[(&str, &str)],
    ) -> Result<Stream, Answer> {
        use tokio::io::AsyncWriteExt;
        let request = request(self.address(), "GET", "/api/v1/events", headers, None);
        tcp.write_all(&request).await.unwrap();
        let mut rest = Vec::new();
        let answer = Answer::head(&mut tcp, &mut rest).await;
        if answer.status != 200 {
            return Err(answer.with_body(&mut tcp, rest).await);
        }
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        let (mut chunks, mut text) = (Chunks::default(), Vec::new());
        let ended = chunks.take(&mut rest, &mut text);
        Ok(Stream {
            tcp,
            rest,
            text,
            chunks,
            ended,
            last_id: None,
            retry: None,
            seen: Vec::new(),
        })
    }

    /// A stream after a cursor, and its first frame.
    pub(crate) async fn stream(&self, user: &User, last: Option<&str>) -> (Stream, Value) {
        let mut stream = self
            .try_stream(user, last)
            .await
            .unwrap_or_else(|answer| panic!("{}", answer.text()));
        let first = stream.frame().await;
        (stream, first)
    }

    /// One long poll: its frames and the cursor after it.
    pub(crate) async fn poll(&self, user: &User, since: Option<&str>) -> (Vec<Value>, String) {
        let path = poll_path(since);
        let mut answer = self.call("GET", &path, Some(user), None).await.expect(200);
        crate::schema::judge_as("Poll", &answer);
        let cursor = answer["cursor"].as_str().unwrap().to_owned();
        match answer["frames"].take() {
            Value::Array(frames) => (frames, cursor),
            other => panic!("frames: {other}"),
        }
    }
}

/// The address of a long poll.
pub(crate) fn poll_path(since: Option<&str>) -> String {
    match since {
        Some(since) => format!("/events?live=poll&since={since}"),
        None => "/events?live=poll".to_owned(),
    }
}

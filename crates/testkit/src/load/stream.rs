//! Clients without a socket: server-sent events and long polls, each going on from the cursor that it was given last.
//!
//! Owns: reading the stream, noting what comes. Never: sends anything, repeats a cursor that was overtaken.

use std::{net::SocketAddr, time::Duration};

use futures_util::StreamExt;
use tidings_protocol::{LogId, ServerFrame, rest::Poll};
use tokio::time::timeout;

use super::{
    COME_BACK, PATIENCE, Shared, record,
    rest::{Rest, RestError, http},
};
use crate::history::{Following, Note, Record, Seen};

/// A stream that says nothing for so long is dead: the server shows a sign of life every 18 s. `[SE3]`
const SSE_SILENCE: Duration = Duration::from_secs(40);
/// How long a poll may take: the server waits up to 25 s. `[LP1]`
const POLL_WAIT: Duration = Duration::from_secs(40);

struct Watcher {
    rest: Rest,
    nodes: Vec<SocketAddr>,
    node: usize,
    http: reqwest::Client,
    shared: Shared,
    record: Record,
    cursor: Option<String>,
}

impl Watcher {
    fn new(name: String, rest: Rest, nodes: Vec<SocketAddr>, shared: Shared) -> Watcher {
        Watcher {
            record: record(name, &rest, Following::Exact),
            rest,
            nodes,
            node: 0,
            http: http(),
            shared,
            cursor: None,
        }
    }

    fn request(&self, query: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}/api/v1/events{query}", self.nodes[self.node]);
        self.http.get(url).bearer_auth(&self.rest.token)
    }

    async fn elsewhere(&mut self) {
        self.node = (self.node + 1) % self.nodes.len();
        tokio::time::sleep(COME_BACK).await;
    }

    fn take(&mut self, frame: &str) {
        match serde_json::from_str(frame) {
            Ok(ServerFrame::Ready(welcome)) => {
                let heads = welcome
                    .rooms
                    .iter()
                    .map(|room| (room.id, room.head))
                    .collect();
                let resumed = self.cursor.is_some();
                for room in welcome.rooms.iter().filter(|_| !resumed) {
                    self.shared.seen(room.id, room.head);
                }
                self.record.notes.push(Note::Ready { resumed, heads });
            }
            Ok(ServerFrame::Reset(_)) => self.record.notes.push(Note::Reset),
            Ok(ServerFrame::Event(event)) => {
                self.record.notes.push(Note::Event(Seen::of(&event)));
                if let LogId::Room(room) = event.log {
                    self.shared.seen(room, event.seq);
                }
            }
            Ok(_) => {}
            Err(error) => {
                let text = format!("{error}: {frame}");
                self.record.notes.push(Note::Unreadable(text));
            }
        }
    }

    async fn read_sse(&mut self) -> Result<(), RestError> {
        let mut request = self.request("");
        if let Some(cursor) = &self.cursor {
            request = request.header("last-event-id", cursor);
        }
        let late = |_| RestError("no answer in time".to_owned());
        let response = timeout(PATIENCE, request.send()).await.map_err(late)??;
        let response = response.error_for_status()?;
        let mut pieces = response.bytes_stream();
        let mut text = Vec::new();
        let (mut data, mut id) = (String::new(), None);
        while let Some(piece) = timeout(SSE_SILENCE, pieces.next()).await.map_err(late)? {
            text.extend_from_slice(&piece?);
            // What is not whole yet stays.
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                let line = line.trim_end_matches(['\n', '\r']);
                if let Some(value) = line.strip_prefix("data:") {
                    data.push_str(value.trim_start());
                } else if let Some(value) = line.strip_prefix("id:") {
                    id = Some(value.trim().to_owned());
                } else if line.is_empty() && !data.is_empty() {
                    self.take(&std::mem::take(&mut data));
                    self.cursor = id.take().or(self.cursor.take());
                }
            }
        }
        Ok(())
    }

    async fn read_poll(&mut self) -> Result<(), RestError> {
        let since = self
            .cursor
            .as_ref()
            .map(|cursor| format!("&since={cursor}"));
        let request = self.request(&format!("?live=poll{}", since.unwrap_or_default()));
        let response = request
            .timeout(POLL_WAIT)
            .send()
            .await?
            .error_for_status()?;
        let answer: Poll = response.json().await?;
        for frame in &answer.frames {
            self.take(&frame.to_string());
        }
        self.cursor = Some(answer.cursor.to_string());
        Ok(())
    }
}

pub(super) async fn sse(
    name: String,
    rest: Rest,
    nodes: Vec<SocketAddr>,
    shared: Shared,
) -> Record {
    let mut watcher = Watcher::new(name, rest, nodes, shared.clone());
    shared
        .until_the_end(async {
            loop {
                // However it ended, the cursor says where to go on.
                let _ = watcher.read_sse().await;
                watcher.elsewhere().await;
            }
        })
        .await;
    watcher.record
}

pub(super) async fn poll(
    name: String,
    rest: Rest,
    nodes: Vec<SocketAddr>,
    shared: Shared,
) -> Record {
    let mut watcher = Watcher::new(name, rest, nodes, shared.clone());
    shared
        .until_the_end(async {
            loop {
                if watcher.read_poll().await.is_err() {
                    watcher.elsewhere().await;
                }
            }
        })
        .await;
    watcher.record
}

//! The users and rooms of a measurement, made over REST.
//!
//! Owns: accounts and rooms of a server under test. Never: measures.

use std::net::SocketAddr;

use anyhow::Context;
use serde_json::{Value, json};

use crate::http::Http;

/// Members that may be named when a room is created, besides its creator.
const MEMBERS_MAX: usize = tidings_protocol::limits::CREATE_MEMBERS_MAX;

/// A user and the token of one device.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) user: String,
    pub(crate) token: String,
}

/// Users and a connection to make rooms with.
pub(crate) struct World {
    http: Http,
    pub(crate) accounts: Vec<Account>,
}

impl World {
    /// Makes so many accounts. Each hashes a password, so a few hundred take a while.
    pub(crate) fn new(address: SocketAddr, users: usize) -> anyhow::Result<World> {
        let mut http = Http::connect(address)?;
        // A database that is kept has users of earlier runs.
        let run = uuid::Uuid::now_v7().as_u128() >> 60;
        let mut accounts = Vec::with_capacity(users);
        for index in 0..users {
            let body = json!({
                "username": format!("b{run:x}-{index}"),
                "password": "correct horse battery staple",
            });
            let answer = http.call("POST", "/api/v1/users", None, Some(&body))?;
            accounts.push(Account {
                user: text(&answer, "/user/id")?,
                token: text(&answer, "/token")?,
            });
        }
        Ok(World { http, accounts })
    }

    /// Connects again: the server may be elsewhere now, or have closed a connection that was idle.
    pub(crate) fn reconnect(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        self.http = Http::connect(address)?;
        Ok(())
    }

    /// Makes a private group of `owner` with these members; returns its id.
    pub(crate) fn room(&mut self, owner: usize, members: &[usize]) -> anyhow::Result<String> {
        let token = self.accounts[owner].token.clone();
        let ids: Vec<&str> = members
            .iter()
            .filter(|index| **index != owner)
            .map(|index| self.accounts[*index].user.as_str())
            .collect();
        let (first, rest) = ids.split_at(ids.len().min(MEMBERS_MAX));
        let body = json!({"kind": "group", "name": "Bench", "members": first});
        let answer = self
            .http
            .call("POST", "/api/v1/rooms", Some(&token), Some(&body))?;
        let room = text(&answer, "/room/id")?;
        for user in rest {
            let path = format!("/api/v1/rooms/{room}/members/{user}");
            self.http.call("PUT", &path, Some(&token), None)?;
        }
        Ok(room)
    }

    /// Rooms that everybody is a member of.
    pub(crate) fn rooms(&mut self, count: usize) -> anyhow::Result<Vec<String>> {
        let everybody: Vec<usize> = (0..self.accounts.len()).collect();
        (0..count).map(|_| self.room(0, &everybody)).collect()
    }

    /// The token of the account that the connection with this number uses.
    pub(crate) fn token(&self, connection: usize) -> &str {
        &self.accounts[connection % self.accounts.len()].token
    }
}

fn text(answer: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    Ok(found
        .with_context(|| format!("no {pointer} in {answer}"))?
        .to_owned())
}

/// A command that sends a text.
pub(crate) fn send_frame(txn: &str, room: &str, text: &str) -> String {
    format!(
        r#"{{"type":"send","txn":"{txn}","room":"{room}","content":{{"kind":"text","text":"{text}"}}}}"#
    )
}

/// A line as people write it, cut or repeated to so many bytes.
pub(crate) fn line(bytes: usize) -> String {
    const TEXT: &str = "Lunch at the usual place? I can be there at half past twelve. ";
    let mut line: String = TEXT.chars().cycle().take(bytes.max(1)).collect();
    if line.ends_with(' ') {
        line.pop();
        line.push('.');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_a_frame_of_the_protocol() {
        let frame = send_frame("t-1", "room_01h455vb4pex5vsknk084sn02q", &line(60));
        let frame: tidings_protocol::ClientFrame = serde_json::from_str(&frame).unwrap();
        let tidings_protocol::ClientFrame::Give { command, .. } = frame else {
            panic!("no command: {frame:?}");
        };
        assert_eq!(command.word(), "send");
        for bytes in [1, 6, 60, 62, 500] {
            assert_eq!(line(bytes).len(), bytes);
        }
    }
}

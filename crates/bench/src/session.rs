//! Signing many connections on.
//!
//! Owns: the first frame, how many begin at once, waiting until all are welcome.
//! Never: reads a welcome while others wait; its bytes are kept for later.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use crate::{
    conn::{Happening, Opening},
    frames,
    pool::Pool,
};

/// How long to wait without any news before giving up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The first frame of a session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hello<'a> {
    pub(crate) token: &'a str,
    /// The cursor to go on from.
    pub(crate) since: Option<&'a str>,
    /// Every event of every room.
    pub(crate) all: bool,
    /// Rooms to open.
    pub(crate) open: &'a [String],
}

impl Hello<'_> {
    /// The frame's text.
    pub(crate) fn text(&self) -> String {
        let mut hello = serde_json::json!({"type": "hello", "token": self.token});
        if let Some(since) = self.since {
            hello["since"] = since.into();
        }
        if self.all {
            hello["follow"] = "all".into();
        }
        if !self.open.is_empty() {
            let rooms = self
                .open
                .iter()
                .map(|room| serde_json::json!({"room": room}));
            hello["open"] = rooms.collect();
        }
        hello.to_string()
    }
}

/// A session that has begun.
#[derive(Debug)]
pub(crate) struct Session {
    /// Its number in the pool.
    pub(crate) conn: usize,
    /// `ready` or `reset` as it came.
    pub(crate) welcome: Vec<u8>,
    /// From the beginning of the connection to the welcome.
    pub(crate) took: Duration,
}

impl Session {
    /// The cursor that the welcome carries.
    pub(crate) fn cursor(&self) -> &str {
        // The last one: a room's last line might hold the word.
        let key = br#""cursor":""#;
        let at = self.welcome.windows(key.len()).rposition(|w| w == key);
        at.and_then(|at| frames::field(&self.welcome[at..], key))
            .unwrap_or_default()
    }

    /// Whether everything held is to be forgotten.
    pub(crate) fn is_reset(&self) -> bool {
        self.welcome.starts_with(br#"{"type":"reset""#)
    }

    /// How many rooms it tells of.
    pub(crate) fn rooms(&self) -> anyhow::Result<usize> {
        let welcome: serde_json::Value = serde_json::from_slice(&self.welcome)?;
        Ok(welcome["rooms"].as_array().map_or(0, Vec::len))
    }
}

/// Signs on one connection for each hello, `at_once` of them under way at a time; `opens` rooms each are waited for.
pub(crate) fn sign_on(
    pool: &mut Pool,
    hellos: impl IntoIterator<Item = String>,
    at_once: usize,
    opens: usize,
) -> anyhow::Result<Vec<Session>> {
    let mut hellos = hellos.into_iter();
    let mut sessions: Vec<Session> = Vec::new();
    let mut first = None;
    let (mut done, mut failed) = (0, None);
    let mut opened: Vec<usize> = Vec::new();
    let mut heard = Instant::now();
    loop {
        while sessions.len() - done < at_once {
            let Some(hello) = hellos.next() else { break };
            let conn = pool.connect(Opening::Socket(hello))?;
            first.get_or_insert(conn);
            opened.push(0);
            sessions.push(Session {
                conn,
                welcome: Vec::new(),
                took: Duration::ZERO,
            });
        }
        if done == sessions.len() {
            return Ok(sessions);
        }
        let base = first.unwrap_or(0);
        pool.turn(Some(Duration::from_millis(500)), &mut |id, conn, what| {
            let Some(index) = id.checked_sub(base).filter(|i| *i < sessions.len()) else {
                return;
            };
            heard = Instant::now();
            match what {
                Happening::Text(text) if frames::is_welcome(text) => {
                    sessions[index].took = conn.began().elapsed();
                    sessions[index].welcome = text.to_vec();
                    done += usize::from(opens == 0);
                }
                Happening::Text(text) if frames::is_opened(text) => {
                    opened[index] += 1;
                    done += usize::from(opened[index] == opens);
                }
                Happening::Text(text) if frames::is_refused(text) => {
                    failed = Some(String::from_utf8_lossy(text).into_owned());
                }
                Happening::Closed(why) => failed = Some(why.to_owned()),
                Happening::Text(_) => {}
            }
        })?;
        if let Some(why) = failed {
            bail!("a connection did not begin: {why}");
        }
        ensure!(
            heard.elapsed() < PATIENCE,
            "{} of {} connections did not begin",
            sessions.len() - done,
            sessions.len()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_says_only_what_is_needed() {
        let hello = Hello {
            token: "t",
            ..Hello::default()
        };
        assert_eq!(hello.text(), r#"{"token":"t","type":"hello"}"#);
        let rooms = ["room_1".to_owned()];
        let hello = Hello {
            token: "t",
            since: Some("c"),
            all: true,
            open: &rooms,
        };
        let value: serde_json::Value = serde_json::from_str(&hello.text()).unwrap();
        assert_eq!(value["since"], "c");
        assert_eq!(value["follow"], "all");
        assert_eq!(value["open"][0]["room"], "room_1");
    }

    #[test]
    fn the_cursor_of_a_welcome_is_its_last() {
        let session = Session {
            conn: 0,
            welcome: br#"{"type":"ready","rooms":[{"last":{"text":"\"cursor\":\"no"}}],"user_seq":1,"cursor":"yes","limits":{}}"#.to_vec(),
            took: Duration::ZERO,
        };
        assert_eq!(session.cursor(), "yes");
        assert_eq!(session.rooms().unwrap(), 1);
        assert!(!session.is_reset());
    }
}

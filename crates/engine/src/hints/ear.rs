//! What a node believes of what it hears.
//!
//! Owns: opening, and the order and the freshness of what opened. Never: waits, or reads a clock; time is an argument.
//!
//! A batch is bound to its place: the feed takes it where it continues what the feed knows, and the key belongs to this
//! database alone, so an old one said again is passed over. Presence and typing have no place. Of them the count must
//! grow, and a node is believed only while its lists repeat a token that this node drew a moment ago: whoever is gone
//! cannot do that, however often its words are said again.

use std::{
    collections::{HashMap, VecDeque},
    sync::atomic::{AtomicU64, Ordering},
};

use tidings_core::StoredEvent;
use tidings_protocol::{Position, RoomId, ShardId, UserId};

use super::{
    news::News,
    seal::{Boot, Key, Opened, Unopened},
};
use crate::presence::{Change, NODE_SILENCE_MS};

/// Nodes that are listened to at once. More than this do not share a database.
pub const SENDERS_MAX: usize = 256;
/// Own tokens that others may still repeat; one is drawn with each list of users.
const TOKENS_MAX: usize = 3;

/// What was heard.
#[derive(Debug)]
pub enum Heard {
    /// A commit, to be taken where it continues what is known.
    Batch {
        /// The shard.
        shard: ShardId,
        /// Its head before.
        before: Position,
        /// Its head after.
        last: Position,
        /// What lies between.
        events: Option<Vec<StoredEvent>>,
    },
    /// Somebody types, or stopped.
    Typing {
        /// Where.
        room: RoomId,
        /// Who.
        user: UserId,
        /// Whether still.
        on: bool,
    },
    /// Everybody who is on a node.
    Presence {
        /// The node.
        node: Boot,
        /// Its users.
        users: Vec<Change>,
    },
    /// How one user of a node is.
    PresenceOf {
        /// The node.
        node: Boot,
        /// The user.
        user: Change,
    },
    /// One's own words.
    Own,
}

/// Why a message is dropped, without a look into the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// It does not open: made up, or changed on its way.
    Unsealed,
    /// It is sealed with another key.
    Foreign,
    /// Its sender has said later things already.
    Old,
    /// Its sender has not shown that it is there now.
    Stale,
}

/// What to do about a message.
#[derive(Debug)]
pub struct Judged {
    /// What it said.
    pub heard: Result<Heard, Dropped>,
    /// Its sender waits to hear this node's list: it is new, or has not heard it lately.
    pub answer: bool,
}

/// What is known of another node.
#[derive(Debug, Default)]
struct Sender {
    count: u64,
    heard_ms: u64,
    token: Option<u64>,
    /// When it last showed that it is there now.
    fresh_ms: Option<u64>,
}

/// The ear of one node.
#[derive(Debug)]
pub struct Ear {
    own: Boot,
    tokens: VecDeque<u64>,
    senders: HashMap<Boot, Sender>,
}

impl Ear {
    /// One that has heard nobody. The token is random.
    #[must_use]
    pub fn new(own: Boot, token: u64) -> Ear {
        Ear {
            own,
            tokens: VecDeque::from([token]),
            senders: HashMap::new(),
        }
    }

    /// From here on others are to repeat this random token. The ones before last but two times are worth nothing more.
    pub fn draw(&mut self, token: u64) {
        self.tokens.push_back(token);
        while self.tokens.len() > TOKENS_MAX {
            self.tokens.pop_front();
        }
    }

    /// What to tell the others.
    #[must_use]
    pub fn announce(&self, users: Vec<Change>) -> News {
        let tokens = self.senders.iter();
        News::Presence {
            token: self.tokens.back().copied().unwrap_or_default(),
            echoes: tokens
                .filter_map(|(boot, sender)| Some((boot.to_be_bytes(), sender.token?)))
                .collect(),
            users,
        }
    }

    /// Judges a message.
    pub fn hear(&mut self, key: &Key, now_ms: u64, bytes: &[u8]) -> Judged {
        let opened = match key.open(bytes) {
            Ok(opened) => opened,
            Err(Unopened::Unsealed) => return Dropped::Unsealed.into(),
            Err(Unopened::Foreign) => return Dropped::Foreign.into(),
        };
        if opened.boot == self.own {
            return Heard::Own.into();
        }
        // A node of another version with the same key may say what this one does not know.
        let Ok(news) = rmp_serde::from_slice::<News>(&opened.text) else {
            return Dropped::Foreign.into();
        };
        self.judge(now_ms, &opened, news)
    }

    fn judge(&mut self, now_ms: u64, opened: &Opened, news: News) -> Judged {
        let is_silent = |sender: &Sender| sender.heard_ms + NODE_SILENCE_MS < now_ms;
        let (own, tokens) = (self.own.to_be_bytes(), &self.tokens);
        let is_new = !self.senders.contains_key(&opened.boot);
        if is_new {
            self.senders.retain(|_, sender| !is_silent(sender));
            if self.senders.len() >= SENDERS_MAX {
                return Dropped::Stale.into();
            }
        }
        let sender = self.senders.entry(opened.boot).or_default();
        if opened.count <= sender.count {
            return Dropped::Old.into();
        }
        sender.count = opened.count;
        sender.heard_ms = now_ms;
        let is_fresh = sender
            .fresh_ms
            .is_some_and(|fresh| fresh + NODE_SILENCE_MS >= now_ms);
        let node = opened.boot;
        let heard = match news {
            News::Batch {
                shard,
                before,
                last,
                events,
            } => {
                let events = events.map(|events| {
                    let events = events.into_iter();
                    events.map(|event| event.stored(shard)).collect()
                });
                Ok(Heard::Batch {
                    shard,
                    before,
                    last,
                    events,
                })
            }
            News::Presence {
                token,
                echoes,
                users,
            } => {
                sender.token = Some(token);
                let repeats =
                    |(boot, token): &([u8; 16], u64)| *boot == own && tokens.contains(token);
                let fresh = echoes.iter().any(repeats);
                if fresh {
                    sender.fresh_ms = Some(now_ms);
                }
                return Judged {
                    heard: if fresh {
                        Ok(Heard::Presence { node, users })
                    } else {
                        Err(Dropped::Stale)
                    },
                    answer: is_new || !fresh,
                };
            }
            News::Typing { room, user, on } if is_fresh => Ok(Heard::Typing { room, user, on }),
            News::PresenceOf { user } if is_fresh => Ok(Heard::PresenceOf { node, user }),
            News::Typing { .. } | News::PresenceOf { .. } => Err(Dropped::Stale),
        };
        Judged {
            heard,
            answer: false,
        }
    }
}

impl From<Dropped> for Judged {
    fn from(dropped: Dropped) -> Judged {
        Judged {
            heard: Err(dropped),
            answer: false,
        }
    }
}

impl From<Heard> for Judged {
    fn from(heard: Heard) -> Judged {
        Judged {
            heard: Ok(heard),
            answer: false,
        }
    }
}

/// How many messages met which fate.
#[derive(Debug, Default)]
pub struct Tally {
    taken: AtomicU64,
    unsealed: AtomicU64,
    foreign: AtomicU64,
    old: AtomicU64,
    stale: AtomicU64,
}

impl Tally {
    /// Counts one.
    pub fn note(&self, heard: &Result<Heard, Dropped>) {
        let count = match heard {
            Ok(Heard::Own) => return,
            Ok(_) => &self.taken,
            Err(Dropped::Unsealed) => &self.unsealed,
            Err(Dropped::Foreign) => &self.foreign,
            Err(Dropped::Old) => &self.old,
            Err(Dropped::Stale) => &self.stale,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts, by fate.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, u64); 5] {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        [
            ("taken", read(&self.taken)),
            ("unsealed", read(&self.unsealed)),
            ("foreign", read(&self.foreign)),
            ("old", read(&self.old)),
            ("stale", read(&self.stale)),
        ]
    }
}

#[cfg(test)]
mod tests;

//! Who is there: counted by session on this node, told between nodes, forgotten when a node falls silent.
//!
//! Owns: the sum of all sessions of a user, on all nodes. Never: stores anything, or promises anything. `[SG1]`

use std::collections::HashMap;

use parking_lot::Mutex;
use tidings_protocol::{Presence, UserId};

/// Milliseconds after which what another node said counts no more, unless it says it again.
pub const NODE_SILENCE_MS: u64 = 30_000;

#[derive(Debug, Default, Clone, Copy)]
struct Sessions {
    online: u32,
    away: u32,
}

impl Sessions {
    fn status(self) -> Presence {
        match self {
            Sessions { online: 1.., .. } => Presence::Online,
            Sessions { away: 1.., .. } => Presence::Away,
            _ => Presence::Offline,
        }
    }
}

#[derive(Debug, Default)]
struct Book {
    here: HashMap<UserId, Sessions>,
    /// By node: when it was last heard (milliseconds), and its users.
    elsewhere: HashMap<u64, (u64, HashMap<UserId, Presence>)>,
}

impl Book {
    fn status(&self, user: UserId) -> Presence {
        let here = self.here.get(&user).copied().unwrap_or_default().status();
        let there = self
            .elsewhere
            .values()
            .filter_map(|(_, users)| users.get(&user).copied())
            .max();
        there.map_or(here, |there| there.max(here))
    }
}

/// The presence of all users, as far as this node knows.
#[derive(Debug, Default)]
pub struct PresenceBook {
    book: Mutex<Book>,
}

/// A user whose presence changed.
pub type Change = (UserId, Presence);

impl PresenceBook {
    /// A session changed from one status to another; offline stands for "no session".
    /// Returns the user's new presence if it changed, and whether it changed for this node's part.
    pub fn session(&self, user: UserId, from: Presence, to: Presence) -> Option<Change> {
        let mut book = self.book.lock();
        let before = book.status(user);
        let sessions = book.here.entry(user).or_default();
        match from {
            Presence::Online => sessions.online = sessions.online.saturating_sub(1),
            Presence::Away => sessions.away = sessions.away.saturating_sub(1),
            Presence::Offline => {}
        }
        match to {
            Presence::Online => sessions.online += 1,
            Presence::Away => sessions.away += 1,
            Presence::Offline => {}
        }
        if sessions.online == 0 && sessions.away == 0 {
            book.here.remove(&user);
        }
        let after = book.status(user);
        (before != after).then_some((user, after))
    }

    /// How a user is.
    #[must_use]
    pub fn status(&self, user: UserId) -> Presence {
        self.book.lock().status(user)
    }

    /// How a user is by the sessions of this node alone.
    #[must_use]
    pub fn status_here(&self, user: UserId) -> Presence {
        let book = self.book.lock();
        book.here.get(&user).copied().unwrap_or_default().status()
    }

    /// How many sessions a user has on this node.
    #[must_use]
    pub fn sessions_here(&self, user: UserId) -> u32 {
        let book = self.book.lock();
        let sessions = book.here.get(&user).copied().unwrap_or_default();
        sessions.online + sessions.away
    }

    /// How many users are online or away on this node.
    #[must_use]
    pub fn count_here(&self) -> usize {
        self.book.lock().here.len()
    }

    /// What this node tells the others: all its users.
    #[must_use]
    pub fn here(&self) -> Vec<Change> {
        self.book
            .lock()
            .here
            .iter()
            .map(|(user, sessions)| (*user, sessions.status()))
            .collect()
    }

    /// Takes another node's whole list. Returns who changed by it.
    pub fn node(&self, node: u64, now_ms: u64, users: Vec<Change>) -> Vec<Change> {
        let mut book = self.book.lock();
        let users: HashMap<UserId, Presence> = users.into_iter().collect();
        let old = book
            .elsewhere
            .get(&node)
            .map(|(_, users)| users.clone())
            .unwrap_or_default();
        let touched: std::collections::BTreeSet<UserId> =
            old.keys().chain(users.keys()).copied().collect();
        let before: Vec<Change> = touched
            .into_iter()
            .map(|user| (user, book.status(user)))
            .collect();
        book.elsewhere.insert(node, (now_ms, users));
        before
            .into_iter()
            .filter_map(|(user, was)| Some((user, book.status(user))).filter(|(_, is)| *is != was))
            .collect()
    }

    /// Takes another node's news of one user. Returns whether the user changed by it.
    pub fn node_user(&self, node: u64, now_ms: u64, (user, status): Change) -> Option<Change> {
        let mut book = self.book.lock();
        let before = book.status(user);
        let (heard, users) = book.elsewhere.entry(node).or_default();
        *heard = now_ms;
        if status == Presence::Offline {
            users.remove(&user);
        } else {
            users.insert(user, status);
        }
        let after = book.status(user);
        (before != after).then_some((user, after))
    }

    /// Forgets nodes that fell silent. Returns who changed by it.
    pub fn forget_silent(&self, now_ms: u64) -> Vec<Change> {
        let silent: Vec<u64> = {
            let book = self.book.lock();
            book.elsewhere
                .iter()
                .filter(|(_, (heard, _))| heard + NODE_SILENCE_MS < now_ms)
                .map(|(n, _)| *n)
                .collect()
        };
        let mut changes = Vec::new();
        for node in silent {
            changes.extend(self.node(node, now_ms, Vec::new()));
            self.book.lock().elsewhere.remove(&node);
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_of_one_user_leaves_the_others_of_that_node() {
        // [SG3]
        let book = PresenceBook::default();
        let [ada, lin] = [1, 2].map(UserId::from_bits);
        let online = |user| (user, Presence::Online);
        assert_eq!(book.node_user(7, 0, online(ada)), Some(online(ada)));
        assert_eq!(book.node_user(7, 1, online(lin)), Some(online(lin)));
        book.session(ada, Presence::Offline, Presence::Away);
        assert_eq!(book.status_here(ada), Presence::Away);
        assert_eq!((book.sessions_here(ada), book.sessions_here(lin)), (1, 0));
        let gone = (ada, Presence::Offline);
        assert_eq!(book.node_user(7, 2, gone), Some((ada, Presence::Away)));
        assert_eq!(book.status(lin), Presence::Online);
        assert_eq!(book.node(7, 3, vec![]), vec![(lin, Presence::Offline)]);
    }

    #[test]
    fn a_user_is_as_present_as_their_most_present_session() {
        // [SG3]
        let book = PresenceBook::default();
        let user = UserId::from_bits(1);
        assert_eq!(
            book.session(user, Presence::Offline, Presence::Away),
            Some((user, Presence::Away))
        );
        assert_eq!(
            book.session(user, Presence::Offline, Presence::Online),
            Some((user, Presence::Online))
        );
        assert_eq!(book.session(user, Presence::Away, Presence::Offline), None);
        assert_eq!(book.node(7, 0, vec![(user, Presence::Online)]), vec![]);
        assert_eq!(
            book.session(user, Presence::Online, Presence::Offline),
            None
        );
        assert_eq!(
            book.forget_silent(NODE_SILENCE_MS + 1),
            vec![(user, Presence::Offline)]
        );
        assert_eq!(book.status(user), Presence::Offline);
    }
}

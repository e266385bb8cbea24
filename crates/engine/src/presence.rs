//! Who is there: counted by session on this node, told between nodes, forgotten when a node falls silent.
//!
//! Owns: the sum of all sessions of a user, on all nodes, and of a room's users (`counts`).
//! Never: stores anything, or promises anything. `[SG1]`

mod counts;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;
use tidings_protocol::{Presence, RoomId, Seq, UserId};

use counts::Counts;
pub use counts::{Counting, Read, ReadOn};

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

/// When a node was last heard (milliseconds), and its users.
type Said = (u64, HashMap<UserId, Presence>);

#[derive(Debug, Default)]
struct People {
    here: HashMap<UserId, Sessions>,
    /// By node.
    elsewhere: HashMap<u128, Said>,
}

#[derive(Debug, Default)]
struct Book {
    people: People,
    counts: Counts,
}

impl Book {
    fn status(&self, user: UserId) -> Presence {
        self.people.status(user)
    }

    /// A user was so, and may be otherwise now: then the counts learn of it, and the caller.
    fn settle(&mut self, user: UserId, was: Presence) -> Option<Change> {
        let is = self.status(user);
        let (was_present, is_present) = (was != Presence::Offline, is != Presence::Offline);
        if was_present != is_present {
            self.counts.user(user, is_present);
        }
        (was != is).then_some((user, is))
    }

    /// A node has these users from here on, or is gone.
    fn node(&mut self, node: u128, said: Option<Said>) -> Vec<Change> {
        let elsewhere = &self.people.elsewhere;
        let old = elsewhere.get(&node).map(|(_, users)| users);
        let new = said.as_ref().map(|(_, users)| users);
        let users = old.into_iter().chain(new).flat_map(HashMap::keys);
        let touched: BTreeSet<UserId> = users.copied().collect();
        let before: Vec<Change> = touched
            .into_iter()
            .map(|user| (user, self.status(user)))
            .collect();
        match said {
            Some(said) => self.people.elsewhere.insert(node, said),
            None => self.people.elsewhere.remove(&node),
        };
        before
            .into_iter()
            .filter_map(|(user, was)| self.settle(user, was))
            .collect()
    }
}

impl People {
    fn is_present(&self, user: UserId) -> bool {
        self.status(user) != Presence::Offline
    }

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
        let sessions = book.people.here.entry(user).or_default();
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
            book.people.here.remove(&user);
        }
        book.settle(user, before)
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
        book.people
            .here
            .get(&user)
            .copied()
            .unwrap_or_default()
            .status()
    }

    /// How many sessions a user has on this node.
    #[must_use]
    pub fn sessions_here(&self, user: UserId) -> u32 {
        let book = self.book.lock();
        let sessions = book.people.here.get(&user).copied().unwrap_or_default();
        sessions.online + sessions.away
    }

    /// How many users are online or away on this node.
    #[must_use]
    pub fn count_here(&self) -> usize {
        self.book.lock().people.here.len()
    }

    /// What this node tells the others: all its users.
    #[must_use]
    pub fn here(&self) -> Vec<Change> {
        self.book
            .lock()
            .people
            .here
            .iter()
            .map(|(user, sessions)| (*user, sessions.status()))
            .collect()
    }

    /// Takes another node's whole list. Returns who changed by it.
    pub fn node(&self, node: u128, now_ms: u64, users: Vec<Change>) -> Vec<Change> {
        let users = users.into_iter().collect();
        self.book.lock().node(node, Some((now_ms, users)))
    }

    /// Takes another node's news of one user. Returns whether the user changed by it.
    pub fn node_user(&self, node: u128, now_ms: u64, (user, status): Change) -> Option<Change> {
        let mut book = self.book.lock();
        let before = book.status(user);
        let (heard, users) = book.people.elsewhere.entry(node).or_default();
        *heard = now_ms;
        if status == Presence::Offline {
            users.remove(&user);
        } else {
            users.insert(user, status);
        }
        book.settle(user, before)
    }

    /// A core's hub says what to count. Returns the read of a room's members, if one is to begin: its pages go to
    /// [`PresenceBook::members`]. `[SG5]`
    pub fn counting(&self, core: u16, counting: Counting) -> Option<Read> {
        let Book { people, counts } = &mut *self.book.lock();
        match counting {
            Counting::Begin { room, seen } => counts.begin(core, room, seen),
            Counting::End { room, seen } => counts.end(core, room, seen),
            Counting::Member {
                room,
                seq,
                user,
                joined,
            } => {
                counts.member(room, seq, (user, joined), |user| people.is_present(user));
                None
            }
        }
    }

    /// A page of a room's members, and the last event that the page takes into account. Returns how to read on.
    pub fn members(
        &self,
        read: Read,
        head: Seq,
        users: &[UserId],
        is_last: bool,
    ) -> Option<ReadOn> {
        let Book { people, counts } = &mut *self.book.lock();
        counts.page(read, head, users, is_last, |user| people.is_present(user))
    }

    /// Whether a read of members is still waited for.
    #[must_use]
    pub fn is_awaited(&self, read: Read) -> bool {
        self.book.lock().counts.is_awaited(read)
    }

    /// What a core has not heard yet: how many members of a room are present.
    #[must_use]
    pub fn take_counts(&self, core: u16) -> Vec<(RoomId, u32)> {
        self.book.lock().counts.take(core)
    }

    /// A core begins as new: what it counted, it counts no more. Returns the reads that are to begin.
    pub fn core_began_anew(&self, core: u16) -> Vec<Read> {
        self.book.lock().counts.end_all(core)
    }

    /// Forgets nodes that fell silent. Returns who changed by it.
    pub fn forget_silent(&self, now_ms: u64) -> Vec<Change> {
        // Held throughout: what a node says meanwhile would be forgotten, and its users counted for ever.
        let mut book = self.book.lock();
        let nodes = book.people.elsewhere.iter();
        let silent: Vec<u128> = nodes
            .filter(|(_, (heard, _))| heard + NODE_SILENCE_MS < now_ms)
            .map(|(node, _)| *node)
            .collect();
        let changes = silent.into_iter().flat_map(|node| book.node(node, None));
        changes.collect()
    }
}

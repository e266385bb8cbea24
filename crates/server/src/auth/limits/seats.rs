//! Connections of strangers: those of whom no token has been seen yet.
//!
//! Owns: how many of them there may be, in all and from each step of a network, as a share of the files that the process
//! may open; and who gives way: the one that has waited longest for its peer to say something.
//! Never: counts a connection to its network once its user is known. An office of thousands behind one address is
//! thousands of users, each within the sessions of a user and a share of connections without one; what a user holds
//! beyond that share stays a stranger's. A stranger's connection is only a seat to say who one is.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;
use tidings_protocol::UserId;
use tokio::sync::Notify;

use super::steps::{Step, steps};

/// The part of the process' files that strangers may hold; the rest is for users, the database and what comes up.
const FILES_PART: u64 = 2;
/// The parts of the strangers' seats that one address, its next wider step, and any wider one may hold.
const ADDRESS_PART: usize = 8;
const NEXT_PART: usize = 4;
const WIDER_PART: usize = 2;
/// The part of as many connections as strangers have seats that one user's requests may come over: an eighth of the
/// files, as of one address. Sockets are counted as sessions instead.
const USER_PART: usize = 4;
/// Seats of one address, at least: a browser opens six connections, and some people share it.
const ADDRESS_SEATS_MIN: usize = 16;

/// A step of a network, or all there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Step((u128, u8)),
    All,
}

#[derive(Debug, Default)]
struct Room {
    taken: usize,
    /// Those whose peer has to say something, the longest waiting first.
    waiting: BTreeSet<u64>,
}

#[derive(Debug)]
struct Taken {
    places: Vec<Place>,
    /// Its place in the order of those that wait; none while a request is being answered.
    waits: Option<u64>,
    end: Arc<End>,
}

#[derive(Debug, Default)]
struct Inner {
    rooms: HashMap<Place, Room>,
    taken: HashMap<u64, Taken>,
    /// By place in the order.
    order: HashMap<u64, u64>,
    /// Connections of users that are no strangers', and no sockets.
    users: HashMap<UserId, usize>,
    next: u64,
}

/// The seats of one node.
#[derive(Debug)]
pub struct Seats {
    inner: Mutex<Inner>,
    seats_max: usize,
}

/// One stranger's connection. It gives its seat back when it is dropped.
#[derive(Debug)]
pub struct Seat {
    id: u64,
    seats: Arc<Seats>,
    end: Arc<End>,
    known: AtomicBool,
    /// Whose connections it is counted with.
    user: OnceLock<UserId>,
}

/// Among a request's extensions: its connection is a stranger's, until its user is known.
#[derive(Debug, Clone)]
pub struct Stranger(pub Arc<Seat>);

impl Stranger {
    /// The user of this request is known, and with it the connection.
    pub fn is_known(extensions: &http::Extensions, user: UserId) {
        if let Some(stranger) = extensions.get::<Stranger>() {
            stranger.0.is_known(user);
        }
    }
}

/// How a stranger's connection hears that it is none any more.
#[derive(Debug, Default)]
pub struct End {
    ended: Notify,
    gives_way: AtomicBool,
}

impl End {
    /// Waits until it is no stranger's any more. Returns whether it has to give way to another; else the user is known, or
    /// it is gone.
    pub async fn ended(&self) -> bool {
        self.ended.notified().await;
        self.gives_way.load(Ordering::Acquire)
    }
}

impl Seats {
    /// For a process that may open so many files.
    #[must_use]
    pub fn new(files: u64) -> Arc<Seats> {
        let seats = usize::try_from(files / FILES_PART).unwrap_or(usize::MAX);
        Arc::new(Seats {
            inner: Mutex::default(),
            seats_max: seats.max(ADDRESS_SEATS_MIN),
        })
    }

    /// Seats of strangers in all.
    #[must_use]
    pub const fn max(&self) -> usize {
        self.seats_max
    }

    /// Seats of one step, the narrowest first.
    fn step_max(&self, index: usize) -> usize {
        let part = match index {
            0 => ADDRESS_PART,
            1 => NEXT_PART,
            _ => WIDER_PART,
        };
        (self.seats_max / part).max(ADDRESS_SEATS_MIN)
    }

    /// Connections that requests of one user may come over.
    fn user_max(&self) -> usize {
        (self.seats_max / USER_PART).max(ADDRESS_SEATS_MIN)
    }

    /// A seat for a connection that was accepted. Where there is none the one that has waited longest there gives way.
    /// None when all who are there are being answered: then the newcomer goes.
    #[must_use]
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let steps: Vec<Step> = steps(Some(address));
        let mut places: Vec<(Place, usize)> = steps
            .iter()
            .enumerate()
            .map(|(index, step)| (Place::Step(step.key()), self.step_max(index)))
            .collect();
        places.push((Place::All, self.seats_max));
        let mut inner = self.inner.lock();
        for (place, max) in &places {
            let Some(room) = inner.rooms.get(place).filter(|room| room.taken >= *max) else {
                continue;
            };
            let oldest = room.waiting.first().copied()?;
            inner.end(oldest);
        }
        let places: Vec<Place> = places.into_iter().map(|(place, _)| place).collect();
        for place in &places {
            inner.rooms.entry(*place).or_default().taken += 1;
        }
        let id = inner.next;
        inner.next += 1;
        let end = Arc::new(End::default());
        let taken = Taken {
            places,
            waits: None,
            end: Arc::clone(&end),
        };
        inner.taken.insert(id, taken);
        inner.wait(id);
        Some(Seat {
            id,
            seats: Arc::clone(self),
            end,
            known: AtomicBool::new(false),
            user: OnceLock::new(),
        })
    }

    /// How many strangers there are.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.inner.lock().taken.len()
    }
}

impl Inner {
    /// From now on the peer has to say something.
    fn wait(&mut self, id: u64) {
        let turn = self.next;
        self.next += 1;
        let Some(taken) = self.taken.get_mut(&id) else {
            return;
        };
        taken.waits = Some(turn);
        self.order.insert(turn, id);
        for place in &taken.places {
            self.rooms.entry(*place).or_default().waiting.insert(turn);
        }
    }

    /// The peer has said something.
    fn heard(&mut self, id: u64) {
        let Some(taken) = self.taken.get_mut(&id) else {
            return;
        };
        let Some(turn) = taken.waits.take() else {
            return;
        };
        self.order.remove(&turn);
        for place in &taken.places {
            if let Some(room) = self.rooms.get_mut(place) {
                room.waiting.remove(&turn);
            }
        }
    }

    /// Takes the seat back from one that waits, and tells it.
    fn end(&mut self, turn: u64) {
        if let Some(id) = self.order.get(&turn).copied() {
            if let Some(taken) = self.taken.get(&id) {
                taken.end.gives_way.store(true, Ordering::Release);
            }
            self.leave(id);
        }
    }

    fn leave(&mut self, id: u64) {
        self.heard(id);
        let Some(taken) = self.taken.remove(&id) else {
            return;
        };
        taken.end.ended.notify_one();
        for place in taken.places {
            if let Some(room) = self.rooms.get_mut(&place) {
                room.taken -= 1;
                if room.taken == 0 {
                    self.rooms.remove(&place);
                }
            }
        }
    }
}

impl Seat {
    /// How the connection hears of it.
    #[must_use]
    pub fn end(&self) -> Arc<End> {
        Arc::clone(&self.end)
    }

    /// A whole request came: it is not taken away while it is answered.
    pub fn is_answered(&self) {
        if !self.known.load(Ordering::Relaxed) {
            self.seats.inner.lock().heard(self.id);
        }
    }

    /// The answer has begun: the next word is the peer's.
    pub fn waits(&self) {
        if !self.known.load(Ordering::Relaxed) {
            let mut inner = self.seats.inner.lock();
            inner.heard(self.id);
            inner.wait(self.id);
        }
    }

    /// The user is known: this is no stranger's any more, unless the user has many connections already.
    pub fn is_known(&self, user: UserId) {
        // Once: each later request of the connection asks nobody.
        if self.known.load(Ordering::Relaxed) {
            return;
        }
        let user_max = self.seats.user_max();
        let mut inner = self.seats.inner.lock();
        let count = inner.users.get(&user).copied().unwrap_or_default();
        if count < user_max && self.user.set(user).is_ok() {
            inner.users.insert(user, count + 1);
            inner.leave(self.id);
            self.known.store(true, Ordering::Relaxed);
        }
    }

    /// It has become a session of a user, which is counted as such.
    pub fn is_session(&self) {
        if !self.known.swap(true, Ordering::Relaxed) {
            self.seats.inner.lock().leave(self.id);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.is_session();
        let Some(user) = self.user.get() else {
            return;
        };
        let mut inner = self.seats.inner.lock();
        if let Some(count) = inner.users.get_mut(user) {
            *count -= 1;
            if *count == 0 {
                inner.users.remove(user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn from(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn gave_way(seats: &[Seat]) -> usize {
        let gone = seats
            .iter()
            .filter(|seat| seat.end().ended().now_or_never() == Some(true));
        gone.count()
    }

    #[test]
    fn one_address_holds_its_part_and_its_oldest_gives_way() {
        // [P5] 1,024 files, 1,600 half requests of one address.
        let seats = Seats::new(1_024);
        let attack: Vec<Seat> = (0..1_600)
            .map(|_| seats.take(from("192.0.2.66")).unwrap())
            .collect();
        assert_eq!(seats.taken(), 64);
        assert_eq!(gave_way(&attack[..1_536]), 1_536, "the oldest");
        assert_eq!(gave_way(&attack[1_536..]), 0);
        let other = seats.take(from("198.51.100.1")).unwrap();
        assert_eq!(gave_way(&[other]), 0);
        drop(attack);
        assert_eq!(seats.taken(), 0);
        let inner = seats.inner.lock();
        assert!(inner.rooms.is_empty() && inner.order.is_empty());
    }

    #[test]
    fn wider_networks_hold_more_and_not_all() {
        let attack = |address: &dyn Fn(u32) -> String| {
            let seats = Seats::new(1_024);
            let held: Vec<Seat> = (0..4_000u32)
                .map(|n| seats.take(from(&address(n))).unwrap())
                .collect();
            (seats.taken(), held).0
        };
        assert_eq!(attack(&|n| format!("192.0.2.{}", n % 256)), 128);
        assert_eq!(
            attack(&|n| format!("192.0.{}.{}", n / 256 % 256, n % 256)),
            256
        );
        assert_eq!(attack(&|n| format!("2001:db8:1:2::{n:x}")), 64);
        assert_eq!(attack(&|n| format!("2001:db8:1:{n:x}::1")), 256);
        assert_eq!(attack(&|n| format!("2001:db8:{n:x}::1")), 256);
        let botnet = |n: u32| format!("{}.{}.{}.1", 1 + n % 200, n / 200 % 200, n % 7);
        assert_eq!(attack(&botnet), 512);
    }

    #[test]
    fn one_who_is_answered_stays_and_one_who_is_known_needs_no_seat() {
        let seats = Seats::new(256);
        let mut answered: Vec<Seat> = (0..16)
            .map(|_| seats.take(from("192.0.2.1")).unwrap())
            .collect();
        answered.iter().for_each(Seat::is_answered);
        assert!(seats.take(from("192.0.2.1")).is_none(), "nobody gives way");
        answered[0].waits();
        let next = seats.take(from("192.0.2.1")).unwrap();
        assert_eq!(gave_way(&answered), 1);
        answered[1].is_known(UserId::from_bits(1));
        let _one_more = seats.take(from("192.0.2.1")).unwrap();
        assert_eq!(gave_way(&[next]), 0);
        // An office: two thousand people, one address, each known after a while.
        let office: Vec<Seat> = (0..2_000)
            .map(|person| {
                let seat = seats.take(from("198.51.100.1")).unwrap();
                seat.is_known(UserId::from_bits(person));
                seat
            })
            .collect();
        assert_eq!(gave_way(&office), 0);
        answered.clear();
    }
    #[test]
    fn one_user_holds_a_share_and_what_is_beyond_stays_a_strangers() {
        // [LI5] [P5] 1,024 files.
        let (seats, user) = (Seats::new(1_024), UserId::from_bits(1));
        let held: Vec<Seat> = (0..1_000)
            .map(|_| {
                let seat = seats.take(from("192.0.2.66")).unwrap();
                // Each request of the connection says so.
                seat.is_known(user);
                seat.is_known(user);
                seat
            })
            .collect();
        assert_eq!(seats.taken(), 64, "of one address");
        assert_eq!(gave_way(&held), 1_000 - 64 - 128);
        // Another user, there and elsewhere; and a socket, which is a session.
        for address in ["192.0.2.66", "198.51.100.1"] {
            let other = seats.take(from(address)).unwrap();
            other.is_known(UserId::from_bits(2));
            assert_eq!(gave_way(&[other]), 0);
        }
        let socket = seats.take(from("198.51.100.1")).unwrap();
        socket.is_session();
        assert_eq!(seats.taken(), 63, "one gave way to the neighbour");
        drop(held);
        assert_eq!(seats.taken(), 0);
        assert!(seats.inner.lock().users.is_empty());
        let again = seats.take(from("192.0.2.66")).unwrap();
        again.is_known(user);
        assert_eq!(seats.taken(), 0);
    }
}

//! Counts of present members, against what is true: by seed, with cores that lag and reads that are overtaken.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tidings_protocol::{Presence, RoomId, Seq, UserId};

use super::{
    Counting, NODE_SILENCE_MS, PresenceBook, Read, ReadOn, counts::CHANGES_WHILE_READ_MAX,
};
use crate::random::Random;

const ROOM: RoomId = RoomId::from_bits(7);
const CORES: u64 = 3;
const USERS: u64 = 12;
const PAGE: usize = 3;

fn user(n: u64) -> UserId {
    UserId::from_bits(u128::from(n) + 1)
}

/// A core's way through the room's events.
#[derive(Default)]
struct Core {
    seen: usize,
    counts: bool,
    told: Option<u32>,
}

/// The room as the store has it, and who is where.
#[derive(Default)]
struct World {
    book: PresenceBook,
    /// What happened: a message, or somebody came or went.
    log: Vec<Option<(UserId, bool)>>,
    members: BTreeSet<UserId>,
    cores: [Core; CORES as usize],
    reads: Vec<(Read, Option<UserId>)>,
    here: BTreeMap<UserId, Presence>,
    elsewhere: BTreeMap<UserId, Presence>,
}

impl World {
    fn happens(&mut self, user: UserId) {
        let joined = !self.members.remove(&user);
        if joined {
            self.members.insert(user);
        }
        self.log.push(Some((user, joined)));
    }

    fn counting(&mut self, core: usize, counting: Counting) {
        let read = self.book.counting(core as u16, counting);
        self.reads.extend(read.map(|read| (read, None)));
    }

    /// A core comes to the next event.
    fn come(&mut self, core: usize) {
        let Some(event) = self.log.get(self.cores[core].seen) else {
            return;
        };
        self.cores[core].seen += 1;
        if let (Some((user, joined)), true) = (*event, self.cores[core].counts) {
            let seq = Seq(self.cores[core].seen as u64);
            let member = Counting::Member {
                room: ROOM,
                seq,
                user,
                joined,
            };
            self.counting(core, member);
        }
    }

    fn toggle(&mut self, core: usize) {
        let seen = Seq(self.cores[core].seen as u64);
        self.toggle_at(core, seen);
    }

    /// The same by one that does not know how far it came: it may have come as far as the store, and knows of nothing.
    fn toggle_unsure(&mut self, core: usize) {
        let upto = self.log.len() as u64;
        let seen = if self.cores[core].counts { 0 } else { upto };
        self.toggle_at(core, Seq(seen));
    }

    fn toggle_at(&mut self, core: usize, seen: Seq) {
        let now = &mut self.cores[core];
        now.counts = !now.counts;
        now.told = None;
        let room = ROOM;
        let counting = if now.counts {
            Counting::Begin { room, seen }
        } else {
            Counting::End { room, seen }
        };
        self.counting(core, counting);
    }

    fn read(&mut self, at: usize) {
        let (read, after) = self.reads.swap_remove(at);
        let later = self
            .members
            .iter()
            .filter(|user| after.is_none_or(|after| **user > after));
        let users: Vec<UserId> = later.copied().take(PAGE).collect();
        let head = Seq(self.log.len() as u64);
        let is_last = users.len() < PAGE;
        match self.book.members(read, head, &users, is_last) {
            Some(ReadOn::After) => self.reads.push((read, users.last().copied())),
            Some(ReadOn::FromTheBeginning(read)) => self.reads.push((read, None)),
            None => {}
        }
    }

    fn take(&mut self, core: usize) {
        for (room, count) in self.book.take_counts(core as u16) {
            assert_eq!(room, ROOM);
            self.cores[core].told = Some(count);
        }
    }

    fn moves(&mut self, user: UserId, to: Presence, is_here: bool) {
        if is_here {
            let from = self.here.insert(user, to).unwrap_or(Presence::Offline);
            self.book.session(user, from, to);
        } else {
            self.elsewhere.insert(user, to);
            self.book.node_user(9, 0, (user, to));
        }
    }

    fn present(&self) -> u32 {
        let there = |people: &BTreeMap<UserId, Presence>, user: &UserId| {
            people.get(user).is_some_and(|p| *p != Presence::Offline)
        };
        let present = self
            .members
            .iter()
            .filter(|user| there(&self.here, user) || there(&self.elsewhere, user));
        present.count() as u32
    }

    fn step(&mut self, random: &mut Random) {
        let core = random.below(CORES) as usize;
        match random.below(16) {
            0 => self.happens(user(random.below(USERS))),
            1 => self.log.push(None),
            2..=5 => self.come(core),
            6 if random.below(4) == 0 => self.toggle_unsure(core),
            6 => self.toggle(core),
            7..=9 if !self.reads.is_empty() => {
                let at = random.below(self.reads.len() as u64) as usize;
                self.read(at);
            }
            10 | 11 => self.take(core),
            12 if random.below(20) == 0 => {
                self.cores[core].counts = false;
                let reads = self.book.core_began_anew(core as u16);
                self.reads
                    .extend(reads.into_iter().map(|read| (read, None)));
            }
            13 if random.below(10) == 0 => {
                let list = self.elsewhere.iter().map(|(u, p)| (*u, *p));
                let list = list.filter(|(_, p)| *p != Presence::Offline).collect();
                self.book.node(9, 0, list);
            }
            _ => {
                let to = [Presence::Online, Presence::Away, Presence::Offline];
                let to = to[random.below(3) as usize];
                self.moves(user(random.below(USERS)), to, random.below(2) == 0);
            }
        }
    }

    fn settle(&mut self) {
        while !self.reads.is_empty() {
            self.read(0);
        }
        for core in 0..CORES as usize {
            while self.cores[core].seen < self.log.len() {
                self.come(core);
            }
        }
        while !self.reads.is_empty() {
            self.read(0);
        }
        (0..CORES as usize).for_each(|core| self.take(core));
    }
}

#[test]
fn a_count_is_what_is_true_once_all_has_arrived() {
    // [SG5]
    let mut told = HashMap::<u32, u32>::new();
    for seed in 1..=3_000 {
        let mut random = Random(seed);
        let mut world = World::default();
        for _ in 0..random.below(200) {
            world.step(&mut random);
        }
        world.settle();
        let present = world.present();
        for (index, core) in world.cores.iter().enumerate() {
            if core.counts {
                assert_eq!(core.told, Some(present), "seed {seed}, core {index}");
                *told.entry(present).or_default() += 1;
            }
        }
        // What nobody counts any more is forgotten.
        for core in 0..CORES as usize {
            if world.cores[core].counts {
                world.toggle(core);
            }
        }
        let counts = format!("{:?}", world.book.book.lock().counts);
        assert!(counts.contains("of_user: {}"), "seed {seed}: {counts}");
        assert!(counts.contains("index: {}"), "seed {seed}: {counts}");
    }
    assert!(told.len() > 5, "many different counts: {told:?}");
}

#[test]
fn one_user_with_many_sessions_counts_once() {
    // [SG5]
    let mut world = World::default();
    (0..3).for_each(|n| world.happens(user(n)));
    world.toggle(0);
    world.settle();
    assert_eq!(world.cores[0].told, Some(0));
    for _ in 0..2 {
        world
            .book
            .session(user(0), Presence::Offline, Presence::Online);
    }
    world.moves(user(0), Presence::Away, false);
    world.moves(user(1), Presence::Away, false);
    world.take(0);
    assert_eq!(world.cores[0].told, Some(2));
    // A node that falls silent takes its users along.
    world.book.forget_silent(NODE_SILENCE_MS + 1);
    world.take(0);
    assert_eq!(world.cores[0].told, Some(1));
}

#[test]
fn more_changes_than_are_kept_are_read_once_more() {
    // [SG5]
    let mut world = World::default();
    (0..USERS).for_each(|n| {
        world.happens(user(n));
        world.moves(user(n), Presence::Online, true);
        world.come(0);
    });
    world.toggle(0);
    world.read(0);
    for n in 0..=2 * CHANGES_WHILE_READ_MAX as u64 {
        world.happens(user(n % USERS));
        world.come(0);
    }
    world.settle();
    assert_eq!(world.cores[0].told, Some(world.present()));
}

#[test]
fn what_a_core_leaves_untold_is_read_once_more() {
    // [SG5] Core 0 stops counting before it came to the leaving that core 1 had passed when it began.
    for is_read_before in [true, false] {
        let mut world = World::default();
        (0..6).for_each(|n| {
            world.happens(user(n));
            world.moves(user(n), Presence::Online, true);
        });
        world.toggle(0);
        world.read(0);
        while is_read_before && !world.reads.is_empty() {
            world.read(0);
        }
        world.happens(user(0));
        (0..7).for_each(|_| world.come(1));
        world.toggle(1);
        world.toggle(0);
        world.settle();
        assert_eq!(world.cores[1].told, Some(5));
    }
}

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

#[test]
fn a_node_that_speaks_while_it_is_forgotten_is_counted_as_it_is() {
    // [SG5] By its word it may be forgotten or not: the count says what the book says.
    let mut world = World::default();
    world.happens(user(0));
    world.toggle(0);
    world.settle();
    let book = &world.book;
    let silent = NODE_SILENCE_MS + 1;
    std::thread::scope(|scope| {
        let speaking = scope.spawn(|| {
            let mut forgotten = 0;
            while forgotten < 1_000 {
                let change = book.node_user(9, 0, (user(0), Presence::Online));
                forgotten += usize::from(change.is_some());
            }
        });
        while !speaking.is_finished() {
            book.forget_silent(silent);
        }
    });
    for last in [Presence::Online, Presence::Offline] {
        world.book.node_user(9, 0, (user(0), last));
        world.take(0);
        assert_eq!(
            world.cores[0].told,
            Some(u32::from(last == Presence::Online))
        );
    }
}

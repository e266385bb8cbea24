//! A few connections, lent one caller at a time.
//!
//! Owns: how many there are at most, opening them when needed, forgetting those that ended.
//! Never: takes back a connection after an error: what is not given back is closed.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicU64, Ordering},
    thread::{self, ThreadId},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};
use tokio_postgres::Config;

use super::session::{Named, Session};
use crate::error::StoreError;

/// How long a caller waits for a connection to become free.
const LEASE_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether a thread is lent connections that others opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// Always: there are as few connections as can be.
    Anywhere,
    /// Where none of its own is idle, and as many are open as may be. A connection is served by the thread that opened
    /// it; asked from another, it wakes that thread for each question and is woken by it for each answer.
    Thread,
}

pub(super) struct Pool {
    home: Home,
    leases_max: usize,
    config: Config,
    statements: Vec<Named>,
    permits: Semaphore,
    idle: Mutex<Idle>,
    opened: AtomicU64,
}

#[derive(Default)]
struct Idle {
    sessions: Vec<Session>,
    /// Threads that have opened one.
    homes: HashSet<ThreadId>,
}

/// A connection in use. Dropped without [`give_back`](Lease::give_back) it is closed.
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    session: Session,
    _permit: SemaphorePermit<'a>,
}

impl Pool {
    pub(super) fn new(
        config: Config,
        statements: Vec<Named>,
        leases_max: usize,
        home: Home,
    ) -> Pool {
        Pool {
            home,
            config,
            statements,
            leases_max,
            permits: Semaphore::new(leases_max),
            idle: Mutex::default(),
            opened: AtomicU64::new(0),
        }
    }

    pub(super) async fn lease(&self) -> Result<Lease<'_>, StoreError> {
        let permit = timeout(LEASE_TIMEOUT, self.permits.acquire())
            .await
            .map_err(|_| StoreError::Unavailable("every connection is in use".to_owned()))?
            .map_err(|_| StoreError::Unavailable("the store is closing".to_owned()))?;
        let here = thread::current().id();
        let session = match self.idle(here) {
            Some(session) => session,
            None => {
                self.opened.fetch_add(1, Ordering::AcqRel);
                match Session::open(&self.config, &self.statements).await {
                    Ok(session) => {
                        self.idle.lock().homes.insert(here);
                        session
                    }
                    Err(error) => self.idle.lock().sessions.pop().ok_or(error)?,
                }
            }
        };
        Ok(Lease {
            pool: self,
            session,
            _permit: permit,
        })
    }

    /// How many connections were opened so far.
    pub(super) fn opened(&self) -> u64 {
        self.opened.load(Ordering::Acquire)
    }

    /// What to lend, if anything stands there: the connection used last, of the own thread first.
    fn idle(&self, here: ThreadId) -> Option<Session> {
        let mut idle = self.idle.lock();
        idle.sessions.retain(|session| !session.is_closed());
        if self.home == Home::Anywhere {
            return idle.sessions.pop();
        }
        if let Some(own) = idle.sessions.iter().rposition(|s| s.home() == here) {
            return Some(idle.sessions.remove(own));
        }
        let leased = self.leases_max - self.permits.available_permits();
        if idle.sessions.len() + leased <= self.leases_max {
            return None;
        }
        // There are as many as may be. A thread that never had one gets its first for one that another has to spare.
        if !idle.homes.contains(&here) {
            idle.spare();
            return None;
        }
        idle.sessions.pop()
    }
}

impl Idle {
    /// Closes a connection of the thread that has the most.
    fn spare(&mut self) {
        let of = |home| self.sessions.iter().filter(|s| s.home() == home).count();
        let place = (0..self.sessions.len()).max_by_key(|place| of(self.sessions[*place].home()));
        if let Some(place) = place {
            self.sessions.remove(place);
        }
    }
}

impl Lease<'_> {
    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// For the next caller.
    pub(super) fn give_back(self) {
        self.pool.idle.lock().sessions.push(self.session);
    }
}

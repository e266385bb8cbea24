//! A few connections, lent one caller at a time.
//!
//! Owns: how many there are at most, opening them when needed, forgetting those that ended.
//! Never: takes back a connection after an error: what is not given back is closed.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
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

/// Who is lent a connection that others opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// Everybody: there are as few connections as can be.
    Anywhere,
    /// Who has none of their own thread, once there are as many as may be. A connection is served by the thread that
    /// opened it; from another one each question wakes it, and is woken by it.
    Thread,
}

pub(super) struct Pool {
    home: Home,
    config: Config,
    statements: Vec<Named>,
    permits: Semaphore,
    idle: Mutex<Vec<Session>>,
    opened: AtomicU64,
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
        connections_max: usize,
        home: Home,
    ) -> Pool {
        Pool {
            home,
            config,
            statements,
            permits: Semaphore::new(connections_max),
            idle: Mutex::new(Vec::new()),
            opened: AtomicU64::new(0),
        }
    }

    pub(super) async fn lease(&self) -> Result<Lease<'_>, StoreError> {
        let permit = timeout(LEASE_TIMEOUT, self.permits.acquire())
            .await
            .map_err(|_| StoreError::Unavailable("every connection is in use".to_owned()))?
            .map_err(|_| StoreError::Unavailable("the store is closing".to_owned()))?;
        let session = match self.idle() {
            Some(session) => session,
            None => {
                self.opened.fetch_add(1, Ordering::AcqRel);
                Session::open(&self.config, &self.statements).await?
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

    /// The connection used last, if one still stands.
    fn idle(&self) -> Option<Session> {
        let mut idle = self.idle.lock();
        idle.retain(|session| !session.is_closed());
        let own = match self.home {
            Home::Anywhere => None,
            Home::Thread => {
                let here = thread::current().id();
                let own = idle.iter().rposition(|session| session.home() == here);
                // One of its own is opened as long as there may be more of them.
                if own.is_none() && idle.len() <= self.permits.available_permits() {
                    return None;
                }
                own
            }
        };
        let last = idle.len().checked_sub(1)?;
        Some(idle.remove(own.unwrap_or(last)))
    }
}

impl Lease<'_> {
    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// For the next caller.
    pub(super) fn give_back(self) {
        self.pool.idle.lock().push(self.session);
    }
}

//! A few connections, lent one caller at a time.
//!
//! Owns: how many there are at most, opening them when needed, forgetting those that ended.
//! Never: takes back a connection after an error: what is not given back is closed.

use std::{
    sync::atomic::{AtomicU64, Ordering},
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

pub(super) struct Pool {
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
    pub(super) fn new(config: Config, statements: Vec<Named>, connections_max: usize) -> Pool {
        Pool {
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

    /// The connection used last, if it still stands.
    fn idle(&self) -> Option<Session> {
        let mut idle = self.idle.lock();
        idle.retain(|session| !session.is_closed());
        idle.pop()
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

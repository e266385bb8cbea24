//! Passwords: hashed with argon2id on threads of their own, so that hashing never holds up a message.
//!
//! Owns: the cost, and threads that hash what waits in the [`Queue`], those known before first. `[P5]`
//! Never: keeps a password, or answers faster for a name that nobody has.
//!
//! What a password is stands in `rule`.

mod frequent;
mod queue;
mod rule;

use std::{sync::Arc, thread};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use parking_lot::{Condvar, Mutex};
use tidings_protocol::{Refusal, RefusalCode};
use tokio::sync::oneshot;

pub use queue::{Lane, WAITING_PER_THREAD};
pub(crate) use queue::{Queue, RETRY_MS};
pub use rule::Password;

/// Memory of one hash in KiB, passes and lanes: the least that the OWASP password storage cheat sheet advises for
/// argon2id. A thread needs this much memory, for some tens of milliseconds.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

enum Work {
    Hash {
        password: Password,
        reply: oneshot::Sender<Option<String>>,
    },
    Verify {
        password: Password,
        hash: Option<String>,
        reply: oneshot::Sender<bool>,
    },
}

/// What the threads of the pool share.
struct Shared {
    queue: Mutex<Queue<Work>>,
    more: Condvar,
}

/// The pool. Its threads end when it is dropped.
pub struct Passwords {
    shared: Arc<Shared>,
}

impl Passwords {
    /// A pool of so many threads.
    ///
    /// # Panics
    /// When the system gives no thread or no randomness.
    #[must_use]
    pub fn new(threads: usize) -> Passwords {
        let passwords = Passwords::without_threads(threads);
        // Made once: verifying against it costs what verifying against anybody's costs.
        let dummy: Arc<str> = hash("nobody has this password")
            .expect("argon2id hashes any short text")
            .into();
        for number in 0..threads {
            let (shared, dummy) = (Arc::clone(&passwords.shared), Arc::clone(&dummy));
            thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || run(&shared, &dummy))
                .expect("a node needs its threads to start");
        }
        passwords
    }

    fn without_threads(threads: usize) -> Passwords {
        Passwords {
            shared: Arc::new(Shared {
                queue: Mutex::new(Queue::new(threads)),
                more: Condvar::new(),
            }),
        }
    }

    /// The hash to store, as a PHC string.
    ///
    /// # Errors
    /// `unavailable` when too many wait.
    pub async fn hash(&self, password: Password, lane: Lane) -> Result<String, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.put(lane, Work::Hash { password, reply })?;
        answer
            .await
            .ok()
            .flatten()
            .ok_or_else(|| RefusalCode::Internal.into())
    }

    /// Whether the password fits the stored hash. Without one (nobody has the name, or no password is set) it takes
    /// as long, and the answer is no.
    ///
    /// # Errors
    /// `unavailable` when too many wait.
    pub async fn verify(
        &self,
        password: Password,
        hash: Option<String>,
        lane: Lane,
    ) -> Result<bool, Refusal> {
        let hash = hash.filter(|hash| !hash.is_empty() && password.text().is_some());
        let (reply, answer) = oneshot::channel();
        let work = Work::Verify {
            password,
            hash,
            reply,
        };
        self.put(lane, work)?;
        answer.await.map_err(|_| RefusalCode::Internal.into())
    }

    fn put(&self, lane: Lane, work: Work) -> Result<(), Refusal> {
        self.shared
            .queue
            .lock()
            .put(lane, work)
            .map_err(|_| Refusal::new(RefusalCode::Unavailable).retry_after_ms(RETRY_MS))?;
        self.shared.more.notify_one();
        Ok(())
    }
}

impl Drop for Passwords {
    fn drop(&mut self) {
        self.shared.queue.lock().close();
        self.shared.more.notify_all();
    }
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

/// What waits next; none when the pool has ended.
fn next(shared: &Shared) -> Option<Work> {
    let mut queue = shared.queue.lock();
    loop {
        if let Some(work) = queue.take() {
            return Some(work);
        }
        if queue.is_closed() {
            return None;
        }
        shared.more.wait(&mut queue);
    }
}

fn run(shared: &Shared, dummy: &str) {
    while let Some(work) = next(shared) {
        match work {
            // Whoever asked may have gone: then nobody pays.
            Work::Hash { password, reply } if !reply.is_closed() => {
                let _ = reply.send(password.text().and_then(hash));
            }
            Work::Verify {
                password,
                hash,
                reply,
            } if !reply.is_closed() => {
                let text = password.text().unwrap_or_default();
                let fits = fits(text, hash.as_deref().unwrap_or(dummy));
                let _ = reply.send(fits && hash.is_some());
            }
            Work::Hash { .. } | Work::Verify { .. } => {}
        }
    }
}

fn argon2id() -> Argon2<'static> {
    let (memory_kib, passes, lanes) = COST;
    let params =
        Params::new(memory_kib, passes, lanes, None).expect("the cost is within what argon2 takes");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &str) -> Option<String> {
    match argon2id().hash_password(password.as_bytes()) {
        Ok(hash) => Some(hash.to_string()),
        Err(error) => {
            tracing::error!(%error, "a password could not be hashed");
            None
        }
    }
}

fn fits(password: &str, hash: &str) -> bool {
    match PasswordHash::new(hash) {
        // The comparison of hashes is in constant time (`password_hash::Output`).
        Ok(hash) => argon2id()
            .verify_password(password.as_bytes(), &hash)
            .is_ok(),
        Err(error) => {
            tracing::error!(%error, "a stored hash of a password does not parse");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
    }

    fn chosen(text: &str) -> Password {
        Password::chosen(text, &[]).unwrap()
    }

    #[test]
    fn a_password_fits_its_own_hash_alone() {
        runtime().block_on(async {
            let passwords = Passwords::new(1);
            let hash = passwords.hash(chosen("correct hörse"), Lane::Known).await;
            let hash = hash.unwrap();
            assert!(
                hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
                "{hash}"
            );
            let verify = |password: &str, hash: Option<&str>| {
                let password = Password::given(password);
                passwords.verify(password, hash.map(str::to_owned), Lane::Stranger(1))
            };
            assert!(verify("correct hörse", Some(&hash)).await.unwrap());
            // [LI2] The same text in another form.
            assert!(verify("correct ho\u{308}rse", Some(&hash)).await.unwrap());
            assert!(!verify("correct horsf", Some(&hash)).await.unwrap());
            assert!(!verify("nobody has this password", None).await.unwrap());
            assert!(!verify("", Some("")).await.unwrap());
            assert!(!verify("correct hörse", Some("damaged")).await.unwrap());
            assert!(!verify(&"x".repeat(5_000), Some(&hash)).await.unwrap());
        });
    }

    #[test]
    fn a_full_queue_says_not_now() {
        // [P5]
        let passwords = Passwords::without_threads(1);
        let verify = || {
            let password = Password::given("correct horse");
            passwords.verify(password, None, Lane::Known)
        };
        runtime().block_on(async {
            for _ in 0..WAITING_PER_THREAD {
                assert!(verify().now_or_never().is_none(), "nobody works here");
            }
            let refusal = verify().await.unwrap_err();
            assert_eq!(refusal.code, RefusalCode::Unavailable);
            assert!(refusal.retry_after_ms.is_some());
        });
    }
}

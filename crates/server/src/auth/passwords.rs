//! Passwords: hashed with argon2id on threads of their own, so that hashing never holds up a message.
//!
//! Owns: the cost, the rules of length, and a queue that says "not now" when it is full. `[P5]`
//! Never: keeps a password, or answers faster for a name that nobody has.

use std::{
    sync::{Arc, mpsc},
    thread,
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use parking_lot::Mutex;
use tidings_protocol::{
    Refusal, RefusalCode,
    limits::{PASSWORD_BYTES_MAX, PASSWORD_LEN_MIN},
};
use tokio::sync::oneshot;

/// Memory of one hash in KiB, passes and lanes: the least that the OWASP password storage cheat sheet advises for
/// argon2id. A thread needs this much memory, for some tens of milliseconds.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
/// Hashes that wait for one thread: about a second of its work.
const WAITING_PER_THREAD: usize = 32;
/// Milliseconds after which somebody who met a full queue comes back.
const RETRY_MS: u64 = 1_000;

enum Work {
    Hash {
        password: String,
        reply: oneshot::Sender<Option<String>>,
    },
    Verify {
        password: String,
        hash: Option<String>,
        reply: oneshot::Sender<bool>,
    },
}

/// The pool. Its threads end when it is dropped.
#[derive(Debug)]
pub struct Passwords {
    queue: mpsc::SyncSender<Work>,
}

impl Passwords {
    /// A pool of so many threads.
    ///
    /// # Panics
    /// When the system gives no thread or no randomness.
    #[must_use]
    pub fn new(threads: usize) -> Passwords {
        let (queue, work) = mpsc::sync_channel(threads * WAITING_PER_THREAD);
        let work = Arc::new(Mutex::new(work));
        // Made once: verifying against it costs what verifying against anybody's costs.
        let dummy: Arc<str> = hash("nobody has this password")
            .expect("argon2id hashes any short text")
            .into();
        for number in 0..threads {
            let (work, dummy) = (Arc::clone(&work), Arc::clone(&dummy));
            thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || run(&work, &dummy))
                .expect("a node needs its threads to start");
        }
        Passwords { queue }
    }

    /// The hash to store, as a PHC string.
    ///
    /// # Errors
    /// `bad_request` when the password breaks its rule; `unavailable` when too many wait.
    pub async fn hash(&self, password: String) -> Result<String, Refusal> {
        check(&password)?;
        let (reply, answer) = oneshot::channel();
        self.put(Work::Hash { password, reply })?;
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
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Refusal> {
        let hash = hash.filter(|hash| !hash.is_empty() && password.len() <= PASSWORD_BYTES_MAX);
        let (reply, answer) = oneshot::channel();
        self.put(Work::Verify {
            password,
            hash,
            reply,
        })?;
        answer.await.map_err(|_| RefusalCode::Internal.into())
    }

    fn put(&self, work: Work) -> Result<(), Refusal> {
        self.queue
            .try_send(work)
            .map_err(|_| Refusal::new(RefusalCode::Unavailable).retry_after_ms(RETRY_MS))
    }
}

/// Checks the rule of passwords: length alone (NIST SP 800-63B).
///
/// # Errors
/// `bad_request`, saying the rule.
pub fn check(password: &str) -> Result<(), Refusal> {
    if password.chars().count() < PASSWORD_LEN_MIN {
        let sentence = format!("A password has at least {PASSWORD_LEN_MIN} characters.");
        return Err(Refusal::with_message(RefusalCode::BadRequest, sentence));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        let sentence = format!("A password has at most {PASSWORD_BYTES_MAX} bytes.");
        return Err(Refusal::with_message(RefusalCode::BadRequest, sentence));
    }
    Ok(())
}

fn run(work: &Mutex<mpsc::Receiver<Work>>, dummy: &str) {
    loop {
        let next = work.lock().recv();
        match next {
            // Whoever asked may have gone: then nobody pays.
            Ok(Work::Hash { password, reply }) if !reply.is_closed() => {
                let _ = reply.send(hash(&password));
            }
            Ok(Work::Verify {
                password,
                hash,
                reply,
            }) if !reply.is_closed() => {
                let fits = fits(&password, hash.as_deref().unwrap_or(dummy));
                let _ = reply.send(fits && hash.is_some());
            }
            Ok(_) => {}
            Err(mpsc::RecvError) => return,
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

    #[test]
    fn a_password_fits_its_own_hash_alone() {
        runtime().block_on(async {
            let passwords = Passwords::new(1);
            let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
            assert!(
                hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
                "{hash}"
            );
            let verify = |password: &str, hash: Option<&str>| {
                passwords.verify(password.to_owned(), hash.map(str::to_owned))
            };
            assert!(verify("correct horse", Some(&hash)).await.unwrap());
            assert!(!verify("correct horsf", Some(&hash)).await.unwrap());
            assert!(!verify("nobody has this password", None).await.unwrap());
            assert!(!verify("", Some("")).await.unwrap());
            assert!(!verify("correct horse", Some("damaged")).await.unwrap());
        });
    }

    #[test]
    fn lengths_keep_their_rule() {
        for bad in ["", "1234567", "äöüßäöü", &"x".repeat(513)] {
            assert_eq!(check(bad).unwrap_err().code, RefusalCode::BadRequest);
        }
        for good in ["12345678", "äöüßäöüß", &"x".repeat(512)] {
            check(good).unwrap();
        }
    }

    #[test]
    fn a_full_queue_says_not_now() {
        // [P5]
        let (queue, _kept) = mpsc::sync_channel(1);
        let passwords = Passwords { queue };
        runtime().block_on(async {
            let first = passwords.verify("x".to_owned(), None).now_or_never();
            assert!(first.is_none(), "nobody works here");
            let refusal = passwords.verify("x".to_owned(), None).await.unwrap_err();
            assert_eq!(refusal.code, RefusalCode::Unavailable);
            assert!(refusal.retry_after_ms.is_some());
        });
    }
}

//! Whose device a token was when it was last looked up, so that a read need not ask for it first.
//!
//! Owns: a bounded table from a token's hash to a [`Reader`], and [`Asking`], by which a reader of the table is used.
//! Never: says that the device is still signed in. The read finds that out in its own snapshot; a token whose read found
//! out nothing, for whatever reason, is forgotten, so that it is looked up before anything else is done in its name.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tidings_store::{Reader, Seen};

/// Tokens of one generation; there are two. In a table with room to grow each takes some 130 bytes.
const REMEMBERED_MAX: usize = 16_384;

/// Those who asked last. Cheap to clone; all clones are one.
#[derive(Debug, Default, Clone)]
pub struct Remembered(Arc<Mutex<Generations>>);

/// When the younger is full, it takes the place of the older.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<[u8; 32], Reader>,
    old: HashMap<[u8; 32], Reader>,
}

impl Remembered {
    /// Whose token has this hash, as it was when it was looked up.
    #[must_use]
    pub fn get(&self, token_hash: &[u8; 32]) -> Option<Asking> {
        let mut tables = self.0.lock();
        let reader = match tables.young.get(token_hash) {
            Some(reader) => *reader,
            None => {
                let reader = tables.old.remove(token_hash)?;
                tables.put(*token_hash, reader);
                reader
            }
        };
        drop(tables);
        Some(self.asking(*token_hash, reader, None))
    }

    /// Remembers what was looked up just now.
    pub fn put(&self, token_hash: [u8; 32], reader: Reader) -> Asking {
        self.0.lock().put(token_hash, reader);
        self.asking(token_hash, reader, Some(true))
    }

    fn asking(&self, token_hash: [u8; 32], reader: Reader, found: Option<bool>) -> Asking {
        Asking {
            token_hash,
            reader,
            is_signed_in: Mutex::new(found),
            remembered: self.clone(),
        }
    }

    fn forget(&self, token_hash: &[u8; 32]) {
        let mut tables = self.0.lock();
        tables.young.remove(token_hash);
        tables.old.remove(token_hash);
    }
}

impl Generations {
    fn put(&mut self, token_hash: [u8; 32], reader: Reader) {
        if self.young.len() >= REMEMBERED_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(token_hash, reader);
    }
}

/// One request of a reader. When it ends without a word of whether their device is signed in, or with the word that it is
/// not, their token is forgotten.
#[derive(Debug)]
pub struct Asking {
    token_hash: [u8; 32],
    reader: Reader,
    is_signed_in: Mutex<Option<bool>>,
    remembered: Remembered,
}

impl Asking {
    /// Who asks, for a read that finds out whether their device is signed in.
    #[must_use]
    pub const fn reader(&self) -> Reader {
        self.reader
    }

    /// The hash of their token.
    #[must_use]
    pub const fn token_hash(&self) -> [u8; 32] {
        self.token_hash
    }

    /// What a read has found; with it, whether the device is signed in.
    pub fn found<T>(&self, seen: Seen<T>) -> Seen<T> {
        self.looked_up(!matches!(seen, Seen::SignedOut));
        seen
    }

    /// Whether the device is signed in was looked up.
    pub fn looked_up(&self, is_signed_in: bool) {
        // Of two the worse counts: somebody signed out in between.
        let mut known = self.is_signed_in.lock();
        *known = Some(is_signed_in && *known != Some(false));
    }

    /// Whether the device is signed in, as far as that was found out.
    #[must_use]
    pub fn is_signed_in(&self) -> Option<bool> {
        *self.is_signed_in.lock()
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if self.is_signed_in() != Some(true) {
            self.remembered.forget(&self.token_hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_protocol::{DeviceId, UserId};

    fn reader(number: u128) -> Reader {
        Reader {
            user: UserId::from_bits(number),
            device: DeviceId::from_bits(number),
        }
    }

    fn hash(number: usize) -> [u8; 32] {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        hash
    }

    #[test]
    fn who_asks_again_and_again_is_remembered_and_the_rest_is_bounded() {
        let known = Remembered::default();
        known.put(hash(0), reader(1));
        for number in 1..5 * REMEMBERED_MAX {
            known.put(hash(number), reader(2));
            if number % 1_000 == 0 {
                let asking = known.get(&hash(0)).unwrap();
                assert_eq!(asking.reader(), reader(1));
                asking.looked_up(true);
            }
        }
        assert!(known.get(&hash(1)).is_none());
        let tables = known.0.lock();
        assert!(tables.young.len() + tables.old.len() <= 2 * REMEMBERED_MAX);
    }

    #[test]
    fn a_token_of_which_nothing_was_found_out_is_forgotten() {
        let known = Remembered::default();
        let ask = || known.get(&hash(1));
        known.put(hash(1), reader(1));
        assert_eq!(ask().unwrap().found(Seen::Found(7)), Seen::Found(7));
        assert_eq!(ask().unwrap().found(Seen::Nothing::<u8>), Seen::Nothing);
        // Refused before it came to a read, cut off while it ran.
        drop(ask().unwrap());
        assert!(ask().is_none());
        known.put(hash(1), reader(1));
        let (one, other) = (ask().unwrap(), ask().unwrap());
        other.looked_up(true);
        assert_eq!(one.found(Seen::SignedOut::<u8>), Seen::SignedOut);
        drop((one, other));
        assert!(ask().is_none());
    }
}

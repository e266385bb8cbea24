//! Whose device a token was when it was last looked up, so that a read need not ask for it first.
//!
//! Owns: a bounded table from a token's hash to a [`Reader`]. Never: says that the device is still signed in; the read
//! finds that out, in its own snapshot, and a reader from here is good for nothing else.

use std::collections::HashMap;

use parking_lot::Mutex;
use tidings_store::Reader;

/// Tokens of one generation; there are two. With keys and room to grow some 100 bytes each.
const REMEMBERED_MAX: usize = 16_384;

type Table = HashMap<[u8; 32], Reader>;

/// Those who asked last, in two generations: when the younger is full, it takes the place of the older.
#[derive(Debug, Default)]
pub struct Remembered(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: Table,
    old: Table,
}

impl Remembered {
    /// Whose token has this hash, as it was when it was looked up.
    #[must_use]
    pub fn get(&self, token_hash: &[u8; 32]) -> Option<Reader> {
        let mut tables = self.0.lock();
        if let Some(reader) = tables.young.get(token_hash) {
            return Some(*reader);
        }
        let reader = tables.old.remove(token_hash)?;
        tables.put(*token_hash, reader);
        Some(reader)
    }

    /// Remembers what was looked up just now.
    pub fn put(&self, token_hash: [u8; 32], reader: Reader) {
        self.0.lock().put(token_hash, reader);
    }

    /// The reader's device turned out to be signed out: its token is looked up again, in vain.
    pub fn forget(&self, reader: Reader) {
        let mut tables = self.0.lock();
        tables.young.retain(|_, known| *known != reader);
        tables.old.retain(|_, known| *known != reader);
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
                assert_eq!(known.get(&hash(0)), Some(reader(1)));
            }
        }
        let tables = known.0.lock();
        assert!(tables.young.len() + tables.old.len() <= 2 * REMEMBERED_MAX);
        assert!(!tables.young.contains_key(&hash(1)) && !tables.old.contains_key(&hash(1)));
    }

    #[test]
    fn a_device_that_is_signed_out_is_forgotten_by_all_its_tokens() {
        let known = Remembered::default();
        for number in 0..REMEMBERED_MAX + 10 {
            known.put(hash(number), reader(number as u128 % 2));
        }
        known.forget(reader(1));
        assert_eq!(known.get(&hash(0)), Some(reader(0)));
        assert_eq!(known.get(&hash(1)), None);
        assert_eq!(known.get(&hash(REMEMBERED_MAX + 1)), None);
    }
}

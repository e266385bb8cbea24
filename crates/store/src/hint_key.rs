//! The key under which the nodes of one database seal what they tell each other.
//!
//! Owns: the secret that stands in `meta` and nowhere else, and the key derived from it.
//! Never: is logged, shown or sent. Who knows it can write into the database anyway.
//!
//! The key is of this epoch and of this very database server as it runs now: a copy of the database holds the same
//! secret, but it is served by another server, or as another database of the same one, or after another start.

use sha2::{Digest, Sha256};
use tidings_protocol::Epoch;

use crate::error::StoreError;

/// Where the secret stands in `meta`.
pub(crate) const SECRET: &str = "hint_secret";

/// A key of 256 bits, the same for every node on the same database in the same epoch, and for nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct HintKey([u8; 32]);

impl HintKey {
    /// A key from its bytes, for tests of what is sealed by it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> HintKey {
        HintKey(bytes)
    }

    /// The bytes, for a cipher.
    #[must_use]
    pub const fn reveal(&self) -> &[u8; 32] {
        &self.0
    }

    /// Eight bytes that tell keys apart and tell nothing else of them.
    #[must_use]
    pub fn id(&self) -> [u8; 8] {
        let digest = Sha256::new()
            .chain_update("tidings hint key id 1")
            .chain_update(self.0)
            .finalize();
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        id
    }

    /// From the secret, and what a copy of the database does not share.
    pub(crate) fn derive(epoch: Epoch, secret: &str, running: &str) -> HintKey {
        let mut hash = Sha256::new();
        // Each part with its length: no two lists of parts read alike.
        for part in ["tidings hint key 1", &epoch.0.to_string(), secret, running] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        HintKey(hash.finalize().into())
    }
}

impl std::fmt::Debug for HintKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HintKey(…)")
    }
}

/// A fresh secret: 256 bits of the system's randomness, as text.
pub(crate) fn new_secret() -> Result<String, StoreError> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|e| StoreError::trouble("drawing a secret", e))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_makes_another_key_and_none_is_shown() {
        let key =
            |epoch, secret: &str, running: &str| HintKey::derive(Epoch(epoch), secret, running);
        let own = key(1, "secret", "here");
        assert_eq!(own, key(1, "secret", "here"));
        let others = [
            key(2, "secret", "here"),
            key(1, "other", "here"),
            key(1, "secret", "there"),
            key(1, "secrethere", ""),
        ];
        assert!(!others.contains(&own));
        assert_eq!(format!("{own:?}"), "HintKey(…)");
        assert_ne!(new_secret().unwrap(), new_secret().unwrap());
    }
}

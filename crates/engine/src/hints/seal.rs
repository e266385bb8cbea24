//! What nodes say, sealed: nobody else can read it, change it, or say it in their name.
//!
//! Owns: the form of a message on the channel, and the cipher (XChaCha20-Poly1305).
//! Never: judges what was said, or how often; that is `ear`.
//!
//! A message is one byte of version, eight that tell keys apart, sixteen that the sender drew when it started, eight that
//! count its messages, then what is sealed. Sender and count are the nonce, so none is used twice, and both are proven
//! by what opens.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use tidings_store::HintKey;

/// The version of this form.
const VERSION: u8 = 1;
/// Bytes before the nonce: the version, and which key. They are sealed in, too.
const LABEL: usize = 9;
/// Bytes before what is sealed.
const HEAD: usize = LABEL + 24;

/// A node from one start to its end: 128 random bits.
pub type Boot = u128;

/// Why a message does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unopened {
    /// It is no message of ours, or one that somebody changed or made up.
    Unsealed,
    /// It is sealed with another key: another server's, an older epoch's, a copy's.
    Foreign,
}

/// A message that opened: these nodes alone can have made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Who said it.
    pub boot: Boot,
    /// Which of its messages it is.
    pub count: u64,
    /// What it said.
    pub text: Vec<u8>,
}

/// A key, ready for use.
pub struct Key {
    label: [u8; LABEL],
    cipher: XChaCha20Poly1305,
}

impl Key {
    /// Prepares a key.
    #[must_use]
    pub fn new(key: &HintKey) -> Key {
        let mut label = [VERSION; LABEL];
        label[1..].copy_from_slice(&key.id());
        Key {
            label,
            cipher: XChaCha20Poly1305::new(key.reveal().into()),
        }
    }

    /// Seals a message. The same sender never gives the same `count` twice.
    #[must_use]
    pub fn seal(&self, boot: Boot, count: u64, text: &[u8]) -> Vec<u8> {
        let nonce = nonce(boot, count);
        let payload = Payload {
            msg: text,
            aad: &self.label,
        };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a message is shorter than 256 GiB");
        let mut bytes = Vec::with_capacity(HEAD + sealed.len());
        bytes.extend_from_slice(&self.label);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        bytes
    }

    /// Opens a message.
    ///
    /// # Errors
    /// Why not.
    pub fn open(&self, bytes: &[u8]) -> Result<Opened, Unopened> {
        let (label, rest) = bytes.split_at_checked(LABEL).ok_or(Unopened::Unsealed)?;
        if label[0] != VERSION {
            return Err(Unopened::Unsealed);
        }
        if label != self.label {
            return Err(Unopened::Foreign);
        }
        let (nonce, sealed) = rest.split_first_chunk::<24>().ok_or(Unopened::Unsealed)?;
        let payload = Payload {
            msg: sealed,
            aad: &self.label,
        };
        let text = self.cipher.decrypt(&XNonce::from(*nonce), payload);
        let text = text.map_err(|_| Unopened::Unsealed)?;
        let (mut boot, mut count) = ([0; 16], [0; 8]);
        boot.copy_from_slice(&nonce[..16]);
        count.copy_from_slice(&nonce[16..]);
        Ok(Opened {
            boot: Boot::from_be_bytes(boot),
            count: u64::from_be_bytes(count),
            text,
        })
    }
}

fn nonce(boot: Boot, count: u64) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce[..16].copy_from_slice(&boot.to_be_bytes());
    nonce[16..].copy_from_slice(&count.to_be_bytes());
    nonce
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Key {
        Key::new(&HintKey::from_bytes([byte; 32]))
    }

    #[test]
    fn what_was_sealed_opens_for_who_has_the_key_and_for_nobody_else() {
        let (ours, theirs) = (key(1), key(2));
        let sealed = ours.seal(7, 3, b"Lunch at noon?");
        let opened = ours.open(&sealed).unwrap();
        assert_eq!(
            (opened.boot, opened.count, &opened.text[..]),
            (7, 3, &b"Lunch at noon?"[..])
        );
        assert_eq!(theirs.open(&sealed), Err(Unopened::Foreign));
        let mut relabelled = sealed.clone();
        relabelled[..LABEL].copy_from_slice(&theirs.label);
        assert_eq!(theirs.open(&relabelled), Err(Unopened::Unsealed));
        assert!(!sealed.windows(5).any(|w| w == b"Lunch"), "in clear");
    }

    #[test]
    fn no_bit_can_be_changed_and_no_byte_left_out() {
        let key = key(1);
        let sealed = key.seal(7, 3, b"text");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let expected = if (8..LABEL * 8).contains(&bit) {
                Unopened::Foreign
            } else {
                Unopened::Unsealed
            };
            assert_eq!(key.open(&changed), Err(expected), "bit {bit}");
        }
        for len in 0..sealed.len() {
            assert!(key.open(&sealed[..len]).is_err(), "{len} bytes");
        }
        assert!(key.open(&[&sealed[..], b"x"].concat()).is_err());
    }
}

//! Ids that are derived, not drawn: so that a retried or concurrent creation names the same room.
//!
//! Owns: the hashes behind them. Never: draws anything random.

use sha2::{Digest, Sha256};
use tidings_protocol::{RoomId, TxnId, UserId};

fn hash(parts: &[&[u8]]) -> u128 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let mut bits = [0u8; 16];
    bits.copy_from_slice(&digest[..16]);
    // UUIDv8 (RFC 9562 §5.8): the version and variant bits say that the rest is of our own making.
    bits[6] = (bits[6] & 0x0f) | 0x80;
    bits[8] = (bits[8] & 0x3f) | 0x80;
    u128::from_be_bytes(bits)
}

/// The id of the room that `actor` creates with `txn`: the same for every retry. `[CM3]` (Without a
/// `txn` deciding refuses it.)
#[must_use]
pub fn room_of_txn(actor: UserId, txn: Option<&TxnId>) -> RoomId {
    let txn = txn.map_or("", TxnId::as_str);
    RoomId::from_bits(hash(&[b"room", &actor.bytes(), txn.as_bytes()]))
}

/// The id of the direct room of two users, whoever asks first. `[ID5]`
#[must_use]
pub fn direct_room(a: UserId, b: UserId) -> RoomId {
    let (first, second) = if a <= b { (a, b) } else { (b, a) };
    RoomId::from_bits(hash(&[b"direct", &first.bytes(), &second.bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direct_room_is_the_same_from_both_sides() {
        // [ID5]
        let (a, b) = (UserId::from_bits(1), UserId::from_bits(2));
        assert_eq!(direct_room(a, b), direct_room(b, a));
        assert_ne!(direct_room(a, b), direct_room(a, UserId::from_bits(3)));
    }
}

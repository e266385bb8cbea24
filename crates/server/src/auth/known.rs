//! What a device keeps to show that its user signed in on it before, also once it has signed out. `[LI5]`
//!
//! Owns: the text, and checking it. It is bound to the account and its password's hash, so that nothing is stored for it
//! and a changed password makes the old ones worth nothing.
//! Never: signs anybody in. All it gives is a budget of tries that strangers cannot use up, and that is small.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tidings_core::User;
use tidings_protocol::{Refusal, RefusalCode};

/// Bytes of the number that tells one device from another.
const NUMBER_BYTES: usize = 16;
/// Keeps these apart from whatever else may be signed with the same key.
const CONTEXT: &[u8] = b"tidings device 1";

/// Makes one for a device of this account. None for an account without a password.
///
/// # Errors
/// `internal` when the system has no randomness.
pub fn issue(user: &User) -> Result<Option<String>, Refusal> {
    let mut number = [0u8; NUMBER_BYTES];
    getrandom::fill(&mut number).map_err(|error| {
        tracing::error!(%error, "no randomness");
        Refusal::new(RefusalCode::Internal)
    })?;
    let Some(mac) = mac(user, &number) else {
        return Ok(None);
    };
    let bytes = [&number[..], &mac.finalize().into_bytes()].concat();
    Ok(Some(URL_SAFE_NO_PAD.encode(bytes)))
}

/// The number of the device, when this is one of the account's.
#[must_use]
pub fn check(text: &str, user: &User) -> Option<u128> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (number, tag) = bytes.split_first_chunk::<NUMBER_BYTES>()?;
    // In constant time.
    mac(user, number)?.verify_slice(tag).ok()?;
    Some(u128::from_be_bytes(*number))
}

fn mac(user: &User, number: &[u8; NUMBER_BYTES]) -> Option<Hmac<Sha256>> {
    if user.password_hash.is_empty() {
        return None;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(user.password_hash.as_bytes()).ok()?;
    mac.update(CONTEXT);
    mac.update(&user.id.bytes());
    mac.update(number);
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_protocol::{Position, Seq, ServerRole, Timestamp, UserId, UserKind};

    fn user(id: u128, hash: &str) -> User {
        User {
            id: UserId::from_bits(id),
            username: "ada".parse().unwrap(),
            display_name: "Ada".parse().unwrap(),
            kind: UserKind::Person,
            role: ServerRole::Member,
            created_at: Timestamp(0),
            password_hash: hash.to_owned(),
            head: Seq(1),
            head_position: Position(1),
            chain: tidings_core::Chain::START,
        }
    }

    #[test]
    fn a_device_is_known_for_its_account_and_password_alone() {
        // [LI5]
        let ada = user(1, "hash");
        let (one, two) = (issue(&ada).unwrap().unwrap(), issue(&ada).unwrap().unwrap());
        assert!(check(&one, &ada).is_some());
        assert_ne!(
            check(&one, &ada),
            check(&two, &ada),
            "each has its own budget"
        );
        assert_eq!(check(&one, &user(2, "hash")), None);
        assert_eq!(check(&one, &user(1, "another")), None);
        assert_eq!(issue(&user(1, "")).unwrap(), None);
        assert_eq!(check(&one, &user(1, "")), None);
        for wrong in ["", "x", &one[1..], &format!("{one}A"), "ä"] {
            assert_eq!(check(wrong, &ada), None, "{wrong}");
        }
        let mut changed = one.into_bytes();
        changed[3] ^= 1;
        assert_eq!(check(&String::from_utf8(changed).unwrap(), &ada), None);
    }
}

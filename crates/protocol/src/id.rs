//! Ids: 128 bits, sortable by time, with a type prefix in text (`room_01h455vb4pex5vsknk084sn02q`).
//!
//! Owns: the text form (TypeID 0.3: prefix, underscore, 26 characters of Crockford base32) and its parsing.
//! Never: makes a random id; the bits are an argument (`UUIDv7`, RFC 9562, or a hash where an id must be derived).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::limits::TXN_BYTES_MAX;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of the base32 part.
const SUFFIX_LEN: usize = 26;

/// Why a text is not the id asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The prefix is missing or another type's.
    #[error("an id here starts with `{0}_`")]
    Prefix(&'static str),
    /// The part after the prefix is not 26 lower-case base32 characters of 128 bits.
    #[error("an id ends in 26 characters of lower-case Crockford base32")]
    Suffix,
    /// A transaction id is empty, too long, or has characters outside printable ASCII.
    #[error("a txn is 1 to 64 printable ASCII characters without spaces")]
    Txn,
}

fn encode(bits: u128, out: &mut [u8; SUFFIX_LEN]) {
    let mut rest = bits;
    for slot in out.iter_mut().rev() {
        *slot = ALPHABET[(rest & 31) as usize];
        rest >>= 5;
    }
}

fn decode(text: &[u8]) -> Option<u128> {
    // The first character holds only three bits, so it is at most '7'.
    if text.len() != SUFFIX_LEN || text[0] > b'7' {
        return None;
    }
    let mut bits: u128 = 0;
    for &c in text {
        let value = ALPHABET.iter().position(|&a| a == c)?;
        bits = (bits << 5) | value as u128;
    }
    Some(bits)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// What stands before the underscore in text.
            pub const PREFIX: &'static str = $prefix;

            /// The id with these 128 bits.
            #[must_use]
            pub const fn from_bits(bits: u128) -> $name {
                $name(bits)
            }

            /// The 128 bits.
            #[must_use]
            pub const fn bits(self) -> u128 {
                self.0
            }

            /// The 16 bytes, most significant first, as stored.
            #[must_use]
            pub const fn bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }

            /// The id of these 16 bytes, most significant first.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> $name {
                $name(u128::from_be_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut suffix = [0u8; SUFFIX_LEN];
                encode(self.0, &mut suffix);
                f.write_str(concat!($prefix, "_"))?;
                f.write_str(std::str::from_utf8(&suffix).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<$name, IdError> {
                let suffix = text
                    .strip_prefix(concat!($prefix, "_"))
                    .ok_or(IdError::Prefix($prefix))?;
                decode(suffix.as_bytes()).map($name).ok_or(IdError::Suffix)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<$name, D::Error> {
                parse_text(d, stringify!($name))
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some(concat!("^", $prefix, "_[0-7][0-9a-hjkmnp-tv-z]{25}$")))
                    .into()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}
    };
}

fn parse_text<'de, T, D>(d: D, what: &'static str) -> Result<T, D::Error>
where
    T: FromStr,
    T::Err: fmt::Display,
    D: Deserializer<'de>,
{
    struct Visitor<T>(&'static str, std::marker::PhantomData<T>);
    impl<T: FromStr<Err: fmt::Display>> de::Visitor<'_> for Visitor<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{} as text", self.0)
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }
    d.deserialize_str(Visitor(what, std::marker::PhantomData))
}

id!(
    /// A room, and at the same time the room's log.
    RoomId, "room"
);
id!(
    /// A user (a person, a bot or a guest), and at the same time the user's own log.
    UserId, "user"
);
id!(
    /// An event; a message is known by the id of the event that created it.
    EventId, "evt"
);
id!(
    /// One sign-in of one user.
    DeviceId, "device"
);

/// Which log an event is in. In text it is the room's or the user's id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogId {
    /// The log of a room.
    Room(RoomId),
    /// The log of one user, seen by that user alone.
    User(UserId),
}

impl LogId {
    /// The 16 bytes of the room's or user's id.
    #[must_use]
    pub const fn bytes(self) -> [u8; 16] {
        match self {
            LogId::Room(id) => id.bytes(),
            LogId::User(id) => id.bytes(),
        }
    }

    /// The room, when this is a room's log.
    #[must_use]
    pub const fn room(self) -> Option<RoomId> {
        match self {
            LogId::Room(id) => Some(id),
            LogId::User(_) => None,
        }
    }

    /// The shard of this log among `shards`; the low bits of an id are random (or a hash), so they spread evenly.
    #[must_use]
    pub fn shard(self, shards: u16) -> crate::ShardId {
        let low = match self {
            LogId::Room(id) => id.bits(),
            LogId::User(id) => id.bits(),
        } as u32;
        crate::ShardId((low % u32::from(shards.max(1))) as u16)
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogId::Room(id) => id.fmt(f),
            LogId::User(id) => id.fmt(f),
        }
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for LogId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<LogId, IdError> {
        if text.starts_with("user_") {
            text.parse().map(LogId::User)
        } else {
            text.parse().map(LogId::Room)
        }
    }
}

impl Serialize for LogId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LogId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<LogId, D::Error> {
        parse_text(d, "LogId")
    }
}

/// The client's own id for one command: 1 to 64 printable ASCII characters, no space. `[CM1]`
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxnId(Box<str>);

impl TxnId {
    /// The text as the client gave it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TxnId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<TxnId, IdError> {
        let fits = !text.is_empty() && text.len() <= TXN_BYTES_MAX;
        if fits && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(TxnId(text.into()))
        } else {
            Err(IdError::Txn)
        }
    }
}

impl fmt::Display for TxnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TxnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for TxnId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TxnId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<TxnId, D::Error> {
        parse_text(d, "TxnId")
    }
}

#[cfg(feature = "openapi")]
mod openapi {
    use super::{LogId, TxnId};
    use utoipa::openapi::{ObjectBuilder, RefOr, schema::Schema, schema::Type};

    impl utoipa::PartialSchema for LogId {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .pattern(Some("^(room|user)_[0-7][0-9a-hjkmnp-tv-z]{25}$"))
                .into()
        }
    }
    impl utoipa::ToSchema for LogId {}

    impl utoipa::PartialSchema for TxnId {
        fn schema() -> RefOr<Schema> {
            ObjectBuilder::new()
                .schema_type(Type::String)
                .pattern(Some("^[!-~]{1,64}$"))
                .into()
        }
    }
    impl utoipa::ToSchema for TxnId {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_follows_typeid() {
        // [ID1] The example of the TypeID specification: the UUID 01890a5d-ac96-774b-bcce-b302099a8057.
        let id = UserId::from_bits(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057);
        assert_eq!(id.to_string(), "user_01h455vb4pex5vsknk084sn02q");
    }

    #[test]
    fn wrong_texts_are_refused() {
        for text in [
            "",
            "room",
            "room_",
            "user_01h455vb4pex5vsknk084sn02q",
            "room_81h455vb4pex5vsknk084sn02q",
            "room_01H455VB4PEX5VSKNK084SN02Q",
            "room_01h455vb4pex5vsknk084sn02",
            "room_01h455vb4pex5vsknk084sn02qq",
            "room_01h455vb4pex5vsknk084sn02u",
        ] {
            assert!(text.parse::<RoomId>().is_err(), "{text}");
        }
        for text in ["", " ", "a b", "ä", &"x".repeat(65)] {
            assert!(text.parse::<TxnId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn ids_round_trip_and_sort_as_their_text(a: u128, b: u128) {
            let (x, y) = (RoomId::from_bits(a), RoomId::from_bits(b));
            prop_assert_eq!(x.to_string().parse::<RoomId>().unwrap(), x);
            prop_assert_eq!(x.cmp(&y), x.to_string().cmp(&y.to_string()));
        }
    }
}

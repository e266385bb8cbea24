//! The cursor: the epoch and one position a shard; opaque text to clients. `[CU1]`
//!
//! Owns: the text form (unpadded base64url of a version byte, the epoch and the positions as LEB128).
//! Never: judges whether a cursor is current; that needs the heads.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::number::{Epoch, NUMBER_MAX, Position, ShardId};

/// The first byte: the version of the text form.
const VERSION: u8 = 1;
/// The most shards a cursor can name; a longer one is hostile.
pub const SHARDS_MAX: usize = 1024;

/// How far a reader of many logs has come: one position a shard, in one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The incarnation of the logs that the positions are of.
    pub epoch: Epoch,
    /// One position a shard, by shard id.
    pub positions: Vec<Position>,
}

/// Why a text is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this server; leave it out to start anew")]
pub struct CursorError;

impl Cursor {
    /// The cursor before the first event of every shard.
    #[must_use]
    pub fn start(epoch: Epoch, shards: u16) -> Cursor {
        Cursor {
            epoch,
            positions: vec![Position::ZERO; usize::from(shards)],
        }
    }

    /// The position in one shard; zero for a shard that the cursor does not know.
    #[must_use]
    pub fn position(&self, shard: ShardId) -> Position {
        self.positions
            .get(usize::from(shard.0))
            .copied()
            .unwrap_or_default()
    }

    /// Moves one shard forward, never back.
    pub fn advance(&mut self, shard: ShardId, position: Position) {
        if let Some(at) = self.positions.get_mut(usize::from(shard.0)) {
            *at = (*at).max(position);
        }
    }
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        value |= part << shift;
        if byte & 0x80 == 0 {
            // One text for one cursor: no padding with zero bytes.
            return (byte != 0 || shift == 0).then_some(value);
        }
    }
    None
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(12 + self.positions.len() * 3);
        bytes.push(VERSION);
        put(&mut bytes, self.epoch.0);
        for position in &self.positions {
            put(&mut bytes, position.0);
        }
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Cursor, CursorError> {
        if text.len() > 16 + SHARDS_MAX * 14 {
            return Err(CursorError);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        let (&version, mut rest) = bytes.split_first().ok_or(CursorError)?;
        if version != VERSION {
            return Err(CursorError);
        }
        let epoch = Epoch(take(&mut rest).ok_or(CursorError)?);
        let mut positions = Vec::new();
        while !rest.is_empty() {
            let position = take(&mut rest)
                .filter(|p| *p <= NUMBER_MAX)
                .ok_or(CursorError)?;
            positions.push(Position(position));
        }
        if positions.is_empty() || positions.len() > SHARDS_MAX {
            return Err(CursorError);
        }
        Ok(Cursor { epoch, positions })
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Cursor, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Cursor {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("Opaque: keep it, give it back as `since`."))
            .into()
    }
}
#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Cursor {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_round_trips(epoch: u64, positions in proptest::collection::vec(0..=NUMBER_MAX, 1..40)) {
            let cursor = Cursor { epoch: Epoch(epoch), positions: positions.into_iter().map(Position).collect() };
            prop_assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }

        #[test]
        fn any_text_is_refused_or_round_trips(text in "[A-Za-z0-9_-]{0,60}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
            }
        }
    }

    #[test]
    fn the_seeds_of_the_fuzz_target_are_cursors() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/cursor");
        let mut count = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
            count += 1;
        }
        assert!(count > 2);
    }

    #[test]
    fn wrong_texts_are_refused() {
        for text in ["", "AA", "AQ", "AQE", "!!!!", &"A".repeat(100_000)] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text:.20}");
        }
    }
}

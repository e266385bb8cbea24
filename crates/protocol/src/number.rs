//! The numbers that order things: `Seq` in one log, `Position` in one shard, and their kin.
//!
//! Owns: the newtypes, so that a place in a log is never mistaken for a place in a shard.
//! Never: counts anything itself. All values stay below 2^53, so they cross to JavaScript as numbers.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// The largest `Seq` or `Position`: 2^53 − 1, what a JavaScript number holds exactly.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;

/// What the documents say of a number: no more than what is taken.
#[cfg(feature = "openapi")]
fn schema(max: u64, about: &[&str]) -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
    use utoipa::openapi::{
        ObjectBuilder,
        schema::{KnownFormat, SchemaFormat, Type},
    };
    let format = if max > u64::from(u32::MAX) {
        KnownFormat::Int64
    } else {
        KnownFormat::Int32
    };
    let about: Vec<&str> = about.iter().map(|line| line.trim()).collect();
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(format)))
        .description(Some(about.join(" ")))
        .minimum(Some(0_u64))
        .maximum(Some(max.min(NUMBER_MAX)))
        .into()
}

macro_rules! number {
    ($(#[doc = $about:literal])+ $name:ident, $inner:ty) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The place before the first.
            pub const ZERO: $name = $name(0);

            /// The one after this one.
            #[must_use]
            pub const fn next(self) -> $name {
                $name(self.0 + 1)
            }

            /// The plain number.
            #[must_use]
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let number = <$inner>::deserialize(deserializer)?;
                // Else the one after it might not be a number any more.
                if u64::from(number) > NUMBER_MAX {
                    return Err(D::Error::custom(format_args!("a number is at most {NUMBER_MAX}")));
                }
                Ok($name(number))
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                let about: &[&str] = &[$($about),+];
                schema(u64::from(<$inner>::MAX), about)
            }
        }
        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}
    };
}

number!(
    /// A place in one log, from 1, without gaps.
    Seq, u64
);
number!(
    /// A place in one shard, in commit order, from 1, without gaps.
    Position, u64
);
number!(
    /// Which shard a log belongs to, from 0.
    ShardId, u16
);
number!(
    /// The incarnation of all logs; it changes after a restore from a backup.
    Epoch, u64
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_from_outside_stay_where_javascript_counts_exactly() {
        // [ID3]
        for (text, number) in [("0", Some(0)), ("9007199254740991", Some(NUMBER_MAX))] {
            assert_eq!(serde_json::from_str::<Seq>(text).ok().map(Seq::get), number);
        }
        for text in [
            "9007199254740992",
            "18446744073709551615",
            "-1",
            "1.5",
            "\"1\"",
        ] {
            assert!(serde_json::from_str::<Seq>(text).is_err(), "{text}");
            assert!(serde_json::from_str::<Position>(text).is_err(), "{text}");
        }
    }
}

//! The numbers that order things: `Seq` in one log, `Position` in one shard, and their kin.
//!
//! Owns: the newtypes, so that a place in a log is never mistaken for a place in a shard.
//! Never: counts anything itself. All values stay below 2^53, so they cross to JavaScript as numbers.

use serde::{Deserialize, Serialize};

/// The largest `Seq` or `Position`: 2^53 − 1, what a JavaScript number holds exactly.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

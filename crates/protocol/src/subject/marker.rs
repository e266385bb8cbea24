//! Read markers.

use serde::{Deserialize, Serialize};

use crate::{id::RoomId, number::Seq};

/// Move the own read marker forward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MoveMarker {
    /// Which room.
    pub room: RoomId,
    /// Read up to and including this.
    pub seq: Seq,
}

//! Reactions to messages.

use serde::{Deserialize, Serialize};

use crate::{
    id::{EventId, RoomId},
    name::Emoji,
};

/// React to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AddReaction {
    /// Where.
    pub room: RoomId,
    /// To which.
    pub message: EventId,
    /// With what.
    pub emoji: Emoji,
}

/// Take a reaction back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RemoveReaction {
    /// Where.
    pub room: RoomId,
    /// From which.
    pub message: EventId,
    /// Which.
    pub emoji: Emoji,
}

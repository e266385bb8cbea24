//! Messages: sent, edited, deleted.

use serde::{Deserialize, Serialize};

use crate::{
    id::{EventId, RoomId},
    name::MessageText,
};

/// What a message to be sent holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SendContent {
    /// Text.
    Text {
        /// The text as written.
        text: MessageText,
    },
}

/// Send a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SendMessage {
    /// Where.
    pub room: RoomId,
    /// What.
    pub content: SendContent,
}

/// Change the text of one's own message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EditMessage {
    /// Where.
    pub room: RoomId,
    /// Which.
    pub message: EventId,
    /// The new content.
    pub content: SendContent,
}

/// Delete a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeleteMessage {
    /// Where.
    pub room: RoomId,
    /// Which.
    pub message: EventId,
}

//! Rooms: made and named.

use serde::{Deserialize, Serialize};

use crate::{
    id::{RoomId, UserId},
    name::RoomName,
    summary::{RoomKind, Visibility},
};

/// Create a room. A direct room is created by naming its other member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateRoom {
    /// What kind.
    pub kind: RoomKind,
    /// Its name; needed for a channel, optional for a group, none for a direct room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<RoomName>,
    /// Public or private; private when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// Members besides the actor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<UserId>,
}

/// Give a room another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RenameRoom {
    /// Which.
    pub room: RoomId,
    /// The new name.
    pub name: RoomName,
}

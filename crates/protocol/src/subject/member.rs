//! Who is in a room, and as what.

use serde::{Deserialize, Serialize};

use crate::{
    id::{RoomId, UserId},
    summary::Role,
};

/// Join a public channel (`user` is oneself or left out), or add a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AddMember {
    /// Which room.
    pub room: RoomId,
    /// Whom; oneself when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
}

/// Leave a room (`user` is oneself or left out), or remove a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RemoveMember {
    /// Which room.
    pub room: RoomId,
    /// Whom; oneself when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
}

/// Give a member another role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetRole {
    /// Which room.
    pub room: RoomId,
    /// Whose.
    pub user: UserId,
    /// The role from then on.
    pub role: Role,
}

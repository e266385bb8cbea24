//! Bodies of REST requests and answers that are not state themselves.
//!
//! Owns: the JSON around `summary` and `event` objects. Never: knows addresses or methods.

use serde::{Deserialize, Serialize};

use crate::{
    event::Event,
    id::{RoomId, TxnId, UserId},
    name::{DisplayName, RoomName, Username},
    number::Seq,
    subject::SendContent,
    summary::{
        DeviceInfo, Marker, MemberInfo, Message, Role, RoomKind, RoomSummary, UserProfile,
        Visibility,
    },
};

/// `GET /api/v1`: what answers here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct About {
    /// The name of the program: `tidings`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Versions of the API that it offers, as they stand in addresses.
    pub api: Vec<String>,
    /// Subprotocols of its socket.
    pub subprotocols: Vec<String>,
    /// Whether anybody may make an account.
    pub sign_up: bool,
    /// Every limit, by its name in the reference in lower case.
    pub limits: std::collections::BTreeMap<String, u64>,
}

/// `POST /api/v1/users`: sign up.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SignUp {
    /// The name to sign in with.
    pub username: Username,
    /// At least 8 characters, at most 512 bytes of UTF-8.
    #[cfg_attr(feature = "openapi", schema(min_length = 8, max_length = 512))]
    pub password: String,
    /// How to be called; the username when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<DisplayName>,
    /// What this device calls itself: one visible line, at most 120 bytes of UTF-8.
    #[cfg_attr(feature = "openapi", schema(max_length = 120))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
}

/// `POST /api/v1/devices`: sign in.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
    /// What this device calls itself: one visible line, at most 120 bytes of UTF-8.
    #[cfg_attr(feature = "openapi", schema(max_length = 120))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_name: Option<String>,
}

/// The answer to both.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignedIn {
    /// Who.
    pub user: UserProfile,
    /// The device.
    pub device: DeviceInfo,
    /// The secret for `Authorization: Bearer`. Shown once.
    pub token: String,
    /// The oldest devices, which were signed out to make room for this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signed_out: Vec<DeviceInfo>,
}

/// `PUT /api/v1/me/password`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetPassword {
    /// The password until now.
    pub old_password: String,
    /// The password from then on: at least 8 characters, and not one that is guessed first.
    pub password: String,
    /// Whether the other devices stay signed in; they are signed out when left out.
    #[serde(default)]
    pub keep_devices: bool,
}

/// `GET /api/v1/me`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Me {
    /// Who.
    pub user: UserProfile,
    /// With which device.
    pub device: DeviceInfo,
}

/// `GET /api/v1/devices`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Devices {
    /// Newest first.
    pub devices: Vec<DeviceInfo>,
}

/// `GET /api/v1/users`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Users {
    /// Those found.
    pub users: Vec<UserProfile>,
    /// With `?q=`: give it as `?after=` for the next page; null at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<UserId>,
}

/// `POST /api/v1/rooms`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateRoom {
    /// What kind.
    pub kind: RoomKind,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<RoomName>,
    /// Public or private; private when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// Members besides the caller.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<UserId>,
    /// The client's id for this command; `Idempotency-Key` does the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txn: Option<TxnId>,
}

/// One room.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoomAnswer {
    /// The room.
    pub room: RoomSummary,
}

/// `GET /api/v1/rooms`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rooms {
    /// Those of the caller, or with `?scope=public` the public channels.
    pub rooms: Vec<RoomSummary>,
    /// Give it as `?after=` for the next page; null at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<RoomId>,
}

/// `PATCH /api/v1/rooms/{room}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RenameRoom {
    /// The new name.
    pub name: RoomName,
}

/// `PATCH /api/v1/rooms/{room}/members/{user}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetRole {
    /// The role from then on.
    pub role: Role,
}

/// `GET /api/v1/rooms/{room}/members`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Members {
    /// In the order of their ids.
    pub members: Vec<MemberInfo>,
    /// Give it as `?after=` for the next page; null at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<UserId>,
}

/// `POST /api/v1/rooms/{room}/messages`: `{txn, text}`, or `{txn, content}` as on the socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SendMessage {
    /// The client's id for this command; `Idempotency-Key` does the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txn: Option<TxnId>,
    /// The text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<crate::MessageText>,
    /// The content, as on the socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<SendContent>,
}

/// `PATCH /api/v1/rooms/{room}/messages/{id}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EditMessage {
    /// The client's id for this command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub txn: Option<TxnId>,
    /// The new text.
    pub text: crate::MessageText,
}

/// `GET /api/v1/rooms/{room}/messages`: oldest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Messages {
    /// The page, oldest first.
    pub messages: Vec<Message>,
    /// The log's head when the page was read: events after it may change what the page shows.
    pub head: Seq,
    /// Whether there are older ones than the first of this page.
    pub more_before: bool,
    /// Whether there are newer ones than the last of this page.
    pub more_after: bool,
}

/// `GET /api/v1/rooms/{room}/events`: the log itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Events {
    /// In the order of `seq`.
    pub events: Vec<Event>,
    /// The last event right now.
    pub head: Seq,
    /// Give it as `?after=` for the next page; null at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Seq>,
}

/// `PUT /api/v1/rooms/{room}/marker`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct MoveMarker {
    /// Read up to and including this.
    pub seq: Seq,
}

/// The answer to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MarkerAnswer {
    /// The marker now.
    pub marker: Marker,
}

/// `GET /api/v1/events?live=poll`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Poll {
    /// Frames as over the socket, in order.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::ServerFrame>))]
    pub frames: Vec<serde_json::Value>,
    /// Give it as `?since=` next time.
    pub cursor: crate::Cursor,
}

impl std::fmt::Debug for SignUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignUp")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SetPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetPassword")
            .field("keep_devices", &self.keep_devices)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedIn")
            .field("user", &self.user)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

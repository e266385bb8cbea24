//! `GET /api/v1/rooms/{room}`: one room as the caller sees it.
//!
//! Owns: nothing but the address. Never: tells a stranger that a private room exists.

use std::sync::Arc;

use axum::{Json, extract::State};
use tidings_protocol::{RefusalCode, RoomId, rest::RoomAnswer};

use super::extract::Ids;
use crate::{auth::Principal, node::Node, problem::Problem};

/// Get a room
#[utoipa::path(
    get,
    path = "/api/v1/rooms/{room}",
    tag = "rooms",
    params(("room" = RoomId, Path)),
    responses((status = 200, description = "The room as the caller sees it", body = RoomAnswer))
)]
pub(crate) async fn get_room(
    State(node): State<Arc<Node>>,
    principal: Principal,
    Ids(room): Ids<RoomId>,
) -> Result<Json<RoomAnswer>, Problem> {
    let summary = node.store.room_summary(room, principal.user).await?;
    let room = summary.ok_or(RefusalCode::NotFound)?;
    Ok(Json(RoomAnswer { room }))
}

//! `POST /api/v1/rooms`: a direct room, a group or a channel.
//!
//! Owns: the form of the answer. Never: derives the room's id or judges the members; the translation and the door do.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use tidings_core::Command;
use tidings_protocol::{
    RefusalCode, TxnId,
    rest::{CreateRoom, RoomAnswer},
    subject,
};

use super::{
    command::{created, fresh, give},
    extract::{JsonBody, Txn},
};
use crate::{auth::Principal, node::Node, problem::Problem};

/// Create a room
///
/// A direct room names its one other member and has no name. A channel needs a name. Repeating the request with the
/// same `txn` (or `Idempotency-Key`) gives the same room.
#[utoipa::path(
    post,
    path = "/api/v1/rooms",
    tag = "rooms",
    request_body = CreateRoom,
    params(("Idempotency-Key" = Option<TxnId>, Header, description = "The same as `txn` in the body")),
    responses(
        (status = 201, description = "The new room", body = RoomAnswer),
        (status = 200, description = "The direct room of these two, which was there", body = RoomAnswer),
    )
)]
pub(crate) async fn create_room(
    State(node): State<Arc<Node>>,
    principal: Principal,
    txn: Txn,
    JsonBody(body): JsonBody<CreateRoom>,
) -> Result<Response, Problem> {
    let txn = txn.or(body.txn)?.unwrap_or_else(fresh);
    let create = subject::CreateRoom {
        kind: body.kind,
        name: body.name,
        visibility: body.visibility,
        members: body.members,
    };
    let log = Command::from(create.clone()).log(principal.user, Some(&txn));
    let room = log.room().ok_or(RefusalCode::Internal)?;
    let event = give(&node, &principal, Some(txn), create).await?;
    let is_new = event.is_some();
    let summary = node.store.room_summary(room, principal.user).await?;
    let answer = RoomAnswer {
        room: summary.ok_or(RefusalCode::NotFound)?,
    };
    if is_new {
        Ok(created(&node, &format!("/rooms/{room}"), answer))
    } else {
        Ok(Json(answer).into_response())
    }
}

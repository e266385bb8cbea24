//! `POST /api/v1/rooms`: a direct room, a group or a channel.
//!
//! Owns: the id, derived so that a retry names the same room `[CM3]` `[ID5]`. Never: judges the members; the door does.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use tidings_core::{Command, derive};
use tidings_protocol::{
    Refusal, RefusalCode, RoomKind, TxnId, UserId, Visibility,
    rest::{CreateRoom, RoomAnswer},
};

use super::{
    command::{created, submit},
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
    let txn = txn.or(body.txn)?;
    let room = match body.kind {
        RoomKind::Direct => derive::direct_room(principal.user, other(&principal, &body.members)?),
        RoomKind::Group | RoomKind::Channel => match &txn {
            Some(txn) => derive::room_of_txn(principal.user, txn),
            None => derive::room_of_txn(principal.user, &fresh()),
        },
    };
    let command = Command::CreateRoom {
        room,
        kind: body.kind,
        visibility: body.visibility.unwrap_or(Visibility::Private),
        name: body.name,
        members: body.members,
    };
    let is_new = submit(&node, &principal, txn, command).await?.is_some();
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

/// The one other member of a direct room.
fn other(principal: &Principal, members: &[UserId]) -> Result<UserId, Problem> {
    let mut others = members
        .iter()
        .copied()
        .filter(|user| *user != principal.user);
    match (others.next(), others.next()) {
        (Some(other), None) => Ok(other),
        _ => Err(Problem(Refusal::with_message(
            RefusalCode::BadRequest,
            "A direct room has exactly one other member.",
        ))),
    }
}

/// For a request that gave no id: it is done once, under one that nobody repeats. `[RE4]`
fn fresh() -> TxnId {
    uuid::Uuid::now_v7()
        .to_string()
        .parse()
        .expect("a UUID is 36 printable characters")
}

//! `PATCH /api/v1/rooms/{room}`: another name.
//!
//! Owns: nothing but the address. Never: judges who may; the door does.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use tidings_protocol::{Event, RoomId, TxnId, rest::RenameRoom, subject};

use super::{
    command::{changed, give},
    extract::{Ids, JsonBody, Txn},
};
use crate::{auth::Principal, node::Node, problem::Problem};

/// Rename a room
#[utoipa::path(
    patch,
    path = "/api/v1/rooms/{room}",
    tag = "rooms",
    params(
        ("room" = RoomId, Path),
        ("Idempotency-Key" = Option<TxnId>, Header, description = "Makes the request repeatable"),
    ),
    request_body = RenameRoom,
    responses(
        (status = 200, description = "The event that says so", body = Event),
        (status = 204, description = "It had that name"),
    )
)]
pub(crate) async fn rename_room(
    State(node): State<Arc<Node>>,
    principal: Principal,
    Ids(room): Ids<RoomId>,
    Txn(txn): Txn,
    JsonBody(body): JsonBody<RenameRoom>,
) -> Result<Response, Problem> {
    let event = give(
        &node,
        &principal,
        txn,
        subject::RenameRoom {
            room,
            name: body.name,
        },
    )
    .await?;
    changed(&principal, event)
}

//! `PATCH /api/v1/rooms/{room}/members/{user}`: another role.
//!
//! Owns: that `me` stands for the caller. Never: judges who may; the door does.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use tidings_protocol::{Event, RoomId, TxnId, rest::SetRole, subject};

use super::{
    command::{changed, give},
    extract::{Ids, JsonBody, Txn, UserOrMe},
};
use crate::{auth::Principal, node::Node, problem::Problem};

/// Give a member another role
///
/// Owners give roles. The last owner steps down only when another member is owner.
#[utoipa::path(
    patch,
    path = "/api/v1/rooms/{room}/members/{user}",
    tag = "rooms",
    params(
        ("room" = RoomId, Path),
        ("user" = String, Path, description = "A user's id, or `me`"),
        ("Idempotency-Key" = Option<TxnId>, Header, description = "Gives a retry the same answer"),
    ),
    request_body = SetRole,
    responses(
        (status = 200, description = "The event that says so", body = Event),
        (status = 204, description = "They had that role"),
    )
)]
pub(crate) async fn set_role(
    State(node): State<Arc<Node>>,
    principal: Principal,
    Ids((room, user)): Ids<(RoomId, UserOrMe)>,
    Txn(txn): Txn,
    JsonBody(body): JsonBody<SetRole>,
) -> Result<Response, Problem> {
    let event = give(
        &node,
        &principal,
        txn,
        subject::SetRole {
            room,
            user: user.of(&principal),
            role: body.role,
        },
    )
    .await?;
    changed(&principal, event)
}

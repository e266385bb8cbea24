//! `DELETE /api/v1/rooms/{room}/members/{user}`: leave, or remove somebody.
//!
//! Owns: that `me` stands for the caller. Never: judges who may; the door does.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use tidings_protocol::{Event, RoomId, TxnId, subject};

use super::{
    command::{changed, give},
    extract::{Ids, NoBody, Txn, UserOrMe},
};
use crate::{auth::Principal, node::Node, problem::Problem};

/// Leave, or remove a member
#[utoipa::path(
    delete,
    path = "/api/v1/rooms/{room}/members/{user}",
    tag = "rooms",
    params(
        ("room" = RoomId, Path),
        ("user" = String, Path, description = "A user's id, or `me`"),
        ("Idempotency-Key" = Option<TxnId>, Header, description = "Gives a retry the same answer"),
    ),
    responses(
        (status = 200, description = "The event that says so", body = Event),
        (status = 204, description = "They were no member"),
    )
)]
pub(crate) async fn remove_member(
    State(node): State<Arc<Node>>,
    principal: Principal,
    Ids((room, user)): Ids<(RoomId, UserOrMe)>,
    Txn(txn): Txn,
    _: NoBody,
) -> Result<Response, Problem> {
    let event = give(
        &node,
        &principal,
        txn,
        subject::RemoveMember {
            room,
            user: Some(user.of(&principal)),
        },
    )
    .await?;
    changed(&principal, event)
}

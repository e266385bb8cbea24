//! `DELETE /api/v1/rooms/{room}/messages/{message}`: take a message away, its text for good. `[EV8]`
//!
//! Owns: nothing but the address. Never: judges who may; the door does.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use tidings_protocol::{Event, EventId, RoomId, TxnId, subject};

use super::{
    command::{changed, give},
    extract::{Ids, NoBody, Txn},
};
use crate::{auth::Principal, node::Node, problem::Problem};

/// Delete a message
///
/// Its text and the text of its edits are erased, in the log and everywhere.
#[utoipa::path(
    delete,
    path = "/api/v1/rooms/{room}/messages/{message}",
    tag = "messages",
    params(
        ("room" = RoomId, Path),
        ("message" = EventId, Path),
        ("Idempotency-Key" = Option<TxnId>, Header, description = "Gives a retry the same answer"),
    ),
    responses(
        (status = 200, description = "The event that says so", body = Event),
        (status = 204, description = "It was deleted"),
    )
)]
pub(crate) async fn delete_message(
    State(node): State<Arc<Node>>,
    principal: Principal,
    Ids((room, message)): Ids<(RoomId, EventId)>,
    Txn(txn): Txn,
    _: NoBody,
) -> Result<Response, Problem> {
    let event = give(
        &node,
        &principal,
        txn,
        subject::DeleteMessage { room, message },
    )
    .await?;
    changed(&principal, event)
}

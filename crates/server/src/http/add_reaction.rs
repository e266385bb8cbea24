//! `PUT /api/v1/rooms/{room}/messages/{message}/reactions/{emoji}`: react to a message.
//!
//! Owns: nothing but the address. Never: judges who may; the door does.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use tidings_protocol::{Event, EventId, RoomId, TxnId, subject};

use super::{
    command::{changed, give},
    extract::{Ids, NoBody, Txn, emoji},
};
use crate::{auth::Principal, node::Node, problem::Problem};

/// React to a message
#[utoipa::path(
    put,
    path = "/api/v1/rooms/{room}/messages/{message}/reactions/{emoji}",
    tag = "messages",
    params(
        ("room" = RoomId, Path),
        ("message" = EventId, Path),
        ("emoji" = String, Path, description = "One emoji, percent-encoded"),
        ("Idempotency-Key" = Option<TxnId>, Header, description = "Gives a retry the same answer"),
    ),
    responses(
        (status = 200, description = "The event that says so", body = Event),
        (status = 204, description = "They had reacted so"),
    )
)]
pub(crate) async fn add_reaction(
    State(node): State<Arc<Node>>,
    principal: Principal,
    Ids((room, message, text)): Ids<(RoomId, EventId, String)>,
    Txn(txn): Txn,
    _: NoBody,
) -> Result<Response, Problem> {
    let emoji = emoji(&text)?;
    let event = give(
        &node,
        &principal,
        txn,
        subject::AddReaction {
            room,
            message,
            emoji,
        },
    )
    .await?;
    changed(&principal, event)
}

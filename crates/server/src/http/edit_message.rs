//! `PATCH /api/v1/rooms/{room}/messages/{message}`: another text for one's own message.
//!
//! Owns: nothing but the address. Never: judges who may; the door does.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use tidings_protocol::{Event, EventId, RoomId, SendContent, TxnId, rest::EditMessage, subject};

use super::{
    command::{changed, give},
    extract::{Ids, JsonBody, Txn},
};
use crate::{auth::Principal, node::Node, problem::Problem};

/// Edit a message
#[utoipa::path(
    patch,
    path = "/api/v1/rooms/{room}/messages/{message}",
    tag = "messages",
    params(
        ("room" = RoomId, Path),
        ("message" = EventId, Path),
        ("Idempotency-Key" = Option<TxnId>, Header, description = "The same as `txn` in the body"),
    ),
    request_body = EditMessage,
    responses(
        (status = 200, description = "The event that says so", body = Event),
        (status = 204, description = "It had that text"),
    )
)]
pub(crate) async fn edit_message(
    State(node): State<Arc<Node>>,
    principal: Principal,
    Ids((room, message)): Ids<(RoomId, EventId)>,
    txn: Txn,
    JsonBody(body): JsonBody<EditMessage>,
) -> Result<Response, Problem> {
    let txn = txn.or(body.txn)?;
    let event = give(
        &node,
        &principal,
        txn,
        subject::EditMessage {
            room,
            message,
            content: SendContent::Text { text: body.text },
        },
    )
    .await?;
    changed(&principal, event)
}

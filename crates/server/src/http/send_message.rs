//! `POST /api/v1/rooms/{room}/messages`: say something. Start reading here.
//!
//! Owns: the two forms of the body. Never: answers before the commit is on disk `[P1]`; the door sees to it.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use tidings_protocol::{
    Event, Refusal, RefusalCode, RoomId, SendContent, TxnId, rest::SendMessage, subject,
};

use super::{
    command::{created, event_of, give},
    extract::{Ids, JsonBody, Txn},
};
use crate::{auth::Principal, node::Node, problem::Problem};

/// Send a message
///
/// With `text`, or with `content` as over the socket. Repeating the request with the same `txn` (or `Idempotency-Key`)
/// gives the same event, and the message stands there once.
#[utoipa::path(
    post,
    path = "/api/v1/rooms/{room}/messages",
    tag = "messages",
    params(
        ("room" = RoomId, Path),
        ("Idempotency-Key" = Option<TxnId>, Header, description = "The same as `txn` in the body"),
    ),
    request_body = SendMessage,
    responses((status = 201, description = "The message's event", body = Event))
)]
pub(crate) async fn send_message(
    State(node): State<Arc<Node>>,
    principal: Principal,
    Ids(room): Ids<RoomId>,
    txn: Txn,
    JsonBody(body): JsonBody<SendMessage>,
) -> Result<Response, Problem> {
    let txn = txn.or(body.txn)?;
    let content = match (body.text, body.content) {
        (Some(text), None) => SendContent::Text { text },
        (None, Some(content)) => content,
        _ => {
            let sentence = "Give the message as `text` or as `content`.";
            return Err(Problem(Refusal::with_message(
                RefusalCode::BadRequest,
                sentence,
            )));
        }
    };
    // A message always changes something.
    let sent = give(
        &node,
        &principal,
        txn,
        subject::SendMessage { room, content },
    )
    .await?
    .ok_or(RefusalCode::Internal)?;
    let event = event_of(&principal, &sent)?;
    let path = format!("/rooms/{room}/messages/{}", event.id);
    Ok(created(&node, &path, event))
}

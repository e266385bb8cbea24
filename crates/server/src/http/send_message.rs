//! `POST /api/v1/rooms/{room}/messages`: say something. Start reading here.
//!
//! Owns: the two forms of the body. Never: answers before the commit is on disk `[P1]`; the door sees to it.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde::Deserialize;
use tidings_core::Command;
use tidings_protocol::{
    Event, MessageText, Refusal, RefusalCode, RoomId, TxnId, rest::SendMessage,
};

use super::{
    command::{created, event_of, submit},
    extract::{Ids, JsonBody, Txn},
};
use crate::{auth::Principal, node::Node, problem::Problem};

/// [`SendMessage`] as a body: here unknown fields of `content` are refused, too. `[RE8]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    #[serde(default)]
    txn: Option<TxnId>,
    #[serde(default)]
    text: Option<MessageText>,
    #[serde(default)]
    content: Option<Content>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Content {
    Text { text: MessageText },
}

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
    JsonBody(body): JsonBody<Body>,
) -> Result<Response, Problem> {
    let txn = txn.or(body.txn)?;
    let text = match (body.text, body.content) {
        (Some(text), None) | (None, Some(Content::Text { text })) => text,
        _ => {
            let sentence = "Give the message as `text` or as `content`.";
            return Err(Problem(Refusal::with_message(
                RefusalCode::BadRequest,
                sentence,
            )));
        }
    };
    let command = Command::SendMessage { room, text };
    // A message always changes something.
    let sent = submit(&node, &principal, txn, command)
        .await?
        .ok_or(RefusalCode::Internal)?;
    let event = event_of(&principal, &sent)?;
    let path = format!("/rooms/{room}/messages/{}", event.id);
    Ok(created(&node, &path, event))
}

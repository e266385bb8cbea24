//! `PUT /api/v1/rooms/{room}/marker`: how far the caller has read.
//!
//! Owns: the answer's form. Never: counts what is unread; that is a subtraction of its reader. `[P8]`

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use tidings_protocol::{
    Marker, RefusalCode, RoomId, TxnId,
    content::Known,
    rest::{MarkerAnswer, MoveMarker},
    subject,
};

use super::{
    command::give,
    extract::{Ids, JsonBody, Txn},
};
use crate::{auth::Principal, node::Node, problem::Problem};

/// Move one's marker
///
/// It moves forward only.
#[utoipa::path(
    put,
    path = "/api/v1/rooms/{room}/marker",
    tag = "messages",
    params(
        ("room" = RoomId, Path),
        ("Idempotency-Key" = Option<TxnId>, Header, description = "Gives a retry the same answer"),
    ),
    request_body = MoveMarker,
    responses(
        (status = 200, description = "The marker now", body = MarkerAnswer),
        (status = 204, description = "It was there, or further"),
    )
)]
pub(crate) async fn move_marker(
    State(node): State<Arc<Node>>,
    principal: Principal,
    Ids(room): Ids<RoomId>,
    Txn(txn): Txn,
    JsonBody(body): JsonBody<MoveMarker>,
) -> Result<Response, Problem> {
    let Some(event) = give(
        &node,
        &principal,
        txn,
        subject::MoveMarker {
            room,
            seq: body.seq,
        },
    )
    .await?
    else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    match event.known() {
        Some(&Known::MarkerMoved { seq, count, .. }) => Ok(Json(MarkerAnswer {
            marker: Marker { seq, count },
        })
        .into_response()),
        _ => Err(RefusalCode::Internal.into()),
    }
}

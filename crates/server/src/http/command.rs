//! Commands that come by REST: through the one door, and back as an answer.
//!
//! Owns: that they are the commands of the socket, counting them, and the form of their answers. `[RE7]` `[RE14]`
//! Never: decides; the door does.

use std::sync::Arc;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use tidings_core::Command;
use tidings_engine::Logged;
use tidings_protocol::{Command as Given, Event, RefusalCode, TxnId, UserId};

use crate::{
    auth::{self, Principal},
    metrics::Answered,
    node::Node,
    problem::Problem,
};

/// For a request that gave no id and makes something whose own id follows from it: it is done once, under one that
/// nobody repeats. `[RE4]`
pub(super) fn fresh() -> TxnId {
    uuid::Uuid::now_v7()
        .to_string()
        .parse()
        .expect("a UUID is 36 printable characters")
}

/// Gives a command, and waits. None when nothing changed.
///
/// # Errors
/// The refusal.
pub(super) async fn give(
    node: &Node,
    principal: &Principal,
    txn: Option<TxnId>,
    given: impl Into<Given>,
) -> Result<Option<Arc<Logged>>, Problem> {
    let given = given.into();
    auth::limits::cost_beyond_one(node, principal.user, given.cost())?;
    submit(node, principal.user, txn, given).await
}

/// Gives a command in somebody's name and waits until it is decided and on disk. None when nothing changed.
///
/// # Errors
/// The refusal.
pub(super) async fn submit(
    node: &Node,
    actor: UserId,
    txn: Option<TxnId>,
    command: impl Into<Command>,
) -> Result<Option<Arc<Logged>>, Problem> {
    let answer = node.submit(actor, txn, command).await;
    node.metrics.command(match &answer {
        Ok(Some(_)) => Answered::Happened,
        Ok(None) => Answered::Unchanged,
        Err(_) => Answered::Refused,
    });
    Ok(answer?)
}

/// The event as its own actor gets it, with the `txn`. `[EV4]`
///
/// # Errors
/// `internal` for a damaged row.
pub(super) fn event_of(principal: &Principal, logged: &Logged) -> Result<Event, Problem> {
    logged.event().to_event(principal.user).map_err(|error| {
        tracing::error!(event.id = %logged.event().id, %error, "a stored body does not parse");
        RefusalCode::Internal.into()
    })
}

/// 201 with what was made, and its address. `[RE7]`
pub(super) fn created(node: &Node, path: &str, made: impl Serialize) -> Response {
    let mut response = (StatusCode::CREATED, Json(made)).into_response();
    locate(node, path, &mut response);
    response
}

/// Says where what was made is found, below `/api/v1`.
pub(super) fn locate(node: &Node, path: &str, response: &mut Response) {
    let address = format!("{}/api/v1{path}", node.config.base_path);
    if let Ok(address) = HeaderValue::from_str(&address) {
        response.headers_mut().insert(header::LOCATION, address);
    }
}

/// 200 with the event, or 204 when nothing changed. `[RE7]`
///
/// # Errors
/// As [`event_of`].
pub(super) fn changed(
    principal: &Principal,
    event: Option<Arc<Logged>>,
) -> Result<Response, Problem> {
    match event {
        Some(event) => Ok(Json(event_of(principal, &event)?).into_response()),
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

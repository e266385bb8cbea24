//! `DELETE /api/v1/devices/current`: sign out.
//!
//! Owns: ending this device, and its cookie. Never: touches another device.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::{HeaderMap, header};
use tidings_core::RemoveDevice;
use tidings_protocol::{Event, TxnId, content::RemovedReason};

use super::{
    command::{changed, submit},
    extract::{NoBody, Txn},
};
use crate::{
    auth::{Principal, cookie},
    node::Node,
    problem::Problem,
};

/// Sign out
///
/// The token is worth nothing from here on, and sessions with it end.
#[utoipa::path(
    delete,
    path = "/api/v1/devices/current",
    tag = "accounts",
    params(("Idempotency-Key" = Option<TxnId>, Header, description = "Gives a retry the same answer")),
    responses((status = 200, description = "The event that says so", body = Event))
)]
pub(crate) async fn sign_out(
    State(node): State<Arc<Node>>,
    principal: Principal,
    Txn(txn): Txn,
    headers: HeaderMap,
    _: NoBody,
) -> Result<Response, Problem> {
    let command = RemoveDevice {
        device: principal.device,
        reason: RemovedReason::SignedOut,
    };
    let event = submit(&node, principal.user, txn, command).await?;
    let mut response = changed(&principal, event)?;
    if principal.by_cookie {
        response
            .headers_mut()
            .insert(header::SET_COOKIE, cookie::forget(&node.config, &headers));
    }
    Ok(response)
}

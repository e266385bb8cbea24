//! `DELETE /api/v1/devices/{device}`: sign one of one's own devices out.
//!
//! Owns: nothing but the address. Never: says whether a device of somebody else exists.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use tidings_core::RemoveDevice;
use tidings_protocol::{DeviceId, Event, TxnId, content::RemovedReason};

use super::{
    command::{changed, submit},
    extract::{Ids, NoBody, Txn},
};
use crate::{auth::Principal, node::Node, problem::Problem};

/// Sign a device out
#[utoipa::path(
    delete,
    path = "/api/v1/devices/{device}",
    tag = "accounts",
    params(
        ("device" = DeviceId, Path),
        ("Idempotency-Key" = Option<TxnId>, Header, description = "Gives a retry the same answer"),
    ),
    responses((status = 200, description = "The event that says so", body = Event))
)]
pub(crate) async fn remove_device(
    State(node): State<Arc<Node>>,
    principal: Principal,
    Ids(device): Ids<DeviceId>,
    Txn(txn): Txn,
    _: NoBody,
) -> Result<Response, Problem> {
    let reason = RemovedReason::SignedOut;
    let command = RemoveDevice { device, reason };
    let event = submit(&node, principal.user, txn, command).await?;
    changed(&principal, event)
}

//! `GET /api/v1/devices`: where one is signed in.
//!
//! Owns: marking the one that asks. Never: shows a token or its hash.

use std::sync::Arc;

use axum::{Json, extract::State};
use tidings_protocol::{DeviceInfo, rest::Devices};

use crate::{auth::Principal, node::Node, problem::Problem};

/// List one's devices
#[utoipa::path(
    get,
    path = "/api/v1/devices",
    tag = "accounts",
    responses((status = 200, description = "Newest first", body = Devices))
)]
pub(crate) async fn list_devices(
    State(node): State<Arc<Node>>,
    principal: Principal,
) -> Result<Json<Devices>, Problem> {
    let devices = node.store.devices(principal.user).await?;
    let devices = devices
        .into_iter()
        .map(|device| DeviceInfo {
            id: device.id,
            name: device.name,
            created_at: device.created_at,
            current: device.id == principal.device,
        })
        .collect();
    Ok(Json(Devices { devices }))
}

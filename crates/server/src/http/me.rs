//! `GET /api/v1/me`: who the caller is.
//!
//! Owns: nothing but the address; the token has said it all. Never: reads the store.

use axum::Json;
use tidings_protocol::rest::Me;

use crate::auth::Principal;

/// Who am I
#[utoipa::path(
    get,
    path = "/api/v1/me",
    tag = "accounts",
    responses((status = 200, description = "The user and the device of this token", body = Me))
)]
pub(crate) async fn me(principal: Principal) -> Json<Me> {
    Json(Me {
        device: principal.device_info(),
        user: principal.profile,
    })
}

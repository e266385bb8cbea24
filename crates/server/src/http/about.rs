//! `GET /api/v1`: what answers here, and what it allows.
//!
//! Owns: what a client may know before it signs in. Never: tells of users, rooms or load.

use std::sync::Arc;

use axum::{Json, extract::State};
use tidings_protocol::{
    frame::{SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK},
    limits,
    rest::About,
};

use crate::node::Node;

/// The version of the program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What this server is
///
/// Its name and version, the protocols it speaks, whether it makes new accounts, and every limit by its name in the
/// reference.
#[utoipa::path(
    get,
    path = "/api/v1",
    tag = "operations",
    responses((status = 200, description = "The same for everybody", body = About)),
    security(())
)]
pub(crate) async fn about(State(node): State<Arc<Node>>) -> Json<About> {
    let limits = limits::ALL
        .iter()
        .map(|limit| (limit.name.to_ascii_lowercase(), limit.value));
    Json(About {
        name: "tidings".to_owned(),
        version: VERSION.to_owned(),
        api: vec!["v1".to_owned()],
        subprotocols: vec![SUBPROTOCOL_JSON.to_owned(), SUBPROTOCOL_MSGPACK.to_owned()],
        sign_up: node.config.sign_up,
        limits: limits.collect(),
    })
}

//! `/healthz`, `/readyz` and `/metrics`: for those who run the server.
//!
//! Owns: whether the process lives, whether it can serve, and its counters.
//! Never: shows counters to other machines without the token of the settings; what goes on here is nobody's business.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, header};
use tidings_protocol::RefusalCode;

use crate::{auth::address::is_from_here, config::Secret, node::Node, problem::Problem};

/// How long the store has to answer before the node counts as not ready.
const PING_WAIT: Duration = Duration::from_secs(2);
/// OpenMetrics 1.0.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The process lives
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operations",
    responses((status = 200, description = "Alive", body = String, content_type = "text/plain")),
    security(())
)]
pub(crate) async fn healthz() -> Response {
    plain("ok\n")
}

/// The node can serve
///
/// It is not draining, and its database answers.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operations",
    responses((status = 200, description = "Ready", body = String, content_type = "text/plain")),
    security(())
)]
pub(crate) async fn readyz(State(node): State<Arc<Node>>) -> Result<Response, Problem> {
    if node.is_draining() {
        return Err(RefusalCode::Unavailable.into());
    }
    match tokio::time::timeout(PING_WAIT, node.store.ping()).await {
        Ok(Ok(())) => Ok(plain("ready\n")),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the store does not answer");
            Err(RefusalCode::Unavailable.into())
        }
        Err(_) => {
            tracing::warn!("the store does not answer in time");
            Err(RefusalCode::Unavailable.into())
        }
    }
}

/// Counters, in the form of OpenMetrics
///
/// With the token of the settings; without one only for programs on the same machine, and for others there is nothing
/// here.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operations",
    responses((status = 200, description = "OpenMetrics 1.0", body = String, content_type = "application/openmetrics-text")),
    security(())
)]
pub(crate) async fn metrics(
    State(node): State<Arc<Node>>,
    request: Request,
) -> Result<Response, Problem> {
    match &node.config.metrics_token {
        Some(token) if is_told(token, request.headers()) => {}
        Some(_) => return Err(RefusalCode::Unauthenticated.into()),
        None if is_from_here(request.extensions()) => {}
        None => return Err(RefusalCode::NotFound.into()),
    }
    let mut response = node.metrics.text().into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(METRICS_TYPE));
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Whether the request carries the token as a Bearer.
fn is_told(token: &Secret, headers: &HeaderMap) -> bool {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .is_some_and(|said| token.is(said))
}

fn plain(text: &'static str) -> Response {
    let mut response = text.into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

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
use tidings_engine::Seldom;
use tidings_protocol::{Refusal, RefusalCode};

use crate::{
    auth::address::is_from_here,
    config::Secret,
    data_folder::{self, FREE_BYTES_MIN},
    node::Node,
    problem::Problem,
};

/// How long the store has to answer before the node counts as not ready.
const PING_WAIT: Duration = Duration::from_secs(2);
/// What readers get that ask for something else: the form of Prometheus before it.
const PLAIN_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Whoever probes asks every few seconds.
static NOT_READY: Seldom = Seldom::new();
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
/// It is not about to leave, its database answers and takes commits, and its disk has room.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operations",
    responses((status = 200, description = "Ready", body = String, content_type = "text/plain")),
    security(())
)]
pub(crate) async fn readyz(State(node): State<Arc<Node>>) -> Result<Response, Problem> {
    if node.is_leaving() {
        return Err(not_ready("It is about to stop."));
    }
    if node.config.database.is_none()
        && data_folder::free_bytes(&node.config.data).is_some_and(|free| free < FREE_BYTES_MIN)
    {
        return Err(not_ready("The disk is full."));
    }
    let asked = async {
        node.store.ping().await?;
        node.store.check_commits().await
    };
    let (error, why) = match tokio::time::timeout(PING_WAIT, asked).await {
        Ok(Ok(())) => return Ok(plain("ready\n")),
        Ok(Err(error)) => (
            error.to_string(),
            "The database does not answer, or takes no commits; its disk may be full.",
        ),
        Err(_) => (
            "no answer in time".to_owned(),
            "The database does not answer in time.",
        ),
    };
    if let Some(left_out) = NOT_READY.due() {
        tracing::warn!(error, left_out, "not ready: the store cannot be used");
    }
    Err(not_ready(why))
}

fn not_ready(why: &str) -> Problem {
    Refusal::with_message(RefusalCode::Unavailable, why).into()
}

/// Counters, in the form of OpenMetrics
///
/// With the token of the settings; without one only for programs on the same machine, and for others there is nothing
/// here.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operations",
    responses((
        status = 200,
        description = "OpenMetrics 1.0; the text format of before for who asks for it",
        content((String = "application/openmetrics-text"), (String = "text/plain"))
    )),
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
    let accept = request.headers().get(header::ACCEPT);
    let wants_plain = accept
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| !accept.contains("openmetrics") && accept.contains('/'));
    let (text, kind) = if wants_plain {
        (node.metrics.plain_text(), PLAIN_TYPE)
    } else {
        (node.metrics.text(), METRICS_TYPE)
    };
    let mut response = text.into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
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

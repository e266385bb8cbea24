//! Pages of other origins: what their scripts may ask the API and read of its answers (CORS, in the Fetch standard).
//!
//! Owns: the preflight's answer, and the headers that let a page of the settings' origins read. `[RE2]`
//! Never: answers with `*`, or lets an origin in that the settings do not name.

use std::{sync::Arc, time::Duration};

use axum::Router;
use http::{HeaderName, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::{auth::origin, node::Node};

/// How long a browser remembers a preflight's answer.
const MAX_AGE: Duration = Duration::from_secs(600);

/// The API for pages of these origins, too; as it is when the settings name none.
pub(super) fn for_origins(node: &Arc<Node>, api: Router<Arc<Node>>) -> Router<Arc<Node>> {
    if node.config.origins.is_empty() {
        return api;
    }
    let config = node.config.clone();
    let allowed = AllowOrigin::predicate(move |origin, _| {
        let origin = origin.to_str().unwrap_or_default();
        origin::is_configured(&config, origin)
    });
    let name = HeaderName::from_static;
    api.layer(
        CorsLayer::new()
            .allow_origin(allowed)
            .allow_credentials(true)
            .allow_methods([
                Method::GET,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
            ])
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                name("idempotency-key"),
                name("last-event-id"),
                name("x-request-id"),
                name("x-tidings-cookie"),
            ])
            .expose_headers([
                header::LINK,
                header::LOCATION,
                header::RETRY_AFTER,
                name("ratelimit"),
                name("ratelimit-policy"),
                name("x-request-id"),
            ])
            .max_age(MAX_AGE),
    )
}

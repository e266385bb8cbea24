//! Who comes past the door of the signed-in part.
//!
//! Owns: the token, the origin of a cookie's page, and the user's budget, for every address behind it.
//! Never: lets a request through without a [`Principal`] or a [`Reader`]; a handler that asks for one elsewhere gets a
//! refusal.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tidings_protocol::{RefusalCode, UserId};
use tidings_store::{Reader, Seen};

use crate::{
    auth::{
        self,
        limits::{Budget, seats::Stranger},
    },
    http::edge::Actor,
    node::Node,
    problem::Problem,
};

/// `RateLimit` and its policy, after the IETF draft "RateLimit header fields for HTTP".
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Authenticates, then hands on with the [`Principal`](auth::Principal) among the request's extensions.
pub(super) async fn admit(
    State(node): State<Arc<Node>>,
    mut request: Request,
    next: Next,
) -> Response {
    let principal = match auth::authenticate(&node, request.headers()).await {
        Ok(principal) => principal,
        Err(refusal) => return Problem::from(refusal).into_response(),
    };
    if principal.by_cookie
        && changes_something(request.method())
        && !auth::origin_allowed(&node.config, request.headers())
    {
        return Problem::from(RefusalCode::ForeignOrigin).into_response();
    }
    let user = principal.user;
    request.extensions_mut().insert(principal);
    within_budget(&node, user, request, next).await
}

/// The same for reads that find out themselves, in their own snapshot, whether the reader's device is signed in: they get
/// a [`Reader`] and no [`Principal`](auth::Principal).
pub(super) async fn admit_reader(
    State(node): State<Arc<Node>>,
    mut request: Request,
    next: Next,
) -> Response {
    let reader = match auth::reader(&node, request.headers()).await {
        Ok(reader) => reader,
        Err(refusal) => return Problem::from(refusal).into_response(),
    };
    request.extensions_mut().insert(reader);
    within_budget(&node, reader.user, request, next).await
}

/// What such a read found, as far as it is for the reader.
///
/// # Errors
/// `unauthenticated` when the device is signed out; `not_found` when there is nothing that they may know of. `[RM5]`
pub(super) fn shown<T>(node: &Node, reader: Reader, seen: Seen<T>) -> Result<T, Problem> {
    match seen {
        Seen::Found(found) => Ok(found),
        Seen::Nothing => Err(RefusalCode::NotFound.into()),
        Seen::SignedOut => {
            node.remembered.forget(reader);
            Err(RefusalCode::Unauthenticated.into())
        }
    }
}

async fn within_budget(node: &Node, user: UserId, request: Request, next: Next) -> Response {
    Stranger::is_known(request.extensions(), user);
    let mut response = match node.limits.spend(user) {
        Ok(budget) => {
            let mut response = next.run(request).await;
            tell(response.headers_mut(), budget);
            response
        }
        Err(refusal) => {
            let mut response = Problem::from(refusal).into_response();
            tell(response.headers_mut(), node.limits.nothing_left());
            response
        }
    };
    response.extensions_mut().insert(Actor(user));
    response
}

fn changes_something(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}

/// Says what is left of the caller's budget, on every answer to one who is signed in. `[RE10]`
pub(crate) fn tell(headers: &mut HeaderMap, budget: Budget) {
    let policy = format!("\"user\";q={};w={}", budget.limit, budget.window_s);
    let now = format!("\"user\";r={};t={}", budget.remaining, budget.reset_s());
    for (name, text) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, now)] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
}

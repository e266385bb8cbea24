//! Who comes past the door of the signed-in part.
//!
//! Owns: the token, the origin of a cookie's page, and the user's budget, for every address behind it.
//! Never: lets a request through without a [`Principal`] or an [`Asking`](auth::remembered::Asking); a handler that asks
//! for one elsewhere gets a refusal.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tidings_protocol::{RefusalCode, UserId};

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
    Stranger::is_known(request.extensions(), user);
    request.extensions_mut().insert(principal);
    let (response, budget) = within_budget(&node, user, request, next).await;
    told(response, budget, user)
}

/// The same for reads that find out themselves, in their own snapshot, whether the reader's device is signed in: they get
/// an [`Asking`] and no [`Principal`](auth::Principal). Nothing is said or noted of a user before that is known.
pub(super) async fn admit_reader(
    State(node): State<Arc<Node>>,
    mut request: Request,
    next: Next,
) -> Response {
    let asking = match auth::reader(&node, request.headers()).await {
        Ok(asking) => Arc::new(asking),
        Err(refusal) => return Problem::from(refusal).into_response(),
    };
    let user = asking.reader().user;
    let stranger = request.extensions().get::<Stranger>().cloned();
    request.extensions_mut().insert(Arc::clone(&asking));
    let (response, budget) = within_budget(&node, user, request, next).await;
    // What was refused before it came to a read may be of one who is signed out, too.
    match auth::is_signed_in(&node, &asking).await {
        Ok(true) => {
            if let Some(stranger) = stranger {
                stranger.0.is_known(user);
            }
            told(response, budget, user)
        }
        Ok(false) => Problem::from(RefusalCode::Unauthenticated).into_response(),
        Err(refusal) => Problem::from(refusal).into_response(),
    }
}

async fn within_budget(
    node: &Node,
    user: UserId,
    request: Request,
    next: Next,
) -> (Response, Budget) {
    match node.limits.spend(user) {
        Ok(budget) => (next.run(request).await, budget),
        Err(refusal) => {
            let response = Problem::from(refusal).into_response();
            (response, node.limits.nothing_left())
        }
    }
}

/// The answer to a user, with what is left of their budget, and noted as theirs.
fn told(mut response: Response, budget: Budget, user: UserId) -> Response {
    tell(response.headers_mut(), budget);
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

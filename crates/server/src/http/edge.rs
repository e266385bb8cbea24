//! What stands around every request: its id, the access log, headers that keep a browser safe, and the end of panics.
//!
//! Owns: these, in one place and for every address, the page's and unknown ones too.
//! Never: logs a query, a header, a body or a path with ids; tokens and texts stand there.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use tidings_protocol::{
    FieldError, Refusal, RefusalCode, UserId,
    limits::{REQUEST_HEAD_BYTES_MAX, REQUEST_ID_LEN_MAX, REQUEST_MS_MAX},
};
use tokio::time::Instant;

use crate::{
    auth::address,
    node::Node,
    problem::{self, Problem},
};

/// The header that carries a request's id, both ways.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the page may load and who may frame it: nothing but its own (CSP 3).
const CSP: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Who made a request, for the access log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Actor(pub(crate) UserId);

/// The outermost layer.
pub(super) async fn edge(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let (mut parts, body) = request.into_parts();
    address::settle(
        &node.config.trusted_proxies,
        &mut parts.headers,
        &mut parts.extensions,
    );
    let request = Request::from_parts(parts, body);
    let id = request_id(request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    // A panic is a bug of one request; the connection and the core go on.
    let answer = AssertUnwindSafe(async {
        match no_head(&request) {
            None => next.run(request).await,
            Some(refused) => refused,
        }
    });
    let answer = answer.catch_unwind().await;
    let panicked = answer.is_err();
    let mut response =
        answer.unwrap_or_else(|_| Problem::from(RefusalCode::Internal).into_response());
    // What a commit that failed was logged with: beside the request's own id in the line below.
    let mut commit = None;
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        commit.clone_from(&refusal.request_id);
        response = with_request_id(response, &refusal, &id);
    }
    set_headers(response.headers_mut(), &id);
    let (took, status) = (started.elapsed(), response.status().as_u16());
    node.metrics.request(&method, route, status, took);
    let user = response
        .extensions()
        .get::<Actor>()
        .map(|actor| tracing::field::display(actor.0));
    let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if panicked {
        node.metrics.bug();
        tracing::error!(request_id = %id, %method, route, "a handler panicked");
    }
    if status >= 500 {
        tracing::warn!(request_id = %id, %method, route, status, took_us, user, commit, "request");
    } else {
        tracing::info!(request_id = %id, %method, route, status, took_us, user, "request");
    }
    response
}

/// What refuses a request for its head, whatever it asks for. `[RE11]`
fn no_head(request: &Request) -> Option<Response> {
    let line = request
        .uri()
        .path_and_query()
        .map_or(1, |target| target.as_str().len());
    let fields = request.headers().iter();
    // `METHOD SP target SP HTTP/1.1 CRLF`, `name: value CRLF` for each, CRLF (RFC 9112).
    let bytes = request.method().as_str().len()
        + line
        + 12
        + fields
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum::<usize>()
        + 2;
    if bytes > REQUEST_HEAD_BYTES_MAX {
        let sentence = format!("The head of a request is at most {REQUEST_HEAD_BYTES_MAX} bytes.");
        let refusal = Refusal::with_message(RefusalCode::TooLarge, sentence);
        let mut response = Problem::from(refusal).into_response();
        *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Some(response);
    }
    // RFC 9112 §3.2. Two would be two answers to whose page a request comes from.
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() >= Version::HTTP_11) {
        let sentence = "Send one `Host` header.";
        let refusal = Refusal::with_message(RefusalCode::BadRequest, sentence)
            .error(FieldError::header("Host", sentence));
        return Some(Problem::from(refusal).into_response());
    }
    None
}

/// The problem again, now with the request's id, and with what layers added to it.
fn with_request_id(response: Response, refusal: &Refusal, id: &str) -> Response {
    let (parts, _) = response.into_parts();
    let mut again = problem::render(refusal, parts.status, Some(id));
    for (name, value) in &parts.headers {
        if *name != header::CONTENT_LENGTH {
            again.headers_mut().insert(name.clone(), value.clone());
        }
    }
    *again.extensions_mut() = parts.extensions;
    again
}

/// The caller's id when it is one that a log line can hold, else a fresh one (`UUIDv7`).
fn request_id(headers: &HeaderMap) -> String {
    let given = headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    match given {
        Some(id) if is_sane(id) => id.to_owned(),
        _ => uuid::Uuid::now_v7().to_string(),
    }
}

fn is_sane(id: &str) -> bool {
    (1..=REQUEST_ID_LEN_MAX).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn set_headers(headers: &mut HeaderMap, id: &str) {
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // Scripts and styles are no pages: a third of a small one would be these.
    if is_part_of_a_page(headers) {
        return;
    }
    let safe = [
        // What answers (RFC 9110 §10.2.4): `GET /api/v1` tells everybody the same.
        (
            header::SERVER,
            concat!("Tidings/", env!("CARGO_PKG_VERSION")),
        ),
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in safe {
        // A handler that needs another policy has set it.
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
}

/// A script or a style of the app, which the page's own policy covers.
fn is_part_of_a_page(headers: &HeaderMap) -> bool {
    let says = |name: HeaderName, what: &[&str]| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| what.iter().any(|what| value.contains(what)))
    };
    says(header::CACHE_CONTROL, &["immutable"])
        && says(header::CONTENT_TYPE, &["text/javascript", "text/css"])
}

/// Ends a request that takes too long. What it had submitted may still happen; the same `txn` will tell. `[CM7]`
pub(super) async fn in_time(request: Request, next: Next) -> Response {
    // A body that drips does not hold a handler longer.
    let wait = Duration::from_millis(REQUEST_MS_MAX);
    match tokio::time::timeout(wait, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::from(RefusalCode::Unavailable).into_response(),
    }
}

/// Keeps answers of the API out of every cache. `[RE6]`
pub(super) async fn private(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    response
}

/// An address that exists, with a method that it does not offer. The router adds `Allow`.
pub(super) async fn method_not_allowed() -> Problem {
    RefusalCode::MethodNotAllowed.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, body::Body, middleware, routing::get};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use crate::config::{Config, Settings};

    async fn faulty() -> &'static str {
        panic!("a bug")
    }

    #[tokio::test]
    async fn a_panic_is_one_requests_end_and_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            data: Some(folder.path().to_owned()),
            password_threads: Some(1),
            ..Settings::default()
        };
        let node = Node::start(Config::load(None, settings).unwrap(), Vec::new())
            .await
            .unwrap();
        let router = Router::new()
            .route("/faulty", get(faulty))
            .route("/sound", get(async || "sound"))
            .layer(middleware::from_fn_with_state(node, edge));
        let ask = |path: &str| {
            let request = Request::get(path)
                .header(REQUEST_ID, "r-1")
                .header("host", "here");
            router.clone().oneshot(request.body(Body::empty()).unwrap())
        };
        let response = ask("/faulty").await.unwrap();
        assert_eq!(response.status().as_u16(), 500);
        assert_eq!(response.headers()["content-type"], problem::CONTENT_TYPE);
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&body["code"], &body["request_id"]),
            (&"internal".into(), &"r-1".into())
        );
        assert!(!body.to_string().contains("bug"));
        assert_eq!(ask("/sound").await.unwrap().status().as_u16(), 200);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_takes_too_long_is_ended() {
        // [CM7]
        let router = Router::new()
            .route("/", get(std::future::pending::<&'static str>))
            .layer(middleware::from_fn(in_time));
        let request = Request::get("/").body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), 503);
    }

    #[test]
    fn a_request_id_is_taken_only_when_a_log_line_can_hold_it() {
        for good in ["a", "0192-AF.x_y", &"x".repeat(64)] {
            assert!(is_sane(good), "{good}");
        }
        for bad in ["", "a b", "a\"", "ä", "a\u{1b}[0m", &"x".repeat(65)] {
            assert!(!is_sane(bad), "{bad}");
        }
        let mut headers = HeaderMap::new();
        assert_eq!(request_id(&headers).len(), 36);
        headers.insert(REQUEST_ID, "mine".parse().unwrap());
        assert_eq!(request_id(&headers), "mine");
    }
}

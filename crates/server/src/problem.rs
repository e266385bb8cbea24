//! Refusals as HTTP answers: problem details (RFC 9457). `[RE3]`
//!
//! Owns: the one form of every "no" over HTTP, and turning the store's trouble into one.
//! Never: tells a client what went wrong inside; the request id finds that in the log.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use tidings_engine::Seldom;
use tidings_protocol::{FieldError, Refusal, RefusalCode, RoomId};
use tidings_store::StoreError;

/// The content type of RFC 9457.
pub const CONTENT_TYPE: &str = "application/problem+json";
/// Milliseconds after which a client whose command met a race comes back.
const CONFLICT_RETRY_MS: u64 = 50;
/// Milliseconds after which a client comes back when the store is away.
const STORE_RETRY_MS: u64 = 1_000;

/// Every request that reads meets these, so they are told seldom.
static AWAY: Seldom = Seldom::new();
static REFUSES: Seldom = Seldom::new();
static TROUBLE: Seldom = Seldom::new();

/// A refusal on its way out over HTTP. The edge adds the request id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(pub Refusal);

/// The body of every refusal (RFC 9457).
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Names the kind of problem: `urn:tidings:refusal:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same sentence for every refusal with this code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: RefusalCode,
    /// What to do, for a person.
    pub detail: String,
    /// Finds the request in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Milliseconds to wait before trying again, when waiting helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The fields, parameters or headers that do not fit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The room that stands in the way, where one does: with `name_taken` the one that has the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        Problem(refusal)
    }
}

impl From<RefusalCode> for Problem {
    fn from(code: RefusalCode) -> Problem {
        Problem(code.into())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        Problem(refusal_of_store(&error))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = render(&self.0, status_of(self.0.code), None);
        response.extensions_mut().insert(self.0);
        response
    }
}

/// What the store's trouble means for a caller. Logs it: this is the edge that handles it.
#[must_use]
pub fn refusal_of_store(error: &StoreError) -> Refusal {
    match error {
        StoreError::Conflict => {
            Refusal::new(RefusalCode::Unavailable).retry_after_ms(CONFLICT_RETRY_MS)
        }
        StoreError::Unavailable(reason) => {
            if let Some(left_out) = AWAY.due() {
                tracing::warn!(%reason, left_out, "the store is not available");
            }
            Refusal::new(RefusalCode::Unavailable).retry_after_ms(STORE_RETRY_MS)
        }
        // It was good at the start: somebody is at work on it.
        StoreError::Refused(reason) => {
            if let Some(left_out) = REFUSES.due() {
                tracing::error!(%reason, left_out, "the store cannot be used");
            }
            Refusal::new(RefusalCode::Unavailable).retry_after_ms(STORE_RETRY_MS)
        }
        StoreError::Trouble(reason) => {
            if let Some(left_out) = TROUBLE.due() {
                tracing::error!(%reason, left_out, "a read failed");
            }
            Refusal::new(RefusalCode::Internal)
        }
    }
}

fn status_of(code: RefusalCode) -> StatusCode {
    StatusCode::from_u16(code.status()).expect("every code has a status of HTTP")
}

/// The whole answer, with the request's id once it is known. The status is the code's, or what a handler made of it.
pub(crate) fn render(refusal: &Refusal, status: StatusCode, request_id: Option<&str>) -> Response {
    let code = refusal.code;
    let body = ProblemBody {
        kind: format!("urn:tidings:refusal:{}", code.as_str()),
        title: code.message().to_owned(),
        status: status.as_u16(),
        code,
        detail: refusal.message.clone(),
        request_id: request_id.map(str::to_owned),
        retry_after_ms: refusal.retry_after_ms,
        errors: refusal.errors.clone(),
        room: refusal.room.as_deref().copied(),
    };
    let body = serde_json::to_vec(&body).expect("a problem is plain data, which always encodes");
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(millis) = refusal.retry_after_ms {
        headers.insert(
            header::RETRY_AFTER,
            HeaderValue::from(millis.div_ceil(1_000)),
        );
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[test]
    fn every_refusal_is_a_problem_with_its_code() {
        // [RE3] [RF1]
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        for &code in RefusalCode::ALL {
            let refusal = Refusal::new(code).retry_after_ms(1_500);
            let response = render(&refusal, status_of(code), Some("r-1"));
            assert_eq!(response.status().as_u16(), code.status());
            assert_eq!(response.headers()["content-type"], CONTENT_TYPE);
            assert_eq!(response.headers()["cache-control"], "private, no-store");
            assert_eq!(response.headers()["retry-after"], "2");
            let challenged = response.headers().contains_key("www-authenticate");
            assert_eq!(challenged, code.status() == 401);
            let body = runtime
                .block_on(response.into_body().collect())
                .unwrap()
                .to_bytes();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let expected = serde_json::json!({
                "type": format!("urn:tidings:refusal:{}", code.as_str()),
                "title": code.message(),
                "status": code.status(),
                "code": code.as_str(),
                "detail": code.message(),
                "request_id": "r-1",
                "retry_after_ms": 1_500,
            });
            assert_eq!(body, expected);
        }
    }

    #[test]
    fn trouble_inside_stays_inside() {
        let refusal = refusal_of_store(&StoreError::Trouble("disk at /var/secret".to_owned()));
        assert_eq!(refusal, Refusal::new(RefusalCode::Internal));
        let text = || "postgres://me:pass".to_owned();
        for error in [StoreError::Unavailable(text()), StoreError::Refused(text())] {
            let refusal = refusal_of_store(&error);
            assert_eq!(refusal.code, RefusalCode::Unavailable);
            assert!(!refusal.message.contains("pass") && refusal.retry_after_ms.is_some());
        }
    }
}

//! Answers that are worth packing, packed by gzip (RFC 1952) for clients that take it.
//!
//! Owns: which answers: texts of some length, whole in memory. The stream is none of them, nor is what the app's build
//! has packed already.
//! Never: packs an answer that holds a secret beside what the caller wrote: its length would tell of it (BREACH).
//! Handlers mark such answers with [`Secret`].

use std::io::Write;

use axum::{
    body::{Body, Bytes},
    extract::Request,
    middleware::Next,
    response::Response,
};
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt;

use super::coding;

/// Bytes of the smallest answer that is packed. Less fits one packet with its head in any case.
pub(super) const BYTES_MIN: u64 = 1_024;
/// Bytes from which another thread packs: a core has others to serve.
const BYTES_ELSEWHERE: usize = 64 * 1024;
/// How hard to try. The next levels take twice the time for a tenth less.
const LEVEL: Compression = Compression::new(3);

/// An answer with a token in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Secret;

/// The layer around the API and the documentation.
pub(super) async fn compress(request: Request, next: Next) -> Response {
    let is_head = request.method() == Method::HEAD;
    let is_taken = coding::choose(request.headers(), &["gzip"]) == Some("gzip");
    let mut response = next.run(request).await;
    if !is_worth_it(&response) {
        return response;
    }
    let vary = HeaderValue::from_static("accept-encoding");
    response.headers_mut().append(header::VARY, vary);
    if !is_taken || is_head {
        return response;
    }
    pack(response).await
}

fn is_worth_it(response: &Response) -> bool {
    let headers = response.headers();
    response.extensions().get::<Secret>().is_none()
        && response.status() != StatusCode::SWITCHING_PROTOCOLS
        && !headers.contains_key(header::CONTENT_ENCODING)
        && response
            .body()
            .size_hint()
            .exact()
            .is_some_and(|bytes| bytes >= BYTES_MIN)
        && is_text(headers)
}

fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    kind == "application/json"
        || kind.ends_with("+json")
        || kind.ends_with("javascript")
        || kind == "image/svg+xml"
        || (kind.starts_with("text/") && kind != "text/event-stream")
}

async fn pack(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    // Whole in memory, as its exact size says: nothing is waited for, and nothing can fail.
    let Ok(plain) = body.collect().await else {
        return Response::from_parts(parts, Body::empty());
    };
    let plain = plain.to_bytes();
    let packed = if plain.len() < BYTES_ELSEWHERE {
        gzip(&plain)
    } else {
        let plain = Bytes::clone(&plain);
        let there = tokio::task::spawn_blocking(move || gzip(&plain)).await;
        there.unwrap_or_default()
    };
    if packed.is_empty() || packed.len() >= plain.len() {
        return Response::from_parts(parts, Body::from(plain));
    }
    let gzip = HeaderValue::from_static("gzip");
    parts.headers.insert(header::CONTENT_ENCODING, gzip);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(packed))
}

/// Packs some bytes; nothing when that fails, which memory does not.
pub(super) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), LEVEL);
    match encoder.write_all(plain) {
        Ok(()) => encoder.finish().unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

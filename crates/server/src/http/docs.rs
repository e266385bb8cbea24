//! The API's documents, and the page to try them on; all of it from this program, nothing from elsewhere.
//!
//! Owns: the addresses of both documents and of the page. Never: loads anything from another host.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use axum::{
    body::Bytes,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderValue, header};
use tidings_protocol::RefusalCode;
use utoipa_swagger_ui::Config;

pub use crate::{asyncapi::asyncapi, openapi::openapi};
use crate::{node::Node, problem::Problem};

/// The page draws with styles of its own making; scripts still come only from here.
const CSP: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

static OPENAPI: LazyLock<Bytes> = LazyLock::new(|| openapi().to_string().into());
static ASYNCAPI: LazyLock<Bytes> = LazyLock::new(|| asyncapi().to_string().into());
static PAGE: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // Without this the page would show the document to a checker on the internet.
    let config = Config::new(["../api/openapi.json"])
        .validator_url("none")
        .try_it_out_enabled(true);
    Arc::new(config)
});

/// The rules of the wire, and the tables beside them, as this version keeps them.
const PROTOCOL: &str = include_str!("../../../../spec/PROTOCOL.md");
const REFERENCE: &str = include_str!("../../../../spec/REFERENCE.md");

/// `GET /api/openapi.json`. Its addresses begin where this server is served.
pub(super) async fn openapi_json(State(node): State<Arc<Node>>) -> Response {
    if node.config.base_path.is_empty() {
        return document(Bytes::clone(&OPENAPI), JSON);
    }
    let mut openapi = openapi();
    for server in openapi["servers"].as_array_mut().into_iter().flatten() {
        server["url"] = node.config.base_path.as_str().into();
    }
    document(openapi.to_string().into(), JSON)
}

/// `GET /api/asyncapi.json`.
pub(super) async fn asyncapi_json() -> Response {
    document(Bytes::clone(&ASYNCAPI), JSON)
}

/// `GET /docs/protocol`.
pub(super) async fn protocol() -> Response {
    document(Bytes::from_static(PROTOCOL.as_bytes()), TEXT)
}

/// `GET /docs/reference`.
pub(super) async fn reference() -> Response {
    document(Bytes::from_static(REFERENCE.as_bytes()), TEXT)
}

const JSON: &str = "application/json";
/// Markdown, in a form that every browser shows.
const TEXT: &str = "text/plain; charset=utf-8";

fn document(document: Bytes, kind: &'static str) -> Response {
    let mut response = document.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// `GET /docs`: the page's files are named relative to the folder, which is so itself: a proxy may have a path before it.
pub(super) async fn to_docs() -> Redirect {
    Redirect::permanent("docs/")
}

/// `GET /docs/`.
pub(super) async fn index() -> Result<Response, Problem> {
    serve("index.html")
}

/// `GET /docs/{file}`.
pub(super) async fn file(Path(file): Path<String>) -> Result<Response, Problem> {
    serve(&file)
}

fn serve(file: &str) -> Result<Response, Problem> {
    let found = utoipa_swagger_ui::serve(file, Arc::clone(&PAGE)).map_err(|error| {
        tracing::error!(%error, "a file of the documentation cannot be served");
        RefusalCode::Internal
    })?;
    let found = found.ok_or(RefusalCode::NotFound)?;
    // The files are part of the program: a reader who takes them slowly holds no copy.
    let bytes = match found.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(&found.content_type) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CSP),
    );
    Ok(response)
}

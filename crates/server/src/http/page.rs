//! The app: its files are part of the program.
//!
//! Owns: finding them, their types, caching and compressed forms; one page for every address of the app.
//! Never: answers for the API: what is unknown under `/api` is a problem, not a page.

use std::{borrow::Cow, sync::Arc};

use axum::{
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use tidings_protocol::RefusalCode;

use super::{coding, compress};
use crate::{node::Node, problem::Problem};

/// The built app: embedded in a release, read from the disk in a debug build.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Dist;

/// The page of the app.
const INDEX: &str = "index.html";
/// What stands below has the hash of its bytes in its name.
const HASHED: &str = "assets/";
/// Compressed forms in the order of preference, by content coding and ending.
const CODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];
/// What the page says of where it is served, and how it begins the addresses of its files, as it is built.
const BUILT_BASE: &str = "<meta name=\"base\" content=\"/\"";
const BUILT_FILE: &str = "=\"./";
/// First parts of addresses that programs ask. A misspelt one (`/API/v1/me`, `//healthz`) is told so, not shown the app.
const NOT_OF_THE_APP: [&str; 5] = ["api", "docs", "healthz", "readyz", "metrics"];

/// Shown where the app would be, when the program was built without it.
const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Tidings</title>\n\
    <h1>Tidings is running</h1>\n\
    <p>The app was not built into this program. Run <code>make run</code>, or <code>npm run build</code> in \
    <code>web</code>, and start it again.</p>\n\
    <p>The API is here: see <a href=\"./docs/\">its documentation</a>.</p>\n</html>\n";

/// Every address that no other file answers.
pub(super) async fn page(
    State(node): State<Arc<Node>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    answer::<Dist>(&node.config.base_path, &method, uri.path(), &headers)
}

fn answer<D: RustEmbed>(base: &str, method: &Method, path: &str, headers: &HeaderMap) -> Response {
    let path = path.strip_prefix('/').unwrap_or(path);
    if !is_of_the_app(path) {
        return Problem::from(RefusalCode::NotFound).into_response();
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = Problem::from(RefusalCode::MethodNotAllowed).into_response();
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
        return response;
    }
    let path = if path.is_empty() { INDEX } else { path };
    if path == INDEX {
        return index::<D>(base, headers);
    }
    if let Some(response) = file::<D>(path, headers) {
        return response;
    }
    // An address of the app has no ending; a file that is missing is missing.
    if path
        .rsplit('/')
        .next()
        .is_some_and(|last| last.contains('.'))
    {
        return Problem::from(RefusalCode::NotFound).into_response();
    }
    index::<D>(base, headers)
}

/// Whether an address may be one of the app's. Those have no empty parts, and nothing that needs `%` in the first.
fn is_of_the_app(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    let is_programs = NOT_OF_THE_APP
        .iter()
        .any(|name| first.eq_ignore_ascii_case(name));
    !path.starts_with('/') && !first.contains('%') && !is_programs
}

/// The page, completed with where it is served: it stands for addresses of any depth, so its own must be whole.
fn index<D: RustEmbed>(base: &str, headers: &HeaderMap) -> Response {
    let Some(built) = D::get(INDEX) else {
        return not_built(base);
    };
    let text = String::from_utf8_lossy(&built.data)
        .replace(
            BUILT_BASE,
            &format!("<meta name=\"base\" content=\"{base}/\""),
        )
        .replace(BUILT_FILE, &format!("=\"{base}/"));
    let hash = Sha256::digest(&text);
    match coding::choose(headers, &["gzip"]) {
        Some(coding) => {
            let packed = compress::gzip(text.as_bytes());
            reply(
                headers,
                INDEX,
                "text/html",
                packed.into(),
                &hash,
                Some(coding),
            )
        }
        None => reply(headers, INDEX, "text/html", text.into(), &hash, None),
    }
}

fn not_built(base: &str) -> Response {
    let mut response = NOT_BUILT.replace("./", &format!("{base}/")).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn file<D: RustEmbed>(path: &str, headers: &HeaderMap) -> Option<Response> {
    // In a debug build names reach the disk.
    if path.split('/').any(|part| part == "..")
        || CODINGS.iter().any(|(_, ending)| path.ends_with(ending))
    {
        return None;
    }
    let plain = D::get(path)?;
    let kind = plain.metadata.mimetype().to_owned();
    let packed = |coding| {
        let (_, ending) = CODINGS.iter().find(|(name, _)| *name == coding)?;
        D::get(&format!("{path}{ending}"))
    };
    // Of the forms that there are, the one that the client wants most.
    let mut offered: Vec<&'static str> = CODINGS.iter().map(|(coding, _)| *coding).collect();
    let (found, coding) = loop {
        match coding::choose(headers, &offered) {
            None => break (plain, None),
            Some(coding) => match packed(coding) {
                Some(found) => break (found, Some(coding)),
                None => offered.retain(|other| *other != coding),
            },
        }
    };
    // Embedded bytes are sent from where they are.
    let bytes = match found.data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let hash = found.metadata.sha256_hash();
    Some(reply(headers, path, &kind, bytes, &hash, coding))
}

/// The answer with these bytes, or the news that the client has them. Each form has a tag of its own (RFC 9110 §8.8.3).
fn reply(
    headers: &HeaderMap,
    path: &str,
    kind: &str,
    bytes: Bytes,
    hash: &[u8],
    coding: Option<&'static str>,
) -> Response {
    let hash = URL_SAFE_NO_PAD.encode(hash);
    let tag = format!(
        "\"{hash}{}\"",
        coding
            .map(|coding| format!("-{coding}"))
            .unwrap_or_default()
    );
    let mut response = if is_known(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        bytes.into_response()
    };
    let caching = if path.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let kind = if kind.starts_with("text/") || kind == "application/javascript" {
        format!("{kind}; charset=utf-8")
    } else {
        kind.to_owned()
    };
    let out = response.headers_mut();
    for (name, text) in [
        (header::CONTENT_TYPE, kind.as_str()),
        (header::ETAG, tag.as_str()),
    ] {
        if let Ok(value) = HeaderValue::from_str(text) {
            out.insert(name, value);
        }
    }
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(coding) = coding {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

/// Whether `If-None-Match` has this tag (RFC 9110 §13.1.2).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|known| known.trim().trim_start_matches("W/"))
        .any(|known| known == tag || known == "*")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_embed::EmbeddedFile;

    const INDEX_BUILT: &[u8] =
        b"<!doctype html><meta name=\"base\" content=\"/\" /><script src=\"./assets/a.js\"></script>app";

    /// An app of three files, one of them compressed too.
    struct Sample;

    impl RustEmbed for Sample {
        fn get(path: &str) -> Option<EmbeddedFile> {
            let bytes: &'static [u8] = match path {
                "index.html" => INDEX_BUILT,
                "assets/app-1a2b.js" => b"run()",
                "assets/app-1a2b.js.br" => b"compressed",
                "logo.svg" => b"<svg/>",
                _ => return None,
            };
            let mut hash = [0u8; 32];
            for (at, byte) in bytes.iter().enumerate() {
                hash[at % 32] ^= byte;
            }
            let kind = if path.ends_with(".js") {
                "text/javascript"
            } else {
                "text/html"
            };
            let metadata = rust_embed::Metadata::__rust_embed_new(hash, None, None, kind);
            Some(EmbeddedFile {
                data: bytes.into(),
                metadata,
            })
        }

        fn iter() -> impl Iterator<Item = Cow<'static, str>> + 'static {
            std::iter::empty::<Cow<'static, str>>()
        }
    }

    /// What was built of the app, if anything, is not these tests' concern.
    struct Nothing;

    impl RustEmbed for Nothing {
        fn get(_: &str) -> Option<EmbeddedFile> {
            None
        }

        fn iter() -> impl Iterator<Item = Cow<'static, str>> + 'static {
            std::iter::empty::<Cow<'static, str>>()
        }
    }

    fn get(path: &str, headers: &[(&'static str, &str)]) -> Response {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        answer::<Sample>("", &Method::GET, path, &map)
    }

    fn text(response: Response) -> String {
        use http_body_util::BodyExt;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let body = runtime
            .block_on(response.into_body().collect())
            .unwrap()
            .to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[test]
    fn every_address_of_the_app_is_its_page() {
        for path in ["/", "/index.html", "/rooms/room_1", "/settings/", "/a.b/c"] {
            let response = get(path, &[]);
            assert_eq!(response.headers()["cache-control"], "no-cache", "{path}");
            let page = text(response);
            assert!(
                page.contains("content=\"/\" /><script src=\"/assets/a.js\">"),
                "{path}: {page}"
            );
        }
    }

    #[test]
    fn below_a_path_the_page_says_so_and_finds_its_files() {
        let response = answer::<Sample>("/chat", &Method::GET, "/r/room_1", &HeaderMap::new());
        let page = text(response);
        assert!(
            page.contains("content=\"/chat/\" /><script src=\"/chat/assets/a.js\">"),
            "{page}"
        );
        // The page as it is built still has what is replaced.
        let built =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/index.html"));
        assert!(built.unwrap().contains(BUILT_BASE));
    }

    #[test]
    fn missing_files_and_the_api_are_problems() {
        for path in [
            "/assets/gone.js",
            "/favicon.ico",
            "/api",
            "/api/v2/rooms",
            "/API/V1/me",
            "//api/v1/me",
            "/%61pi/v1/me",
            "/Docs/",
            "/healthz/",
            "//metrics",
            "/../secret.txt",
        ] {
            assert_eq!(get(path, &[]).status(), StatusCode::NOT_FOUND, "{path}");
        }
        let response = answer::<Sample>("", &Method::POST, "/rooms", &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()["allow"], "GET,HEAD");
    }

    #[test]
    fn hashed_files_stay_in_caches_and_come_compressed() {
        let plain = get(
            "/assets/app-1a2b.js",
            &[("accept-encoding", "gzip, br;q=0")],
        );
        assert_eq!(
            plain.headers()["cache-control"],
            "public, max-age=31536000, immutable"
        );
        assert_eq!(
            plain.headers()["content-type"],
            "text/javascript; charset=utf-8"
        );
        assert_eq!(plain.headers()["vary"], "accept-encoding");
        assert!(!plain.headers().contains_key("content-encoding"));
        let brotli = get("/assets/app-1a2b.js", &[("accept-encoding", "gzip, br")]);
        assert_eq!(brotli.headers()["content-encoding"], "br");
        assert_eq!(
            brotli.headers()["content-type"],
            "text/javascript; charset=utf-8"
        );
        assert_ne!(plain.headers()["etag"], brotli.headers()["etag"]);
        assert_eq!(
            (text(plain).as_str(), text(brotli).as_str()),
            ("run()", "compressed")
        );
        assert_eq!(
            get("/assets/app-1a2b.js.br", &[]).status(),
            StatusCode::NOT_FOUND
        );
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        let tag = get("/logo.svg", &[]).headers()["etag"]
            .to_str()
            .unwrap()
            .to_owned();
        for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            let response = get("/logo.svg", &[("if-none-match", &known)]);
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(text(response), "");
        }
        assert_eq!(
            get("/logo.svg", &[("if-none-match", "\"x\"")]).status(),
            StatusCode::OK
        );
    }

    #[test]
    fn without_an_app_the_page_says_so() {
        let response = answer::<Nothing>("", &Method::GET, "/", &HeaderMap::new());
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert!(text(response).contains("was not built"));
    }
}

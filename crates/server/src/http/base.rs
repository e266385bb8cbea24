//! The path that everything is served below, when a host serves other things too (`base_path`).
//!
//! Owns: taking it off a request's address. A proxy may have done that already, so an address without it is good, too.
//! Never: tells addresses apart; the routes are the same with and without it.

use axum::extract::Request;
use http::{Uri, uri::PathAndQuery};

/// The request as if it had been made at the root.
pub(super) fn take_off(base: &str, mut request: Request) -> Request {
    if let Some(uri) = without(base, request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

fn without(base: &str, uri: &Uri) -> Option<Uri> {
    let rest = uri.path().strip_prefix(base)?;
    if base.is_empty() || !(rest.is_empty() || rest.starts_with('/')) {
        return None;
    }
    let rest = if rest.is_empty() { "/" } else { rest };
    let target = match uri.query() {
        Some(query) => PathAndQuery::try_from(format!("{rest}?{query}")),
        None => PathAndQuery::try_from(rest),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_with_and_without() {
        let of = |text: &str| {
            let uri: Uri = text.parse().unwrap();
            without("/chat", &uri).unwrap_or(uri).to_string()
        };
        for (asked, meant) in [
            ("/chat/api/v1/me?a=b", "/api/v1/me?a=b"),
            ("/chat/", "/"),
            ("/chat", "/"),
            ("/chat?x", "/?x"),
            ("/api/v1/me", "/api/v1/me"),
            ("/chatter", "/chatter"),
            ("/chat/chat/x", "/chat/x"),
            ("http://h/chat/x", "http://h/x"),
        ] {
            assert_eq!(of(asked), meant, "{asked}");
        }
    }
}

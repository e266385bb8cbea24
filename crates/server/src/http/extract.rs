//! What handlers take from a request, parsed, with our own refusals.
//!
//! Owns: the JSON body, ids in the path, the query, the client's `txn`.
//! Never: drops what it does not understand: a misspelt field or parameter is refused. `[RE8]`

use std::sync::Arc;

use axum::{
    RequestExt,
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request, rejection::BytesRejection},
};
use http::{HeaderMap, StatusCode, header, request::Parts};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use tidings_protocol::{Emoji, FieldError, NameError, Refusal, RefusalCode, TxnId, UserId};
use tidings_store::{Reader, Seen};

use crate::{
    auth::{Principal, remembered::Asking},
    misfit,
    problem::Problem,
};

/// The header that makes a request repeatable (IETF draft "The Idempotency-Key HTTP Header Field").
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// `bad_request` about a parameter.
pub(crate) fn bad_parameter(name: &str, sentence: &str) -> Problem {
    let refusal = Refusal::with_message(RefusalCode::BadRequest, sentence);
    misfits(FieldError::parameter, name, refusal)
}

fn bad_key(sentence: &str) -> Problem {
    let refusal = Refusal::with_message(RefusalCode::BadRequest, sentence);
    misfits(FieldError::header, "Idempotency-Key", refusal)
}

/// A refusal that names the parameter or header it is about. `[RE9]`
fn misfits(at: fn(&str, &str) -> FieldError, name: &str, refusal: Refusal) -> Problem {
    let error = at(name, &refusal.message);
    Problem(refusal.error(error))
}

fn bad(sentence: impl Into<String>) -> Problem {
    Problem(Refusal::with_message(RefusalCode::BadRequest, sentence))
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Principal, Problem> {
        parts
            .extensions
            .get::<Principal>()
            .cloned()
            .ok_or_else(|| RefusalCode::Unauthenticated.into())
    }
}

/// Who reads, for a question that finds out itself whether their device is signed in.
pub(crate) struct AsReader(Arc<Asking>);

impl AsReader {
    /// For the store.
    pub(crate) fn reader(&self) -> Reader {
        self.0.reader()
    }

    /// What their question has found, as far as it is for them.
    ///
    /// # Errors
    /// `unauthenticated` when the device is signed out; `not_found` when there is nothing that they may know of. `[RM5]`
    pub(crate) fn shown<T>(&self, seen: Seen<T>) -> Result<T, Problem> {
        match self.0.found(seen) {
            Seen::Found(found) => Ok(found),
            Seen::Nothing => Err(RefusalCode::NotFound.into()),
            Seen::SignedOut => Err(RefusalCode::Unauthenticated.into()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for AsReader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<AsReader, Problem> {
        let asking = parts.extensions.get::<Arc<Asking>>();
        let asking = asking.cloned().ok_or(RefusalCode::Unauthenticated)?;
        Ok(AsReader(asking))
    }
}

/// A JSON body, within its limit, without fields that nobody knows.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<JsonBody<T>, Problem> {
        if !is_json(request.headers()) {
            return Err(RefusalCode::UnsupportedMediaType.into());
        }
        let body = body(request).await?;
        Ok(JsonBody(misfit::json(&body)?))
    }
}

/// No body, or an empty object: an address without fields drops none silently.
pub(crate) struct NoBody;

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<NoBody, Problem> {
        let body = body(request).await?;
        let text = body.trim_ascii();
        if text.is_empty() || text == b"{}" {
            Ok(NoBody)
        } else {
            Err(bad("This request takes no body."))
        }
    }
}

async fn body(request: Request) -> Result<Bytes, Problem> {
    // Nothing is unpacked here: what is packed would be read as it is, or not at all (RFC 9110 §8.4).
    let codings = request.headers().get_all(header::CONTENT_ENCODING);
    if codings.iter().any(|coding| coding != "identity") {
        return Err(RefusalCode::UnsupportedMediaType.into());
    }
    request
        .extract::<Bytes, _>()
        .await
        .map_err(|error: BytesRejection| {
            if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
                RefusalCode::TooLarge.into()
            } else {
                bad("The body did not arrive whole.")
            }
        })
}

/// `application/json`, or another type with its syntax (RFC 6839).
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let kind = value
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let kind = kind.to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// What the path names. What is no id names nothing. `[RE5]`
pub(crate) struct Ids<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Ids<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Ids<T>, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(ids)) => Ok(Ids(ids)),
            Err(_) => Err(RefusalCode::NotFound.into()),
        }
    }
}

/// A user in a path; `me` stands for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserOrMe {
    User(UserId),
    Me,
}

impl UserOrMe {
    pub(crate) fn of(self, principal: &Principal) -> UserId {
        match self {
            UserOrMe::User(user) => user,
            UserOrMe::Me => principal.user,
        }
    }
}

impl<'de> Deserialize<'de> for UserOrMe {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<UserOrMe, D::Error> {
        let text = String::deserialize(d)?;
        if text == "me" {
            return Ok(UserOrMe::Me);
        }
        text.parse()
            .map(UserOrMe::User)
            .map_err(serde::de::Error::custom)
    }
}

/// The emoji of a path. Unlike an id it is the caller's own text, so what is wrong with it is said. `[LI2]`
///
/// # Errors
/// `bad_request`, with the rule.
pub(crate) fn emoji(text: &str) -> Result<Emoji, Problem> {
    text.parse()
        .map_err(|error: NameError| misfits(FieldError::parameter, "emoji", error.into()))
}

/// The query, without parameters that nobody knows.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Query<T>, Problem> {
        Ok(Query(misfit::query(parts.uri.query().unwrap_or_default())?))
    }
}

/// The client's id for a command, from `Idempotency-Key`. `[RE4]`
pub(crate) struct Txn(pub(crate) Option<TxnId>);

impl Txn {
    /// The one from the header or the one from the body.
    ///
    /// # Errors
    /// `bad_request` when both are there and differ.
    pub(crate) fn or(self, body: Option<TxnId>) -> Result<Option<TxnId>, Problem> {
        match (self.0, body) {
            (Some(header), Some(body)) if header != body => Err(bad_key(
                "`Idempotency-Key` and `txn` are two ids; give one.",
            )),
            (header, body) => Ok(header.or(body)),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Txn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Txn, Problem> {
        let mut values = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let (Some(value), more) = (values.next(), values.next()) else {
            return Ok(Txn(None));
        };
        if more.is_some() {
            return Err(bad_key("Give one `Idempotency-Key`."));
        }
        let text = value.to_str().unwrap_or_default();
        // The draft's form is a quoted string (RFC 9651); most clients send it bare.
        let bare = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or(text);
        match bare.parse() {
            Ok(txn) => Ok(Txn(Some(txn))),
            Err(error) => Err(bad_key(&format!("`Idempotency-Key`: {error}."))),
        }
    }
}

/// For an address whose answer holds a secret that is not kept, so that no retry can be given it again. `[RE4]`
pub(crate) struct NoTxn;

impl<S: Sync> FromRequestParts<S> for NoTxn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<NoTxn, Problem> {
        if parts.headers.contains_key(IDEMPOTENCY_KEY) {
            return Err(bad_key("This address takes no `Idempotency-Key`."));
        }
        Ok(NoTxn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use tidings_protocol::limits::BODY_BYTES_MAX;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[serde(default)]
        limit: Option<u32>,
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(future)
    }

    fn json(kind: &str, body: impl Into<Body>) -> Result<Sample, RefusalCode> {
        let request = http::Request::post("/")
            .header("content-type", kind)
            .body(body.into())
            .unwrap();
        run(JsonBody::<Sample>::from_request(request, &()))
            .map(|body| body.0)
            .map_err(|p| p.0.code)
    }

    #[test]
    fn a_body_is_json_with_known_fields() {
        // [RE8]
        assert_eq!(
            json("application/json", r#"{"limit":3}"#).unwrap().limit,
            Some(3)
        );
        assert!(json("application/json; charset=utf-8", "{}").is_ok());
        assert!(json("application/merge-patch+json", "{}").is_ok());
        for (kind, body) in [
            ("text/plain", "{}"),
            ("application/x-www-form-urlencoded", "limit=3"),
            ("multipart/form-data", "{}"),
            ("", "{}"),
        ] {
            let code = RefusalCode::UnsupportedMediaType;
            assert_eq!(json(kind, body).unwrap_err(), code, "{kind} {body}");
        }
        for (kind, body) in [
            ("application/json", ""),
            ("application/json", "[]"),
            ("application/json", "{} {}"),
            ("application/json", r#"{"limit":1,"limit":2}"#),
            ("application/json", r#"{"limt":1}"#),
            ("application/json", r#"{"limit":-1}"#),
            ("application/json", r#"{"limit":1e99}"#),
        ] {
            assert_eq!(
                json(kind, body).unwrap_err(),
                RefusalCode::BadRequest,
                "{kind} {body}"
            );
        }
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        assert_eq!(
            json("application/json", deep).unwrap_err(),
            RefusalCode::BadRequest
        );
        assert_eq!(
            json("application/json", vec![0xff; 8]).unwrap_err(),
            RefusalCode::BadRequest
        );
    }

    #[test]
    fn a_body_above_its_limit_is_too_large() {
        let large = vec![b' '; 3 * BODY_BYTES_MAX.max(1024 * 1024)];
        assert_eq!(
            json("application/json", large).unwrap_err(),
            RefusalCode::TooLarge
        );
    }

    #[test]
    fn an_address_without_fields_takes_no_body() {
        // [RE8]
        let of = |body: &'static str| {
            let request = http::Request::put("/").body(Body::from(body)).unwrap();
            run(NoBody::from_request(request, &())).is_ok()
        };
        assert!(of("") && of("{}") && of(" {}\n"));
        assert!(!of(r#"{"role":"owner"}"#) && !of("x"));
    }

    #[test]
    fn a_txn_comes_quoted_or_bare_and_once() {
        // [RE4]
        let of = |values: &[&str]| {
            let mut request = http::Request::post("/");
            for value in values {
                request = request.header(IDEMPOTENCY_KEY, *value);
            }
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            run(Txn::from_request_parts(&mut parts, &())).map(|txn| txn.0.map(|t| t.to_string()))
        };
        assert_eq!(of(&[]).unwrap(), None);
        assert_eq!(of(&["abc"]).unwrap().as_deref(), Some("abc"));
        assert_eq!(of(&["\"abc\""]).unwrap().as_deref(), Some("abc"));
        for wrong in [&[""][..], &["a b"], &["a", "b"], &["\"\""]] {
            assert!(of(wrong).is_err(), "{wrong:?}");
        }
        let txn = |text: &str| Some(text.parse::<TxnId>().unwrap());
        assert_eq!(Txn(txn("a")).or(None).unwrap(), txn("a"));
        assert_eq!(Txn(None).or(txn("b")).unwrap(), txn("b"));
        assert_eq!(Txn(txn("a")).or(txn("a")).unwrap(), txn("a"));
        assert!(Txn(txn("a")).or(txn("b")).is_err());
    }

    #[test]
    fn a_query_has_known_parameters() {
        let of = |uri: &str| {
            let (mut parts, ()) = http::Request::get(uri).body(()).unwrap().into_parts();
            run(Query::<Sample>::from_request_parts(&mut parts, &()))
                .map(|query| query.0.limit)
                .map_err(|problem| problem.0.message)
        };
        assert_eq!(of("/").unwrap(), None);
        assert_eq!(of("/?limit=7").unwrap(), Some(7));
        assert!(of("/?limt=7").unwrap_err().contains("limt"));
        assert!(
            of("/?limit=7&limit=8").is_err()
                && of("/?limit=-1").is_err()
                && of("/?limit=").is_err()
        );
    }
}

//! One device's way to the server: signing in, REST calls, and the connection.
//!
//! Owns: requests and how their answers and refusals are read. Never: retries; over REST that is the caller's choice,
//! and safe with the same `txn`. What must arrive goes through [`crate::Connection`].

mod calls;

use std::{sync::Arc, time::Duration};

use reqwest::{
    Method, StatusCode, Url,
    header::{AUTHORIZATION, HeaderMap},
    redirect::Policy,
};
use rustls::ClientConfig;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tidings_protocol::{Refusal, RefusalCode, rest::SignedIn};

pub use self::calls::MessagesAt;
pub use tidings_protocol::rest::{SignIn, SignUp};

use crate::{
    Connection, Error, Server, Updates,
    address::{Address, Token},
    connection::ConnectOptions,
};

/// Seconds for a connection, and for a whole answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A signed-in device. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) address: Address,
    pub(crate) token: Token,
    /// With this the socket is private; none over plain `http`.
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

/// Problem details (RFC 9457), as far as they are used here.
#[derive(Deserialize)]
struct Problem {
    code: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    request_id: Option<String>,
    retry_after_ms: Option<u64>,
    #[serde(default)]
    errors: Vec<tidings_protocol::FieldError>,
    room: Option<tidings_protocol::RoomId>,
}

impl Client {
    /// Creates an account and signs in: `POST /users`. The server is its address, or a [`Server`].
    ///
    /// # Errors
    /// `username_taken`, `bad_request`, or no answer.
    pub async fn sign_up<S, E>(server: S, account: &SignUp) -> Result<(Client, SignedIn), Error>
    where
        S: TryInto<Server, Error = E>,
        Error: From<E>,
    {
        Client::enter(server.try_into()?, &["users"], account).await
    }

    /// Signs in: `POST /devices`.
    ///
    /// # Errors
    /// `wrong_credentials`, or no answer.
    pub async fn sign_in<S, E>(server: S, account: &SignIn) -> Result<(Client, SignedIn), Error>
    where
        S: TryInto<Server, Error = E>,
        Error: From<E>,
    {
        Client::enter(server.try_into()?, &["devices"], account).await
    }

    /// A client for a token that was given before.
    ///
    /// # Errors
    /// When the address or the token cannot be used. Asks nobody; [`Client::me`] does.
    pub fn with_token<S, E>(server: S, token: impl Into<String>) -> Result<Client, Error>
    where
        S: TryInto<Server, Error = E>,
        Error: From<E>,
    {
        Client::of(server.try_into()?, Token::new(token))
    }

    fn of(server: Server, token: Token) -> Result<Client, Error> {
        let tls = server.tls()?;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, token.header()?);
        Ok(Client {
            http: http(headers, tls.as_deref())?,
            address: server.address,
            token,
            tls,
        })
    }

    async fn enter<B: Serialize>(
        server: Server,
        segments: &[&str],
        body: &B,
    ) -> Result<(Client, SignedIn), Error> {
        let url = server.address.of(segments);
        let http = http(HeaderMap::new(), server.tls()?.as_deref())?;
        let answer = http.post(url).json(body).send().await?;
        let signed_in: SignedIn = read(answer).await?.ok_or_else(no_body)?;
        let client = Client::of(server, Token::new(signed_in.token.clone()))?;
        Ok((client, signed_in))
    }

    /// The secret, to be kept for [`Client::with_token`]. It opens the account: treat it as a password.
    #[must_use]
    pub fn token(&self) -> &str {
        self.token.secret()
    }

    /// Starts a connection that lasts: it comes back by itself, and its commands happen once.
    ///
    /// # Errors
    /// When the outbox cannot be read, and when the first try shows that there is no way: [`Error::Stopped`] for a
    /// token that is none, [`Error::Certificate`]. A server that is away is no error: it is tried again, see
    /// [`Connection::ready`].
    pub async fn connect(&self, options: ConnectOptions) -> Result<(Connection, Updates), Error> {
        crate::connection::start(self.clone(), options).await
    }

    /// One call whose answer has a body.
    async fn ask<T: DeserializeOwned>(&self, method: Method, url: Url) -> Result<T, Error> {
        self.ask_maybe(method, url).await?.ok_or_else(no_body)
    }

    /// One call whose answer may be 204: nothing changed.
    async fn ask_maybe<T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
    ) -> Result<Option<T>, Error> {
        read(self.http.request(method, url).send().await?).await
    }

    /// One call with a body.
    async fn tell<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        body: &B,
    ) -> Result<Option<T>, Error> {
        read(self.http.request(method, url).json(body).send().await?).await
    }
}

fn http(headers: HeaderMap, tls: Option<&ClientConfig>) -> Result<reqwest::Client, Error> {
    // A redirect would carry the token to a place that nobody chose; a proxy would not carry the socket.
    let mut builder = reqwest::Client::builder()
        .default_headers(headers)
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT);
    if let Some(tls) = tls {
        builder = builder.tls_backend_preconfigured(tls.clone());
    }
    Ok(builder.build()?)
}

fn no_body() -> Error {
    Error::Answer("nothing where something was due".to_owned())
}

async fn read<T: DeserializeOwned>(answer: reqwest::Response) -> Result<Option<T>, Error> {
    let status = answer.status();
    if status == StatusCode::NO_CONTENT {
        return Ok(None);
    }
    let bytes = answer.bytes().await?;
    if status.is_success() {
        let value =
            serde_json::from_slice(&bytes).map_err(|error| Error::Answer(error.to_string()))?;
        return Ok(Some(value));
    }
    Err(refused(status, &bytes))
}

fn refused(status: StatusCode, bytes: &[u8]) -> Error {
    let Ok(problem) = serde_json::from_slice::<Problem>(bytes) else {
        return Error::Answer(format!(
            "status {status} without a problem that can be read"
        ));
    };
    let code = problem.code.as_deref().and_then(code_named);
    // A later version may know codes that this one does not; the status still tells the kind.
    let code = code.unwrap_or_else(|| code_of_status(status));
    let message = problem.detail.or(problem.title);
    Error::Refused {
        refusal: Box::new(Refusal {
            code,
            message: message.unwrap_or_else(|| code.message().to_owned()),
            retry_after_ms: problem.retry_after_ms,
            request_id: problem.request_id.clone(),
            errors: problem.errors,
            room: problem.room.map(Box::new),
        }),
        request_id: problem.request_id,
    }
}

fn code_named(text: &str) -> Option<RefusalCode> {
    let mut codes = RefusalCode::ALL.iter().copied();
    codes.find(|code| code.as_str() == text)
}

fn code_of_status(status: StatusCode) -> RefusalCode {
    // Of several codes with one status the plain one; more special ones are told by their names.
    let plain = [RefusalCode::Unauthenticated, RefusalCode::Forbidden];
    let mut codes = plain.into_iter().chain(RefusalCode::ALL.iter().copied());
    let same = codes.find(|code| code.status() == status.as_u16());
    same.unwrap_or(if status.is_server_error() {
        RefusalCode::Unavailable
    } else {
        RefusalCode::BadRequest
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_read_whatever_their_version() {
        // [RE3]
        let read = |status: u16, body: &str| {
            let error = refused(StatusCode::from_u16(status).unwrap(), body.as_bytes());
            let refusal = error.refusal().cloned();
            refusal.map(|r| (r.code, r.message, r.retry_after_ms))
        };
        let known = r#"{"type":"about:blank","status":429,"code":"rate_limited","detail":"Wait.","retry_after_ms":7}"#;
        assert_eq!(
            read(429, known),
            Some((RefusalCode::RateLimited, "Wait.".to_owned(), Some(7)))
        );
        let later = r#"{"code":"quota_of_next_year","title":"No"}"#;
        assert_eq!(
            read(403, later),
            Some((RefusalCode::Forbidden, "No".to_owned(), None))
        );
        assert_eq!(read(502, "{}").unwrap().0, RefusalCode::Unavailable);
        assert_eq!(read(502, "<html>"), None);
    }

    #[test]
    fn a_client_prints_no_token() {
        let client = Client::with_token("http://127.0.0.1:1", "secret-word").unwrap();
        assert!(!format!("{client:?}").contains("secret-word"));
        assert_eq!(client.token(), "secret-word");
    }
}

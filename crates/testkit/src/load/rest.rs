//! REST as a client of the tests speaks it: accounts, rooms, messages, the log.
//!
//! Owns: the requests, each made once. Never: tries again, except where it says so; a test decides what a no means.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde::{Serialize, de::DeserializeOwned};
use tidings_protocol::{
    Event, RoomId, RoomKind, RoomSummary, Seq, TxnId, UserId, Visibility,
    rest::{CreateRoom, Events, Messages, RoomAnswer, SendMessage, SignUp, SignedIn},
};

/// How long one request may take.
const REQUEST_WAIT: Duration = Duration::from_secs(20);
/// Between two tries of a request that was made to a node which is coming up.
const TRY_AGAIN: Duration = Duration::from_millis(50);

/// Who speaks, and where to.
#[derive(Debug, Clone)]
pub struct Rest {
    http: reqwest::Client,
    /// The node.
    pub address: SocketAddr,
    /// Whose token.
    pub user: UserId,
    /// The token.
    pub token: String,
}

/// A no, or no answer at all.
#[derive(Debug, Clone)]
pub struct RestError(pub String);

impl std::fmt::Display for RestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<reqwest::Error> for RestError {
    fn from(error: reqwest::Error) -> RestError {
        RestError(format!("{error:?}"))
    }
}

type Result<T> = std::result::Result<T, RestError>;

/// A client without idle connections: after a kill none of them would be worth anything.
pub(super) fn http() -> reqwest::Client {
    let builder = reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .no_proxy();
    builder.build().expect("a client without TLS")
}

impl Rest {
    /// Makes an account at a node.
    ///
    /// # Errors
    /// The refusal, or that there was no answer.
    pub async fn sign_up(address: SocketAddr, username: &str) -> Result<Rest> {
        let http = http();
        let body = SignUp {
            username: username.parse().map_err(|e| RestError(format!("{e}")))?,
            password: "correct horse battery".to_owned(),
            display_name: None,
            device_name: None,
        };
        let request = http
            .post(format!("http://{address}/api/v1/users"))
            .json(&body);
        let signed: SignedIn = answer(request).await?;
        Ok(Rest {
            http,
            address,
            user: signed.user.id,
            token: signed.token,
        })
    }

    /// The same user at another node.
    #[must_use]
    pub fn at(&self, address: SocketAddr) -> Rest {
        Rest {
            address,
            ..self.clone()
        }
    }

    /// Makes a public channel.
    ///
    /// # Errors
    /// As every request.
    pub async fn create_channel(&self, name: &str) -> Result<RoomId> {
        let body = CreateRoom {
            kind: RoomKind::Channel,
            name: Some(name.parse().map_err(|e| RestError(format!("{e}")))?),
            visibility: Some(Visibility::Public),
            members: Vec::new(),
            txn: None,
        };
        let made: RoomAnswer = self.post("rooms", &body).await?;
        Ok(made.room.id)
    }

    /// Becomes a member.
    ///
    /// # Errors
    /// As every request.
    pub async fn join(&self, room: RoomId) -> Result<()> {
        let request = self.http.put(self.url(&format!("rooms/{room}/members/me")));
        sent(request.bearer_auth(&self.token)).await.map(drop)
    }

    /// Sends a message; the answer is its event.
    ///
    /// # Errors
    /// As every request.
    pub async fn send(&self, room: RoomId, txn: &TxnId, text: &str) -> Result<Event> {
        let body = SendMessage {
            txn: Some(txn.clone()),
            text: Some(text.parse().map_err(|e| RestError(format!("{e}")))?),
            content: None,
        };
        self.post(&format!("rooms/{room}/messages"), &body).await
    }

    /// The room as this user sees it.
    ///
    /// # Errors
    /// As every request.
    pub async fn room(&self, room: RoomId) -> Result<RoomSummary> {
        let found: RoomAnswer = self.get(&format!("rooms/{room}")).await?;
        Ok(found.room)
    }

    /// The messages after a `seq`.
    ///
    /// # Errors
    /// As every request.
    pub async fn messages(&self, room: RoomId, after: Seq) -> Result<Messages> {
        self.get(&format!("rooms/{room}/messages?after={after}"))
            .await
    }

    /// One page of the log.
    ///
    /// # Errors
    /// As every request.
    pub async fn events(&self, room: RoomId, after: Seq) -> Result<Events> {
        self.get(&format!("rooms/{room}/events?after={after}&limit=200"))
            .await
    }

    /// The whole log. A request that fails is made again for so long.
    ///
    /// # Errors
    /// The last one's.
    pub async fn log(&self, room: RoomId, patience: Duration) -> Result<Vec<Event>> {
        let began = Instant::now();
        let mut log: Vec<Event> = Vec::new();
        loop {
            let after = log.last().map_or(Seq::ZERO, |event| event.seq);
            match self.events(room, after).await {
                Ok(page) if page.events.is_empty() => return Ok(log),
                Ok(page) => log.extend(page.events),
                Err(error) if began.elapsed() > patience => return Err(error),
                Err(_) => tokio::time::sleep(TRY_AGAIN).await,
            }
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1/{path}", self.address)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        answer(self.http.get(self.url(path)).bearer_auth(&self.token)).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        answer(
            self.http
                .post(self.url(path))
                .bearer_auth(&self.token)
                .json(body),
        )
        .await
    }
}

async fn sent(request: reqwest::RequestBuilder) -> Result<reqwest::Response> {
    let response = request.timeout(REQUEST_WAIT).send().await?;
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    Err(RestError(format!(
        "{status}: {}",
        response.text().await.unwrap_or_default()
    )))
}

async fn answer<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T> {
    Ok(sent(request).await?.json().await?)
}

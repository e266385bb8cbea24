//! A node on a database of its own, asked through its router without a network.
//!
//! Owns: making users without paying for passwords, and answers in a form that tests compare.
//! Never: reaches around the router for what a test asserts.

use std::sync::Arc;

use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tidings_core::{AddDevice, CreateUser};
use tidings_engine::Inbox;
use tidings_protocol::{DeviceId, UserId, UserKind};
use tidings_server::{
    auth::{ClientAddress, token::Token},
    config::{Config, Settings},
    http::router,
    node::Node,
};
use tower::ServiceExt;

/// A node with its router.
pub(crate) struct Server {
    pub(crate) node: Arc<Node>,
    router: Router,
    _folder: tempfile::TempDir,
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Someone {
    pub(crate) id: UserId,
    pub(crate) device: DeviceId,
    pub(crate) token: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The refusal's code, after checking that it is a whole problem. `[RE3]`
    pub(crate) fn code(&self) -> String {
        assert_eq!(
            self.headers["content-type"], "application/problem+json",
            "{}",
            self.text
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16(), "{problem}");
        assert_eq!(
            problem["request_id"],
            self.headers["x-request-id"].to_str().expect("ASCII")
        );
        let code = problem["code"].as_str().expect("a code").to_owned();
        assert_eq!(problem["type"], format!("urn:tidings:refusal:{code}"));
        assert!(problem["title"].is_string() && problem["detail"].is_string());
        code
    }

    /// The status and the whole body but for the request's id: what two answers must share to look the same.
    pub(crate) fn look(&self) -> (StatusCode, Value) {
        let mut body = self.json();
        body.as_object_mut()
            .expect("an object")
            .remove("request_id");
        (self.status, body)
    }

    /// The body, after checking the status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// Checks that it is a refusal with this code.
    #[track_caller]
    pub(crate) fn refuses(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), self.code().as_str()),
            (status, code),
            "{}",
            self.text
        );
    }
}

/// A request being made.
pub(crate) struct Call<'a> {
    server: &'a Server,
    request: http::request::Builder,
    body: Body,
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn by(self, someone: &Someone) -> Self {
        let bearer = format!("Bearer {}", someone.token);
        self.header("authorization", &bearer)
    }

    pub(crate) fn cookie(self, someone: &Someone) -> Self {
        let cookie = format!("tidings_token={}", someone.token);
        self.header("cookie", &cookie)
    }

    pub(crate) fn from(mut self, address: &str) -> Self {
        let address = ClientAddress(address.parse().expect("an address"));
        self.request = self.request.extension(address);
        self
    }

    pub(crate) fn json(mut self, body: &Value) -> Self {
        self.body = Body::from(body.to_string());
        self.header("content-type", "application/json")
    }

    pub(crate) fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) async fn send(self) -> Answer {
        let request = self.request.body(self.body).expect("a sound request");
        let (method, address) = (request.method().clone(), request.uri().to_string());
        let response = self
            .server
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("never fails");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).expect("text"),
        };
        if method != Method::HEAD {
            crate::schema::judge(method.as_str(), &address, &answer);
        }
        answer
    }
}

impl Server {
    /// With settings under which no test meets a budget by accident.
    pub(crate) async fn start() -> Server {
        Server::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Server {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings {
            data: Some(folder.path().to_owned()),
            password_threads: Some(1),
            sign_ins_per_minute: settings.sign_ins_per_minute.or(Some(10_000)),
            commands_per_second: settings.commands_per_second.or(Some(10_000)),
            ..settings
        };
        let config = Config::load(None, settings).expect("sound settings");
        let node = Node::start(config, vec![Arc::new(Inbox::default())])
            .await
            .expect("a node");
        Server {
            router: router(Arc::clone(&node)),
            node,
            _folder: folder,
        }
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> Call<'_> {
        let method: Method = method.parse().expect("a method");
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "chat.example.org");
        Call {
            server: self,
            request,
            body: Body::empty(),
        }
    }

    /// `GET` by somebody.
    pub(crate) async fn get(&self, path: &str, by: &Someone) -> Answer {
        self.call("GET", path).by(by).send().await
    }

    /// A request with a JSON body by somebody.
    pub(crate) async fn say(&self, method: &str, path: &str, by: &Someone, body: &Value) -> Answer {
        self.call(method, path).by(by).json(body).send().await
    }

    /// A request without a body by somebody.
    pub(crate) async fn ask(&self, method: &str, path: &str, by: &Someone) -> Answer {
        self.call(method, path).by(by).send().await
    }

    /// An account without a password, signed in, straight through the door.
    pub(crate) async fn user(&self, name: &str) -> Someone {
        let id = UserId::from_bits(uuid::Uuid::now_v7().as_u128());
        let create = CreateUser {
            only_first: false,
            user: id,
            username: name.parse().expect("a username"),
            display_name: name.parse().expect("a display name"),
            kind: UserKind::Person,
            password_hash: String::new(),
        };
        self.node
            .submit(id, None, create)
            .await
            .expect("an account");
        self.device(id).await
    }

    /// One more device of an account.
    pub(crate) async fn device(&self, user: UserId) -> Someone {
        let device = DeviceId::from_bits(uuid::Uuid::now_v7().as_u128());
        let token = Token::fresh().expect("randomness");
        let add = AddDevice {
            device,
            name: "test".to_owned(),
            token_hash: token.hash(),
            checked_hash: None,
        };
        self.node.submit(user, None, add).await.expect("a device");
        Someone {
            id: user,
            device,
            token: token.reveal(),
        }
    }

    /// A room, by its id as text.
    pub(crate) async fn room(&self, by: &Someone, body: Value) -> String {
        let answer = self
            .say("POST", "/api/v1/rooms", by, &body)
            .await
            .expect(201);
        answer["room"]["id"].as_str().expect("an id").to_owned()
    }

    /// A public channel.
    pub(crate) async fn channel(&self, by: &Someone, name: &str) -> String {
        self.room(
            by,
            json!({ "kind": "channel", "name": name, "visibility": "public" }),
        )
        .await
    }

    /// A group with these members.
    pub(crate) async fn group(&self, by: &Someone, others: &[&Someone]) -> String {
        let members: Vec<String> = others.iter().map(|other| other.id.to_string()).collect();
        self.room(by, json!({ "kind": "group", "members": members }))
            .await
    }

    /// A message; its event.
    pub(crate) async fn message(&self, by: &Someone, room: &str, text: &str) -> Value {
        let path = format!("/api/v1/rooms/{room}/messages");
        self.say("POST", &path, by, &json!({ "text": text }))
            .await
            .expect(201)
    }
}

/// An id of this kind that nothing has.
pub(crate) fn nothing(prefix: &str) -> String {
    format!("{prefix}_01h455vb4pex5vsknk084sn02q")
}

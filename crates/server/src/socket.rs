//! The WebSocket door: the handshake, then the raw socket. `[FR1]`
//!
//! Owns: the upgrade (RFC 6455 §4, RFC 7692 §5) and the one small task that an idle connection is.
//! Never: keeps hyper's buffers; after the upgrade only the socket is left.

use std::{rc::Rc, sync::Arc};

use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper_util::rt::TokioIo;
use tidings_engine::Format;
use tidings_protocol::{
    CloseCode, Refusal, RefusalCode,
    frame::{SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK},
};
use tidings_websocket::{Decoder, Role, handshake};
use tokio::net::TcpStream;

use crate::{
    auth::{self, limits::seats::Stranger},
    metrics::{Connection, ConnectionOpen},
    node::Node,
    problem::Problem,
    reactor::{self, Core, Flow, Steady},
    wire::{AnyWire, SocketWire},
};

/// `GET /api/v1/socket`.
pub async fn upgrade(State(node): State<Arc<Node>>, mut request: Request) -> Response {
    if node.is_draining() {
        return Problem::from(Refusal::new(RefusalCode::Unavailable).retry_after_ms(1_000))
            .into_response();
    }
    let headers = request.headers();
    let accept = match accept_key(headers) {
        Ok(accept) => accept,
        Err(error) => {
            let is_asked_to_upgrade = error.status() == 426;
            let refusal = if is_asked_to_upgrade {
                RefusalCode::UpgradeRequired.into()
            } else {
                Refusal::with_message(RefusalCode::BadRequest, error.to_string())
            };
            let mut response = Problem::from(refusal).into_response();
            if is_asked_to_upgrade {
                response.headers_mut().insert(
                    "sec-websocket-version",
                    HeaderValue::from_static(handshake::VERSION),
                );
                response
                    .headers_mut()
                    .insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            }
            return response;
        }
    };
    let token = match auth::handshake_token(&node.config, headers) {
        Ok(token) => token.map(String::into_boxed_str),
        Err(refusal) => return Problem::from(refusal).into_response(),
    };
    let Some((subprotocol, binary)) = choose(headers) else {
        let sentence =
            format!("The subprotocols here are {SUBPROTOCOL_JSON} and {SUBPROTOCOL_MSGPACK}.");
        return Problem::from(Refusal::with_message(RefusalCode::BadRequest, sentence))
            .into_response();
    };
    let offers = headers
        .get_all("sec-websocket-extensions")
        .iter()
        .map(HeaderValue::as_bytes);
    let deflate = match handshake::negotiate_deflate(offers) {
        Ok(deflate) => deflate,
        Err(error) => {
            return Problem::from(Refusal::with_message(
                RefusalCode::BadRequest,
                error.to_string(),
            ))
            .into_response();
        }
    };
    // Broadcasts are compressed once, with the full window; who keeps us to less gets them as they are.
    let compressed = deflate.is_some_and(|deflate| deflate.window_bits() == 15);
    let format = match (binary, compressed) {
        (false, false) => Format::Json,
        (false, true) => Format::JsonDeflate,
        (true, false) => Format::Msgpack,
        (true, true) => Format::MsgpackDeflate,
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let out = response.headers_mut();
    out.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    out.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        out.insert("sec-websocket-accept", accept);
    }
    if let Some(subprotocol) = subprotocol {
        out.insert(
            "sec-websocket-protocol",
            HeaderValue::from_static(subprotocol),
        );
    }
    if let Some(deflate) = &deflate
        && let Ok(extensions) = HeaderValue::from_str(&deflate.response())
    {
        out.insert("sec-websocket-extensions", extensions);
    }
    let stranger = request.extensions_mut().remove::<Stranger>();
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::task::spawn_local(async move {
        match upgrade
            .await
            .map(|upgraded| upgraded.downcast::<TokioIo<Steady<TcpStream>>>())
        {
            Ok(Ok(parts)) => begin(
                parts.io.into_inner().into_inner(),
                parts.read_buf,
                format,
                deflate.is_some(),
                Unknown { token, stranger },
            ),
            Ok(Err(_)) => tracing::error!("an upgraded connection is not a socket"),
            Err(error) => tracing::debug!(%error, "an upgrade did not come to pass"),
        }
    });
    response
}

/// Checks the handshake and makes the accept key.
///
/// # Errors
/// What the request lacks.
pub fn accept_key(headers: &HeaderMap) -> Result<String, handshake::HandshakeError> {
    let bytes = |name: &str| headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
    handshake::Request {
        connection: bytes("connection"),
        upgrade: bytes("upgrade"),
        version: bytes("sec-websocket-version"),
        key: bytes("sec-websocket-key"),
    }
    .accept()
}

/// The subprotocol, and whether it is binary. None when the client offers only others; JSON when it offers none.
fn choose(headers: &HeaderMap) -> Option<(Option<&'static str>, bool)> {
    let offered: Vec<&str> = headers
        .get_all("sec-websocket-protocol")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    if offered.is_empty() {
        return Some((None, false));
    }
    offered.iter().find_map(|name| match *name {
        SUBPROTOCOL_JSON => Some((Some(SUBPROTOCOL_JSON), false)),
        SUBPROTOCOL_MSGPACK => Some((Some(SUBPROTOCOL_MSGPACK), true)),
        _ => None,
    })
}

/// What a socket is until its `hello`.
struct Unknown {
    token: Option<Box<str>>,
    stranger: Option<Stranger>,
}

fn begin(stream: TcpStream, early: Bytes, format: Format, inflate: bool, unknown: Unknown) {
    let stream = Rc::new(stream);
    let end = unknown.stranger.as_ref().map(|stranger| stranger.0.end());
    let mut wire = SocketWire::new(Rc::clone(&stream), format, unknown.token);
    wire.stranger = unknown.stranger;
    let mut decoder = Decoder::new(Role::Server, inflate);
    reactor::with_core(|core| {
        let id = core.act(|hub| {
            let id = hub.connect(AnyWire::Socket(wire));
            if let Some(AnyWire::Socket(wire)) = hub.wire(id) {
                wire.belongs_to(id);
            }
            id
        });
        if let Some(end) = end {
            // A task of its own, gone with the `hello`: the one that the connection keeps stays small.
            let core = Rc::clone(core);
            tokio::task::spawn_local(async move {
                if end.ended().await {
                    core.act(|hub| hub.close(id, CloseCode::RateLimited));
                }
            });
        }
        if !early.is_empty() {
            core.contain_session(id, || {
                core.read_early(id, &early, &mut decoder);
                Flow::Go
            });
        }
        let open = core.node.metrics.connection(Connection::Socket);
        tokio::task::spawn_local(drive(Rc::clone(core), id, stream, decoder, open));
    });
}

/// The life of a connection: wait until there is something to read, read it into the core's buffer. A wire that is full
/// is not read from, so a client that does not read cannot make the server hold more for it.
async fn drive(
    core: Rc<Core>,
    id: tidings_engine::PeerId,
    stream: Rc<TcpStream>,
    mut decoder: Decoder,
    _open: ConnectionOpen,
) {
    loop {
        if core.is_full(id) {
            if stream.writable().await.is_err() {
                break;
            }
            core.flush(id);
            if core.is_broken(id) {
                break;
            }
        } else {
            if stream.readable().await.is_err() {
                break;
            }
            let flow = core.contain_session(id, || core.read(id, &stream, &mut decoder));
            if flow == Flow::End {
                break;
            }
        }
    }
    core.disconnect(id);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of what an async function with these arguments makes.
    const fn future_bytes<A, B, C, D, E, F: Future>(_: &impl Fn(A, B, C, D, E) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_connection_is_a_small_task() {
        // The largest part of what a connection costs while nothing happens; it must not grow unseen.
        let bytes = future_bytes(&drive);
        assert!(bytes <= 256, "{bytes} bytes");
    }

    #[test]
    fn subprotocols_are_chosen_from_what_is_offered() {
        // [FR1]
        let headers = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("sec-websocket-protocol", value.parse().unwrap());
            headers
        };
        assert_eq!(choose(&HeaderMap::new()), Some((None, false)));
        assert_eq!(
            choose(&headers("x, tidings.v1.msgpack")),
            Some((Some(SUBPROTOCOL_MSGPACK), true))
        );
        assert_eq!(
            choose(&headers("tidings.v1.json")),
            Some((Some(SUBPROTOCOL_JSON), false))
        );
        assert_eq!(choose(&headers("graphql-ws")), None);
    }
}

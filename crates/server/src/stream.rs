//! The stream for those without WebSockets: server-sent events and long poll, on the same cursor.
//!
//! Owns: `GET /api/v1/events`. Never: differs from the socket in what is sent; only the wire is another.

use std::{
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use http::{Extensions, HeaderMap, HeaderValue, Uri, header};
use http_body::Frame;
use serde::Deserialize;
use tidings_engine::{Hello, PeerId};
use tidings_protocol::{
    CloseCode, Follow, Refusal, RefusalCode,
    close::ComeBack,
    limits::{POLL_WAIT_MS_MAX, STREAM_RETRY_MS},
};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::{
    auth::{self, Principal, limits::seats::Stranger},
    http::{admit, edge::Actor},
    metrics::{Connection, ConnectionOpen},
    misfit,
    node::Node,
    problem::Problem,
    reactor,
    wire::{AnyWire, PollWire, STREAM_PIECES_MAX, StreamWire},
};

/// What `GET /api/v1/events` may ask for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// The cursor to go on from; `Last-Event-ID` goes before it.
    since: Option<String>,
    /// `sse` (the default) or `poll`.
    live: Option<Live>,
}

/// How news comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Live {
    /// As server-sent events, until one side ends it.
    Sse,
    /// As one answer, as soon as there is something.
    Poll,
}

/// Hear what happens
///
/// As server-sent events until one side ends it, each with a cursor as its `id`; or with `live=poll` one answer, as soon
/// as there is something. Frames are those of the socket.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    tag = "stream",
    params(EventsQuery, ("Last-Event-ID" = Option<String>, Header, description = "The cursor to go on from")),
    responses(
        (status = 200, description = "A stream of frames, or with `live=poll` one answer",
            content((tidings_protocol::rest::Poll = "application/json"), (String = "text/event-stream"))),
    ),
    security(("bearer" = []), ("cookie" = []))
)]
pub async fn events(
    State(node): State<Arc<Node>>,
    extensions: Extensions,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let query: EventsQuery = match misfit::query(uri.query().unwrap_or_default()) {
        Ok(query) => query,
        Err(refusal) => return problem(refusal),
    };
    if node.is_draining() {
        return problem(unavailable());
    }
    let principal = match auth::authenticate(&node, &headers).await {
        Ok(principal) => principal,
        Err(refusal) => return problem(refusal),
    };
    Stranger::is_known(&extensions, principal.user);
    let last = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok())
        .filter(|value| !value.is_empty());
    let since = last.map(str::to_owned).or(query.since);
    let user = principal.user;
    let (mut response, budget) = match auth::limits::session(&node, user, since.is_none()) {
        Err(refusal) => (problem(refusal), node.limits.nothing_left()),
        Ok(budget) => {
            let response = match query.live {
                Some(Live::Poll) => poll(principal, since).await,
                _ => sse(principal, since),
            };
            (response, budget)
        }
    };
    admit::tell(response.headers_mut(), budget);
    response.extensions_mut().insert(Actor(user));
    response
}

fn problem(refusal: Refusal) -> Response {
    Problem::from(refusal).into_response()
}

fn hello(since: Option<String>) -> Hello {
    Hello {
        since,
        follow: Follow::All,
        open: Vec::new(),
        user_seq: None,
    }
}

fn sse(principal: Principal, since: Option<String>) -> Response {
    let (sender, receiver) = mpsc::channel(STREAM_PIECES_MAX);
    let id = reactor::with_core(|core| {
        let id = core.act(|hub| hub.connect(AnyWire::Stream(StreamWire::new(sender))));
        let core = Rc::clone(core);
        tokio::task::spawn_local(async move {
            core.greet(id, principal.user, principal.device, hello(since))
                .await;
        });
        id
    });
    let open = reactor::with_core(|core| core.node.metrics.connection(Connection::Sse));
    let mut response = Response::new(Body::new(StreamBody {
        receiver,
        peer: Guard(id),
        _open: open,
    }));
    let out = response.headers_mut();
    out.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    out.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    // Proxies that buffer would hold news back.
    out.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Ends the session when the request is gone, however it went.
struct Guard(PeerId);

impl Drop for Guard {
    fn drop(&mut self) {
        let id = self.0;
        // Not at once: the body may be dropped while the core is at work.
        tokio::task::spawn_local(async move { reactor::with_core(|core| core.disconnect(id)) });
    }
}

/// The body of an SSE answer: what the hub handed to its wire.
struct StreamBody {
    receiver: mpsc::Receiver<Bytes>,
    peer: Guard,
    _open: ConnectionOpen,
}

impl http_body::Body for StreamBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let next = self.receiver.poll_recv(context);
        if let Poll::Ready(Some(piece)) = &next {
            let (id, bytes) = (self.peer.0, piece.len());
            reactor::with_core(|core| core.took(id, bytes));
        }
        next.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// One answer of a long poll. The hub lives on this thread alone, so the waiting is done by a task of it.
async fn poll(principal: Principal, since: Option<String>) -> Response {
    let (mut sender, receiver) = oneshot::channel();
    tokio::task::spawn_local(async move {
        // When the client has gone away nobody hears the answer, and it will ask again.
        let answer = tokio::select! {
            answer = answer(principal, since) => answer,
            () = sender.closed() => return,
        };
        let _ = sender.send(answer);
    });
    match receiver.await {
        Ok(Ok(body)) => {
            let mut response = Response::new(Body::from(body));
            let out = response.headers_mut();
            out.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            );
            out.insert(
                header::CACHE_CONTROL,
                HeaderValue::from_static("private, no-store"),
            );
            response
        }
        Ok(Err(refusal)) => problem(refusal),
        Err(_) => problem(unavailable()),
    }
}

async fn answer(principal: Principal, since: Option<String>) -> Result<Bytes, Refusal> {
    let wake = Rc::new(Notify::new());
    let fresh = since.is_none();
    let id = reactor::with_core(|core| {
        let id = core.act(|hub| hub.connect(AnyWire::Poll(PollWire::new(Rc::clone(&wake)))));
        let core = Rc::clone(core);
        tokio::task::spawn_local(async move {
            core.greet(id, principal.user, principal.device, hello(since))
                .await;
        });
        id
    });
    let _guard = Guard(id);
    let _open = reactor::with_core(|core| core.node.metrics.connection(Connection::Poll));
    let until = tokio::time::Instant::now() + Duration::from_millis(POLL_WAIT_MS_MAX);
    loop {
        let look = reactor::with_core(|core| core.poll_state(id));
        let late = tokio::time::Instant::now() >= until;
        match look {
            // `ready` without a cursor, or `reset`: the state is the answer.
            PollState::Begun { reset, events } if fresh || reset || events > 0 || late => break,
            PollState::Ended(code) => return Err(refusal_of(code)),
            PollState::Waiting | PollState::Begun { .. } if late => return Err(unavailable()),
            PollState::Waiting | PollState::Begun { .. } => {}
        }
        // Every frame wakes, and the end of the session. Late is no fault.
        let _ = tokio::time::timeout_at(until, wake.notified()).await;
    }
    reactor::with_core(|core| core.take_poll(id, fresh)).ok_or_else(unavailable)
}

/// What an answer says when the session was ended instead. Only a token that is worth nothing sends a client away.
fn refusal_of(code: CloseCode) -> Refusal {
    match code.come_back() {
        ComeBack::Never => RefusalCode::Unauthenticated.into(),
        ComeBack::Later if code != CloseCode::Unavailable => RefusalCode::Internal.into(),
        ComeBack::Now | ComeBack::Later => unavailable(),
    }
}

fn unavailable() -> Refusal {
    Refusal::new(RefusalCode::Unavailable).retry_after_ms(STREAM_RETRY_MS)
}

/// How far a long poll has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollState {
    /// Its state is being read.
    Waiting,
    /// It has begun; this many events are there.
    Begun {
        /// The state is to replace what the client holds.
        reset: bool,
        /// Events so far.
        events: usize,
    },
    /// The session was ended from this side.
    Ended(CloseCode),
}

/// Puts the frames of an answer together.
#[must_use]
pub fn poll_body(frames: &[Bytes], cursor: &tidings_protocol::Cursor) -> Bytes {
    let mut body = BytesMut::from(&b"{\"frames\":["[..]);
    for (index, frame) in frames.iter().enumerate() {
        if index > 0 {
            body.extend_from_slice(b",");
        }
        body.extend_from_slice(frame);
    }
    body.extend_from_slice(format!("],\"cursor\":\"{cursor}\"}}").as_bytes());
    body.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_whose_session_ended_for_a_while_is_told_to_come_again() {
        // [LP1] [CL1]
        for (code, refusal) in [
            (CloseCode::Restarting, RefusalCode::Unavailable),
            (CloseCode::Unavailable, RefusalCode::Unavailable),
            (CloseCode::Internal, RefusalCode::Internal),
            (CloseCode::DeviceRemoved, RefusalCode::Unauthenticated),
        ] {
            let found = refusal_of(code);
            assert_eq!(found.code, refusal, "{code:?}");
            let waits = refusal == RefusalCode::Unavailable;
            assert_eq!(found.retry_after_ms.is_some(), waits, "{code:?}");
        }
    }
}

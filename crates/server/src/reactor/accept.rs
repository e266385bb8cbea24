//! Accepting connections and speaking HTTP on them until they are upgraded or end.
//!
//! Owns: the accept loop of one core. Never: reads a request body or a frame itself.

use std::{convert::Infallible, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tidings_engine::Seldom;
use tidings_protocol::limits::{REQUEST_HEAD_BYTES_MAX, REQUEST_HEAD_MS_MAX};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};
use tower::ServiceExt;

use super::{Core, steady::Steady};
use crate::{
    auth::{
        ClientAddress,
        limits::seats::{End, Seat, Stranger},
    },
    http,
    metrics::{Connection, ConnectionOpen},
    node::Node,
};

/// Bytes the kernel may hold for one connection that does not read (the kernel doubles it, and counts what its own
/// bookkeeping takes, which differs from one to the next). With the one partial write that a socket's wire keeps, or the
/// few pieces of a stream, one that is stalled stays below 256 KiB.
const SEND_BUFFER_BYTES: usize = 32 * 1024;
/// How long the loop rests when the process is out of files.
const ACCEPT_REST: Duration = Duration::from_millis(50);
/// All cores meet it, twenty times a second.
static FULL: Seldom = Seldom::new();
/// How long requests under way have to end when the node drains.
const REQUESTS_WAIT: Duration = Duration::from_secs(5);

/// Accepts until the node drains, then lets requests under way end.
pub(super) async fn accept(
    core: Rc<Core>,
    listener: TcpListener,
    mut drain: watch::Receiver<bool>,
) {
    let router = http::router(Arc::clone(&core.node));
    // Each connection holds a sender; when the last is dropped, all have ended.
    let (alive, mut ended) = mpsc::channel::<Infallible>(1);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = drain.wait_for(|drain| *drain) => break,
        };
        match accepted {
            Ok((stream, address)) => {
                // Before its head is read, and at the cost of the file for this moment alone.
                let Some(seat) = seat(&core.node, address) else {
                    core.node.metrics.stranger_turned_away();
                    continue;
                };
                prepare(&stream);
                let open = core.node.metrics.connection(Connection::Http);
                serve(
                    open,
                    drain.clone(),
                    alive.clone(),
                    router.clone(),
                    stream,
                    (address, seat),
                );
            }
            Err(error) => {
                if let Some(left_out) = FULL.due() {
                    tracing::warn!(%error, left_out, "cannot accept connections; those that come wait");
                }
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
    drop(listener);
    drop(alive);
    // Streams and polls are requests, too: they end when their sessions are told to.
    core.tell_to_come_back();
    if tokio::time::timeout(REQUESTS_WAIT, ended.recv())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not end in time");
    }
}

/// A stranger's seat for a connection; none is needed for a proxy of the settings, whose connections are many people's.
/// The outer none: there is no seat.
fn seat(node: &Node, address: SocketAddr) -> Option<Option<Arc<Seat>>> {
    let ip = address.ip().to_canonical();
    let trusted = &node.config.trusted_proxies;
    if trusted.iter().any(|network| network.contains(&ip)) {
        return Some(None);
    }
    node.seats.take(ip).map(|seat| Some(Arc::new(seat)))
}

/// Waits until a stranger's connection has to give way to another.
async fn gives_way(end: Option<Arc<End>>) {
    if let Some(end) = end
        && end.ended().await
    {
        return;
    }
    std::future::pending().await
}

fn prepare(stream: &TcpStream) {
    // Small frames must not wait for each other.
    let _ = stream.set_nodelay(true);
    // Without a bound the kernel would take megabytes for a reader that does not read.
    if let Err(error) = socket2::SockRef::from(stream).set_send_buffer_size(SEND_BUFFER_BYTES) {
        tracing::debug!(%error, "cannot bound a send buffer");
    }
}

fn serve(
    open: ConnectionOpen,
    mut drain: watch::Receiver<bool>,
    alive: mpsc::Sender<Infallible>,
    router: axum::Router,
    stream: TcpStream,
    (address, seat): (SocketAddr, Option<Arc<Seat>>),
) {
    let end = seat.as_ref().map(|seat| seat.end());
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (router, seat) = (router.clone(), seat.clone());
        async move {
            let mut request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(ClientAddress(address));
            if let Some(seat) = &seat {
                seat.is_answered();
                request.extensions_mut().insert(Stranger(Arc::clone(seat)));
            }
            let response = router.oneshot(request).await;
            if let Some(seat) = &seat {
                seat.waits();
            }
            Ok::<_, Infallible>(response.unwrap_or_else(|never| match never {}))
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(REQUEST_HEAD_MS_MAX))
        // It also bounds what a stream's reader has not taken.
        .max_buf_size(REQUEST_HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(Steady::new(stream)), service)
        .with_upgrades();
    tokio::task::spawn_local(async move {
        let _alive = (alive, open);
        let mut connection = std::pin::pin!(connection);
        let result = tokio::select! {
            result = connection.as_mut() => result,
            () = gives_way(end) => return,
            _ = drain.wait_for(|drain| *drain) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}

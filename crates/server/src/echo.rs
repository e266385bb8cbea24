//! A server that echoes WebSocket messages, so that the conformance suite can judge the codec and the handshake.
//!
//! Owns: nothing of the product; it exists for `make test`. Never: runs as part of `serve`.

use std::net::SocketAddr;

use bytes::BytesMut;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Empty;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tidings_websocket::{Decoder, Deflater, Limits, Message, Role, Scratch, handshake};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{output, socket::accept_key};

/// The suite's largest message is 16 MiB.
const LIMITS: Limits = Limits {
    max_message_bytes: 32 << 20,
    max_frame_bytes: 32 << 20,
    max_fragments: 1 << 20,
};

/// Listens and echoes until the process is ended.
///
/// # Errors
/// When the address cannot be listened on.
pub fn run(listen: SocketAddr) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind(listen).await?;
        output::line(format_args!(
            "listening on http://{}",
            listener.local_addr()?
        ))?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(async move {
                let http = hyper::server::conn::http1::Builder::new();
                let connection = http
                    .serve_connection(TokioIo::new(stream), service_fn(answer))
                    .with_upgrades();
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection ended early");
                }
            });
        }
    })
}

async fn answer(
    mut request: hyper::Request<Incoming>,
) -> Result<Response<Empty<bytes::Bytes>>, http::Error> {
    let Ok(accept) = accept_key(request.headers()) else {
        return Response::builder()
            .status(StatusCode::BAD_REQUEST)
            .body(Empty::new());
    };
    let offers = request
        .headers()
        .get_all("sec-websocket-extensions")
        .iter()
        .map(HeaderValue::as_bytes);
    let deflate = handshake::negotiate_deflate(offers).ok().flatten();
    let mut response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", accept);
    if let Some(deflate) = &deflate {
        response = response.header("sec-websocket-extensions", deflate.response());
    }
    let window = deflate.map(|deflate| deflate.window_bits());
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade.await
            && let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>()
        {
            // The suite cuts connections on purpose.
            let _ = echo(parts.io.into_inner(), &parts.read_buf, window).await;
        }
    });
    response.body(Empty::new())
}

async fn echo(mut stream: TcpStream, early: &[u8], window: Option<u8>) -> std::io::Result<()> {
    let compressed = window.is_some();
    let mut decoder = Decoder::new(Role::Server, compressed);
    let mut scratch = Scratch::new();
    let mut deflater = Deflater::with_window(1, window.unwrap_or(15));
    let mut buffer = vec![0u8; 64 * 1024];
    let mut input = early.to_vec();
    loop {
        let mut out = BytesMut::new();
        let mut ended = false;
        let result = decoder.feed(
            &mut input,
            &LIMITS,
            &mut scratch,
            &mut |message| match message {
                Message::Text(text) if compressed => deflater.put_text(&mut out, text, None),
                Message::Text(text) => tidings_websocket::put_text(&mut out, text, None),
                Message::Binary(bytes) if compressed => deflater.put_binary(&mut out, bytes, None),
                Message::Binary(bytes) => tidings_websocket::put_binary(&mut out, bytes, None),
                Message::Ping(bytes) => tidings_websocket::put_pong(&mut out, bytes, None),
                Message::Pong(_) => {}
                Message::Close { code, .. } => {
                    tidings_websocket::put_close(&mut out, code, "", None);
                    ended = true;
                }
            },
        );
        if let Err(error) = result {
            tidings_websocket::put_close(&mut out, Some(error.close_code()), error.reason(), None);
            ended = true;
        }
        stream.write_all(&out).await?;
        if ended {
            return stream.shutdown().await;
        }
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        input.clear();
        input.extend_from_slice(&buffer[..n]);
    }
}

//! One WebSocket: dialled, written to by a task of its own, read frame by frame.
//!
//! Owns: the handshake, the two formats, what a broken socket means as a close code. Never: knows what a frame says.

use futures_util::{SinkExt, StreamExt, stream::SplitStream};
use reqwest::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use tidings_protocol::{
    ClientFrame, CloseCode, ServerFrame,
    frame::{SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK},
};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{Error as WsError, Message, client::IntoClientRequest, http::HeaderValue},
};

use super::Format;
use crate::Client;

/// Frames that wait to be written. A session has far fewer under way; when it is full the far side does not read, and
/// the connection counts as lost.
const WRITE_QUEUE_MAX: usize = 512;
/// RFC 6455: the connection ended without a close frame, or was never there.
pub(super) const CLOSE_ABNORMAL: u16 = 1006;
/// RFC 6455: a close frame without a code.
const CLOSE_NO_CODE: u16 = 1005;

type WebSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A socket that is up. Dropping it says goodbye and closes it.
pub(super) struct Transport {
    reader: SplitStream<WebSocket>,
    writer: mpsc::Sender<Message>,
    format: Format,
}

/// What was read.
pub(super) enum Read {
    Frame(Box<ServerFrame>),
    /// A ping, or a frame of a later version.
    Other,
    Closed(u16),
}

/// The far side does not take what is written.
pub(super) struct Stuck;

impl Transport {
    /// Dials.
    ///
    /// # Errors
    /// The close code that comes nearest to why there is no connection.
    pub(super) async fn dial(client: Client, format: Format) -> Result<Transport, u16> {
        let unusable = |_| CloseCode::BadFrame.code();
        let mut request = client
            .address
            .socket()
            .into_client_request()
            .map_err(unusable)?;
        let subprotocol = match format {
            Format::Json => SUBPROTOCOL_JSON,
            Format::MessagePack => SUBPROTOCOL_MSGPACK,
        };
        let headers = request.headers_mut();
        let token = client
            .token
            .header()
            .map_err(|_| CloseCode::Unauthenticated.code())?;
        headers.insert(AUTHORIZATION, token);
        headers.insert(
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static(subprotocol),
        );
        let (socket, _) = connect_async_with_config(request, None, true)
            .await
            .map_err(|error| code_of(&error))?;
        let (mut sink, reader) = socket.split();
        let (writer, mut queue) = mpsc::channel::<Message>(WRITE_QUEUE_MAX);
        // Writing waits for the network, reading must not wait for writing: hence a task.
        tokio::spawn(async move {
            while let Some(first) = queue.recv().await {
                if sink.feed(first).await.is_err() {
                    return;
                }
                while let Ok(next) = queue.try_recv() {
                    if sink.feed(next).await.is_err() {
                        return;
                    }
                }
                if sink.flush().await.is_err() {
                    return;
                }
            }
            drop(sink.close().await);
        });
        Ok(Transport {
            reader,
            writer,
            format,
        })
    }

    /// Reads the next frame. May be cancelled.
    pub(super) async fn read(&mut self) -> Read {
        match self.reader.next().await {
            Some(Ok(Message::Text(text))) => frame(serde_json::from_str(&text).ok()),
            Some(Ok(Message::Binary(bytes))) => frame(rmp_serde::from_slice(&bytes).ok()),
            Some(Ok(Message::Close(close))) => {
                Read::Closed(close.map_or(CLOSE_NO_CODE, |close| close.code.into()))
            }
            Some(Ok(_)) => Read::Other,
            Some(Err(error)) => Read::Closed(code_of(&error)),
            None => Read::Closed(CLOSE_ABNORMAL),
        }
    }

    /// Hands a frame to the writer.
    pub(super) fn write(&self, frame: &ClientFrame) -> Result<(), Stuck> {
        let message = match self.format {
            Format::Json => {
                let text = serde_json::to_string(frame);
                Message::text(text.expect("frames have text keys"))
            }
            Format::MessagePack => {
                let bytes = rmp_serde::to_vec_named(frame);
                Message::binary(bytes.expect("frames have known lengths"))
            }
        };
        self.writer.try_send(message).map_err(|_| Stuck)
    }
}

/// What cannot be read is of a later version: skipped. A lost event shows as a gap, and is fetched. `[FR2]`
fn frame(frame: Option<ServerFrame>) -> Read {
    frame.map_or(Read::Other, |frame| Read::Frame(Box::new(frame)))
}

fn code_of(error: &WsError) -> u16 {
    match error {
        WsError::Http(answer) => match answer.status().as_u16() {
            401 | 403 => CloseCode::Unauthenticated.code(),
            429 => CloseCode::RateLimited.code(),
            503 => CloseCode::Unavailable.code(),
            500.. => CloseCode::Internal.code(),
            // Another program answers here.
            _ => CloseCode::BadFrame.code(),
        },
        _ => CLOSE_ABNORMAL,
    }
}

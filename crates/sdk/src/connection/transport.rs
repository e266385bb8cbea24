//! One WebSocket: dialled, written to by a task of its own, read frame by frame.
//!
//! Owns: the handshake, the two formats, what a broken socket means as a close code. Never: knows what a frame says.

use futures_util::{SinkExt, StreamExt, stream::SplitStream};
use reqwest::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use rustls::pki_types::ServerName;
use tidings_protocol::{
    ClientFrame, CloseCode, ServerFrame,
    frame::{SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::mpsc,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Error as WsError, Message, client::IntoClientRequest, http::HeaderValue},
};

use super::Format;
use crate::{Client, server::refused_certificate};

/// Frames that wait to be written. A session has far fewer under way; when it is full the far side does not read, and
/// the connection counts as lost.
const WRITE_QUEUE_MAX: usize = 512;
/// RFC 6455: the connection ended without a close frame, or was never there.
pub(super) const CLOSE_ABNORMAL: u16 = 1006;
/// RFC 6455: a close frame without a code.
const CLOSE_NO_CODE: u16 = 1005;

/// RFC 6455: the handshake of TLS failed. No frame carries it.
pub(super) const CLOSE_TLS: u16 = 1015;

/// What bytes travel over: plain TCP, or TLS on it.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type WebSocket = WebSocketStream<Box<dyn Stream>>;

/// Why there is no connection.
#[derive(Debug)]
pub(super) struct Undialed {
    /// The close code that comes nearest to it.
    pub(super) code: u16,
    /// What is wrong with the certificate, if that is it.
    pub(super) certificate: Option<String>,
}

impl From<u16> for Undialed {
    fn from(code: u16) -> Undialed {
        Undialed {
            code,
            certificate: None,
        }
    }
}

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
    /// Why there is no connection.
    pub(super) async fn dial(client: Client, format: Format) -> Result<Transport, Undialed> {
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
        let stream = connect(&client).await?;
        let (socket, _) = client_async_with_config(request, stream, None)
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

/// Connects to the server's address, privately where it says so.
async fn connect(client: &Client) -> Result<Box<dyn Stream>, Undialed> {
    let (host, port) = client.address.host();
    let lost = |_| CLOSE_ABNORMAL;
    let stream = TcpStream::connect((host, port)).await.map_err(lost)?;
    // Frames are small, and each is wanted at once.
    stream.set_nodelay(true).map_err(lost)?;
    let Some(tls) = &client.tls else {
        return Ok(Box::new(stream));
    };
    let name = ServerName::try_from(host.to_owned()).map_err(|_| CloseCode::BadFrame.code())?;
    let connector = TlsConnector::from(tls.clone());
    match connector.connect(name, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => {
            let certificate = refused_certificate(&error);
            let code = if certificate.is_some() {
                CLOSE_TLS
            } else {
                CLOSE_ABNORMAL
            };
            Err(Undialed { code, certificate })
        }
    }
}

/// What cannot be read is of a later version: skipped. A lost event shows as a gap, and is fetched. `[FR2]`
fn frame(frame: Option<ServerFrame>) -> Read {
    frame.map_or(Read::Other, |frame| Read::Frame(Box::new(frame)))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "errors of a library: the connection is gone"
)]
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

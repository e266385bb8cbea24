//! The values of the opening handshake (RFC 6455 §4), for both ends.
//!
//! Owns what stands in the `Sec-WebSocket-*` headers and whether a request is an upgrade at all.
//! It must never send or parse HTTP: header values come in as bytes, answers go out as text. Who may
//! connect (tokens, `Origin`) is not decided here.

mod extensions;

pub use extensions::{DEFLATE_OFFER, Deflate, confirm_deflate, negotiate_deflate};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};

/// The only version of the protocol: the value of `Sec-WebSocket-Version` (RFC 6455 §4.1).
pub const VERSION: &str = "13";

/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why a handshake is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// `Upgrade` or `Connection` does not ask for a WebSocket.
    #[error("not a WebSocket upgrade")]
    NotAnUpgrade,
    /// `Sec-WebSocket-Version` is not 13; the answer has to name [`VERSION`] (RFC 6455 §4.4).
    #[error("unsupported WebSocket version")]
    Version,
    /// `Sec-WebSocket-Key` is missing or is not base64 of 16 bytes.
    #[error("bad Sec-WebSocket-Key")]
    Key,
    /// `Sec-WebSocket-Extensions` does not follow the grammar of RFC 6455 §9.1.
    #[error("malformed Sec-WebSocket-Extensions")]
    Extensions,
    /// A server answered with an extension, or a parameter of it, that was not offered.
    #[error("an extension was not offered as it was accepted")]
    NotOffered,
}

impl HandshakeError {
    /// The HTTP status for a server to answer with: 400 or 426.
    pub fn status(self) -> u16 {
        match self {
            Self::NotAnUpgrade | Self::Version => 426,
            Self::Key | Self::Extensions | Self::NotOffered => 400,
        }
    }
}

/// The headers of an upgrade request. Several headers of one name are joined with a comma before.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// `Connection`.
    pub connection: &'a [u8],
    /// `Upgrade`.
    pub upgrade: &'a [u8],
    /// `Sec-WebSocket-Version`.
    pub version: &'a [u8],
    /// `Sec-WebSocket-Key`.
    pub key: &'a [u8],
}

impl Request<'_> {
    /// The value of `Sec-WebSocket-Accept` for a request that is sound (RFC 6455 §4.2.1).
    ///
    /// # Errors
    /// What is wrong with the request, the upgrade itself first, the version before the key.
    pub fn accept(&self) -> Result<String, HandshakeError> {
        if !has_token(self.upgrade, b"websocket") || !has_token(self.connection, b"upgrade") {
            return Err(HandshakeError::NotAnUpgrade);
        }
        if self.version.trim_ascii() != VERSION.as_bytes() {
            return Err(HandshakeError::Version);
        }
        let key = self.key.trim_ascii();
        match STANDARD.decode(key) {
            Ok(nonce) if nonce.len() == 16 => Ok(accept_key(key)),
            _ => Err(HandshakeError::Key),
        }
    }
}

/// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (RFC 6455 §4.2.2). The key is not checked; a
/// client compares the result with the server's answer.
pub fn accept_key(key: &[u8]) -> String {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    STANDARD.encode(digest)
}

/// `Sec-WebSocket-Key` of a client, from 16 random bytes.
pub fn client_key(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

/// Chooses the subprotocol: the first of the client's that is in `supported`. Values are the
/// `Sec-WebSocket-Protocol` headers, each a list. Names are compared exactly (RFC 6455 §4.2.2).
pub fn choose_subprotocol<'v, 's>(
    values: impl IntoIterator<Item = &'v [u8]>,
    supported: &[&'s str],
) -> Option<&'s str> {
    values
        .into_iter()
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .find_map(|offered| {
            supported
                .iter()
                .copied()
                .find(|name| name.as_bytes() == offered)
        })
}

/// Whether a comma separated list holds a token, in any case.
fn has_token(list: &[u8], token: &[u8]) -> bool {
    list.split(|byte| *byte == b',')
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

//! Agreeing on permessage-deflate (RFC 7692 §7.1) through `Sec-WebSocket-Extensions`.
//!
//! Owns the grammar of the header (RFC 6455 §9.1) and the choice among offers. It must never agree
//! to anything but messages without context takeover in both directions: the compressor and the
//! inflater are shared by all connections of a core and start anew for each message.

use super::HandshakeError;
use std::borrow::Cow;

/// What our client offers: the value of its `Sec-WebSocket-Extensions`.
pub const DEFLATE_OFFER: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// permessage-deflate as it was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deflate {
    /// The window that the client asked us to keep to, which has to be confirmed: 9 to 15.
    window: Option<u8>,
}

impl Deflate {
    /// The `Sec-WebSocket-Extensions` that a server answers with.
    pub fn response(self) -> String {
        let mut response = DEFLATE_OFFER.to_owned();
        if let Some(bits) = self.window {
            response.push_str("; server_max_window_bits=");
            response.push_str(&bits.to_string());
        }
        response
    }

    /// The base-two logarithm of the window that our compressor may use: 9 to 15. A broadcast is compressed once, with
    /// 15; who asked for less is sent messages as they are, which the extension always allows (RFC 7692 §6).
    pub fn window_bits(self) -> u8 {
        self.window.unwrap_or(15)
    }
}

/// A server's choice: the first offer of permessage-deflate that we can honour as it stands, or
/// `None` to go on without compression. `values` are the `Sec-WebSocket-Extensions` headers.
///
/// Declined are offers with an unknown parameter, one given twice, a value that is missing, out of
/// place or not from 8 to 15, and a window of 8 for us, which no zlib can keep to.
///
/// # Errors
/// [`HandshakeError::Extensions`] when a header breaks the grammar (RFC 6455 §9.1 fails it then).
pub fn negotiate_deflate<'v>(
    values: impl IntoIterator<Item = &'v [u8]>,
) -> Result<Option<Deflate>, HandshakeError> {
    let mut chosen = None;
    // All of it is read even when the choice is made, so that no malformed header passes.
    for value in values {
        each_extension(value, |name, parameters| {
            if chosen.is_none() && is_deflate(name) {
                chosen = Parameters::read(parameters).and_then(Parameters::honour);
            }
        })?;
    }
    Ok(chosen)
}

/// A client's reading of the answer to [`DEFLATE_OFFER`]: whether messages may be compressed.
///
/// # Errors
/// [`HandshakeError::Extensions`] for a malformed header, [`HandshakeError::NotOffered`] for any
/// answer that the offer does not allow; the connection has to be failed (RFC 7692 §7.1).
pub fn confirm_deflate<'v>(
    values: impl IntoIterator<Item = &'v [u8]>,
) -> Result<bool, HandshakeError> {
    let mut answers = 0;
    let mut fits = true;
    for value in values {
        each_extension(value, |name, parameters| {
            answers += 1;
            fits &= is_deflate(name)
                && Parameters::read(parameters).is_some_and(|answer| {
                    // Only `client_max_window_bits` may not come unasked (RFC 7692 §7.1.2.2).
                    answer.server_no_context_takeover && answer.client_max_window_bits.is_none()
                });
        })?;
    }
    match (answers, fits) {
        (0, _) => Ok(false),
        (1, true) => Ok(true),
        _ => Err(HandshakeError::NotOffered),
    }
}

fn is_deflate(name: &str) -> bool {
    name.eq_ignore_ascii_case("permessage-deflate")
}

type Parameter<'v> = (&'v str, Option<Cow<'v, str>>);

/// The parameters of one offer or answer (RFC 7692 §7.1), each at most once and well formed.
#[derive(Debug, Default)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// `Some(None)` when it stands without a value.
    client_max_window_bits: Option<Option<u8>>,
}

impl Parameters {
    fn read(parameters: &[Parameter<'_>]) -> Option<Self> {
        let mut read = Self::default();
        for (name, value) in parameters {
            let value = value.as_deref();
            let twice = if name.eq_ignore_ascii_case("server_no_context_takeover") {
                no_value(value)?;
                std::mem::replace(&mut read.server_no_context_takeover, true)
            } else if name.eq_ignore_ascii_case("client_no_context_takeover") {
                no_value(value)?;
                std::mem::replace(&mut read.client_no_context_takeover, true)
            } else if name.eq_ignore_ascii_case("server_max_window_bits") {
                read.server_max_window_bits
                    .replace(window_bits(value?)?)
                    .is_some()
            } else if name.eq_ignore_ascii_case("client_max_window_bits") {
                let bits = match value {
                    Some(value) => Some(window_bits(value)?),
                    None => None,
                };
                read.client_max_window_bits.replace(bits).is_some()
            } else {
                return None;
            };
            if twice {
                return None;
            }
        }
        Some(read)
    }

    /// Our answer to an offer. `client_max_window_bits` is only a hint; our inflater takes any.
    fn honour(self) -> Option<Deflate> {
        match self.server_max_window_bits {
            Some(8) => None,
            window => Some(Deflate { window }),
        }
    }
}

fn no_value(value: Option<&str>) -> Option<()> {
    value.is_none().then_some(())
}

/// A window size: 8 to 15 in decimal, without a leading zero (RFC 7692 §7.1.2).
fn window_bits(value: &str) -> Option<u8> {
    match value {
        "8" => Some(8),
        "9" => Some(9),
        "10" => Some(10),
        "11" => Some(11),
        "12" => Some(12),
        "13" => Some(13),
        "14" => Some(14),
        "15" => Some(15),
        _ => None,
    }
}

/// Reads one header value and calls `found` with each extension and its parameters, in order.
fn each_extension<'v>(
    value: &'v [u8],
    mut found: impl FnMut(&'v str, &[Parameter<'v>]),
) -> Result<(), HandshakeError> {
    let text = str::from_utf8(value).map_err(|_| HandshakeError::Extensions)?;
    let mut text = Cursor(text);
    let mut parameters = Vec::new();
    loop {
        text.skip_space();
        if text.0.is_empty() {
            return Ok(());
        }
        if text.eat(',') {
            // An empty element of a list means nothing (RFC 9110 §5.6.1.2).
            continue;
        }
        let name = text.token()?;
        parameters.clear();
        text.skip_space();
        while text.eat(';') {
            text.skip_space();
            let name = text.token()?;
            text.skip_space();
            let mut value = None;
            if text.eat('=') {
                text.skip_space();
                value = Some(text.value()?);
                text.skip_space();
            }
            parameters.push((name, value));
        }
        if !text.0.is_empty() && !text.eat(',') {
            return Err(HandshakeError::Extensions);
        }
        found(name, &parameters);
    }
}

/// The rest of a header value.
struct Cursor<'v>(&'v str);

impl<'v> Cursor<'v> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn eat(&mut self, wanted: char) -> bool {
        match self.0.strip_prefix(wanted) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn token(&mut self) -> Result<&'v str, HandshakeError> {
        let end = self
            .0
            .bytes()
            .position(|byte| !is_token(byte))
            .unwrap_or(self.0.len());
        if end == 0 {
            return Err(HandshakeError::Extensions);
        }
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        Ok(token)
    }

    /// A token, or a quoted string that holds one once its escapes are undone (RFC 6455 §9.1).
    fn value(&mut self) -> Result<Cow<'v, str>, HandshakeError> {
        if !self.eat('"') {
            return self.token().map(Cow::Borrowed);
        }
        let mut value = String::new();
        let mut letters = self.0.char_indices();
        while let Some((at, letter)) = letters.next() {
            let letter = match letter {
                '"' if value.is_empty() => break,
                '"' => {
                    self.0 = &self.0[at + 1..];
                    return Ok(Cow::Owned(value));
                }
                '\\' => letters.next().map_or('"', |(_, letter)| letter),
                letter => letter,
            };
            if !u8::try_from(letter).is_ok_and(is_token) {
                break;
            }
            value.push(letter);
        }
        Err(HandshakeError::Extensions)
    }
}

/// The characters of a token (RFC 9110 §5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

//! Where the server is, and the secret to enter with.
//!
//! Owns: building addresses; keeping the token out of sight. Never: connects.

use std::fmt;

use reqwest::{Url, header::HeaderValue};

use crate::Error;

/// The server's address, without `/api/v1`.
#[derive(Clone, Debug)]
pub(crate) struct Address(Url);

impl Address {
    /// Reads `http(s)://host[:port][/prefix]`.
    pub(crate) fn parse(text: &str) -> Result<Address, Error> {
        let url = Url::parse(text)
            .map_err(|_| Error::Address("an address looks like http://127.0.0.1:8080"))?;
        if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
            return Err(Error::Address("an address begins with https:// or http://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::Address("an address holds no name and no password"));
        }
        Ok(Address(url))
    }

    /// The address of a REST call; each segment is encoded by itself.
    pub(crate) fn of(&self, segments: &[&str]) -> Url {
        let mut url = self.0.clone();
        url.set_query(None);
        url.set_fragment(None);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1"]).extend(segments);
        }
        url
    }

    /// The address of the socket.
    pub(crate) fn socket(&self) -> String {
        let url = self.of(&["socket"]);
        url.as_str().replacen("http", "ws", 1)
    }

    /// Whether what travels is kept from others on the way.
    pub(crate) fn is_private(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The host, a name or an IP address without brackets, and the port.
    pub(crate) fn host(&self) -> (&str, u16) {
        let host = self.0.host_str().unwrap_or_default();
        let port = self.0.port_or_known_default().unwrap_or_default();
        (host.trim_matches(['[', ']']), port)
    }
}

/// The secret of one device.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn new(text: impl Into<String>) -> Token {
        Token(text.into())
    }

    pub(crate) fn secret(&self) -> &str {
        &self.0
    }

    /// The value of `Authorization`; marked so that no library prints it either.
    pub(crate) fn header(&self) -> Result<HeaderValue, Error> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0))
            .map_err(|_| Error::Address("a token is one word of printable ASCII"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_built_by_segment() {
        let address = Address::parse("http://127.0.0.1:8080/chat/").unwrap();
        assert_eq!(
            address.of(&["rooms", "a/b", "👍"]).as_str(),
            "http://127.0.0.1:8080/chat/api/v1/rooms/a%2Fb/%F0%9F%91%8D"
        );
        assert_eq!(address.socket(), "ws://127.0.0.1:8080/chat/api/v1/socket");
        let private = Address::parse("https://[::1]").unwrap();
        assert_eq!(private.socket(), "wss://[::1]/api/v1/socket");
        assert_eq!(private.host(), ("::1", 443));
        assert_eq!(address.host(), ("127.0.0.1", 8080));
        assert!(private.is_private() && !address.is_private());
        for wrong in ["", "127.0.0.1", "ftp://h", "http://a:b@h", "mailto:a@b"] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_token_is_never_printed() {
        let token = Token::new("secret-word");
        let printed = format!("{token:?} {:?}", token.header().unwrap());
        assert!(!printed.contains("secret-word"), "{printed}");
        assert!(Token::new("two words\n").header().is_err());
    }
}

//! Where a connection comes from, for limits and for what only this machine may see.
//!
//! Owns: [`ClientAddress`], which the accept loop puts into each request's extensions.
//! Never: believes `X-Forwarded-For` or `Forwarded`; anybody can write those.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{Extensions, HeaderMap};

/// The other end of the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub SocketAddr);

impl ClientAddress {
    /// The address that counts for limits: an IPv6 client is its /64, since it can choose the rest at will.
    #[must_use]
    pub fn network(self) -> IpAddr {
        match self.0.ip().to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(
                address.to_bits() & !u128::from(u64::MAX),
            )),
        }
    }
}

/// Whether the request comes from this machine itself, and not through a proxy on it.
#[must_use]
pub fn is_from_here(extensions: &Extensions, headers: &HeaderMap) -> bool {
    let local = extensions
        .get::<ClientAddress>()
        .is_some_and(|address| address.0.ip().to_canonical().is_loopback());
    local
        && !["forwarded", "x-forwarded-for", "x-real-ip"]
            .iter()
            .any(|name| headers.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_client_counts_as_its_network() {
        let of = |text: &str| ClientAddress(SocketAddr::new(text.parse().unwrap(), 1)).network();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn a_proxy_here_does_not_make_its_clients_local() {
        let mut extensions = Extensions::new();
        let mut headers = HeaderMap::new();
        assert!(!is_from_here(&extensions, &headers));
        extensions.insert(ClientAddress("[::ffff:127.0.0.1]:1".parse().unwrap()));
        assert!(is_from_here(&extensions, &headers));
        headers.insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
        assert!(!is_from_here(&extensions, &headers));
        extensions.insert(ClientAddress("192.0.2.1:1".parse().unwrap()));
        assert!(!is_from_here(&extensions, &HeaderMap::new()));
    }
}

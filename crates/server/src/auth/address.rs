//! Where a request comes from, for limits, for the cookie, and for what only this machine may see.
//!
//! Owns: [`ClientAddress`], which the accept loop puts into each request's extensions, and whose word about it counts.
//! Never: believes `X-Forwarded-…` or `Forwarded` (RFC 7239) of anybody but the proxies of the settings. Behind
//! [`settle`] no such header is left that was not believed.

use std::{
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
};

use http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

/// What proxies write, and anybody else can.
const FORWARDING: [&str; 5] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-real-ip",
];

/// The other end of the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub SocketAddr);

/// Marks a request that came through a proxy, whoever that is.
#[derive(Debug, Clone, Copy)]
struct Proxied;

/// Finds out where a request comes from, once, before anything looks at it: the client's address stands in the
/// extensions afterwards, and of the headers only `x-forwarded-proto` is left, when it was believed.
pub fn settle(trusted: &[IpNet], headers: &mut HeaderMap, extensions: &mut Extensions) {
    if !FORWARDING.iter().any(|name| headers.contains_key(*name)) {
        return;
    }
    extensions.insert(Proxied);
    let is_trusted = |ip: IpAddr| {
        trusted
            .iter()
            .any(|network| network.contains(&ip.to_canonical()))
    };
    let peer = extensions.get::<ClientAddress>().map(|address| address.0);
    let mut is_tls = false;
    match peer {
        Some(peer) if is_trusted(peer.ip()) => {
            let (hops, proto) = hops(headers);
            is_tls = proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https"));
            let mut client = peer;
            // From the nearest to the farthest, as long as it is a proxy of ours that says so.
            for hop in hops.into_iter().rev() {
                match hop {
                    Some(hop) if is_trusted(client.ip()) => client = hop,
                    _ => break,
                }
            }
            extensions.insert(ClientAddress(client));
        }
        Some(peer) => tell_once(peer),
        None => {}
    }
    for name in FORWARDING {
        headers.remove(name);
    }
    if is_tls {
        let name = HeaderName::from_static("x-forwarded-proto");
        headers.insert(name, HeaderValue::from_static("https"));
    }
}

/// A proxy that the settings do not name makes all clients one. Said once, since anybody can write the headers.
fn tell_once(peer: SocketAddr) {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if !TOLD.swap(true, Ordering::Relaxed) {
        let peer = peer.ip();
        tracing::warn!(%peer, "forwarding headers are not believed; if this is your proxy, name it in trusted_proxies");
    }
}

/// Who each proxy says it was asked by, the nearest proxy's word last, and what the nearest says of TLS. What does not
/// read as an address is none.
fn hops(headers: &HeaderMap) -> (Vec<Option<SocketAddr>>, Option<String>) {
    let list = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).iter();
        values
            .flat_map(|value| value.to_str().unwrap_or("unreadable").split(','))
            .map(|part| part.trim().to_owned())
            .collect()
    };
    if headers.contains_key("x-forwarded-for") {
        let hops = list("x-forwarded-for")
            .iter()
            .map(|hop| address(hop))
            .collect();
        return (hops, list("x-forwarded-proto").pop());
    }
    let elements = list("forwarded");
    let param = |element: &str, name: &str| {
        element.split(';').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            let fits = key.trim().eq_ignore_ascii_case(name);
            fits.then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    let hops = elements
        .iter()
        .map(|element| param(element, "for").and_then(|hop| address(&hop)))
        .collect();
    let proto = elements.last().and_then(|last| param(last, "proto"));
    (hops, proto.or_else(|| list("x-forwarded-proto").pop()))
}

/// An address with or without its port; IPv6 with or without brackets.
fn address(text: &str) -> Option<SocketAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let ip = bare.unwrap_or(text).parse::<IpAddr>();
    ip.map(|ip| SocketAddr::new(ip, 0))
        .or_else(|_| text.parse())
        .ok()
}

/// Whether the request comes from this machine itself, and not through a proxy on it.
#[must_use]
pub fn is_from_here(extensions: &Extensions) -> bool {
    let local = extensions
        .get::<ClientAddress>()
        .is_some_and(|address| address.0.ip().to_canonical().is_loopback());
    local && extensions.get::<Proxied>().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a request from this peer with these headers turns out to be: the client, and the headers that are left.
    fn settled(peer: &str, pairs: &[(&'static str, &str)]) -> (Extensions, HeaderMap) {
        let trusted = ["127.0.0.1/32", "10.0.0.0/8", "::1/128"].map(|text| text.parse().unwrap());
        let (mut extensions, mut headers) = (Extensions::new(), HeaderMap::new());
        extensions.insert(ClientAddress(SocketAddr::new(peer.parse().unwrap(), 1)));
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        settle(&trusted, &mut headers, &mut extensions);
        (extensions, headers)
    }

    fn client(peer: &str, pairs: &[(&'static str, &str)]) -> String {
        let (extensions, _) = settled(peer, pairs);
        extensions
            .get::<ClientAddress>()
            .unwrap()
            .0
            .ip()
            .to_string()
    }

    #[test]
    fn only_proxies_of_the_settings_are_believed() {
        let xff = "x-forwarded-for";
        assert_eq!(client("127.0.0.1", &[(xff, "192.0.2.1")]), "192.0.2.1");
        assert_eq!(
            client("::ffff:127.0.0.1", &[(xff, "192.0.2.1")]),
            "192.0.2.1"
        );
        assert_eq!(client("192.0.2.9", &[(xff, "192.0.2.1")]), "192.0.2.9");
        // What a client wrote itself stands before what our proxies wrote.
        assert_eq!(
            client("127.0.0.1", &[(xff, "6.6.6.6, 192.0.2.1, 10.1.1.1")]),
            "192.0.2.1"
        );
        assert_eq!(
            client("127.0.0.1", &[(xff, "6.6.6.6"), (xff, "192.0.2.1")]),
            "192.0.2.1"
        );
        assert_eq!(
            client("127.0.0.1", &[(xff, "10.0.0.1, 10.0.0.2")]),
            "10.0.0.1"
        );
        for odd in ["unknown", "", "6.6.6.6, nobody", "[::1"] {
            assert_eq!(client("127.0.0.1", &[(xff, odd)]), "127.0.0.1", "{odd}");
        }
        assert_eq!(client("::1", &[(xff, "[2001:db8::1]:80")]), "2001:db8::1");
        assert_eq!(client("::1", &[(xff, "192.0.2.1:80")]), "192.0.2.1");
    }

    #[test]
    fn the_standard_header_says_the_same() {
        // RFC 7239
        let of = |text: &str| client("10.0.0.1", &[("forwarded", text)]);
        assert_eq!(
            of("for=6.6.6.6, For=\"[2001:db8::1]:4711\";proto=https"),
            "2001:db8::1"
        );
        assert_eq!(of("for=_hidden"), "10.0.0.1");
        assert_eq!(of("by=1.1.1.1"), "10.0.0.1");
        let (_, left) = settled("10.0.0.1", &[("forwarded", "for=192.0.2.1;proto=https")]);
        assert_eq!(
            (left.len(), &left["x-forwarded-proto"]),
            (1, &HeaderValue::from_static("https"))
        );
    }

    #[test]
    fn no_header_is_left_that_was_not_believed() {
        let all: Vec<(&'static str, &str)> =
            FORWARDING.iter().map(|name| (*name, "https")).collect();
        let (_, left) = settled("192.0.2.9", &all);
        assert!(left.is_empty(), "{left:?}");
        let (_, left) = settled("127.0.0.1", &all);
        assert_eq!(left.len(), 1);
        let (_, left) = settled(
            "127.0.0.1",
            &[("x-forwarded-proto", "https, http"), ("accept", "a")],
        );
        assert!(!left.contains_key("x-forwarded-proto") && left.contains_key("accept"));
    }

    #[test]
    fn a_proxy_here_does_not_make_its_clients_local() {
        assert!(!is_from_here(&Extensions::new()));
        let here =
            |peer: &str, pairs: &[(&'static str, &str)]| is_from_here(&settled(peer, pairs).0);
        assert!(here("::ffff:127.0.0.1", &[]) && here("::1", &[("accept", "a")]));
        for name in FORWARDING {
            assert!(!here("127.0.0.1", &[(name, "127.0.0.1")]), "{name}");
        }
        assert!(!here("192.0.2.1", &[]) && !here("192.0.2.1", &[("x-forwarded-for", "127.0.0.1")]));
    }
}

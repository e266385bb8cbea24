//! Whether a request that carries the cookie comes from a page that may send it. `[RE2]` `[HS1]`
//!
//! Owns: comparing `Origin` (RFC 6454) with the server's own address and the configured ones.
//! Never: trusts a missing or opaque origin; a browser that sends cookies along also says from where.

use http::{HeaderMap, header};

use crate::{auth::cookie, config::Config};

/// Whether `Origin` is the server's own (the same host and port as `Host`) or one of the settings'.
#[must_use]
pub fn origin_allowed(config: &Config, headers: &HeaderMap) -> bool {
    let Some(origin) = only(headers, header::ORIGIN) else {
        return false;
    };
    let Some((scheme, authority)) = parts(origin) else {
        return false;
    };
    if is_configured(config, origin) {
        return true;
    }
    // Behind TLS a page that came without it is another origin: somebody on the way may have written it.
    if cookie::is_tls(headers) && scheme != "https" {
        return false;
    }
    only(headers, header::HOST)
        .is_some_and(|host| without_default_port(&scheme, &host.to_ascii_lowercase()) == authority)
}

/// Whether an origin is one of the settings'.
#[must_use]
pub fn is_configured(config: &Config, origin: &str) -> bool {
    let Some(origin) = parts(origin) else {
        return false;
    };
    config
        .origins
        .iter()
        .filter_map(|text| parts(text.trim_end_matches('/')))
        .any(|allowed| allowed == origin)
}

/// Whether a text of the settings is an origin: with a path behind it none would ever be equal to it.
#[must_use]
pub fn is_origin(text: &str) -> bool {
    parts(text.trim_end_matches('/')).is_some()
}

/// The value of a header that must stand once.
fn only(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Scheme and authority of an origin, in lower case, without a default port.
fn parts(origin: &str) -> Option<(String, String)> {
    let (scheme, authority) = origin.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let fits = matches!(scheme.as_str(), "http" | "https")
        && !authority.is_empty()
        && !authority.contains(['/', '?', '#', '@', ' ']);
    let authority = without_default_port(&scheme, &authority.to_ascii_lowercase());
    fits.then_some((scheme, authority))
}

fn without_default_port(scheme: &str, authority: &str) -> String {
    let port = if scheme == "https" { ":443" } else { ":80" };
    authority.strip_suffix(port).unwrap_or(authority).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn config() -> Config {
        let settings = Settings {
            origins: Some(vec!["https://app.example.org/".to_owned()]),
            ..Settings::default()
        };
        Config::load(None, settings).unwrap()
    }

    fn allowed(pairs: &[(&'static str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, value.parse().unwrap());
        }
        origin_allowed(&config(), &map)
    }

    #[test]
    fn the_own_and_the_configured_origins_pass() {
        // [RE2]
        for (host, origin) in [
            ("chat.example.org", "https://chat.example.org"),
            ("chat.example.org", "http://chat.example.org"),
            ("Chat.Example.org:443", "https://chat.example.org"),
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("chat.example.org", "https://app.example.org"),
        ] {
            assert!(
                allowed(&[("host", host), ("origin", origin)]),
                "{host} {origin}"
            );
        }
    }

    #[test]
    fn every_other_origin_is_foreign() {
        // [RE2]
        for origin in [
            "null",
            "",
            "https://evil.example",
            "https://chat.example.org.evil.example",
            "https://evil.example/chat.example.org",
            "https://chat.example.org@evil.example",
            "https://chat.example.org:444",
            "http://app.example.org",
            "file://chat.example.org",
            "chat.example.org",
        ] {
            assert!(
                !allowed(&[("host", "chat.example.org"), ("origin", origin)]),
                "{origin}"
            );
        }
        assert!(!allowed(&[("host", "chat.example.org")]), "a missing one");
        assert!(
            !allowed(&[("origin", "https://chat.example.org")]),
            "without Host"
        );
        assert!(
            !allowed(&[
                ("host", "chat.example.org"),
                ("origin", "https://chat.example.org"),
                ("origin", "https://evil.example"),
            ]),
            "two of them"
        );
        assert!(
            !allowed(&[
                ("host", "chat.example.org"),
                ("x-forwarded-proto", "https"),
                ("origin", "http://chat.example.org"),
            ]),
            "a page without TLS"
        );
    }
}

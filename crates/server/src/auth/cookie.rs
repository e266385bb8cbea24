//! The cookie of the web app: the token where no script of a page can read it.
//!
//! Owns: its name, its attributes, and finding it among others (RFC 6265). `[RE1]`
//! Never: is set unless the request asks for it.

use http::{HeaderMap, HeaderValue, header};

use crate::{auth::token::Token, config::Config};

/// The name of the token's cookie, before what the address adds to it; see [`name`].
pub const NAME: &str = "tidings_token";
/// The same of the cookie that says that a device has signed in before; see [`known`](super::known).
const DEVICE_NAME: &str = "tidings_device";
/// Where the device's cookie is sent: signing in alone asks for it.
const DEVICE_PATH: &str = "/api/v1/devices";
/// The header that asks for the cookie when signing in.
pub const WANTED: &str = "x-tidings-cookie";
/// Seconds until browsers forget it: 400 days, the most they keep.
const MAX_AGE_S: u64 = 400 * 24 * 60 * 60;

/// A cookie's name at the address by which the client came. Browsers keep cookies by host alone, so a port that is not
/// the scheme's own stands in the name: two servers on one host do not sign each other's users out. Over TLS a prefix
/// makes browsers refuse one that another host of the same domain, or somebody on the way, has planted (RFC 6265bis).
fn name(base: &str, path: &str, headers: &HeaderMap) -> String {
    let is_tls = is_tls(headers);
    let prefix = match (is_tls, path) {
        (false, _) => "",
        (true, "/") => "__Host-",
        (true, _) => "__Secure-",
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let port = host
        .and_then(|host| host.rsplit_once(':'))
        .and_then(|(_, port)| port.parse::<u16>().ok())
        .filter(|port| *port != if is_tls { 443 } else { 80 });
    match port {
        Some(port) => format!("{prefix}{base}_{port}"),
        None => format!("{prefix}{base}"),
    }
}

/// The token among the request's cookies: under the one name that [`set`] gives it here. At the root of a host that is
/// `__Host-`; what begins with `__Secure-` there may have been planted by a neighbour of the same domain.
#[must_use]
pub fn token<'a>(config: &Config, headers: &'a HeaderMap) -> Option<&'a str> {
    find(&name(NAME, &token_path(config), headers), headers)
}

/// Where the token's cookie is sent.
fn token_path(config: &Config) -> String {
    format!("{}/", config.base_path)
}

/// What says that this device has signed in before.
#[must_use]
pub fn device(headers: &HeaderMap) -> Option<&str> {
    find(&name(DEVICE_NAME, DEVICE_PATH, headers), headers)
}

/// One cookie among others. Two of the same name are ambiguous, and count as none: a page of a neighbouring host could
/// have planted one.
fn find<'a>(name: &str, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut found = None;
    for value in headers.get_all(header::COOKIE) {
        for pair in value.to_str().ok()?.split(';') {
            if let Some((key, value)) = pair.trim().split_once('=')
                && key == name
                && found.replace(value.trim_matches('"')).is_some()
            {
                return None;
            }
        }
    }
    found
}

/// Whether the request asks for the token as a cookie.
#[must_use]
pub fn is_wanted(headers: &HeaderMap) -> bool {
    headers.get(WANTED).is_some_and(|value| value == "1")
}

/// Whether a proxy in front says that the client speaks TLS. The edge leaves the header only when it comes from a proxy
/// of the settings.
pub(crate) fn is_tls(headers: &HeaderMap) -> bool {
    headers
        .get("x-forwarded-proto")
        .is_some_and(|value| value == "https")
}

/// `Set-Cookie` with a token.
#[must_use]
pub fn set(config: &Config, token: &Token, headers: &HeaderMap) -> HeaderValue {
    let path = token_path(config);
    text(NAME, &path, "Lax", &token.reveal(), MAX_AGE_S, headers)
}

/// `Set-Cookie` that forgets it.
#[must_use]
pub fn forget(config: &Config, headers: &HeaderMap) -> HeaderValue {
    let path = token_path(config);
    text(NAME, &path, "Lax", "", 0, headers)
}

/// `Set-Cookie` with what says that this device has signed in. It stays when the device signs out.
#[must_use]
pub fn set_device(config: &Config, proof: &str, headers: &HeaderMap) -> HeaderValue {
    let path = format!("{}{DEVICE_PATH}", config.base_path);
    text(DEVICE_NAME, &path, "Strict", proof, MAX_AGE_S, headers)
}

fn text(
    base: &str,
    path: &str,
    same_site: &str,
    value: &str,
    max_age_s: u64,
    headers: &HeaderMap,
) -> HeaderValue {
    let secure = if is_tls(headers) { "; Secure" } else { "" };
    let name = name(base, path, headers);
    let text = format!(
        "{name}={value}; HttpOnly; SameSite={same_site}; Path={path}; Max-Age={max_age_s}{secure}"
    );
    let mut header =
        HeaderValue::from_str(&text).expect("what is kept is base64url, which a header may hold");
    header.set_sensitive(true);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(values: &[&str]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for value in values {
            map.append(header::COOKIE, value.parse().unwrap());
        }
        map
    }

    #[test]
    fn the_token_is_found_among_others() {
        let config = Config::load(None, crate::config::Settings::default()).unwrap();
        assert_eq!(
            token(&config, &cookies(&["a=1; tidings_token=x; b=2"])),
            Some("x")
        );
        assert_eq!(
            token(&config, &cookies(&["a=1", "tidings_token=x"])),
            Some("x")
        );
        assert_eq!(token(&config, &cookies(&["xtidings_token=x"])), None);
        assert_eq!(
            token(&config, &cookies(&["tidings_token=x; tidings_token=y"])),
            None
        );
        assert_eq!(token(&config, &HeaderMap::new()), None);
    }

    #[test]
    fn attributes_keep_scripts_and_other_sites_away() {
        let config = Config::load(None, crate::config::Settings::default()).unwrap();
        let fresh = Token::fresh().unwrap();
        let plain = set(&config, &fresh, &HeaderMap::new());
        assert!(plain.is_sensitive());
        let plain = plain.to_str().unwrap();
        assert!(plain.starts_with(&format!("tidings_token={}; ", fresh.reveal())));
        assert!(plain.contains("HttpOnly; SameSite=Lax; Path=/; Max-Age=34560000"));
        assert!(!plain.contains("Secure"));
        let mut tls = HeaderMap::new();
        tls.insert("x-forwarded-proto", "https".parse().unwrap());
        assert!(
            set(&config, &fresh, &tls)
                .to_str()
                .unwrap()
                .ends_with("; Secure")
        );
        assert!(
            forget(&config, &tls)
                .to_str()
                .unwrap()
                .starts_with("__Host-tidings_token=; ")
        );
        assert!(
            forget(&config, &tls)
                .to_str()
                .unwrap()
                .contains("Max-Age=0")
        );
        let below = Config {
            base_path: "/chat".to_owned(),
            ..config
        };
        let set = set(&below, &fresh, &tls);
        let set = set.to_str().unwrap();
        assert!(set.starts_with("__Secure-tidings_token=") && set.contains("; Path=/chat/; "));
        let mut back = tls.clone();
        back.insert(
            header::COOKIE,
            set.split(';').next().unwrap().parse().unwrap(),
        );
        assert_eq!(token(&below, &back), Some(fresh.reveal().as_str()));
        let device = set_device(&below, "x", &tls);
        let device = device.to_str().unwrap();
        assert!(device.starts_with(
            "__Secure-tidings_device=x; HttpOnly; SameSite=Strict; Path=/chat/api/v1/devices"
        ));
    }

    #[test]
    fn a_neighbour_of_the_domain_plants_no_cookie() {
        // [RE1] Any host of the domain may set `__Secure-` ones for all of it, and none may set `__Host-` ones.
        let root = Config::load(None, crate::config::Settings::default()).unwrap();
        let mut planted = cookies(&["__Secure-tidings_token=mallory; tidings_token=mallory"]);
        planted.insert("x-forwarded-proto", "https".parse().unwrap());
        assert_eq!(token(&root, &planted), None);
        let own = "__Host-tidings_token=ada".parse().unwrap();
        planted.append(header::COOKIE, own);
        assert_eq!(token(&root, &planted), Some("ada"));
        // A path of the host has the weaker one alone.
        let below = Config {
            base_path: "/chat".to_owned(),
            ..root
        };
        assert_eq!(token(&below, &planted), Some("mallory"));
    }

    #[test]
    fn servers_on_two_ports_of_one_host_have_two_cookies() {
        // [RE1]
        let at = |host: &str, tls: bool, cookies: &[&str]| {
            let mut map = self::cookies(cookies);
            map.insert(header::HOST, host.parse().unwrap());
            if tls {
                map.insert("x-forwarded-proto", "https".parse().unwrap());
            }
            map
        };
        let named = |host: &str, tls: bool| name(NAME, "/", &at(host, tls, &[]));
        for (host, tls, expected) in [
            ("chat.example.org", false, "tidings_token"),
            ("chat.example.org:80", false, "tidings_token"),
            ("127.0.0.1:8080", false, "tidings_token_8080"),
            ("[::1]:8081", false, "tidings_token_8081"),
            ("[::1]", false, "tidings_token"),
            ("chat.example.org", true, "__Host-tidings_token"),
            ("chat.example.org:443", true, "__Host-tidings_token"),
            ("chat.example.org:8443", true, "__Host-tidings_token_8443"),
        ] {
            assert_eq!(named(host, tls), expected, "{host}");
        }
        let config = Config::load(None, crate::config::Settings::default()).unwrap();
        let both = ["tidings_token_8080=one; tidings_token_8081=two; tidings_token=three"];
        assert_eq!(token(&config, &at("h:8080", false, &both)), Some("one"));
        assert_eq!(token(&config, &at("h:8081", false, &both)), Some("two"));
        assert_eq!(token(&config, &at("h", false, &both)), Some("three"));
        assert_eq!(token(&config, &at("h:8082", false, &both)), None);
    }
}

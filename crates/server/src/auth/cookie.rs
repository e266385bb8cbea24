//! The cookie of the web app: the token where no script of a page can read it.
//!
//! Owns: its name, its attributes, and finding it among others (RFC 6265). `[RE1]`
//! Never: is set unless the request asks for it.

use http::{HeaderMap, HeaderValue, header};

use crate::{auth::token::Token, config::Config};

/// The cookie's name.
pub const NAME: &str = "tidings_token";
/// The header that asks for the cookie when signing in.
pub const WANTED: &str = "x-tidings-cookie";
/// Seconds until browsers forget it: 400 days, the most they keep.
const MAX_AGE_S: u64 = 400 * 24 * 60 * 60;

/// The token among the request's cookies. Two of the same name are ambiguous, and count as none: a page of a
/// neighbouring host could have planted one.
#[must_use]
pub fn token(headers: &HeaderMap) -> Option<&str> {
    let mut found = None;
    for value in headers.get_all(header::COOKIE) {
        for pair in value.to_str().ok()?.split(';') {
            if let Some((name, value)) = pair.trim().split_once('=')
                && name == NAME
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
    text(config, &token.reveal(), MAX_AGE_S, headers)
}

/// `Set-Cookie` that forgets it.
#[must_use]
pub fn forget(config: &Config, headers: &HeaderMap) -> HeaderValue {
    text(config, "", 0, headers)
}

fn text(config: &Config, value: &str, max_age_s: u64, headers: &HeaderMap) -> HeaderValue {
    let secure = if is_tls(headers) { "; Secure" } else { "" };
    let path = &config.base_path;
    let text = format!(
        "{NAME}={value}; HttpOnly; SameSite=Lax; Path={path}/; Max-Age={max_age_s}{secure}"
    );
    let mut header =
        HeaderValue::from_str(&text).expect("a token is base64url, which a header may hold");
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
        assert_eq!(token(&cookies(&["a=1; tidings_token=x; b=2"])), Some("x"));
        assert_eq!(token(&cookies(&["a=1", "tidings_token=x"])), Some("x"));
        assert_eq!(token(&cookies(&["xtidings_token=x"])), None);
        assert_eq!(token(&cookies(&["tidings_token=x; tidings_token=y"])), None);
        assert_eq!(token(&HeaderMap::new()), None);
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
                .contains("tidings_token=; ")
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
        assert!(set.to_str().unwrap().contains("; Path=/chat/; "));
    }
}

//! Who is asking: tokens, cookies, origins, passwords, and how often somebody may try.
//!
//! Owns: [`Principal`], and turning a request's headers into one. The same for REST, the socket and the stream.
//! Never: says which part of a credential was wrong, or lets a secret into a log line.
//!
//! Read in this order: [`token`], [`origin`], [`limits`], [`passwords`].

pub mod address;
pub mod cookie;
pub mod known;
pub mod limits;
pub mod origin;
pub mod passwords;
pub mod remembered;
pub mod token;

use http::{HeaderMap, header};
use tidings_protocol::{
    DeviceId, DeviceInfo, Refusal, RefusalCode, Timestamp, UserId, UserProfile,
};
use tidings_store::Reader;

use crate::{
    auth::{remembered::Asking, token::Token},
    config::Config,
    node::Node,
    problem,
};

pub use address::ClientAddress;
pub use origin::origin_allowed;

/// Who a request comes from, once their token was found.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The user.
    pub user: UserId,
    /// The sign-in.
    pub device: DeviceId,
    /// Whether the token came as the cookie: then the page's origin counts. `[RE2]` `[HS1]`
    pub by_cookie: bool,
    /// The user as others see them.
    pub profile: UserProfile,
    /// What the device calls itself.
    pub device_name: String,
    /// When it signed in.
    pub device_since: Timestamp,
}

impl Principal {
    /// The device as its own user sees it.
    #[must_use]
    pub fn device_info(&self) -> DeviceInfo {
        DeviceInfo {
            id: self.device,
            name: self.device_name.clone(),
            created_at: self.device_since,
            current: true,
        }
    }
}

/// Where a request carries its token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Credential<'a> {
    Bearer(&'a str),
    Cookie(&'a str),
}

/// A Bearer wins over the cookie, also when it is wrong: two answers to "who" would be one too many.
fn credential<'a>(config: &Config, headers: &'a HeaderMap) -> Result<Credential<'a>, Refusal> {
    let mut bearers = headers.get_all(header::AUTHORIZATION).iter();
    match (bearers.next(), bearers.next()) {
        (Some(value), None) => value
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| Credential::Bearer(token.trim()))
            .ok_or_else(|| RefusalCode::Unauthenticated.into()),
        (Some(_), Some(_)) => Err(RefusalCode::Unauthenticated.into()),
        (None, _) => cookie::token(config, headers)
            .map(Credential::Cookie)
            .ok_or_else(|| RefusalCode::Unauthenticated.into()),
    }
}

/// The token that a WebSocket handshake carries, if any; it may still come with `hello`. A cookie counts only from a
/// page that may use it. `[HS1]`
///
/// # Errors
/// `foreign_origin` for a cookie from another page; `unauthenticated` for an `Authorization` that is no Bearer.
pub fn handshake_token(config: &Config, headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    if !headers.contains_key(header::AUTHORIZATION) && cookie::token(config, headers).is_none() {
        return Ok(None);
    }
    match credential(config, headers)? {
        Credential::Bearer(token) => Ok(Some(token.to_owned())),
        Credential::Cookie(_) if !origin_allowed(config, headers) => {
            Err(RefusalCode::ForeignOrigin.into())
        }
        Credential::Cookie(token) => Ok(Some(token.to_owned())),
    }
}

/// Whose token the headers carry: `Authorization: Bearer`, or the cookie. Does not look at `Origin`; callers that
/// change something, or upgrade, ask [`origin_allowed`] when [`Principal::by_cookie`].
///
/// # Errors
/// `unauthenticated` without a valid token; `unavailable` or `internal` when the store cannot say.
pub async fn authenticate(node: &Node, headers: &HeaderMap) -> Result<Principal, Refusal> {
    match credential(&node.config, headers)? {
        Credential::Bearer(token) => authenticate_token(node, token).await,
        Credential::Cookie(token) => {
            let mut principal = authenticate_token(node, token).await?;
            principal.by_cookie = true;
            Ok(principal)
        }
    }
}

/// Who reads, by the token that the headers carry: without asking the store where the token was looked up before, so that
/// the device may be signed out by now. Good for a read that finds that out itself, and for nothing else.
///
/// # Errors
/// As [`authenticate`].
pub async fn reader(node: &Node, headers: &HeaderMap) -> Result<Asking, Refusal> {
    let (Credential::Bearer(token) | Credential::Cookie(token)) =
        credential(&node.config, headers)?;
    let hash = token.parse::<Token>()?.hash();
    if let Some(asking) = node.remembered.get(&hash) {
        return Ok(asking);
    }
    let principal = look_up(node, hash).await?;
    let reader = Reader {
        user: principal.user,
        device: principal.device,
    };
    Ok(node.remembered.put(hash, reader))
}

/// Whether this reader's device is signed in: as their read has found, else by asking.
///
/// # Errors
/// `unavailable` or `internal` when the store cannot say.
pub async fn is_signed_in(node: &Node, asking: &Asking) -> Result<bool, Refusal> {
    if let Some(found) = asking.is_signed_in() {
        return Ok(found);
    }
    let found = match look_up(node, asking.token_hash()).await {
        Ok(_) => true,
        Err(refusal) if refusal.code == RefusalCode::Unauthenticated => false,
        Err(refusal) => return Err(refusal),
    };
    asking.looked_up(found);
    Ok(found)
}

/// Whose token this is.
///
/// # Errors
/// `unauthenticated` for a token that is not one or belongs to no device; `unavailable` or `internal` when the store
/// cannot say.
pub async fn authenticate_token(node: &Node, token: &str) -> Result<Principal, Refusal> {
    look_up(node, token.parse::<Token>()?.hash()).await
}

async fn look_up(node: &Node, token_hash: [u8; 32]) -> Result<Principal, Refusal> {
    let found = node
        .store
        .device_by_token(token_hash)
        .await
        .map_err(|error| problem::refusal_of_store(&error))?;
    let (device, user) = found.ok_or(RefusalCode::Unauthenticated)?;
    Ok(Principal {
        user: user.id,
        device: device.id,
        by_cookie: false,
        profile: user.profile(),
        device_name: device.name,
        device_since: device.created_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    #[test]
    fn a_bearer_wins_over_the_cookie() {
        // [RE1]
        let config = Config::load(None, crate::config::Settings::default()).unwrap();
        let both = headers(&[
            ("authorization", "Bearer one"),
            ("cookie", "tidings_token=two"),
        ]);
        assert!(matches!(
            credential(&config, &both),
            Ok(Credential::Bearer("one"))
        ));
        let cookie = headers(&[("cookie", "a=b; tidings_token=two")]);
        assert!(matches!(
            credential(&config, &cookie),
            Ok(Credential::Cookie("two"))
        ));
    }

    #[test]
    fn a_handshake_takes_a_cookie_only_from_its_own_page() {
        // [HS1]
        let config = Config::load(None, crate::config::Settings::default()).unwrap();
        let token =
            |pairs: &[(&'static str, &'static str)]| handshake_token(&config, &headers(pairs));
        assert_eq!(token(&[("host", "a")]).unwrap(), None);
        assert_eq!(
            token(&[("authorization", "Bearer one")])
                .unwrap()
                .as_deref(),
            Some("one")
        );
        let own = [
            ("host", "a"),
            ("origin", "http://a"),
            ("cookie", "tidings_token=two"),
        ];
        assert_eq!(token(&own).unwrap().as_deref(), Some("two"));
        for origin in ["null", "http://b"] {
            let foreign = [
                ("host", "a"),
                ("origin", origin),
                ("cookie", "tidings_token=two"),
            ];
            assert_eq!(
                token(&foreign).unwrap_err().code,
                RefusalCode::ForeignOrigin
            );
        }
        let none = [("host", "a"), ("cookie", "tidings_token=two")];
        assert_eq!(token(&none).unwrap_err().code, RefusalCode::ForeignOrigin);
    }

    #[test]
    fn a_wrong_authorization_never_falls_back_to_the_cookie() {
        let config = Config::load(None, crate::config::Settings::default()).unwrap();
        for wrong in ["Basic YTpi", "Bearer", "tdg_x"] {
            let mut map = headers(&[("cookie", "tidings_token=two")]);
            map.insert("authorization", wrong.parse().unwrap());
            assert!(credential(&config, &map).is_err(), "{wrong}");
        }
        let twice = headers(&[
            ("authorization", "Bearer one"),
            ("authorization", "Bearer two"),
        ]);
        assert!(credential(&config, &twice).is_err());
        assert!(credential(&config, &HeaderMap::new()).is_err());
    }
}

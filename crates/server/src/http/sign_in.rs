//! `POST /api/v1/devices`: sign in; and what signing up does the same.
//!
//! Owns: one answer for an unknown name and a wrong password, in the same words and the same time.
//! Never: stores or logs the token; its hash is stored, and it is shown once.

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{FromRequestParts, State},
    response::Response,
};
use http::{HeaderMap, header, request::Parts};
use tidings_core::Command;
use tidings_protocol::{
    DeviceId, DeviceInfo, RefusalCode, Timestamp, UserId, Username,
    limits::DEVICES_PER_USER_MAX,
    rest::{SignIn, SignedIn},
};

use super::{
    command::{created, submit_as},
    compress::Secret,
    extract::{JsonBody, NoTxn},
};
use crate::{
    auth::{self, ClientAddress, cookie, token::Token},
    node::Node,
    problem::Problem,
};

/// How often the oldest device makes room for a new one, before somebody else's sign-ins have won.
const ROOM_TRIES: usize = 3;

/// Where the request comes from, if the accept loop said so.
pub(crate) struct Caller(pub(crate) Option<ClientAddress>);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, Infallible> {
        Ok(Caller(parts.extensions.get::<ClientAddress>().copied()))
    }
}

/// Sign in
///
/// Makes a device of the user. The oldest gives way when there are too many. With `X-Tidings-Cookie: 1` the token comes
/// as the cookie `tidings_token` and `token` is empty.
#[utoipa::path(
    post,
    path = "/api/v1/devices",
    tag = "accounts",
    request_body = SignIn,
    params(("X-Tidings-Cookie" = Option<String>, Header, description = "`1` asks for the token as a cookie")),
    responses((status = 201, description = "The user, the new device, and the token, shown once", body = SignedIn)),
    security(())
)]
pub(crate) async fn sign_in(
    State(node): State<Arc<Node>>,
    caller: Caller,
    headers: HeaderMap,
    _: NoTxn,
    JsonBody(body): JsonBody<SignIn>,
) -> Result<Response, Problem> {
    let cookie = wants_cookie(&node, &headers)?;
    let device_name = device_name(body.device_name)?;
    node.limits.sign_in(caller.0, &body.username)?;
    // A name that breaks its rule belongs to nobody, and is answered like one that nobody has.
    let user = match body.username.parse::<Username>() {
        Ok(username) => node.store.user_by_name(&username).await?,
        Err(_) => None,
    };
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let fits = node.passwords.verify(body.password, hash).await?;
    match user {
        Some(user) if fits => {
            add_device(&node, user.id, device_name, cookie.then_some(&headers)).await
        }
        _ => Err(RefusalCode::WrongCredentials.into()),
    }
}

/// Whether the token is to come as a cookie. A page of another site must not sign its visitor in as somebody else.
pub(super) fn wants_cookie(node: &Node, headers: &HeaderMap) -> Result<bool, Problem> {
    let wanted = cookie::is_wanted(headers);
    let from_page = headers.contains_key(header::ORIGIN);
    if wanted && from_page && !auth::origin_allowed(&node.config, headers) {
        return Err(RefusalCode::ForeignOrigin.into());
    }
    Ok(wanted)
}

/// A device's name, trimmed: one visible line, or empty. `[LI2]`
pub(super) fn device_name(name: Option<String>) -> Result<String, Problem> {
    let name = tidings_protocol::name::device_name(name.as_deref().unwrap_or_default());
    name.map(String::from)
        .map_err(|error| Problem(error.into()))
}

/// Adds a device and answers with its token: in the body, or as the cookie when these headers asked for it.
pub(super) async fn add_device(
    node: &Node,
    user: UserId,
    name: String,
    cookie_for: Option<&HeaderMap>,
) -> Result<Response, Problem> {
    let token = Token::fresh()?;
    let device = DeviceId::from_bits(uuid::Uuid::now_v7().as_u128());
    let created_at = add(node, user, device, &name, &token).await?;
    let account = node.store.user(user).await?.ok_or(RefusalCode::Internal)?;
    let answer = SignedIn {
        user: account.profile(),
        device: DeviceInfo {
            id: device,
            name,
            created_at,
            current: true,
        },
        token: if cookie_for.is_some() {
            String::new()
        } else {
            token.reveal()
        },
    };
    let mut response = created(node, &format!("/devices/{device}"), answer);
    response.extensions_mut().insert(Secret);
    if let Some(headers) = cookie_for {
        response.headers_mut().insert(
            header::SET_COOKIE,
            cookie::set(&node.config, &token, headers),
        );
    }
    Ok(response)
}

async fn add(
    node: &Node,
    user: UserId,
    device: DeviceId,
    name: &str,
    token: &Token,
) -> Result<Timestamp, Problem> {
    let command = Command::AddDevice {
        device,
        name: name.to_owned(),
        token_hash: token.hash(),
    };
    for _ in 0..ROOM_TRIES {
        make_room(node, user).await?;
        match submit_as(node, user, None, command.clone()).await {
            Ok(Some(event)) => return Ok(event.event().at),
            // The id is fresh, so there is always something to change.
            Ok(None) => return Err(RefusalCode::Internal.into()),
            // Another sign-in of the same user took the place.
            Err(Problem(refusal)) if refusal.code == RefusalCode::LimitReached => {}
            Err(problem) => return Err(problem),
        }
    }
    Err(RefusalCode::LimitReached.into())
}

/// Signs the oldest devices out until one more fits.
async fn make_room(node: &Node, user: UserId) -> Result<(), Problem> {
    let mut devices = node.store.devices(user).await?;
    devices.sort_by_key(|device| (device.created_at, device.id));
    let too_many = (devices.len() + 1).saturating_sub(DEVICES_PER_USER_MAX);
    for device in devices.into_iter().take(too_many) {
        let remove = Command::RemoveDevice { device: device.id };
        match submit_as(node, user, None, remove).await {
            Ok(_) => {}
            // Somebody was faster.
            Err(Problem(refusal)) if refusal.code == RefusalCode::NotFound => {}
            Err(problem) => return Err(problem),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_called_in_one_line() {
        // [LI2]
        let of = |name: &str| device_name(Some(name.to_owned())).map_err(|problem| problem.0.code);
        assert_eq!(of(" Firefox on Linux ").unwrap(), "Firefox on Linux");
        assert_eq!(device_name(None).unwrap(), "");
        assert_eq!(of("a\nb").unwrap_err(), RefusalCode::BadRequest);
        assert_eq!(of("a\u{202e}b").unwrap_err(), RefusalCode::BadRequest);
        assert_eq!(of(&"x".repeat(121)).unwrap_err(), RefusalCode::TooLarge);
    }
}

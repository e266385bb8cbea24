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
use tidings_core::{AddDevice, RemoveDevice, User};
use tidings_protocol::{
    DeviceId, DeviceInfo, Refusal, RefusalCode, Timestamp, UserId, Username,
    content::RemovedReason,
    limits::DEVICES_PER_USER_MAX,
    rest::{SignIn, SignedIn},
};

use super::{
    command::{created, submit},
    compress::Secret,
    extract::{JsonBody, NoTxn},
};
use crate::{
    auth::{self, ClientAddress, cookie, known, passwords::Password, token::Token},
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
/// Makes a device of the user. The oldest gives way when there are too many, and is named in `signed_out`. With `X-Tidings-Cookie: 1` the token comes
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
    // What a device keeps is of an account, so that is looked for first; anybody else pays before anything is read.
    let kept = cookie::device(&headers);
    let mut user = match kept {
        Some(_) => named(&node, &body.username).await?,
        None => None,
    };
    let device = kept.zip(user.as_ref());
    let device = device.and_then(|(kept, user)| known::check(kept, user));
    let tried = node.limits.sign_in(caller.0, &body.username, device)?;
    if kept.is_none() {
        user = named(&node, &body.username).await?;
    }
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let password = Password::given(&body.password);
    let fits = node
        .passwords
        .verify(password, hash.clone(), tried.lane)
        .await?;
    match user {
        Some(user) if fits => {
            node.limits.was_right(&tried);
            let new = NewDevice {
                user: user.id,
                name: device_name,
                checked_hash: hash,
            };
            add_device(&node, new, cookie.then_some(&headers)).await
        }
        _ => Err(RefusalCode::WrongCredentials.into()),
    }
}

/// Whose name this is. One that breaks its rule belongs to nobody, and is answered like one that nobody has.
async fn named(node: &Node, username: &str) -> Result<Option<User>, Problem> {
    match username.parse::<Username>() {
        Ok(username) => Ok(node.store.user_by_name(&username).await?),
        Err(_) => Ok(None),
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
        .map_err(|error| Problem(Refusal::from(error).at("/device_name")))
}

/// A device that is to be added.
pub(super) struct NewDevice {
    /// Whose.
    pub(super) user: UserId,
    /// What it calls itself.
    pub(super) name: String,
    /// The hash that the password was checked against.
    pub(super) checked_hash: Option<String>,
}

/// Adds a device and answers with its token: in the body, or as the cookie when these headers asked for it.
pub(super) async fn add_device(
    node: &Node,
    new: NewDevice,
    cookie_for: Option<&HeaderMap>,
) -> Result<Response, Problem> {
    let token = Token::fresh()?;
    let device = DeviceId::from_bits(uuid::Uuid::now_v7().as_u128());
    let mut signed_out = Vec::new();
    let created_at = add(node, &new, device, &token, &mut signed_out).await?;
    let account = node.store.user(new.user).await?;
    let account = account.ok_or(RefusalCode::Internal)?;
    let answer = SignedIn {
        user: account.profile(),
        device: DeviceInfo {
            id: device,
            name: new.name,
            created_at,
            current: true,
        },
        signed_out,
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
        keep_known(node, &mut response, &account, headers)?;
    }
    Ok(response)
}

/// Gives the device what it shows when it signs in again.
pub(super) fn keep_known(
    node: &Node,
    response: &mut Response,
    account: &User,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    if let Some(proof) = known::issue(account)? {
        let cookie = cookie::set_device(&node.config, &proof, headers);
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(())
}

async fn add(
    node: &Node,
    new: &NewDevice,
    device: DeviceId,
    token: &Token,
    signed_out: &mut Vec<DeviceInfo>,
) -> Result<Timestamp, Problem> {
    let command = AddDevice {
        device,
        name: new.name.clone(),
        token_hash: token.hash(),
        checked_hash: new.checked_hash.clone(),
    };
    for _ in 0..ROOM_TRIES {
        make_room(node, new.user, signed_out).await?;
        match submit(node, new.user, None, command.clone()).await {
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

/// Signs the oldest devices out until one more fits, and notes them for the answer.
async fn make_room(
    node: &Node,
    user: UserId,
    signed_out: &mut Vec<DeviceInfo>,
) -> Result<(), Problem> {
    let mut devices = node.store.devices(user).await?;
    devices.sort_by_key(|device| (device.created_at, device.id));
    let too_many = (devices.len() + 1).saturating_sub(DEVICES_PER_USER_MAX);
    for device in devices.into_iter().take(too_many) {
        let remove = RemoveDevice {
            device: device.id,
            reason: RemovedReason::TooMany,
        };
        match submit(node, user, None, remove).await {
            Ok(_) => signed_out.push(DeviceInfo {
                id: device.id,
                name: device.name,
                created_at: device.created_at,
                current: false,
            }),
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

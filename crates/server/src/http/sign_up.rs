//! `POST /api/v1/users`: a new account, signed in at once.
//!
//! Owns: the order of checks, cheapest first. Never: says more about other accounts than that a name is taken.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::{HeaderMap, header};
use tidings_core::CreateUser;
use tidings_protocol::{
    DisplayName, Refusal, RefusalCode, UserId, UserKind,
    rest::{SignUp, SignedIn},
};

use super::{
    command::{locate, submit},
    extract::{JsonBody, NoTxn},
    sign_in::{self, Caller, NewDevice},
};
use crate::{auth::passwords::Password, node::Node, problem::Problem};

/// The program's own name: what somebody calls a password for it.
pub(crate) const SERVER_NAME: &str = "tidings";
/// The field of the name, as refusals point to it.
const USERNAME: &str = "/username";

/// Sign up
///
/// Makes an account and its first device. The first account of a server is its owner. With `X-Tidings-Cookie: 1` the
/// token comes as the cookie `tidings_token` and `token` is empty.
#[utoipa::path(
    post,
    path = "/api/v1/users",
    tag = "accounts",
    request_body = SignUp,
    params(("X-Tidings-Cookie" = Option<String>, Header, description = "`1` asks for the token as a cookie")),
    responses((status = 201, description = "The account, its device, and the token, shown once", body = SignedIn)),
    security(())
)]
pub(crate) async fn sign_up(
    State(node): State<Arc<Node>>,
    caller: Caller,
    headers: HeaderMap,
    _: NoTxn,
    JsonBody(body): JsonBody<SignUp>,
) -> Result<Response, Problem> {
    let cookie = sign_in::wants_cookie(&node, &headers)?;
    let device_name = sign_in::device_name(body.device_name)?;
    let about = about(
        body.username.as_str(),
        body.display_name.as_ref().map(DisplayName::as_str),
        &headers,
    );
    let password = Password::chosen(&body.password, &about).map_err(|no| no.at("/password"))?;
    if body.username.is_reserved() {
        return Err(Problem(
            Refusal::new(RefusalCode::UsernameReserved).at(USERNAME),
        ));
    }
    let tried = node.limits.sign_up(caller.0)?;
    // This only spares the hash; the door decides, so that two who come at once do not both become the first.
    if !node.config.sign_up && !is_first(&node).await? {
        let sentence = "This server makes no new accounts. Ask the one who runs it.";
        return Err(Problem(Refusal::with_message(
            RefusalCode::Forbidden,
            sentence,
        )));
    }
    // Before the hash is paid for. The door decides; this only spares work.
    if node.store.user_by_name(&body.username).await?.is_some() {
        return Err(Problem(
            Refusal::new(RefusalCode::UsernameTaken).at(USERNAME),
        ));
    }
    let password_hash = node.passwords.hash(password, tried.lane).await?;
    let display_name = match body.display_name {
        Some(name) => name,
        None => default_name(body.username.as_str())?,
    };
    let user = UserId::from_bits(uuid::Uuid::now_v7().as_u128());
    let create = CreateUser {
        only_first: !node.config.sign_up,
        user,
        username: body.username.clone(),
        display_name,
        kind: UserKind::Person,
        password_hash: password_hash.clone(),
    };
    submit(&node, user, None, create)
        .await
        .map_err(|Problem(no)| {
            let is_taken = no.code == RefusalCode::UsernameTaken;
            Problem(if is_taken { no.at(USERNAME) } else { no })
        })?;
    node.limits.signed_up(body.username.as_str(), &tried);
    let new = NewDevice {
        user,
        name: device_name,
        checked_hash: Some(password_hash),
    };
    let cookie_for = cookie.then_some(&headers);
    let mut response = sign_in::add_device(&node, new, cookie_for).await?;
    locate(&node, &format!("/users?id={user}"), &mut response);
    Ok(response)
}

/// What people know of an account, so that its password is not made of it.
pub(super) fn about<'a>(
    username: &'a str,
    display_name: Option<&'a str>,
    headers: &'a HeaderMap,
) -> Vec<&'a str> {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let given = display_name.into_iter().chain(host);
    [username, SERVER_NAME].into_iter().chain(given).collect()
}

async fn is_first(node: &Node) -> Result<bool, Problem> {
    Ok(node.store.search_users("", None, 1).await?.is_empty())
}

fn default_name(username: &str) -> Result<DisplayName, Problem> {
    username
        .parse()
        .map_err(|error: tidings_protocol::NameError| Problem(error.into()))
}

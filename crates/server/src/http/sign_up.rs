//! `POST /api/v1/users`: a new account, signed in at once.
//!
//! Owns: the order of checks, cheapest first. Never: says more about other accounts than that a name is taken.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::HeaderMap;
use tidings_core::Command;
use tidings_protocol::{
    DisplayName, Refusal, RefusalCode, UserId, UserKind,
    rest::{SignUp, SignedIn},
};

use super::{
    command::{locate, submit_as},
    extract::{JsonBody, NoTxn},
    sign_in::{self, Caller},
};
use crate::{auth::passwords, node::Node, problem::Problem};

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
    passwords::check(&body.password)?;
    node.limits.sign_in(caller.0, body.username.as_str())?;
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
        return Err(RefusalCode::UsernameTaken.into());
    }
    let password_hash = node.passwords.hash(body.password).await?;
    let display_name = match body.display_name {
        Some(name) => name,
        None => default_name(body.username.as_str())?,
    };
    let user = UserId::from_bits(uuid::Uuid::now_v7().as_u128());
    let create = Command::CreateUser {
        only_first: !node.config.sign_up,
        user,
        username: body.username,
        display_name,
        kind: UserKind::Person,
        password_hash,
    };
    submit_as(&node, user, None, create).await?;
    let cookie_for = cookie.then_some(&headers);
    let mut response = sign_in::add_device(&node, user, device_name, cookie_for).await?;
    locate(&node, &format!("/users?id={user}"), &mut response);
    Ok(response)
}

async fn is_first(node: &Node) -> Result<bool, Problem> {
    Ok(node.store.search_users("", None, 1).await?.is_empty())
}

fn default_name(username: &str) -> Result<DisplayName, Problem> {
    username
        .parse()
        .map_err(|error: tidings_protocol::NameError| Problem(error.into()))
}

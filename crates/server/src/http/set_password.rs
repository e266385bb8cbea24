//! `PUT /api/v1/me/password`: another password for one's own account.
//!
//! Owns: asking for the old one first, as often as a person mistypes. Never: keeps or logs either.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use tidings_core::KeepDevices;
use tidings_protocol::{Event, Refusal, RefusalCode, rest::SetPassword};

use super::{
    command::{changed, submit},
    extract::{JsonBody, NoTxn},
    sign_in::keep_known,
    sign_up::about,
};
use crate::{
    auth::{
        Principal,
        passwords::{Lane, Password},
    },
    node::Node,
    problem::Problem,
};

/// Change one's password
///
/// All other devices are signed out, unless `keep_devices` is true. Repeated, the new password is the account's already,
/// and the answer is 204.
#[utoipa::path(
    put,
    path = "/api/v1/me/password",
    tag = "accounts",
    request_body = SetPassword,
    responses(
        (status = 200, description = "The event that says so", body = Event),
        (status = 204, description = "It is the password already"),
    )
)]
pub(crate) async fn set_password(
    State(node): State<Arc<Node>>,
    principal: Principal,
    headers: HeaderMap,
    _: NoTxn,
    JsonBody(body): JsonBody<SetPassword>,
) -> Result<Response, Problem> {
    let user = principal.user;
    let profile = &principal.profile;
    let about = about(
        profile.username.as_str(),
        Some(profile.display_name.as_str()),
        &headers,
    );
    let new = Password::chosen(&body.password, &about).map_err(|no| no.at("/password"))?;
    node.limits.old_password(user)?;
    let mut account = node.store.user(user).await?.ok_or(RefusalCode::Internal)?;
    let hash = Some(account.password_hash.clone());
    let old = Password::given(&body.old_password);
    if !node
        .passwords
        .verify(old, hash.clone(), Lane::Known)
        .await?
    {
        // Maybe the answer to the first request was lost. It is one more password asked about, and counts as one.
        node.limits.old_password(user)?;
        return match node.passwords.verify(new, hash, Lane::Known).await? {
            true => changed(&principal, None),
            false => Err(Problem(
                Refusal::new(RefusalCode::WrongPassword).at("/old_password"),
            )),
        };
    }
    let password_hash = node.passwords.hash(new, Lane::Known).await?;
    account.password_hash.clone_from(&password_hash);
    let keep = match body.keep_devices {
        true => KeepDevices::All,
        false => KeepDevices::Only(principal.device),
    };
    let command = tidings_core::SetPassword {
        password_hash,
        checked_hash: hash,
        keep,
    };
    let event = submit(&node, principal.user, None, command).await?;
    let mut response = changed(&principal, event)?;
    if principal.by_cookie && response.status() == StatusCode::OK {
        keep_known(&node, &mut response, &account, &headers)?;
    }
    Ok(response)
}

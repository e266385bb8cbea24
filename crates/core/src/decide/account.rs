//! Accounts and devices.
//!
//! Owns: who gets a name, who owns the server (`[RM7]`), which devices exist.
//! Never: puts a secret into an event.

use tidings_protocol::{
    DeviceId, DisplayName, Refusal, RefusalCode, ServerRole, UserId, Username,
    content::Known,
    limits::{DEVICE_NAME_BYTES_MAX, DEVICES_PER_USER_MAX},
};

use crate::state::State;

pub(super) fn create(
    state: &State,
    user: UserId,
    username: &Username,
    display_name: &DisplayName,
    only_first: bool,
) -> Result<Vec<Known>, Refusal> {
    if only_first && state.any_user {
        return Err(Refusal::with_message(
            RefusalCode::Forbidden,
            "This server makes no new accounts. Ask the one who runs it.",
        ));
    }
    if state.usernames.contains_key(username) || state.users.contains_key(&user) {
        return Err(RefusalCode::UsernameTaken.into());
    }
    let role = if state.any_user {
        ServerRole::Member
    } else {
        ServerRole::Owner
    };
    Ok(vec![Known::UserCreated {
        username: username.clone(),
        display_name: display_name.clone(),
        role,
    }])
}

pub(super) fn add_device(
    state: &State,
    actor: UserId,
    device: DeviceId,
    name: &str,
) -> Result<Vec<Known>, Refusal> {
    if !state.users.contains_key(&actor) {
        return Err(RefusalCode::Unauthenticated.into());
    }
    if name.len() > DEVICE_NAME_BYTES_MAX {
        return Err(Refusal::with_message(
            RefusalCode::TooLarge,
            "The device's name is too long.",
        ));
    }
    if state.device_counts.get(&actor).copied().unwrap_or_default() as usize >= DEVICES_PER_USER_MAX
    {
        return Err(Refusal::with_message(
            RefusalCode::LimitReached,
            "Sign out another device first.",
        ));
    }
    if state.devices.contains_key(&device) {
        return Ok(Vec::new());
    }
    Ok(vec![Known::DeviceAdded {
        device,
        name: name.to_owned(),
    }])
}

pub(super) fn remove_device(
    state: &State,
    actor: UserId,
    device: DeviceId,
) -> Result<Vec<Known>, Refusal> {
    match state.devices.get(&device) {
        Some(row) if row.user == actor => Ok(vec![Known::DeviceRemoved { device }]),
        _ => Err(RefusalCode::NotFound.into()),
    }
}

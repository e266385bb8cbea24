//! Accounts and devices.
//!
//! Owns: who gets a name, who owns the server (`[RM7]`), which devices exist.
//! Never: puts a secret into an event.

use tidings_protocol::{
    DeviceId, DisplayName, Refusal, RefusalCode, ServerRole, UserId, Username,
    content::{Known, RemovedReason},
    limits::{DEVICE_NAME_BYTES_MAX, DEVICES_PER_USER_MAX},
};

use crate::{command::KeepDevices, state::State};

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
    if username.is_reserved() {
        return Err(RefusalCode::UsernameReserved.into());
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
    checked_hash: Option<&str>,
) -> Result<Vec<Known>, Refusal> {
    let Some(user) = state.users.get(&actor) else {
        return Err(RefusalCode::Unauthenticated.into());
    };
    // A sign-in with the old password that was under way while it was changed.
    if checked_hash.is_some_and(|hash| hash != user.password_hash) {
        return Err(RefusalCode::WrongCredentials.into());
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
    reason: RemovedReason,
) -> Result<Vec<Known>, Refusal> {
    match state.devices.get(&device) {
        Some(row) if row.user == actor => Ok(vec![Known::DeviceRemoved { device, reason }]),
        _ => Err(RefusalCode::NotFound.into()),
    }
}

pub(super) fn set_password(
    state: &State,
    actor: UserId,
    checked_hash: Option<&str>,
    keep: KeepDevices,
) -> Result<Vec<Known>, Refusal> {
    let Some(user) = state.users.get(&actor) else {
        return Err(RefusalCode::Unauthenticated.into());
    };
    if checked_hash.is_some_and(|hash| hash != user.password_hash) {
        return Err(RefusalCode::WrongPassword.into());
    }
    let mut gone: Vec<DeviceId> = state
        .devices
        .values()
        .filter(|device| device.user == actor)
        .map(|device| device.id)
        .filter(|device| match keep {
            KeepDevices::All => false,
            KeepDevices::Only(kept) => *device != kept,
            KeepDevices::None => true,
        })
        .collect();
    gone.sort_unstable();
    let removed = gone.into_iter().map(|device| Known::DeviceRemoved {
        device,
        reason: RemovedReason::PasswordChanged,
    });
    Ok([Known::PasswordChanged {}]
        .into_iter()
        .chain(removed)
        .collect())
}

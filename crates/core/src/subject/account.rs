//! Accounts and devices.
//!
//! Owns: who gets a name, who owns the server (`[RM7]`), which devices exist; and the commands for it, which nobody
//! gives from outside as they stand: they carry secrets.
//! Never: puts a secret into an event.

use serde::Serialize;
use tidings_protocol::{
    DeviceId, DisplayName, Refusal, RefusalCode, ServerRole, UserId, UserKind, Username,
    content::{Known, RemovedReason},
    limits::{DEVICE_NAME_BYTES_MAX, DEVICES_PER_USER_MAX},
};

use crate::{
    command::{By, Meaning, Needs},
    state::State,
};

/// Create an account, with its first device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CreateUser {
    /// The new user; also the actor.
    pub user: UserId,
    /// The username.
    pub username: Username,
    /// The display name.
    #[serde(skip)]
    pub display_name: DisplayName,
    /// Person, bot or guest.
    #[serde(skip)]
    pub kind: UserKind,
    /// argon2id, PHC string; empty for none.
    #[serde(skip)]
    pub password_hash: String,
    /// Only as the server's first account, its owner: others are not made here.
    #[serde(skip)]
    pub only_first: bool,
}

/// Sign in: a new device of the actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddDevice {
    /// The device.
    pub device: DeviceId,
    /// What it calls itself.
    #[serde(skip)]
    pub name: String,
    /// SHA-256 of its token.
    #[serde(skip)]
    pub token_hash: [u8; 32],
    /// The password's hash that the sign-in was checked against. When it is not the account's any more, the password
    /// was changed meanwhile, and the sign-in does not happen. None where no password was asked for.
    #[serde(skip)]
    pub checked_hash: Option<String>,
}

/// Sign a device of the actor out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoveDevice {
    /// The device.
    pub device: DeviceId,
    /// Why.
    #[serde(skip)]
    pub reason: RemovedReason,
}

/// Give the actor's account another password. Two hashes of one password differ by their salt: nothing of it tells a retry
/// from another command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetPassword {
    /// argon2id, PHC string.
    #[serde(skip)]
    pub password_hash: String,
    /// The hash that the old password was checked against; when it is not the account's any more, nothing happens.
    /// None where nobody asked for the old one.
    #[serde(skip)]
    pub checked_hash: Option<String>,
    /// Which devices stay signed in.
    #[serde(skip)]
    pub keep: KeepDevices,
}

/// Which devices a change of the password leaves signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepDevices {
    /// All.
    All,
    /// This one alone.
    Only(DeviceId),
    /// None.
    None,
}

impl Meaning for CreateUser {
    fn needs(&self, _: By<'_>, needs: &mut Needs) {
        needs.users.insert(self.user);
        needs.usernames.insert(self.username.clone());
        needs.any_user = true;
    }

    fn decide(&self, _: By<'_>, state: &State) -> Result<Vec<Known>, Refusal> {
        if self.only_first && state.any_user {
            return Err(Refusal::with_message(
                RefusalCode::Forbidden,
                "This server makes no new accounts. Ask the one who runs it.",
            ));
        }
        if self.username.is_reserved() {
            return Err(RefusalCode::UsernameReserved.into());
        }
        if state.usernames.contains_key(&self.username) || state.users.contains_key(&self.user) {
            return Err(RefusalCode::UsernameTaken.into());
        }
        let role = if state.any_user {
            ServerRole::Member
        } else {
            ServerRole::Owner
        };
        Ok(vec![Known::UserCreated {
            username: self.username.clone(),
            display_name: self.display_name.clone(),
            role,
        }])
    }
}

impl Meaning for AddDevice {
    fn needs(&self, by: By<'_>, needs: &mut Needs) {
        needs.devices.insert(self.device);
        needs.device_counts.insert(by.actor);
    }

    fn decide(&self, by: By<'_>, state: &State) -> Result<Vec<Known>, Refusal> {
        // A sign-in with the old password that was under way while it was changed.
        if !is_checked(state, by, self.checked_hash.as_deref())? {
            return Err(RefusalCode::WrongCredentials.into());
        }
        if self.name.len() > DEVICE_NAME_BYTES_MAX {
            return Err(Refusal::with_message(
                RefusalCode::TooLarge,
                "The device's name is too long.",
            ));
        }
        if state
            .device_counts
            .get(&by.actor)
            .copied()
            .unwrap_or_default() as usize
            >= DEVICES_PER_USER_MAX
        {
            return Err(Refusal::with_message(
                RefusalCode::LimitReached,
                "Sign out another device first.",
            ));
        }
        if state.devices.contains_key(&self.device) {
            return Ok(Vec::new());
        }
        Ok(vec![Known::DeviceAdded {
            device: self.device,
            name: self.name.clone(),
        }])
    }
}

impl Meaning for RemoveDevice {
    fn needs(&self, _: By<'_>, needs: &mut Needs) {
        needs.devices.insert(self.device);
    }

    fn decide(&self, by: By<'_>, state: &State) -> Result<Vec<Known>, Refusal> {
        match state.devices.get(&self.device) {
            Some(row) if row.user == by.actor => Ok(vec![Known::DeviceRemoved {
                device: self.device,
                reason: self.reason,
            }]),
            _ => Err(RefusalCode::NotFound.into()),
        }
    }
}

impl Meaning for SetPassword {
    fn needs(&self, by: By<'_>, needs: &mut Needs) {
        needs.devices_of.insert(by.actor);
    }

    fn decide(&self, by: By<'_>, state: &State) -> Result<Vec<Known>, Refusal> {
        if !is_checked(state, by, self.checked_hash.as_deref())? {
            return Err(RefusalCode::WrongPassword.into());
        }
        let mut gone: Vec<DeviceId> = state
            .devices
            .values()
            .filter(|device| device.user == by.actor)
            .map(|device| device.id)
            .filter(|device| match self.keep {
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
}

/// Whether the actor's password is still the one that was checked, where one was. Who has no account is refused.
fn is_checked(state: &State, by: By<'_>, hash: Option<&str>) -> Result<bool, Refusal> {
    let user = state
        .users
        .get(&by.actor)
        .ok_or(RefusalCode::Unauthenticated)?;
    Ok(hash.is_none_or(|hash| hash == user.password_hash))
}

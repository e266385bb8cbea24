//! Commands: what someone wants to happen, and which rows deciding it needs.
//!
//! Owns: [`Command`], the log that each belongs to, [`Needs`], the fingerprint, and what every command has to say
//! ([`Meaning`]). Never: decides; the [`subject`](crate::subject)s do.

use std::{borrow::Cow, collections::BTreeSet};

use serde::Serialize;
use sha2::{Digest, Sha256};
use tidings_protocol::{
    Command as Given, DeviceId, Emoji, EventId, LogId, Refusal, RoomId, Seq, TxnId, UserId,
    Username, command::Place, content::Known, with_command,
};

use crate::{
    state::State,
    subject::{
        account::{AddDevice, CreateUser, RemoveDevice, SetPassword},
        room::room_of,
    },
};

/// Who gives a command, under which id, and where it happens.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// Who.
    pub actor: UserId,
    /// The client's id for it.
    pub txn: Option<&'a TxnId>,
    /// The log that its events go to.
    pub log: LogId,
}

/// What a command has to say for itself.
pub(crate) trait Meaning: Serialize + Clone {
    /// The same command with nothing left to be understood: two that mean the same are one text then, by which a retry is
    /// told. `[CM3]`
    fn in_full(&self, _: UserId) -> Cow<'_, Self> {
        Cow::Borrowed(self)
    }

    /// Adds what deciding needs beside what every command does: the room and the actor's membership, or the actor's
    /// account.
    fn needs(&self, by: By<'_>, needs: &mut Needs);

    /// The events that follow; none when there is nothing to change.
    fn decide(&self, by: By<'_>, state: &State) -> Result<Vec<Known>, Refusal>;
}

/// The commands that are core's own: a line each, with its word.
macro_rules! of_accounts {
    ($d:tt $( $(#[$doc:meta])* $word:literal $type:ident; )*) => {
        /// What someone wants to happen. Every lasting change is one of these.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Command {
            /// What clients may give.
            Given(Given),
            $( $(#[$doc])* $type($type), )*
        }

        impl Command {
            /// Its word, as logs have it.
            #[must_use]
            pub const fn word(&self) -> &'static str {
                match self {
                    Command::Given(given) => given.word(),
                    $( Command::$type(_) => $word, )*
                }
            }
        }

        /// Does the same with the struct of whichever command this is.
        macro_rules! with_struct {
            ($d command:expr, $d it:ident => $d does:expr) => {
                match $d command {
                    Command::Given(given) => with_command!(given, $d it => $d does),
                    $( Command::$type($d it) => $d does, )*
                }
            };
        }

        $(
            impl From<$type> for Command {
                fn from(command: $type) -> Command {
                    Command::$type(command)
                }
            }
        )*
    };
}

of_accounts! { $
    /// Create an account, with its first device.
    "create_user" CreateUser;
    /// Sign in.
    "add_device" AddDevice;
    /// Sign a device out.
    "remove_device" RemoveDevice;
    /// Give the account another password.
    "set_password" SetPassword;
}

impl<C: Into<Given>> From<C> for Command {
    fn from(command: C) -> Command {
        Command::Given(command.into())
    }
}

/// The rows a batch of commands needs: what the store loads before deciding. Sets, so shared rows load once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Rooms.
    pub rooms: BTreeSet<RoomId>,
    /// Memberships.
    pub members: BTreeSet<(RoomId, UserId)>,
    /// Messages.
    pub messages: BTreeSet<(RoomId, EventId)>,
    /// Whether this user reacted so, and how many did.
    pub reactions: BTreeSet<(RoomId, EventId, Emoji, UserId)>,
    /// Accounts.
    pub users: BTreeSet<UserId>,
    /// Whether these names belong to somebody.
    pub usernames: BTreeSet<Username>,
    /// Whether these names, as they are compared, belong to public channels.
    pub public_names: BTreeSet<String>,
    /// Read markers.
    pub markers: BTreeSet<(UserId, RoomId)>,
    /// Counts of messages at a place of a log.
    pub counts: BTreeSet<(RoomId, Seq)>,
    /// Devices.
    pub devices: BTreeSet<DeviceId>,
    /// All devices of these users.
    pub devices_of: BTreeSet<UserId>,
    /// How many devices these users have.
    pub device_counts: BTreeSet<UserId>,
    /// How many rooms these users are in.
    pub room_counts: BTreeSet<UserId>,
    /// Whether any account exists.
    pub any_user: bool,
    /// Commands that may be retries: the event stored for them.
    pub txns: BTreeSet<(LogId, UserId, TxnId)>,
}

impl Command {
    /// The log that its events go to.
    #[must_use]
    pub fn log(&self, actor: UserId, txn: Option<&TxnId>) -> LogId {
        match self {
            Command::Given(given) => match given.place() {
                Place::Room(room) => LogId::Room(room),
                Place::Made => LogId::Room(room_of(given, actor, txn)),
                Place::Own => LogId::User(actor),
            },
            Command::CreateUser(create) => LogId::User(create.user),
            Command::AddDevice(_) | Command::RemoveDevice(_) | Command::SetPassword(_) => {
                LogId::User(actor)
            }
        }
    }

    /// Adds what deciding this command needs to know.
    pub fn needs(&self, actor: UserId, txn: Option<&TxnId>, needs: &mut Needs) {
        let log = self.log(actor, txn);
        match log {
            LogId::Room(room) => {
                needs.rooms.insert(room);
                needs.members.insert((room, actor));
            }
            LogId::User(_) => {
                needs.users.insert(actor);
            }
        }
        if let Some(txn) = txn {
            needs.txns.insert((log, actor, txn.clone()));
        }
        let by = By { actor, txn, log };
        with_struct!(self, command => command.needs(by, needs));
    }

    /// The events that follow from it; none when there is nothing to change.
    ///
    /// # Errors
    /// The refusal, with a stable code.
    pub fn decide(&self, by: By<'_>, state: &State) -> Result<Vec<Known>, Refusal> {
        with_struct!(self, command => command.decide(by, state))
    }

    /// A hash of what the command says, to tell a retry from another command with the same `txn`. `[CM3]`
    /// It stands in the database: from the first release on, a change of this form must keep the values of old commands.
    #[must_use]
    pub fn fingerprint(&self, actor: UserId) -> i64 {
        let said = with_struct!(self, command => serde_json::to_vec(&*command.in_full(actor)));
        let said = said.expect("a command has only texts and numbers, which always encode");
        let mut hash = Sha256::new();
        hash.update(self.word());
        hash.update(said);
        let digest = hash.finalize();
        let mut first = [0u8; 8];
        first.copy_from_slice(&digest[..8]);
        i64::from_be_bytes(first)
    }
}

#[cfg(test)]
mod tests {
    use tidings_protocol::{
        DeviceId, RoomKind, UserKind, Visibility,
        content::RemovedReason,
        subject::{AddMember, CreateRoom, MoveMarker, RemoveMember, SendContent, SendMessage},
    };

    use super::*;
    use crate::subject::account::KeepDevices;

    fn commands() -> Vec<(Command, i64)> {
        let (room, user) = (RoomId::from_bits(1), UserId::from_bits(2));
        let text = |text: &str| SendContent::Text {
            text: text.parse().unwrap(),
        };
        let send = |content| SendMessage { room, content }.into();
        let create = |members: &[UserId]| {
            let create = CreateRoom {
                kind: RoomKind::Group,
                name: None,
                visibility: Some(Visibility::Private),
                members: members.to_vec(),
            };
            create.into()
        };
        let set = |hash: &str| {
            let set = SetPassword {
                password_hash: hash.to_owned(),
                checked_hash: None,
                keep: KeepDevices::All,
            };
            set.into()
        };
        let device = DeviceId::from_bits(3);
        vec![
            (send(text("hello")), 3_639_550_470_854_975_683),
            (send(text("hello!")), -4_413_810_164_877_394_316),
            (
                MoveMarker { room, seq: Seq(7) }.into(),
                -2_524_107_007_405_295_802,
            ),
            (
                AddMember { room, user: None }.into(),
                -7_359_602_074_959_676_065,
            ),
            (
                AddMember {
                    room,
                    user: Some(user),
                }
                .into(),
                -3_571_908_748_628_873_373,
            ),
            (create(&[]), -5_453_003_378_826_614_562),
            (create(&[user]), -2_050_087_127_773_148_786),
            (
                CreateUser {
                    user,
                    username: "ada".parse().unwrap(),
                    display_name: "Ada".parse().unwrap(),
                    kind: UserKind::Person,
                    password_hash: "a hash".to_owned(),
                    only_first: false,
                }
                .into(),
                515_026_414_119_048_717,
            ),
            (
                RemoveDevice {
                    device,
                    reason: RemovedReason::SignedOut,
                }
                .into(),
                3_655_037_761_183_983_832,
            ),
            (set("a hash"), 9_151_244_337_985_982_496),
        ]
    }

    #[test]
    fn fingerprints_stay_as_they_are_stored() {
        // [CM3] They stand in databases: a form that changes makes retries of old commands look like other commands.
        let actor = UserId::from_bits(9);
        let found: Vec<_> = commands()
            .iter()
            .map(|(c, _)| c.fingerprint(actor))
            .collect();
        let expected: Vec<_> = commands().iter().map(|(_, value)| *value).collect();
        assert_eq!(found, expected);
        let different: BTreeSet<_> = found.iter().collect();
        assert_eq!(different.len(), found.len());
    }

    #[test]
    fn what_means_the_same_is_the_same_command() {
        // [CM3] [RE14] Over both doors, and in any order.
        let (room, actor) = (RoomId::from_bits(1), UserId::from_bits(9));
        let same = |a: Command, b: Command| assert_eq!(a.fingerprint(actor), b.fingerprint(actor));
        let user = Some(actor);
        same(
            AddMember { room, user: None }.into(),
            AddMember { room, user }.into(),
        );
        same(
            RemoveMember { room, user: None }.into(),
            RemoveMember { room, user }.into(),
        );
        let create = |visibility, members: &[u128]| {
            let create = CreateRoom {
                kind: RoomKind::Group,
                name: None,
                visibility,
                members: members.iter().map(|n| UserId::from_bits(*n)).collect(),
            };
            Command::from(create)
        };
        same(
            create(None, &[3, 4]),
            create(Some(Visibility::Private), &[4, 3, 4]),
        );
    }

    #[test]
    fn a_fingerprint_knows_no_secret() {
        let set = |hash: &str, keep| {
            let set = SetPassword {
                password_hash: hash.to_owned(),
                checked_hash: Some(hash.to_owned()),
                keep,
            };
            Command::from(set).fingerprint(UserId::from_bits(9))
        };
        assert_eq!(set("a", KeepDevices::All), set("b", KeepDevices::None));
    }
}

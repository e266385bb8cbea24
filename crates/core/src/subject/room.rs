//! Creating and renaming rooms.
//!
//! Owns: what each kind of room needs to begin, and which id it gets. Never: draws an id; it follows from who asks, and how.

use std::{borrow::Cow, collections::BTreeSet};

use tidings_protocol::{
    Command as Given, Refusal, RefusalCode, Role, RoomId, RoomKind, RoomName, TxnId, UserId,
    Visibility,
    content::Known,
    limits::CREATE_MEMBERS_MAX,
    subject::{CreateRoom, RenameRoom},
};

use crate::{
    command::{By, Meaning, Needs},
    derive, names,
    permission::{has_place_for_room, may_rename, require_member},
    state::State,
};

/// The id of the room that a command makes: that of the two who will be in it, or that of its `txn`. Naming oneself, or
/// the other twice, says no more; with none or several others no direct room fits, and deciding refuses it.
pub(crate) fn room_of(given: &Given, actor: UserId, txn: Option<&TxnId>) -> RoomId {
    if let Given::CreateRoom(create) = given
        && create.kind == RoomKind::Direct
        && let Some(other) = only(&others(create, actor))
    {
        return derive::direct_room(actor, other);
    }
    derive::room_of_txn(actor, txn)
}

fn others(create: &CreateRoom, actor: UserId) -> BTreeSet<UserId> {
    let others = create.members.iter().copied();
    others.filter(|user| *user != actor).collect()
}

fn only(users: &BTreeSet<UserId>) -> Option<UserId> {
    users.first().copied().filter(|_| users.len() == 1)
}

impl Meaning for CreateRoom {
    fn in_full(&self, _: UserId) -> Cow<'_, Self> {
        let members: BTreeSet<UserId> = self.members.iter().copied().collect();
        Cow::Owned(CreateRoom {
            visibility: self.visibility.or(Some(Visibility::Private)),
            members: members.into_iter().collect(),
            ..self.clone()
        })
    }

    fn needs(&self, by: By<'_>, needs: &mut Needs) {
        if let (Some(Visibility::Public), Some(name)) = (self.visibility, &self.name) {
            needs.public_names.insert(names::compared(name));
        }
        for user in others(self, by.actor).into_iter().chain([by.actor]) {
            if let Some(room) = by.log.room() {
                needs.members.insert((room, user));
            }
            needs.users.insert(user);
            needs.room_counts.insert(user);
        }
    }

    fn decide(&self, by: By<'_>, state: &State) -> Result<Vec<Known>, Refusal> {
        let Some(room) = by.log.room() else {
            return Err(RefusalCode::Internal.into());
        };
        let others = others(self, by.actor);
        let visibility = self.visibility.unwrap_or(Visibility::Private);
        let bad = |sentence: &str| Err(Refusal::with_message(RefusalCode::BadRequest, sentence));
        let mut between = None;
        match self.kind {
            RoomKind::Direct => {
                let Some(other) = only(&others) else {
                    return bad("A direct room has exactly one other member.");
                };
                if self.name.is_some() || visibility == Visibility::Public {
                    return bad("A direct room has no name and is private.");
                }
                between = Some([by.actor.min(other), by.actor.max(other)]);
            }
            RoomKind::Group if visibility == Visibility::Public => {
                return bad("A group is private. Create a channel for all.");
            }
            RoomKind::Channel if self.name.is_none() => return bad("A channel needs a name."),
            RoomKind::Group | RoomKind::Channel if by.txn.is_none() => {
                return bad("The id of a new room follows from a `txn`.");
            }
            RoomKind::Group | RoomKind::Channel => {}
        }
        if others.len() > CREATE_MEMBERS_MAX {
            return Err(Refusal::with_message(
                RefusalCode::LimitReached,
                "Add the other members after creating the room.",
            ));
        }
        for user in others.iter().chain([&by.actor]) {
            if !state.users.contains_key(user) {
                return Err(Refusal::with_message(
                    RefusalCode::NotFound,
                    "One of the members does not exist.",
                ));
            }
            // A direct room that exists takes no new place.
            if !state.rooms.contains_key(&room)
                && !has_place_for_room(state, self.kind, by.actor, *user)
            {
                return Err(Refusal::with_message(
                    RefusalCode::LimitReached,
                    "One of the members is in too many rooms.",
                ));
            }
        }
        if state.rooms.contains_key(&room) {
            // A direct room that exists. Any other id is derived from a txn, which `execute` has looked up.
            return Ok(Vec::new());
        }
        if visibility == Visibility::Public {
            require_free(state, room, self.name.as_ref())?;
        }
        let own_role = if self.kind == RoomKind::Direct {
            Role::Member
        } else {
            Role::Owner
        };
        let mut events = vec![
            Known::RoomCreated {
                room_kind: self.kind,
                visibility,
                name: self.name.clone(),
                between,
            },
            Known::MemberJoined {
                user: by.actor,
                role: own_role,
            },
        ];
        events.extend(others.into_iter().map(|user| Known::MemberJoined {
            user,
            role: Role::Member,
        }));
        Ok(events)
    }
}

impl Meaning for RenameRoom {
    fn needs(&self, _: By<'_>, needs: &mut Needs) {
        // Whether the room is public is not known here.
        needs.public_names.insert(names::compared(&self.name));
    }

    fn decide(&self, by: By<'_>, state: &State) -> Result<Vec<Known>, Refusal> {
        let (found, member) = require_member(state, self.room, by.actor)?;
        if found.kind == RoomKind::Direct {
            return Err(RefusalCode::DirectRoom.into());
        }
        if !may_rename(found, member) {
            return Err(RefusalCode::Forbidden.into());
        }
        if found.name.as_ref() == Some(&self.name) {
            return Ok(Vec::new());
        }
        if found.visibility == Visibility::Public {
            require_free(state, self.room, Some(&self.name))?;
        }
        Ok(vec![Known::RoomRenamed {
            name: self.name.clone(),
        }])
    }
}

/// No other public channel may have the name; the refusal names the one that does, which everybody may see. `[RM11]`
fn require_free(state: &State, room: RoomId, name: Option<&RoomName>) -> Result<(), Refusal> {
    let whose = name.and_then(|name| state.public_names.get(&names::compared(name)));
    match whose {
        Some(&other) if other != room => Err(Refusal::new(RefusalCode::NameTaken).room(other)),
        _ => Ok(()),
    }
}

//! Creating and renaming rooms.
//!
//! Owns: what each kind of room needs to begin. Never: draws the room's id; it comes derived with the command.

use std::collections::BTreeSet;

use tidings_protocol::{
    Refusal, RefusalCode, Role, RoomId, RoomKind, RoomName, UserId, Visibility, content::Known,
    limits::CREATE_MEMBERS_MAX,
};

use crate::{
    derive::direct_room,
    names,
    permission::{has_place_for_room, may_rename, require_member},
    state::State,
};

pub(super) fn create(
    state: &State,
    actor: UserId,
    room: RoomId,
    kind: RoomKind,
    visibility: Visibility,
    name: Option<&RoomName>,
    members: &[UserId],
) -> Result<Vec<Known>, Refusal> {
    let others: BTreeSet<UserId> = members
        .iter()
        .copied()
        .filter(|user| *user != actor)
        .collect();
    let bad = |sentence: &str| Err(Refusal::with_message(RefusalCode::BadRequest, sentence));
    let mut between = None;
    match kind {
        RoomKind::Direct => {
            let mut iter = others.iter();
            let (Some(&other), None) = (iter.next(), iter.next()) else {
                return bad("A direct room has exactly one other member.");
            };
            if name.is_some() || visibility == Visibility::Public {
                return bad("A direct room has no name and is private.");
            }
            if room != direct_room(actor, other) {
                return bad("The id of a direct room is derived from its two members.");
            }
            between = Some([actor.min(other), actor.max(other)]);
        }
        RoomKind::Group if visibility == Visibility::Public => {
            return bad("A group is private. Create a channel for all.");
        }
        RoomKind::Channel if name.is_none() => return bad("A channel needs a name."),
        RoomKind::Group | RoomKind::Channel => {}
    }
    if others.len() > CREATE_MEMBERS_MAX {
        return Err(Refusal::with_message(
            RefusalCode::LimitReached,
            "Add the other members after creating the room.",
        ));
    }
    for user in others.iter().chain([&actor]) {
        if !state.users.contains_key(user) {
            return Err(Refusal::with_message(
                RefusalCode::NotFound,
                "One of the members does not exist.",
            ));
        }
        // A direct room that exists takes no new place.
        if !state.rooms.contains_key(&room) && !has_place_for_room(state, kind, actor, *user) {
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
        require_free(state, room, name)?;
    }
    let own_role = if kind == RoomKind::Direct {
        Role::Member
    } else {
        Role::Owner
    };
    let mut events = vec![
        Known::RoomCreated {
            room_kind: kind,
            visibility,
            name: name.cloned(),
            between,
        },
        Known::MemberJoined {
            user: actor,
            role: own_role,
        },
    ];
    events.extend(others.into_iter().map(|user| Known::MemberJoined {
        user,
        role: Role::Member,
    }));
    Ok(events)
}

pub(super) fn rename(
    state: &State,
    actor: UserId,
    room: RoomId,
    name: &RoomName,
) -> Result<Vec<Known>, Refusal> {
    let (found, member) = require_member(state, room, actor)?;
    if found.kind == RoomKind::Direct {
        return Err(RefusalCode::DirectRoom.into());
    }
    if !may_rename(found, member) {
        return Err(RefusalCode::Forbidden.into());
    }
    if found.name.as_ref() == Some(name) {
        return Ok(Vec::new());
    }
    if found.visibility == Visibility::Public {
        require_free(state, room, Some(name))?;
    }
    Ok(vec![Known::RoomRenamed { name: name.clone() }])
}

/// No other public channel may have the name; the refusal names the one that does, which everybody may see. `[RM11]`
fn require_free(state: &State, room: RoomId, name: Option<&RoomName>) -> Result<(), Refusal> {
    let whose = name.and_then(|name| state.public_names.get(&names::compared(name)));
    match whose {
        Some(&other) if other != room => Err(Refusal::new(RefusalCode::NameTaken).room(other)),
        _ => Ok(()),
    }
}

//! Joining, adding, leaving, removing, and giving roles.
//!
//! Owns: who may come, who may go, who may send whom away, and who makes whom an owner. `[RM1]` to `[RM4]`, `[RM9]`, `[RM10]`
//! Never: tells a stranger that a private room exists.

use std::borrow::Cow;

use tidings_protocol::{
    Refusal, RefusalCode, Role, RoomId, RoomKind, UserId, Visibility,
    content::Known,
    subject::{AddMember, RemoveMember, SetRole},
};

use crate::{
    command::{By, Meaning, Needs},
    permission::{has_place_for_room, may_add, may_remove, may_set_role, require_member},
    state::State,
};

impl Meaning for AddMember {
    fn in_full(&self, actor: UserId) -> Cow<'_, Self> {
        Cow::Owned(AddMember {
            room: self.room,
            user: self.user.or(Some(actor)),
        })
    }

    fn needs(&self, by: By<'_>, needs: &mut Needs) {
        needs_other(self.room, self.user.unwrap_or(by.actor), needs);
    }

    fn decide(&self, by: By<'_>, state: &State) -> Result<Vec<Known>, Refusal> {
        let user = self.user.unwrap_or(by.actor);
        let found = state.rooms.get(&self.room).ok_or(RefusalCode::NotFound)?;
        if user == by.actor {
            if state.member(self.room, by.actor).is_some() {
                return Ok(Vec::new());
            }
            if found.kind != RoomKind::Channel || found.visibility != Visibility::Public {
                return Err(RefusalCode::NotFound.into());
            }
        } else {
            let (_, member) = require_member(state, self.room, by.actor)?;
            if found.kind == RoomKind::Direct {
                return Err(RefusalCode::DirectRoom.into());
            }
            if !may_add(found, member) {
                return Err(RefusalCode::Forbidden.into());
            }
            if state.member(self.room, user).is_some() {
                return Ok(Vec::new());
            }
        }
        if !state.users.contains_key(&user) {
            return Err(Refusal::with_message(
                RefusalCode::NotFound,
                "This user does not exist.",
            ));
        }
        if !has_place_for_room(state, found.kind, by.actor, user) {
            return Err(Refusal::with_message(
                RefusalCode::LimitReached,
                "This user is in too many rooms.",
            ));
        }
        // Only a public channel can be joined with nobody in it to add; who comes keeps it. [RM10]
        let role = if found.owners == 0 {
            Role::Owner
        } else {
            Role::Member
        };
        Ok(vec![Known::MemberJoined { user, role }])
    }
}

impl Meaning for RemoveMember {
    fn in_full(&self, actor: UserId) -> Cow<'_, Self> {
        Cow::Owned(RemoveMember {
            room: self.room,
            user: self.user.or(Some(actor)),
        })
    }

    fn needs(&self, by: By<'_>, needs: &mut Needs) {
        needs_other(self.room, self.user.unwrap_or(by.actor), needs);
    }

    fn decide(&self, by: By<'_>, state: &State) -> Result<Vec<Known>, Refusal> {
        let user = self.user.unwrap_or(by.actor);
        if user == by.actor
            && state.rooms.contains_key(&self.room)
            && state.member(self.room, by.actor).is_none()
        {
            // Leaving twice. A stranger to a private room hears what everybody hears of rooms that do not exist.
            return match state.members.get(&(self.room, by.actor)) {
                Some(_) => Ok(Vec::new()),
                None => Err(RefusalCode::NotFound.into()),
            };
        }
        let (found, member) = require_member(state, self.room, by.actor)?;
        if found.kind == RoomKind::Direct {
            return Err(RefusalCode::DirectRoom.into());
        }
        let Some(other) = state.member(self.room, user) else {
            return Ok(Vec::new());
        };
        if user == by.actor {
            if member.role == Role::Owner && found.owners == 1 && found.members > 1 {
                return Err(RefusalCode::LastOwner.into());
            }
        } else if !may_remove(member, other) {
            return Err(RefusalCode::Forbidden.into());
        }
        Ok(vec![Known::MemberLeft { user }])
    }
}

impl Meaning for SetRole {
    fn needs(&self, _: By<'_>, needs: &mut Needs) {
        needs.members.insert((self.room, self.user));
    }

    fn decide(&self, by: By<'_>, state: &State) -> Result<Vec<Known>, Refusal> {
        let (found, member) = require_member(state, self.room, by.actor)?;
        if found.kind == RoomKind::Direct {
            return Err(RefusalCode::DirectRoom.into());
        }
        let Some(other) = state.member(self.room, self.user) else {
            return Err(Refusal::with_message(
                RefusalCode::NotFound,
                "This user is no member. Add them first.",
            ));
        };
        if other.role == self.role {
            return Ok(Vec::new());
        }
        if !may_set_role(member, other) {
            return Err(RefusalCode::Forbidden.into());
        }
        if other.role == Role::Owner && found.owners == 1 {
            return Err(RefusalCode::LastOwner.into());
        }
        Ok(vec![Known::RoleChanged {
            user: self.user,
            role: self.role,
        }])
    }
}

fn needs_other(room: RoomId, user: UserId, needs: &mut Needs) {
    needs.members.insert((room, user));
    needs.users.insert(user);
    needs.room_counts.insert(user);
}

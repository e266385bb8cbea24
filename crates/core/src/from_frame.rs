//! From a command as it is given to the one that is decided.
//!
//! Owns: the one translation from the wire's words to the core's, for the socket and for REST. `[RE14]`
//! Never: checks rights; deciding does.

use std::collections::BTreeSet;

use tidings_protocol::{Command as Given, RoomKind, SendContent, TxnId, UserId, Visibility};

use crate::{command::Command, derive};

/// The command that `given` is in the name of `actor`. Its `txn` names a room that it makes.
#[must_use]
pub fn command(actor: UserId, txn: &TxnId, given: Given) -> Command {
    match given {
        Given::SendMessage(send) => {
            let SendContent::Text { text } = send.content;
            Command::SendMessage {
                room: send.room,
                text,
            }
        }
        Given::EditMessage(edit) => {
            let SendContent::Text { text } = edit.content;
            Command::EditMessage {
                room: edit.room,
                message: edit.message,
                text,
            }
        }
        Given::DeleteMessage(delete) => Command::DeleteMessage {
            room: delete.room,
            message: delete.message,
        },
        Given::AddReaction(add) => Command::AddReaction {
            room: add.room,
            message: add.message,
            emoji: add.emoji,
        },
        Given::RemoveReaction(remove) => Command::RemoveReaction {
            room: remove.room,
            message: remove.message,
            emoji: remove.emoji,
        },
        Given::MoveMarker(to) => Command::MoveMarker {
            room: to.room,
            seq: to.seq,
        },
        Given::CreateRoom(create) => {
            // Naming oneself, or the other twice, says no more. With none or several others no id fits: deciding refuses it.
            let others: BTreeSet<UserId> = create
                .members
                .iter()
                .copied()
                .filter(|user| *user != actor)
                .collect();
            let room = match (create.kind, others.first()) {
                (RoomKind::Direct, Some(other)) if others.len() == 1 => {
                    derive::direct_room(actor, *other)
                }
                _ => derive::room_of_txn(actor, txn),
            };
            Command::CreateRoom {
                room,
                kind: create.kind,
                visibility: create.visibility.unwrap_or(Visibility::Private),
                name: create.name,
                members: create.members,
            }
        }
        Given::RenameRoom(rename) => Command::RenameRoom {
            room: rename.room,
            name: rename.name,
        },
        Given::AddMember(add) => Command::AddMember {
            room: add.room,
            user: add.user.unwrap_or(actor),
        },
        Given::RemoveMember(remove) => Command::RemoveMember {
            room: remove.room,
            user: remove.user.unwrap_or(actor),
        },
        Given::SetRole(set) => Command::SetRole {
            room: set.room,
            user: set.user,
            role: set.role,
        },
    }
}

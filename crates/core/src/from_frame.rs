//! From a client's frame to the command that it gives.
//!
//! Owns: the one translation from the wire's words to the core's, for the socket and for REST. `[RE14]`
//! Never: checks rights; deciding does.

use std::collections::BTreeSet;

use tidings_protocol::{ClientFrame, RefusalCode, RoomKind, SendContent, UserId, Visibility};

use crate::{command::Command, derive};

/// The command that `frame` gives in the name of `actor`.
///
/// # Errors
/// `bad_request` for a frame that is no command.
pub fn command(actor: UserId, frame: ClientFrame) -> Result<Command, RefusalCode> {
    Ok(match frame {
        ClientFrame::Send {
            room,
            content: SendContent::Text { text },
            ..
        } => Command::SendMessage { room, text },
        ClientFrame::Edit {
            room,
            message,
            content: SendContent::Text { text },
            ..
        } => Command::EditMessage {
            room,
            message,
            text,
        },
        ClientFrame::Delete { room, message, .. } => Command::DeleteMessage { room, message },
        ClientFrame::React {
            room,
            message,
            emoji,
            ..
        } => Command::AddReaction {
            room,
            message,
            emoji,
        },
        ClientFrame::Unreact {
            room,
            message,
            emoji,
            ..
        } => Command::RemoveReaction {
            room,
            message,
            emoji,
        },
        ClientFrame::Mark { room, seq, .. } => Command::MoveMarker { room, seq },
        ClientFrame::CreateRoom {
            txn,
            kind,
            name,
            visibility,
            members,
        } => {
            // Naming oneself, or the other twice, says no more. With none or several others no id fits: deciding refuses it.
            let others: BTreeSet<UserId> = members
                .iter()
                .copied()
                .filter(|user| *user != actor)
                .collect();
            let room = match (kind, others.first()) {
                (RoomKind::Direct, Some(other)) if others.len() == 1 => {
                    derive::direct_room(actor, *other)
                }
                _ => derive::room_of_txn(actor, &txn),
            };
            let visibility = visibility.unwrap_or(Visibility::Private);
            Command::CreateRoom {
                room,
                kind,
                visibility,
                name,
                members,
            }
        }
        ClientFrame::Rename { room, name, .. } => Command::RenameRoom { room, name },
        ClientFrame::Join { room, user, .. } => Command::AddMember {
            room,
            user: user.unwrap_or(actor),
        },
        ClientFrame::Leave { room, user, .. } => Command::RemoveMember {
            room,
            user: user.unwrap_or(actor),
        },
        ClientFrame::SetRole {
            room, user, role, ..
        } => Command::SetRole { room, user, role },
        ClientFrame::Hello { .. }
        | ClientFrame::Open { .. }
        | ClientFrame::Close { .. }
        | ClientFrame::Typing { .. }
        | ClientFrame::Presence { .. }
        | ClientFrame::Watch { .. }
        | ClientFrame::Ping {} => return Err(RefusalCode::BadRequest),
    })
}

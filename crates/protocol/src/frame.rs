//! The frames of the socket, both directions, one page. The same in JSON and MessagePack. `[FR1]`
//!
//! Owns: what client and server say to each other over a WebSocket.
//! Never: knows how frames are framed, or what an answer means for state. How bytes become a frame is in [`read`].

pub mod read;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    command::Command,
    cursor::Cursor,
    event::Event,
    id::{LogId, RoomId, TxnId, UserId},
    number::Seq,
    refusal::Refusal,
    summary::{Presence, RoomHead, RoomSummary, UserProfile, word},
};

/// The subprotocol with text frames.
pub const SUBPROTOCOL_JSON: &str = "tidings.v1.json";
/// The subprotocol with binary frames.
pub const SUBPROTOCOL_MSGPACK: &str = "tidings.v1.msgpack";

word! {
    /// What a session hears of the rooms that it did not open.
    #[derive(Default)]
    Follow {
        /// A summary of each room that moved, coalesced.
        #[default]
        Listed = "listed",
        /// Every event of every room, in commit order.
        All = "all",
    }
}

/// A room to open, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct OpenRoom {
    /// The room.
    pub room: RoomId,
    /// The last event that the client has; events after it follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Seq>,
}

/// What a client says. A field that the server does not know is refused, never skipped. `[FR2]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(
    remote = "Self",
    tag = "type",
    rename_all = "snake_case",
    deny_unknown_fields
)]
pub enum ClientFrame {
    /// The first frame: who, from where, following what.
    Hello {
        /// The token, when it did not come with the handshake.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
        /// The cursor of the last visit; text, since an unreadable one is answered by `reset`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<String>,
        /// What to hear of rooms that are not open.
        #[serde(default)]
        follow: Follow,
        /// Rooms to open at once.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        open: Vec<OpenRoom>,
        /// The last event of the own user log that the client has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_seq: Option<Seq>,
    },
    /// Follow every event of a room.
    Open {
        /// The room.
        room: RoomId,
        /// The last event that the client has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Seq>,
    },
    /// Back to summaries.
    Close {
        /// The room.
        room: RoomId,
    },
    /// Signal: typing in an open room. Renewed every few seconds while it lasts.
    Typing {
        /// Where.
        room: RoomId,
        /// Whether still.
        on: bool,
    },
    /// Signal: whether somebody looks at this session.
    Presence {
        /// `online` or `away`.
        status: Presence,
    },
    /// Whose presence to hear of: replaces the list.
    Watch {
        /// The users on screen.
        users: Vec<UserId>,
    },
    /// A heartbeat of one's own, where the transport's ping is out of reach (browsers). Answered by `pong`.
    Ping {},
    /// A command. Its word is the frame's `type`, and its fields stand beside `txn`.
    #[serde(skip)]
    Give {
        /// The client's id for this command.
        txn: TxnId,
        /// What is to happen.
        command: Command,
    },
}

impl Serialize for ClientFrame {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if let ClientFrame::Give { txn, command } = self {
            return command.write(txn, s);
        }
        ClientFrame::serialize(self, s)
    }
}

/// From any format; what comes over a socket is read by [`read`], which is faster and keeps the `txn` of what it refuses.
impl<'de> Deserialize<'de> for ClientFrame {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<ClientFrame, D::Error> {
        let value = serde_json::Value::deserialize(d)?;
        let text = value.to_string();
        read::frame(&read::Text(&text))
            .map_err(|error| D::Error::custom(read::without_place(&error)))
    }
}

/// What a frame of a client is, whoever takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// The greeting.
    Hello,
    /// It opens or closes this room.
    Follow(RoomId),
    /// It asks for something that lasts.
    Command {
        /// The client's id for it.
        txn: &'a TxnId,
        /// The room that it is about; none while that is to be made.
        room: Option<RoomId>,
    },
    /// It may be lost. `[SG1]`
    Signal,
    /// A heartbeat.
    Ping,
}

impl ClientFrame {
    /// The frame of a command.
    #[must_use]
    pub fn give(txn: TxnId, command: impl Into<Command>) -> ClientFrame {
        ClientFrame::Give {
            txn,
            command: command.into(),
        }
    }

    /// Which part of a session it is.
    #[must_use]
    pub fn part(&self) -> Part<'_> {
        match self {
            ClientFrame::Hello { .. } => Part::Hello,
            ClientFrame::Open { room, .. } | ClientFrame::Close { room } => Part::Follow(*room),
            ClientFrame::Give { txn, command } => Part::Command {
                txn,
                room: command.room(),
            },
            ClientFrame::Typing { .. }
            | ClientFrame::Presence { .. }
            | ClientFrame::Watch { .. } => Part::Signal,
            ClientFrame::Ping {} => Part::Ping,
        }
    }

    /// The client's id, when this is a command.
    #[must_use]
    pub fn txn(&self) -> Option<&TxnId> {
        match self.part() {
            Part::Command { txn, .. } => Some(txn),
            Part::Hello | Part::Follow(_) | Part::Signal | Part::Ping => None,
        }
    }
}

/// A room that the user is in no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeftRoom {
    /// The room.
    pub room: RoomId,
    /// Who removed the user; the user themselves when they left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
}

/// The state that `ready` and `reset` carry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Welcome {
    /// Who the session is.
    pub me: UserProfile,
    /// `ready` with `since`: the rooms that moved since then. Else all rooms.
    pub rooms: Vec<RoomSummary>,
    /// Rooms left or lost since then, and by whose doing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<LeftRoom>,
    /// Users named by these rooms (the other one of a direct room, authors of last lines, who removed the user).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<UserProfile>,
    /// The last event of the own user log.
    pub user_seq: Seq,
    /// From where to resume.
    pub cursor: Cursor,
    /// What the client must keep to.
    pub limits: WireLimits,
}

/// The limits a client needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WireLimits {
    /// Bytes of a message's text.
    pub message_text_bytes_max: usize,
    /// Bytes of one frame from the client.
    pub frame_bytes_max: usize,
    /// Rooms open at once.
    pub open_rooms_max: usize,
    /// Commands waiting for their answer.
    pub commands_in_flight_max: usize,
    /// Milliseconds between heartbeats.
    pub heartbeat_ms: u64,
}

impl WireLimits {
    /// The limits of this version.
    pub const CURRENT: WireLimits = WireLimits {
        message_text_bytes_max: crate::limits::MESSAGE_TEXT_BYTES_MAX,
        frame_bytes_max: crate::limits::CLIENT_FRAME_BYTES_MAX,
        open_rooms_max: crate::limits::OPEN_ROOMS_MAX,
        commands_in_flight_max: crate::limits::COMMANDS_IN_FLIGHT_MAX,
        heartbeat_ms: crate::limits::HEARTBEAT_MS,
    };
}

/// What the server says. Clients skip types that they do not know. `[FR2]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// Welcome: what moved since the cursor, or everything without one.
    Ready(Box<Welcome>),
    /// The cursor cannot be served: forget what is held, here is the current state.
    Reset(Box<Welcome>),
    /// Something happened. With `txn`: the answer to a command.
    Event(Box<Event>),
    /// A room is open: events after `from` follow. `from` above what was asked means: drop what is held, read history.
    Opened {
        /// The room.
        room: RoomId,
        /// Events with a greater `seq` follow.
        from: Seq,
        /// The last event right now.
        head: Seq,
    },
    /// Listed rooms moved.
    Rooms {
        /// Which, and how far.
        rooms: Vec<RoomHead>,
    },
    /// A room is new for this session, or changed for it as a whole.
    Room {
        /// The room.
        room: Box<RoomSummary>,
        /// Users it names.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        users: Vec<UserProfile>,
    },
    /// The user is no longer a member; nothing of this room follows.
    Left(LeftRoom),
    /// The answer to a command that is refused.
    Refused {
        /// The command; none when the frame that is refused had none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        txn: Option<TxnId>,
        /// The room of an `open` that is refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room: Option<RoomId>,
        /// Why.
        refusal: Refusal,
    },
    /// The answer to a command that had nothing to change.
    Unchanged {
        /// The command.
        txn: TxnId,
        /// The log it was about.
        log: LogId,
    },
    /// Signal: who types.
    Typing {
        /// Where.
        room: RoomId,
        /// Who.
        user: UserId,
        /// Whether still.
        on: bool,
    },
    /// Signal: presence of watched users that changed.
    Presence {
        /// Who, and how.
        users: Vec<UserPresence>,
    },
    /// Signal: how many of an open room's members are there.
    PresenceCount {
        /// Which room.
        room: RoomId,
        /// Members who are `online` or `away`, on any node, oneself among them.
        count: u32,
    },
    /// A cursor to remember: everything up to it was sent.
    Cursor {
        /// From where to resume.
        cursor: Cursor,
    },
    /// The server is about to close: come back within this time, at a random moment.
    Reconnect {
        /// Milliseconds to spread over.
        jitter_ms: u64,
    },
    /// The answer to `ping`.
    Pong {},
}

/// One user's presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserPresence {
    /// Who.
    pub user: UserId,
    /// How.
    pub status: Presence,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::{SendContent, SendMessage};

    #[test]
    fn frames_are_the_same_in_json_and_msgpack() {
        // [FR1]
        let frame: ClientFrame = serde_json::from_str(
            r#"{"type":"send","txn":"t-1","room":"room_01h455vb4pex5vsknk084sn02q","content":{"kind":"text","text":"hello"}}"#,
        )
        .unwrap();
        assert!(
            matches!(&frame, ClientFrame::Give { command: Command::SendMessage(SendMessage { content: SendContent::Text { text }, .. }), .. } if text.as_str() == "hello")
        );
        let packed = rmp_serde::to_vec_named(&frame).unwrap();
        assert_eq!(
            rmp_serde::from_slice::<ClientFrame>(&packed).unwrap(),
            frame
        );
    }

    #[test]
    fn an_event_frame_has_the_envelope_beside_its_type() {
        let text = r#"{"type":"event","shard":0,"position":812,"log":"room_01h455vb4pex5vsknk084sn02q","seq":42,"id":"evt_01h455vb4pex5vsknk084sn02q","at":"2026-11-20T21:00:00.000Z","actor":"user_01h455vb4pex5vsknk084sn02q","count":40,"txn":"0192","content":{"kind":"message","text":"hello"}}"#;
        let frame: ServerFrame = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&frame).unwrap(), text);
        let packed = rmp_serde::to_vec_named(&frame).unwrap();
        assert_eq!(
            rmp_serde::from_slice::<ServerFrame>(&packed).unwrap(),
            frame
        );
    }
}

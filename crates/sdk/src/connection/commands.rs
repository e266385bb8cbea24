//! The commands of a connection: each is kept, sent until it is answered, and happens once.
//!
//! Owns: turning a call into a frame with a `txn` of its own. Never: waits for the network before it keeps a command.

use std::time::{SystemTime, UNIX_EPOCH};

use tidings_protocol::{
    ClientFrame, Command, Emoji, Event, EventId, MessageText, Refusal, RefusalCode, Role, RoomId,
    RoomName, SendContent, Seq, Timestamp, TxnId, UserId,
    rest::CreateRoom,
    subject::{
        self, AddMember, AddReaction, DeleteMessage, EditMessage, MoveMarker, RemoveMember,
        RemoveReaction, RenameRoom, SendMessage, SetRole,
    },
};
use tidings_sync::{client::Answer, outbox::Row};
use tokio::sync::oneshot;

use super::{Connection, Order};
use crate::Error;

/// A future that is dropped does not take its command back: it stays in the outbox and happens.
///
/// Every command fails with the server's refusal, with [`Error::Outbox`] when it could not be kept, or with
/// [`Error::Stopped`] when the connection ended for good; then it waits in the outbox's store for the next one.
#[expect(
    clippy::missing_errors_doc,
    reason = "said once, for all of them, above"
)]
impl Connection {
    /// Any command, under a new `txn`: what the methods below say in fewer words. None: there was nothing to change.
    pub async fn give(&self, command: impl Into<Command> + Send) -> Result<Option<Event>, Error> {
        match self.command(ClientFrame::give(new_txn(), command)).await? {
            Answer::Event(event) => Ok(Some(*event)),
            Answer::Unchanged(_) => Ok(None),
            Answer::Refused(refusal) => Err(refusal.into()),
        }
    }

    /// Sends a message.
    pub async fn send(&self, room: RoomId, text: &str) -> Result<Event, Error> {
        let content = content(text)?;
        let sent = self.give(SendMessage { room, content }).await?;
        sent.ok_or_else(|| Error::Answer("a message that changed nothing".to_owned()))
    }

    /// Changes the text of a message of one's own. None: it had this text already.
    pub async fn edit(
        &self,
        room: RoomId,
        message: EventId,
        text: &str,
    ) -> Result<Option<Event>, Error> {
        let content = content(text)?;
        let edit = EditMessage {
            room,
            message,
            content,
        };
        self.give(edit).await
    }

    /// Deletes a message. None: it was deleted already.
    pub async fn delete(&self, room: RoomId, message: EventId) -> Result<Option<Event>, Error> {
        self.give(DeleteMessage { room, message }).await
    }

    /// Reacts to a message. None: the reaction was there.
    pub async fn react(
        &self,
        room: RoomId,
        message: EventId,
        emoji: &str,
    ) -> Result<Option<Event>, Error> {
        let emoji: Emoji = emoji.parse()?;
        let add = AddReaction {
            room,
            message,
            emoji,
        };
        self.give(add).await
    }

    /// Takes a reaction back. None: there was none.
    pub async fn unreact(
        &self,
        room: RoomId,
        message: EventId,
        emoji: &str,
    ) -> Result<Option<Event>, Error> {
        let emoji: Emoji = emoji.parse()?;
        let remove = RemoveReaction {
            room,
            message,
            emoji,
        };
        self.give(remove).await
    }

    /// Says that a room is read up to `seq`. None: the marker was there or beyond.
    pub async fn mark(&self, room: RoomId, seq: Seq) -> Result<Option<Event>, Error> {
        self.give(MoveMarker { room, seq }).await
    }

    /// Creates a room; a direct room that exists is found instead. `room.txn` is used if there is one.
    pub async fn create_room(&self, room: CreateRoom) -> Result<RoomId, Error> {
        let create = subject::CreateRoom {
            kind: room.kind,
            name: room.name,
            visibility: room.visibility,
            members: room.members,
        };
        let frame = ClientFrame::give(room.txn.unwrap_or_else(new_txn), create);
        let log = match self.command(frame).await? {
            Answer::Event(event) => event.log,
            Answer::Unchanged(log) => log,
            Answer::Refused(refusal) => return Err(refusal.into()),
        };
        let odd = || Error::Answer("a new room that is no room".to_owned());
        log.room().ok_or_else(odd)
    }

    /// Gives a room another name. None: it had this name already.
    pub async fn rename(&self, room: RoomId, name: &str) -> Result<Option<Event>, Error> {
        let name: RoomName = name.parse()?;
        self.give(RenameRoom { room, name }).await
    }

    /// Joins a public channel, or with `user` adds that user. None: they were a member already.
    pub async fn join(&self, room: RoomId, user: Option<UserId>) -> Result<Option<Event>, Error> {
        self.give(AddMember { room, user }).await
    }

    /// Leaves a room, or with `user` removes that user. None: they were no member.
    pub async fn leave(&self, room: RoomId, user: Option<UserId>) -> Result<Option<Event>, Error> {
        self.give(RemoveMember { room, user }).await
    }

    /// Gives a member another role. None: they had it already.
    pub async fn set_role(
        &self,
        room: RoomId,
        user: UserId,
        role: Role,
    ) -> Result<Option<Event>, Error> {
        self.give(SetRole { room, user, role }).await
    }

    /// Any command, with the `txn` that it carries. For bridges that derive it from what they bridge: the same `txn`
    /// again, even years later, gets the same answer and happens once. A frame that is no command is refused.
    pub async fn command(&self, frame: ClientFrame) -> Result<Answer, Error> {
        let row = Row::new(frame, now())
            .map_err(|error| Refusal::with_message(RefusalCode::BadRequest, error.to_string()))?;
        let (answer, answered) = oneshot::channel();
        let order = Order {
            row: Box::new(row),
            answer,
        };
        if self.orders.send(order).await.is_err() {
            return Err(self.gone());
        }
        answered.await.unwrap_or_else(|_| Err(self.gone()))
    }
}

fn content(text: &str) -> Result<SendContent, Error> {
    let text: MessageText = text.parse()?;
    Ok(SendContent::Text { text })
}

/// A new id: a version 7 UUID, as the protocol advises. `[CM1]`
fn new_txn() -> TxnId {
    let text = uuid::Uuid::now_v7().simple().to_string();
    text.parse().expect("32 hexadecimal digits are a txn")
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = since.map_or(0, |since| since.as_micros());
    Timestamp(i64::try_from(micros).unwrap_or(i64::MAX))
}

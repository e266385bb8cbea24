//! The REST calls, one function each, in the order of the protocol's table. Rule [RE1].
//!
//! Owns: addresses, methods and bodies. Never: interprets what comes back.

use reqwest::{Method, Url};
use tidings_protocol::{
    DeviceId, DeviceInfo, Emoji, Event, EventId, Marker, MessageText, Role, RoomId, RoomName,
    RoomSummary, Seq, TxnId, UserId, UserProfile,
    rest::{
        CreateRoom, Devices, EditMessage, Events, MarkerAnswer, Me, Members, Messages, MoveMarker,
        RenameRoom, RoomAnswer, Rooms, SendMessage, SetPassword, SetRole, Users,
    },
};

use super::Client;
use crate::Error;

/// Which messages of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessagesAt {
    /// The newest.
    Latest,
    /// Those before this place.
    Before(Seq),
    /// Those after it.
    After(Seq),
    /// Those on both sides of it.
    Around(Seq),
}

/// Every call fails with the server's refusal, or when there is no answer that can be read.
#[expect(
    clippy::missing_errors_doc,
    reason = "said once, for all of them, above"
)]
impl Client {
    /// Who am I: `GET /me`.
    pub async fn me(&self) -> Result<Me, Error> {
        self.ask(Method::GET, self.address.of(&["me"])).await
    }

    /// Gives the account another password: `PUT /me/password`. The other devices are signed out, unless they are to be
    /// kept. Null when it is the password already, as after an answer that was lost.
    pub async fn set_password(&self, change: &SetPassword) -> Result<Option<Event>, Error> {
        let url = self.address.of(&["me", "password"]);
        self.tell(Method::PUT, url, change).await
    }

    /// Profiles by id: `GET /users?id=…`; at most 100.
    pub async fn users(&self, ids: &[UserId]) -> Result<Vec<UserProfile>, Error> {
        let mut url = self.address.of(&["users"]);
        for id in ids {
            url.query_pairs_mut().append_pair("id", &id.to_string());
        }
        Ok(self.ask::<Users>(Method::GET, url).await?.users)
    }

    /// Users whose name begins so: `GET /users?q=`.
    pub async fn find_users(&self, beginning: &str) -> Result<Vec<UserProfile>, Error> {
        let url = with(self.address.of(&["users"]), "q", Some(beginning));
        Ok(self.ask::<Users>(Method::GET, url).await?.users)
    }

    /// The account's devices: `GET /devices`.
    pub async fn devices(&self) -> Result<Vec<DeviceInfo>, Error> {
        let url = self.address.of(&["devices"]);
        Ok(self.ask::<Devices>(Method::GET, url).await?.devices)
    }

    /// Signs a device out: `DELETE /devices/{device}`. True when it was signed in.
    pub async fn remove_device(&self, device: DeviceId) -> Result<bool, Error> {
        let url = self.address.of(&["devices", &device.to_string()]);
        self.changed(Method::DELETE, url).await
    }

    /// Signs this device out; its token is worth nothing afterwards.
    pub async fn sign_out(self) -> Result<(), Error> {
        let url = self.address.of(&["devices", "current"]);
        self.changed(Method::DELETE, url).await.map(drop)
    }

    /// Creates a room: `POST /rooms`. With `txn` it may be repeated.
    pub async fn create_room(&self, room: &CreateRoom) -> Result<RoomSummary, Error> {
        let url = self.address.of(&["rooms"]);
        let answer: Option<RoomAnswer> = self.tell(Method::POST, url, room).await?;
        Ok(answer.ok_or_else(super::no_body)?.room)
    }

    /// One page of the own rooms: `GET /rooms`. `after` is the page before's `next`.
    pub async fn rooms(&self, after: Option<RoomId>) -> Result<Rooms, Error> {
        let url = with(self.address.of(&["rooms"]), "after", after);
        self.ask(Method::GET, url).await
    }

    /// One page of the public channels: `GET /rooms?scope=public`.
    pub async fn public_rooms(&self, after: Option<RoomId>) -> Result<Rooms, Error> {
        let url = with(self.address.of(&["rooms"]), "scope", Some("public"));
        self.ask(Method::GET, with(url, "after", after)).await
    }

    /// One room: `GET /rooms/{room}`.
    pub async fn room(&self, room: RoomId) -> Result<RoomSummary, Error> {
        let url = self.of_room(room, &[]);
        Ok(self.ask::<RoomAnswer>(Method::GET, url).await?.room)
    }

    /// Gives a room another name: `PATCH /rooms/{room}`.
    pub async fn rename_room(&self, room: RoomId, name: RoomName) -> Result<(), Error> {
        let url = self.of_room(room, &[]);
        let body = RenameRoom { name };
        let _: Option<serde_json::Value> = self.tell(Method::PATCH, url, &body).await?;
        Ok(())
    }

    /// One page of a room's members: `GET /rooms/{room}/members`.
    pub async fn members(&self, room: RoomId, after: Option<UserId>) -> Result<Members, Error> {
        let url = with(self.of_room(room, &["members"]), "after", after);
        self.ask(Method::GET, url).await
    }

    /// Joins a public channel, or with `user` adds that user. None: they were a member already.
    pub async fn join(&self, room: RoomId, user: Option<UserId>) -> Result<Option<Event>, Error> {
        self.ask_maybe(Method::PUT, self.of_member(room, user))
            .await
    }

    /// Leaves a room, or with `user` removes that user. None: they were no member.
    pub async fn leave(&self, room: RoomId, user: Option<UserId>) -> Result<Option<Event>, Error> {
        self.ask_maybe(Method::DELETE, self.of_member(room, user))
            .await
    }

    /// Gives a member another role: `PATCH /rooms/{room}/members/{user}`. None: they had it already.
    pub async fn set_role(
        &self,
        room: RoomId,
        user: UserId,
        role: Role,
    ) -> Result<Option<Event>, Error> {
        let url = self.of_member(room, Some(user));
        self.tell(Method::PATCH, url, &SetRole { role }).await
    }

    /// Sends a message: `POST /rooms/{room}/messages`. Sent again with the same `txn`, it happens once.
    pub async fn send_message(
        &self,
        room: RoomId,
        txn: &TxnId,
        text: MessageText,
    ) -> Result<Event, Error> {
        let body = SendMessage {
            txn: Some(txn.clone()),
            text: Some(text),
            content: None,
        };
        let url = self.of_room(room, &["messages"]);
        self.tell(Method::POST, url, &body)
            .await?
            .ok_or_else(super::no_body)
    }

    /// Messages in their current state, oldest first: `GET /rooms/{room}/messages`.
    pub async fn messages(
        &self,
        room: RoomId,
        at: MessagesAt,
        limit: u32,
    ) -> Result<Messages, Error> {
        let url = with(self.of_room(room, &["messages"]), "limit", Some(limit));
        let url = match at {
            MessagesAt::Latest => url,
            MessagesAt::Before(seq) => with(url, "before", Some(seq)),
            MessagesAt::After(seq) => with(url, "after", Some(seq)),
            MessagesAt::Around(seq) => with(url, "around", Some(seq)),
        };
        self.ask(Method::GET, url).await
    }

    /// Changes a message of one's own. None: it had this text already.
    pub async fn edit_message(
        &self,
        room: RoomId,
        message: EventId,
        txn: &TxnId,
        text: MessageText,
    ) -> Result<Option<Event>, Error> {
        let body = EditMessage {
            txn: Some(txn.clone()),
            text,
        };
        let url = self.of_room(room, &["messages", &message.to_string()]);
        self.tell(Method::PATCH, url, &body).await
    }

    /// Deletes a message. None: it was deleted already.
    pub async fn delete_message(
        &self,
        room: RoomId,
        message: EventId,
    ) -> Result<Option<Event>, Error> {
        let url = self.of_room(room, &["messages", &message.to_string()]);
        self.ask_maybe(Method::DELETE, url).await
    }

    /// Reacts to a message. None: the reaction was there.
    pub async fn react(
        &self,
        room: RoomId,
        message: EventId,
        emoji: &Emoji,
    ) -> Result<Option<Event>, Error> {
        let url = self.of_reaction(room, message, emoji);
        self.ask_maybe(Method::PUT, url).await
    }

    /// Takes a reaction back. None: there was none.
    pub async fn unreact(
        &self,
        room: RoomId,
        message: EventId,
        emoji: &Emoji,
    ) -> Result<Option<Event>, Error> {
        let url = self.of_reaction(room, message, emoji);
        self.ask_maybe(Method::DELETE, url).await
    }

    /// Says that the room is read up to `seq`: `PUT /rooms/{room}/marker`. None: the marker was there or beyond.
    pub async fn mark(&self, room: RoomId, seq: Seq) -> Result<Option<Marker>, Error> {
        let url = self.of_room(room, &["marker"]);
        let answer: Option<MarkerAnswer> = self.tell(Method::PUT, url, &MoveMarker { seq }).await?;
        Ok(answer.map(|answer| answer.marker))
    }

    /// The log itself: `GET /rooms/{room}/events?after=&limit=`.
    pub async fn events(&self, room: RoomId, after: Seq, limit: u32) -> Result<Events, Error> {
        let url = with(self.of_room(room, &["events"]), "after", Some(after));
        self.ask(Method::GET, with(url, "limit", Some(limit))).await
    }

    fn of_room(&self, room: RoomId, rest: &[&str]) -> Url {
        let room = room.to_string();
        let mut segments = vec!["rooms", room.as_str()];
        segments.extend(rest);
        self.address.of(&segments)
    }

    fn of_member(&self, room: RoomId, user: Option<UserId>) -> Url {
        let user = user.map_or_else(|| "me".to_owned(), |user| user.to_string());
        self.of_room(room, &["members", &user])
    }

    fn of_reaction(&self, room: RoomId, message: EventId, emoji: &Emoji) -> Url {
        let message = message.to_string();
        self.of_room(room, &["messages", &message, "reactions", emoji.as_str()])
    }

    async fn changed(&self, method: Method, url: Url) -> Result<bool, Error> {
        let answer: Option<serde_json::Value> = self.ask_maybe(method, url).await?;
        Ok(answer.is_some())
    }
}

fn with<T: ToString>(mut url: Url, name: &str, value: Option<T>) -> Url {
    if let Some(value) = value {
        url.query_pairs_mut().append_pair(name, &value.to_string());
    }
    url
}

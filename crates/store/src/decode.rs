//! Rows into the types of `core` and `protocol`.
//!
//! Owns: which column is what, in the order in which `query` lists them.
//! Never: mends a damaged row; it is reported as trouble.

use std::{str::FromStr, sync::Arc};

use tidings_core::{Chain, Device, Member, MessageRow, Room, StoredEvent, User};
use tidings_protocol::{
    DeviceId, DisplayName, Emoji, EventId, Gone, LastMessage, LeftRoom, LogId, Marker, MemberInfo,
    MessageText, Position, RoomId, RoomName, RoomSummary, Seq, ShardId, Timestamp, TxnId, UserId,
    UserProfile, Username, Visibility,
};

use crate::{error::StoreError, upkeep::Reached, value::Columns};

type Result<T> = std::result::Result<T, StoreError>;

fn parse<T: FromStr>(text: &str, what: &str) -> Result<T> {
    text.parse().map_err(|_| StoreError::damaged(what))
}

fn parse_or_none<T: FromStr>(text: Option<&str>, what: &str) -> Result<Option<T>> {
    text.map(|text| parse(text, what)).transpose()
}

fn number(row: &dyn Columns, index: usize) -> Result<u64> {
    u64::try_from(row.int(index)?).map_err(|_| StoreError::damaged("a number"))
}

fn number_or_none(row: &dyn Columns, index: usize) -> Result<Option<u64>> {
    row.int_or_none(index)?
        .map(|n| u64::try_from(n).map_err(|_| StoreError::damaged("a number")))
        .transpose()
}

fn small(row: &dyn Columns, index: usize) -> Result<u32> {
    u32::try_from(row.int(index)?).map_err(|_| StoreError::damaged("a small number"))
}

pub(crate) fn text(row: &dyn Columns) -> Result<String> {
    row.text(0).map(str::to_owned)
}

pub(crate) fn seq(row: &dyn Columns) -> Result<Seq> {
    number(row, 0).map(Seq)
}

pub(crate) fn position(row: &dyn Columns) -> Result<Position> {
    number(row, 0).map(Position)
}

pub(crate) fn reached(row: &dyn Columns) -> Result<Reached> {
    let chain = row.bytes_or_none(1)?.map(TryInto::try_into).transpose();
    Ok(Reached {
        position: position(row)?,
        chain: chain
            .map_err(|_| StoreError::damaged("a chain"))?
            .map(Chain),
    })
}

pub(crate) fn room_id(row: &dyn Columns) -> Result<RoomId> {
    row.id(0).map(RoomId::from_bytes)
}

pub(crate) fn user_id(row: &dyn Columns) -> Result<UserId> {
    row.id(0).map(UserId::from_bytes)
}

/// A room that was left, where, and where an earlier stay in it ended.
pub(crate) fn left_room(row: &dyn Columns) -> Result<(RoomId, Position, Position)> {
    Ok((
        room_id(row)?,
        Position(number(row, 1)?),
        Position(number(row, 2)?),
    ))
}

pub(crate) fn left_by(row: &dyn Columns) -> Result<LeftRoom> {
    Ok(LeftRoom {
        room: room_id(row)?,
        by: row.id_or_none(1)?.map(UserId::from_bytes),
    })
}

pub(crate) fn event(row: &dyn Columns) -> Result<StoredEvent> {
    let shard = row.int(0)?;
    let log = row.id(3)?;
    Ok(StoredEvent {
        shard: ShardId(u16::try_from(shard).map_err(|_| StoreError::damaged("a shard"))?),
        position: Position(number(row, 1)?),
        log: match row.text(2)? {
            "room" => LogId::Room(RoomId::from_bytes(log)),
            "user" => LogId::User(UserId::from_bytes(log)),
            _ => return Err(StoreError::damaged("a kind of log")),
        },
        seq: Seq(number(row, 4)?),
        id: EventId::from_bytes(row.id(5)?),
        at: Timestamp(row.int(6)?),
        actor: UserId::from_bytes(row.id(7)?),
        count: number(row, 8)?,
        txn: parse_or_none::<TxnId>(row.text_or_none(9)?, "a txn")?,
        kind: row.text(10)?.into(),
        body: row.text_or_none(11)?.map(Arc::from),
    })
}

/// The column after those of [`event`]: the fingerprint of the command.
pub(crate) fn event_and_fingerprint(row: &dyn Columns) -> Result<(StoredEvent, i64)> {
    Ok((event(row)?, row.int(12)?))
}

/// The room of a row that stands there without one, too.
pub(crate) fn room_if_any(row: &dyn Columns) -> Result<Option<Room>> {
    match row.id_or_none(0)? {
        Some(_) => room(row).map(Some),
        None => Ok(None),
    }
}

pub(crate) fn room(row: &dyn Columns) -> Result<Room> {
    Ok(Room {
        id: RoomId::from_bytes(row.id(0)?),
        kind: parse(row.text(1)?, "a kind of room")?,
        visibility: parse(row.text(2)?, "a visibility")?,
        name: row.text_or_none(3)?.map(RoomName::kept),
        direct: direct(row, 4)?,
        created_by: UserId::from_bytes(row.id(6)?),
        created_at: Timestamp(row.int(7)?),
        head: Seq(number(row, 8)?),
        head_position: Position(number(row, 9)?),
        count: number(row, 10)?,
        members: small(row, 11)?,
        owners: small(row, 12)?,
        last_message: number_or_none(row, 13)?.map(Seq),
        chain: chain(row, 14)?,
        gone: gone(row, 15)?,
    })
}

/// A list of numbers with commas between.
fn gone(row: &dyn Columns, index: usize) -> Result<Gone> {
    let text = row.text(index)?;
    let numbers = text.split(',').filter(|number| !number.is_empty());
    let seqs: std::result::Result<Vec<Seq>, _> =
        numbers.map(|number| number.parse().map(Seq)).collect();
    let seqs = seqs.map_err(|_| StoreError::damaged("the deleted messages of a room"))?;
    Ok(Gone::from(seqs))
}

fn chain(row: &dyn Columns, index: usize) -> Result<Chain> {
    let bytes = row.bytes(index)?.try_into();
    bytes.map(Chain).map_err(|_| StoreError::damaged("a chain"))
}

fn direct(row: &dyn Columns, base: usize) -> Result<Option<(UserId, UserId)>> {
    let a = row.id_or_none(base)?.map(UserId::from_bytes);
    let b = row.id_or_none(base + 1)?.map(UserId::from_bytes);
    Ok(a.zip(b))
}

pub(crate) fn member(row: &dyn Columns) -> Result<Member> {
    Ok(Member {
        room: RoomId::from_bytes(row.id(0)?),
        user: UserId::from_bytes(row.id(1)?),
        role: parse(row.text(2)?, "a role")?,
        joined: row.flag_or_none(3)?.unwrap_or_default(),
        joined_seq: Seq(number(row, 4)?),
        joined_position: Position(number(row, 5)?),
        left_seq: Seq(number(row, 6)?),
        left_position: Position(number(row, 7)?),
        sent: Marker {
            seq: Seq(number(row, 8)?),
            count: number(row, 9)?,
        },
        earlier_left_position: Position(number(row, 10)?),
    })
}

pub(crate) fn message(row: &dyn Columns) -> Result<MessageRow> {
    Ok(MessageRow {
        room: RoomId::from_bytes(row.id(0)?),
        seq: Seq(number(row, 1)?),
        id: EventId::from_bytes(row.id(2)?),
        author: UserId::from_bytes(row.id(3)?),
        text: row.text_or_none(4)?.map(MessageText::kept),
        edited: number_or_none(row, 5)?.map(Seq),
        deleted: number_or_none(row, 6)?.map(Seq),
        emoji: small(row, 7)?,
    })
}

pub(crate) fn user(row: &dyn Columns) -> Result<User> {
    user_at(row, 0)
}

fn user_at(row: &dyn Columns, base: usize) -> Result<User> {
    let profile = profile_at(row, base)?;
    Ok(User {
        id: profile.id,
        username: profile.username,
        display_name: profile.display_name,
        kind: profile.kind,
        role: profile.role,
        created_at: profile.created_at,
        password_hash: row.text(base + 6)?.to_owned(),
        head: Seq(number(row, base + 7)?),
        head_position: Position(number(row, base + 8)?),
        chain: chain(row, base + 9)?,
    })
}

pub(crate) fn profile(row: &dyn Columns) -> Result<UserProfile> {
    profile_at(row, 0)
}

fn profile_at(row: &dyn Columns, base: usize) -> Result<UserProfile> {
    Ok(UserProfile {
        id: UserId::from_bytes(row.id(base)?),
        username: Username::kept(row.text(base + 1)?),
        display_name: DisplayName::kept(row.text(base + 2)?),
        kind: parse(row.text(base + 3)?, "a kind of user")?,
        role: parse(row.text(base + 4)?, "a role on the server")?,
        created_at: Timestamp(row.int(base + 5)?),
    })
}

pub(crate) fn member_info(row: &dyn Columns) -> Result<MemberInfo> {
    Ok(MemberInfo {
        role: parse(row.text(0)?, "a role")?,
        user: profile_at(row, 1)?,
    })
}

pub(crate) fn device(row: &dyn Columns) -> Result<Device> {
    Ok(Device {
        id: DeviceId::from_bytes(row.id(0)?),
        user: UserId::from_bytes(row.id(1)?),
        name: row.text(2)?.to_owned(),
        token_hash: row
            .bytes(3)?
            .try_into()
            .map_err(|_| StoreError::damaged("a token's hash"))?,
        created_at: Timestamp(row.int(4)?),
    })
}

pub(crate) fn device_and_user(row: &dyn Columns) -> Result<(Device, User)> {
    Ok((device(row)?, user_at(row, 5)?))
}

pub(crate) fn marker_at(row: &dyn Columns, base: usize) -> Result<Marker> {
    Ok(Marker {
        seq: Seq(number(row, base)?),
        count: number(row, base + 1)?,
    })
}

/// A room as the reader sees it, with the other member of a direct room still unpicked.
pub(crate) struct SummaryRow {
    pub(crate) summary: RoomSummary,
    pub(crate) direct: Option<(UserId, UserId)>,
}

impl SummaryRow {
    /// The summary for this reader; none when they may not know of the room.
    pub(crate) fn seen_by(mut self, reader: UserId) -> Option<RoomSummary> {
        self.summary.peer = self.direct.map(|(a, b)| if a == reader { b } else { a });
        (self.summary.role.is_some() || self.summary.visibility == Visibility::Public)
            .then_some(self.summary)
    }
}

pub(crate) fn summary(row: &dyn Columns) -> Result<SummaryRow> {
    let joined = row.flag_or_none(11)? == Some(true);
    let sent = row
        .int_or_none(12)?
        .map(|_| marker_at(row, 12))
        .transpose()?;
    let set = row
        .int_or_none(14)?
        .map(|_| marker_at(row, 14))
        .transpose()?;
    let (sent, set) = (sent.unwrap_or_default(), set.unwrap_or_default());
    let marker = if sent.seq > set.seq { sent } else { set };
    let mut gone = gone(row, 23)?;
    gone.forget_upto(marker.seq);
    let summary = RoomSummary {
        id: RoomId::from_bytes(row.id(0)?),
        kind: parse(row.text(1)?, "a kind of room")?,
        visibility: parse(row.text(2)?, "a visibility")?,
        name: row.text_or_none(3)?.map(RoomName::kept),
        peer: None,
        created_at: Timestamp(row.int(6)?),
        head: Seq(number(row, 7)?),
        count: number(row, 8)?,
        members: small(row, 9)?,
        role: if joined {
            parse_or_none(row.text_or_none(10)?, "a role")?
        } else {
            None
        },
        marker,
        gone,
        last: last_message(row, 16)?,
    };
    Ok(SummaryRow {
        summary,
        direct: direct(row, 4)?,
    })
}

/// How far a room has come, and its last line.
pub(crate) fn last_line(row: &dyn Columns) -> Result<(Seq, Option<LastMessage>)> {
    Ok((seq(row)?, last_message(row, 1)?))
}

fn last_message(row: &dyn Columns, base: usize) -> Result<Option<LastMessage>> {
    let Some(id) = row.id_or_none(base)? else {
        return Ok(None);
    };
    let text = current_text(row, base + 4, base + 5, base + 6)?;
    Ok(Some(LastMessage {
        id: EventId::from_bytes(id),
        seq: Seq(number(row, base + 1)?),
        at: Timestamp(row.int(base + 2)?),
        actor: UserId::from_bytes(row.id(base + 3)?),
        text: text.map(|text| tidings_protocol::last_line(&text)),
    }))
}

/// The text of a message now: none once deleted, the last edit's, or the first, which is in the event's body.
fn current_text(
    row: &dyn Columns,
    body: usize,
    text: usize,
    deleted: usize,
) -> Result<Option<String>> {
    if row.int_or_none(deleted)?.is_some() {
        return Ok(None);
    }
    if let Some(text) = row.text_or_none(text)? {
        return Ok(Some(text.to_owned()));
    }
    Ok(row.text_or_none(body)?.and_then(first_text))
}

fn first_text(body: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Body {
        text: String,
    }
    // A body of a later version may have no text that this one can show.
    serde_json::from_str::<Body>(body)
        .ok()
        .map(|body| body.text)
}

/// A message of a page; its reactions come apart.
pub(crate) struct PageRow {
    pub(crate) message: tidings_protocol::Message,
    pub(crate) reacted: bool,
}

pub(crate) fn page_row(row: &dyn Columns) -> Result<PageRow> {
    let text = current_text(row, 7, 8, 10)?;
    Ok(PageRow {
        message: tidings_protocol::Message {
            id: EventId::from_bytes(row.id(0)?),
            room: RoomId::from_bytes(row.id(1)?),
            seq: Seq(number(row, 2)?),
            at: Timestamp(row.int(3)?),
            actor: UserId::from_bytes(row.id(4)?),
            count: number(row, 5)?,
            txn: parse_or_none(row.text_or_none(6)?, "a txn")?,
            text: text.map(|text| MessageText::kept(&text)),
            edited: number_or_none(row, 9)?.map(Seq),
            deleted: number_or_none(row, 10)?.map(Seq),
            reactions: Vec::new(),
        },
        reacted: row.int(11)? > 0,
    })
}

pub(crate) fn reaction(row: &dyn Columns) -> Result<(EventId, tidings_protocol::Emoji, UserId)> {
    Ok((
        EventId::from_bytes(row.id(0)?),
        Emoji::kept(row.text(1)?),
        UserId::from_bytes(row.id(2)?),
    ))
}

pub(crate) fn following(row: &dyn Columns) -> Result<crate::Following> {
    Ok(crate::Following {
        room: room_id(row)?,
        head: Seq(number(row, 1)?),
        count: number(row, 2)?,
        head_position: Position(number(row, 3)?),
        joined_position: Position(number(row, 4)?),
        earlier_left_position: Position(number(row, 5)?),
    })
}

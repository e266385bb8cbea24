//! Pages of a room's messages in their current state.
//!
//! Owns: [`Page`], [`MessagePage`], the edges of pages.
//! Never: judges whether the reader is a member.

use std::collections::HashMap;

use futures_util::future;
use tidings_core::Room;
use tidings_protocol::{EventId, Message, MessageReaction, RoomId, Seq, UserId};

use crate::{
    decode::{self, PageRow},
    error::StoreError,
    query,
    value::{Param, Snapshot, row},
};

/// Which part of a room's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The newest.
    Latest,
    /// The newest of those before this place.
    Before(Seq),
    /// The oldest of those after this place.
    After(Seq),
    /// Half up to and including this place, half after it; where one side is short the other fills up.
    Around(Seq),
}

/// Messages in their current state, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct MessagePage {
    /// The messages.
    pub messages: Vec<Message>,
    /// The head of the room's log when the page was read; zero when there is no such room.
    pub head: Seq,
    /// Whether there are older ones than the first of this page.
    pub more_before: bool,
    /// Whether there are newer ones than the last of this page.
    pub more_after: bool,
}

/// Run in a snapshot: the room and the page belong together. A room that is not there has an empty page.
pub(crate) async fn messages<S: Snapshot>(
    s: &S,
    room: RoomId,
    reader: UserId,
    page: Page,
    limit: u32,
) -> Result<MessagePage, StoreError> {
    match super::room::room(s, room).await? {
        Some(room) => self::page(s, room, reader, page, limit).await,
        None => Ok(MessagePage {
            messages: Vec::new(),
            head: Seq::ZERO,
            more_before: false,
            more_after: false,
        }),
    }
}

/// A page of a room whose row was read in the same snapshot.
pub(crate) async fn page<S: Snapshot>(
    s: &S,
    room: Room,
    reader: UserId,
    page: Page,
    limit: u32,
) -> Result<MessagePage, StoreError> {
    let (head, last) = (room.head, room.last_message);
    let (room, limit) = (room.id, limit as usize);
    let (mut rows, more_before, more_after);
    match page {
        Page::Latest => {
            rows = before(s, room, Seq(u64::MAX), limit).await?;
            more_before = cut(&mut rows, limit);
            more_after = false;
            rows.reverse();
        }
        Page::Before(seq) => {
            rows = before(s, room, seq, limit).await?;
            more_before = cut(&mut rows, limit);
            more_after = last.is_some_and(|last| last >= seq);
            rows.reverse();
        }
        Page::After(seq) => {
            let older = any_upto(s, room, seq);
            (rows, more_before) = future::try_join(after(s, room, seq, limit), older).await?;
            more_after = cut(&mut rows, limit);
        }
        Page::Around(seq) => {
            let mut newer;
            let older = before(s, room, Seq(seq.0.saturating_add(1)), limit);
            (rows, newer) = future::try_join(older, after(s, room, seq, limit)).await?;
            let after_wanted = newer
                .len()
                .min((limit / 2).max(limit.saturating_sub(rows.len())));
            more_before = cut(&mut rows, limit - after_wanted);
            more_after = cut(&mut newer, after_wanted);
            rows.reverse();
            rows.append(&mut newer);
        }
    }
    let messages = with_reactions(s, room, reader, rows).await?;
    Ok(MessagePage {
        messages,
        head,
        more_before,
        more_after,
    })
}

/// Newest first; one more than asked for, if there is.
async fn before<S: Snapshot>(
    s: &S,
    room: RoomId,
    seq: Seq,
    limit: usize,
) -> Result<Vec<PageRow>, StoreError> {
    let params = vec![room.bytes().into(), seq.0.into(), (limit as u64 + 1).into()];
    s.rows(&query::MESSAGES_BEFORE, params, decode::page_row)
        .await
}

/// Oldest first; one more than asked for, if there is.
async fn after<S: Snapshot>(
    s: &S,
    room: RoomId,
    seq: Seq,
    limit: usize,
) -> Result<Vec<PageRow>, StoreError> {
    let params = vec![room.bytes().into(), seq.0.into(), (limit as u64 + 1).into()];
    s.rows(&query::MESSAGES_AFTER, params, decode::page_row)
        .await
}

/// Cuts to the limit, and says whether there was more.
fn cut(rows: &mut Vec<PageRow>, limit: usize) -> bool {
    let more = rows.len() > limit;
    rows.truncate(limit);
    more
}

async fn any_upto<S: Snapshot>(s: &S, room: RoomId, seq: Seq) -> Result<bool, StoreError> {
    let params = vec![room.bytes().into(), seq.0.into()];
    let found = row(s, &query::ANY_MESSAGE_UPTO, params, decode::seq).await?;
    Ok(found.is_some())
}

async fn with_reactions<S: Snapshot>(
    s: &S,
    room: RoomId,
    reader: UserId,
    rows: Vec<PageRow>,
) -> Result<Vec<Message>, StoreError> {
    let reacted: Vec<_> = rows
        .iter()
        .filter(|row| row.reacted)
        .map(|row| row.message.id.bytes())
        .collect();
    let mut reactions: HashMap<EventId, Vec<MessageReaction>> = HashMap::new();
    if !reacted.is_empty() {
        let params = vec![room.bytes().into(), Param::Ids(reacted)];
        let found = s.rows(&query::REACTIONS, params, decode::reaction).await?;
        for (message, emoji, user) in found {
            let list = reactions.entry(message).or_default();
            match list.last_mut() {
                Some(last) if last.emoji == emoji => last.users.push(user),
                _ => list.push(MessageReaction {
                    emoji,
                    users: vec![user],
                }),
            }
        }
    }
    let finish = |row: PageRow| {
        let mut message = row.message;
        message.reactions = reactions.remove(&message.id).unwrap_or_default();
        if message.actor != reader {
            message.txn = None;
        }
        message
    };
    Ok(rows.into_iter().map(finish).collect())
}

//! Pages of a room's messages in their current state.
//!
//! Owns: [`Page`], [`MessagePage`], the edges of pages.
//! Never: judges whether the reader is a member; the statement does, and [`reader`](super::reader) says so.

use std::collections::HashMap;

use futures_util::future;
use tidings_core::Room;
use tidings_protocol::{
    EventId, Message, MessageReaction, RoomId, Seq, UserId, number::NUMBER_MAX,
};

use crate::{
    decode::{self, PageRow},
    error::StoreError,
    query::{self, Query},
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

/// A page whose room was not looked at yet.
pub(crate) struct Found {
    messages: Vec<Message>,
    more_before: bool,
    more_after: bool,
    /// There are newer ones from this place on, if the room's last message is not before it.
    newer_from: Option<Seq>,
}

impl Found {
    /// The page, with what the room's row says of its log's end. None stands for a room that is not there.
    pub(crate) fn of(self, room: Option<&Room>) -> MessagePage {
        let last = room.and_then(|room| room.last_message);
        MessagePage {
            messages: self.messages,
            head: room.map_or(Seq::ZERO, |room| room.head),
            more_before: self.more_before,
            more_after: self.more_after || self.newer_from.is_some_and(|seq| last >= Some(seq)),
        }
    }
}

/// Whose view of a page: who reacted is told to all, but `txn` only to its author.
#[derive(Debug, Clone, Copy)]
pub(crate) enum View {
    /// A reader's; nothing where they may not know of the room.
    Reader(UserId),
    /// An audit's, as this user would see it.
    Audit(UserId),
}

impl View {
    const fn user(self) -> UserId {
        match self {
            View::Reader(user) | View::Audit(user) => user,
        }
    }
}

/// Which messages a page shows, and whether there are more. Run in a snapshot.
pub(crate) async fn page<S: Snapshot>(
    s: &S,
    room: RoomId,
    view: View,
    page: Page,
    limit: u32,
) -> Result<Found, StoreError> {
    let limit = limit as usize;
    let (mut rows, more_before);
    let (mut more_after, mut newer_from) = (false, None);
    match page {
        Page::Latest => {
            rows = before(s, room, view, Seq(NUMBER_MAX), limit).await?;
            more_before = cut(&mut rows, limit);
            rows.reverse();
        }
        Page::Before(seq) => {
            rows = before(s, room, view, seq, limit).await?;
            more_before = cut(&mut rows, limit);
            newer_from = Some(seq);
            rows.reverse();
        }
        Page::After(seq) => {
            let (newer, older) = (after(s, room, view, seq, limit), any_upto(s, room, seq));
            (rows, more_before) = future::try_join(newer, older).await?;
            more_after = cut(&mut rows, limit);
        }
        Page::Around(seq) => {
            let mut newer;
            let older = before(s, room, view, Seq(seq.0.saturating_add(1)), limit);
            (rows, newer) = future::try_join(older, after(s, room, view, seq, limit)).await?;
            let after_wanted = newer
                .len()
                .min((limit / 2).max(limit.saturating_sub(rows.len())));
            more_before = cut(&mut rows, limit - after_wanted);
            more_after = cut(&mut newer, after_wanted);
            rows.reverse();
            rows.append(&mut newer);
        }
    }
    let messages = with_reactions(s, room, view.user(), rows).await?;
    Ok(Found {
        messages,
        more_before,
        more_after,
        newer_from,
    })
}

/// Newest first; one more than asked for, if there is.
async fn before<S: Snapshot>(
    s: &S,
    room: RoomId,
    view: View,
    seq: Seq,
    limit: usize,
) -> Result<Vec<PageRow>, StoreError> {
    let queries = (&query::MESSAGES_BEFORE, &query::MESSAGES_BEFORE_FOR);
    rows(s, queries, room, view, seq, limit).await
}

/// Oldest first; one more than asked for, if there is.
async fn after<S: Snapshot>(
    s: &S,
    room: RoomId,
    view: View,
    seq: Seq,
    limit: usize,
) -> Result<Vec<PageRow>, StoreError> {
    let queries = (&query::MESSAGES_AFTER, &query::MESSAGES_AFTER_FOR);
    rows(s, queries, room, view, seq, limit).await
}

/// Asks the first of the two for an audit, the second for a reader.
async fn rows<S: Snapshot>(
    s: &S,
    (for_audits, for_readers): (&'static Query, &'static Query),
    room: RoomId,
    view: View,
    seq: Seq,
    limit: usize,
) -> Result<Vec<PageRow>, StoreError> {
    let mut params = vec![room.bytes().into(), seq.0.into(), (limit as u64 + 1).into()];
    match view {
        View::Audit(_) => s.rows(for_audits, params, decode::page_row).await,
        View::Reader(user) => {
            params.push(user.bytes().into());
            s.rows(for_readers, params, decode::page_row).await
        }
    }
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

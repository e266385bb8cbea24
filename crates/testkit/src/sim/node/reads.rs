//! The reads that a hub asks for, answered from the store.
//!
//! Owns: what `server` does with an effect. Never: answers at once; chance brings the answer back later.

use tidings_engine::{
    Batch, Effect, Hub, PresenceBook,
    hub::CATCHUP_PAGE,
    presence::{Change, Read, ReadOn},
};
use tidings_protocol::UserId;
use tidings_store::Store;

use crate::sim::wire::SimWire;

/// What a read brought, on its way back to the hub; whose session begins by it, and how present.
pub(super) type Return = Box<dyn FnOnce(&mut Hub<SimWire>) -> Option<Change>>;

/// Members of one page.
const MEMBERS_PAGE: u32 = 2;

fn back(give: impl FnOnce(&mut Hub<SimWire>) + 'static) -> Return {
    Box::new(move |hub| {
        give(hub);
        None
    })
}

/// Reads a page of a room's members, and says how to go on.
pub(super) async fn members(
    store: &Store,
    book: &PresenceBook,
    (read, after): (Read, Option<UserId>),
) -> Option<(Read, Option<UserId>)> {
    let page = store.member_ids(read.room, after, MEMBERS_PAGE).await;
    let (head, users) = page.expect("the store is open")?;
    let is_last = users.len() < MEMBERS_PAGE as usize;
    Some(match book.members(read, head, &users, is_last)? {
        ReadOn::After => (read, users.last().copied()),
        ReadOn::FromTheBeginning(again) => (again, None),
    })
}

/// Does the read.
pub(super) async fn perform(store: &Store, book: &PresenceBook, effect: Effect) -> Return {
    match effect {
        Effect::ReadLog { peer, log, after } => {
            let page = store
                .log_after(log, after, CATCHUP_PAGE)
                .await
                .expect("the store is open");
            back(move |hub| hub.log_page(peer, log, page))
        }
        Effect::ReadVisible {
            peer,
            user,
            shard,
            after,
            upto,
        } => {
            let page = store
                .visible_after(user, shard, after, upto, CATCHUP_PAGE)
                .await
                .expect("the store is open");
            back(move |hub| hub.visible_page(peer, page))
        }
        Effect::Resume { peer, user, since } => {
            let resume = store
                .resume(user, since.as_ref())
                .await
                .expect("the store is open");
            Box::new(move |hub| {
                let begun = hub.welcome(peer, resume, since);
                begun.map(|presence| (user, presence))
            })
        }
        Effect::ReadSummary {
            peer,
            user,
            room,
            seen,
        } => {
            let summary = store
                .room_summary(room, user)
                .await
                .expect("the store is open");
            back(move |hub| hub.room_summary(peer, room, seen, summary, Vec::new()))
        }
        Effect::ReadLast { room } => {
            let read = store.last_line(room).await.expect("the store is open");
            back(move |hub| hub.last_line(room, read))
        }
        Effect::Fill { shard, after } => {
            let events = store
                .shard_after(shard, after, 50)
                .await
                .expect("the store is open");
            let more = events.len() == 50;
            back(move |hub| hub.filled(shard, Batch::read(shard, events), more))
        }
        Effect::Authorise {
            peer,
            user,
            users,
            asked,
        } => {
            let users = store
                .sharing_room(user, &users)
                .await
                .expect("the store is open");
            let users = users.into_iter().map(|user| (user, book.status(user)));
            let users = users.collect();
            back(move |hub| hub.watching(peer, asked, users))
        }
    }
}

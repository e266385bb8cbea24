//! Reads over REST, as the server answers them.
//!
//! Owns: who may read a room, and the two reads that a session asks for. Never: answers one who may not read.

use tidings_protocol::{
    LogId, Refusal, RefusalCode, RoomId, Seq, UserId, Visibility,
    rest::{Events, Messages},
};
use tidings_store::{self as store, Store};
use tidings_sync::client::{Fetch, Input, Page, Wanted};

/// Answers a read.
pub(super) async fn answer(store: &Store, user: UserId, fetch: Fetch) -> Input {
    let (Wanted::Range { room, .. } | Wanted::Latest { room, .. }) = fetch.what;
    if !may_read(store, user, room).await {
        return Input::FetchFailed {
            fetch: fetch.id,
            refusal: Some(Refusal::new(RefusalCode::NotFound)),
        };
    }
    Input::Page {
        fetch: fetch.id,
        page: page(store, user, fetch.what).await,
    }
}

/// Members may, and everybody a public channel. `[RM3]` `[RM5]`
async fn may_read(store: &Store, user: UserId, room: RoomId) -> bool {
    let member = store.member(room, user).await.expect("the store is open");
    if member.is_some_and(|member| member.joined) {
        return true;
    }
    let row = store.room(room).await.expect("the store is open");
    row.is_some_and(|room| room.visibility == Visibility::Public)
}

async fn page(store: &Store, user: UserId, wanted: Wanted) -> Page {
    match wanted {
        Wanted::Range { room, after, limit } => {
            let events = store.log_after(LogId::Room(room), after, limit).await;
            let events = events.expect("the store is open");
            let row = store.room(room).await.expect("the store is open");
            let events = events.iter().map(|event| event.to_event(user));
            Page::Range(Events {
                events: events.map(|e| e.expect("a body that parses")).collect(),
                head: row.map_or(Seq::ZERO, |room| room.head),
                next: None,
            })
        }
        Wanted::Latest { room, limit } => {
            let page = store.messages(room, user, store::Page::Latest, limit).await;
            let page = page.expect("the store is open");
            Page::Latest(Messages {
                messages: page.messages,
                head: page.head,
                more_before: page.more_before,
                more_after: page.more_after,
            })
        }
    }
}

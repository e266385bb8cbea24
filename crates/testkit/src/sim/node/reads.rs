//! The reads that a hub asks for, answered from the store.
//!
//! Owns: what `server` does with an effect. Never: answers at once; chance brings the answer back later.

use tidings_engine::{Batch, Effect, Hub, hub::CATCHUP_PAGE};
use tidings_protocol::Presence;
use tidings_store::Store;

use crate::sim::wire::SimWire;

/// What a read brought, on its way back to the hub.
pub(super) type Return = Box<dyn FnOnce(&mut Hub<SimWire>)>;

/// Does the read.
pub(super) async fn perform(store: &Store, effect: Effect) -> Return {
    match effect {
        Effect::ReadLog { peer, log, after } => {
            let page = store
                .log_after(log, after, CATCHUP_PAGE)
                .await
                .expect("the store is open");
            Box::new(move |hub| hub.log_page(peer, log, page))
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
            Box::new(move |hub| hub.visible_page(peer, page))
        }
        Effect::Resume { peer, user, since } => {
            let resume = store
                .resume(user, since.as_ref())
                .await
                .expect("the store is open");
            Box::new(move |hub: &mut Hub<SimWire>| {
                hub.welcome(peer, resume, since);
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
            Box::new(move |hub| hub.room_summary(peer, room, seen, summary, Vec::new()))
        }
        Effect::Fill { shard, after } => {
            let events = store
                .shard_after(shard, after, 50)
                .await
                .expect("the store is open");
            let more = events.len() == 50;
            Box::new(move |hub| hub.filled(shard, Batch::read(shard, events), more))
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
            let users = users.into_iter().map(|user| (user, Presence::Offline));
            let users = users.collect();
            Box::new(move |hub| hub.watching(peer, asked, users))
        }
    }
}

//! What the hub wants done: reads of the store, whose results go back to the hub.
//!
//! Owns: trying again while the peer is there. Never: gives up on a peer that waits; it waits with it.

use std::{rc::Rc, sync::Arc, time::Duration};

use tidings_engine::{Batch, Effect, Seldom, hub::CATCHUP_PAGE};
use tidings_protocol::{Presence, RoomSummary, UserId};
use tidings_store::{Store, StoreError};

use super::Core;
use crate::wire::AnyWire;

/// The first wait after a failed read, and the longest.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);
/// Each session that waits meets it again and again.
static FAILED: Seldom = Seldom::new();
/// Events of one page when a hole is filled.
const FILL_PAGE: u32 = 500;

/// Performs one effect, trying again until it succeeds or nobody waits for it.
pub(super) async fn perform(core: Rc<Core>, effect: Effect) {
    let mut wait = RETRY_FIRST;
    loop {
        let result = {
            let Ok(_turn) = core.reads.acquire().await else {
                return;
            };
            once(&core, &effect).await
        };
        match result {
            Ok(()) => return,
            Err(error) => {
                if let Some(left_out) = FAILED.due() {
                    tracing::warn!(%error, ?effect, left_out, "a read failed; trying again");
                }
                if !is_awaited(&core, &effect) {
                    return;
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY_MAX);
            }
        }
    }
}

fn is_awaited(core: &Core, effect: &Effect) -> bool {
    let peer = match effect {
        Effect::Fill { .. } | Effect::ReadLast { .. } => return true,
        Effect::ReadLog { peer, .. }
        | Effect::ReadVisible { peer, .. }
        | Effect::Resume { peer, .. }
        | Effect::ReadSummary { peer, .. }
        | Effect::Authorise { peer, .. } => *peer,
    };
    core.hub.borrow_mut().wire(peer).is_some()
}

async fn once(core: &Rc<Core>, effect: &Effect) -> Result<(), StoreError> {
    let store: Store = core.node.store.clone();
    match effect {
        Effect::ReadLog { peer, log, after } => {
            let page = store.log_after(*log, *after, CATCHUP_PAGE).await?;
            core.act(|hub| hub.log_page(*peer, *log, page));
        }
        Effect::ReadVisible {
            peer,
            user,
            shard,
            after,
            upto,
        } => {
            let page = store
                .visible_after(*user, *shard, *after, *upto, CATCHUP_PAGE)
                .await?;
            core.act(|hub| hub.visible_page(*peer, page));
        }
        Effect::Resume { peer, user, since } => {
            let resume = store.resume(*user, since.as_ref()).await?;
            if let Some(resume) = &resume {
                core.node
                    .limits
                    .rooms_were_read(*user, resume.rooms.len(), resume.following.len());
            }
            let begun = core.act(|hub| {
                if let (Some(AnyWire::Stream(wire)), Some(resume)) = (hub.wire(*peer), &resume) {
                    let now = tidings_protocol::Cursor {
                        epoch: store.epoch(),
                        positions: resume.heads.clone(),
                    };
                    wire.begins_at(since.clone().unwrap_or(now));
                }
                let begun = hub.welcome(*peer, resume, since.clone());
                if begun.is_some()
                    && let Some(AnyWire::Socket(wire)) = hub.wire(*peer)
                {
                    wire.gate.welcomed();
                }
                begun.zip(hub.user_of(*peer))
            });
            if let Some((presence, user)) = begun {
                core.presence_changed(user, Presence::Offline, presence);
                core.take_early(*peer);
            }
        }
        Effect::ReadSummary {
            peer,
            user,
            room,
            seen,
        } => {
            let summary = store.room_summary(*room, *user).await?;
            let users = named(&summary);
            let users = if users.is_empty() {
                Vec::new()
            } else {
                store.profiles(&users).await?
            };
            core.act(|hub| hub.room_summary(*peer, *room, *seen, summary, users));
        }
        Effect::ReadLast { room } => {
            let read = store.last_line(*room).await?;
            core.act(|hub| hub.last_line(*room, read));
        }
        Effect::Fill { shard, after } => {
            let events = store.shard_after(*shard, *after, FILL_PAGE).await?;
            let more = events.len() == FILL_PAGE as usize;
            let batch: Option<Arc<Batch>> = Batch::read(*shard, events);
            core.act(|hub| hub.filled(*shard, batch, more));
        }
        Effect::Authorise {
            peer,
            user,
            users,
            asked,
        } => {
            let shared = store.sharing_room(*user, users).await?;
            let users = shared
                .into_iter()
                .map(|user| (user, core.node.presence.status(user)))
                .collect();
            core.act(|hub| hub.watching(*peer, *asked, users));
        }
    }
    Ok(())
}

/// The users that a room's summary names.
fn named(summary: &Option<RoomSummary>) -> Vec<UserId> {
    let Some(summary) = summary else {
        return Vec::new();
    };
    summary
        .peer
        .into_iter()
        .chain(summary.last.as_ref().map(|last| last.actor))
        .collect()
}

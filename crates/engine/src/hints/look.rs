//! Looks for what others committed, and tells the cores of changed presence.
//!
//! Owns: how often a node looks. Never: waits for a hint; a node without any finds everything by looking.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tidings_store::{Store, StoreError};

use crate::{feed::Feed, inbox::Item, presence::Change, seldom::Seldom};

/// How often a node looks at the heads while hints arrive.
pub const LOOK_WITH_HINTS: Duration = Duration::from_secs(1);
/// How often it looks while they do not.
pub const LOOK_WITHOUT_HINTS: Duration = Duration::from_millis(100);

/// Tells this node's cores of changed presence.
pub fn tell(feed: &Feed, changes: Vec<Change>) {
    for (user, _) in changes {
        for inbox in feed.cores() {
            inbox.signal(Item::Presence { user });
        }
    }
}

/// Looks at the heads for ever: often without hints, seldom with them. Only for a store that others write, too.
pub async fn look_for_ever(feed: Arc<Feed>, connected: Option<Arc<AtomicBool>>) {
    loop {
        let hinted = connected
            .as_ref()
            .is_some_and(|c| c.load(Ordering::Acquire));
        tokio::time::sleep(if hinted {
            LOOK_WITH_HINTS
        } else {
            LOOK_WITHOUT_HINTS
        })
        .await;
        if let Err(error) = feed.look().await {
            cannot_look(&error);
            tokio::time::sleep(LOOK_WITH_HINTS).await;
        }
    }
}

/// Looks for ever whether another process wrote to this node's own file (`tidings user` does), and reads what it wrote.
/// `known` is what the store said before the feed began.
pub async fn look_beside(feed: Arc<Feed>, store: Store, mut known: Option<i64>) {
    loop {
        tokio::time::sleep(LOOK_WITH_HINTS).await;
        let looked = async {
            let now = store.commits_by_others().await?;
            if now != known {
                feed.look().await?;
                known = now;
            }
            Ok::<_, StoreError>(())
        };
        if let Err(error) = looked.await {
            cannot_look(&error);
        }
    }
}

/// It is tried every second.
pub(super) fn cannot_look(error: &StoreError) {
    static FAILED: Seldom = Seldom::new();
    if let Some(left_out) = FAILED.due() {
        tracing::warn!(%error, left_out, "cannot look for commits of others");
    }
}

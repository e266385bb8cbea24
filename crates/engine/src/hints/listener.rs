//! Who hears hints: what they do on this node.
//!
//! Owns: the subscription, and being heard again after a loss. Never: judges a hint; `ear` does.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::StreamExt;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{
    Line, RECONNECT, REDIS_TIMEOUT,
    ear::{Dropped, Ear, Heard},
    look::{cannot_look, tell},
};
use crate::{feed::Feed, inbox::Item, presence::PresenceBook};

/// How often the log says that messages on the channel were not ours.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

pub(super) struct Listener {
    pub(super) line: Arc<Line>,
    pub(super) ear: Arc<Mutex<Ear>>,
    pub(super) feed: Arc<Feed>,
    pub(super) presence: Arc<PresenceBook>,
    pub(super) complained: Option<Instant>,
}

impl Listener {
    pub(super) async fn hear(mut self, client: redis::Client, channel: String) {
        loop {
            if let Ok(Ok(mut pubsub)) =
                tokio::time::timeout(REDIS_TIMEOUT, client.get_async_pubsub()).await
                && matches!(
                    tokio::time::timeout(REDIS_TIMEOUT, pubsub.subscribe(&channel)).await,
                    Ok(Ok(()))
                )
            {
                self.line.connected.store(true, Ordering::Release);
                self.line.asked.notify_one();
                tracing::info!("hints arrive");
                if let Err(error) = self.feed.look().await {
                    cannot_look(&error);
                }
                let mut messages = pubsub.into_on_message();
                while let Some(message) = messages.next().await {
                    self.take(message.get_payload_bytes()).await;
                }
                self.line.connected.store(false, Ordering::Release);
                tracing::warn!("hints are lost; looking more often until they are back");
            }
            tokio::time::sleep(RECONNECT).await;
        }
    }

    async fn take(&mut self, bytes: &[u8]) {
        let (key, now_ms) = (self.line.key(), self.line.now_ms());
        let judged = self.ear.lock().hear(&key, now_ms, bytes);
        self.line.tally.note(&judged.heard);
        if judged.answer {
            self.line.asked.notify_one();
        }
        match judged.heard {
            Ok(heard) => self.act(heard, now_ms).await,
            Err(reason) => self.complain(reason),
        }
    }

    async fn act(&self, heard: Heard, now_ms: u64) {
        match heard {
            Heard::Batch {
                shard,
                before,
                last,
                events,
            } => {
                if !self.feed.hear(shard, before, last, events).await {
                    self.line.wanted.want(shard);
                }
            }
            Heard::Typing { room, user, on } => {
                for inbox in self.feed.cores() {
                    inbox.signal(Item::Typing { room, user, on });
                }
            }
            Heard::Presence { node, users } => {
                tell(&self.feed, self.presence.node(node, now_ms, users));
            }
            Heard::PresenceOf { node, user } => {
                let change = self.presence.node_user(node, now_ms, user);
                tell(&self.feed, change.into_iter().collect());
            }
            Heard::Own => {}
        }
    }

    /// Once in a while the log says that somebody else speaks on the channel.
    fn complain(&mut self, reason: Dropped) {
        let is_due = self
            .complained
            .is_none_or(|last| last.elapsed() >= COMPLAIN_EVERY);
        if matches!(reason, Dropped::Unsealed | Dropped::Foreign) && is_due {
            self.complained = Some(Instant::now());
            tracing::warn!(
                ?reason,
                "messages on Redis are not of the nodes of this database, and are dropped. Another server or a copy of \
                 this one may share the Redis, or nodes reach the database by different servers. The metric \
                 tidings_hints_heard counts them"
            );
        }
    }
}

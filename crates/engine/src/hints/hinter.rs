//! Who says hints: the sending end, and what waits to be sent.
//!
//! Owns: the queue, with its limit. Never: waits, or knows who hears.

use tidings_protocol::{Position, RoomId, UserId};
use tokio::sync::mpsc;

use super::news::News;
use crate::{batch::Batch, presence::Change};

/// Hints that wait to be sent; above it they are dropped: the others look into the store every second anyway.
const OUTGOING_MAX: usize = 1_024;

/// The sending end. Cheap to clone; never waits.
#[derive(Debug, Clone)]
pub struct Hinter {
    sender: mpsc::Sender<News>,
}

/// What waits to be sent.
#[derive(Debug)]
pub struct Outgoing(mpsc::Receiver<News>);

impl Outgoing {
    /// Waits for some and takes up to `limit`; none when nobody says anything any more.
    pub(super) async fn next(&mut self, waiting: &mut Vec<News>, limit: usize) -> usize {
        self.0.recv_many(waiting, limit).await
    }

    /// The next piece, if one waits.
    pub fn next_now(&mut self) -> Option<News> {
        self.0.try_recv().ok()
    }
}

/// A sending end and what comes out of it.
#[must_use]
pub fn hinter() -> (Hinter, Outgoing) {
    let (sender, outgoing) = mpsc::channel(OUTGOING_MAX);
    (Hinter { sender }, Outgoing(outgoing))
}

impl Hinter {
    /// A full queue drops it.
    pub(super) fn say(&self, news: News) {
        let _ = self.sender.try_send(news);
    }

    /// Hints at a commit of this node.
    pub fn hint(&self, before: Position, batch: &Batch) {
        // A full queue drops the hint; the others find the batch when they look.
        let _ = self.sender.try_send(News::of(before, batch));
    }

    /// Passes typing on to the other nodes.
    pub fn typing(&self, room: RoomId, user: UserId, on: bool) {
        let _ = self.sender.try_send(News::Typing { room, user, on });
    }

    /// Tells the other nodes how one user is here.
    pub fn presence_of(&self, user: Change) {
        let _ = self.sender.try_send(News::PresenceOf { user });
    }
}

//! Reads of a room's members, so that the presence book can count who of them is there. `[SG5]`
//!
//! Owns: how much of the store these may take. Never: holds more than one page.

use std::{rc::Rc, time::Duration};

use tidings_engine::Seldom;
use tidings_engine::presence::{Counting, Read, ReadOn};
use tidings_protocol::UserId;

use super::Core;

/// Members of one page.
const PAGE: u32 = 1_000;
/// The wait after a page that could not be read.
const RETRY: Duration = Duration::from_secs(1);
/// Each room that is counted meets it.
static FAILED: Seldom = Seldom::new();

impl Core {
    /// Passes on to the presence book what the hub says of a room that is counted.
    pub(super) fn counting(self: &Rc<Self>, counting: Counting) {
        if let Some(read) = self.node.presence.counting(self.index, counting) {
            self.read_members(read);
        }
    }

    pub(super) fn read_members(self: &Rc<Self>, read: Read) {
        tokio::task::spawn_local(members(Rc::clone(self), read));
    }
}

/// Reads page by page, each in its turn: one room with very many members, or one that cannot be read, holds up no other.
async fn members(core: Rc<Core>, mut read: Read) {
    let book = &core.node.presence;
    let mut after: Option<UserId> = None;
    loop {
        let page = {
            let Ok(_turn) = core.node.member_reads.acquire().await else {
                return;
            };
            if !book.is_awaited(read) {
                return;
            }
            core.node.store.member_ids(read.room, after, PAGE).await
        };
        let (head, users) = match page {
            Ok(Some(page)) => page,
            Ok(None) => return,
            Err(error) => {
                if let Some(left_out) = FAILED.due() {
                    tracing::warn!(%error, left_out, "cannot read the members of a room; trying again");
                }
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        let is_last = users.len() < PAGE as usize;
        after = users.last().copied();
        match book.members(read, head, &users, is_last) {
            Some(ReadOn::After) => {}
            Some(ReadOn::FromTheBeginning(again)) => {
                read = again;
                after = None;
            }
            None => return,
        }
    }
}

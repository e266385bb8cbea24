//! Copying the write-ahead log back into the file, beside the commits.
//!
//! Owns: the thread that checkpoints as the log grows, so that a commit waits for one sync and no more; and the
//! writer's own checkpoint when that thread cannot keep up, so that the log stays bounded.
//! Never: blocks a reader or the writer (it is always a passive checkpoint).

use std::sync::{Arc, mpsc};

use rusqlite::{Connection, hooks::Wal, wal::CheckpointMode};

use super::{
    close,
    columns::failed,
    open::{self, Place},
    start,
};
use crate::error::StoreError;

/// Pages in the log (4 MiB) from which it is copied back in the background.
const BACKGROUND_PAGES: u32 = 1_000;
/// Pages in the log (64 MiB) from which the writer helps: once all is copied, the next commit starts the log anew.
const INLINE_PAGES: u32 = 16_000;
/// Pages until the writer tries again, when a reader or the thread was in the way.
const INLINE_PAGES_AGAIN: u32 = 64;

/// Starts the thread for this writer; it ends with the writer's connection.
pub(super) fn start_for(writer: &mut Connection, place: &Arc<Place>) -> Result<(), StoreError> {
    let connection = open::checkpointer(place)?;
    let place = place.clone();
    let (wake, woken) = mpsc::sync_channel::<()>(1);
    start("store-checkpoint", move || {
        while woken.recv().is_ok() {
            if let Err(error) = passive(&connection) {
                tracing::warn!(%error, "the write-ahead log was not copied back; it is tried again");
            }
        }
        close(connection);
        drop(place);
    })?;
    let mut due = Due::new();
    writer
        .wal_hook(Some(move |wal: &mut Wal, pages: i32| {
            match due.at(u32::try_from(pages).unwrap_or(0)) {
                Whose::Nobodys => {}
                // Full means that it is awake already.
                Whose::Threads => drop(wake.try_send(())),
                // Most of it is copied already. A failure is no failure of the commit that just happened.
                Whose::Writers => drop(wal.checkpoint_v2(CheckpointMode::PASSIVE)),
            }
            Ok(())
        }))
        .map_err(failed)
}

/// Who copies the log back after a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Nobodys,
    Threads,
    Writers,
}

/// When the log was last found due. It counts growth, so that a reader that keeps the log from starting anew does
/// not make every commit a checkpoint.
struct Due {
    thread: u32,
    writer: u32,
}

impl Due {
    const fn new() -> Due {
        Due {
            thread: BACKGROUND_PAGES,
            writer: INLINE_PAGES,
        }
    }

    fn at(&mut self, pages: u32) -> Whose {
        if pages < BACKGROUND_PAGES {
            *self = Due::new();
        } else if pages >= self.writer {
            self.writer = pages + INLINE_PAGES_AGAIN;
            self.thread = pages + BACKGROUND_PAGES;
            return Whose::Writers;
        } else if pages >= self.thread {
            self.thread = pages + BACKGROUND_PAGES;
            return Whose::Threads;
        }
        Whose::Nobodys
    }
}

fn passive(connection: &Connection) -> Result<(), StoreError> {
    connection
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_copied_back_as_it_grows() {
        let mut due = Due::new();
        let told = [
            10, 999, 1_000, 1_500, 2_100, 16_010, 16_030, 16_080, 20, 1_100,
        ];
        let whose: Vec<_> = told.into_iter().map(|pages| due.at(pages)).collect();
        let (n, t, w) = (Whose::Nobodys, Whose::Threads, Whose::Writers);
        assert_eq!(whose, [n, n, t, n, t, w, n, w, n, t]);
    }
}

//! `tidings migrate`, `tidings backup` and `tidings new-epoch`: what operators do with the database itself.
//!
//! Owns: when each may run beside a server. Never: touches the database past the store.

use std::{
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use tidings_store::{
    Store, upkeep,
    verify::{Progress, Watch},
};

use crate::{
    config::Config,
    data_folder,
    mark::{self, Marker},
    node::store_config,
    output,
};

/// How often a long look says how far it has come.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// Tells on standard error how far a look at every event has come, once it takes long.
pub(crate) fn progress() -> Watch {
    let mut told = Instant::now();
    Box::new(move |Progress { events, of }| {
        if told.elapsed() >= TOLD_EVERY {
            told = Instant::now();
            // Who does not read it misses nothing.
            let _ = writeln!(std::io::stderr(), "looked at {events} of {of} events");
        }
    })
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Runtime::new()?.block_on(work)
}

/// Brings the database to this version, or makes it.
///
/// # Errors
/// A sentence for the operator.
pub fn migrate(config: &Config) -> anyhow::Result<()> {
    data_folder::prepare(config)?;
    let _held = data_folder::hold(config)?;
    block_on(async {
        mark::compare(config).await?;
        let store = Store::open(&store_config(config)).await?;
        store.settle().await?;
        match Marker::new(config, &store) {
            Some(marker) => marker.mark(false).await,
            None => Ok(()),
        }
    })?;
    output::line("the database is at this version")
}

/// Copies the database into a new file, while a server may run.
///
/// # Errors
/// A sentence for the operator.
pub fn back_up(config: &Config, to: &Path) -> anyhow::Result<()> {
    let watch = progress();
    let verified =
        block_on(async { Ok(upkeep::back_up(&store_config(config), to, watch).await?) })?;
    let looked = if verified.notes.is_empty() {
        format!(
            "all {} events of it as they were committed",
            verified.events
        )
    } else {
        verified.notes.join("; ")
    };
    output::line(format_args!(
        "{} holds the database ({looked}); to restore it, stop the server and put it in the place of {}, without the \
         files tidings.db-wal and tidings.db-shm",
        to.display(),
        config.data.join("tidings.db").display()
    ))
}

/// Draws a new epoch, so that every client starts anew.
///
/// # Errors
/// A sentence for the operator; a server that runs is one.
pub fn new_epoch(config: &Config) -> anyhow::Result<()> {
    let _held = if config.data.is_dir() {
        data_folder::hold(config)?
    } else {
        None
    };
    let epoch = block_on(async { Ok(upkeep::new_epoch(&store_config(config)).await?) })?;
    mark::forget(config)?;
    output::line(format_args!(
        "the epoch is {epoch}; every client starts anew with the state as it is now"
    ))
}

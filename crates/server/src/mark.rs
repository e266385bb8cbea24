//! `tidings.mark`: how far the database had come, noted beside it, so that an older one in its place is found out.
//!
//! Owns: the file, when it is written, and what a start says when the database does not fit it.
//! Never: slows a commit (it is written after the fact, a second apart), or decides for the operator: what is missing was
//! acknowledged, and may still be somewhere. See `docs/decisions/0009-logs-are-chained-and-marked.md`.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tidings_core::Chain;
use tidings_engine::{Environment, Feed, SystemEnvironment};
use tidings_protocol::{Epoch, Position, Timestamp};
use tidings_store::{
    Store,
    upkeep::{self, Lineage, Reached},
};

use crate::{config::Config, node::store_config};

/// Its name in the data folder.
pub(crate) const MARK_FILE: &str = "tidings.mark";
/// What it is written as before it takes the name.
const PART_FILE: &str = "tidings.mark.part";
/// How long what was committed may wait to be noted.
const MARK_EVERY: Duration = Duration::from_secs(1);

/// What is noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    epoch: u64,
    /// Whether a server had the database open: it then has a write-ahead log.
    running: bool,
    at: Timestamp,
    /// By shard.
    reached: Vec<Shard>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Shard {
    position: Position,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chain: Option<String>,
}

impl Mark {
    fn new(epoch: Epoch, running: bool, reached: &[Reached]) -> Mark {
        let shard = |reached: &Reached| Shard {
            position: reached.position,
            chain: reached.chain.map(|chain: Chain| chain.to_string()),
        };
        Mark {
            epoch: epoch.0,
            running,
            at: SystemEnvironment.now(),
            reached: reached.iter().map(shard).collect(),
        }
    }

    fn text(&self) -> anyhow::Result<String> {
        let line = serde_json::to_string(self)?;
        Ok(format!("{line}\n{}\n", check(&line)))
    }

    fn parse(text: &str) -> Option<Mark> {
        let (line, rest) = text.split_once('\n')?;
        (rest.trim_end() == check(line)).then_some(())?;
        serde_json::from_str(line).ok()
    }

    fn read(folder: &Path) -> anyhow::Result<Option<Mark>> {
        let path = folder.join(MARK_FILE);
        match std::fs::read(&path) {
            // Noise is no text.
            Ok(bytes) => match Mark::parse(&String::from_utf8_lossy(&bytes)) {
                Some(mark) => Ok(Some(mark)),
                None => bail!(
                    "{} does not read as what was written into it: the disk may be failing. Look whether the database \
                     is whole (`tidings doctor --deep`), and remove that file to start all the same",
                    path.display()
                ),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// In place of the last one, all of it or nothing.
    fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let part = folder.join(PART_FILE);
        let mut file = File::options()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&part)?;
        file.write_all(self.text()?.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&part, folder.join(MARK_FILE))?;
        File::open(folder)?.sync_all()?;
        Ok(())
    }

    /// What is wrong with the database, if something is; in people's words, without what to do.
    fn misfit(&self, found: Option<&Lineage>, has_log: Option<bool>) -> Option<String> {
        let at = self.at;
        let Some(found) = found else {
            let is_any = self
                .reached
                .iter()
                .any(|shard| shard.position > Position::ZERO);
            return (is_any || self.running)
                .then(|| format!("the database is gone that was served from here until {at}"));
        };
        // A backup begins an epoch of its own, and one that was drawn by hand follows those before it.
        let mark = Epoch(self.epoch);
        if found.is_copy || (found.epoch != mark && found.earlier.contains(&mark)) {
            return None;
        }
        if found.epoch != mark || found.reached.len() != self.reached.len() {
            return Some(format!(
                "this is another database than the one that was served from here until {at}, or a copy of it from before \
                 its last `tidings new-epoch`"
            ));
        }
        for (index, marked) in self.reached.iter().enumerate() {
            let position = found.reached[index].position;
            if position < marked.position {
                return Some(format!(
                    "this database is older than what was served from it: shard {index} ends at position {position}, and \
                     at {at} it was at {}. Either an older copy was put in its place, or its write-ahead log \
                     (tidings.db-wal) is missing",
                    marked.position
                ));
            }
            let chain = found.at.get(index).copied().flatten();
            if let (Some(chain), Some(marked_chain)) = (chain, &marked.chain)
                && chain.to_string() != *marked_chain
            {
                return Some(format!(
                    "this database tells another story than what was served from it: at position {} of shard {index} \
                     stands another event than at {at}. An older copy was put in its place and served from",
                    marked.position
                ));
            }
        }
        (self.running && has_log == Some(false)).then(|| {
            format!(
                "the server did not end in order, and its write-ahead log (tidings.db-wal) is missing. What was \
                 committed after {at} is in it"
            )
        })
    }
}

/// Tells a torn or changed file from a whole one.
fn check(line: &str) -> String {
    let digest = Sha256::digest(line.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where the mark is kept; none where a database elsewhere is served without a folder of one's own.
fn folder(config: &Config) -> Option<PathBuf> {
    config.data.is_dir().then(|| config.data.clone())
}

/// Compares the database with what was noted of it, before anything is opened that could change it.
///
/// # Errors
/// A sentence for the operator when it does not fit.
pub async fn compare(config: &Config) -> anyhow::Result<()> {
    let Some(folder) = folder(config) else {
        return Ok(());
    };
    let Some(mark) = Mark::read(&folder)? else {
        return Ok(());
    };
    let at = mark.reached.iter().map(|shard| shard.position).collect();
    let found = upkeep::lineage(&store_config(config), at).await?;
    let has_log = config
        .database
        .is_none()
        .then(|| folder.join("tidings.db-wal").exists());
    if let Some(misfit) = mark.misfit(found.as_ref(), has_log) {
        let data = config.data.display();
        let place = if config.database.is_some() {
            "--database …"
        } else {
            "--data …"
        };
        let go_on = if found.is_some() {
            format!("run `tidings new-epoch {place}` with every node stopped")
        } else {
            format!("remove {MARK_FILE} from that folder, too")
        };
        bail!(
            "{misfit}. What is missing was acknowledged to those who sent it. If you have it, put it back into {data} and \
             start again. To go on with what is there now, {go_on}: every client then starts anew with that"
        );
    }
    Ok(())
}

/// Forgets what was noted: the database begins another life.
///
/// # Errors
/// When the file cannot be removed.
pub fn forget(config: &Config) -> anyhow::Result<()> {
    let path = config.data.join(MARK_FILE);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Notes how far a database has come while it is served.
#[derive(Debug, Clone)]
pub struct Marker {
    folder: PathBuf,
    store: Store,
}

impl Marker {
    /// For this store, where there is a folder.
    #[must_use]
    pub fn new(config: &Config, store: &Store) -> Option<Marker> {
        folder(config).map(|folder| Marker {
            folder,
            store: store.clone(),
        })
    }

    /// Notes it now.
    ///
    /// # Errors
    /// When the store does not answer, or the file cannot be written.
    pub async fn mark(&self, running: bool) -> anyhow::Result<()> {
        let reached = self.store.reached().await?;
        let mark = Mark::new(self.store.epoch(), running, &reached);
        let folder = self.folder.clone();
        let cannot = || format!("cannot write {MARK_FILE} into {}", self.folder.display());
        tokio::task::spawn_blocking(move || mark.write(&folder))
            .await?
            .with_context(cannot)
    }

    /// Notes it each second in which something was published.
    pub async fn keep(self, feed: Arc<Feed>) {
        let mut ticks = tokio::time::interval(MARK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut marked = feed.heads();
        let mut is_told = false;
        loop {
            ticks.tick().await;
            let heads = feed.heads();
            if heads == marked {
                continue;
            }
            match self.mark(true).await {
                Ok(()) => {
                    marked = heads;
                    is_told = false;
                }
                // Once, until it works again: the database itself tells of a full disk louder.
                Err(error) if !is_told => {
                    tracing::warn!("{error:#}");
                    is_told = true;
                }
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(positions: &[u64]) -> Vec<Reached> {
        let one = |position: &u64| Reached {
            position: Position(*position),
            chain: Some(Chain([*position as u8; 32])),
        };
        positions.iter().map(one).collect()
    }

    fn lineage(epoch: u64, positions: &[u64], at: &[u64]) -> Lineage {
        Lineage {
            epoch: Epoch(epoch),
            earlier: vec![Epoch(1), Epoch(2)],
            is_copy: false,
            reached: reached(positions),
            at: at.iter().map(|n| Some(Chain([*n as u8; 32]))).collect(),
        }
    }

    #[test]
    fn what_is_written_is_read_and_a_changed_byte_is_noticed() {
        let mark = Mark::new(Epoch(3), true, &reached(&[7, 0]));
        let text = mark.text().unwrap();
        let read = Mark::parse(&text).unwrap();
        assert_eq!(read.reached, mark.reached);
        for index in 0..text.len() - 1 {
            let mut bytes = text.clone().into_bytes();
            bytes[index] ^= 1;
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(Mark::parse(&changed), None, "{index}");
        }
        assert_eq!(Mark::parse(&text[..text.len() / 2]), None);
    }

    #[test]
    fn noise_in_its_place_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Mark::read(folder.path()).unwrap(), None);
        let mark = Mark::new(Epoch(3), true, &reached(&[7]));
        mark.write(folder.path()).unwrap();
        let read = Mark::read(folder.path()).unwrap().unwrap();
        assert_eq!(read.reached, mark.reached);
        for noise in [&b""[..], b"\0", b"\xff\xfe\n", b"{}\n", &[0xc3; 4_096]] {
            std::fs::write(folder.path().join(MARK_FILE), noise).unwrap();
            let said = Mark::read(folder.path()).unwrap_err().to_string();
            assert!(said.contains("remove that file"), "{noise:?}: {said}");
        }
    }

    #[test]
    fn a_database_fits_or_is_told_why_not() {
        let mark = Mark::new(Epoch(3), true, &reached(&[7, 9]));
        let fits = |found: &Lineage, has_log| mark.misfit(Some(found), has_log);
        // As it was, and further on.
        assert_eq!(fits(&lineage(3, &[7, 9], &[7, 9]), Some(true)), None);
        assert_eq!(fits(&lineage(3, &[17, 19], &[7, 9]), None), None);
        let cases = [
            (
                lineage(3, &[7, 8], &[7, 0]),
                Some(true),
                "older than what was served",
            ),
            (lineage(3, &[20, 20], &[7, 8]), Some(true), "another story"),
            (
                lineage(2, &[20, 20], &[7, 9]),
                Some(true),
                "another database",
            ),
            (lineage(3, &[20], &[7]), Some(true), "another database"),
            (
                lineage(3, &[7, 9], &[7, 9]),
                Some(false),
                "did not end in order",
            ),
        ];
        for (found, has_log, why) in cases {
            let said = fits(&found, has_log).expect(why);
            assert!(said.contains(why), "{said}");
        }
        assert!(mark.misfit(None, None).unwrap().contains("gone"));
        // A new epoch on purpose, and a backup that draws one.
        let old = Mark::new(Epoch(2), true, &reached(&[700, 900]));
        assert_eq!(
            old.misfit(Some(&lineage(3, &[7, 9], &[0, 0])), Some(false)),
            None
        );
        let mut copy = lineage(4, &[1, 1], &[0, 0]);
        copy.is_copy = true;
        assert_eq!(fits(&copy, Some(false)), None);
        // Nothing had been there yet.
        assert_eq!(
            Mark::new(Epoch(3), false, &reached(&[0])).misfit(None, None),
            None
        );
        // It was there, and had nothing in it.
        assert!(
            Mark::new(Epoch(3), true, &reached(&[0]))
                .misfit(None, None)
                .is_some()
        );
        // Ended in order: the log was copied back and removed.
        let ended = Mark::new(Epoch(3), false, &reached(&[7]));
        assert_eq!(
            ended.misfit(Some(&lineage(3, &[7], &[7])), Some(false)),
            None
        );
    }
}

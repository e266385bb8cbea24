//! The same rows without the doors: bare transactions of the store, and bare syncs of the disk.
//!
//! Owns: what a batch of messages costs when nothing else is done. Never: writes SQL; the store does.

use std::{
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;
use tidings_core::{Command, CreateUser, Ctx, Executed, Needs, Salt, State, derive, execute};
use tidings_protocol::{
    EventId, LogId, Position, RoomId, RoomKind, ShardId, Timestamp, TxnId, UserId, UserKind,
    subject::{CreateRoom, SendContent, SendMessage},
};
use tidings_store::{Commit, Store, StoreConfig};

use crate::{figures::Latencies, world::line};

/// What was appended.
#[derive(Debug)]
pub(crate) struct Appended {
    pub(crate) rows: usize,
    pub(crate) elapsed: Duration,
    pub(crate) batches: Latencies,
    /// From when a message was due until it was committed; of paced ones.
    pub(crate) answers: Latencies,
}

impl Appended {
    pub(crate) fn per_second(&self) -> f64 {
        self.rows as f64 / self.elapsed.as_secs_f64()
    }
}

/// One command and who gives it.
type Given = (UserId, Option<TxnId>, Command);

/// When messages of the bare loops come.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Load {
    /// So many as soon as those before are committed.
    Full { batch: usize },
    /// So many a second, by a clock; what is due when a transaction begins goes into it.
    Paced { per_second: f64 },
}

/// Rows of one paced transaction, at most: as many commands as the server takes at once.
const PACED_BATCH_MAX: usize = 256;

/// Appends messages for `span`: on PostgreSQL one appender a shard, as the server has, on SQLite one.
pub(crate) fn append(
    database: Option<&str>,
    folder: &Path,
    load: Load,
    span: Duration,
) -> anyhow::Result<Appended> {
    let config = match database {
        Some(url) => StoreConfig::Postgres {
            url: url.to_owned(),
        },
        None => StoreConfig::Sqlite {
            path: folder.join("bare.db"),
        },
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let store = Store::open(&config).await?;
        let mut places = Vec::new();
        for shard in 0..store.shards() {
            places.push(place(&store, ShardId(shard)).await?);
        }
        let load = match load {
            Load::Paced { per_second } => Load::Paced {
                per_second: per_second / f64::from(store.shards()),
            },
            full @ Load::Full { .. } => full,
        };
        let began = Instant::now();
        let tasks: Vec<_> = places
            .into_iter()
            .map(|(user, room)| tokio::spawn(messages(store.clone(), user, room, load, span)))
            .collect();
        let mut all = Appended {
            rows: 0,
            elapsed: span,
            batches: Latencies::default(),
            answers: Latencies::default(),
        };
        for task in tasks {
            let one = task.await??;
            all.rows += one.rows;
            all.batches.extend(one.batches);
            all.answers.extend(one.answers);
        }
        all.elapsed = began.elapsed();
        Ok(all)
    })
}

/// Writes and syncs so many bytes, again and again; returns how often in a second.
pub(crate) fn syncs_per_second(folder: &Path, bytes: usize, span: Duration) -> anyhow::Result<f64> {
    let mut file = tempfile::tempfile_in(folder)?;
    let block = vec![7u8; bytes];
    let (began, mut times) = (Instant::now(), 0u32);
    while began.elapsed() < span {
        file.write_all(&block)?;
        file.sync_data()?;
        times += 1;
    }
    Ok(f64::from(times) / began.elapsed().as_secs_f64())
}

fn id() -> u128 {
    uuid::Uuid::now_v7().as_u128()
}

fn txn() -> anyhow::Result<TxnId> {
    Ok(uuid::Uuid::now_v7().to_string().parse()?)
}

/// A user, and a room of theirs on this shard.
async fn place(store: &Store, shard: ShardId) -> anyhow::Result<(UserId, RoomId)> {
    let user = UserId::from_bits(id());
    let name = format!("s{:x}-{shard}", id() >> 60);
    let create = CreateUser {
        only_first: false,
        user,
        username: name.parse()?,
        display_name: name.parse()?,
        kind: UserKind::Person,
        password_hash: String::new(),
    };
    commit(store, LogId::User(user), vec![(user, None, create.into())]).await?;
    let (txn, room) = loop {
        let txn = txn()?;
        let room = derive::room_of_txn(user, Some(&txn));
        if LogId::Room(room).shard(store.shards()) == shard {
            break (txn, room);
        }
    };
    let create = CreateRoom {
        kind: RoomKind::Group,
        visibility: None,
        name: None,
        members: Vec::new(),
    };
    let given = vec![(user, Some(txn), create.into())];
    commit(store, LogId::Room(room), given).await?;
    Ok((user, room))
}

async fn messages(
    store: Store,
    user: UserId,
    room: RoomId,
    load: Load,
    span: Duration,
) -> anyhow::Result<Appended> {
    let text: tidings_protocol::MessageText = line(60).parse()?;
    let began = Instant::now();
    let mut done = Appended {
        rows: 0,
        elapsed: span,
        batches: Latencies::default(),
        answers: Latencies::default(),
    };
    while began.elapsed() < span {
        let batch = match load {
            Load::Full { batch } => batch,
            Load::Paced { per_second } => {
                let due = |row: usize| Duration::from_secs_f64(row as f64 / per_second);
                let next = due(done.rows + 1);
                tokio::time::sleep_until((began + next).into()).await;
                let now = began.elapsed().max(next).as_secs_f64();
                let due = (now * per_second) as usize;
                due.saturating_sub(done.rows).clamp(1, PACED_BATCH_MAX)
            }
        };
        let mut given = Vec::with_capacity(batch);
        for _ in 0..batch {
            let text = text.clone();
            let content = SendContent::Text { text };
            given.push((user, Some(txn()?), SendMessage { room, content }.into()));
        }
        let one = Instant::now();
        let first = done.rows;
        done.rows += commit(&store, LogId::Room(room), given).await?;
        done.batches.add(one.elapsed());
        if let Load::Paced { per_second } = load {
            let now = began.elapsed();
            for row in first..done.rows {
                let due = Duration::from_secs_f64((row + 1) as f64 / per_second);
                done.answers.add(now.saturating_sub(due));
            }
        }
    }
    Ok(done)
}

/// Commits a batch of one log as the engine does; returns how many events there were.
async fn commit(store: &Store, log: LogId, given: Vec<Given>) -> anyhow::Result<usize> {
    let shard = log.shard(store.shards());
    let mut needs = Needs::default();
    for (actor, txn, command) in &given {
        command.needs(*actor, txn.as_ref(), &mut needs);
    }
    let appended = store.append(shard, needs, move |head, state| {
        let (commit, refusal) = decided(shard, head, state, &given);
        let happened = commit.entries.len();
        (commit, refusal.map_or(Ok(happened), Err))
    });
    appended
        .await?
        .map_err(|refusal| anyhow::anyhow!("the bare store was refused: {refusal}"))
        .context("a batch of the bare loop")
}

fn decided(
    shard: ShardId,
    head: Position,
    mut state: State,
    given: &[Given],
) -> (Commit, Option<tidings_protocol::Refusal>) {
    let mut entries = Vec::with_capacity(given.len());
    let mut position = head;
    for (actor, txn, command) in given {
        let mut next_id = || EventId::from_bits(id());
        let mut ctx = Ctx {
            now: Timestamp::from_millis(1_795_208_400_000),
            shard,
            position: &mut position,
            next_id: &mut next_id,
            next_salt: &mut || Salt(id().to_be_bytes()),
        };
        match execute(&mut state, *actor, txn.as_ref(), command, &mut ctx) {
            Ok(Executed::Happened(happened)) => entries.extend(happened),
            Ok(_) => {}
            Err(refusal) => {
                entries.clear();
                return (Commit { entries, state }, Some(refusal));
            }
        }
    }
    (Commit { entries, state }, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_appended_and_disks_synced() {
        let folder = tempfile::tempdir().unwrap();
        let span = Duration::from_millis(1);
        let appended = append(None, folder.path(), Load::Full { batch: 16 }, span).unwrap();
        assert!(appended.rows >= 16 && appended.rows.is_multiple_of(16));
        assert_eq!(appended.batches.len(), appended.rows / 16);
        let paced = Load::Paced { per_second: 1e5 };
        let paced = append(None, folder.path(), paced, 20 * span).unwrap();
        assert!(paced.rows >= paced.batches.len());
        assert_eq!(paced.answers.len(), paced.rows);
        assert!(syncs_per_second(folder.path(), 4096, span).unwrap() > 0.0);
    }
}

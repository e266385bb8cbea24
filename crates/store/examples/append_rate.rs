//! How many messages a second the store commits, by size of batch, and how fast what was written is read again.
//!
//! `cargo run --release -p tidings-store --example append_rate [folder | postgres://… ] [appenders]`
//! Each appender has a room on a shard of its own where the database has several; each message has a `txn`. The
//! bare loop beside it writes and syncs as many bytes to a plain file, to tell the disk from the database.

use std::{
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use tidings_core::{Command, CreateUser, Ctx, Executed, Needs, Salt, State, derive, execute};
use tidings_protocol::{
    Cursor, EventId, LogId, Position, RoomId, RoomKind, Seq, ShardId, Timestamp, TxnId, UserId,
    UserKind,
    subject::{CreateRoom, SendContent, SendMessage},
};
use tidings_store::{Commit, Page, Store, StoreConfig};

/// How long each size of batch is measured.
const SPAN: Duration = Duration::from_secs(4);
/// Text of a typical line.
const TEXT: &str = "Lunch at the usual place? I can be there at half past twelve.";

type Failure = Box<dyn std::error::Error>;

fn id() -> u128 {
    uuid::Uuid::now_v7().as_u128()
}

/// Decides a batch as the engine does.
fn run(
    shard: ShardId,
    head: Position,
    mut state: State,
    commands: &[(UserId, Option<TxnId>, Command)],
) -> Commit {
    let mut entries = Vec::new();
    let mut position = head;
    for (actor, txn, command) in commands {
        let mut next_id = || EventId::from_bits(id());
        let mut ctx = Ctx {
            now: Timestamp(1_795_208_400_000_000),
            shard,
            position: &mut position,
            next_id: &mut next_id,
            next_salt: &mut || Salt(id().to_be_bytes()),
        };
        match execute(&mut state, *actor, txn.as_ref(), command, &mut ctx) {
            Ok(Executed::Happened(happened)) => entries.extend(happened),
            Ok(_) => {}
            Err(refusal) => eprintln!("refused: {refusal}"),
        }
    }
    Commit { entries, state }
}

async fn append(
    store: &Store,
    log: LogId,
    commands: Vec<(UserId, Option<TxnId>, Command)>,
) -> Result<usize, tidings_store::StoreError> {
    let shard = log.shard(store.shards());
    let mut needs = Needs::default();
    for (actor, txn, command) in &commands {
        command.needs(*actor, txn.as_ref(), &mut needs);
    }
    store
        .append(shard, needs, move |head, state| {
            let commit = run(shard, head, state, &commands);
            let happened = commit.entries.len();
            (commit, happened)
        })
        .await
}

fn txn() -> TxnId {
    uuid::Uuid::now_v7().to_string().parse().expect("a txn")
}

/// A user and a room for each appender, the rooms on shards of their own.
async fn people_and_rooms(store: &Store, appenders: u16) -> Result<Vec<(UserId, RoomId)>, Failure> {
    let mut places = Vec::new();
    for index in 0..appenders {
        let user = UserId::from_bits(id());
        let name = format!("u{:x}", id() >> 40);
        let create = CreateUser {
            only_first: false,
            user,
            username: format!("{name}{index}").parse()?,
            display_name: name.parse()?,
            kind: UserKind::Person,
            password_hash: String::new(),
        };
        append(store, LogId::User(user), vec![(user, None, create.into())]).await?;
        let shard = ShardId(index % store.shards());
        let (txn, room) = loop {
            let txn = txn();
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
        append(store, LogId::Room(room), given).await?;
        places.push((user, room));
    }
    Ok(places)
}

async fn messages(
    store: Store,
    user: UserId,
    room: RoomId,
    batch: usize,
) -> (usize, Vec<Duration>) {
    let (mut sent, mut times) = (0, Vec::new());
    let began = Instant::now();
    while began.elapsed() < SPAN {
        let command = |_| {
            let text = TEXT.parse().expect("a text");
            let content = SendContent::Text { text };
            (user, Some(txn()), SendMessage { room, content }.into())
        };
        let one = Instant::now();
        let commands = (0..batch).map(command).collect();
        match append(&store, LogId::Room(room), commands).await {
            Ok(happened) => sent += happened,
            Err(error) => eprintln!("failed: {error}"),
        }
        times.push(one.elapsed());
    }
    (sent, times)
}

/// Appends of so many bytes and a sync, on a plain file beside the database.
fn bare(folder: &Path, bytes: usize) -> Result<f64, Failure> {
    let mut file = tempfile::tempfile_in(folder)?;
    let block = vec![7u8; bytes];
    let (began, mut times) = (Instant::now(), 0u32);
    while began.elapsed() < SPAN / 3 {
        file.write_all(&block)?;
        file.sync_data()?;
        times += 1;
    }
    Ok(f64::from(times) / began.elapsed().as_secs_f64())
}

/// Reads over what was written: pages of history at random places, and devices that come back and missed nothing.
async fn reads(store: &Store, places: &[(UserId, RoomId)]) -> Result<(), Failure> {
    let cursor = Cursor {
        epoch: store.epoch(),
        positions: store.heads().await?,
    };
    let head = store.room(places[0].1).await?.map_or(1, |room| room.head.0);
    println!(
        "\nread                      a second     p50 ms     p99 ms   ({head} events in the room)"
    );
    let (mut pages, mut resumes) = (Vec::new(), Vec::new());
    let began = Instant::now();
    while began.elapsed() < SPAN {
        let (user, room) = places[pages.len() % places.len()];
        let one = Instant::now();
        let place = Seq((id() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) % head);
        let page = store.messages(room, user, Page::Before(place), 50).await?;
        std::hint::black_box(page);
        pages.push(one.elapsed());
    }
    row("page of 50, one reader", &mut pages, SPAN);
    let began = Instant::now();
    while began.elapsed() < SPAN {
        let (user, _) = places[resumes.len() % places.len()];
        let one = Instant::now();
        std::hint::black_box(store.resume(user, Some(&cursor)).await?);
        resumes.push(one.elapsed());
    }
    row("resume, nothing moved", &mut resumes, SPAN);
    Ok(())
}

fn row(what: &str, times: &mut [Duration], span: Duration) {
    times.sort();
    let at = |share: f64| {
        let index = ((times.len().max(1) - 1) as f64 * share) as usize;
        times.get(index).map_or(0.0, |t| t.as_secs_f64() * 1000.0)
    };
    let rate = times.len() as f64 / span.as_secs_f64();
    println!("{what:24}  {rate:8.0}  {:9.3}  {:9.3}", at(0.5), at(0.99));
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let place = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let appenders: u16 = std::env::args().nth(2).map_or(Ok(1), |n| n.parse())?;
    let folder;
    let config = if place.starts_with("postgres") {
        folder = tempfile::tempdir()?;
        StoreConfig::Postgres { url: place }
    } else {
        folder = tempfile::tempdir_in(&place)?;
        StoreConfig::Sqlite {
            path: folder.path().join("rate.db"),
        }
    };
    let store = Store::open(&config).await?;
    let places = people_and_rooms(&store, appenders).await?;
    println!("batch  messages/s  batches/s     p50 ms     p99 ms     max ms  bare syncs/s");
    for batch in [1, 16, 64, 256] {
        let syncs = bare(folder.path(), 4096 + batch * 512)?;
        let began = Instant::now();
        let tasks: Vec<_> = places
            .iter()
            .map(|&(user, room)| tokio::spawn(messages(store.clone(), user, room, batch)))
            .collect();
        let (mut sent, mut times) = (0, Vec::new());
        for task in tasks {
            let (n, t) = task.await?;
            sent += n;
            times.extend(t);
        }
        let seconds = began.elapsed().as_secs_f64();
        times.sort();
        let at = |share: f64| {
            let index = ((times.len() - 1) as f64 * share) as usize;
            times[index].as_secs_f64() * 1000.0
        };
        println!(
            "{batch:5}  {:10.0}  {:9.0}  {:9.3}  {:9.3}  {:9.3}  {syncs:12.0}",
            sent as f64 / seconds,
            times.len() as f64 / seconds,
            at(0.5),
            at(0.99),
            at(1.0),
        );
    }
    reads(&store, &places).await?;
    drop(store);
    let began = Instant::now();
    let store = Store::open(&config).await?;
    println!(
        "opened again in {:.1} ms",
        began.elapsed().as_secs_f64() * 1000.0
    );
    drop(store);
    Ok(())
}

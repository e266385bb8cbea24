//! Reading a whole database to say whether it is what was committed.
//!
//! Owns: [`verify`]: the chain of each log, and the tables beside it against the fold of the log, a page at a time; what
//! is wrong is named ([`Damage`]).
//! Never: changes anything, holds more than a page and the members of one room, or keeps a snapshot longer than one log.

mod account;
mod log;
mod messages;
mod room;
pub(crate) mod statements;

use std::{collections::BTreeMap, fmt};

use tidings_protocol::{LogId, Position, RoomId, Seq, ShardId, UserId};

use crate::{
    StoreConfig, decode,
    error::StoreError,
    postgres, sqlite,
    value::{Columns, Decode, Param, Snapshot},
};
use statements as text;

/// What is wrong that one verification names; then it ends. Whoever mends a hundred things looks again.
pub const DAMAGE_TOLD_MAX: usize = 100;

/// Something that is not as it was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// In which log; none when it is none's.
    pub log: Option<LogId>,
    /// At which of its events.
    pub seq: Option<Seq>,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(log) = self.log {
            write!(f, "{log}")?;
            if let Some(seq) = self.seq {
                write!(f, ", seq {seq}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.what)
    }
}

/// What a verification came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Logs looked at.
    pub logs: u64,
    /// Events looked at.
    pub events: u64,
    /// Of those the ones from before there was a chain: not bound to anything.
    pub unchained: u64,
    /// What is wrong, at most [`DAMAGE_TOLD_MAX`].
    pub damage: Vec<Damage>,
    /// What could not be looked at here, and how to.
    pub notes: Vec<String>,
}

/// How far a verification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Events looked at.
    pub events: u64,
    /// Events there were at the beginning.
    pub of: u64,
}

/// Told now and then how far it has come.
pub type Watch = Box<dyn FnMut(Progress) + Send>;

/// Looks at every event and every row beside the logs. A server may run; what it commits meanwhile is looked at or not.
///
/// # Errors
/// `Refused` for a database that is missing, older, newer or foreign; `Unavailable` when it cannot be reached. What is
/// damaged is no error: it is in the answer.
pub async fn verify(config: &StoreConfig, watch: Watch) -> Result<Verified, StoreError> {
    match config {
        StoreConfig::Sqlite { path } => {
            let path = path.clone();
            sqlite::in_thread(move || sqlite::verify::verify(&path, watch)).await
        }
        StoreConfig::SqliteMemory { .. } => {
            Err(crate::upkeep::nothing_there("The temporary database"))
        }
        StoreConfig::Postgres { url } => postgres::verify::verify(url, watch).await,
    }
}

/// A connection whose reads can be of one commit.
pub(crate) trait Snapshots: Snapshot {
    /// What is read from now on is of one commit.
    fn begin(&self) -> impl Future<Output = Result<(), StoreError>>;
    /// No longer.
    fn end(&self) -> impl Future<Output = Result<(), StoreError>>;
}

/// What each log needs to know of its shard.
pub(super) struct Shards {
    /// Up to which position events may be without a chain, by shard.
    unchained: Vec<Position>,
}

impl Shards {
    fn of(&self, log: LogId) -> ShardId {
        log.shard(u16::try_from(self.unchained.len()).unwrap_or(u16::MAX))
    }

    fn may_be_unchained(&self, shard: ShardId, position: Position) -> bool {
        let upto = self.unchained.get(usize::from(shard.0));
        upto.is_some_and(|upto| position <= *upto)
    }
}

/// What was found so far.
pub(super) struct Report {
    verified: Verified,
    of: u64,
    watch: Watch,
}

impl Report {
    pub(crate) fn new(watch: Watch) -> Report {
        Report {
            verified: Verified::default(),
            of: 0,
            watch,
        }
    }

    /// Notes damage.
    fn add(&mut self, log: impl Into<Option<LogId>>, seq: Option<Seq>, what: impl Into<String>) {
        if !self.is_full() {
            self.verified.damage.push(Damage {
                log: log.into(),
                seq,
                what: what.into(),
            });
        }
    }

    pub(crate) fn damage(&mut self, what: impl Into<String>) {
        self.add(None::<LogId>, None, what);
    }

    pub(crate) fn note(&mut self, what: impl Into<String>) {
        self.verified.notes.push(what.into());
    }

    fn is_full(&self) -> bool {
        self.verified.damage.len() >= DAMAGE_TOLD_MAX
    }

    fn looked_at(&mut self, events: usize) {
        self.verified.events += events as u64;
        (self.watch)(Progress {
            events: self.verified.events,
            of: self.of.max(self.verified.events),
        });
    }

    pub(crate) fn finish(self) -> Verified {
        self.verified
    }
}

/// Rows, or none where the database says that they are damaged; what it says is noted.
pub(super) async fn read<S: Snapshot, T: Send + 'static>(
    s: &S,
    report: &mut Report,
    at: (Option<LogId>, &str),
    query: &'static crate::query::Query,
    params: Vec<Param>,
    decode: Decode<T>,
) -> Result<Option<Vec<T>>, StoreError> {
    match s.rows(query, params, decode).await {
        Ok(rows) => Ok(Some(rows)),
        Err(StoreError::Trouble(why)) => {
            let (log, what) = at;
            report.add(log, None, format!("{what} cannot be read: {why}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Looks at everything.
pub(crate) async fn run<S: Snapshots>(s: &S, report: &mut Report) -> Result<(), StoreError> {
    s.begin().await?;
    let shards = shards(s, report).await?;
    s.end().await?;
    let mut after = [0; 16];
    while !report.is_full() {
        s.begin().await?;
        let params = vec![after.into()];
        let place = (None, "the list of logs");
        let next = read(s, report, place, &text::NEXT_LOG, params, log_id).await?;
        let Some(log) = next.and_then(|mut rows| rows.pop()) else {
            s.end().await?;
            break;
        };
        after = log.bytes();
        report.verified.logs += 1;
        match log {
            LogId::Room(id) => room::verify(s, report, &shards, id).await?,
            LogId::User(id) => account::verify(s, report, &shards, id).await?,
        }
        s.end().await?;
    }
    s.begin().await?;
    without_log(s, report).await?;
    s.end().await
}

/// Rows that no event made.
async fn without_log<S: Snapshot>(s: &S, report: &mut Report) -> Result<(), StoreError> {
    let params = || vec![[0; 16].into(), (DAMAGE_TOLD_MAX as u32).into()];
    let what = "the row is there, and its log is not";
    let place = (None, "the list of rooms");
    let rooms = read(
        s,
        report,
        place,
        &text::ROOMS_WITHOUT_LOG,
        params(),
        decode::room_id,
    )
    .await?;
    for room in rooms.unwrap_or_default() {
        report.add(LogId::Room(room), None, what);
    }
    let place = (None, "the list of accounts");
    let users = read(
        s,
        report,
        place,
        &text::USERS_WITHOUT_LOG,
        params(),
        decode::user_id,
    )
    .await?;
    for user in users.unwrap_or_default() {
        report.add(LogId::User(user), None, what);
    }
    Ok(())
}

/// Each shard has as many events as its head says, without a gap.
async fn shards<S: Snapshot>(s: &S, report: &mut Report) -> Result<Shards, StoreError> {
    let triple: Decode<(u64, u64, u64)> =
        |row| Ok((count(row, 0)?, count(row, 1)?, count(row, 2)?));
    let place = (None, "the list of shards");
    let rows = read(s, report, place, &text::SHARDS, vec![], triple).await?;
    let mut unchained = Vec::new();
    for (shard, head, upto) in rows.unwrap_or_default() {
        unchained.push(Position(upto));
        report.of += head;
        let what = format!("shard {shard}");
        let params = vec![shard.into()];
        let place = (None, what.as_str());
        let events = read(s, report, place, &text::SHARD_EVENTS, params, triple).await?;
        let Some((count, first, last)) = events.and_then(|mut rows| rows.pop()) else {
            continue;
        };
        let whole = count == head && last == head && (first == 1 || head == 0);
        if !whole {
            report.damage(format!(
                "{what} ends at position {head}, and has {count} events, from position {first} to {last}: events are \
                 missing, or were added past the server"
            ));
        }
    }
    Ok(Shards { unchained })
}

fn count(row: &dyn Columns, index: usize) -> Result<u64, StoreError> {
    u64::try_from(row.int(index)?).map_err(|_| StoreError::damaged("a number"))
}

fn number(row: &dyn Columns) -> Result<u64, StoreError> {
    count(row, 0)
}

fn log_id(row: &dyn Columns) -> Result<LogId, StoreError> {
    let id = row.id(1)?;
    Ok(match row.text(0)? {
        "room" => LogId::Room(RoomId::from_bytes(id)),
        _ => LogId::User(UserId::from_bytes(id)),
    })
}

/// Says which fields of a row differ from what the log says.
macro_rules! differ {
    ($stored:expr, $folded:expr, $($field:ident),* $(,)?) => {{
        let mut fields: Vec<&'static str> = Vec::new();
        $(if $stored.$field != $folded.$field { fields.push(stringify!($field)); })*
        fields
    }};
}
pub(super) use differ;

/// Notes rows that the log does not explain, and ones that are missing.
pub(super) fn compare<K: Ord + Copy, T>(
    report: &mut Report,
    log: LogId,
    what: impl Fn(K) -> String,
    stored: impl IntoIterator<Item = (K, T)>,
    folded: &mut BTreeMap<K, T>,
    differ: impl Fn(&T, &T) -> Vec<&'static str>,
) {
    for (key, row) in stored {
        match folded.remove(&key) {
            Some(expected) => {
                let fields = differ(&row, &expected);
                if !fields.is_empty() {
                    let fields = fields.join(", ");
                    report.add(
                        log,
                        None,
                        format!("{}: {fields} differ from what the log says", what(key)),
                    );
                }
            }
            None => report.add(
                log,
                None,
                format!("{} is there, and no event made it", what(key)),
            ),
        }
    }
}

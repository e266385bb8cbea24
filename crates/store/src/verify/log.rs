//! One log in order: its chain, its numbers, and every event to whoever folds it.
//!
//! Owns: what is said of an event that is not as it was committed.
//! Never: stops at damage; what comes after is judged by what is stored before it.

use tidings_core::{BodyHash, Chain, Salt, StoredEvent, chain::body_hash};
use tidings_protocol::{Content, EventId, Kind, LogId, MessageText, Position, Seq, content::Known};

use super::{Report, Shards, statements as text};
use crate::{
    decode,
    error::StoreError,
    value::{Columns, Snapshot, row},
};

/// Events of one page. The texts of a page are 4 MiB at most.
const PAGE: u32 = 256;

/// An event with what binds it.
pub(super) struct Chained {
    pub(super) event: StoredEvent,
    fingerprint: i64,
    target: Option<Seq>,
    salt: Option<Salt>,
    body_hash: Option<BodyHash>,
    chain: Option<Chain>,
}

fn chained(row: &dyn Columns) -> Result<Chained, StoreError> {
    let (event, fingerprint) = decode::event_and_fingerprint(row)?;
    let target = row.int_or_none(13)?;
    let target = target.map(u64::try_from).transpose();
    let damaged = |_| StoreError::damaged("a part of the chain");
    let salt = row.bytes_or_none(14)?.map(TryInto::try_into).transpose();
    let hash = row.bytes_or_none(15)?.map(TryInto::try_into).transpose();
    let chain = row.bytes_or_none(16)?.map(TryInto::try_into).transpose();
    Ok(Chained {
        event,
        fingerprint,
        target: target
            .map_err(|_| StoreError::damaged("a target"))?
            .map(Seq),
        salt: salt.map_err(damaged)?.map(Salt),
        body_hash: hash.map_err(damaged)?.map(BodyHash),
        chain: chain.map_err(damaged)?.map(Chain),
    })
}

impl Chained {
    /// What the event says; none when that cannot be known, as of an erased edit or a kind of a later version.
    pub(super) fn content(&self) -> Option<Known> {
        content(&self.event)
    }
}

/// See [`Chained::content`]. An erased message still is one.
pub(super) fn content(event: &StoredEvent) -> Option<Known> {
    match event.body.as_deref() {
        Some(body) => match serde_json::from_str(body) {
            Ok(Content::Known(known)) => Some(known),
            _ => None,
        },
        None if event.is(Kind::Message) => Some(Known::Message { text: erased() }),
        None => None,
    }
}

/// What stands for an erased text while folding: no row holds the first text of a message.
fn erased() -> MessageText {
    "erased".parse().expect("it is a text")
}

/// An event that changes nothing but the head, for what [`content`] does not know.
pub(super) fn nothing() -> Known {
    Known::MessageEdited {
        message: EventId::from_bits(0),
        target: Seq::ZERO,
        text: erased(),
    }
}

/// A log while it is read.
pub(super) struct Reader<'a> {
    log: LogId,
    shards: &'a Shards,
    /// Whether what is wrong with the events is told; a second reading tells nothing twice.
    tells: bool,
    /// The last event.
    pub(super) head: Seq,
    position: Position,
    /// The chain up to it; none when that is not known.
    chain: Option<Chain>,
    has_chain: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(log: LogId, shards: &'a Shards, tells: bool) -> Reader<'a> {
        Reader {
            log,
            shards,
            tells,
            head: Seq::ZERO,
            position: Position::ZERO,
            chain: Some(Chain::START),
            has_chain: false,
        }
    }

    /// The chain that the row of the room or account must show.
    pub(super) fn last_chain(&self) -> Option<Chain> {
        self.chain
    }

    /// The next events; empty at the end.
    pub(super) async fn page<S: Snapshot>(
        &mut self,
        s: &S,
        report: &mut Report,
    ) -> Result<Vec<Chained>, StoreError> {
        let mut limit = PAGE;
        loop {
            let params = vec![self.log.bytes().into(), self.head.0.into(), limit.into()];
            match s.rows(&text::LOG_CHAINED, params, chained).await {
                Ok(page) => {
                    for event in &page {
                        self.look_at(event, report);
                    }
                    if self.tells {
                        report.looked_at(page.len());
                    }
                    return Ok(page);
                }
                // One by one, to find the one that cannot be read.
                Err(StoreError::Trouble(_)) if limit > 1 => limit = 1,
                Err(StoreError::Trouble(why)) => {
                    if !self.pass_over(s, report, &why).await? {
                        return Ok(Vec::new());
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Goes on after an event that cannot be read. False: the place of the next cannot be read either.
    async fn pass_over<S: Snapshot>(
        &mut self,
        s: &S,
        report: &mut Report,
        why: &str,
    ) -> Result<bool, StoreError> {
        let params = vec![self.log.bytes().into(), self.head.0.into()];
        let next = match row(s, &text::NEXT_SEQ, params, decode::seq).await {
            Ok(next) => next,
            Err(StoreError::Trouble(_)) => None,
            Err(error) => return Err(error),
        };
        let seq = next.unwrap_or(self.head.next());
        if self.tells {
            report.add(
                self.log,
                Some(seq),
                format!("the event cannot be read: {why}"),
            );
        }
        self.head = seq;
        self.chain = None;
        Ok(next.is_some() && !report.is_full())
    }

    fn look_at(&mut self, row: &Chained, report: &mut Report) {
        let event = &row.event;
        let mut tell = |what: String| {
            if self.tells {
                report.add(self.log, Some(event.seq), what);
            }
        };
        if event.seq != self.head.next() {
            let (from, upto) = (self.head.next(), event.seq.0 - 1);
            tell(if from.0 == upto {
                format!("event {upto} before it is missing")
            } else {
                format!("events {from} to {upto} before it are missing")
            });
            self.chain = None;
        }
        if event.position <= self.position || event.shard != self.shards.of(self.log) {
            tell("it stands at a position where it cannot be".to_owned());
        }
        let body = match (event.body.as_deref(), row.salt) {
            (Some(body), Some(salt)) => Some(body_hash(salt, row.fingerprint, body)),
            (None, None) => row.body_hash,
            _ => None,
        };
        match (row.chain, body) {
            (None, _)
                if !self.has_chain && self.shards.may_be_unchained(event.shard, event.position) =>
            {
                if self.tells {
                    report.verified.unchained += 1;
                }
                self.chain = Some(Chain::START);
            }
            (None, _) => {
                tell("it has no chain: it did not come through the server".to_owned());
                self.chain = None;
            }
            (Some(stored), Some(body)) => {
                self.has_chain = true;
                let bound = self
                    .chain
                    .map(|before| before.next(event, row.target, body));
                if bound.is_some_and(|bound| bound != stored) {
                    tell("it is not what was committed: its chain does not fit".to_owned());
                }
                self.chain = Some(stored);
            }
            (Some(stored), None) => {
                self.has_chain = true;
                tell("its body, or what its body is hashed with, is missing".to_owned());
                self.chain = Some(stored);
            }
        }
        self.head = event.seq;
        self.position = event.position;
    }
}

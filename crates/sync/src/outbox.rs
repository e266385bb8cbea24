//! Commands that have no answer yet, in the order in which they were given. `[CM1]` `[CM7]`
//!
//! Owns: what is sent next, what waits for its answer, what is tried again and when.
//! Never: stores anything. The caller stores a [`Row`] before it shows it or gives it to the session, and
//! removes it when its answer is handed out; a row that comes back by accident is harmless, its `txn` is known.
//!
//! Rows about one room leave in order, several at once. When the server asks for time with one of them
//! (`unavailable`, `internal`, `rate_limited`), the later rows of that room that are not on their way wait for it, and
//! fewer leave at once until answers come again: those on their way at that moment may overtake it, no others.
//!
//! A row whose frame ended the session is never sent again. Where several were on their way, each of them leaves alone
//! until it is known which: a suspect. `[CM10]`

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tidings_protocol::{
    ClientFrame, Part, Refusal, RefusalCode, RoomId, Timestamp, TxnId,
    limits::COMMANDS_IN_FLIGHT_MAX,
};

use crate::backoff::{Dice, Millis, ceiling_ms};

/// Rows an outbox holds, at most. A thousand commands are an evening offline; when it is full, the next one is
/// refused at once as `limit_reached`.
pub const OUTBOX_ROWS_MAX: usize = 1_000;

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// To be sent, for the first time or again.
    Waiting,
    /// On its way over the present connection.
    Sent,
}

/// One command that has no answer yet. Serialisable, so that it survives its process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawRow")]
pub struct Row {
    txn: TxnId,
    command: ClientFrame,
    state: RowState,
    attempts: u32,
    created: Timestamp,
}

/// A row as it is stored, before it is known to be one.
#[derive(Deserialize)]
struct RawRow {
    txn: TxnId,
    command: ClientFrame,
    attempts: u32,
    created: Timestamp,
}

/// The frame is no command: it carries no `txn`, so it has no answer to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoCommand;

impl std::fmt::Display for NoCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the outbox takes frames with a txn of their own, and no others")
    }
}

impl std::error::Error for NoCommand {}

impl TryFrom<RawRow> for Row {
    type Error = NoCommand;
    fn try_from(raw: RawRow) -> Result<Row, NoCommand> {
        let row = Row::new(raw.command, raw.created)?;
        if row.txn != raw.txn {
            return Err(NoCommand);
        }
        Ok(Row {
            attempts: raw.attempts,
            ..row
        })
    }
}

impl Row {
    /// A row for a command, given at `created` by the clock on the wall.
    ///
    /// # Errors
    /// When the frame is no command.
    pub fn new(command: ClientFrame, created: Timestamp) -> Result<Row, NoCommand> {
        let txn = command.txn().cloned().ok_or(NoCommand)?;
        Ok(Row {
            txn,
            command,
            state: RowState::Waiting,
            attempts: 0,
            created,
        })
    }

    /// The client's id for the command.
    #[must_use]
    pub const fn txn(&self) -> &TxnId {
        &self.txn
    }

    /// The frame.
    #[must_use]
    pub const fn command(&self) -> &ClientFrame {
        &self.command
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> RowState {
        self.state
    }

    /// How often it was sent.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// When it was given.
    #[must_use]
    pub const fn created(&self) -> Timestamp {
        self.created
    }
}

/// Whether a refusal says "try again": nothing is wrong with the command itself. `[CM7]`
#[must_use]
pub const fn is_passing(code: RefusalCode) -> bool {
    matches!(
        code,
        RefusalCode::Unavailable | RefusalCode::Internal | RefusalCode::RateLimited
    )
}

/// The rows of one client.
#[derive(Debug, Clone)]
pub struct Outbox {
    rows: BTreeMap<u64, Entry>,
    index: BTreeMap<TxnId, u64>,
    next: u64,
    in_flight: usize,
    in_flight_max: usize,
    /// How many may be in flight now: halved by each row that the server asks time for, one more with each answer.
    window: usize,
    /// The server asked for fewer commands, whatever they are about.
    hold_until: Millis,
    /// How many rows are suspects.
    suspects: usize,
}

#[derive(Debug, Clone)]
struct Entry {
    row: Row,
    not_before: Millis,
    /// It was on its way when a frame ended a session.
    suspect: bool,
}

impl Default for Outbox {
    fn default() -> Outbox {
        Outbox {
            rows: BTreeMap::new(),
            index: BTreeMap::new(),
            next: 0,
            in_flight: 0,
            in_flight_max: COMMANDS_IN_FLIGHT_MAX,
            window: COMMANDS_IN_FLIGHT_MAX,
            hold_until: Millis::default(),
            suspects: 0,
        }
    }
}

impl Outbox {
    /// Adds a row behind all others. A `txn` that is in already is passed over: it is the same command.
    ///
    /// # Errors
    /// Gives the row back when [`OUTBOX_ROWS_MAX`] rows are waiting.
    #[expect(
        clippy::result_large_err,
        reason = "the error is the row itself, given back"
    )]
    pub fn push(&mut self, mut row: Row) -> Result<(), Row> {
        if self.index.contains_key(&row.txn) {
            return Ok(());
        }
        if self.rows.len() >= OUTBOX_ROWS_MAX {
            return Err(row);
        }
        row.state = RowState::Waiting;
        self.index.insert(row.txn.clone(), self.next);
        self.rows.insert(
            self.next,
            Entry {
                row,
                not_before: Millis::default(),
                suspect: false,
            },
        );
        self.next += 1;
        Ok(())
    }

    /// The row is answered, or no longer wanted: takes it out. One that is on its way may still happen.
    pub fn take(&mut self, txn: &TxnId) -> Option<Row> {
        let order = self.index.remove(txn)?;
        let entry = self.rows.remove(&order)?;
        self.suspects -= usize::from(entry.suspect);
        if entry.row.state == RowState::Sent {
            self.in_flight -= 1;
            self.window = (self.window + 1).min(self.in_flight_max);
        }
        Some(entry.row)
    }

    /// The server asks for time with a row, by a refusal that [`is_passing`]: it is sent again after a wait, of at
    /// least `retry_after_ms`. With `rate_limited` everything else waits as long as the server says, too.
    pub fn retry(&mut self, txn: &TxnId, refusal: &Refusal, now: Millis, dice: &mut Dice) {
        let Some(entry) = self
            .index
            .get(txn)
            .and_then(|order| self.rows.get_mut(order))
        else {
            return;
        };
        if entry.row.state == RowState::Sent {
            entry.row.state = RowState::Waiting;
            self.in_flight -= 1;
        }
        let earliest = now.plus(refusal.retry_after_ms.unwrap_or_default());
        let jitter = dice.upto(ceiling_ms(entry.row.attempts.saturating_sub(1)));
        entry.not_before = earliest.plus(jitter);
        self.window = (self.window / 2).max(1);
        if refusal.code == RefusalCode::RateLimited {
            self.hold_until = self.hold_until.max(earliest);
        }
    }

    /// The connection is gone and with it every answer: all rows are to be sent, in order, with the same `txn`.
    pub fn lost(&mut self) {
        for entry in self.rows.values_mut() {
            entry.row.state = RowState::Waiting;
        }
        self.in_flight = 0;
    }

    /// A frame ended the session. The one row on its way is at fault, and is given back: it is not sent again. Of
    /// several each is a suspect. None when no row was on its way, so none is to blame. `[CM10]`
    pub fn faulted(&mut self) -> Option<Vec<Row>> {
        let sent: Vec<u64> = self
            .rows
            .iter()
            .filter(|(_, entry)| entry.row.state == RowState::Sent)
            .map(|(order, _)| *order)
            .collect();
        if let [only] = sent.as_slice() {
            let txn = self.rows.get(only)?.row.txn.clone();
            return Some(self.take(&txn).into_iter().collect());
        }
        for order in &sent {
            if let Some(entry) = self.rows.get_mut(order) {
                self.suspects += usize::from(!entry.suspect);
                entry.suspect = true;
            }
        }
        (!sent.is_empty()).then(Vec::new)
    }

    /// What the server lets wait at once; never above [`COMMANDS_IN_FLIGHT_MAX`]. `[CM8]`
    pub fn limit_in_flight(&mut self, most: usize) {
        self.in_flight_max = most.clamp(1, COMMANDS_IN_FLIGHT_MAX);
        self.window = self.window.min(self.in_flight_max);
    }

    /// Marks what may leave now as sent and hands out its frames, in order.
    pub fn due(&mut self, now: Millis, out: &mut Vec<ClientFrame>) {
        if self.in_flight == self.rows.len() || self.hold_until > now {
            return;
        }
        let alone = self.suspects > 0;
        let window = if alone { 1 } else { self.window };
        let mut blocked = BTreeSet::new();
        for entry in self.rows.values_mut() {
            if self.in_flight >= window {
                return;
            }
            if entry.row.state == RowState::Sent || (alone && !entry.suspect) {
                continue;
            }
            let lane = lane(&entry.row.command);
            if blocked.contains(&lane) {
                continue;
            }
            if entry.not_before > now {
                blocked.insert(lane);
                continue;
            }
            entry.row.state = RowState::Sent;
            entry.row.attempts = entry.row.attempts.saturating_add(1);
            self.in_flight += 1;
            out.push(entry.row.command.clone());
        }
    }

    /// When a row that waits may leave; none when nothing waits for time alone.
    #[must_use]
    pub fn wake_at(&self, now: Millis) -> Option<Millis> {
        if self.in_flight == self.rows.len() {
            return None;
        }
        if self.hold_until > now {
            return Some(self.hold_until);
        }
        self.rows
            .values()
            .filter(|entry| entry.row.state == RowState::Waiting && entry.not_before > now)
            .map(|entry| entry.not_before)
            .min()
    }

    /// The rows, oldest first.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values().map(|entry| &entry.row)
    }

    /// Whether a row with this `txn` waits.
    #[must_use]
    pub fn contains(&self, txn: &TxnId) -> bool {
        self.index.contains_key(txn)
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether every command has its answer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// What a command must stay in order with: the other commands about its room; new rooms among themselves.
fn lane(command: &ClientFrame) -> Option<RoomId> {
    match command.part() {
        Part::Command { room, .. } => room,
        // They are never in an outbox.
        Part::Hello | Part::Follow(_) | Part::Signal | Part::Ping => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidings_protocol::{SendContent, subject::SendMessage};

    fn row(txn: &str, room: u128) -> Row {
        let command = ClientFrame::give(
            txn.parse().unwrap(),
            SendMessage {
                room: RoomId::from_bits(room),
                content: SendContent::Text {
                    text: txn.parse().unwrap(),
                },
            },
        );
        Row::new(command, Timestamp::default()).unwrap()
    }

    fn outbox(rows: &[(&str, u128)]) -> Outbox {
        let mut outbox = Outbox::default();
        for (txn, room) in rows {
            outbox.push(row(txn, *room)).unwrap();
        }
        outbox
    }

    fn due(outbox: &mut Outbox, now: u64) -> String {
        let mut out = Vec::new();
        outbox.due(Millis(now), &mut out);
        out.iter()
            .map(|frame| frame.txn().unwrap().as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn txn(text: &str) -> TxnId {
        text.parse().unwrap()
    }

    #[test]
    fn rows_leave_in_order_and_again_after_a_loss() {
        // [CM7] [CM5]
        let mut outbox = outbox(&[("a", 1), ("b", 2), ("c", 1)]);
        assert_eq!(due(&mut outbox, 0), "a b c");
        assert_eq!(due(&mut outbox, 0), "");
        assert_eq!(outbox.take(&txn("b")).unwrap().attempts(), 1);
        outbox.lost();
        assert_eq!(due(&mut outbox, 0), "a c");
        assert!(outbox.take(&txn("b")).is_none());
    }

    #[test]
    fn a_row_that_waits_for_time_blocks_its_own_room_alone() {
        // [CM5] [CM7]
        let mut dice = Dice::from_seed(1);
        let mut outbox = outbox(&[("a", 1)]);
        assert_eq!(due(&mut outbox, 0), "a");
        let busy = Refusal::new(RefusalCode::Unavailable).retry_after_ms(3_000);
        outbox.retry(&txn("a"), &busy, Millis(100), &mut dice);
        outbox.push(row("b", 1)).unwrap();
        outbox.push(row("c", 2)).unwrap();
        assert_eq!(due(&mut outbox, 100), "c");
        let at = outbox.wake_at(Millis(100)).unwrap();
        assert!((3_100..=3_600).contains(&at.0), "{at:?}");
        assert_eq!(due(&mut outbox, at.0 - 1), "");
        assert_eq!(due(&mut outbox, at.0), "a b");
        assert_eq!(outbox.wake_at(at), None);
    }

    #[test]
    fn no_more_are_in_flight_than_allowed() {
        // [CM8]
        let mut outbox = Outbox::default();
        for number in 0..OUTBOX_ROWS_MAX {
            outbox.push(row(&format!("t{number}"), 1)).unwrap();
        }
        assert_eq!(outbox.push(row("late", 1)).unwrap_err().txn(), &txn("late"));
        assert_eq!(outbox.push(row("t5", 1)), Ok(()), "it is in already");
        let mut out = Vec::new();
        outbox.due(Millis(0), &mut out);
        assert_eq!(out.len(), COMMANDS_IN_FLIGHT_MAX);
        outbox.take(&txn("t3")).unwrap();
        assert_eq!(due(&mut outbox, 0), format!("t{COMMANDS_IN_FLIGHT_MAX}"));
    }

    #[test]
    fn a_server_that_asks_for_less_gets_less() {
        // [CM8] [CM5]
        let mut dice = Dice::from_seed(1);
        let mut outbox = Outbox::default();
        for number in 0..COMMANDS_IN_FLIGHT_MAX + 10 {
            outbox.push(row(&format!("t{number}"), 1)).unwrap();
        }
        let mut out = Vec::new();
        outbox.due(Millis(0), &mut out);
        let slower = Refusal::new(RefusalCode::RateLimited).retry_after_ms(1_000);
        for number in 4..COMMANDS_IN_FLIGHT_MAX {
            outbox.retry(&txn(&format!("t{number}")), &slower, Millis(0), &mut dice);
        }
        outbox.push(row("other", 2)).unwrap();
        assert_eq!(due(&mut outbox, 999), "", "whatever it is about");
        assert_eq!(outbox.wake_at(Millis(0)), Some(Millis(1_000)));
        for number in 0..4 {
            outbox.take(&txn(&format!("t{number}"))).unwrap();
        }
        // Refused at first, then answered: a few at once, in the order in which they were given.
        assert_eq!(due(&mut outbox, 60_000), "t4 t5 t6 t7 t8");
        outbox.take(&txn("t4")).unwrap();
        assert_eq!(due(&mut outbox, 60_000), "t9 t10");
    }

    #[test]
    fn a_row_that_ends_the_session_is_found_and_not_sent_again() {
        // [CM10]
        let mut outbox = outbox(&[("a", 1), ("bad", 2), ("c", 1), ("d", 3)]);
        assert_eq!(outbox.faulted(), None, "nothing was on its way");
        assert_eq!(due(&mut outbox, 0), "a bad c d");
        outbox.take(&txn("d")).unwrap();
        assert_eq!(outbox.faulted(), Some(Vec::new()));
        outbox.lost();
        outbox.push(row("e", 4)).unwrap();
        assert_eq!(due(&mut outbox, 0), "a");
        assert_eq!(due(&mut outbox, 0), "", "alone");
        outbox.take(&txn("a")).unwrap();
        assert_eq!(due(&mut outbox, 0), "bad");
        let failed = outbox.faulted().unwrap();
        assert_eq!(failed[0].txn(), &txn("bad"));
        outbox.lost();
        assert_eq!(due(&mut outbox, 0), "c", "a suspect still");
        outbox.take(&txn("c")).unwrap();
        assert_eq!(due(&mut outbox, 0), "e");
        assert_eq!(outbox.wake_at(Millis(0)), None);
    }

    #[test]
    fn a_row_survives_its_process() {
        let mut first = outbox(&[("a", 1)]);
        due(&mut first, 0);
        let text = serde_json::to_string(first.rows().next().unwrap()).unwrap();
        let row: Row = serde_json::from_str(&text).unwrap();
        assert_eq!((row.attempts(), row.state()), (1, RowState::Waiting));
        assert!(serde_json::from_str::<Row>(&text.replacen("\"a\"", "\"b\"", 1)).is_err());
        assert!(Row::new(ClientFrame::Ping {}, Timestamp::default()).is_err());
    }
}

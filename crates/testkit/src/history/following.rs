//! The auditor of one observer's sequence: a slice of each log, without a gap, without a repeat, across all its
//! sessions and nodes (I4, I8), and to the end (I9).
//!
//! Owns: what the way of following promises. Never: judges what the events say; [`audit`](super::audit) does.

use std::collections::HashMap;

use tidings_protocol::{LogId, RoomId, Seq, TxnId, limits::OPEN_REPLAY_EVENTS_MAX};

use super::{Finding, Following, History, Note, Record, Seen, audit::wrong};

/// What is known of an observer while its notes are gone through.
struct Watch<'a> {
    record: &'a Record,
    /// The last event of each log that it has, over all sessions.
    last: HashMap<LogId, Seq>,
    /// The last event of each log in this session.
    session: HashMap<LogId, Seq>,
    /// How many answers its own commands have still to get in this session.
    answers: HashMap<&'a TxnId, u32>,
    began: bool,
}

/// Judges one observer.
pub(super) fn audit(record: &Record, history: &History, found: &mut Vec<Finding>) {
    let mut watch = Watch {
        record,
        last: HashMap::new(),
        session: HashMap::new(),
        answers: HashMap::new(),
        began: false,
    };
    for note in &record.notes {
        watch.note(note, found);
    }
    for (room, log) in &history.logs {
        let (last, head) = (watch.last.get(&LogId::Room(*room)), Seq(log.len() as u64));
        if last != Some(&head) {
            wrong(
                found,
                "I9",
                format!(
                    "{} has {last:?} of {room}, whose head is {head}",
                    record.name
                ),
            );
        }
    }
}

impl<'a> Watch<'a> {
    fn note(&mut self, note: &'a Note, found: &mut Vec<Finding>) {
        let name = &self.record.name;
        match note {
            Note::Ready { resumed, heads } => self.ready(*resumed, heads),
            Note::Reset => wrong(found, "I14", format!("{name} was told to reset")),
            Note::Opened {
                room,
                after,
                from,
                head,
            } => self.opened(*room, *after, *from, *head, found),
            Note::Sent(txn) => *self.answers.entry(txn).or_default() += 1,
            Note::Event(seen) => self.event(seen, found),
            Note::Moved(room, head) => self.moved(*room, *head, found),
            Note::Refused(txn, code) => {
                if !matches!(code.as_str(), "unavailable" | "internal" | "rate_limited") {
                    wrong(
                        found,
                        "I1",
                        format!("{name}: {txn} was refused as {}", code.as_str()),
                    );
                }
            }
            Note::Unreadable(text) => wrong(found, "FR1", format!("{name} got {text}")),
        }
    }

    fn ready(&mut self, resumed: bool, heads: &std::collections::BTreeMap<RoomId, Seq>) {
        self.session.clear();
        self.answers.clear();
        let whole = match self.record.following {
            // Its rooms are told by `ready`; events follow after it.
            Following::Listed => true,
            Following::All | Following::Exact => !resumed && !self.began,
            // Told by `opened`.
            Following::Open => false,
        };
        if whole {
            for (room, head) in heads {
                self.last.insert(LogId::Room(*room), *head);
                self.session.insert(LogId::Room(*room), *head);
            }
        }
        self.began = true;
    }

    /// An `open` goes on from where the client asked, unless that is far behind. `[SB3]` `[SB4]` `[SB5]`
    fn opened(
        &mut self,
        room: RoomId,
        after: Option<Seq>,
        from: Seq,
        head: Seq,
        found: &mut Vec<Finding>,
    ) {
        let log = LogId::Room(room);
        let name = &self.record.name;
        // Opened again within a session: it fell too far behind.
        let had = self.session.get(&log).copied().or(after);
        if let Some(had) = had
            && from != had
            && (from != head || head.0.saturating_sub(had.0) <= OPEN_REPLAY_EVENTS_MAX)
        {
            let text =
                format!("{name} had {had} of {room} and was sent on from {from} at head {head}");
            wrong(found, "I8", text);
        }
        self.last.insert(log, from);
        self.session.insert(log, from);
    }

    fn event(&mut self, seen: &Seen, found: &mut Vec<Finding>) {
        let name = &self.record.name;
        if seen.answer {
            return self.answer(seen, found);
        }
        let (last, before) = (self.last.get(&seen.log), self.session.get(&seen.log));
        let fits = match (self.record.following, before, last) {
            // Those who have a room listed get answers only.
            (Following::Listed, ..) if matches!(seen.log, LogId::Room(_)) => false,
            (Following::Exact, _, Some(last)) => seen.seq == last.next(),
            (_, Some(before), _) => seen.seq == before.next(),
            // The first of a session that follows everything: it may begin earlier, never later. `[CU2]`
            (Following::All, None, Some(last)) => seen.seq <= last.next(),
            // Logs of which the beginning is not told: the user's own.
            (_, None, None) => matches!(seen.log, LogId::User(_)),
            (Following::Open | Following::Listed, None, Some(last)) => seen.seq > *last,
        };
        if !fits {
            let text = format!(
                "{name} got {} of {} after {before:?}, having {last:?}",
                seen.seq, seen.log
            );
            wrong(found, "I4", text);
        }
        self.session.insert(seen.log, seen.seq);
        let last = self.last.entry(seen.log).or_default();
        *last = seen.seq.max(*last);
    }

    /// An answer out of its place: one for each command of this session, at most. `[CM9]`
    fn answer(&mut self, seen: &Seen, found: &mut Vec<Finding>) {
        let answers = seen.txn.as_ref().and_then(|txn| self.answers.get_mut(txn));
        match answers.filter(|left| **left > 0) {
            Some(left) => *left -= 1,
            None => {
                let text = format!("{} got {:?} answered unasked", self.record.name, seen.txn);
                wrong(found, "CM9", text);
            }
        }
    }

    fn moved(&mut self, room: RoomId, head: Seq, found: &mut Vec<Finding>) {
        let log = LogId::Room(room);
        let before = self.session.insert(log, head);
        if before.is_some_and(|before| before >= head) {
            let text = format!(
                "{} was told head {head} of {room} after {before:?}",
                self.record.name
            );
            wrong(found, "I8", text);
        }
        let last = self.last.entry(log).or_default();
        *last = head.max(*last);
    }
}

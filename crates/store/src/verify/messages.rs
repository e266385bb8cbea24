//! The messages of one page of a room's log, and their reactions, against what the log says of them.
//!
//! Owns: folding what was said about a message (edits, the deletion, reactions) beside its row.
//! Never: holds more than one page of messages.

use std::collections::{BTreeMap, BTreeSet};

use tidings_core::{MessageRow, ReactionKey, State, StoredEvent, apply::apply};
use tidings_protocol::{Kind, LogId, RoomId, Seq};

use super::{
    Report, differ,
    log::{Chained, content},
    read, statements as text,
};
use crate::{
    decode,
    error::StoreError,
    value::{Columns, Param, Snapshot},
};

/// Events about messages read at a time.
const ABOUT_PAGE: u32 = 1_000;

/// Judges the rows of the messages that this page of events made. Returns how many reactions they have.
pub(super) async fn verify<S: Snapshot>(
    s: &S,
    report: &mut Report,
    room: RoomId,
    after: Seq,
    page: &[Chained],
) -> Result<u64, StoreError> {
    let log = LogId::Room(room);
    let mut state = State::default();
    for row in page.iter().filter(|row| row.event.is(Kind::Message)) {
        if let Some(content) = row.content() {
            apply(&mut state, &row.event, &content);
        }
    }
    let last = page.last().map_or(after, |row| row.event.seq);
    if !state.messages.is_empty() {
        about(s, report, room, after.next(), last, &mut state).await?;
    }
    rows(s, report, room, (after, last), page, &state).await?;
    let ids: Vec<_> = state.messages.keys().map(|(_, id)| id.bytes()).collect();
    if ids.is_empty() {
        return Ok(0);
    }
    let params = vec![room.bytes().into(), Param::Ids(ids)];
    let place = (Some(log), "the reactions");
    let found = read(s, report, place, &text::REACTIONS, params, decode::reaction).await?;
    let Some(found) = found else { return Ok(0) };
    let count = found.len() as u64;
    let found: BTreeSet<ReactionKey> = found
        .into_iter()
        .map(|(message, emoji, user)| ReactionKey {
            room,
            message,
            emoji,
            user,
        })
        .collect();
    let seq = |key: &ReactionKey| state.messages.get(&(room, key.message)).map(|row| row.seq);
    for key in found.difference(&state.reactions) {
        let what = format!(
            "the reaction {} of {} is there, and no event made it",
            key.emoji, key.user
        );
        report.add(log, seq(key), what);
    }
    for key in state.reactions.difference(&found) {
        let what = format!("the reaction {} of {} is missing", key.emoji, key.user);
        report.add(log, seq(key), what);
    }
    Ok(count)
}

/// Folds what was said about the messages from `first` to `last`.
async fn about<S: Snapshot>(
    s: &S,
    report: &mut Report,
    room: RoomId,
    first: Seq,
    last: Seq,
    state: &mut State,
) -> Result<(), StoreError> {
    let mut after = (first.0, 0);
    loop {
        let params = vec![
            room.bytes().into(),
            after.0.into(),
            last.0.into(),
            after.1.into(),
            ABOUT_PAGE.into(),
        ];
        let place = (Some(LogId::Room(room)), "what was said about messages");
        let page = read(s, report, place, &text::ABOUT, params, about_row).await?;
        let Some(page) = page.filter(|page| !page.is_empty()) else {
            return Ok(());
        };
        for (event, target) in page {
            // What is erased was undone by the deletion that comes after it.
            if let Some(content) = content(&event) {
                apply(state, &event, &content);
            }
            after = (target, event.position.0);
        }
    }
}

fn about_row(row: &dyn Columns) -> Result<(StoredEvent, u64), StoreError> {
    Ok((decode::event(row)?, super::count(row, 12)?))
}

/// Judges the rows of messages between two places, and whether bodies are erased that should not be.
async fn rows<S: Snapshot>(
    s: &S,
    report: &mut Report,
    room: RoomId,
    (after, upto): (Seq, Seq),
    page: &[Chained],
    state: &State,
) -> Result<(), StoreError> {
    let log = LogId::Room(room);
    let limit = u32::try_from(page.len() + 1).unwrap_or(u32::MAX);
    let params = vec![
        room.bytes().into(),
        after.0.into(),
        upto.0.into(),
        limit.into(),
    ];
    let place = (Some(log), "rows of messages");
    let stored = read(s, report, place, &text::MESSAGES, params, decode::message).await?;
    let Some(stored) = stored else { return Ok(()) };
    let folded = state.messages.values().map(|row| (row.seq, row));
    let mut folded: BTreeMap<Seq, &MessageRow> = folded.collect();
    let erased = |seq: Seq| {
        let row = page.iter().find(|row| row.event.seq == seq);
        row.is_some_and(|row| row.event.body.is_none())
    };
    for row in stored {
        let Some(expected) = folded.remove(&row.seq) else {
            report.add(
                log,
                Some(row.seq),
                "the row of a message is there, and no event made it",
            );
            continue;
        };
        let fields = differ!(row, expected, id, author, text, edited, deleted, emoji);
        if !fields.is_empty() {
            let fields = fields.join(", ");
            report.add(
                log,
                Some(row.seq),
                format!("the message's row: {fields} differ from what the log says"),
            );
        }
        if erased(row.seq) != expected.deleted.is_some() {
            report.add(
                log,
                Some(row.seq),
                "the message's text and its deletion do not fit together",
            );
        }
    }
    for seq in folded.into_keys() {
        report.add(log, Some(seq), "the message's row is missing");
    }
    Ok(())
}

/// No message stands after the last event.
pub(super) async fn verify_beyond<S: Snapshot>(
    s: &S,
    report: &mut Report,
    room: RoomId,
    head: Seq,
) -> Result<(), StoreError> {
    let log = LogId::Room(room);
    let params = vec![
        room.bytes().into(),
        head.0.into(),
        u64::MAX.into(),
        1u32.into(),
    ];
    let place = (Some(log), "rows of messages");
    let beyond = read(s, report, place, &text::MESSAGES, params, decode::message).await?;
    for row in beyond.unwrap_or_default() {
        report.add(
            log,
            Some(row.seq),
            "the row of a message is there, and no event made it",
        );
    }
    Ok(())
}

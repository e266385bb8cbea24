//! One room: its log, its row, its members; its messages are in `messages`.
//!
//! Owns: the fold of what is no message, by the very [`apply`] that writes the rows.
//! Never: holds more members than [`MEMBERS_HELD_MAX`]; a larger room's log is read once for each part of them.

use std::collections::BTreeMap;

use tidings_core::{Member, Room, State, apply::apply};
use tidings_protocol::{LogId, RoomId, UserId};

use super::{
    Report, Shards, compare, differ,
    log::{Reader, nothing},
    messages, read, statements as text,
};
use crate::{decode, error::StoreError, value::Snapshot};

/// Members whose memberships are folded at once: some tens of megabytes.
const MEMBERS_HELD_MAX: u64 = 200_000;
/// Rows of members read at a time.
const MEMBERS_PAGE: u32 = 1_000;

pub(super) async fn verify<S: Snapshot>(
    s: &S,
    report: &mut Report,
    shards: &Shards,
    id: RoomId,
) -> Result<(), StoreError> {
    let log = LogId::Room(id);
    let by_room = || vec![id.bytes().into()];
    let place = (Some(log), "the room's row");
    let stored = read(s, report, place, &text::ROOM, by_room(), decode::room).await?;
    let stored = stored.and_then(|mut rows| rows.pop());
    if stored.is_none() {
        report.add(log, None, "the log is there, and the room's row is not");
    }
    let place = (Some(log), "the members");
    let members = read(
        s,
        report,
        place,
        &text::MEMBERS_COUNT,
        by_room(),
        super::number,
    )
    .await?;
    let members = members.and_then(|mut rows| rows.pop()).unwrap_or_default();
    let parts = members / MEMBERS_HELD_MAX + 1;
    let mut held = (0, 0);
    for part in 0..parts {
        let folded = fold(s, report, shards, id, (part, parts), stored.as_ref()).await?;
        let found = memberships(s, report, id, (part, parts), folded).await?;
        held = (held.0 + found.0, held.1 + found.1);
    }
    if let Some(stored) = &stored
        && held != (stored.members, stored.owners)
    {
        report.add(
            log,
            None,
            format!(
                "the room's row says {} members and {} owners, and there are {} and {}",
                stored.members, stored.owners, held.0, held.1
            ),
        );
    }
    Ok(())
}

/// Which part of the members a user belongs to.
fn part_of(user: UserId, parts: u64) -> u64 {
    let bytes = user.bytes();
    let last = u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
    u64::from(last) % parts
}

/// Reads the log once; judges the events, the messages and the room's row the first time, and gives the memberships of
/// this part.
async fn fold<S: Snapshot>(
    s: &S,
    report: &mut Report,
    shards: &Shards,
    id: RoomId,
    (part, parts): (u64, u64),
    stored: Option<&Room>,
) -> Result<BTreeMap<UserId, Member>, StoreError> {
    let log = LogId::Room(id);
    let is_first = part == 0;
    let mut reader = Reader::new(log, shards, is_first);
    let mut state = State::default();
    let mut reactions = 0;
    loop {
        let after = reader.head;
        let page = reader.page(s, report).await?;
        if page.is_empty() || report.is_full() {
            break;
        }
        for row in &page {
            apply(
                &mut state,
                &row.event,
                &row.content().unwrap_or_else(nothing),
            );
        }
        // What is folded of messages is folded beside their rows.
        state.messages.clear();
        state.reactions.clear();
        state.reaction_counts.clear();
        state.counts.clear();
        state.changes = tidings_core::Changes::default();
        if parts > 1 {
            state
                .members
                .retain(|(_, user), _| part_of(*user, parts) == part);
        }
        if is_first {
            reactions += messages::verify(s, report, id, after, &page).await?;
        }
    }
    if is_first {
        let place = (Some(log), "the reactions");
        let params = vec![id.bytes().into()];
        let count = read(
            s,
            report,
            place,
            &text::REACTIONS_COUNT,
            params,
            super::number,
        )
        .await?;
        if count.is_some_and(|rows| rows != [reactions]) {
            report.add(
                log,
                None,
                "there are reactions on messages that are not there",
            );
        }
        messages::verify_beyond(s, report, id, reader.head).await?;
        if let Some(stored) = stored {
            whole(report, stored, state.rooms.get(&id), &reader);
        }
    }
    let members = state.members.into_iter();
    Ok(members.map(|((_, user), member)| (user, member)).collect())
}

fn whole(report: &mut Report, stored: &Room, folded: Option<&Room>, reader: &Reader<'_>) {
    let log = LogId::Room(stored.id);
    let mut fields = match folded {
        Some(folded) => differ!(
            stored,
            folded,
            kind,
            visibility,
            name,
            direct,
            created_by,
            created_at,
            head,
            head_position,
            count,
            last_message,
            gone,
        ),
        // The event that made the room cannot be read, which is told.
        None => Vec::new(),
    };
    if reader
        .last_chain()
        .is_some_and(|chain| chain != stored.chain)
    {
        fields.push("chain");
    }
    if !fields.is_empty() {
        let fields = fields.join(", ");
        report.add(
            log,
            None,
            format!("the room's row: {fields} differ from what the log says"),
        );
    }
}

/// Judges the rows of this part, and counts members and owners.
async fn memberships<S: Snapshot>(
    s: &S,
    report: &mut Report,
    id: RoomId,
    (part, parts): (u64, u64),
    mut folded: BTreeMap<UserId, Member>,
) -> Result<(u32, u32), StoreError> {
    let log = LogId::Room(id);
    let what = |user| format!("the membership of {user}");
    let (mut members, mut owners) = (0, 0);
    let mut after = [0; 16];
    loop {
        let params = vec![id.bytes().into(), after.into(), MEMBERS_PAGE.into()];
        let place = (Some(log), "the members");
        let page = read(s, report, place, &text::MEMBERSHIPS, params, decode::member).await?;
        let Some(page) = page.filter(|page| !page.is_empty() && !report.is_full()) else {
            break;
        };
        after = page.last().map_or(after, |member| member.user.bytes());
        let mine = page
            .into_iter()
            .filter(|member| part_of(member.user, parts) == part)
            .inspect(|member| {
                members += u32::from(member.joined);
                owners += u32::from(member.joined && member.role == tidings_protocol::Role::Owner);
            })
            .map(|member| (member.user, member));
        compare(report, log, what, mine, &mut folded, |stored, folded| {
            differ!(
                stored,
                folded,
                role,
                joined,
                joined_seq,
                joined_position,
                left_seq,
                left_position,
                earlier_left_position,
                sent,
            )
        });
    }
    for user in folded.into_keys() {
        report.add(log, None, format!("{} is missing", what(user)));
    }
    Ok((members, owners))
}

//! One account: its log, its row, its devices and markers.
//!
//! Owns: what of them the log says. Never: judges secrets and kinds, which are in no log.

use std::collections::BTreeMap;

use tidings_core::{Device, State, apply::apply};
use tidings_protocol::{DeviceId, LogId, Marker, Position, RoomId, UserId, content::Known};

use super::{
    Report, Shards, compare, differ,
    log::{Reader, nothing},
    read, statements as text,
};
use crate::{
    decode,
    error::StoreError,
    value::{Columns, Snapshot},
};

/// A marker and the position of the event that moved it.
struct MarkerRow {
    marker: Marker,
    position: Position,
}

fn marker(row: &dyn Columns) -> Result<(RoomId, MarkerRow), StoreError> {
    let place = MarkerRow {
        marker: decode::marker_at(row, 1)?,
        position: Position(super::count(row, 3)?),
    };
    Ok((decode::room_id(row)?, place))
}

pub(super) async fn verify<S: Snapshot>(
    s: &S,
    report: &mut Report,
    shards: &Shards,
    id: UserId,
) -> Result<(), StoreError> {
    let log = LogId::User(id);
    let mut reader = Reader::new(log, shards, true);
    let mut state = State::default();
    let mut markers = BTreeMap::new();
    loop {
        let page = reader.page(s, report).await?;
        if page.is_empty() || report.is_full() {
            break;
        }
        for row in &page {
            let content = row.content().unwrap_or_else(nothing);
            apply(&mut state, &row.event, &content);
            if let Known::MarkerMoved { room, seq, count } = content {
                let (marker, position) = (Marker { seq, count }, row.event.position);
                markers.insert(room, MarkerRow { marker, position });
            }
        }
        state.markers.clear();
        state.changes = tidings_core::Changes::default();
    }
    let by_user = || vec![id.bytes().into()];
    let place = (Some(log), "the account's row");
    let stored = read(s, report, place, &text::USER, by_user(), decode::user).await?;
    match stored.and_then(|mut rows| rows.pop()) {
        None => report.add(log, None, "the log is there, and the account's row is not"),
        Some(stored) => {
            let mut fields = match state.users.get(&id) {
                Some(folded) => differ!(
                    stored,
                    folded,
                    username,
                    display_name,
                    role,
                    created_at,
                    head,
                    head_position,
                ),
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
                    format!("the account's row: {fields} differ from what the log says"),
                );
            }
        }
    }
    let place = (Some(log), "the devices");
    let stored = read(s, report, place, &text::DEVICES, by_user(), decode::device).await?;
    let what = |device: DeviceId| format!("the device {device}");
    let mut folded: BTreeMap<DeviceId, Device> = state.devices.into_iter().collect();
    let stored = stored
        .unwrap_or_default()
        .into_iter()
        .map(|row| (row.id, row));
    compare(report, log, what, stored, &mut folded, |stored, folded| {
        differ!(stored, folded, user, name, created_at)
    });
    for device in folded.into_keys() {
        report.add(log, None, format!("{} is missing", what(device)));
    }
    let place = (Some(log), "the markers");
    let stored = read(s, report, place, &text::MARKERS, by_user(), marker).await?;
    let what = |room: RoomId| format!("the marker in {room}");
    compare(
        report,
        log,
        what,
        stored.unwrap_or_default(),
        &mut markers,
        |stored, folded| differ!(stored, folded, marker, position),
    );
    for room in markers.into_keys() {
        report.add(log, None, format!("{} is missing", what(room)));
    }
    Ok(())
}

//! Who saw what, against who was a member when.
//!
//! Owns: I11. Never: asks by which path it came.

use tidings_protocol::Follow;

use super::{
    Findings, Log,
    log::{Stay, is_inside},
};
use crate::sim::record::Witness;

/// I11: nothing of a room after leaving it. An event from between two stays may only come in a later stay, as history.
/// Summaries speak of the present: their head lies in a stay, and with it the last line.
pub(super) fn nothing_outside_stays(
    at: usize,
    witness: &Witness,
    log: &Log<'_>,
    found: &mut Findings,
) {
    for seen in &witness.observer.seen {
        let Some(room) = seen.event.log.room() else {
            continue;
        };
        let (stays, seq) = (log.stays(room, witness.user), seen.event.seq);
        let as_history = stays.iter().any(|(joined, _): &Stay| seq < *joined);
        let fine = is_inside(stays, seq) || (witness.follow == Follow::Listed && as_history);
        if !fine {
            let text = format!("client {at} saw {seq} of {room}, outside its stays {stays:?}");
            found.add("I11", text);
        }
    }
    for told in &witness.observer.told {
        let (room, head, how) = (told.room, told.head, told.how);
        let stays = log.stays(room, witness.user);
        let last = told.last.as_ref().map(|last| last.seq);
        if !is_inside(stays, head) || last.is_some_and(|last| last > head) {
            let text = format!(
                "client {at} was told of {room} by {how:?}: head {head}, last {last:?}, outside its stays {stays:?}"
            );
            found.add("I11", text);
        }
    }
}

//! Who saw what, against who was a member when.
//!
//! Owns: I11, RM5. Never: asks by which path it came.

use tidings_protocol::{Follow, LogId, RoomId, Seq};

use super::{
    Findings, Log,
    log::{Stay, is_inside},
};
use crate::sim::{
    observer::{How, Told},
    record::{Record, Witness},
};

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
    for told in witness
        .observer
        .told
        .iter()
        .filter(|told| is_news(witness, told))
    {
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

/// Whether it says more than the client said itself: `opened` gives back the `after` that a forger made up. `[SB4]`
fn is_news(witness: &Witness, told: &Told) -> bool {
    !(witness.forges && told.how == How::Opened)
}

/// RM5: a session that began when a stay was over is told nothing of that stay but its end, whatever cursor it gave;
/// unless the user has come to the room again meanwhile, who then may know all of it.
pub(super) fn nothing_to_former_members(
    at: usize,
    witness: &Witness,
    record: &Record,
    log: &Log<'_>,
    found: &mut Findings,
) {
    let step_of = |room: RoomId, seq: Seq| {
        let events = log.events(LogId::Room(room));
        let event = events.get((seq.0 as usize).checked_sub(1)?)?;
        let steps = &record.committed[usize::from(event.shard.0)];
        steps
            .get((event.position.0 as usize).checked_sub(1)?)
            .copied()
    };
    let seen = witness.observer.seen.iter().filter_map(|seen| {
        let room = seen.event.log.room()?;
        Some((seen.session, seen.step, room, seen.event.seq))
    });
    let told = witness.observer.told.iter();
    let told = told
        .filter(|told| is_news(witness, told))
        .map(|told| (told.session, told.step, told.room, told.head));
    for (session, step, room, seq) in seen.chain(told) {
        let stays = log.stays(room, witness.user);
        let around = stays.iter().find_map(|(joined, left)| {
            Some((*joined, (*left)?)).filter(|(j, l)| *j <= seq && seq < *l)
        });
        let Some((_, left)) = around else { continue };
        let (Some(ended), Some(greeted)) = (
            step_of(room, left),
            witness.observer.greeted.get(&session).copied(),
        ) else {
            continue;
        };
        let back = stays.iter().any(|(joined, _)| {
            *joined > left && step_of(room, *joined).is_some_and(|joined| joined <= step)
        });
        if ended < greeted && !back {
            let text = format!(
                "client {at}, session {session}: {seq} of {room} came in step {step} to one who had left at {left} in \
                 step {ended}, before their hello of step {greeted}"
            );
            found.add("RM5", text);
        }
    }
}

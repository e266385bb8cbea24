//! The auditors: each reads what was recorded, and says what is wrong.
//!
//! Owns: invariants I1 to I12, P4, P5 and RM5. Never: runs anything, or knows how the result came about.
//!
//! By what they look at: [`log`] (I3), `commands` (I1 I2 I5 I6 I7), `order` (I4 I5 I8 P4), `audience` (I11 RM5), `state`
//! (I9 I10 I12). What needs no log was judged on the spot by the observers; their complaints come along.

mod audience;
mod commands;
pub mod log;
mod order;
mod state;

use std::fmt;

use super::{record::Record, wire::Load};
use log::Log;

/// What an auditor found.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Which invariant is broken.
    pub invariant: &'static str,
    /// How.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.text)
    }
}

/// The largest piece that is handed to a wire at once: catching up hands over 64 KiB and an event, and a batch of the
/// simulation is smaller. A wire holds what makes it full and one piece more.
const PIECE_BYTES_MAX: usize = 96 * 1024;

/// What the auditors have found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, invariant: &'static str, text: String) {
        self.0.push(Finding { invariant, text });
    }
}

/// Runs every auditor.
#[must_use]
pub fn all(record: &Record) -> Vec<Finding> {
    let mut found = Findings::default();
    let log = Log::of(record, &mut found);
    commands::no_loss_no_doubles(record, &log, &mut found);
    commands::real_time_order(record, &mut found);
    commands::sender_order(record, &log, &mut found);
    for (at, witness) in record.witnesses.iter().enumerate() {
        let complaints = witness.observer.complaints.iter().cloned();
        found.0.extend(complaints.map(|complaint| Finding {
            text: format!("client {at}: {complaint}"),
            ..complaint
        }));
        order::same_order(at, witness, &log, &mut found);
        audience::nothing_outside_stays(at, witness, &log, &mut found);
        audience::nothing_to_former_members(at, witness, record, &log, &mut found);
        let Load { piece, over } = witness.wires;
        if over > 0 || piece > PIECE_BYTES_MAX {
            let text =
                format!("client {at}: {over} bytes too many in a wire, in pieces of up to {piece}");
            found.add("P5", text);
        }
        if witness.forges {
            // What it asked for is no story that its rooms could fit.
            continue;
        }
        order::never_back(at, witness, &mut found);
        order::resets_are_deserved(at, witness, &log, &mut found);
        order::everything_seen(at, witness, &log, &mut found);
        state::unread_of_the_client(at, witness, record, &log, &mut found);
        state::timelines_are_the_log(at, witness, &log, &mut found);
        state::counts_are_true(at, witness, record, &mut found);
    }
    state::fold_is_fetch(record, &log, &mut found);
    state::unread_is_arithmetic(record, &log, &mut found);
    if let Some(reason) = &record.unlevel {
        found.add("I9", reason.clone());
    }
    found.0
}

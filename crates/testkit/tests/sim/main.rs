//! The simulation by seed, as part of every test run. A seed that once failed has a test of its own below.
//!
//! `cargo xtask sim --seed N --count M` runs more of them.

#![allow(clippy::unwrap_used, reason = "a step that fails fails its test")]

mod planted;

use tidings_testkit::sim::{Options, run};

/// Seeds of every test run; `cargo xtask sim` runs thousands.
const SEEDS: u64 = 200;

fn check(seeds: impl Iterator<Item = u64>, options: &Options) {
    let mut events = 0;
    for seed in seeds {
        let outcome = run(seed, options);
        let found: Vec<String> = outcome.findings.iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "seed {seed}: {found:#?}");
        events += outcome.record.events();
    }
    assert!(events > 0, "a run in which nothing happens proves nothing");
}

#[test]
fn the_auditors_find_nothing() {
    // [P1] [P2] [P3] [P4] [P5] [P6] [P8] [CM3] [CU2] [SB1] [SB3] [SB5] [EV3]
    check(1..=SEEDS, &Options::default());
}

#[test]
fn long_runs_with_many_nodes_find_nothing() {
    // [P2] [P4]
    check(
        1..=5,
        &Options {
            steps: 8_000,
            nodes: 4,
            users: 6,
            rooms: 5,
            ..Options::default()
        },
    );
}

#[test]
fn a_page_of_history_never_outruns_the_news_of_leaving() {
    // The store was ahead of the hub: a page held events from after the reader had left. [SB8]
    check([170, 201, 210, 333, 334].into_iter(), &Options::default());
}

#[test]
fn a_follower_of_everything_begins_with_a_state_ahead_of_its_hub() {
    // News that `ready` had told came again; the news of leaving did not come at all. [CU4]
    check([1, 25, 51, 66, 80].into_iter(), &Options::default());
}

#[test]
fn an_answer_comes_though_its_event_will_not() {
    // The event lies before a room was opened, or in a stay that is over. [CM2] [CM9]
    check([124, 246, 385].into_iter(), &Options::default());
}

#[test]
fn leaving_and_coming_back_before_the_beginning_is_no_news() {
    // `left` came for a stay that was over before the state of `ready`. [HS3] [SB8]
    check([1453].into_iter(), &Options::default());
}

#[test]
fn a_room_that_is_read_as_a_whole_never_takes_its_news_back() {
    // A summary was told meanwhile; what had been read before it came after it. [SB2] [SB7] [HS3]
    check([6258].into_iter(), &Options::default());
}

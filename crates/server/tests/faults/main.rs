//! The running program under faults: killed, frozen, cut off from Redis and PostgreSQL, while clients send and watch.
//!
//! A test binary of its own because it is long and starts servers. What was acknowledged, seen and stored is judged by
//! `tidings_testkit::history`; the tests here only say which fault comes when.
//!
//! `TIDINGS_TEST_KILLS=100 cargo test -p tidings-server --test faults kill -- --nocapture` kills more often than the
//! usual ten times and prints the figures; `TIDINGS_TEST_FAULT_ROUNDS=10` and `cluster` do the same for three nodes;
//! `TIDINGS_TEST_POWER_CUTS=1000` and `power` cut the power of a disk of our own.

mod cluster;
mod hints;
mod kill;
mod own_writes;
mod power;
mod presence;
mod rewound;
mod world;

//! `kill -9` under load, again and again; then the audit. `[P1]` `[P3]` `[P4]`

use std::time::Duration;

use tidings_testkit::{load::Load, postgres::TestPostgres};

use crate::world::{Dice, PATIENCE, Sending, judge, load, node, run, say};

/// How often each test kills.
fn kills() -> u64 {
    match std::env::var("TIDINGS_TEST_KILLS") {
        Ok(text) => text.parse().expect("TIDINGS_TEST_KILLS is a number"),
        Err(_) => 10,
    }
}

/// Runs the load and kills in the middle of it; every second time only when all are served again, else at once.
async fn rounds(name: &str, load: &Load, rounds: u64, mut kill: impl FnMut(u64)) {
    let mut dice = Dice(rounds);
    let mut longest = Duration::ZERO;
    for round in 0..rounds {
        // Somewhere in a batch: the load does not stop for the kill.
        let on = load.advance(1 + dice.below(100), PATIENCE).await;
        on.expect("the load goes on");
        kill(round);
        if round % 2 == 1 || round + 1 == rounds {
            let took = load.recovered(PATIENCE).await;
            longest = longest.max(took.expect("all are served again"));
        }
    }
    say(&format!(
        "{name}: {rounds} kills, served again after {longest:.1?} at the most"
    ));
}

/// The server is killed on this database, SQLite when none is named.
async fn server_killed(name: &str, database: Option<&str>) {
    let mut server = node(database, None);
    let load = load(&[server.address()], Sending::Pipelined).await;
    rounds(name, &load, kills(), |_| {
        server.kill();
        server.restart();
    })
    .await;
    judge(name, load, &[&server]).await;
}

#[test]
fn nothing_is_lost_when_the_server_on_sqlite_is_killed() {
    run(server_killed("kill -9 on SQLite", None));
}

#[test]
fn nothing_is_lost_when_the_server_on_postgresql_is_killed() {
    let postgres = TestPostgres::new();
    let database = postgres.fresh_database();
    run(server_killed("kill -9 on PostgreSQL", Some(&database)));
}

#[test]
fn nothing_is_lost_when_postgresql_is_killed() {
    run(async {
        let name = "kill -9 of PostgreSQL";
        let postgres = TestPostgres::new();
        let mut server = node(Some(&postgres.fresh_database()), None);
        let load = load(&[server.address()], Sending::OneByOne).await;
        rounds(name, &load, kills().div_ceil(2), |round| {
            // Both ways of ending without a checkpoint; every third time the server goes down with it.
            match round % 2 {
                0 => postgres.kill(),
                _ => postgres.stop_immediately(),
            }
            let both = round % 3 == 2;
            if both {
                server.kill();
            }
            postgres.start();
            if both {
                server.restart();
            }
        })
        .await;
        judge(name, load, &[&server]).await;
    });
}

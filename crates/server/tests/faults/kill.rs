//! `kill -9` under load, again and again; then the audit. `[P1]` `[P3]` `[P4]`

use tidings_testkit::postgres::TestPostgres;

use crate::world::{Dice, PATIENCE, Sending, judge, load, node, run, say};

/// How often each test kills.
fn kills() -> u64 {
    match std::env::var("TIDINGS_TEST_KILLS") {
        Ok(text) => text.parse().expect("TIDINGS_TEST_KILLS is a number"),
        Err(_) => 10,
    }
}

#[test]
fn nothing_is_lost_when_the_server_on_sqlite_is_killed() {
    run(async {
        let mut server = node(None, None);
        let nodes = [server.address()];
        let load = load(&nodes, Sending::Pipelined).await;
        let mut dice = Dice(1);
        for _ in 0..kills() {
            // Somewhere in a batch: the load does not stop for the kill.
            load.advance(1 + dice.below(100), PATIENCE)
                .await
                .expect("the load goes on");
            server.kill();
            server.restart();
        }
        let took = load
            .recovered(PATIENCE)
            .await
            .expect("all are served again");
        say(&format!(
            "SQLite, {} kills: served again after {took:.1?}",
            kills()
        ));
        judge("kill, SQLite", load, &[&server]).await;
    });
}

#[test]
fn nothing_is_lost_when_the_server_on_postgresql_is_killed() {
    run(async {
        let postgres = TestPostgres::new();
        let database = postgres.fresh_database();
        let mut server = node(Some(&database), None);
        let nodes = [server.address()];
        let load = load(&nodes, Sending::Pipelined).await;
        let mut dice = Dice(2);
        for _ in 0..kills() {
            load.advance(1 + dice.below(100), PATIENCE)
                .await
                .expect("the load goes on");
            server.kill();
            server.restart();
        }
        let took = load
            .recovered(PATIENCE)
            .await
            .expect("all are served again");
        say(&format!(
            "PostgreSQL, {} kills: served again after {took:.1?}",
            kills()
        ));
        judge("kill, PostgreSQL", load, &[&server]).await;
    });
}

#[test]
fn nothing_is_lost_when_postgresql_is_killed() {
    run(async {
        let postgres = TestPostgres::new();
        let database = postgres.fresh_database();
        let mut server = node(Some(&database), None);
        let nodes = [server.address()];
        let load = load(&nodes, Sending::OneByOne).await;
        let mut dice = Dice(3);
        let rounds = kills().div_ceil(2);
        for round in 0..rounds {
            load.advance(1 + dice.below(100), PATIENCE)
                .await
                .expect("the load goes on");
            // Both ways of ending without a checkpoint; each third time the server goes down with it.
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
        }
        let took = load
            .recovered(PATIENCE)
            .await
            .expect("all are served again");
        say(&format!(
            "PostgreSQL killed {rounds} times: served again after {took:.1?}"
        ));
        judge("kill of PostgreSQL", load, &[&server]).await;
    });
}

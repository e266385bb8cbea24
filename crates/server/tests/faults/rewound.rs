//! A database that forgets: a standby that lagged was promoted, or a backup restored, under running nodes. `[CU3]`

use tidings_testkit::postgres::TestPostgres;

use crate::world::{PATIENCE, Sending, judge, load, node, run};

/// The last events of every log that has more than a few, and what counts them, as if they had never come.
const FORGET: &str = "UPDATE shards SET head = head - 3 WHERE head > 3; \
    DELETE FROM events e USING shards s WHERE e.shard = s.shard AND e.position > s.head";

#[test]
fn nodes_end_when_their_database_forgets_and_begin_a_new_epoch() {
    run(async {
        let name = "a database that forgets";
        let postgres = TestPostgres::new();
        let url = postgres.fresh_database();
        let mut nodes = [node(Some(&url), None), node(Some(&url), None)];
        let addresses = [nodes[0].address(), nodes[1].address()];
        let load = load(&addresses, Sending::OneByOne).await;
        load.advance(100, PATIENCE).await.expect("the load goes on");
        judge(name, load, &[&nodes[0], &nodes[1]]).await;
        let epoch = || postgres.sql(&url, "SELECT value FROM meta WHERE key = 'epoch'");
        let before = epoch();
        let _ = postgres.sql(&url, FORGET);
        for node in &mut nodes {
            let status = node.wait();
            assert!(!status.success(), "it went on as if nothing had happened");
            assert!(node.log().contains("the database has lost commits"));
        }
        let drawn = epoch();
        assert_ne!(drawn, before);
        for node in &mut nodes {
            node.restart();
        }
        assert_eq!(
            epoch(),
            drawn,
            "the first who found out drew it, nobody after"
        );
        for node in &mut nodes {
            assert!(node.terminate().success());
        }
    });
}

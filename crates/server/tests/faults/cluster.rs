//! Three nodes on one PostgreSQL: each part fails in turn, under load, and comes back. `[P4]` `[P7]`

use std::{net::SocketAddr, time::Duration};

use tidings_testkit::{load::Load, postgres::TestPostgres, process::TestServer, redis::TestRedis};

use crate::world::{PATIENCE, Sending, judge, load, node, run, say};

/// How long a frozen part stays frozen: longer than clients wait for a sign of life.
const FROZEN: Duration = Duration::from_secs(6);
/// The same, longer than PostgreSQL lets a transaction idle: whatever the node had locked is free again meanwhile.
const FROZEN_LONG: Duration = Duration::from_secs(12);
/// What the load does before a fault, and during one that leaves somebody to serve it.
const MESSAGES: u64 = 100;

/// How often the faults are gone through.
fn rounds() -> usize {
    match std::env::var("TIDINGS_TEST_FAULT_ROUNDS") {
        Ok(text) => text.parse().expect("TIDINGS_TEST_FAULT_ROUNDS is a number"),
        Err(_) => 1,
    }
}

struct Cluster {
    name: &'static str,
    postgres: TestPostgres,
    redis: Option<TestRedis>,
    nodes: Vec<TestServer>,
}

impl Cluster {
    fn start(name: &'static str, redis: bool) -> Cluster {
        let postgres = TestPostgres::new();
        let database = postgres.fresh_database();
        let redis = redis.then(TestRedis::new);
        let url = redis.as_ref().map(TestRedis::url);
        let nodes = (0..3)
            .map(|_| node(Some(&database), url.as_deref()))
            .collect();
        Cluster {
            name,
            postgres,
            redis,
            nodes,
        }
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(TestServer::address).collect()
    }

    /// Runs the load up to a fault, through it, and until everybody is served again.
    async fn fault(&mut self, load: &Load, fault: Fault) {
        load.advance(MESSAGES, PATIENCE)
            .await
            .expect("the load goes on");
        match fault {
            Fault::NodeKilled(index) => {
                self.nodes[index].kill();
                load.advance(MESSAGES, PATIENCE)
                    .await
                    .expect("the others serve");
                self.nodes[index].restart();
            }
            Fault::NodeDrained(index) => {
                let status = self.nodes[index].terminate();
                assert!(status.success(), "a drained node ended with {status}");
                load.advance(MESSAGES, PATIENCE)
                    .await
                    .expect("the others serve");
                self.nodes[index].restart();
            }
            Fault::NodeFrozen(index, time) => {
                self.nodes[index].freeze();
                // tidy: allow sleep — being frozen for that long is the fault.
                tokio::time::sleep(time).await;
                let others = load.advance(MESSAGES, PATIENCE).await;
                self.nodes[index].thaw();
                others.expect("the others serve");
            }
            Fault::RedisStopped => {
                self.redis().stop();
                load.advance(MESSAGES, PATIENCE)
                    .await
                    .expect("Redis is not needed");
                self.redis().start();
            }
            Fault::RedisFrozen => {
                self.redis().freeze();
                // tidy: allow sleep — being frozen for that long is the fault.
                tokio::time::sleep(FROZEN).await;
                self.redis().thaw();
            }
            Fault::PostgresRestarted => {
                self.postgres.stop();
                self.postgres.start();
            }
            Fault::PostgresCrashed => {
                self.postgres.stop_immediately();
                self.postgres.start();
            }
        }
        match load.recovered(PATIENCE).await {
            Ok(took) => say(&format!(
                "{}: {fault:?}, served again after {took:.1?}",
                self.name
            )),
            Err(late) => panic!("{}: not served again after {fault:?}: {late}", self.name),
        }
    }

    fn redis(&self) -> &TestRedis {
        self.redis.as_ref().expect("a cluster with Redis")
    }
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    NodeKilled(usize),
    NodeDrained(usize),
    NodeFrozen(usize, Duration),
    RedisStopped,
    RedisFrozen,
    PostgresRestarted,
    PostgresCrashed,
}

fn survives(name: &'static str, redis: bool, faults: &[Fault]) {
    run(async {
        let mut cluster = Cluster::start(name, redis);
        let load = load(&cluster.addresses(), Sending::OneByOne).await;
        for _ in 0..rounds() {
            for fault in faults {
                cluster.fault(&load, *fault).await;
            }
        }
        for node in &cluster.nodes {
            assert_eq!(node.log().contains("hints arrive"), redis, "{}", node.log());
        }
        let nodes: Vec<&TestServer> = cluster.nodes.iter().collect();
        judge(name, load, &nodes).await;
    });
}

#[test]
fn three_nodes_with_redis_survive_every_fault() {
    survives(
        "three nodes with Redis",
        true,
        &[
            Fault::NodeKilled(0),
            Fault::RedisStopped,
            Fault::NodeFrozen(1, FROZEN),
            Fault::PostgresRestarted,
            Fault::RedisFrozen,
            Fault::NodeDrained(2),
            Fault::PostgresCrashed,
            Fault::NodeKilled(1),
        ],
    );
}

#[test]
fn three_nodes_without_redis_survive_every_fault() {
    survives(
        "three nodes without Redis",
        false,
        &[
            Fault::NodeKilled(2),
            Fault::NodeFrozen(0, FROZEN_LONG),
            Fault::PostgresCrashed,
            Fault::NodeDrained(1),
            Fault::PostgresRestarted,
        ],
    );
}

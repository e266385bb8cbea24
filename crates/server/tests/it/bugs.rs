//! Bugs: a panic on a core ends sessions, and the core serves on. `[P4]`

use serde_json::{Value, json};
use tidings_engine::Batch;
use tidings_protocol::{LogId, Seq, ShardId};

use crate::world::inside::Inside;

impl Inside {
    /// Hands the core a batch of a shard that there is not: the hub panics.
    async fn plant(&self, log: &str) {
        let log: LogId = log.parse().unwrap();
        let events = self.node.store.log_after(log, Seq::ZERO, 1).await.unwrap();
        let batch = Batch::read(ShardId(9), events).unwrap();
        self.inbox.deliver(Some(&batch), Vec::new());
    }

    fn counts(&self, line: &str) -> bool {
        self.node.metrics.text().lines().any(|found| found == line)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_a_hub_ends_its_sessions_and_they_miss_nothing() {
    let inside = Inside::start().await;
    let world = &inside.world;
    let (room, [ada, lin]) = world.with_room("tea", ["ada", "lin"]).await;
    for round in 1..=3_u64 {
        let mut socket = world.open(&ada, &room).await;
        let hello = json!({ "follow": "all" });
        let (mut follower, ready) = world.session(&lin, hello).await;
        let cursor = ready["cursor"].as_str().unwrap().to_owned();
        let (mut stream, _) = world.stream(&lin, Some(&cursor)).await;
        // Slots and generations of before are in use: an answer on its way must reach nobody else.
        let before = world.say(&ada, &room, "before").await;
        socket.expect_text("before").await;
        follower.expect_text("before").await;
        stream.until(|frame| frame["id"] == before["id"]).await;
        let cursor = stream.last_id.clone().unwrap();
        inside.plant(&room).await;
        assert_eq!(socket.closed().await, 4100);
        assert_eq!(follower.closed().await, 4100);
        while stream.next().await.is_some() {}
        assert!(inside.counts(&format!("tidings_bugs_total {round}")));
        // The core serves on, and who comes back has everything once.
        let meanwhile = world.say(&ada, &room, "meanwhile").await;
        let (mut again, frame) = world.stream(&lin, Some(&cursor)).await;
        assert_eq!(frame["type"], "ready");
        again.until(|frame| frame["id"] == meanwhile["id"]).await;
        let missed: Vec<&Value> = again.seen.iter().filter(|f| f["type"] == "event").collect();
        assert_eq!(missed.len(), 1, "{missed:?}");
        let mut back = world.open(&ada, &room).await;
        let said = back.say(&room, "after").await;
        assert_eq!(said["seq"], meanwhile["seq"].as_u64().unwrap() + 1);
        again.until(|frame| frame["id"] == said["id"]).await;
        back.close().await;
    }
    inside.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_ended_by_a_bug_does_not_stay_online() {
    // [SG3]
    let inside = Inside::start().await;
    let world = &inside.world;
    let (room, [ada, lin]) = world.with_room("tea", ["ada", "lin"]).await;
    let mut gone = world.listed(&lin).await;
    inside.plant(&room).await;
    assert_eq!(gone.closed().await, 4100);
    let mut socket = world.listed(&ada).await;
    socket
        .send(&json!({ "type": "watch", "users": [lin.id] }))
        .await;
    let told = socket.expect("presence").await;
    assert_eq!(told["users"][0]["status"], "offline", "{told}");
    inside.stop().await;
}

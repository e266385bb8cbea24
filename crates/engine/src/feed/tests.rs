//! What a feed takes of a hint, and what only the store can make it do.

use std::time::Duration;

use tidings_core::CreateUser;
use tidings_protocol::{EventId, LogId, Seq, Timestamp, UserId, UserKind};
use tidings_store::StoreConfig;

use super::*;
use crate::{
    appender,
    environment::{Environment, SystemEnvironment},
    work::Work,
};

const SHARD: ShardId = ShardId(0);

struct Scene {
    store: Store,
    inbox: Arc<Inbox>,
    feed: Feed,
    users: u128,
}

impl Scene {
    async fn new() -> Scene {
        let config = StoreConfig::SqliteMemory { shards: 1 };
        let store = Store::open(&config).await.unwrap();
        let inbox = Arc::new(Inbox::default());
        let feed = Feed::start(store.clone(), vec![Arc::clone(&inbox)], None);
        Scene {
            feed: feed.await.unwrap(),
            store,
            inbox,
            users: 0,
        }
    }

    /// A commit that this node does not hear of. Returns the events after what was there.
    async fn commit_elsewhere(&mut self) -> Vec<StoredEvent> {
        let before = self.store.heads().await.unwrap()[0];
        self.users += 1;
        let user = UserId::from_bits(self.users);
        let name = format!("user{}", self.users);
        let command = CreateUser {
            only_first: false,
            user,
            username: name.parse().unwrap(),
            display_name: name.parse().unwrap(),
            kind: UserKind::Person,
            password_hash: String::new(),
        };
        let works: Arc<[Work]> = Arc::new([Work {
            actor: user,
            txn: None,
            command: command.into(),
        }]);
        let environment: Arc<dyn Environment> = Arc::new(SystemEnvironment);
        appender::commit(&self.store, &environment, SHARD, works)
            .await
            .unwrap();
        self.store.shard_after(SHARD, before, 100).await.unwrap()
    }

    async fn hear(&self, before: Position, events: &[StoredEvent]) -> bool {
        let last = events.last().unwrap().position;
        self.feed
            .hear(SHARD, before, last, Some(events.to_vec()))
            .await
    }

    /// The positions that the core was given since the last time, and whether it is to begin anew.
    fn taken(&self) -> (Vec<u64>, bool) {
        let taken = self.inbox.take();
        let positions = taken.items.iter().flat_map(|item| match item {
            Item::Batch(batch) => (batch.first().0..=batch.last().0).collect(),
            _ => Vec::new(),
        });
        (positions.collect(), taken.anew)
    }

    async fn is_rewound(&self) -> bool {
        tokio::time::timeout(Duration::ZERO, self.feed.rewound())
            .await
            .is_ok()
    }
}

/// An event that nobody committed.
fn forged(position: Position) -> StoredEvent {
    StoredEvent {
        shard: SHARD,
        position,
        log: LogId::User(UserId::from_bits(99)),
        seq: Seq(1),
        id: EventId::from_bits(1),
        at: Timestamp::from_millis(0),
        actor: UserId::from_bits(99),
        count: 0,
        txn: None,
        kind: "device_added".into(),
        body: None,
    }
}

#[tokio::test]
async fn a_batch_is_taken_where_it_continues_what_is_known_and_nowhere_else() {
    // [P7]
    let mut scene = Scene::new().await;
    let first = scene.commit_elsewhere().await;
    let second = scene.commit_elsewhere().await;
    let (zero, one) = (Position::ZERO, first[0].position);
    assert!(!scene.hear(one, &second).await, "there is a hole");
    assert!(scene.hear(zero, &first).await);
    assert!(scene.hear(zero, &first).await, "it is known: nothing to do");
    assert_eq!(scene.taken(), (vec![one.0], false));
    // What does not say what it seems to say is read instead.
    let mut odd = second.clone();
    odd[0].position = Position(9);
    assert!(
        !scene
            .feed
            .hear(SHARD, one, second[0].position, Some(odd))
            .await
    );
    assert!(
        !scene
            .feed
            .hear(SHARD, one, Position(9), Some(second.clone()))
            .await
    );
    assert!(
        !scene
            .feed
            .hear(SHARD, one, Position(9), Some(Vec::new()))
            .await
    );
    assert!(!scene.feed.hear(SHARD, one, Position(9), None).await);
    assert!(
        scene.feed.hear(ShardId(7), one, Position(9), None).await,
        "no such shard"
    );
    assert_eq!(scene.taken(), (Vec::new(), false));
    scene.feed.catch_up(SHARD).await.unwrap();
    assert_eq!(scene.taken(), (vec![second[0].position.0], false));
}

#[tokio::test]
async fn a_hint_of_what_is_not_there_ends_no_node() {
    // [P7] It cannot be made without the key; were it made all the same, readers are sent back to the log.
    let mut scene = Scene::new().await;
    let first = scene.commit_elsewhere().await;
    let known = first[0].position;
    scene.feed.look().await.unwrap();
    assert_eq!(scene.taken(), (vec![known.0], false));
    assert!(scene.hear(known, &[forged(known.next())]).await);
    assert_eq!(scene.taken(), (vec![known.next().0], false));
    scene.feed.look().await.unwrap();
    assert!(!scene.is_rewound().await, "the store has lost nothing");
    assert_eq!(scene.taken(), (Vec::new(), true));
    assert_eq!(scene.feed.heads(), [known]);
    // From here on hints only say that there may be more.
    let second = scene.commit_elsewhere().await;
    assert!(!scene.hear(known, &second).await);
    scene.feed.catch_up(SHARD).await.unwrap();
    assert_eq!(scene.taken(), (vec![second[0].position.0], false));
    scene.feed.look().await.unwrap();
    assert!(!scene.is_rewound().await);
}

#[tokio::test]
async fn a_commit_of_ones_own_outranks_a_hint_in_its_place() {
    // [P7]
    let mut scene = Scene::new().await;
    assert!(scene.hear(Position::ZERO, &[forged(Position(1))]).await);
    assert_eq!(scene.taken(), (vec![1], false));
    let own = scene.commit_elsewhere().await;
    let batch = Batch::read(SHARD, own);
    scene
        .feed
        .publish(SHARD, Position::ZERO, batch, Vec::new())
        .await;
    assert_eq!(scene.taken(), (vec![1], true));
    assert!(!scene.is_rewound().await);
}

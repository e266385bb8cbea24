//! What a follower of everything may see: membership intervals, in order of position. [P6]

use tidings_core::{StoredEvent, derive::room_of_txn};
use tidings_protocol::{
    Cursor, LogId, Position, RoomId, ShardId, UserId,
    subject::{AddMember, CreateRoom},
};
use tidings_store::Store;

use crate::{Database, world::*};

async fn all(store: &Store, user: UserId, page: u32) -> Vec<StoredEvent> {
    let heads = store.heads().await.unwrap();
    let mut seen = Vec::new();
    for (shard, upto) in (0..).map(ShardId).zip(heads) {
        let mut after = Position::ZERO;
        loop {
            let events = store
                .visible_after(user, shard, after, upto, page)
                .await
                .unwrap()
                .unwrap();
            assert!(events.len() <= page as usize);
            let Some(last) = events.last() else { break };
            assert!(events.is_sorted_by_key(|e| e.position));
            assert!(events[0].position > after && last.position <= upto);
            after = last.position;
            seen.extend(events);
        }
    }
    seen
}

pub(crate) async fn a_user_sees_a_room_while_they_are_in_it(db: Database) {
    // [RM5] Of a room that they left the leaving is all that is left.
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let bob = user(&store, "bob").await;
    let lobby = channel(&store, ada, "lobby").await;
    let secret = group(&store, ada, &[]).await;
    say(&store, ada, lobby, "before bob").await;
    let joined = join(&store, bob, lobby).await;
    let during = say(&store, ada, lobby, "while bob is here").await;
    let hidden = say(&store, ada, secret, "not for bob").await;
    let in_lobby = |seen: &[StoredEvent]| {
        let of_lobby = seen.iter().filter(|e| e.log.room() == Some(lobby));
        of_lobby.cloned().collect::<Vec<_>>()
    };
    let seen = all(&store, bob, 100).await;
    assert_eq!(in_lobby(&seen), [joined.clone(), during.clone()]);
    let left = leave(&store, bob, lobby).await;
    say(&store, ada, lobby, "after bob").await;

    let seen = all(&store, bob, 100).await;
    assert_eq!(in_lobby(&seen), std::slice::from_ref(&left));
    assert!(!seen.contains(&hidden));
    let own: Vec<_> = seen.iter().filter(|e| e.log.room().is_none()).collect();
    assert!(own.iter().all(|e| e.actor == bob) && own.len() == 1);

    // Up to a position is up to it; after a position does not repeat it.
    let shard = joined.shard;
    let upto = store
        .visible_after(bob, shard, Position::ZERO, left.position, 100)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(upto.last(), Some(&left));
    let after = store
        .visible_after(bob, shard, left.position, Position(u64::MAX), 100)
        .await
        .unwrap()
        .unwrap();
    assert!(!after.contains(&left));
}

pub(crate) async fn an_earlier_stay_is_never_passed_over_in_silence(db: Database) {
    // [P4] [SB11]
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let bob = user(&store, "bob").await;
    let lobby = channel(&store, ada, "lobby").await;
    let first = join(&store, bob, lobby).await;
    let during = say(&store, ada, lobby, "in the first stay").await;
    let left = leave(&store, bob, lobby).await;
    say(&store, ada, lobby, "while bob was gone").await;
    let shard = first.shard;
    let cursor_at = |position: Position| {
        let mut cursor = Cursor::start(store.epoch(), store.shards());
        cursor.advance(shard, position);
        cursor
    };
    let look = async |position: Position| {
        let visible = store
            .visible_after(bob, shard, position, Position(u64::MAX), 100)
            .await
            .unwrap();
        let cursor = cursor_at(position);
        let resume = store.resume(bob, Some(&cursor)).await.unwrap().unwrap();
        (visible.map(|events| events.len()), resume.rejoined)
    };
    // One stay, over: it can be told from anywhere.
    assert_eq!(look(during.position).await, (Some(1), false));
    let again = join(&store, bob, lobby).await;
    let last = say(&store, ada, lobby, "in the second stay").await;
    assert_eq!(look(first.position).await, (None, true));
    assert_eq!(look(during.position).await, (None, true));
    assert_eq!(look(left.position).await, (Some(2), false));
    assert_eq!(look(again.position).await, (Some(1), false));
    // Left once more: the first stay is still one that was missed, the second can be told.
    leave(&store, bob, lobby).await;
    assert_eq!(look(during.position).await, (None, true));
    assert_eq!(look(last.position).await, (Some(1), false));
    // Who asks for everything asks for nothing that was missed.
    assert!(!store.resume(bob, None).await.unwrap().unwrap().rejoined);
    // It is nobody else's matter, and no other shard's.
    let other = store.resume(ada, Some(&cursor_at(Position::ZERO))).await;
    assert!(!other.unwrap().unwrap().rejoined);
}

pub(crate) async fn pages_of_what_is_visible_join_without_a_gap(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let bob = user(&store, "bob").await;
    let rooms = [
        group(&store, ada, &[bob]).await,
        group(&store, ada, &[]).await,
        group(&store, bob, &[ada]).await,
    ];
    for n in 0..30 {
        let room = rooms[n % 3];
        say(&store, ada, room, &format!("message {n}")).await;
    }
    let whole = all(&store, bob, 1000).await;
    for page in [1, 2, 7, 22, 23] {
        assert_eq!(all(&store, bob, page).await, whole, "pages of {page}");
    }
    let mine = |e: &&StoredEvent| e.log.room().is_some_and(|r| r != rooms[1]);
    assert_eq!(
        whole
            .iter()
            .filter(mine)
            .filter(|e| &*e.kind == "message")
            .count(),
        20
    );
    assert!(whole.iter().all(|e| e.log.room() != Some(rooms[1])));
}

/// More events than are looked at one by one.
const MANY: usize = 4_500;

pub(crate) async fn one_who_was_away_long_sees_the_same(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let bob = user(&store, "bob").await;
    let busy = group(&store, ada, &[]).await;
    let shard = LogId::Room(busy).shard(store.shards());
    // Rooms of the busy room's shard: one that bob is in, one he leaves, one he comes to late.
    let on_shard = async |members: &[UserId]| loop {
        let txn = uuid::Uuid::now_v7().to_string();
        let room = room_of_txn(ada, Some(&txn.parse().unwrap()));
        if LogId::Room(room).shard(store.shards()) == shard {
            break group_of(&store, ada, &txn, members).await;
        }
    };
    let stays = on_shard(&[bob]).await;
    let leaves = on_shard(&[bob]).await;
    let comes = on_shard(&[]).await;
    let mut rounds = 0;
    let mut chatter = async || {
        for room in [stays, leaves, comes] {
            say(&store, ada, room, &format!("round {rounds}")).await;
        }
        let sent = (0..MANY / 3).map(|_| (ada, None, message(busy, "not for bob")));
        batch(&store, sent.collect()).await.unwrap();
        rounds += 1;
    };
    chatter().await;
    let left = leave(&store, bob, leaves).await;
    chatter().await;
    let add = AddMember {
        room: comes,
        user: Some(bob),
    };
    let came = happened(run(&store, ada, add).await);
    chatter().await;

    let head = store.heads().await.unwrap()[usize::from(shard.0)];
    assert!(head.0 > MANY as u64);
    let everything = store
        .shard_after(shard, Position::ZERO, 100_000)
        .await
        .unwrap();
    let may_see = |e: &&StoredEvent| match e.log {
        LogId::User(user) => user == bob,
        LogId::Room(room) if room == stays => e.seq.0 >= 3,
        LogId::Room(room) if room == leaves => e.position == left.position,
        LogId::Room(room) if room == comes => e.position >= came.position,
        LogId::Room(_) => false,
    };
    for after in [0, 1, left.position.0 - 1, left.position.0] {
        for (upto, page) in [
            (head, 1000),
            (Position(u64::MAX), 3),
            (Position(head.0 - 1), 1),
        ] {
            let (mut seen, mut last) = (Vec::new(), Position(after));
            loop {
                let found = store
                    .visible_after(bob, shard, last, upto, page)
                    .await
                    .unwrap()
                    .unwrap();
                let Some(event) = found.last() else { break };
                last = event.position;
                seen.extend(found);
            }
            let expected: Vec<_> = everything
                .iter()
                .filter(|e| e.position.0 > after && e.position <= upto)
                .filter(may_see)
                .cloned()
                .collect();
            assert_eq!(seen, expected, "after {after} up to {upto}");
        }
    }
}

async fn group_of(store: &Store, owner: UserId, txn: &str, members: &[UserId]) -> RoomId {
    let command = CreateRoom {
        kind: tidings_protocol::RoomKind::Group,
        visibility: Some(tidings_protocol::Visibility::Private),
        name: None,
        members: members.to_vec(),
    };
    happened(run_with(store, owner, Some(txn), command).await)
        .log
        .room()
        .unwrap()
}

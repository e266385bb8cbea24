//! What a device that comes back is told. [HS2]

use std::collections::BTreeSet;
use tidings_protocol::{
    Marker, Role, RoomId, RoomKind, Visibility,
    subject::{AddMember, CreateRoom, DeleteMessage, RemoveMember},
};

use tidings_core::derive::direct_room;
use tidings_store::Resume;

use crate::{Database, world::*};

fn left(resume: &Resume) -> Vec<RoomId> {
    resume.left.iter().map(|left| left.room).collect()
}

fn rooms(resume: &Resume) -> BTreeSet<RoomId> {
    resume.rooms.iter().map(|room| room.id).collect()
}

pub(crate) async fn everything_without_a_cursor(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let bob = user(&store, "bob").await;
    let eve = user(&store, "eve").await;
    let team = group(&store, ada, &[bob]).await;
    channel(&store, eve, "not mine").await;
    let gone = group(&store, ada, &[bob, eve]).await;
    leave(&store, bob, gone).await;
    let direct = direct_room(bob, eve);
    let command = CreateRoom {
        kind: RoomKind::Direct,
        visibility: Some(Visibility::Private),
        name: None,
        members: vec![eve],
    };
    happened(run(&store, bob, command).await);
    let last = say(&store, ada, team, "hello bob").await;

    let resume = store.resume(bob, None).await.unwrap().unwrap();
    assert_eq!(resume.user.id, bob);
    assert_eq!(resume.heads, store.heads().await.unwrap());
    assert_eq!(rooms(&resume), BTreeSet::from([team, direct]));
    assert_eq!(resume.left, []);
    let following: BTreeSet<_> = resume.following.iter().map(|f| f.room).collect();
    assert_eq!(following, rooms(&resume));
    let f = resume.following.iter().find(|f| f.room == team).unwrap();
    assert_eq!(
        (f.head, f.count, f.head_position),
        (last.seq, 1, last.position)
    );
    assert!(f.joined_position > tidings_protocol::Position::ZERO);
    assert!(f.joined_position < last.position);

    let named: BTreeSet<_> = resume.users.iter().map(|u| u.id).collect();
    assert_eq!(named, BTreeSet::from([ada, eve]), "the author and the peer");
    let summary = |id| resume.rooms.iter().find(|r| r.id == id).unwrap();
    assert_eq!(summary(direct).peer, Some(eve));
    assert_eq!(summary(team).peer, None);
    assert_eq!(summary(team).role, Some(Role::Member));
    assert_eq!(summary(team).members, 2);
    let line = summary(team).last.as_ref().unwrap();
    assert_eq!((line.id, line.actor), (last.id, ada));
    assert_eq!(line.text.as_deref(), Some("hello bob"));
    assert_eq!(summary(team).marker, Marker::default());
    // The same room, asked for alone, is the same.
    let alone = store.room_summary(team, bob).await.unwrap();
    assert_eq!(alone.as_ref(), Some(summary(team)));

    let nobody = tidings_protocol::UserId::from_bits(1);
    assert_eq!(store.resume(nobody, None).await.unwrap(), None);
}

pub(crate) async fn only_what_moved_with_a_cursor(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let bob = user(&store, "bob").await;
    let quiet = group(&store, ada, &[bob]).await;
    let busy = group(&store, ada, &[bob]).await;
    let since = cursor(&store).await;
    let resume = store.resume(bob, Some(&since)).await.unwrap().unwrap();
    assert_eq!((resume.rooms.len(), resume.left.len()), (0, 0));
    assert_eq!(resume.users, []);
    assert_eq!(resume.following.len(), 2, "all are followed still");

    say(&store, ada, busy, "news").await;
    let new = group(&store, ada, &[bob]).await;
    let resume = store.resume(bob, Some(&since)).await.unwrap().unwrap();
    assert_eq!(rooms(&resume), BTreeSet::from([busy, new]));
    assert!(!rooms(&resume).contains(&quiet));
    let start = tidings_protocol::Cursor::start(store.epoch(), store.shards());
    let resume = store.resume(bob, Some(&start)).await.unwrap().unwrap();
    assert_eq!(rooms(&resume), BTreeSet::from([quiet, busy, new]));
}

pub(crate) async fn what_was_deleted_is_not_unread(db: Database) {
    // [P8]
    let store = db.open().await;
    let (ada, bob) = (user(&store, "ada").await, user(&store, "bob").await);
    let room = group(&store, ada, &[bob]).await;
    let mut said = Vec::new();
    for number in 0..50 {
        said.push(say(&store, ada, room, &format!("line {number}")).await);
    }
    let since = cursor(&store).await;
    // The later ones first: the order of deleting is nothing to it.
    for event in said.iter().take(45).rev() {
        let message = event.id;
        let delete = DeleteMessage { room, message };
        happened(run(&store, ada, delete).await);
    }
    let unread = async |since| {
        let resume = store.resume(bob, since).await.unwrap().unwrap();
        let summary = resume.rooms.iter().find(|r| r.id == room).unwrap();
        (summary.gone.seqs().len(), summary.unread())
    };
    // 32 are named; the other 13 count, as if they were there.
    assert_eq!(unread(None).await, (32, 5 + 13));
    assert_eq!(unread(Some(&since)).await, (32, 5 + 13));
    mark(&store, bob, room, said[40].seq).await;
    assert_eq!(unread(None).await, (4, 5));
    mark(&store, bob, room, said[46].seq).await;
    assert_eq!(unread(None).await, (0, 3));
    leave(&store, bob, room).await;
    let add = AddMember {
        room,
        user: Some(bob),
    };
    happened(run(&store, ada, add).await);
    assert_eq!(
        unread(None).await,
        (0, 3),
        "the marker stays, and so does the number"
    );
    // An upgrade finds the same in the messages.
    let kept = db.sql("SELECT gone FROM rooms");
    db.sql("UPDATE rooms SET gone = 'unknown'");
    let backfill = db.migration("0006_gone.sql");
    db.sql(&backfill[backfill.find("UPDATE").unwrap()..]);
    assert_eq!(db.sql("SELECT gone FROM rooms"), kept);
}

pub(crate) async fn rooms_left_and_joined_again(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let bob = user(&store, "bob").await;
    let lobby = channel(&store, ada, "lobby").await;
    let team = group(&store, ada, &[bob]).await;
    join(&store, bob, lobby).await;
    let since = cursor(&store).await;
    let kick = RemoveMember {
        room: team,
        user: Some(bob),
    };
    happened(run(&store, ada, kick).await);
    leave(&store, bob, lobby).await;
    say(&store, ada, team, "not for bob").await;
    let resume = store.resume(bob, Some(&since)).await.unwrap().unwrap();
    // Who did it is told, and who that is.
    let by = |room| {
        resume
            .left
            .iter()
            .find(|left| left.room == room)
            .unwrap()
            .by
    };
    assert_eq!(
        (by(team), by(lobby), resume.left.len()),
        (Some(ada), Some(bob), 2)
    );
    let named: BTreeSet<_> = resume.users.iter().map(|user| user.id).collect();
    assert_eq!(named, BTreeSet::from([ada, bob]));
    assert_eq!((resume.rooms.len(), resume.following.len()), (0, 0));

    join(&store, bob, lobby).await;
    let resume = store.resume(bob, Some(&since)).await.unwrap().unwrap();
    assert_eq!(left(&resume), [team]);
    assert_eq!(rooms(&resume), BTreeSet::from([lobby]));

    // What was left before the cursor is old news.
    let since = cursor(&store).await;
    let resume = store.resume(bob, Some(&since)).await.unwrap().unwrap();
    assert_eq!(resume.left, []);
}

pub(crate) async fn markers_moved_on_another_device(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let bob = user(&store, "bob").await;
    let team = group(&store, ada, &[bob]).await;
    let other = group(&store, ada, &[bob]).await;
    say(&store, ada, team, "one").await;
    let two = say(&store, ada, team, "two").await;
    let since = cursor(&store).await;
    let moved = mark(&store, bob, team, two.seq).await;
    let resume = store.resume(bob, Some(&since)).await.unwrap().unwrap();
    assert_eq!(rooms(&resume), BTreeSet::from([team]));
    let expected = Marker {
        seq: two.seq,
        count: 2,
    };
    assert_eq!(resume.rooms[0].marker, expected);
    assert_eq!(resume.rooms[0].count - resume.rooms[0].marker.count, 0);
    let mut seen = since.clone();
    seen.advance(moved.shard, moved.position);
    let resume = store.resume(bob, Some(&seen)).await.unwrap().unwrap();
    assert_eq!(rooms(&resume), BTreeSet::new());
    // A marker in a room that was left says nothing of that room.
    let since = cursor(&store).await;
    let said = say(&store, ada, other, "x").await;
    mark(&store, bob, other, said.seq).await;
    leave(&store, bob, other).await;
    let resume = store.resume(bob, Some(&since)).await.unwrap().unwrap();
    assert_eq!(rooms(&resume), BTreeSet::new());
    assert_eq!(left(&resume), [other]);
}

pub(crate) async fn own_messages_count_as_read(db: Database) {
    // [FO4]
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let bob = user(&store, "bob").await;
    let team = group(&store, ada, &[bob]).await;
    say(&store, ada, team, "one").await;
    let own = say(&store, bob, team, "two").await;
    say(&store, ada, team, "three").await;
    let summary = store.room_summary(team, bob).await.unwrap().unwrap();
    assert_eq!(
        summary.marker,
        Marker {
            seq: own.seq,
            count: 2
        }
    );
    assert_eq!(summary.count - summary.marker.count, 1);
    let four = say(&store, ada, team, "four").await;
    mark(&store, bob, team, four.seq).await;
    let summary = store.room_summary(team, bob).await.unwrap().unwrap();
    assert_eq!(summary.marker.seq, four.seq);
    let member = store.member(team, bob).await.unwrap().unwrap();
    assert_eq!(member.sent.seq, own.seq);
}

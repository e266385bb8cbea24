//! Pages of messages: the edges, and the current state.

use tidings_core::RemoveDevice;
use tidings_protocol::{
    LogId, RoomId, Seq, UserId,
    content::RemovedReason,
    subject::{AddReaction, DeleteMessage, EditMessage, SendContent},
};
use tidings_store::{MessagePage, Page, Reader, Seen, Store};

use crate::{Database, world::*};

async fn page(store: &Store, room: RoomId, reader: UserId, page: Page, limit: u32) -> MessagePage {
    store.messages(room, reader, page, limit).await.unwrap()
}

fn seqs(page: &MessagePage) -> Vec<u64> {
    page.messages.iter().map(|m| m.seq.0).collect()
}

pub(crate) async fn pages_end_where_the_messages_end(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let room = group(&store, ada, &[]).await;
    // room_created and member_joined are 1 and 2, so the messages are 3 to 12.
    for n in 3..=12 {
        say(&store, ada, room, &format!("message {n}")).await;
    }
    let rows = [
        (Page::Latest, 4, vec![9, 10, 11, 12], true, false),
        (Page::Latest, 10, (3..=12).collect(), false, false),
        (Page::Latest, 11, (3..=12).collect(), false, false),
        (Page::Before(Seq(9)), 4, vec![5, 6, 7, 8], true, true),
        (Page::Before(Seq(7)), 4, vec![3, 4, 5, 6], false, true),
        (Page::Before(Seq(5)), 4, vec![3, 4], false, true),
        (Page::Before(Seq(3)), 4, vec![], false, true),
        (Page::Before(Seq(0)), 4, vec![], false, true),
        (Page::Before(Seq(99)), 4, vec![9, 10, 11, 12], true, false),
        (Page::After(Seq(0)), 4, vec![3, 4, 5, 6], false, true),
        (Page::After(Seq(2)), 4, vec![3, 4, 5, 6], false, true),
        (Page::After(Seq(3)), 4, vec![4, 5, 6, 7], true, true),
        (Page::After(Seq(8)), 4, vec![9, 10, 11, 12], true, false),
        (Page::After(Seq(10)), 4, vec![11, 12], true, false),
        (Page::After(Seq(12)), 4, vec![], true, false),
        (Page::After(Seq(u64::MAX)), 4, vec![], true, false),
        (Page::Around(Seq(8)), 4, vec![7, 8, 9, 10], true, true),
        (Page::Around(Seq(8)), 5, vec![6, 7, 8, 9, 10], true, true),
        (Page::Around(Seq(3)), 4, vec![3, 4, 5, 6], false, true),
        (Page::Around(Seq(1)), 4, vec![3, 4, 5, 6], false, true),
        (Page::Around(Seq(12)), 4, vec![9, 10, 11, 12], true, false),
        (Page::Around(Seq(99)), 4, vec![9, 10, 11, 12], true, false),
        (Page::Around(Seq(8)), 1, vec![8], true, true),
        (Page::Around(Seq(8)), 99, (3..=12).collect(), false, false),
    ];
    for (which, limit, expected, more_before, more_after) in rows {
        let got = page(&store, room, ada, which, limit).await;
        assert_eq!(seqs(&got), expected, "{which:?} {limit}");
        let more = (got.more_before, got.more_after);
        assert_eq!(more, (more_before, more_after), "{which:?} {limit}");
        assert_eq!(got.head, Seq(12));
    }
}

pub(crate) async fn a_page_shows_messages_as_they_are_now(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let bob = user(&store, "bob").await;
    let room = group(&store, ada, &[bob]).await;
    let sent = |text: &'static str| run_with(&store, ada, Some(text), message(room, text));
    let plain = happened(sent("plain").await);
    let edited = happened(sent("first").await);
    let deleted = happened(sent("secret").await);
    let edit = EditMessage {
        room,
        message: edited.id,
        content: SendContent::Text {
            text: "second \"quoted\" \n line".parse().unwrap(),
        },
    };
    let edit = happened(run(&store, ada, edit).await);
    let react = |actor, emoji: &str| {
        let emoji = emoji.parse().unwrap();
        let message = plain.id;
        run(
            &store,
            actor,
            AddReaction {
                room,
                message,
                emoji,
            },
        )
    };
    for (actor, emoji) in [(bob, "👍"), (ada, "👍"), (ada, "🎉")] {
        happened(react(actor, emoji).await);
    }
    let delete = DeleteMessage {
        room,
        message: deleted.id,
    };
    let delete = happened(run(&store, ada, delete).await);

    let got = page(&store, room, ada, Page::Latest, 10).await;
    let [a, b, c] = got.messages.as_slice() else {
        panic!("{got:?}")
    };
    assert_eq!(a.text.as_ref().unwrap().as_str(), "plain");
    assert_eq!(
        (a.id, a.seq, a.at, a.count),
        (plain.id, plain.seq, plain.at, 1)
    );
    assert_eq!(a.txn, Some(txn("plain")));
    let reactions: Vec<_> = a
        .reactions
        .iter()
        .map(|r| (r.emoji.as_str(), r.users.clone()))
        .collect();
    assert_eq!(reactions, [("🎉", vec![ada]), ("👍", vec![ada, bob])]);
    assert_eq!(
        b.text.as_ref().unwrap().as_str(),
        "second \"quoted\" \n line"
    );
    assert_eq!((b.edited, b.deleted), (Some(edit.seq), None));
    assert_eq!(c.text, None);
    assert_eq!((c.edited, c.deleted), (None, Some(delete.seq)));
    assert_eq!(got.head, delete.seq);

    // A txn is for its author's own devices. [EV4]
    let got = page(&store, room, bob, Page::Latest, 10).await;
    assert!(got.messages.iter().all(|m| m.txn.is_none()));

    let last = store.room_summary(room, bob).await.unwrap().unwrap().last;
    let last = last.unwrap();
    assert_eq!((last.id, last.text), (deleted.id, None));
    let long = "é".repeat(500);
    say(&store, ada, room, &long).await;
    let last = store.room_summary(room, bob).await.unwrap().unwrap().last;
    assert_eq!(last.unwrap().text, Some("é".repeat(140)));
}

pub(crate) async fn an_empty_or_missing_room_has_empty_pages(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let empty = group(&store, ada, &[]).await;
    let missing = RoomId::from_bits(id());
    for (room, head) in [(empty, 2), (missing, 0)] {
        for which in [
            Page::Latest,
            Page::Before(Seq(2)),
            Page::After(Seq(0)),
            Page::Around(Seq(1)),
        ] {
            let got = page(&store, room, ada, which, 10).await;
            let nothing = MessagePage {
                messages: Vec::new(),
                head: Seq(head),
                more_before: false,
                more_after: false,
            };
            assert_eq!(got, nothing, "{which:?}");
        }
    }
    assert_eq!(store.room_summary(missing, ada).await.unwrap(), None);
    assert_eq!(store.room(missing).await.unwrap(), None);
    assert_eq!(store.member(missing, ada).await.unwrap(), None);
}

pub(crate) async fn a_room_is_read_by_who_may_know_of_it(db: Database) {
    // [RM3] [RM5] [P6]
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let lin = user(&store, "lin").await;
    let (former, stranger) = (user(&store, "eve").await, user(&store, "max").await);
    let room = group(&store, ada, &[lin, former]).await;
    let public = channel(&store, ada, "news").await;
    for at in [room, public] {
        for n in 1..=4 {
            say(&store, ada, at, &format!("for those who may {n}")).await;
        }
    }
    leave(&store, former, room).await;
    let nowhere = RoomId::from_bits(7);
    let mut readers = std::collections::HashMap::new();
    for user in [ada, lin, former, stranger] {
        let device = device(&store, user).await;
        readers.insert(user, Reader { user, device });
    }
    for (user, at, may) in [
        (ada, room, true),
        (lin, room, true),
        (former, room, false),
        (stranger, room, false),
        (stranger, public, true),
        (former, public, true),
        (ada, nowhere, false),
    ] {
        let reader = readers[&user];
        let pages = [
            Page::Latest,
            Page::Before(Seq(5)),
            Page::After(Seq(3)),
            Page::Around(Seq(4)),
        ];
        for page in pages {
            let all = store.messages(at, user, page, 2).await.unwrap();
            let read = store.messages_for(reader, at, page, 2).await.unwrap();
            assert_eq!(read, shown(may, all), "{user} {at} {page:?}");
        }
        let all = store.members(at, None, 10).await.unwrap();
        let read = store.members_for(reader, at, None, 10).await.unwrap();
        assert_eq!(read, shown(may, all), "{user} {at}");
        let log = store.log_after(LogId::Room(at), Seq(1), 10).await.unwrap();
        let head = store.room(at).await.unwrap().map(|room| room.head);
        let read = store.events_for(reader, at, Seq(1), 10).await.unwrap();
        let all = head.map(|head| (log, head));
        let all = all.map_or(Seen::Nothing, |all| shown(may, all));
        assert_eq!(read, all, "{user} {at}");
    }
    // By a device of somebody else, and by one that is signed out, nobody reads anything.
    let others = Reader {
        user: ada,
        device: readers[&stranger].device,
    };
    let remove = RemoveDevice {
        device: readers[&ada].device,
        reason: RemovedReason::SignedOut,
    };
    happened(run(&store, ada, remove).await);
    for reader in [others, readers[&ada]] {
        for at in [room, public, nowhere] {
            let read = store.messages_for(reader, at, Page::Latest, 10).await;
            assert_eq!(read.unwrap(), Seen::SignedOut, "{at}");
            let read = store.members_for(reader, at, None, 10).await;
            assert_eq!(read.unwrap(), Seen::SignedOut, "{at}");
            let read = store.events_for(reader, at, Seq(1), 10).await;
            assert_eq!(read.unwrap(), Seen::SignedOut, "{at}");
        }
    }
}

fn shown<T>(may: bool, all: T) -> Seen<T> {
    if may { Seen::Found(all) } else { Seen::Nothing }
}

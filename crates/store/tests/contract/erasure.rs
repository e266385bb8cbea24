//! What is deleted is gone, and what is not known is kept.

use tidings_protocol::{
    Content, LogId, Seq,
    subject::{AddReaction, DeleteMessage, EditMessage, SendContent},
};
use tidings_store::StoreConfig;

use crate::{Database, world::*};

pub(crate) async fn a_deleted_message_leaves_no_byte_of_its_text(db: Database) {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let room = group(&store, ada, &[]).await;
    let kept = say(&store, ada, room, "this stays here").await;
    // Long enough to fill pages of its own, which become free pages.
    let gone = say(&store, ada, room, &"canary-first-text ".repeat(800)).await;
    let edit = |text: &str| EditMessage {
        room,
        message: gone.id,
        content: SendContent::Text {
            text: text.parse().unwrap(),
        },
    };
    let second = happened(run(&store, ada, edit("canary-second-text")).await);
    let react = AddReaction {
        room,
        message: gone.id,
        emoji: "👍".parse().unwrap(),
    };
    happened(run(&store, ada, react).await);
    // The last edit and the deletion in one batch: what the batch itself wrote is blanked too.
    let delete = DeleteMessage {
        room,
        message: gone.id,
    };
    let answers = batch(
        &store,
        vec![
            (ada, None, edit("canary-third-text").into()),
            (ada, None, delete.clone().into()),
        ],
    )
    .await
    .unwrap();
    assert!(answers.iter().all(Result::is_ok));

    let log = store
        .log_after(LogId::Room(room), Seq::ZERO, 100)
        .await
        .unwrap();
    let bodies: Vec<_> = log.iter().map(|e| (&*e.kind, e.body.is_some())).collect();
    assert_eq!(
        bodies,
        [
            ("room_created", true),
            ("member_joined", true),
            ("message", true),
            ("message", false),
            ("message_edited", false),
            ("reaction_added", true),
            ("message_edited", false),
            ("message_deleted", true),
        ]
    );
    // The envelope is permanent.
    assert_eq!((log[3].id, log[3].count), (gone.id, 2));
    assert_eq!(log[4].seq, second.seq);
    assert_eq!(log[2], kept);

    // Deleting again changes nothing, and it stays deleted.
    assert!(matches!(
        run(&store, ada, delete).await,
        Ok(tidings_core::Executed::Unchanged(_))
    ));
    let rows = db.sql("SELECT body FROM events UNION ALL SELECT text FROM messages");
    assert!(!rows.iter().any(|row| row.contains("canary")), "{rows:?}");
    assert_eq!(db.sql("SELECT count(*) FROM reactions"), ["0"]);
    if let StoreConfig::Sqlite { .. } = db.config {
        // Not in a free page either, once the write-ahead log is copied back.
        drop(store);
        db.closed().await;
        let done = db.sql("PRAGMA wal_checkpoint(TRUNCATE)");
        assert!(done[0].starts_with("0|"), "{done:?}");
        let bytes = db.file_bytes().await;
        let has = |needle: &[u8]| bytes.windows(needle.len()).any(|w| w == needle);
        assert!(has(b"this stays here"));
        assert!(!has(b"canary"));
    }
}

pub(crate) async fn an_unknown_kind_passes_through(db: Database) {
    // [EV5]
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let room = group(&store, ada, &[]).await;
    let said = say(&store, ada, room, "to be another kind").await;
    let body = r#"{"kind":"poll","question":"tea?"}"#;
    db.sql(&format!(
        "UPDATE events SET kind = 'poll', body = '{body}' WHERE kind = 'message' AND seq = {}",
        said.seq
    ));
    let log = LogId::Room(room);
    let from_log = store.log_after(log, Seq(2), 10).await.unwrap();
    let before = tidings_protocol::Position(said.position.0 - 1);
    let from_shard = store.shard_after(said.shard, before, 10).await.unwrap();
    let visible = store
        .visible_after(ada, said.shard, before, said.position, 10)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(from_log, from_shard);
    assert_eq!(from_log, visible);
    assert_eq!(&*from_log[0].kind, "poll");
    assert_eq!(from_log[0].body.as_deref(), Some(body));
    let event = from_log[0].to_event(ada).unwrap();
    assert!(matches!(event.content, Some(Content::Unknown(_))));
}

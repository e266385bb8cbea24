//! What is not as it was committed is found and named: in the log, beside it, and in the file itself.

use tidings_core::AddDevice;
use tidings_protocol::{
    RoomId, Seq, UserId,
    subject::{
        AddMember, AddReaction, DeleteMessage, EditMessage, RemoveReaction, RenameRoom, SendContent,
    },
};
use tidings_store::{
    Page, StoreConfig, StoreError, upkeep,
    verify::{Verified, verify},
};

use crate::{Database, world::*};

/// A room in which everything has happened once.
struct Told {
    ada: UserId,
    room: RoomId,
    /// A message as it was first written.
    plain: Seq,
    edited: Seq,
    deleted: Seq,
    head: Seq,
}

async fn told(db: &Database) -> Told {
    let store = db.open().await;
    let ada = user(&store, "ada").await;
    let ben = user(&store, "ben").await;
    let room = group(&store, ada, &[ben]).await;
    let plain = say(&store, ada, room, "the first of all").await;
    let edited = say(&store, ben, room, "with a mistkae").await;
    let deleted = say(&store, ada, room, "said too soon").await;
    let edit = EditMessage {
        room,
        message: edited.id,
        content: SendContent::Text {
            text: "without a mistake".parse().unwrap(),
        },
    };
    happened(run(&store, ben, edit).await);
    for (user, emoji) in [(ada, "👍"), (ben, "👍"), (ben, "🎉")] {
        let react = AddReaction {
            room,
            message: plain.id,
            emoji: emoji.parse().unwrap(),
        };
        happened(run(&store, user, react).await);
    }
    let take_back = RemoveReaction {
        room,
        message: plain.id,
        emoji: "🎉".parse().unwrap(),
    };
    happened(run(&store, ben, take_back).await);
    let react = AddReaction {
        room,
        message: deleted.id,
        emoji: "😬".parse().unwrap(),
    };
    happened(run(&store, ben, react).await);
    let delete = DeleteMessage {
        room,
        message: deleted.id,
    };
    happened(run(&store, ada, delete).await);
    mark(&store, ben, room, deleted.seq).await;
    leave(&store, ben, room).await;
    let add = AddMember {
        room,
        user: Some(ben),
    };
    happened(run(&store, ada, add).await);
    let device = AddDevice {
        device: tidings_protocol::DeviceId::from_bits(id()),
        name: "laptop".to_owned(),
        token_hash: [7; 32],
        checked_hash: None,
    };
    happened(run(&store, ada, device).await);
    let rename = RenameRoom {
        room,
        name: "tea".parse().unwrap(),
    };
    let head = happened(run(&store, ada, rename).await).seq;
    store.settle().await.unwrap();
    Told {
        ada,
        room,
        plain: plain.seq,
        edited: edited.seq,
        deleted: deleted.seq,
        head,
    }
}

async fn look(db: &Database) -> Verified {
    verify(&db.config, Box::new(drop)).await.unwrap()
}

fn said(verified: &Verified) -> Vec<String> {
    verified.damage.iter().map(ToString::to_string).collect()
}

pub(crate) async fn what_was_committed_verifies(db: Database) {
    // Beside a server, and after it; an erased text breaks nothing.
    let Told { ada, room, .. } = told(&db).await;
    let verified = look(&db).await;
    assert_eq!(said(&verified), Vec::<String>::new());
    let count = db.sql("SELECT count(*) FROM events");
    assert_eq!(verified.events.to_string(), count[0]);
    assert_eq!((verified.logs, verified.unchained), (3, 0));
    // The salt of what was erased is gone with it, and what tells a retry from another command, too.
    let kept = "SELECT count(*) FROM events WHERE body IS NULL AND (salt IS NOT NULL OR fingerprint <> 0 OR body_hash IS NULL)";
    assert_eq!(db.sql(kept), ["0"]);
    assert_eq!(
        db.sql("SELECT count(*) FROM events WHERE body IS NULL"),
        ["1"]
    );
    let store = db.open().await;
    say(&store, ada, room, "and on").await;
    assert_eq!(said(&look(&db).await), Vec::<String>::new());
}

/// As an upgrade finds it.
fn unchain(db: &Database) {
    let zeros = "0".repeat(64);
    let zeros = match db.config {
        StoreConfig::Postgres { .. } => format!("'\\x{zeros}'::bytea"),
        _ => format!("x'{zeros}'"),
    };
    db.sql("UPDATE events SET chain = NULL, salt = NULL, body_hash = NULL");
    db.sql(&format!("UPDATE rooms SET chain = {zeros}"));
    db.sql(&format!("UPDATE users SET chain = {zeros}"));
    db.sql("UPDATE shards SET unchained = head");
}

/// Rules of names grow stricter; who was there before is read as they are, and nobody's session fails over them.
pub(crate) async fn what_earlier_rules_allowed_is_read_and_whole(db: Database) {
    let Told { ada, room, .. } = told(&db).await;
    unchain(&db);
    let marked = "Z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}";
    for (table, column, was, is) in [
        ("users", "display_name", "ada Lovelace", marked),
        ("rooms", "name", "tea", marked),
        ("reactions", "emoji", "👍", "👍👍"),
        ("messages", "text", "without a mistake", "\u{200b}"),
    ] {
        db.sql(&format!(
            "UPDATE {table} SET {column} = '{is}' WHERE {column} = '{was}'"
        ));
        db.sql(&format!(
            "UPDATE events SET body = replace(body, '\"{was}\"', '\"{is}\"')"
        ));
    }
    assert_eq!(said(&look(&db).await), Vec::<String>::new());
    let store = db.open().await;
    let resumed = store.resume(ada, None).await.unwrap().unwrap();
    assert_eq!(resumed.user.display_name.as_str(), marked);
    assert_eq!(resumed.rooms[0].name.as_ref().unwrap().as_str(), marked);
    let page = store.messages(room, ada, Page::Latest, 50).await.unwrap();
    let texts: Vec<_> = page
        .messages
        .iter()
        .filter_map(|message| Some(message.text.as_ref()?.as_str()))
        .collect();
    assert_eq!(texts, ["the first of all", "\u{200b}"]);
    assert_eq!(page.messages[0].reactions[0].emoji.as_str(), "👍👍");
    // What is done now fits what was.
    say(&store, ada, room, "and on").await;
    assert_eq!(said(&look(&db).await), Vec::<String>::new());
}

pub(crate) async fn events_from_before_the_chain_are_counted(db: Database) {
    let Told { ada, room, .. } = told(&db).await;
    unchain(&db);
    let before = look(&db).await;
    assert_eq!(said(&before), Vec::<String>::new());
    assert_eq!(before.unchained, before.events);
    let store = db.open().await;
    let first = say(&store, ada, room, "the first with a chain").await;
    say(&store, ada, room, "the second").await;
    let after = look(&db).await;
    assert_eq!(said(&after), Vec::<String>::new());
    assert_eq!(after.unchained, before.events);
    // From then on none may be without.
    db.sql(&format!(
        "UPDATE events SET chain = NULL WHERE log_kind = 'room' AND seq = {}",
        first.seq
    ));
    let damage = said(&look(&db).await);
    assert!(damage[0].contains("it has no chain"), "{damage:?}");
}

/// Each way of changing something past the server, on a database of its own.
pub(crate) async fn what_was_changed_past_the_server_is_named(db: Database) {
    let fresh = || match db.config {
        StoreConfig::Postgres { .. } => Database::postgres(),
        _ => Database::sqlite(),
    };
    let Told {
        plain,
        edited,
        deleted,
        head,
        ..
    } = told(&db).await;
    let id = match db.config {
        StoreConfig::Postgres { .. } => "gen_random_uuid()",
        _ => "randomblob(16)",
    };
    let here = "log_kind = 'room' AND seq =";
    let at = |seq: Seq| format!("seq {seq}: ");
    let not_committed = |seq: Seq| format!("{}it is not what was committed", at(seq));
    let body = |seq: Seq| {
        format!("(SELECT x.body FROM events x WHERE x.log = events.log AND x.seq = {seq})")
    };
    let forge = |columns: &str, values: &str| {
        format!(
            "INSERT INTO events (shard, position, log, log_kind, seq, id, at, actor, count, kind, body{columns}) \
             SELECT e.shard, (SELECT max(x.position) + 1 FROM events x WHERE x.shard = e.shard), e.log, e.log_kind, \
             {head} + 1, {id}, e.at, e.actor, e.count + 1, e.kind, e.body{values} FROM events e WHERE {here} {plain}"
        )
    };
    let cases: Vec<(Vec<String>, Vec<String>)> = vec![
        // One byte of a text.
        (
            vec![format!(
                "UPDATE events SET body = replace(body, 'first', 'fibst') WHERE {here} {plain}"
            )],
            vec![not_committed(plain)],
        ),
        // An envelope.
        (
            vec![format!(
                "UPDATE events SET at = at + 1 WHERE {here} {plain}"
            )],
            vec![not_committed(plain)],
        ),
        // A row is gone.
        (
            vec![format!("DELETE FROM events WHERE {here} {plain}")],
            vec![format!(
                "{}event {plain} before it is missing",
                at(plain.next())
            )],
        ),
        // The last one, which nothing comes after.
        (
            vec![format!("DELETE FROM events WHERE {here} {head}")],
            vec![
                "the room's row: ".to_owned(),
                "events are missing".to_owned(),
            ],
        ),
        // Two texts change places.
        (
            vec![
                format!(
                    "INSERT INTO meta (key, value) SELECT 'body', body FROM events WHERE {here} {plain}"
                ),
                format!(
                    "UPDATE events SET body = {} WHERE {here} {plain}",
                    body(edited)
                ),
                format!(
                    "UPDATE events SET body = (SELECT value FROM meta WHERE key = 'body') WHERE {here} {edited}"
                ),
            ],
            vec![not_committed(plain), not_committed(edited)],
        ),
        // Two rows do.
        (
            vec![
                format!("UPDATE events SET seq = 9000 WHERE {here} {plain}"),
                format!("UPDATE events SET seq = {plain} WHERE {here} {edited}"),
                format!("UPDATE events SET seq = {edited} WHERE {here} 9000"),
            ],
            vec![at(plain), at(edited)],
        ),
        // One that nobody sent, with a chain and without.
        (
            vec![forge("", "")],
            vec![format!("{}it has no chain", at(head.next()))],
        ),
        (
            vec![forge(", salt, chain", ", e.salt, e.chain")],
            vec![not_committed(head.next())],
        ),
        // A text is erased, and nobody deleted it.
        (
            vec![format!(
                "UPDATE events SET body = NULL WHERE {here} {plain}"
            )],
            vec![format!("{}its body", at(plain))],
        ),
        (
            vec![format!(
                "UPDATE events SET body_hash = salt, salt = NULL, body = NULL WHERE {here} {plain}"
            )],
            vec![at(plain)],
        ),
        // What stands beside the log.
        (
            vec!["UPDATE messages SET text = 'another' WHERE text IS NOT NULL".to_owned()],
            vec![format!("{}the message's row: text differ", at(edited))],
        ),
        (
            vec![format!(
                "UPDATE messages SET deleted = NULL WHERE seq = {deleted}"
            )],
            vec![format!("{}the message's row: deleted differ", at(deleted))],
        ),
        (
            vec![format!("DELETE FROM messages WHERE seq = {plain}")],
            vec![format!("{}the message's row is missing", at(plain))],
        ),
        (
            vec![format!(
                "UPDATE messages SET seq = {head} WHERE seq = {plain}"
            )],
            vec![
                format!("{}the row of a message is there", at(head)),
                "is missing".to_owned(),
            ],
        ),
        (
            vec!["DELETE FROM reactions".to_owned()],
            vec![
                format!("{}the reaction 👍", at(plain)),
                "is missing".to_owned(),
            ],
        ),
        (
            vec!["UPDATE reactions SET emoji = '🎉'".to_owned()],
            vec!["is there, and no event made it".to_owned()],
        ),
        (
            vec![format!("UPDATE reactions SET message = {id}")],
            vec!["reactions on messages that are not there".to_owned()],
        ),
        (
            vec!["UPDATE members SET role = 'owner' WHERE role = 'member'".to_owned()],
            vec![
                "the membership of user_".to_owned(),
                "1 owners, and there are 2 and 2".to_owned(),
            ],
        ),
        (
            vec!["DELETE FROM members WHERE role = 'member'".to_owned()],
            vec!["is missing".to_owned()],
        ),
        (
            vec!["UPDATE markers SET seq = seq + 1".to_owned()],
            vec!["the marker in room_".to_owned()],
        ),
        (
            vec!["UPDATE devices SET name = 'phone'".to_owned()],
            vec!["name differ from what the log says".to_owned()],
        ),
        (
            vec!["UPDATE rooms SET count = count + 1".to_owned()],
            vec!["the room's row: count differ".to_owned()],
        ),
        (
            vec!["UPDATE rooms SET gone = '2'".to_owned()],
            vec!["the room's row: gone differ".to_owned()],
        ),
        (
            vec!["UPDATE rooms SET visibility = 'public'".to_owned()],
            vec!["the room's row: visibility differ".to_owned()],
        ),
        (
            vec!["UPDATE users SET role = 'owner'".to_owned()],
            vec!["the account's row: role differ".to_owned()],
        ),
        (
            vec!["DELETE FROM rooms".to_owned()],
            vec!["the room's row is not".to_owned()],
        ),
        (
            vec!["DELETE FROM users WHERE username = 'ben'".to_owned()],
            vec!["the account's row is not".to_owned()],
        ),
        (
            vec!["DELETE FROM events WHERE log_kind = 'room'".to_owned()],
            vec![
                "the row is there, and its log is not".to_owned(),
                "events are missing".to_owned(),
            ],
        ),
        (
            vec!["UPDATE shards SET head = head + 1 WHERE head > 0".to_owned()],
            vec!["events are missing, or were added".to_owned()],
        ),
    ];
    for (changes, expected) in cases {
        let db = fresh();
        // The same things happen at the same places.
        told(&db).await;
        db.closed().await;
        for change in &changes {
            db.sql(change);
        }
        let damage = said(&look(&db).await);
        for what in expected {
            let is_named = damage.iter().any(|line| line.contains(&what));
            assert!(is_named, "{changes:?}: {what} is not in {damage:#?}");
        }
    }
}

fn sqlite_path(db: &Database) -> std::path::PathBuf {
    match &db.config {
        StoreConfig::Sqlite { path } => path.clone(),
        other => panic!("no file: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noise_in_the_file_is_named_and_never_called_a_good_backup() {
    let db = Database::sqlite();
    let Told { plain, .. } = told(&db).await;
    db.closed().await;
    let path = sqlite_path(&db);
    let whole = std::fs::read(&path).unwrap();
    let needle = b"the first of all";
    let place = whole
        .windows(needle.len())
        .position(|w| w == needle)
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let events = look(&db).await.events;
    let free_pages: usize = db.sql("PRAGMA freelist_count")[0].parse().unwrap();
    // A copy is whole (damage may be in an index, which is made anew), or there is none.
    let copied = async || {
        let path = folder.path().join("copy.db");
        let made = upkeep::back_up(&db.config, &path, Box::new(drop)).await;
        if let Ok(verified) = &made {
            assert_eq!((verified.events, verified.damage.len()), (events, 0));
            std::fs::remove_file(&path).unwrap();
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        made
    };
    // One bit of one letter: the page is sound, the text is another.
    let mut bytes = whole.clone();
    bytes[place] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let damage = said(&look(&db).await);
    assert_eq!(damage.len(), 1, "{damage:?}");
    let named = format!("seq {plain}: it is not what was committed");
    assert!(damage[0].contains(&named), "{damage:?}");
    let why = copied().await.unwrap_err().to_string();
    assert!(
        why.contains(&named) && why.contains("doctor --deep"),
        "{why}"
    );
    // Noise over pages; the first holds the schema, without which it is no database.
    let page = usize::from(u16::from_be_bytes([whole[16], whole[17]]));
    let (mut found, mut unseen) = (0, 0);
    for start in (page..whole.len()).step_by(page) {
        let mut bytes = whole.clone();
        for (n, byte) in bytes[start..start + page].iter_mut().enumerate() {
            *byte = byte.wrapping_mul(31).wrapping_add((n % 251) as u8);
        }
        std::fs::write(&path, &bytes).unwrap();
        match verify(&db.config, Box::new(drop)).await {
            Ok(verified) if verified.damage.is_empty() => unseen += 1,
            Ok(_) => found += 1,
            // It does not even open.
            Err(error) => assert!(!matches!(error, StoreError::Unavailable(_)), "{error}"),
        }
        let _ = copied().await;
    }
    assert!(
        found >= 5 && unseen <= free_pages,
        "{found}, {unseen} of {free_pages} free"
    );
}

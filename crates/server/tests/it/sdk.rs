//! The Rust SDK against the real program: what it keeps, sends again and hears, over real sockets.
//!
//! Owns: chatting in both formats, the outbox over a killed server and a crashed client, following all; [`calls`] makes the REST calls, [`tls`] goes through TLS.
//! Never: reaches into the SDK; a test sees what a bot would see, and asks the program's own log for the truth.

mod calls;
mod relay;
mod tls;

use std::{collections::BTreeMap, path::Path};

use futures_util::future::join_all;
use serde_json::Value;
use tidings_sdk::{
    Client, ConnectOptions, Connection, FileOutbox, Format, OutboxStore, Resume, Update, Updates,
    protocol::{Event, Follow, LogId, RefusalCode, RoomId, Seq, content::Known},
};
use tokio::task::JoinHandle;

use self::relay::Relay;
use crate::world::{User, World, in_time};

fn id_of<T: std::str::FromStr>(text: &str) -> T {
    text.parse().ok().expect("an id of the program")
}

fn all() -> ConnectOptions {
    ConnectOptions {
        follow: Follow::All,
        ..ConnectOptions::default()
    }
}

fn kept_in(path: &Path) -> ConnectOptions {
    ConnectOptions {
        outbox: Box::new(FileOutbox::open(path).unwrap()),
        ..all()
    }
}

/// A connection that is up.
async fn connect(url: &str, user: &User, options: ConnectOptions) -> (Connection, Updates) {
    let client = Client::with_token(url, user.token.as_str()).unwrap();
    let (connection, updates) = client.connect(options).await.unwrap();
    in_time("a connection that is up", connection.ready())
        .await
        .unwrap();
    (connection, updates)
}

/// The next event of a room's log.
async fn next_event(updates: &mut Updates) -> Event {
    let next = async {
        loop {
            if let Update::Event(event) = updates.recv().await.expect("the connection lasts")
                && matches!(event.log, LogId::Room(_))
            {
                return *event;
            }
        }
    };
    in_time("an event", next).await
}

fn text_of(event: &Event) -> Option<&str> {
    match event.content.as_ref()?.known()? {
        Known::Message { text } => Some(text.as_str()),
        _ => None,
    }
}

/// The texts of a room as the program's log has them, after checking that the log has no gap.
async fn texts(world: &World, user: &User, room: &str) -> Vec<String> {
    let log = world.log_of(user, room).await;
    for (event, seq) in log.iter().zip(1_u64..) {
        assert_eq!(event["seq"], seq, "the log has no gap");
    }
    let text = |event: &Value| event["content"]["text"].as_str().map(str::to_owned);
    log.iter().filter_map(text).collect()
}

/// Waits until a file holds a text.
async fn holds(path: &Path, text: &str) {
    let stored = async {
        while !std::fs::read_to_string(path).unwrap().contains(text) {
            tokio::task::yield_now().await;
        }
    };
    in_time("a row on disk", stored).await;
}

#[tokio::test]
async fn two_clients_chat() {
    // [P2] [CM2] [EV4] One speaks JSON, the other MessagePack; both see the same log.
    let world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let url = format!("http://{}", world.address());
    let packed = ConnectOptions {
        format: Format::MessagePack,
        ..all()
    };
    let (ada, mut to_ada) = connect(&url, &ada, all()).await;
    let (lin_says, mut to_lin) = connect(&url, &lin, packed).await;
    let id: RoomId = id_of(&room);

    let hello = ada.send(id, "hello").await.unwrap();
    assert!(hello.txn.is_some());
    assert_eq!(next_event(&mut to_ada).await, hello);
    let heard = next_event(&mut to_lin).await;
    assert_eq!(heard.txn, None, "a txn is its author's own");
    assert_eq!((heard.id, heard.seq), (hello.id, hello.seq));

    // Both at the same time: whoever is first, both see the same order.
    let lines = |who: &'static str| (0..20).map(move |n| format!("{who} {n}"));
    let both = |who, connection: Connection| {
        join_all(lines(who).map(move |line| {
            let connection = connection.clone();
            async move { connection.send(id, &line).await.unwrap() }
        }))
    };
    in_time("forty answers", async {
        tokio::join!(both("ada", ada.clone()), both("lin", lin_says.clone()))
    })
    .await;
    let mut orders = [Vec::new(), Vec::new()];
    for (order, updates) in orders.iter_mut().zip([&mut to_ada, &mut to_lin]) {
        for _ in 0..40 {
            let event = next_event(updates).await;
            order.push((event.seq, text_of(&event).unwrap().to_owned()));
        }
        for (place, (seq, _)) in order.iter().enumerate() {
            assert_eq!(seq.0, hello.seq.0 + 1 + place as u64);
        }
    }
    assert_eq!(orders[0], orders[1]);
    for who in ["ada", "lin"] {
        let said = orders[0].iter().map(|(_, text)| text.clone());
        let own: Vec<String> = said.filter(|text| text.starts_with(who)).collect();
        assert_eq!(own, lines(who).collect::<Vec<String>>(), "[CM5]");
    }

    let changed = lin_says.edit(id, hello.id, "mine now").await.unwrap_err();
    assert_eq!(changed.code(), Some(RefusalCode::Forbidden));
    let edited = ada.edit(id, hello.id, "hello, all").await.unwrap();
    let edited = edited.unwrap();
    assert_eq!(edited.seq, Seq(hello.seq.0 + 41));
    let again = ada.edit(id, hello.id, "hello, all").await.unwrap();
    assert_eq!(again, None, "it has this text already");
    // What one wrote one has read; the edit is the only news after it.
    let marked = lin_says.mark(id, edited.seq).await.unwrap();
    assert!(marked.is_some(), "[FO4]");
    let again = lin_says.mark(id, edited.seq).await.unwrap();
    assert_eq!(again, None);
}

#[tokio::test]
async fn what_was_not_answered_is_sent_again_after_a_power_cut() {
    // [P1] [P3] [P4] [CM7] The server is killed amid a burst; what it had not answered, and what was written in the
    // dark, is there afterwards: each once, in the order of writing.
    let mut world = World::new().await;
    let (room, [ada, lin]) = world.with_room("designers", ["ada", "lin"]).await;
    let relay = Relay::to(world.address()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.jsonl");
    let (writer, _) = connect(&relay.url(), &ada, kept_in(&path)).await;
    let (_reader, mut to_lin) = connect(&relay.url(), &lin, all()).await;
    let id: RoomId = id_of(&room);

    let (answered, mut answers) = tokio::sync::mpsc::unbounded_channel();
    let say = |text: String| {
        let (writer, answered) = (writer.clone(), answered.clone());
        async move {
            let event = writer.send(id, &text).await.unwrap();
            answered.send(event.clone()).unwrap();
            (text, event)
        }
    };
    // Tasks begin in the order in which they are spawned.
    let burst: Vec<_> = (0..200)
        .map(|n| tokio::spawn(say(format!("burst {n}"))))
        .collect();
    let before = in_time("the first answer", answers.recv()).await.unwrap();
    relay.leads(None);
    world.kill().await;
    let dark: Vec<_> = (0..20)
        .map(|n| tokio::spawn(say(format!("dark {n}"))))
        .collect();
    holds(&path, "dark 19").await;
    assert!(
        !burst.iter().all(JoinHandle::is_finished),
        "something waits for its answer"
    );
    world.start().await;
    relay.leads(Some(world.address()));

    let mut wrote = Vec::new();
    for said in burst.into_iter().chain(dark) {
        wrote.push(in_time("an answer", said).await.unwrap());
    }
    let log = texts(&world, &lin, &room).await;
    let said: Vec<String> = wrote.iter().map(|(text, _)| text.clone()).collect();
    assert_eq!(log, said, "each once, in the order of writing");
    assert!(wrote.iter().any(|(_, event)| event.id == before.id));
    for (text, event) in &wrote {
        let heard = next_event(&mut to_lin).await;
        assert_eq!((heard.id, heard.seq), (event.id, event.seq));
        assert_eq!(text_of(&heard), Some(text.as_str()));
    }
    writer.close().await;
    let left = FileOutbox::open(&path).unwrap().load().unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_crashed_client_leaves_its_commands_to_the_next() {
    // [P3] [CM3] [CM7] Some of what the crashed client left had happened already, unheard; some never reached the
    // server. The next client on the same outbox sends all of it, and each happens once.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.jsonl");
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap()
    };
    let test = runtime();
    let (world, room, ada, relay) = test.block_on(async {
        let world = World::new().await;
        let (room, [ada, _lin]) = world.with_room("designers", ["ada", "lin"]).await;
        let relay = Relay::to(world.address()).await;
        (world, room, ada, relay)
    });
    let id: RoomId = id_of(&room);

    let first = runtime();
    let connection = first.block_on(async {
        let (connection, _) = connect(&relay.url(), &ada, kept_in(&path)).await;
        connection.send(id, "answered").await.unwrap();
        connection
    });
    let say = |text: &'static str| {
        let connection = connection.clone();
        first.spawn(async move { connection.send(id, text).await });
    };
    // The server hears, and is not heard.
    relay.mute();
    say("unheard 1");
    say("unheard 2");
    test.block_on(in_time("the commands at the server", async {
        while texts(&world, &ada, &room).await.len() < 3 {}
    }));
    relay.leads(None);
    say("unsent 1");
    say("unsent 2");
    test.block_on(holds(&path, "unsent 2"));
    first.shutdown_timeout(std::time::Duration::ZERO);
    drop(connection);

    relay.leads(Some(world.address()));
    test.block_on(async {
        let store = in_time("the outbox of the crashed client", async {
            loop {
                match FileOutbox::open(&path) {
                    Ok(store) => break store,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        });
        let options = ConnectOptions {
            outbox: Box::new(store.await),
            ..all()
        };
        let (connection, _updates) = connect(&relay.url(), &ada, options).await;
        let sent = connection.send(id, "last");
        in_time("the last event", sent).await.unwrap();
        // An event may come before the answers to what was sent earlier; what changes nothing has no event, and commands to
        // one room are answered in their order.
        let unchanged = in_time("the last answer", connection.join(id, None)).await;
        assert!(unchanged.unwrap().is_none());
        connection.close().await;
        let left = FileOutbox::open(&path).unwrap().load().unwrap();
        assert!(left.is_empty(), "{left:?}");
        let wanted = [
            "answered",
            "unheard 1",
            "unheard 2",
            "unsent 1",
            "unsent 2",
            "last",
        ];
        assert_eq!(texts(&world, &ada, &room).await, wanted);
    });
}

/// All events of rooms up to one with this text, and where to go on from.
async fn until(updates: &mut Updates, text: &str) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let event = next_event(updates).await;
        let last = text_of(&event) == Some(text);
        events.push(event);
        if last {
            return events;
        }
    }
}

/// The next place to resume from.
async fn resume(updates: &mut Updates) -> Resume {
    let next = async {
        loop {
            if let Some(Update::Resume(resume)) = updates.recv().await {
                return resume;
            }
        }
    };
    in_time("a place to resume from", next).await
}

#[tokio::test]
async fn a_bot_that_follows_all_misses_nothing() {
    // [P4] [SB5] [SB7] [CU2] Rooms old and new, through a restart and an absence: each log whole, each event once.
    let mut world = World::new().await;
    let (room, [ada, bot]) = world.with_room("designers", ["ada", "buddy"]).await;
    let relay = Relay::to(world.address()).await;
    let (connection, mut updates) = connect(&relay.url(), &bot, all()).await;
    let mut heard = Vec::new();

    world.say(&ada, &room, "one").await;
    let other = world.group("painters", &ada, &[&bot]).await;
    world.say(&ada, &other, "two").await;
    heard.extend(until(&mut updates, "two").await);

    relay.leads(None);
    world.restart().await;
    world.say(&ada, &room, "three").await;
    world.say(&ada, &other, "four").await;
    relay.leads(Some(world.address()));
    heard.extend(until(&mut updates, "four").await);

    // The bot goes away for longer than a room is replayed for one who has it open.
    world.say(&ada, &room, "five").await;
    heard.extend(until(&mut updates, "five").await);
    let from = resume(&mut updates).await;
    connection.close().await;
    for n in 0..600 {
        let room = if n % 3 == 0 { &other } else { &room };
        world.say(&ada, room, &format!("away {n}")).await;
    }
    let third = world.group("sculptors", &ada, &[&bot]).await;
    world.say(&ada, &third, "six").await;
    let options = ConnectOptions {
        resume: from,
        ..all()
    };
    let (_connection, mut updates) = connect(&relay.url(), &bot, options).await;
    heard.extend(until(&mut updates, "six").await);

    let mut logs: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for event in heard {
        let log = logs.entry(event.log.to_string()).or_default();
        log.push((event.seq.0, event.id.to_string()));
    }
    assert_eq!(logs.len(), 3);
    for (log, events) in logs {
        let truth = world.log_of(&ada, &log).await;
        let skipped = events[0].0 - 1;
        let truth: Vec<(u64, String)> = truth[usize::try_from(skipped).unwrap()..]
            .iter()
            .map(|event| {
                let id = event["id"].as_str().unwrap();
                (event["seq"].as_u64().unwrap(), id.to_owned())
            })
            .collect();
        assert_eq!(events, truth, "{log}");
    }
}

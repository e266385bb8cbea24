//! The SDK over real sockets, against a small fake server.
//!
//! Owns: what the adapters add to the pure session: sockets, REST, the store, the reader's queue.
//! Never: tests the real server; `crates/server/tests/it/sdk.rs` does that.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fake;

use tidings_sdk::{
    Client, ConnectOptions, Connection, Error, FileOutbox, Format, MessagesAt, SignIn, SignUp,
    UPDATES_QUEUE_MAX, Update, Updates,
    protocol::{
        Event, EventId, Follow, OpenRoom, RefusalCode, Role, RoomId, Seq, UserId, content::Known,
        summary::Marker,
    },
};

use self::fake::{Fake, TOKEN, me, other, room, said};

async fn connect(fake: &Fake, options: ConnectOptions) -> (Connection, Updates) {
    let client = Client::with_token(&fake.url(), TOKEN).unwrap();
    let (connection, updates) = client.connect(options).await.unwrap();
    (connection, updates)
}

fn all() -> ConnectOptions {
    ConnectOptions {
        follow: Follow::All,
        ..ConnectOptions::default()
    }
}

async fn next_event(updates: &mut Updates) -> Event {
    loop {
        if let Update::Event(event) = updates.recv().await.expect("the connection lasts") {
            return *event;
        }
    }
}

/// The head of the next history that comes.
async fn next_history(updates: &mut Updates) -> Seq {
    loop {
        if let Update::History { page, .. } = updates.recv().await.expect("the connection lasts") {
            return page.head;
        }
    }
}

#[tokio::test]
async fn signing_in_keeps_secrets_out_of_urls_and_prints() {
    // [RE1] [RE3]
    let fake = Fake::start().await;
    let account = SignUp {
        username: "ada".parse().unwrap(),
        password: "correct horse".to_owned(),
        display_name: None,
        device_name: Some("test".to_owned()),
    };
    let (client, signed_in) = Client::sign_up(&fake.url(), &account).await.unwrap();
    assert_eq!(signed_in.user, fake::profile());
    assert_eq!(client.me().await.unwrap().user.id, fake::me());
    let printed = format!("{client:?} {signed_in:?} {account:?}");
    assert!(
        !printed.contains(TOKEN) && !printed.contains("horse"),
        "{printed}"
    );
    let account = SignIn {
        username: "ada".to_owned(),
        password: "wrong".to_owned(),
        device_name: None,
    };
    let error = Client::sign_in(&fake.url(), &account).await.unwrap_err();
    assert_eq!(error.code(), Some(RefusalCode::WrongCredentials));
    assert!(matches!(error, Error::Refused { request_id: Some(id), .. } if id == "req-1"));
    for request in &fake.state.lock().requests {
        let line = request.lines().next().unwrap();
        assert!(!line.contains(TOKEN) && !line.contains("horse"), "{line}");
    }
}

#[tokio::test]
async fn calls_are_addressed_by_segment_and_may_change_nothing() {
    // [RE5] [RE7]
    let fake = Fake::start().await;
    let client = Client::with_token(&fake.url(), TOKEN).unwrap();
    let message = EventId::from_bits(1);
    let thumb = "👍".parse().unwrap();
    assert_eq!(client.react(room(), message, &thumb).await.unwrap(), None);
    let before = MessagesAt::Before(Seq(9));
    let error = client.messages(room(), before, 20).await.unwrap_err();
    assert_eq!(error.code(), Some(RefusalCode::NotFound));
    let requests = fake.state.lock().requests.clone();
    let lines: Vec<&str> = requests.iter().map(|r| r.lines().next().unwrap()).collect();
    assert_eq!(
        lines,
        [
            format!(
                "PUT /api/v1/rooms/{}/messages/{message}/reactions/%F0%9F%91%8D HTTP/1.1",
                room()
            ),
            format!(
                "GET /api/v1/rooms/{}/messages?limit=20&before=9 HTTP/1.1",
                room()
            ),
        ]
    );
}

#[tokio::test]
async fn a_message_is_answered_by_its_event_in_both_formats() {
    // [CM2] [FR1]
    for format in [Format::Json, Format::MessagePack] {
        let fake = Fake::start().await;
        let options = ConnectOptions { format, ..all() };
        let (connection, mut updates) = connect(&fake, options).await;
        let event = connection.send(room(), "hello").await.unwrap();
        assert_eq!(event.seq, Seq(1));
        assert_eq!(next_event(&mut updates).await, event);
        fake.post("hello yourself");
        assert_eq!(next_event(&mut updates).await.seq, Seq(2));
        assert_eq!(connection.mark(room(), Seq(2)).await.unwrap(), None);
        let rooms = connection.rooms();
        assert_eq!((rooms.len(), rooms[0].head, rooms[0].count), (1, Seq(2), 2));
        assert_eq!(rooms[0].marker.seq, Seq(1), "what one wrote one has read");
        assert_eq!(
            rooms[0].last.as_ref().unwrap().text.as_deref(),
            Some("hello yourself")
        );
    }
}

#[tokio::test]
async fn refusals_come_back_and_texts_are_checked_before() {
    // [CM4] [LI2]
    let fake = Fake::start().await;
    fake.state.lock().refuse = vec![RefusalCode::Forbidden, RefusalCode::Unavailable];
    let (connection, _updates) = connect(&fake, all()).await;
    let error = connection.send(room(), "first").await.unwrap_err();
    assert_eq!(
        error.code(),
        Some(RefusalCode::Forbidden),
        "after `unavailable` it was tried again"
    );
    let error = connection.send(room(), "  ").await.unwrap_err();
    assert_eq!(error.code(), Some(RefusalCode::BadRequest));
    assert!(fake.texts().is_empty());
}

#[tokio::test]
async fn a_command_cut_off_before_its_answer_happens_once() {
    // [P3] [CM7]
    let fake = Fake::start().await;
    fake.state.lock().cut_after_commit = 2;
    let (connection, mut updates) = connect(&fake, all()).await;
    let event = connection.send(room(), "once").await.unwrap();
    assert_eq!(fake.texts(), ["once"]);
    assert_eq!(next_event(&mut updates).await, event);
    fake.cut();
    fake.post("while away");
    assert_eq!(next_event(&mut updates).await.seq, Seq(2));
    assert!(fake.state.lock().welcomes >= 3);
}

#[tokio::test]
async fn commands_outlive_the_process_that_gave_them() {
    // [P3] The first process finds no server; the second finds the outbox.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.jsonl");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let options = |path| ConnectOptions {
        outbox: Box::new(FileOutbox::open(path).unwrap()),
        ..all()
    };
    let client = Client::with_token(&format!("http://{address}"), TOKEN).unwrap();
    let (connection, _updates) = client.connect(options(&path)).await.unwrap();
    for text in ["one", "two"] {
        let sending = connection.clone();
        tokio::spawn(async move { sending.send(room(), text).await });
        // Stored means on disk: the line is there, whatever became of the answer.
        let stored = || std::fs::read_to_string(&path).unwrap().contains(text);
        while !stored() {
            tokio::task::yield_now().await;
        }
    }
    connection.close().await;

    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let fake = Fake::on(listener);
    let (connection, mut updates) = client.connect(options(&path)).await.unwrap();
    assert_eq!(next_event(&mut updates).await.seq, Seq(1));
    assert_eq!(next_event(&mut updates).await.seq, Seq(2));
    assert_eq!(fake.texts(), ["one", "two"]);
    connection.close().await;
    let left = std::fs::read_to_string(&path).unwrap();
    drop(FileOutbox::open(&path).unwrap());
    assert!(left.contains("remove"), "{left}");
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "",
        "nothing is left to be sent"
    );
}

#[tokio::test]
async fn a_slow_reader_misses_nothing_and_holds_up_no_command() {
    // [P4] [P5]
    let fake = Fake::start().await;
    let (connection, mut updates) = connect(&fake, all()).await;
    connection.ready().await.unwrap();
    let posted = 3 * UPDATES_QUEUE_MAX;
    for number in 0..posted {
        fake.post(&format!("news {number}"));
    }
    // The queue is full long before this answer comes by the same socket.
    let event = connection.send(room(), "last").await.unwrap();
    assert_eq!(event.seq, Seq(posted as u64 + 1));
    for seq in 1..=event.seq.0 {
        assert_eq!(next_event(&mut updates).await.seq, Seq(seq));
    }
    assert!(fake.state.lock().welcomes > 1, "it came back from the log");
}

#[tokio::test]
async fn what_a_resume_covers_does_not_come_again() {
    // [P4] [CU2]
    let fake = Fake::start().await;
    let (connection, mut updates) = connect(&fake, all()).await;
    connection.ready().await.unwrap();
    fake.post("one");
    fake.post("two");
    assert_eq!(next_event(&mut updates).await.seq, Seq(1));
    let resume = loop {
        if let Some(Update::Resume(resume)) = updates.recv().await {
            break resume;
        }
    };
    connection.close().await;
    fake.post("three");
    let options = ConnectOptions { resume, ..all() };
    let (connection, mut updates) = connect(&fake, options).await;
    assert_eq!(next_event(&mut updates).await.seq, Seq(2));
    assert_eq!(next_event(&mut updates).await.seq, Seq(3));
    assert_eq!(connection.rooms().len(), 1);
}

#[tokio::test]
async fn a_token_that_is_worth_nothing_ends_the_connection() {
    // [CL1]
    let fake = Fake::start().await;
    let client = Client::with_token(&fake.url(), "another").unwrap();
    // The first try is waited for, so that it is told and not found out.
    let error = client.connect(all()).await.unwrap_err();
    assert!(
        matches!(error, Error::Stopped { code: Some(4200) }),
        "{error}"
    );
}

#[tokio::test]
async fn who_does_not_read_may_drop_the_updates() {
    let fake = Fake::start().await;
    let (connection, updates) = connect(&fake, all()).await;
    drop(updates);
    for number in 0..10 {
        fake.post(&format!("news {number}"));
    }
    assert_eq!(connection.send(room(), "hello").await.unwrap().seq, Seq(11));
    assert_eq!(connection.room(room()).unwrap().head, Seq(11));
    assert!(connection.room(RoomId::from_bits(99)).is_none());
}

#[tokio::test]
async fn a_room_that_starts_over_is_told_of_by_rest() {
    // [SB4] [SB5] [P8] No event brings what the history covers.
    let fake = Fake::start().await;
    let open = OpenRoom {
        room: room(),
        after: None,
    };
    let options = ConnectOptions {
        open: vec![open],
        ..ConnectOptions::default()
    };
    let (connection, mut updates) = connect(&fake, options).await;
    assert_eq!(next_history(&mut updates).await, Seq(0));
    let name = "harbour".parse().unwrap();
    let role = Role::Admin;
    fake.pass_over(vec![
        (other(), said("while away")),
        (other(), Known::RoomRenamed { name }),
        (other(), Known::RoleChanged { user: me(), role }),
        (me(), said("from the phone")),
        (other(), said("the last")),
        (
            other(),
            Known::MemberJoined {
                user: UserId::from_bits(3),
                role: Role::Member,
            },
        ),
    ]);
    assert_eq!(next_history(&mut updates).await, Seq(6));
    let held = connection.room(room()).unwrap();
    assert_eq!((held.head, held.count), (Seq(6), 3));
    let read = Marker {
        seq: Seq(4),
        count: 2,
    };
    assert_eq!(held.marker, read, "what one wrote one has read");
    assert_eq!(held.last.unwrap().text.as_deref(), Some("the last"));
    assert_eq!(held.name.unwrap().as_str(), "harbour");
    assert_eq!(held.role, Some(role));
    assert_eq!(held.members, 3);
    fake.post("goes on");
    assert_eq!(next_event(&mut updates).await.seq, Seq(7));
    let held = connection.room(room()).unwrap();
    assert_eq!((held.head, held.count, held.members), (Seq(7), 4, 3));
}

#[tokio::test]
async fn a_role_is_folded_into_the_room() {
    // [SB10]
    let fake = Fake::start().await;
    let (connection, mut updates) = connect(&fake, all()).await;
    connection.ready().await.unwrap();
    let role = || connection.room(room()).unwrap().role;
    assert_eq!(role(), None);
    fake.tell(Known::RoleChanged {
        user: me(),
        role: Role::Owner,
    });
    assert_eq!(next_event(&mut updates).await.seq, Seq(1));
    assert_eq!(role(), Some(Role::Owner));
    let given = connection.set_role(room(), me(), Role::Member).await;
    assert_eq!(given.unwrap().unwrap().seq, Seq(2));
    assert_eq!(next_event(&mut updates).await.seq, Seq(2));
    assert_eq!(role(), Some(Role::Member));
    let given = connection.set_role(room(), other(), Role::Admin).await;
    assert_eq!(given.unwrap().unwrap().seq, Seq(3));
    assert_eq!(next_event(&mut updates).await.seq, Seq(3));
    assert_eq!(
        role(),
        Some(Role::Member),
        "another's role is not one's own"
    );
}

//! What was acknowledged by one node is there when another is asked, at once. `[P3]` `[P4]`

use std::time::Duration;

use tidings_protocol::{
    ClientFrame, Event, Follow, LogId, OpenRoom, RoomId, Seq, ServerFrame, TxnId, frame::Welcome,
};
use tidings_testkit::{
    load::{Got, Load, Rest, Socket},
    postgres::TestPostgres,
    process::TestServer,
    redis::TestRedis,
};

use crate::world::{node, run};

/// Times each of the ways is gone.
const ROUNDS: u64 = 20;
/// How long a frame may be awaited.
const PATIENCE: Duration = Duration::from_secs(30);

struct Session {
    socket: Socket,
    waiting: std::collections::VecDeque<ServerFrame>,
}

impl Session {
    async fn begin(
        at: &Rest,
        since: Option<String>,
        follow: Follow,
        open: Vec<OpenRoom>,
    ) -> (Session, Welcome) {
        let socket = Socket::connect(at.address, false)
            .await
            .expect("the node serves");
        let mut session = Session {
            socket,
            waiting: std::collections::VecDeque::new(),
        };
        let hello = ClientFrame::Hello {
            token: Some(at.token.clone()),
            since,
            follow,
            open,
            user_seq: None,
        };
        session.socket.send(&hello).await.expect("the node reads");
        match session.next().await {
            ServerFrame::Ready(welcome) => (session, *welcome),
            other => panic!("{other:?} instead of ready"),
        }
    }

    async fn next(&mut self) -> ServerFrame {
        loop {
            if let Some(frame) = self.waiting.pop_front() {
                return frame;
            }
            let got = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            for got in got.expect("a frame in time").expect("an open connection") {
                match got {
                    Got::Frame(frame) => self.waiting.push_back(*frame),
                    Got::Unreadable(text) => panic!("unreadable: {text}"),
                }
            }
        }
    }

    /// The next event of a room; other frames are passed over.
    async fn event(&mut self, room: RoomId) -> Event {
        loop {
            match self.next().await {
                ServerFrame::Event(event) if event.log == LogId::Room(room) => return *event,
                ServerFrame::Reset(_) => panic!("a reset"),
                _ => {}
            }
        }
    }

    async fn opened(&mut self) -> (Seq, Seq) {
        loop {
            if let ServerFrame::Opened { from, head, .. } = self.next().await {
                return (from, head);
            }
        }
    }
}

fn head_in(welcome: &Welcome, room: RoomId) -> Seq {
    let mut rooms = welcome.rooms.iter();
    rooms
        .find(|summary| summary.id == room)
        .map_or(Seq::ZERO, |summary| summary.head)
}

fn txn(number: u64) -> TxnId {
    format!("own-{number}").parse().expect("a txn")
}

fn reads_its_own_writes(redis: Option<&TestRedis>) {
    run(async {
        let postgres = TestPostgres::new();
        let database = postgres.fresh_database();
        let url = redis.map(TestRedis::url);
        let nodes: Vec<TestServer> = (0..3)
            .map(|_| node(Some(&database), url.as_deref()))
            .collect();
        let load = Load::set_up(nodes[0].address(), 1, 1)
            .await
            .expect("an account");
        let (here, room) = (load.users[0].clone(), load.rooms[0]);
        let (_, first) = Session::begin(&here, None, Follow::All, Vec::new()).await;
        let mut cursor = first.cursor;
        for round in 0..ROUNDS {
            // From each node to each other.
            let from = (round % 3) as usize;
            let to = (from + 1 + (round / 3 % 2) as usize) % 3;
            let (a, b) = (here.at(nodes[from].address()), here.at(nodes[to].address()));
            let sent = a
                .send(room, &txn(round), &format!("message {round}"))
                .await
                .expect("sent");
            match round % 5 {
                0 => {
                    let summary = b.room(room).await.expect("the room");
                    assert!(summary.head >= sent.seq && summary.count >= sent.count);
                    let page = b
                        .messages(room, Seq(sent.seq.0 - 1))
                        .await
                        .expect("history");
                    assert_eq!(page.messages.first().map(|m| m.id), Some(sent.id));
                    let page = b.events(room, Seq(sent.seq.0 - 1)).await.expect("the log");
                    assert_eq!(page.events.first().map(|e| e.id), Some(sent.id));
                }
                // A first visit is told of it.
                1 => {
                    let (_, welcome) = Session::begin(&b, None, Follow::Listed, Vec::new()).await;
                    assert!(head_in(&welcome, room) >= sent.seq, "{welcome:?}");
                }
                // One who has it goes on behind it: not told to start over, nothing twice.
                2 => {
                    let open = vec![OpenRoom {
                        room,
                        after: Some(sent.seq),
                    }];
                    let mut since = cursor.clone();
                    since.advance(sent.shard, sent.position);
                    let (mut session, _) =
                        Session::begin(&b, Some(since.to_string()), Follow::Listed, open).await;
                    let (from, head) = session.opened().await;
                    assert_eq!((from, head >= sent.seq), (sent.seq, true));
                    let more = a
                        .send(room, &txn(1_000 + round), "more")
                        .await
                        .expect("sent");
                    assert_eq!(session.event(room).await.id, more.id);
                }
                // The same with every event, from a cursor that this node may not have seen yet.
                3 => {
                    let mut since = cursor.clone();
                    since.advance(sent.shard, sent.position);
                    let (mut session, _) =
                        Session::begin(&b, Some(since.to_string()), Follow::All, Vec::new()).await;
                    let more = a
                        .send(room, &txn(1_000 + round), "more")
                        .await
                        .expect("sent");
                    assert_eq!(session.event(room).await.id, more.id);
                }
                // One who was away gets it; and the same command at another node is the same message.
                _ => {
                    let (mut session, _) =
                        Session::begin(&b, Some(cursor.to_string()), Follow::All, Vec::new()).await;
                    while session.event(room).await.id != sent.id {}
                    let again = b
                        .send(room, &txn(round), &format!("message {round}"))
                        .await
                        .expect("sent again");
                    assert_eq!((again.id, again.seq), (sent.id, sent.seq));
                    cursor.advance(sent.shard, sent.position);
                }
            }
        }
    });
}

#[test]
fn a_write_is_read_at_every_other_node() {
    reads_its_own_writes(Some(&TestRedis::new()));
}

#[test]
fn a_write_is_read_at_every_other_node_without_redis() {
    reads_its_own_writes(None);
}

//! Somebody else on the Redis: a stranger who listens and speaks, and a copy of the database with nodes of its own. `[P7]`

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex},
};

use tidings_sdk::{
    Client, ConnectOptions, Connection, Update, Updates,
    protocol::{
        Content, RoomId, RoomKind, Visibility,
        content::Known,
        rest::{CreateRoom, SignUp},
    },
};
use tidings_testkit::{postgres::TestPostgres, process::TestServer, redis::TestRedis};

use crate::world::{PATIENCE, node, run};

async fn sign_up(node: &TestServer, name: &str) -> Client {
    let account = SignUp {
        username: name.parse().expect("a name"),
        password: "correct horse battery".to_owned(),
        display_name: None,
        device_name: None,
    };
    let address = format!("http://{}", node.address());
    let (client, _) = Client::sign_up(&address, &account).await.expect("sign up");
    client
}

/// Two nodes, and somebody on the second who has a room open that somebody on the first writes to.
struct Scene {
    nodes: [TestServer; 2],
    ada: Client,
    room: RoomId,
    _lin: Connection,
    heard: Updates,
    said: Vec<String>,
}

impl Scene {
    async fn new(database: &str, redis: &str) -> Scene {
        let nodes = [(); 2].map(|()| node(Some(database), Some(redis)));
        let ada = sign_up(&nodes[0], "ada").await;
        let lin = sign_up(&nodes[1], "lin").await;
        let channel = CreateRoom {
            kind: RoomKind::Channel,
            visibility: Some(Visibility::Public),
            name: Some("harbour".parse().expect("a name")),
            members: Vec::new(),
            txn: None,
        };
        let room = ada.create_room(&channel).await.expect("a room").id;
        lin.join(room, None).await.expect("joins");
        let (connection, heard) = lin
            .connect(ConnectOptions::default())
            .await
            .expect("an outbox");
        connection.ready().await.expect("a session");
        connection.open(room, None).await;
        Scene {
            nodes,
            ada,
            room,
            _lin: connection,
            heard,
            said: Vec::new(),
        }
    }

    /// Says something on the first node, and waits until it is heard on the second: nothing else comes in between.
    async fn say(&mut self, text: &str) {
        self.said.push(text.to_owned());
        let txn = format!("t-{}", self.said.len()).parse().expect("a txn");
        self.ada
            .send_message(self.room, &txn, text.parse().expect("a text"))
            .await
            .expect("sent");
        let hears = async {
            loop {
                let update = self.heard.recv().await.expect("the connection lasts");
                if let Update::Event(event) = update
                    && let Some(Known::Message { text }) =
                        event.content.as_ref().and_then(Content::known)
                {
                    return text.as_str().to_owned();
                }
            }
        };
        let heard = tokio::time::timeout(PATIENCE, hears).await;
        assert_eq!(heard.expect("it is heard"), text);
    }

    /// How many messages of others met a fate on the second node.
    fn fate(&self, fate: &str) -> u64 {
        let text = metrics(self.nodes[1].address());
        let name = format!("tidings_hints_heard_total{{fate=\"{fate}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.expect("a count").parse().expect("a number")
    }

    fn ends(mut self) {
        for node in &mut self.nodes {
            assert!(node.terminate().success(), "{}", node.log());
            assert!(!node.log().contains("panicked"), "{}", node.log());
        }
    }
}

fn metrics(address: SocketAddr) -> String {
    let mut tcp = TcpStream::connect(address).expect("a connection");
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    tcp.write_all(request.as_bytes()).expect("a request");
    let mut text = String::new();
    tcp.read_to_string(&mut text).expect("an answer");
    text
}

#[test]
fn a_stranger_on_redis_hears_no_word_and_is_believed_none() {
    run(async {
        let postgres = TestPostgres::new();
        let database = postgres.fresh_database();
        let redis = TestRedis::new();
        let mut scene = Scene::new(&database, &redis.url()).await;
        let epoch = postgres.sql(&database, "SELECT value FROM meta WHERE key = 'epoch'");
        let channel = format!("tidings:{}:hints", epoch.trim());
        let overheard = Arc::new(Mutex::new(Vec::new()));
        redis.listen(&channel, Arc::clone(&overheard));
        for round in 0..5 {
            scene.say(&format!("canary {round}")).await;
            let kept: Vec<Vec<u8>> = overheard.lock().expect("no panic").clone();
            let kept = kept.into_iter().filter(|said| !said.is_empty()).take(10);
            // In clear, as nodes once spoke: a batch that would fit.
            redis.publish(&channel, b"\x92\x01\x81\xa5Batch\x94\x00\x01\x02\x90");
            redis.publish(&channel, b"");
            redis.publish(&channel, &[1; 200]);
            for said in kept {
                redis.publish(&channel, &said);
                let mut changed = said.clone();
                let at = changed.len() / 2;
                changed[at] ^= 1;
                redis.publish(&channel, &changed);
            }
        }
        scene.say("the end").await;
        let kept = overheard.lock().expect("no panic").concat();
        assert!(kept.len() > 500, "the stranger heard something");
        assert!(!kept.windows(6).any(|word| word == b"canary"), "in clear");
        for fate in ["taken", "unsealed", "foreign", "old"] {
            assert!(scene.fate(fate) > 0, "{fate}");
        }
        scene.ends();
    });
}

#[test]
fn nodes_of_a_copy_are_not_believed() {
    run(async {
        // A copy holds the same epoch and the same secret, and speaks on the same channel; its logs have gone on from where
        // ours are. (It is made by hand here: an empty one with the same rows in `meta`.)
        let postgres = TestPostgres::new();
        let (database, copy) = (postgres.fresh_database(), postgres.fresh_database());
        let redis = TestRedis::new();
        let mut scene = Scene::new(&database, &redis.url()).await;
        let mut first = node(Some(&copy), None);
        assert!(first.terminate().success());
        for key in ["epoch", "hint_secret"] {
            let value = postgres.sql(
                &database,
                &format!("SELECT value FROM meta WHERE key = '{key}'"),
            );
            let text = format!(
                "UPDATE meta SET value = '{}' WHERE key = '{key}'",
                value.trim()
            );
            let _ = postgres.sql(&copy, &text);
        }
        let mut theirs = node(Some(&copy), Some(&redis.url()));
        scene.say("before").await;
        // Accounts fall on all shards: on most of them ours have nothing yet, and theirs continue that.
        for n in 0..20 {
            sign_up(&theirs, &format!("other{n}")).await;
        }
        for n in 0..5 {
            scene.say(&format!("meanwhile {n}")).await;
        }
        // Two looks at the heads later all goes on.
        // tidy: allow sleep — that nothing happens in that time is what is tested.
        tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
        scene.say("after").await;
        assert!(scene.fate("foreign") > 10);
        let log = scene.nodes[1].log();
        assert!(
            log.contains("are not of the nodes of this database"),
            "{log}"
        );
        assert!(theirs.terminate().success());
        scene.ends();
    });
}

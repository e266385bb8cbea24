//! Presence over nodes: counted once however many nodes a user is on, and given up with the node that falls. `[SG5]`

use tidings_sdk::{
    Client, ConnectOptions, Connection, Update, Updates,
    protocol::{
        RoomId, RoomKind, ServerFrame, Visibility,
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

/// A session of this account on a node, with the room open.
async fn open(node: &TestServer, client: &Client, room: RoomId) -> (Connection, Updates) {
    let address = format!("http://{}", node.address());
    let client = Client::with_token(&address, client.token()).expect("a token");
    let (connection, updates) = client
        .connect(ConnectOptions::default())
        .await
        .expect("an outbox");
    connection.ready().await.expect("a session");
    connection.open(room, None).await;
    (connection, updates)
}

/// Waits until the last count that came is this.
async fn counted(updates: &mut Updates, expected: u32) {
    let counts = async {
        loop {
            let update = updates.recv().await.expect("the connection lasts");
            if let Update::Signal(frame) = update
                && let ServerFrame::PresenceCount { count, .. } = *frame
                && count == expected
            {
                return;
            }
        }
    };
    let waited = tokio::time::timeout(PATIENCE, counts).await;
    waited.unwrap_or_else(|_| panic!("nobody told of {expected} present members"));
}

#[test]
fn members_on_all_nodes_are_counted_once_and_not_after_their_node_fell() {
    // [SG5]
    run(async {
        let postgres = TestPostgres::new();
        let database = postgres.fresh_database();
        let redis = TestRedis::new();
        let url = redis.url();
        let [one, mut two] = [(); 2].map(|()| node(Some(&database), Some(&url)));
        let (ada, lin) = (sign_up(&one, "ada").await, sign_up(&two, "lin").await);
        let channel = CreateRoom {
            kind: RoomKind::Channel,
            visibility: Some(Visibility::Public),
            name: Some("harbour".parse().expect("a name")),
            members: Vec::new(),
            txn: None,
        };
        let room = ada.create_room(&channel).await.expect("a room").id;
        let (_first, mut to_ada) = open(&one, &ada, room).await;
        counted(&mut to_ada, 1).await;
        // Both are on both nodes; lin comes to the room while she is there.
        let _also = open(&two, &ada, room).await;
        lin.join(room, None).await.expect("joins");
        let (_second, mut to_lin) = open(&two, &lin, room).await;
        counted(&mut to_lin, 2).await;
        counted(&mut to_ada, 2).await;
        two.kill();
        counted(&mut to_ada, 1).await;
        two.restart();
        let (_third, mut to_lin) = open(&two, &lin, room).await;
        counted(&mut to_lin, 2).await;
        counted(&mut to_ada, 2).await;
    });
}

//! A node in this process, whose inbox, database and numbers a test can reach.
//!
//! Owns: its start and its end. Never: does what a client could do; that goes through [`Inside::world`].

use std::sync::Arc;

use tidings_engine::Inbox;
use tidings_server::{
    config::{Config, Settings},
    node::Node,
    reactor,
};
use tokio::sync::watch;

use super::{World, in_time};

/// A node of one core in this process, where a test can plant what no client can send.
pub(crate) struct Inside {
    pub(crate) node: Arc<Node>,
    pub(crate) inbox: Arc<Inbox>,
    drain: watch::Sender<bool>,
    core: std::thread::JoinHandle<anyhow::Result<()>>,
    pub(crate) world: World,
    folder: tempfile::TempDir,
}

impl Inside {
    pub(crate) async fn start() -> Inside {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            data: Some(folder.path().to_owned()),
            cores: Some(1),
            sign_ins_per_minute: Some(10_000),
            ..Settings::default()
        };
        let inbox = Arc::new(Inbox::default());
        let config = Config::load(None, settings).unwrap();
        let node = Node::start(config, vec![Arc::clone(&inbox)]).await.unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let world = World::within(listener.local_addr().unwrap());
        let (drain, drained) = watch::channel(false);
        let (of_core, its_inbox) = (Arc::clone(&node), Arc::clone(&inbox));
        let core =
            std::thread::spawn(move || reactor::run(of_core, 0, its_inbox, listener, drained));
        Inside {
            node,
            inbox,
            drain,
            core,
            world,
            folder,
        }
    }

    /// The database's file.
    pub(crate) fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("tidings.db")).unwrap()
    }

    pub(crate) async fn stop(self) {
        self.node.begin_drain();
        self.drain.send_replace(true);
        let core = self.core;
        let ended = tokio::task::spawn_blocking(move || core.join().unwrap());
        in_time("the core's end", ended).await.unwrap().unwrap();
    }
}

//! A relay between clients and the program, on one port that outlives the program's.
//!
//! Owns: leading connections to where the program is, to nowhere, or with the program's words held back.
//! Never: reads what passes.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// Where connections lead, and whether the program is heard.
#[derive(Debug)]
pub(super) struct Relay {
    address: SocketAddr,
    target: watch::Sender<Option<SocketAddr>>,
    mute: Arc<AtomicBool>,
}

impl Relay {
    /// A relay to the program at this address.
    pub(super) async fn to(address: SocketAddr) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Relay {
            address: listener.local_addr().unwrap(),
            target: watch::Sender::new(Some(address)),
            mute: Arc::default(),
        };
        let (leads, mute) = (relay.target.subscribe(), relay.mute.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(lead(client, leads.clone(), mute.clone()));
            }
        });
        relay
    }

    /// The address for clients.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts every connection; new ones lead there, or are cut at once. The program is heard again.
    pub(super) fn leads(&self, to: Option<SocketAddr>) {
        self.target.send_replace(to);
        self.mute.store(false, Ordering::SeqCst);
    }

    /// From now on the program hears its clients and they do not hear it.
    pub(super) fn mute(&self) {
        self.mute.store(true, Ordering::SeqCst);
    }
}

async fn lead(
    client: TcpStream,
    mut leads: watch::Receiver<Option<SocketAddr>>,
    mute: Arc<AtomicBool>,
) {
    let target = *leads.borrow_and_update();
    let Some(target) = target else { return };
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Whichever ends first, both sides are cut.
    tokio::select! {
        () = pass(from_client, to_server, None) => {}
        () = pass(from_server, to_client, Some(mute)) => {}
        _ = leads.changed() => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mute: Option<Arc<AtomicBool>>) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        let muted = mute
            .as_ref()
            .is_some_and(|mute| mute.load(Ordering::SeqCst));
        if !muted && to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

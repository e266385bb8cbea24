//! The Rust SDK over TLS, to the real program behind a proxy with an authority of its own.
//!
//! Owns: who is trusted, and how a certificate that is not is told. Never: tests TLS itself; that is the library's.

use std::{net::SocketAddr, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tidings_sdk::{Client, ConnectOptions, Error, Format, Server, SignUp, protocol::RoomKind};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs::default_provider,
        pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    },
};

use super::{all, next_event};
use crate::world::{World, in_time};

/// A certificate authority that no machine knows.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a name, and its key.
    fn vouch(&self, name: &str) -> (CertificateDer<'static>, PrivatePkcs8KeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.into(), key.serialize_der().into())
    }
}

/// Ends TLS before the program, under a name that the authority vouches for. Gives its address.
async fn before(program: SocketAddr, authority: &Authority, name: &str) -> SocketAddr {
    let (certificate, key) = authority.vouch(name);
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that refuses the certificate ends it here.
                let Ok(mut client) = acceptor.accept(client).await else {
                    return;
                };
                let mut server = TcpStream::connect(program).await.unwrap();
                drop(copy_bidirectional(&mut client, &mut server).await);
            });
        }
    });
    address
}

fn account() -> SignUp {
    SignUp {
        username: "ada".parse().unwrap(),
        password: "a long password".to_owned(),
        display_name: None,
        device_name: None,
    }
}

#[tokio::test]
async fn a_server_with_an_authority_of_its_own_is_spoken_to_in_private() {
    let world = World::new().await;
    let authority = Authority::new();
    let address = before(world.address(), &authority, "localhost").await;
    let server = Server::at(&format!("https://localhost:{}", address.port()))
        .unwrap()
        .trusting_only(authority.pem().as_bytes())
        .unwrap();
    let (client, _) = Client::sign_up(server, &account()).await.unwrap();
    let room = serde_json::json!({ "kind": "channel", "name": "harbour" });
    let room = client
        .create_room(&serde_json::from_value(room).unwrap())
        .await
        .unwrap();
    assert_eq!(room.kind, RoomKind::Channel);
    for format in [Format::Json, Format::MessagePack] {
        let options = ConnectOptions { format, ..all() };
        let (connection, mut updates) = client.connect(options).await.unwrap();
        in_time("a connection that is up", connection.ready())
            .await
            .unwrap();
        let hello = in_time("an answer", connection.send(room.id, "hello")).await;
        assert_eq!(next_event(&mut updates).await, hello.unwrap());
        connection.close().await;
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_and_told() {
    let world = World::new().await;
    let (known, unknown) = (Authority::new(), Authority::new());
    let right = before(world.address(), &known, "localhost").await;
    let wrong_authority = before(world.address(), &unknown, "localhost").await;
    let wrong_name = before(world.address(), &known, "chat.example").await;
    let at = |address: SocketAddr| Server::at(&format!("https://localhost:{}", address.port()));
    let trusting = |address| {
        at(address)
            .unwrap()
            .trusting_only(known.pem().as_bytes())
            .unwrap()
    };
    let cases = [
        ("an authority that is not known", trusting(wrong_authority)),
        ("another's name", trusting(wrong_name)),
        ("nobody but the machine's own", at(right).unwrap()),
    ];
    for (what, server) in cases {
        let client = Client::with_token(server, "a-token").unwrap();
        let error = in_time(what, client.me()).await.unwrap_err();
        assert!(matches!(error, Error::Certificate(_)), "{what}: {error:?}");
        assert!(
            error.to_string().contains("certificate is refused"),
            "{error}"
        );
        // The socket says the same, and at once: it would never get better by waiting.
        let connected = in_time(what, client.connect(all())).await;
        let error = connected.unwrap_err();
        assert!(matches!(error, Error::Certificate(_)), "{what}: {error:?}");
    }
    // With the known one besides the machine's own it goes through, as far as the token.
    let both = at(right).unwrap().trusting(known.pem().as_bytes()).unwrap();
    let client = Client::with_token(both, "a-token").unwrap();
    assert!(client.me().await.unwrap_err().refusal().is_some());
}

#[tokio::test]
async fn a_token_that_is_none_is_told_at_once() {
    let world = World::new().await;
    let url = format!("http://{}", world.address());
    let client = Client::with_token(&url, "a-token").unwrap();
    let error = in_time("a no", client.connect(all())).await.unwrap_err();
    assert!(
        matches!(error, Error::Stopped { code: Some(_) }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("does not know this token"),
        "{error}"
    );
}

//! Tables of the opening handshake: accept keys, requests, subprotocols.

use tidings_websocket::handshake::{
    HandshakeError, Request, accept_key, choose_subprotocol, client_key,
};

const SOUND: Request<'_> = Request {
    connection: b"Upgrade",
    upgrade: b"websocket",
    version: b"13",
    key: b"dGhlIHNhbXBsZSBub25jZQ==",
};

#[test]
fn accept_key_of_the_standard() {
    let key = client_key(*b"the sample nonce");
    assert_eq!(key, "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(accept_key(key.as_bytes()), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn sound_requests() {
    let accept = Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned());
    assert_eq!(SOUND.accept(), accept);
    let request = Request {
        connection: b"keep-alive, Upgrade",
        upgrade: b"WebSocket",
        version: b" 13 ",
        ..SOUND
    };
    assert_eq!(request.accept(), accept);
}

#[test]
fn unsound_requests() {
    use HandshakeError::*;
    let table = [
        (Request::default(), NotAnUpgrade, 426),
        (
            Request {
                upgrade: b"h2c",
                ..SOUND
            },
            NotAnUpgrade,
            426,
        ),
        (
            Request {
                connection: b"close",
                ..SOUND
            },
            NotAnUpgrade,
            426,
        ),
        (
            Request {
                connection: b"upgraded",
                ..SOUND
            },
            NotAnUpgrade,
            426,
        ),
        (
            Request {
                version: b"8",
                ..SOUND
            },
            Version,
            426,
        ),
        (
            Request {
                version: b"",
                ..SOUND
            },
            Version,
            426,
        ),
        (Request { key: b"", ..SOUND }, Key, 400),
        (
            Request {
                key: b"c2hvcnQ=",
                ..SOUND
            },
            Key,
            400,
        ),
        (
            Request {
                key: b"dGhlIHNhbXBsZSBub25jZQ",
                ..SOUND
            },
            Key,
            400,
        ),
        (
            Request {
                key: b"not base64 at all !!!!==",
                ..SOUND
            },
            Key,
            400,
        ),
    ];
    for (request, error, status) in table {
        assert_eq!(request.accept(), Err(error), "{request:?}");
        assert_eq!(error.status(), status);
    }
}

#[test]
fn subprotocols() {
    let ours = ["tidings.v1.json", "tidings.v1.msgpack"];
    let table: [(&[&[u8]], Option<&str>); 7] = [
        (&[], None),
        (&[b""], None),
        (&[b"tidings.v1.json"], Some("tidings.v1.json")),
        (
            &[b"tidings.v9.json, tidings.v1.msgpack , tidings.v1.json"],
            Some("tidings.v1.msgpack"),
        ),
        (
            &[b"graphql-ws", b"tidings.v1.json"],
            Some("tidings.v1.json"),
        ),
        (&[b"TIDINGS.V1.JSON"], None),
        (&[b"tidings.v1.json\xff"], None),
    ];
    for (values, want) in table {
        let got = choose_subprotocol(values.iter().copied(), &ours);
        assert_eq!(got, want, "{values:?}");
    }
}

//! Anything at all as the headers of an opening handshake: never a panic, and an answer only to an
//! offer that stands there.
//!
//! The input is cut at line feeds into header values.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidings_websocket::handshake::{
    Request, accept_key, choose_subprotocol, confirm_deflate, negotiate_deflate,
};

fuzz_target!(|data: &[u8]| {
    let values = || data.split(|byte| *byte == b'\n');

    let answer = negotiate_deflate(values());
    if let Ok(Some(deflate)) = answer {
        let lower = data.to_ascii_lowercase();
        let name = b"permessage-deflate";
        assert!(lower.windows(name.len()).any(|window| window == name));
        // What we answer is what our own client takes.
        assert_eq!(confirm_deflate([deflate.response().as_bytes()]), Ok(true));
    }
    // Both ends share the grammar.
    let confirmed = confirm_deflate(values());
    let malformed = Err(tidings_websocket::handshake::HandshakeError::Extensions);
    assert_eq!(
        answer.is_err(),
        confirmed == malformed,
        "one end finds it malformed, the other does not"
    );

    let ours = ["tidings.v1.json", "tidings.v1.msgpack"];
    if let Some(chosen) = choose_subprotocol(values(), &ours) {
        assert!(ours.contains(&chosen));
        assert!(
            data.windows(chosen.len())
                .any(|window| window == chosen.as_bytes())
        );
    }

    let mut parts = values();
    let mut next = || parts.next().unwrap_or_default();
    let request = Request {
        connection: next(),
        upgrade: next(),
        version: next(),
        key: next(),
    };
    if let Ok(accept) = request.accept() {
        assert_eq!(accept, accept_key(request.key.trim_ascii()));
    }
});

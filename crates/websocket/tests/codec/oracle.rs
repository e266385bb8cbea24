//! Against another implementation: what we write it reads, what it writes we read.

use crate::receive::{Got, key_to, serve, text};
use bytes::Bytes;
use std::io::{Cursor, Read, Write};
use tidings_websocket::{
    CloseCode, Frame, Opcode, Role, binary, close, ping, pong, put_frame, text as text_frame,
};
use tungstenite::Message;
use tungstenite::protocol::WebSocket;
use tungstenite::protocol::frame::CloseFrame;

/// A stream whose incoming side is given and whose outgoing side is kept.
struct Wire {
    incoming: Cursor<Vec<u8>>,
    outgoing: Vec<u8>,
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.incoming.read(into)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.outgoing.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn other(role: Role, incoming: Vec<u8>) -> WebSocket<Wire> {
    let wire = Wire {
        incoming: Cursor::new(incoming),
        outgoing: Vec::new(),
    };
    let role = match role {
        Role::Server => tungstenite::protocol::Role::Server,
        Role::Client => tungstenite::protocol::Role::Client,
    };
    WebSocket::from_raw_socket(wire, role, None)
}

const LENGTHS: [usize; 9] = [0, 1, 7, 125, 126, 1000, 65_535, 65_536, 200_000];

#[test]
fn it_reads_the_frames_of_our_server() {
    for length in LENGTHS {
        let words = "ü".repeat(length / 2) + &"x".repeat(length % 2);
        let mut bytes = text_frame(&words).to_vec();
        bytes.extend(binary(words.as_bytes()));
        bytes.extend(ping(b"are you there"));
        bytes.extend(pong(b"yes"));
        bytes.extend(close(Some(CloseCode::GOING_AWAY), "see you"));
        let mut client = other(Role::Client, bytes);
        let want = [
            Message::text(words.clone()),
            Message::binary(words.into_bytes()),
            Message::Ping(Bytes::from_static(b"are you there")),
            Message::Pong(Bytes::from_static(b"yes")),
            Message::Close(Some(CloseFrame {
                code: 1001.into(),
                reason: "see you".into(),
            })),
        ];
        for want in want {
            assert_eq!(client.read().expect("a message"), want, "length {length}");
        }
    }
}

#[test]
fn it_reads_the_frames_of_our_client() {
    for length in LENGTHS {
        let words = "y".repeat(length);
        let (head, tail) = words.as_bytes().split_at(length / 3);
        let mut bytes = Vec::new();
        for (fin, opcode, payload) in [
            (false, Opcode::Text, head),
            (true, Opcode::Continuation, tail),
            (true, Opcode::Binary, words.as_bytes()),
        ] {
            let frame = Frame {
                fin,
                compressed: false,
                opcode,
                payload,
            };
            put_frame(&mut bytes, frame, key_to(Role::Server));
        }
        let mut server = other(Role::Server, bytes);
        let first = server.read().expect("a message");
        assert_eq!(first, Message::text(words.clone()), "length {length}");
        let second = server.read().expect("a message");
        assert_eq!(second, Message::binary(words.into_bytes()));
    }
}

#[test]
fn we_read_the_frames_of_its_client() {
    for length in LENGTHS {
        let words = "z".repeat(length);
        let mut client = other(Role::Client, Vec::new());
        for message in [
            Message::text(words.clone()),
            Message::binary(words.clone().into_bytes()),
            Message::Ping(Bytes::from_static(b"p")),
            Message::Close(Some(CloseFrame {
                code: 1000.into(),
                reason: "done".into(),
            })),
        ] {
            client.write(message).expect("written");
        }
        client.flush().expect("flushed");
        let want = vec![
            text(&words),
            Got::Binary(words.into_bytes()),
            Got::Ping(b"p".to_vec()),
            Got::Close(Some(CloseCode::NORMAL), "done".into()),
        ];
        let (got, result) = serve(&client.get_ref().outgoing);
        assert!(got == want && result == Ok(()), "{length}: {result:?}");
    }
}

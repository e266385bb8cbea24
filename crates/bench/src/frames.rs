//! The wire as a client sees it, in as little work as possible: where frames end, and what kind they are.
//!
//! Owns: cutting what a server sends into frames, the client's frames as bytes.
//! Never: reads more of a frame than it is asked for; the load generator must not be what is measured.

use tidings_websocket::{Opcode, put_text};

/// Our mask. What it is does not matter to the server's work.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x17, 0x88];

/// One frame of a server, unmasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut<'a> {
    pub(crate) opcode: u8,
    pub(crate) payload: &'a [u8],
    /// Bytes of the whole frame.
    pub(crate) bytes: usize,
}

/// The first frame of `bytes`, or none when it is not complete. A server's frames are whole messages here.
pub(crate) fn cut(bytes: &[u8]) -> Option<Cut<'_>> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (length, header): (usize, usize) = match second & 0x7f {
        126 => (
            usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
            4,
        ),
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            (usize::try_from(length).ok()?, 10)
        }
        short => (usize::from(short), 2),
    };
    Some(Cut {
        opcode: first & 0x0f,
        payload: bytes.get(header..header.checked_add(length)?)?,
        bytes: header + length,
    })
}

/// Whether a frame's opcode is that of a text.
pub(crate) fn is_text(opcode: u8) -> bool {
    opcode == Opcode::Text as u8
}

/// Whether it is a ping.
pub(crate) fn is_ping(opcode: u8) -> bool {
    opcode == Opcode::Ping as u8
}

/// Whether it ends the connection.
pub(crate) fn is_close(opcode: u8) -> bool {
    opcode == Opcode::Close as u8
}

/// Appends a client's text frame.
pub(crate) fn put(out: &mut Vec<u8>, text: &str) {
    put_text(out, text, Some(MASK));
}

/// Appends a pong.
pub(crate) fn put_pong(out: &mut Vec<u8>, payload: &[u8]) {
    tidings_websocket::put_pong(out, payload, Some(MASK));
}

/// Whether a payload is an event.
pub(crate) fn is_event(payload: &[u8]) -> bool {
    payload.starts_with(br#"{"type":"event""#)
}

/// Whether a payload begins a session.
pub(crate) fn is_welcome(payload: &[u8]) -> bool {
    payload.starts_with(br#"{"type":"ready""#) || payload.starts_with(br#"{"type":"reset""#)
}

/// Whether a payload says that a room is open.
pub(crate) fn is_opened(payload: &[u8]) -> bool {
    payload.starts_with(br#"{"type":"opened""#)
}

/// Whether a payload is a refusal.
pub(crate) fn is_refused(payload: &[u8]) -> bool {
    payload.starts_with(br#"{"type":"refused""#)
}

/// The text that follows `key` up to the next quotation mark, where no escapes can be: ids and numbers of our own.
pub(crate) fn field<'a>(payload: &'a [u8], key: &[u8]) -> Option<&'a str> {
    let start = payload.windows(key.len()).position(|w| w == key)? + key.len();
    let rest = &payload[start..];
    let end = rest.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&rest[..end]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_frame(length: usize) -> Vec<u8> {
        tidings_websocket::text(&"x".repeat(length)).to_vec()
    }

    #[test]
    fn frames_of_every_length_are_cut_where_they_end() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let frame = server_frame(length);
            let found = cut(&frame).unwrap();
            assert_eq!((found.bytes, found.payload.len()), (frame.len(), length));
            assert!(is_text(found.opcode));
            assert_eq!(cut(&frame[..frame.len() - 1]), None);
            let mut two = frame.clone();
            two.extend(server_frame(3));
            assert_eq!(cut(&two).unwrap().bytes, frame.len());
        }
        assert_eq!(cut(b""), None);
        assert_eq!(
            cut(&[0x81, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]),
            None
        );
    }

    #[test]
    fn what_is_put_is_what_the_server_reads() {
        use tidings_websocket::{Decoder, Limits, Message, Role, Scratch};
        let mut out = Vec::new();
        put(&mut out, "hello");
        put_pong(&mut out, b"p");
        let limits = Limits {
            max_message_bytes: 100,
            max_frame_bytes: 100,
            max_fragments: 1,
        };
        let mut said = Vec::new();
        Decoder::new(Role::Server, false)
            .feed(&mut out, &limits, &mut Scratch::new(), &mut |message| {
                said.push(match message {
                    Message::Text(text) => text.to_owned(),
                    Message::Pong(bytes) => format!("pong {}", bytes.len()),
                    other => format!("{other:?}"),
                });
            })
            .unwrap();
        assert_eq!(said, ["hello", "pong 1"]);
    }

    #[test]
    fn fields_are_found_by_their_key() {
        let payload = br#"{"type":"event","seq":4,"txn":"c3-17","content":{"text":"m5 x"}}"#;
        assert_eq!(field(payload, br#""txn":""#), Some("c3-17"));
        assert_eq!(field(payload, br#""text":""#), Some("m5 x"));
        assert_eq!(field(payload, br#""cursor":""#), None);
        assert!(is_event(payload) && !is_welcome(payload));
    }
}

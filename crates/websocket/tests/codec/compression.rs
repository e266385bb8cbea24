//! permessage-deflate: the examples of RFC 7692 §7.2.3, what must not inflate, what is shared.

use crate::receive::{Got, KEY, WIDE, receive, serve_with, text, to};
use tidings_websocket::{
    Decoder, Deflater, Frame, Limits, Opcode, ProtocolError, Role, Scratch, text as plain_text,
};

/// As a client with compression, all at once and byte by byte.
fn inflate(bytes: &[u8]) -> (Vec<Got>, Result<(), ProtocolError>) {
    inflate_within(WIDE, bytes)
}

fn inflate_within(limits: Limits, bytes: &[u8]) -> (Vec<Got>, Result<(), ProtocolError>) {
    let whole = receive(Role::Client, true, limits, [bytes]);
    let single = receive(Role::Client, true, limits, bytes.chunks(1));
    assert_eq!(whole, single);
    whole
}

/// A compressed frame of a server.
fn compressed(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let frame = Frame {
        fin,
        compressed: true,
        opcode,
        payload,
    };
    to(Role::Client, frame)
}

#[test]
fn examples_of_the_standard() {
    let table: [(&str, &[u8]); 5] = [
        ("one block", b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"),
        (
            "two fragments",
            b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00",
        ),
        (
            "a block without compression",
            b"\xc1\x0b\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
        ),
        (
            "a block with BFINAL",
            b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
        ),
        (
            "two blocks",
            b"\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
        ),
    ];
    for (what, bytes) in table {
        assert_eq!(inflate(bytes), (vec![text("Hello")], Ok(())), "{what}");
    }
}

#[test]
fn our_own_frame_has_rsv1_and_no_tail() {
    let payload = "Hello Hello Hello Hello";
    let frame = Deflater::new(6).text(payload);
    assert_eq!(frame[0], 0xC1);
    assert!(frame.len() < plain_text(payload).len());
    assert!(!frame.ends_with(&[0x00, 0x00, 0xFF, 0xFF]));
    assert_eq!(inflate(&frame), (vec![text(payload)], Ok(())));
}

#[test]
fn empty_compressed_messages() {
    for bytes in [&b"\xc1\x00"[..], b"\xc1\x01\x00"] {
        assert_eq!(inflate(bytes), (vec![text("")], Ok(())));
    }
}

#[test]
fn what_does_not_get_smaller_goes_as_it_is() {
    let mut deflater = Deflater::new(6);
    for payload in ["", "a", "Hello", "0192f7a1c3"] {
        assert_eq!(deflater.text(payload), plain_text(payload), "{payload}");
    }
}

#[test]
fn a_stream_that_ended_without_a_byte_for_the_tail() {
    let bytes = compressed(true, Opcode::Text, b"\xf3\x48\xcd\xc9\xc9\x07\x00");
    assert_eq!(inflate(&bytes), (vec![text("Hello")], Ok(())));
}

#[test]
fn streams_in_one_message_are_bounded() {
    // An empty block of fixed codes with BFINAL, again and again.
    let bytes = compressed(true, Opcode::Text, &b"\x03\x00".repeat(16));
    assert_eq!(inflate(&bytes), (vec![text("")], Ok(())));
    let bytes = compressed(true, Opcode::Text, &b"\x03\x00".repeat(17));
    assert_eq!(
        inflate(&bytes),
        (vec![], Err(ProtocolError::InvalidDeflate))
    );
}

#[test]
fn what_does_not_inflate() {
    let table: [(&str, &[u8]); 4] = [
        ("a reserved block type", b"\x07\x00"),
        (
            "a stored block whose lengths differ",
            b"\x00\x05\x00\x00\x00Hello",
        ),
        ("garbage", &[0xFF; 20]),
        (
            // RFC 7692 §7.2.3.2: the second "Hello" with context takeover.
            "a reference to the message before",
            b"\xf2\x00\x11\x00\x00",
        ),
    ];
    for (what, payload) in table {
        let mut bytes = compressed(true, Opcode::Text, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
        bytes.extend(compressed(true, Opcode::Text, payload));
        let want = (vec![text("Hello")], Err(ProtocolError::InvalidDeflate));
        assert_eq!(inflate(&bytes), want, "{what}");
    }
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let limits = Limits {
        max_message_bytes: 100_000,
        ..WIDE
    };
    let mut deflater = Deflater::new(9);
    for (length, fits) in [
        (99_999, true),
        (100_000, true),
        (100_001, false),
        (50 << 20, false),
    ] {
        let payload = vec![b'0'; length];
        let bytes = deflater.binary(&payload);
        assert!(bytes.len() < 100_000, "{length} is small on the wire");
        let want = if fits {
            (vec![Got::Binary(payload)], Ok(()))
        } else {
            (vec![], Err(ProtocolError::MessageTooBig))
        };
        let got = inflate_within(limits, &bytes);
        assert!(got == want, "{length}: {:?}", got.1);
    }
}

#[test]
fn inflated_text_has_to_be_utf8() {
    let payload = [b"a".repeat(100), vec![0xFF]].concat();
    let mut deflater = Deflater::new(6);
    let smaller = deflater
        .compress(&payload)
        .expect("it gets smaller")
        .to_vec();
    let bytes = compressed(true, Opcode::Text, &smaller);
    assert_eq!(inflate(&bytes), (vec![], Err(ProtocolError::InvalidUtf8)));
}

#[test]
fn rsv1_only_where_a_message_starts() {
    let start = compressed(false, Opcode::Text, b"\xf2\x48\xcd");
    let mut bytes = start.clone();
    bytes.extend(compressed(true, Opcode::Continuation, b"\xc9\xc9\x07\x00"));
    assert_eq!(inflate(&bytes), (vec![], Err(ProtocolError::ReservedBits)));
    let bytes = compressed(true, Opcode::Ping, b"");
    assert_eq!(inflate(&bytes), (vec![], Err(ProtocolError::ReservedBits)));
}

#[test]
fn control_frames_come_between_compressed_fragments() {
    let mut bytes = compressed(false, Opcode::Text, b"\xf2\x48\xcd");
    bytes.extend(to(Role::Client, Frame::whole(Opcode::Ping, b"1")));
    bytes.extend(to(
        Role::Client,
        Frame::whole(Opcode::Continuation, b"\xc9\xc9\x07\x00"),
    ));
    let want = vec![Got::Ping(b"1".to_vec()), text("Hello")];
    assert_eq!(inflate(&bytes), (want, Ok(())));
}

#[test]
fn a_frame_does_not_depend_on_the_messages_before() {
    let payload = "the same words, the same words";
    let mut fresh = Deflater::new(6);
    let mut used = Deflater::new(6);
    used.text(&"other words ".repeat(5000));
    used.binary(&[0; 70_000]);
    let frame = fresh.text(payload);
    assert_eq!(frame[0], 0xC1);
    assert_eq!(used.text(payload), frame);
}

#[test]
fn many_connections_share_one_scratch() {
    let mut scratch = Scratch::new();
    let mut got = Vec::new();
    let good = b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00".to_vec();
    let broken = b"\xc1\x03\xf2\x48\x07".to_vec();
    for bytes in [&good, &broken, &good] {
        let mut decoder = Decoder::new(Role::Client, true);
        let _ = decoder.feed(&mut bytes.clone(), &WIDE, &mut scratch, &mut |message| {
            got.push(Got::from(message));
        });
    }
    assert_eq!(got.first(), Some(&text("Hello")));
    assert_eq!(got.last(), Some(&text("Hello")));
}

#[test]
fn a_client_compresses_and_masks() {
    let payload = "{\"type\":\"send\"}".repeat(10);
    let mut deflater = Deflater::new(1);
    let mut bytes = Vec::new();
    deflater.put_text(&mut bytes, &payload, Some(KEY));
    deflater.put_binary(&mut bytes, payload.as_bytes(), Some(KEY));
    assert_eq!(bytes[0], 0xC1);
    assert!(bytes.len() < payload.len());
    let want = vec![text(&payload), Got::Binary(payload.into_bytes())];
    assert_eq!(serve_with(true, WIDE, &bytes), (want, Ok(())));
}

/// Bytes that no compressor makes smaller (xorshift64), the same in every run.
fn noise(length: usize, mut seed: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        bytes.push((seed >> 32) as u8);
    }
    bytes
}

#[test]
fn a_message_after_one_that_did_not_get_smaller() {
    for level in [1, 6, 9] {
        let mut deflater = Deflater::new(level);
        for round in 1..=64_usize {
            let hard = noise(round * 1_021, round as u64);
            assert_eq!(deflater.binary(&hard), tidings_websocket::binary(&hard));
            let easy = "to be or not to be ".repeat(round);
            let frame = deflater.text(&easy);
            assert_eq!(frame[0], 0xC1, "level {level}, round {round}");
            assert_eq!(inflate(&frame), (vec![text(&easy)], Ok(())));
        }
    }
}

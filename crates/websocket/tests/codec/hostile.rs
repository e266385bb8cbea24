//! What a hostile peer may send, and the answer to each: one table a rule.

use crate::receive::{Got, Receiver, WIDE, part, receive, serve, serve_with, text};
use tidings_websocket::{Limits, Opcode, ProtocolError, Role};

const SMALL: Limits = Limits {
    max_message_bytes: 1000,
    max_frame_bytes: 600,
    max_fragments: 4,
};

/// A masked header by hand, with a key of zeros: the payload stands as it is.
fn raw(first: u8, length: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, length[0] | 0x80];
    bytes.extend(&length[1..]);
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

#[test]
fn violations_of_one_frame() {
    use ProtocolError::*;
    let long = [b'x'; 126];
    let table = [
        (
            "RSV1 without compression",
            raw(0xC1, &[0], b""),
            ReservedBits,
        ),
        ("RSV2", raw(0xA1, &[0], b""), ReservedBits),
        ("RSV3", raw(0x91, &[0], b""), ReservedBits),
        ("RSV1 on a ping", raw(0xC9, &[0], b""), ReservedBits),
        ("opcode 3", raw(0x83, &[0], b""), ReservedOpcode),
        ("opcode 7", raw(0x87, &[0], b""), ReservedOpcode),
        ("opcode 11", raw(0x8B, &[0], b""), ReservedOpcode),
        ("opcode 15", raw(0x8F, &[0], b""), ReservedOpcode),
        ("no mask", b"\x81\x05Hello".to_vec(), NotMasked),
        ("ping without FIN", raw(0x09, &[0], b""), FragmentedControl),
        ("close without FIN", raw(0x08, &[0], b""), FragmentedControl),
        ("ping of 126", raw(0x89, &[126, 0, 126], &long), LongControl),
        (
            "close of 126",
            raw(0x88, &[126, 0, 126], &long),
            LongControl,
        ),
        ("ping of 64 bits", raw(0x89, &[127], b""), LongControl),
        ("125 in 16 bits", raw(0x82, &[126, 0, 125], b""), BadLength),
        ("0 in 16 bits", raw(0x82, &[126, 0, 0], b""), BadLength),
        (
            "65535 in 64 bits",
            raw(0x82, &[127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF], b""),
            BadLength,
        ),
        (
            "highest bit of 64",
            raw(0x82, &[127, 0x80, 0, 0, 0, 0, 1, 0, 0], b""),
            BadLength,
        ),
        (
            "stray continuation",
            raw(0x80, &[0], b""),
            StrayContinuation,
        ),
        ("stray fragment", raw(0x00, &[1], b"a"), StrayContinuation),
        ("close of 1", raw(0x88, &[1], b"a"), BadClose),
        ("close 0", raw(0x88, &[2], &[0, 0]), BadClose),
        (
            "close 999",
            raw(0x88, &[2], &999u16.to_be_bytes()),
            BadClose,
        ),
        (
            "close 1005",
            raw(0x88, &[2], &1005u16.to_be_bytes()),
            BadClose,
        ),
        (
            "close 1006",
            raw(0x88, &[2], &1006u16.to_be_bytes()),
            BadClose,
        ),
        (
            "close 1015",
            raw(0x88, &[2], &1015u16.to_be_bytes()),
            BadClose,
        ),
        (
            "close 2999",
            raw(0x88, &[2], &2999u16.to_be_bytes()),
            BadClose,
        ),
        (
            "close 5000",
            raw(0x88, &[2], &5000u16.to_be_bytes()),
            BadClose,
        ),
        (
            "close reason",
            raw(0x88, &[3], b"\x03\xe8\xff"),
            InvalidUtf8,
        ),
        (
            "close reason cut",
            raw(0x88, &[3], b"\x03\xe8\xc3"),
            InvalidUtf8,
        ),
        ("text", raw(0x81, &[2], b"a\xff"), InvalidUtf8),
        ("text cut", raw(0x81, &[2], b"a\xc3"), InvalidUtf8),
        ("surrogate", raw(0x81, &[3], b"\xed\xa0\x80"), InvalidUtf8),
        ("overlong", raw(0x81, &[2], b"\xc0\xaf"), InvalidUtf8),
        (
            "over U+10FFFF",
            raw(0x81, &[4], b"\xf4\x90\x80\x80"),
            InvalidUtf8,
        ),
    ];
    for (what, bytes, want) in table {
        assert_eq!(serve(&bytes), (vec![], Err(want)), "{what}");
    }
}

#[test]
fn what_came_before_the_violation_is_still_handed_out() {
    let mut bytes = part(true, Opcode::Text, b"good");
    bytes.extend(raw(0x83, &[0], b""));
    bytes.extend(part(true, Opcode::Text, b"late"));
    assert_eq!(
        serve(&bytes),
        (vec![text("good")], Err(ProtocolError::ReservedOpcode))
    );
}

#[test]
fn a_failed_connection_stays_failed_and_holds_nothing() {
    let mut receiver = Receiver::new(Role::Server, false, WIDE);
    assert_eq!(
        receiver.feed(&part(false, Opcode::Binary, &[1; 900])),
        Ok(())
    );
    assert!(receiver.decoder.held_bytes() >= 900);
    assert_eq!(
        receiver.feed(&part(true, Opcode::Text, b"")),
        Err(ProtocolError::MissingContinuation)
    );
    assert!(receiver.decoder.has_ended());
    assert_eq!(receiver.decoder.held_bytes(), 0);
    assert_eq!(receiver.feed(&part(true, Opcode::Text, b"late")), Ok(()));
    assert_eq!(receiver.got, []);
}

#[test]
fn a_client_refuses_masked_frames() {
    let bytes = part(true, Opcode::Text, b"Hello");
    let got = receive(Role::Client, false, WIDE, [&bytes[..]]);
    assert_eq!(got, (vec![], Err(ProtocolError::Masked)));
}

#[test]
fn announced_lengths_are_refused_before_any_payload() {
    let table: [(&[u8], ProtocolError); 4] = [
        (&[0x82, 0xFE, 0x02, 0x59], ProtocolError::FrameTooBig),
        (&[0x01, 0xFE, 0xFF, 0xFF], ProtocolError::FrameTooBig),
        (
            &[0x82, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF],
            ProtocolError::FrameTooBig,
        ),
        (
            &[0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
            ProtocolError::FrameTooBig,
        ),
    ];
    for (bytes, want) in table {
        assert_eq!(serve_with(false, SMALL, bytes), (vec![], Err(want)));
    }

    // Two frames that pass alone; the length of the second is enough to refuse it.
    let mut bytes = part(false, Opcode::Binary, &[1; 600]);
    bytes.extend([0x80, 0xFE, 0x01, 0x91]);
    assert_eq!(
        serve_with(false, SMALL, &bytes),
        (vec![], Err(ProtocolError::MessageTooBig))
    );
}

#[test]
fn an_announced_length_takes_no_memory() {
    let mut receiver = Receiver::new(Role::Server, false, WIDE);
    let mut bytes = vec![0x82, 0xFF];
    bytes.extend((1u64 << 20).to_be_bytes());
    bytes.extend([0; 4]);
    bytes.push(b'x');
    assert_eq!(receiver.feed(&bytes), Ok(()));
    assert!(receiver.decoder.held_bytes() < 512);
}

#[test]
fn floods_of_fragments_are_bounded() {
    for payload in [&b""[..], b"a"] {
        let mut bytes = part(false, Opcode::Text, payload);
        for _ in 0..3 {
            bytes.extend(part(false, Opcode::Continuation, payload));
        }
        assert_eq!(serve_with(false, SMALL, &bytes), (vec![], Ok(())));
        // The fifth is refused by its first byte alone.
        bytes.push(0x80);
        assert_eq!(
            serve_with(false, SMALL, &bytes),
            (vec![], Err(ProtocolError::TooManyFragments))
        );
    }
}

#[test]
fn a_long_flood_of_tiny_fragments_is_one_message() {
    let count = 400_000;
    let mut bytes = part(false, Opcode::Text, b"a");
    for _ in 1..count {
        bytes.extend(part(false, Opcode::Continuation, b"a"));
    }
    bytes.extend(part(true, Opcode::Continuation, b""));
    let (got, result) = receive(Role::Server, false, WIDE, bytes.chunks(1));
    assert_eq!(result, Ok(()));
    assert_eq!(got, [Got::Text("a".repeat(count))]);
}

#[test]
fn a_large_frame_may_come_byte_by_byte() {
    let payload = "é".repeat(250_000);
    let bytes = part(true, Opcode::Text, payload.as_bytes());
    let (got, result) = receive(Role::Server, false, WIDE, bytes.chunks(1));
    assert_eq!(result, Ok(()));
    assert_eq!(got, [Got::Text(payload)]);
}

#[test]
fn broken_text_fails_as_soon_as_it_shows() {
    let valid = "κόσμε".as_bytes();
    // After a whole fragment, before the message ends.
    let mut bytes = part(false, Opcode::Text, valid);
    bytes.extend(part(false, Opcode::Continuation, b"\xf4\x90"));
    assert_eq!(serve(&bytes), (vec![], Err(ProtocolError::InvalidUtf8)));

    // Inside of a frame whose payload is not complete.
    let mut bytes = part(true, Opcode::Text, b"\xf4\x90\x80\x80 and more");
    bytes.truncate(2 + 4 + 2);
    assert_eq!(serve(&bytes), (vec![], Err(ProtocolError::InvalidUtf8)));

    // A character that is cut is fine until the message ends.
    let mut bytes = part(false, Opcode::Text, b"\xf4");
    assert_eq!(serve(&bytes), (vec![], Ok(())));
    bytes.extend(part(true, Opcode::Continuation, b""));
    assert_eq!(serve(&bytes), (vec![], Err(ProtocolError::InvalidUtf8)));
}

#[test]
fn every_violation_has_its_close_code() {
    use ProtocolError::*;
    for (error, code) in [
        (ReservedBits, 1002),
        (ReservedOpcode, 1002),
        (NotMasked, 1002),
        (Masked, 1002),
        (FragmentedControl, 1002),
        (LongControl, 1002),
        (BadLength, 1002),
        (StrayContinuation, 1002),
        (MissingContinuation, 1002),
        (BadClose, 1002),
        (InvalidUtf8, 1007),
        (InvalidDeflate, 1007),
        (TooManyFragments, 1008),
        (FrameTooBig, 1009),
        (MessageTooBig, 1009),
    ] {
        assert_eq!(error.close_code().get(), code, "{error:?}");
        assert!(error.reason().is_ascii() && error.reason().len() <= 40);
        assert_eq!(error.to_string(), error.reason());
    }
}

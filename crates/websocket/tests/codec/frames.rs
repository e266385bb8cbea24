//! Tables of frames: the examples of RFC 6455 §5.7, every length of length, every kind of message.

use crate::receive::{Got, KEY, Receiver, WIDE, part, receive, serve, text, to};
use tidings_websocket::{CloseCode, Frame, Limits, Opcode, Role, binary, close, ping, pong};

#[test]
fn examples_of_the_standard() {
    let unmasked: [(&[u8], Got); 4] = [
        (b"\x81\x05Hello", text("Hello")),
        (b"\x01\x03Hel\x80\x02lo", text("Hello")),
        (b"\x89\x05Hello", Got::Ping(b"Hello".to_vec())),
        (b"\x8a\x05Hello", Got::Pong(b"Hello".to_vec())),
    ];
    for (bytes, want) in unmasked {
        let got = receive(Role::Client, false, WIDE, [bytes]);
        assert_eq!(got, (vec![want], Ok(())));
    }
    let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    assert_eq!(serve(masked), (vec![text("Hello")], Ok(())));
    assert_eq!(
        to(Role::Server, Frame::whole(Opcode::Text, b"Hello")),
        masked
    );
}

#[test]
fn lengths_are_written_minimally() {
    for (length, header) in [
        (0, vec![0x82, 0]),
        (125, vec![0x82, 125]),
        (126, vec![0x82, 126, 0, 126]),
        (256, vec![0x82, 126, 1, 0]),
        (65535, vec![0x82, 126, 0xFF, 0xFF]),
        (65536, vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let payload = vec![7; length];
        let frame = binary(&payload);
        assert_eq!(frame[..header.len()], header, "length {length}");
        assert_eq!(frame[header.len()..], payload, "length {length}");
        let got = receive(Role::Client, false, WIDE, [&frame[..]]);
        assert_eq!(got, (vec![Got::Binary(payload)], Ok(())));
    }
}

#[test]
fn control_frames_of_a_server() {
    assert_eq!(ping(b"a")[..], *b"\x89\x01a");
    assert_eq!(pong(b"")[..], *b"\x8a\x00");
    assert_eq!(ping(&[1; 200])[..2], [0x89, 125]);
    assert_eq!(close(None, "dropped")[..], *b"\x88\x00");
    assert_eq!(
        close(Some(CloseCode::NORMAL), "bye")[..],
        *b"\x88\x05\x03\xe8bye"
    );
}

#[test]
fn control_frames_come_between_fragments() {
    let mut bytes = part(false, Opcode::Text, "caf".as_bytes());
    bytes.extend(part(true, Opcode::Ping, b"1"));
    bytes.extend(part(false, Opcode::Continuation, &[0xC3]));
    bytes.extend(part(true, Opcode::Pong, b""));
    bytes.extend(part(true, Opcode::Continuation, &[0xA9]));
    bytes.extend(part(true, Opcode::Binary, b"next"));
    let want = vec![
        Got::Ping(b"1".to_vec()),
        Got::Pong(Vec::new()),
        text("café"),
        Got::Binary(b"next".to_vec()),
    ];
    assert_eq!(serve(&bytes), (want, Ok(())));
}

#[test]
fn empty_messages_and_empty_fragments() {
    let mut bytes = part(true, Opcode::Text, b"");
    bytes.extend(part(false, Opcode::Binary, b""));
    bytes.extend(part(false, Opcode::Continuation, b""));
    bytes.extend(part(true, Opcode::Continuation, b""));
    assert_eq!(
        serve(&bytes),
        (vec![text(""), Got::Binary(Vec::new())], Ok(()))
    );
}

#[test]
fn close_frames() {
    let table: [(&[u8], Got); 4] = [
        (b"", Got::Close(None, String::new())),
        (
            b"\x03\xe8",
            Got::Close(Some(CloseCode::NORMAL), String::new()),
        ),
        (
            b"\x03\xe9so long",
            Got::Close(Some(CloseCode::GOING_AWAY), "so long".into()),
        ),
        (
            b"\x13\x87\xc3\xa9",
            Got::Close(CloseCode::new(4999), "é".into()),
        ),
    ];
    for (payload, want) in table {
        assert_eq!(
            serve(&part(true, Opcode::Close, payload)),
            (vec![want], Ok(()))
        );
    }
}

#[test]
fn nothing_counts_after_a_close_frame() {
    let mut receiver = Receiver::new(Role::Server, false, WIDE);
    let mut bytes = part(false, Opcode::Text, b"open");
    bytes.extend(part(true, Opcode::Close, b""));
    bytes.extend(part(true, Opcode::Text, b"late"));
    bytes.extend([0xFF; 40]);
    assert_eq!(receiver.feed(&bytes), Ok(()));
    assert_eq!(receiver.feed(&[0xFF; 40]), Ok(()));
    assert_eq!(receiver.got, [Got::Close(None, String::new())]);
    assert!(receiver.decoder.has_ended());
    assert_eq!(receiver.decoder.held_bytes(), 0);
}

#[test]
fn many_frames_in_one_read() {
    let mut bytes = Vec::new();
    let mut want = Vec::new();
    for number in 0..500 {
        let line = format!("message {number}");
        tidings_websocket::put_text(&mut bytes, &line, Some(KEY));
        want.push(Got::Text(line));
    }
    assert_eq!(serve(&bytes), (want, Ok(())));
}

#[test]
fn what_is_exactly_at_a_limit_passes() {
    let limits = Limits {
        max_message_bytes: 6,
        max_frame_bytes: 3,
        max_fragments: 3,
    };
    let mut bytes = part(false, Opcode::Binary, b"abc");
    bytes.extend(part(false, Opcode::Continuation, b""));
    bytes.extend(part(true, Opcode::Continuation, b"def"));
    let got = receive(Role::Server, false, limits, [&bytes[..]]);
    assert_eq!(got, (vec![Got::Binary(b"abcdef".to_vec())], Ok(())));
}

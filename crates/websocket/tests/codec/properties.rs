//! Laws over generated streams: cuts do not matter, round trips are exact, limits hold for anything.

use crate::receive::{Got, Receiver, WIDE, key_to, receive};
use proptest::collection::vec;
use proptest::prelude::*;
use tidings_websocket::{Deflater, Frame, Limits, Opcode, Role, put_frame, put_ping, put_pong};

/// Something to be sent: a message in so many fragments, with pings between them, or a pong.
#[derive(Debug, Clone)]
enum Sent {
    Message {
        text: bool,
        words: String,
        bytes: Vec<u8>,
        compress: bool,
        cuts: Vec<usize>,
        ping_between: bool,
    },
    Pong(Vec<u8>),
}

fn sent() -> impl Strategy<Value = Sent> {
    let words = prop_oneof![
        ".{0,40}",
        ("[a-zé世🦀 ]{1,20}", 0..60usize).prop_map(|(words, times)| words.repeat(times)),
    ];
    let bytes = prop_oneof![
        vec(any::<u8>(), 0..300),
        (any::<u8>(), 0..5000usize).prop_map(|(byte, times)| vec![byte; times]),
    ];
    let message = (
        any::<bool>(),
        words,
        bytes,
        any::<bool>(),
        vec(0..400usize, 0..4),
        any::<bool>(),
    );
    prop_oneof![
        5 => message.prop_map(|(text, words, bytes, compress, cuts, ping_between)| {
            Sent::Message { text, words, bytes, compress, cuts, ping_between }
        }),
        1 => vec(any::<u8>(), 0..=125).prop_map(Sent::Pong),
    ]
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Server), Just(Role::Client)]
}

/// The bytes of what is sent to a receiver, and what it has to report.
fn encode(receiver: Role, deflate: bool, level: u32, sends: &[Sent]) -> (Vec<u8>, Vec<Got>) {
    let key = key_to(receiver);
    let mut deflater = Deflater::new(level);
    let (mut out, mut want) = (Vec::new(), Vec::new());
    for send in sends {
        let (text, words, bytes, compress, cuts, ping_between) = match send {
            Sent::Pong(payload) => {
                put_pong(&mut out, payload, key);
                want.push(Got::Pong(payload.clone()));
                continue;
            }
            Sent::Message {
                text,
                words,
                bytes,
                compress,
                cuts,
                ping_between,
            } => (*text, words, bytes, *compress, cuts, *ping_between),
        };
        let plain = if text { words.as_bytes() } else { bytes };
        let smaller = if deflate && compress {
            deflater.compress(plain)
        } else {
            None
        };
        let payload = smaller.unwrap_or(plain);
        let mut ends: Vec<usize> = cuts.iter().map(|cut| (*cut).min(payload.len())).collect();
        ends.push(payload.len());
        ends.sort_unstable();
        let mut start = 0;
        for (number, end) in ends.iter().enumerate() {
            if number > 0 && ping_between {
                put_ping(&mut out, b"between", key);
                want.push(Got::Ping(b"between".to_vec()));
            }
            let frame = Frame {
                fin: number + 1 == ends.len(),
                compressed: number == 0 && smaller.is_some(),
                opcode: match (number, text) {
                    (0, true) => Opcode::Text,
                    (0, false) => Opcode::Binary,
                    _ => Opcode::Continuation,
                },
                payload: &payload[start..*end],
            };
            put_frame(&mut out, frame, key);
            start = *end;
        }
        want.push(if text {
            Got::Text(words.clone())
        } else {
            Got::Binary(bytes.clone())
        });
    }
    (out, want)
}

/// Cuts a stream after so many bytes, again and again.
fn pieces<'s>(stream: &'s [u8], sizes: &[usize]) -> Vec<&'s [u8]> {
    let mut rest = stream;
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*size).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

const TIGHT: Limits = Limits {
    max_message_bytes: 300,
    max_frame_bytes: 200,
    max_fragments: 3,
};

/// Feeds a stream in pieces; after each the memory held and every message is within the limits.
fn within_limits(role: Role, deflate: bool, limits: Limits, pieces: &[&[u8]]) -> Receiver {
    let mut receiver = Receiver::new(role, deflate, limits);
    for piece in pieces {
        let _ = receiver.feed(piece);
        assert!(receiver.decoder.held_bytes() <= limits.max_message_bytes + 512);
    }
    for got in &receiver.got {
        let (length, most) = match got {
            Got::Text(text) => (text.len(), limits.max_message_bytes),
            Got::Binary(bytes) => (bytes.len(), limits.max_message_bytes),
            Got::Ping(bytes) | Got::Pong(bytes) => (bytes.len(), 125),
            Got::Close(_, reason) => (reason.len(), 123),
        };
        assert!(length <= most);
    }
    receiver
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn round_trips_are_exact_however_the_stream_is_cut(
        role in role(),
        deflate in any::<bool>(),
        level in 0..=9u32,
        sends in vec(sent(), 0..6),
        sizes in vec(1..200usize, 1..5),
    ) {
        let (stream, want) = encode(role, deflate, level, &sends);
        let whole = receive(role, deflate, WIDE, [&stream[..]]);
        prop_assert_eq!(&whole, &(want, Ok(())));
        let cut = receive(role, deflate, WIDE, pieces(&stream, &sizes));
        prop_assert_eq!(&cut, &whole);
        let single = receive(role, deflate, WIDE, stream.chunks(1));
        prop_assert_eq!(&single, &whole);
    }

    #[test]
    fn nothing_is_held_between_messages(role in role(), sends in vec(sent(), 0..6)) {
        let (stream, _) = encode(role, true, 6, &sends);
        let mut receiver = Receiver::new(role, true, WIDE);
        prop_assert_eq!(receiver.feed(&stream), Ok(()));
        prop_assert_eq!(receiver.decoder.held_bytes(), 0);
    }

    #[test]
    fn anything_at_all_stays_within_limits(
        role in role(),
        deflate in any::<bool>(),
        stream in vec(any::<u8>(), 0..600),
        sizes in vec(1..50usize, 1..5),
    ) {
        within_limits(role, deflate, TIGHT, &pieces(&stream, &sizes));
        let whole = receive(role, deflate, TIGHT, [&stream[..]]);
        prop_assert_eq!(receive(role, deflate, TIGHT, stream.chunks(1)), whole);
    }

    #[test]
    fn a_damaged_stream_stays_within_limits_and_cuts_do_not_matter(
        role in role(),
        deflate in any::<bool>(),
        sends in vec(sent(), 1..6),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        sizes in vec(1..50usize, 1..5),
    ) {
        let (mut stream, _) = encode(role, true, 6, &sends);
        for (at, byte) in damage {
            let at = at.index(stream.len());
            stream[at] ^= byte;
        }
        for limits in [TIGHT, WIDE] {
            let whole = receive(role, deflate, limits, [&stream[..]]);
            let cut = pieces(&stream, &sizes);
            let receiver = within_limits(role, deflate, limits, &cut);
            prop_assert_eq!(&receiver.got, &whole.0);
            prop_assert_eq!(receive(role, deflate, limits, cut), whole);
        }
    }
}

//! What a connection costs: two words when idle, whole frames handed out where they lie.

use crate::receive::{Receiver, WIDE, part};
use tidings_websocket::{Decoder, Deflater, Message, Opcode, Role, Scratch, put_text};

#[test]
fn an_idle_decoder_is_two_words() {
    assert!(size_of::<Decoder>() <= 16, "{}", size_of::<Decoder>());
    assert_eq!(Decoder::new(Role::Server, true).held_bytes(), 0);
}

#[test]
fn whole_frames_are_slices_of_the_input() {
    let mut input = Vec::new();
    put_text(&mut input, "first", Some([1, 2, 3, 4]));
    put_text(&mut input, &"second ".repeat(1000), Some([9, 8, 7, 6]));
    let range = input.as_ptr_range();
    let mut seen = Vec::new();
    let mut decoder = Decoder::new(Role::Server, false);
    let result = decoder.feed(&mut input, &WIDE, &mut Scratch::new(), &mut |message| {
        if let Message::Text(text) = message {
            seen.push((range.contains(&text.as_ptr()), text.len()));
        }
    });
    assert_eq!(result, Ok(()));
    assert_eq!(seen, [(true, 5), (true, 7000)]);
    assert_eq!(decoder.held_bytes(), 0);
}

#[test]
fn what_is_kept_goes_away_with_the_message() {
    let mut receiver = Receiver::new(Role::Server, true, WIDE);
    let mut bytes = part(false, Opcode::Text, b"some text");
    bytes.extend(part(true, Opcode::Ping, b"some ping"));
    bytes.extend(part(true, Opcode::Continuation, b""));
    let mut deflater = Deflater::new(6);
    deflater.put_text(&mut bytes, &"compressed ".repeat(30), Some([5; 4]));
    for (at, byte) in bytes.iter().enumerate() {
        assert_eq!(receiver.feed(&[*byte]), Ok(()));
        let last = at + 1 == bytes.len();
        assert_eq!(receiver.got.len() == 3, last, "byte {at}");
        // Between the two messages there is a moment of rest as well.
        let rest = last || receiver.got.len() == 2 && receiver.decoder.held_bytes() == 0;
        assert_eq!(receiver.decoder.held_bytes() == 0, rest, "byte {at}");
    }
}

#[test]
fn a_buffer_doubles_but_stops_at_the_end_of_the_message() {
    let mut receiver = Receiver::new(Role::Server, false, WIDE);
    let bytes = part(true, Opcode::Binary, &[7; 100_000]);
    let (last, before) = bytes.split_last().expect("not empty");
    for piece in before.chunks(1000) {
        assert_eq!(receiver.feed(piece), Ok(()));
        assert!(receiver.decoder.held_bytes() <= 100_000 + 512);
    }
    assert_eq!(receiver.feed(&[*last]), Ok(()));
    assert_eq!(receiver.decoder.held_bytes(), 0);
}

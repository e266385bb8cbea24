//! Anything at all as a client's frame, in both formats: refused, or the same frame after a round trip through either.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidings_protocol::{
    ClientFrame, ServerFrame,
    frame::read::{self, Read},
};

fn json(text: &str) -> Read {
    read::json(text, |fault| fault.plainly())
}

fn msgpack(bytes: &[u8]) -> Read {
    read::msgpack(bytes, |fault| fault.plainly())
}

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        check(json(text));
    }
    check(msgpack(data));
    // What clients read: never a panic, whatever a server says.
    let _ = serde_json::from_slice::<ServerFrame>(data);
    let _ = rmp_serde::from_slice::<ServerFrame>(data);
});

fn check(read: Read) {
    let Read::Frame(frame) = read else { return };
    let frame: ClientFrame = *frame;
    let text = serde_json::to_string(&frame).expect("a frame encodes");
    let packed = rmp_serde::to_vec_named(&frame).expect("a frame encodes");
    for again in [json(&text), msgpack(&packed)] {
        assert_eq!(again, Read::Frame(Box::new(frame.clone())));
    }
}

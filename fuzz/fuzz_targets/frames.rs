//! Anything at all as a client's frame, in both formats: refused, or the same frame after a round trip through either.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidings_protocol::{ClientFrame, ServerFrame};

fuzz_target!(|data: &[u8]| {
    if let Ok(frame) = serde_json::from_slice::<ClientFrame>(data) {
        round_trip(&frame);
    }
    if let Ok(frame) = rmp_serde::from_slice::<ClientFrame>(data) {
        round_trip(&frame);
    }
    // What clients read: never a panic, whatever a server says.
    let _ = serde_json::from_slice::<ServerFrame>(data);
    let _ = rmp_serde::from_slice::<ServerFrame>(data);
});

fn round_trip(frame: &ClientFrame) {
    let json = serde_json::to_vec(frame).expect("a frame encodes");
    assert_eq!(serde_json::from_slice::<ClientFrame>(&json).expect("and parses"), *frame);
    let packed = rmp_serde::to_vec_named(frame).expect("a frame encodes");
    assert_eq!(rmp_serde::from_slice::<ClientFrame>(&packed).expect("and parses"), *frame);
}

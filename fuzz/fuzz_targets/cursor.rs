//! Anything at all as a cursor: refused, or the one text of the cursor that it names.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidings_protocol::Cursor;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(cursor) = text.parse::<Cursor>() {
        assert_eq!(cursor.to_string(), text, "a cursor has one text");
        assert!(!cursor.positions.is_empty());
    }
});

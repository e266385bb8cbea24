//! The beginning of a text, for the list of rooms: cut between what readers see as characters, never within one. `[LI4]`
//!
//! Owns: where the cut is. Never: knows what a message may hold. `packages/client/src/last-line.ts` is its twin;
//! `spec/vectors/texts/last-line.json` pins both.

use unicode_segmentation::UnicodeSegmentation;

use crate::limits::LAST_LINE_LEN_MAX;

/// As many whole characters of a reader (grapheme clusters, UAX #29) as fit into 140 code points. One that is longer
/// than that by itself is no emoji and no letter but a heap of marks, and is cut.
#[must_use]
pub fn last_line(text: &str) -> String {
    let Some((limit, _)) = text.char_indices().nth(LAST_LINE_LEN_MAX) else {
        return text.to_owned();
    };
    let mut end = 0;
    for (start, cluster) in text.grapheme_indices(true) {
        if start + cluster.len() > limit {
            break;
        }
        end = start + cluster.len();
    }
    text[..if end == 0 { limit } else { end }].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vectors_hold() {
        // [LI4]
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../spec/vectors/texts/last-line.json"
        );
        let vectors: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for row in vectors["rows"].as_array().unwrap() {
            let text = row["text"].as_str().unwrap();
            assert_eq!(
                last_line(text),
                row["line"].as_str().unwrap(),
                "{}",
                row["name"]
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn a_line_is_a_beginning_and_short(text in "[a\u{301}\u{200d}👍🏽🇩🇪❤\u{fe0f}\r\n ก\u{e48}]{0,400}") {
            let line = last_line(&text);
            assert!(text.starts_with(&line) && line.chars().count() <= LAST_LINE_LEN_MAX);
            assert!(line == text || line.chars().count() > 0);
        }
    }
}

//! How many marks stand on one letter. `[LI2]`
//!
//! Owns: the count, for names alone: a heap of marks paints over what stands beside it. Never: looks at messages, which
//! stay as written.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::limits::NAME_MARKS_MAX;

/// Whether no letter carries more marks than the words of any script do: points of Hebrew, tones of Vietnamese and Thai,
/// vowels of Indic scripts. Marks with a place of their own beside the letter (`Mc`) paint over nothing.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "categories of Unicode: every other begins a letter"
)]
pub(super) fn are_few(text: &str) -> bool {
    let mut marks = 0;
    for c in text.chars() {
        match c.general_category() {
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark => marks += 1,
            // A joiner between two marks does not begin a letter.
            GeneralCategory::SpacingMark | GeneralCategory::Format => {}
            _ => marks = 0,
        }
        if marks > NAME_MARKS_MAX {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::DisplayName;

    #[test]
    fn names_of_the_world_are_names() {
        // [LI2]
        for name in [
            "Łukasz Żółć",
            "Nguyễn Thị Ánh Tuyết",
            "Nguye\u{302}\u{303}n Thi\u{323} A\u{301}nh Tuye\u{302}\u{301}t",
            "Þórunn Jónsdóttir",
            "Ἀθηνᾶ Παπαδοπούλου",
            "Ё\u{301}лка Йовович",
            "Հրանտ Դինք",
            "ნინო ჩხეიძე",
            "דָּוִד בֶּן־גּוּרְיוֹן",
            "שִׁ\u{5bd}מְעוֹן",
            "مُحَمَّدٌ عَبْدُ ٱللَّٰهِ",
            "علی\u{200c}رضا",
            "ܐܦܪܝܡ ܣܘܪܝܝܐ",
            "አበበ ቢቂላ",
            "अर्जुन श्रीवास्तव्य",
            "কৃষ্ণা চট্টোপাধ্যায়",
            "ਗੁਰਪ੍ਰੀਤ ਸਿੰਘ",
            "જ્યોત્સ્ના",
            "கிருஷ்ணமூர்த்தி",
            "శ్రీకృష్ణదేవరాయలు",
            "ಲಕ್ಷ್ಮೀ",
            "ശ്രീലക്ഷ്മി",
            "ක්\u{200d}ෂේමා",
            "ศุภ์ชัย น้ำผึ้ง",
            "ສົມຈິດ",
            "မျှော့် ကြွေး",
            "ស៊ីវ៉ុន ច័ន្ទ្រា",
            "བསྒྲུབས་ རྒྱུད་",
            "ᠮᠣᠩᠭᠣᠯ",
            "김철수",
            "\u{1100}\u{1175}\u{11b7}",
            "美咲 さくら",
            "ﾊﾟﾊﾟ が\u{3099}",
            "ⵜⵉⴼⵉⵏⴰⵖ",
            "Ọlá\u{323}\u{301} Adébáyọ̀",
            "❤\u{fe0f} 👩\u{200d}👩\u{200d}👧",
        ] {
            assert!(name.parse::<DisplayName>().is_ok(), "{name}");
        }
    }

    #[test]
    fn a_heap_of_marks_is_no_name() {
        // [LI2]
        let heap = "\u{301}".repeat(NAME_MARKS_MAX + 1);
        for name in [
            format!("Z{heap}"),
            format!("Z{}", "\u{301}".repeat(40)),
            format!("Ada {heap}Lovelace"),
            "Z\u{301}\u{489}\u{301}\u{300}\u{303}".to_owned(),
            "क\u{301}\u{301}\u{93e}\u{301}\u{301}\u{301}".to_owned(),
            "é\u{301}\u{301}\u{200d}\u{301}\u{301}\u{301}".to_owned(),
        ] {
            assert!(name.parse::<DisplayName>().is_err(), "{name:?}");
            assert!(
                name.parse::<crate::RoomName>().is_err()
                    && crate::name::device_name(&name).is_err()
            );
            assert!(name.parse::<crate::MessageText>().is_ok(), "as written");
        }
    }
}

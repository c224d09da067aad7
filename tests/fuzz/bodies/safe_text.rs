//! Text from outside is shown without anything that steers a terminal or cannot be seen (C32).

use quell::model::{SafeJson, SafeText};

pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let shown = SafeText(&text).to_string();
    assert!(!shown.contains(hidden), "{shown:?} of {text:?}");
    assert_eq!(SafeText(&shown).to_string(), shown, "of {text:?}");
    if !text.contains(hidden) {
        assert_eq!(shown, text);
    }
    // The longest escape has ten characters.
    assert!(shown.chars().count() <= 10 * text.chars().count());

    for chars in [0, 1, 7, 40] {
        let cut = SafeText(&text).cut(chars);
        let whole = text.chars().count() <= chars;
        let begin = cut.strip_suffix('…').filter(|_| !whole).unwrap_or(&cut);
        assert!(shown.starts_with(begin), "{cut:?} of {shown:?}");
        assert!(!whole || cut == shown, "{cut:?} of {shown:?} at {chars}");
        assert!(begin.chars().count() <= 10 * chars);
    }

    let json = serde_json::to_string(&[&*text, "second"]).expect("texts are JSON");
    let safe = SafeJson(&json).to_string();
    assert!(!safe.contains(hidden), "{safe:?}");
    let back: Vec<String> = serde_json::from_str(&safe).expect("it is still JSON");
    assert_eq!(back, [&*text, "second"]);
    assert_eq!(SafeJson(&safe).to_string(), safe);
}

/// What a terminal acts on, or a reader does not see: controls (`Cc`), and what has one of the properties
/// Bidi_Control, Default_Ignorable_Code_Point, Pattern_White_Space (but the blank), or is an interlinear
/// annotation. <https://www.unicode.org/Public/17.0.0/ucd/DerivedCoreProperties.txt>
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f
            | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0
            | 0xfff0..=0xfffb | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}

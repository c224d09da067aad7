//! What each fuzz target does with its bytes, and what must hold whatever they are. The same code runs
//! under `cargo fuzz` and, over `fixtures/fuzz/TARGET/`, under `cargo test`.

mod bytes;
pub mod decoders;
pub mod frames;
pub mod journal;
mod naive;
pub mod patterns;
pub mod placeholders;
pub mod requests;
pub mod rules;
pub mod safe_text;
pub mod setup;

/// What is done with the bytes.
pub type Run = fn(&[u8]);

/// Every target with its name.
pub const TARGETS: [(&str, Run); 9] = [
    ("decoders", decoders::run),
    ("frames", frames::run),
    ("journal", journal::run),
    ("patterns", patterns::run),
    ("placeholders", placeholders::run),
    ("requests", requests::run),
    ("rules", rules::run),
    ("safe_text", safe_text::run),
    ("setup", setup::run),
];

/// The pieces of a text between lines that begin with `%%`, each with the rest of the line that is before
/// it; that of the first piece is empty.
fn pieces(text: &str) -> Vec<(&str, &str)> {
    let mut pieces = Vec::new();
    let (mut name, mut start, mut at) = ("", 0, 0);
    for line in text.split_inclusive('\n') {
        if let Some(next) = line.strip_prefix("%%") {
            pieces.push((name, &text[start..at]));
            (name, start) = (next.trim(), at + line.len());
        }
        at += line.len();
    }
    pieces.push((name, &text[start..]));
    pieces
}

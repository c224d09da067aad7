//! Texts from anywhere in lines of 80 columns, as safe text (C32).

use std::fmt::Write as _;

use crate::console::text::wrap;
use crate::model::{SafeText, Timestamp};

/// Columns of a line at most.
pub const COLUMNS: usize = 80;

/// Adds a text: its first line behind `head`, the others below it.
pub fn add(out: &mut String, head: &str, text: &str) {
    let indent = head.chars().count();
    let safe = SafeText(text).to_string();
    for (i, line) in wrap(&safe, COLUMNS.saturating_sub(indent)).into_iter().enumerate() {
        // Writing to a `String` cannot fail.
        let _ = match i {
            0 => writeln!(out, "{head}{line}"),
            _ => writeln!(out, "{:indent$}{line}", ""),
        };
    }
}

/// `2026-11-21 14:03:22`.
pub fn moment(at: Timestamp) -> String {
    at.to_string().get(..19).map_or_else(|| at.to_string(), |text| text.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c32_a_text_cannot_leave_its_paragraph() {
        let mut out = String::new();
        add(&mut out, "  · ", "one\n\u{1b}[2Jtwo");
        assert_eq!(out, "  · one\\n\\x1b[2Jtwo\n");
        out.clear();
        add(&mut out, "  · ", &"word ".repeat(20));
        assert!(out.lines().count() == 2 && out.lines().all(|line| line.len() <= COLUMNS + 1), "{out}");
    }
}

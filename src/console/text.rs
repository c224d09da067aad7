//! Text that fits: widths, cuts, and figures as people read them.

use ratatui::buffer::CellWidth;

use crate::model::{SafeText, Span};

/// Columns that a text takes.
pub fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { usize::from(text.cell_width()) }
}

/// A text from anywhere, safe for a terminal (C32), cut to `columns` with `…` where it was cut.
pub fn cut(text: &str, columns: usize) -> String {
    // More than this can never be shown, and sanitising a megabyte for one row is waste.
    let end = text.char_indices().nth(columns.saturating_mul(4) + 4).map_or(text.len(), |(i, _)| i);
    let safe = SafeText(&text[..end]).to_string();
    if width(&safe) <= columns {
        return safe;
    }
    let mut out = String::new();
    let mut used = 0;
    for c in safe.chars() {
        let mut bytes = [0; 4];
        let wide = width(c.encode_utf8(&mut bytes));
        if used + wide + 1 > columns {
            break;
        }
        used += wide;
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// Breaks a text into lines of at most `columns`: at spaces where there are some.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for part in text.split('\n') {
        let safe = SafeText(part).to_string();
        let mut line = String::new();
        for word in safe.split_inclusive(' ') {
            if width(&line) + width(word.trim_end()) > columns && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for c in word.chars() {
                let mut bytes = [0; 4];
                if width(&line) + width(c.encode_utf8(&mut bytes)) > columns && c != ' ' {
                    lines.push(std::mem::take(&mut line));
                }
                line.push(c);
            }
        }
        lines.push(line);
    }
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines
}

/// `00:41`, `12:41`, `1:02:03`, `3d04h`.
pub fn age(span: Span) -> String {
    let secs = span.0 / 1_000_000;
    match secs {
        0..3_600 => format!("{:02}:{:02}", secs / 60, secs % 60),
        3_600..86_400 => format!("{}:{:02}:{:02}", secs / 3_600, secs / 60 % 60, secs % 60),
        _ => format!("{}d{:02}h", secs / 86_400, secs / 3_600 % 24),
    }
}

/// As [`age`], but in whole minutes: for what nothing happens to, so that it is not drawn every second.
pub fn about(span: Span) -> String {
    let minutes = span.0 / 60_000_000;
    match minutes {
        0 => "<1m".to_owned(),
        1..60 => format!("{minutes}m"),
        60..1_440 => format!("{}h{:02}m", minutes / 60, minutes % 60),
        _ => age(span),
    }
}

/// `HH:MM:SS` since a start, hours without limit.
pub fn uptime(span: Span) -> String {
    let secs = span.0 / 1_000_000;
    format!("{:02}:{:02}:{:02}", secs / 3_600, secs / 60 % 60, secs % 60)
}

/// Microseconds with three figures and a unit: `850 µs`, `1.21 ms`, `12.1 s`.
pub fn latency(micros: u64) -> String {
    let (value, unit) = match micros {
        0..1_000 => return format!("{micros} µs"),
        1_000..1_000_000 => (micros as f64 / 1e3, "ms"),
        _ => (micros as f64 / 1e6, "s"),
    };
    let digits = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.digits$} {unit}")
}

/// A count with a space between thousands: `1 024`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// One of something or many of it.
pub fn plural(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_columns_and_sanitised() {
        for (text, columns, shown) in [
            ("short", 10, "short"),
            ("exactly-10", 10, "exactly-10"),
            ("longer than ten", 10, "longer th…"),
            ("漢字漢字", 8, "漢字漢字"),
            ("漢字漢字", 7, "漢字漢…"),
            ("漢字漢字", 6, "漢字…"),
            ("\u{1b}]0;x\u{7}", 20, "\\x1b]0;x\\x07"),
            ("\u{9b}31m", 6, "\\x9b3…"),
            ("x", 0, ""),
        ] {
            let out = cut(text, columns);
            assert_eq!(out, shown, "{text:?} in {columns}");
            assert!(width(&out) <= columns);
        }
        assert!(width(&cut(&"a".repeat(1_000_000), 80)) == 80);
    }

    #[test]
    fn long_lines_are_wrapped() {
        assert_eq!(wrap("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(wrap("abcdefghijkl", 5), ["abcde", "fghij", "kl"]);
        assert_eq!(wrap("a\nb", 5), ["a", "b"]);
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("\u{1b}[2J", 20), ["\\x1b[2J"]);
    }

    #[test]
    fn figures_are_readable() {
        for (micros, text) in [
            (0, "0 µs"),
            (999, "999 µs"),
            (1_210, "1.21 ms"),
            (12_100, "12.1 ms"),
            (999_960, "1000 ms"),
            (1_210_000, "1.21 s"),
            (61_000_000, "61.0 s"),
        ] {
            assert_eq!(latency(micros), text);
        }
        for (secs, text) in [(0, "00:00"), (761, "12:41"), (3_723, "1:02:03"), (100_000, "1d03h")] {
            assert_eq!(age(Span::from_secs(secs)), text);
        }
        for (secs, text) in [(41, "<1m"), (761, "12m"), (3_723, "1h02m"), (100_000, "1d03h")] {
            assert_eq!(about(Span::from_secs(secs)), text);
        }
        assert_eq!(uptime(Span::from_secs(761)), "00:12:41");
        for (n, text) in [(0, "0"), (999, "999"), (1_024, "1 024"), (1_234_567, "1 234 567")] {
            assert_eq!(grouped(n), text);
        }
    }
}

//! Numbers and names as people read them.

use crate::model::Span;

/// `1 line`, `2 lines`.
pub fn counted(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// The words of a name in snake case.
pub fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// `1.3 s`.
pub fn seconds(span: Span) -> String {
    format!("{:.1} s", span.as_secs_f64())
}

/// `340 ms`, `12.3 s`, `3m12s`, `2h05m`.
pub fn span(span: Span) -> String {
    let secs = span.0 / 1_000_000;
    match secs {
        0 if span.0.is_multiple_of(1_000) || span.0 >= 10_000 => format!("{} ms", span.0 / 1_000),
        0 => format!("{:.1} ms", span.0 as f64 / 1e3),
        1..60 => format!("{:.1} s", span.as_secs_f64()),
        60..3_600 => format!("{}m{:02}s", secs / 60, secs % 60),
        3_600..86_400 => format!("{}h{:02}m", secs / 3_600, secs / 60 % 60),
        _ => format!("{}d{:02}h", secs / 86_400, secs / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        let texts = [0, 1, 2].map(|n| counted(n, "run"));
        assert_eq!(texts, ["0 runs", "1 run", "2 runs"]);
    }

    #[test]
    fn spans_have_one_unit_or_two() {
        for (micros, text) in [
            (0, "0 ms"),
            (400, "0.4 ms"),
            (340_000, "340 ms"),
            (12_345_678, "12.3 s"),
            (192_000_000, "3m12s"),
            (7_500_000_000, "2h05m"),
            (100_000_000_000, "1d03h"),
        ] {
            assert_eq!(span(Span(micros)), text);
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        let texts = [0, 1, 2].map(|n| counted(n, "run"));
        assert_eq!(texts, ["0 runs", "1 run", "2 runs"]);
    }
}

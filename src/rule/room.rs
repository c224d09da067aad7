//! What all rules of one setup may take together: short texts can stand for much.

use std::cell::Cell;

use crate::flow::fault::Fault;

/// Bytes of compiled regular expressions.
const EXPRESSION_BYTES: usize = 256 * 1024 * 1024;
/// Bytes of values that placeholders and encodings make of others.
const MADE_BYTES: usize = 64 * 1024 * 1024;

/// The room that is left.
#[derive(Debug)]
pub struct Room {
    expressions: Cell<usize>,
    made: Cell<usize>,
}

impl Default for Room {
    fn default() -> Self {
        Room { expressions: Cell::new(EXPRESSION_BYTES), made: Cell::new(MADE_BYTES) }
    }
}

impl Room {
    /// Takes room for a compiled expression of at most so many bytes.
    pub fn expression(&self, bytes: usize) -> Result<(), Fault> {
        take(&self.expressions, bytes).ok_or_else(|| {
            let limit = EXPRESSION_BYTES / 1024 / 1024;
            Fault::new(format!("the regular expressions of all rules need more than {limit} MiB"))
                .hint("repeat less in them: each `{n,m}` is written out; or have fewer of them")
        })
    }

    /// Takes room for so many values of so many bytes in all.
    pub fn made(&self, values: usize, bytes: usize) -> Result<(), Fault> {
        take(&self.made, values.saturating_mul(64).saturating_add(bytes)).ok_or_else(|| {
            let limit = MADE_BYTES / 1024 / 1024;
            Fault::new(format!(
                "what placeholders and encodings make of the values needs more than {limit} MiB"
            ))
        })
    }
}

fn take(room: &Cell<usize>, bytes: usize) -> Option<()> {
    room.set(room.get().checked_sub(bytes)?);
    Some(())
}

#[cfg(test)]
mod tests {
    use crate::rule::load;

    fn rule(detection: &str) -> String {
        format!("title: t\nname: t\ndetection:\n{detection}\n")
    }

    #[test]
    fn short_texts_that_stand_for_much_are_refused() {
        let values = |n: usize| (0..n).map(|n| format!("v{n}")).collect::<Vec<_>>().join(", ");
        let expand = |n, text: &str| {
            format!(
                "placeholders: {{p: [{}]}}\n---\n{}",
                values(n),
                rule(&format!("  s: {{a|expand: '{text}'}}\n  condition: s"))
            )
        };
        let names = |n: usize, condition: &str| {
            let names: String = (0..n).map(|n| format!("  s{n}: x\n")).collect();
            rule(&format!("{names}  condition: {condition}"))
        };
        let large = vec!["'(x{1000}){60}'"; 33].join(", ");
        for (text, expected) in [
            (
                rule(&format!("  s: {{'a{}': x}}\n  condition: s", "|base64offset".repeat(24))),
                Some("`base64offset` cannot follow"),
            ),
            (rule("  s: {a|wide|base64|base64offset: x}\n  condition: s"), None),
            (expand(1_000, "%p%"), None),
            (expand(1_001, "%p%"), Some("make more than 1000 values")),
            (expand(40, "%p%%p%%p%%p%"), Some("make more than 1000 values")),
            (expand(1_000, &format!("%p%{}", "x".repeat(100_000))), Some("needs more than 64 MiB")),
            (names(1_000, "1 of s*"), None),
            (names(1_001, "1 of s*"), Some("more than 1000 search identifiers")),
            (names(100, &vec!["1 of s*"; 100].join(" or ")), None),
            (names(100, &vec!["1 of s*"; 101].join(" or ")), Some("more than 10000 times")),
            (names(100, &format!("[{}]", vec!["1 of s*"; 101].join(", "))), Some("more than 10000 times")),
            (
                rule(&format!("  s: {{a|re: [{large}]}}\n  condition: s")),
                Some("of all rules need more than 256 MiB"),
            ),
        ] {
            let found = load(&[("t.yml".to_owned(), text)]).err().unwrap_or_default();
            let found = found.first().map(ToString::to_string);
            match expected {
                None => assert_eq!(found, None),
                Some(expected) => assert!(
                    found.as_ref().is_some_and(|f| f.contains(expected)),
                    "{found:?} has no {expected}"
                ),
            }
        }
    }

    #[test]
    fn a_thousand_filters_are_no_deeper_than_one() {
        let filters: String = (0..1_000)
            .map(|n| {
                format!(
                    "---\ntitle: f\nname: f{n}\nfilter: {{rules: any, s: {{a: x{n}}}, condition: not s}}\n"
                )
            })
            .collect();
        let half: Vec<_> = filters.split_inclusive("condition: not s}\n").collect();
        let rest = half[500..].concat();
        let files = [
            ("a.yml", rule("  s: {a: y}\n  condition: s") + &half[..500].concat()),
            ("b.yml", rest[4..].to_owned()),
        ];
        let set = load(&files.map(|(file, text)| (file.to_owned(), text))).unwrap();
        let crate::rule::Condition::All(parts) = &set.rules()[0].program.condition else { panic!() };
        assert_eq!(parts.len(), 1_001);
    }
}

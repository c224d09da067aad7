//! Collects the mistakes of one file, and takes nodes apart for the parsers.

use super::yaml::{Entry, Kind, Node, Place};
use crate::model::Mistake;

/// The mistakes of one file so far.
pub struct Report<'a> {
    file: &'a str,
    pub mistakes: Vec<Mistake>,
}

impl<'a> Report<'a> {
    pub fn new(file: &'a str) -> Self {
        Report { file, mistakes: Vec::new() }
    }

    pub fn mistake(&mut self, at: Place, message: impl Into<String>) {
        self.hinted(at, message, None::<&str>);
    }

    pub fn hinted(&mut self, at: Place, message: impl Into<String>, hint: Option<impl Into<String>>) {
        self.mistakes.push(Mistake {
            file: self.file.to_string(),
            line: at.line,
            column: at.column,
            message: message.into(),
            hint: hint.map(Into::into),
        });
    }

    /// A mistake about a node of the wrong kind.
    pub fn expected(&mut self, node: &Node, what: &str) {
        self.mistake(node.at, format!("expected {what}, found {}", node.described()));
    }

    /// The entries of a map.
    pub fn map<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
        match &node.kind {
            Kind::Map(entries) => Some(entries),
            _ => {
                self.expected(node, what);
                None
            }
        }
    }

    /// A text that is not empty. A number counts as its text.
    pub fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match &node.kind {
            Kind::Text(text) if text.trim().is_empty() => {
                self.mistake(node.at, format!("expected {what}, found empty text"));
                None
            }
            Kind::Text(text) => Some(text.clone()),
            Kind::Int(number) => Some(number.to_string()),
            _ => {
                self.expected(node, what);
                None
            }
        }
    }

    /// One text or a list of them, each with its place.
    pub fn texts(&mut self, node: &Node, what: &str) -> Vec<(Place, String)> {
        match &node.kind {
            Kind::List(items) => {
                items.iter().filter_map(|item| Some((item.at, self.text(item, what)?))).collect()
            }
            _ => self.text(node, what).map(|text| (node.at, text)).into_iter().collect(),
        }
    }

    /// A key that nobody knows; `known` helps to find what was meant.
    pub fn unknown(&mut self, entry: &Entry, of: &str, known: &[&str]) {
        let hint = match nearest(&entry.key, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known keys: {}", known.join(", ")),
        };
        self.hinted(entry.at, format!("unknown key `{}` in {of}", entry.key), Some(hint));
    }
}

/// The known word that is at most two edits away.
fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let closest = known.iter().map(|k| (distance(word, k), *k)).min()?;
    (closest.0 <= 2 && closest.0 < word.len()).then_some(closest.1)
}

/// Levenshtein's edit distance, by rows.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut next = vec![i + 1];
        for (cb, pair) in b.iter().zip(row.windows(2)) {
            let &[diagonal, above] = pair else { continue };
            let left = next.last().copied().unwrap_or_default();
            next.push((diagonal + usize::from(ca != *cb)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found() {
        let known = ["logsource", "detection", "level"];
        assert_eq!(nearest("logsorce", &known), Some("logsource"));
        assert_eq!(nearest("levl", &known), Some("level"));
        assert_eq!(nearest("frobnicate", &known), None);
        assert_eq!(nearest("x", &["ab"]), None);
    }
}

//! Walks a YAML tree and collects every mistake on the way.

use std::fmt::Display;
use std::str::FromStr;

use super::fault::{Fault, did_you_mean, list};
use super::yaml::{self, Data, Entry, Node, Place};
use crate::model::{Mistake, SafeText, Severity, Span, Value, ValueType};

/// A keyword that is refused until it acts.
pub type Later = &'static str;

/// Reads parts of one file; what is wrong is noted, and reading goes on.
#[derive(Debug)]
pub struct Reader<'a> {
    file: &'a str,
    mistakes: Vec<Mistake>,
}

impl<'a> Reader<'a> {
    /// A reader of the file of this name.
    pub fn new(file: &'a str) -> Self {
        Reader { file, mistakes: Vec::new() }
    }

    /// The documents of a text. What could not be read at all is noted; a file with a double key is
    /// still given.
    pub fn documents(&mut self, text: &str) -> Vec<Node> {
        let (documents, mistake) = yaml::read(self.file, text);
        self.mistakes.extend(mistake);
        documents
    }

    /// The only document of a text, as [`Reader::documents`]; of an empty text a null.
    pub fn document(&mut self, text: &str) -> Option<Node> {
        let before = self.noted();
        let mut documents = self.documents(text).into_iter();
        let first = documents.next();
        if let Some(second) = documents.next() {
            let fault = Fault::new(format!("expected one document, found {}", documents.len() + 2));
            self.wrong(second.at, fault.hint("put what comes after `---` into a file of its own"));
        }
        let nothing = Node { at: Place::START, data: Data::Scalar(Value::Null) };
        first.or_else(|| (self.noted() == before).then_some(nothing))
    }

    /// The mistakes so far, in the order of the file.
    pub fn into_mistakes(self) -> Vec<Mistake> {
        let mut mistakes = self.mistakes;
        mistakes.sort();
        mistakes.dedup();
        mistakes
    }

    /// How many mistakes were noted so far.
    pub fn noted(&self) -> usize {
        self.mistakes.len()
    }

    /// Notes a mistake.
    pub fn wrong(&mut self, at: Place, fault: impl Into<Fault>) {
        let fault = fault.into();
        self.mistakes.push(at.mistake(self.file, fault.message, fault.hint));
    }

    /// Notes that something else was expected.
    pub fn expected(&mut self, node: &Node, what: &str) {
        self.wrong(node.at, Fault::new(format!("expected {what}, found {}", node.described())));
    }

    /// A mapping whose keys are among `keys`. Those of `later` are known but do not act yet.
    pub fn mapping<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        keys: &[&str],
        later: &[Later],
    ) -> Option<&'n [Entry]> {
        let entries = self.entries(node, what)?;
        self.keys(entries, what, keys, later);
        Some(entries)
    }

    /// Notes the keys of a mapping that are not among `keys`.
    pub fn keys(&mut self, entries: &[Entry], what: &str, keys: &[&str], later: &[Later]) {
        for Entry { at, key, .. } in entries.iter().filter(|entry| !keys.contains(&entry.key.as_str())) {
            let shown = SafeText(key).cut(60);
            let fault = if later.contains(&key.as_str()) {
                Fault::new(format!("`{shown}` is not supported yet")).hint("remove it")
            } else {
                let near = did_you_mean(key, keys.iter().copied());
                Fault::new(format!("unknown key `{shown}` in {what}"))
                    .hint(near.unwrap_or_else(|| format!("known keys: {}", keys.join(", "))))
            };
            self.wrong(*at, fault);
        }
    }

    /// A mapping with keys of the author's own.
    pub fn entries<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
        match &node.data {
            Data::Map(entries) => Some(entries),
            _ => {
                self.expected(node, &format!("a mapping ({what})"));
                None
            }
        }
    }

    /// The value under a key that must be there.
    pub fn required<'n>(&mut self, node: &'n Node, key: &str, what: &str) -> Option<&'n Node> {
        let found = node.get(key);
        if found.is_none() && matches!(node.data, Data::Map(_)) {
            self.wrong(node.at, Fault::new(format!("`{key}` is missing in {what}")));
        }
        found
    }

    /// A list.
    pub fn items<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.data {
            Data::List(items) => items,
            _ => {
                self.expected(node, &format!("a list ({what})"));
                &[]
            }
        }
    }

    /// A text.
    pub fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.data {
            Data::Scalar(Value::String(text)) => Some(text),
            Data::Scalar(Value::Number(_) | Value::Bool(_)) => {
                let message = format!("expected {what} as text, found {}", node.described());
                self.wrong(node.at, Fault::new(message).hint("put it in quotes"));
                None
            }
            _ => {
                self.expected(node, what);
                None
            }
        }
    }

    /// One line for people, at most 200 characters.
    pub fn line<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let text = self.text(node, what)?.trim();
        if text.is_empty() || text.chars().count() > 200 || text.chars().any(char::is_control) {
            self.wrong(node.at, Fault::new(format!("expected {what}: one line of at most 200 characters")));
            return None;
        }
        Some(text)
    }

    /// A name: letters, digits, `_`, `-` and `.`, beginning with a letter or digit, at most 64.
    pub fn name<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let text = self.text(node, what)?;
        self.check_name(node.at, text, what).then_some(text)
    }

    /// As [`Reader::name`], for a key.
    pub fn check_name(&mut self, at: Place, text: &str, what: &str) -> bool {
        let good = !text.is_empty()
            && text.len() <= 64
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if !good {
            let shown = SafeText(text).cut(40);
            self.wrong(
                at,
                Fault::new(format!("`{shown}` is not a name for {what}"))
                    .hint("a name has letters, digits, `_`, `-` and `.`, begins with a letter or digit, and is at most 64 long"),
            );
        }
        good
    }

    /// A word of a closed set, or anything else that is read from text.
    pub fn word<T: FromStr<Err: Display>>(&mut self, node: &Node, what: &str, known: &[&str]) -> Option<T> {
        let text = self.text(node, what)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(why) => {
                let shown = SafeText(text).cut(40);
                let hint = did_you_mean(text, known.iter().copied());
                self.wrong(node.at, Fault::new(format!("{why}; found `{shown}`")).maybe_hint(hint));
                None
            }
        }
    }

    /// A severity.
    pub fn severity(&mut self, node: &Node, what: &str) -> Option<Severity> {
        let words: Vec<&str> = Severity::ALL.iter().map(|severity| severity.name()).collect();
        self.word(node, what, &words)
    }

    /// A type of value.
    pub fn value_type(&mut self, node: &Node) -> Option<ValueType> {
        let words: Vec<&str> = ValueType::ALL.iter().map(|(_, name)| *name).collect();
        self.word(node, "a type", &words)
    }

    /// One of the given words; gives its index.
    pub fn choice(&mut self, node: &Node, what: &str, words: &[&str]) -> Option<usize> {
        let text = self.text(node, what)?;
        let found = words.iter().position(|word| *word == text);
        if found.is_none() {
            let shown = SafeText(text).cut(40);
            let message = format!("expected {what}: one of {}; found `{shown}`", list(words.iter().copied()));
            self.wrong(node.at, Fault::new(message).maybe_hint(did_you_mean(text, words.iter().copied())));
        }
        found
    }

    /// A duration above zero and at most 366 days.
    pub fn span(&mut self, node: &Node, what: &str) -> Option<Span> {
        let span = self.span_or_zero(node, what)?;
        if span == Span::ZERO {
            self.wrong(node.at, Fault::new(format!("{what} must be longer than zero")));
            return None;
        }
        Some(span)
    }

    /// A duration of at most 366 days.
    pub fn span_or_zero(&mut self, node: &Node, what: &str) -> Option<Span> {
        const MOST: Span = Span::from_secs(366 * 86_400);
        if let Data::Scalar(Value::Number(n)) = &node.data {
            let message = format!("{what} needs a unit, found the number {n}");
            self.wrong(node.at, Fault::new(message).hint(format!("write `{n}s` for seconds")));
            return None;
        }
        let span: Span = self.word(node, what, &[])?;
        if span > MOST {
            self.wrong(node.at, Fault::new(format!("{what} is longer than 366 days")));
            return None;
        }
        Some(span)
    }

    /// `true` or `false`.
    pub fn flag(&mut self, node: &Node, what: &str) -> Option<bool> {
        match node.data {
            Data::Scalar(Value::Bool(flag)) => Some(flag),
            _ => {
                self.expected(node, &format!("true or false ({what})"));
                None
            }
        }
    }

    /// A whole number within bounds, both included.
    pub fn whole(&mut self, node: &Node, what: &str, least: u64, most: u64) -> Option<u64> {
        if let Data::Scalar(Value::Number(n)) = &node.data
            && let Some(n) = n.as_u64().filter(|n| (least..=most).contains(n))
        {
            return Some(n);
        }
        self.expected(node, &format!("{what}: a whole number from {least} to {most}"));
        None
    }

    /// A share such as `10%`, in permille.
    pub fn permille(&mut self, node: &Node, what: &str) -> Option<u32> {
        let read = |text: &str| {
            let (whole, tenth) = text
                .strip_suffix('%')?
                .trim_end()
                .split_once('.')
                .map_or_else(|| Some((text.strip_suffix('%')?.trim_end(), "0")), Some)?;
            let digits = |s: &str| !s.is_empty() && s.len() <= 3 && s.bytes().all(|b| b.is_ascii_digit());
            (digits(whole) && digits(tenth) && tenth.len() == 1).then_some(())?;
            let permille = whole.parse::<u32>().ok()? * 10 + tenth.parse::<u32>().ok()?;
            (permille <= 1000).then_some(permille)
        };
        let found = match &node.data {
            Data::Scalar(Value::String(text)) => read(text),
            _ => None,
        };
        if found.is_none() {
            self.expected(node, &format!("{what}: a share from 0% to 100%, with at most one decimal"));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_one_document_has_no_second() {
        for (text, given, wrong) in [
            ("a: 1\n", true, ""),
            ("---\na: 1\n---\n", true, ""),
            ("", true, ""),
            (
                "a: 1\n---\nb: 2\n---\nc: 3\n",
                true,
                "f:3:1: expected one document, found 3\n  hint: put what comes after `---` into a file of its own",
            ),
            ("a: [", false, "f:1:4: not readable as YAML: unclosed bracket '['"),
        ] {
            let mut reader = Reader::new("f");
            assert_eq!(reader.document(text).is_some(), given, "{text}");
            let found: Vec<String> = reader.into_mistakes().iter().map(Mistake::to_string).collect();
            assert_eq!(found.join("\n"), wrong, "{text}");
        }
    }
}

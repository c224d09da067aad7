//! YAML text → a tree in which every value knows its place, within budgets.
//!
//! Reading into a tree first, instead of straight into structs, lets one pass report every mistake
//! of a file and not only the first.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_saphyr::{Location, Spanned, UserMessageFormatter};

use crate::model::{Mistake, SafeText, Value};

/// The largest file, in bytes.
pub const MAX_TEXT: usize = 1024 * 1024;

/// A line and a column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Place {
    /// The start of a file.
    pub const START: Place = Place { line: 1, column: 1 };

    /// The same line, some characters on.
    pub fn right(self, characters: usize) -> Place {
        Place { column: self.column.saturating_add(u32::try_from(characters).unwrap_or(u32::MAX)), ..self }
    }

    /// The mistake that is at this place.
    pub fn mistake(self, file: &str, message: impl Into<String>, hint: Option<String>) -> Mistake {
        let Place { line, column } = self;
        Mistake { file: file.to_owned(), line, column, message: message.into(), hint }
    }
}

impl From<Location> for Place {
    fn from(location: Location) -> Self {
        let from = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).max(1);
        Place { line: from(location.line()), column: from(location.column()) }
    }
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it starts.
    pub at: Place,
    /// What it is.
    pub data: Data,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// A text, number, boolean or null.
    Scalar(Value),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in file order; no key comes twice.
    Map(Vec<Entry>),
}

/// A key of a mapping with its place, and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where the key starts.
    pub at: Place,
    /// The key.
    pub key: String,
    /// What stands under it.
    pub value: Node,
}

impl Node {
    /// The value under a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// A key of a mapping and its value.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        let Data::Map(entries) = &self.data else { return None };
        entries.iter().find(|entry| entry.key == key)
    }

    /// The items of a list.
    pub fn items(&self) -> &[Node] {
        match &self.data {
            Data::List(items) => items,
            _ => &[],
        }
    }

    /// What it is, for people.
    pub fn described(&self) -> String {
        match &self.data {
            Data::Scalar(Value::Null) => "nothing".to_owned(),
            Data::Scalar(Value::Bool(b)) => format!("`{b}` (true or false)"),
            Data::Scalar(Value::Number(n)) => format!("the number {n}"),
            Data::Scalar(Value::String(text)) => format!("`{}`", SafeText(text).cut(40)),
            Data::Scalar(_) | Data::List(_) => "a list".to_owned(),
            Data::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// Reads every document of a file; those that are empty are left out. With it the mistake that
/// stopped the reading. If that is a key that comes twice, everything else is still given.
pub fn read(file: &str, text: &str) -> (Vec<Node>, Option<Mistake>) {
    if text.len() > MAX_TEXT {
        let message = format!("the file has {} KiB, at most {} are read", text.len() / 1024, MAX_TEXT / 1024);
        return (Vec::new(), Some(Place::START.mistake(file, message, None)));
    }
    let error = match documents(text, DuplicateKeyPolicy::Error) {
        Ok(documents) => return (documents, None),
        Err(error) => error,
    };
    let rest = match error.without_snippet() {
        serde_saphyr::Error::DuplicateMappingKey { .. } => documents(text, DuplicateKeyPolicy::FirstWins),
        _ => Ok(Vec::new()),
    };
    (rest.unwrap_or_default(), Some(mistake(file, &error)))
}

fn documents(text: &str, duplicate_keys: DuplicateKeyPolicy) -> Result<Vec<Node>, serde_saphyr::Error> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 200_000,
            max_nodes: 100_000,
            max_depth: 32,
            flow_nesting_limit: 32,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_documents: 1_000,
            max_total_scalar_bytes: 2 * MAX_TEXT,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 20_000,
            max_replay_stack_depth: 8,
        },
        duplicate_keys: duplicate_keys,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options::<Node>(text, options)
}

fn mistake(file: &str, error: &serde_saphyr::Error) -> Mistake {
    let at = error.location().map_or(Place::START, Place::from);
    let text = error.without_snippet().render_with_formatter(&UserMessageFormatter);
    // The place is shown in front of the message.
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    let first = text.lines().next().unwrap_or_default();
    let message = match error.without_snippet() {
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key `{}` comes twice", SafeText(key).cut(60))
        }
        _ => format!("not readable as YAML: {}", SafeText(first).cut(300)),
    };
    at.mistake(file, message, hint(error))
}

fn hint(error: &serde_saphyr::Error) -> Option<String> {
    use serde_saphyr::Error as E;
    let hint = match error.without_snippet() {
        E::DuplicateMappingKey { .. } => "remove one of them",
        error if error.to_string().contains("tab") => "indent with spaces",
        _ => return None,
    };
    Some(hint.to_owned())
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Data>::deserialize(deserializer)?;
        Ok(Node { at: spanned.referenced.into(), data: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Data, E> {
        Ok(Data::Scalar(value.into()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Data, E> {
        Ok(Data::Scalar(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Data, E> {
        Ok(Data::Scalar(value.into()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Data, E> {
        Ok(Data::Scalar(value.into()))
    }
    fn visit_str<E>(self, value: &str) -> Result<Data, E> {
        Ok(Data::Scalar(value.into()))
    }
    fn visit_string<E>(self, value: String) -> Result<Data, E> {
        Ok(Data::Scalar(value.into()))
    }
    fn visit_unit<E>(self) -> Result<Data, E> {
        Ok(Data::Scalar(Value::Null))
    }
    fn visit_none<E>(self) -> Result<Data, E> {
        Ok(Data::Scalar(Value::Null))
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Data, D::Error> {
        Data::deserialize(deserializer)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Data, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Data::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Data, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Spanned<String>, Node>()? {
            map.push(Entry { at: key.referenced.into(), key: key.value, value });
        }
        Ok(Data::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places(text: &str) -> Vec<Place> {
        let (documents, mistake) = read("f", text);
        assert_eq!(mistake, None);
        documents.iter().map(|node| node.at).collect()
    }

    #[test]
    fn every_value_knows_its_place() {
        let (documents, _) = read("f", "\u{feff}a: 1\nlist: [x, {'c d': 2h}]\nnone:\n");
        let [node] = documents.as_slice() else { panic!("{documents:?}") };
        assert_eq!(node.get("a").unwrap().at, Place { line: 1, column: 4 });
        let entry = node.get("list").unwrap().items()[1].entry("c d").unwrap();
        assert_eq!((entry.at.column, entry.value.at.column), (12, 19));
        assert_eq!(entry.value.described(), "`2h`");
        assert_eq!(node.get("none").unwrap().described(), "nothing");
    }

    #[test]
    fn every_document_that_is_not_empty_is_given() {
        assert_eq!(places(""), []);
        assert_eq!(places("# a\n---\n---\nnull\n"), []);
        assert_eq!(
            places("---\na: 1\n---\n\n---\n  'b': 2\n"),
            [Place { line: 2, column: 1 }, Place { line: 6, column: 3 }]
        );
    }

    #[test]
    fn unreadable_text_is_a_mistake_with_a_place() {
        let bomb = ["a", "b", "c", "d", "e", "f", "g"].windows(2).fold(
            "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned(),
            |text, pair| {
                text + &format!("{}: &{} [{}]\n", pair[1], pair[1], format!("*{},", pair[0]).repeat(9))
            },
        );
        for (text, want) in [
            ("a: 1\na: 2\n", "f:2:1: the key `a` comes twice\n  hint: remove one of them"),
            (
                "a:\n\tb: 1\n",
                "f:2:2: not readable as YAML: tabs disallowed within this context (block indentation)\n  hint: indent with spaces",
            ),
            ("[a, b", "f:1:1: not readable as YAML: unclosed bracket '['"),
            ("a: *x\n", "f:1:4: not readable as YAML: reference to unknown value"),
            ("a: .inf\n", "f:1:4: not readable as YAML: value `.inf` is not a finite number"),
        ] {
            assert_eq!(read("f", text).1.unwrap().to_string(), want);
        }
        for (text, part) in [
            (bomb.as_str(), "f:"),
            (&"[".repeat(5000), "f:1:"),
            (&(0..60).map(|n| " ".repeat(n) + "a:\n").collect::<String>(), "f:"),
            (&"x".repeat(1100 * 1024), "f:1:1: the file has 1100 KiB, at most 1024 are read"),
            ("a: !exec rm\n", "f:1:"),
            ("<<: {a: 1}\n", "f:1:"),
            ("? [a]\n: 1\n", "f:1:"),
            ("a: \0", "f:1:"),
        ] {
            let found = read("f", text).1.unwrap().to_string();
            assert!(found.starts_with(part), "{found}");
        }
    }

    #[test]
    fn the_rest_of_a_file_with_a_double_key_is_still_read() {
        let (rest, mistake) = read("f", "a: 1\na: 2\nb: 3\n---\nc: 4\n");
        assert!(mistake.is_some());
        assert_eq!(rest[0].get("b").unwrap().described(), "the number 3");
        assert_eq!(rest[1].get("c").unwrap().described(), "the number 4");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[ -~\n\t\u{feff}é]{0,200}") {
            let _ = read("f", &text);
        }

        #[test]
        fn anything_like_yaml_is_read_or_refused(text in "((a|b|- |: |\n|  |\\[|\\]|\\{|\\}|,|&x |\\*x|'|\"|#|\\||>|!!|---|<<|\\?|~|1)){0,40}") {
            let _ = read("f", &text);
        }
    }
}

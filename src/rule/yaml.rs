//! YAML text → a tree in which every node and every key knows its place.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use crate::model::Mistake;

/// A place in a file: line and column, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

impl Place {
    /// The same line, some characters on.
    pub fn right(self, characters: usize) -> Place {
        Place { column: self.column.saturating_add(u32::try_from(characters).unwrap_or(u32::MAX)), ..self }
    }
}

impl From<Location> for Place {
    fn from(location: Location) -> Place {
        let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        Place { line: small(location.line()), column: small(location.column()) }
    }
}

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub at: Place,
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One key of a map, with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub at: Place,
    pub key: String,
    pub value: Node,
}

impl Node {
    /// What it is, for messages.
    pub fn described(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Int(_) | Kind::Float(_) => "a number",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }
}

/// The largest rule file, in bytes.
pub const FILE_BYTES: usize = 1024 * 1024;

/// Reads every document of a file. Duplicate keys, unknown tags, merge bombs and too deep or too
/// large documents are mistakes.
pub fn read(file: &str, text: &str) -> Result<Vec<Node>, Mistake> {
    let mistake = |place: Place, message: String, hint: Option<&str>| Mistake {
        file: file.to_string(),
        line: place.line,
        column: place.column,
        message,
        hint: hint.map(str::to_string),
    };
    if text.len() > FILE_BYTES {
        let message = format!("expected at most {FILE_BYTES} bytes, found {}", text.len());
        return Err(mistake(Place::default(), message, Some("split the file")));
    }
    let options = serde_saphyr::options! {
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: 32,
            max_nodes: 100_000,
            max_documents: 1_000,
            max_aliases: 1_000,
            max_anchors: 1_000,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 50_000 },
    };
    serde_saphyr::from_multiple_with_options::<Node>(text, options).map_err(|error| {
        let place = error.location().map(Place::from).unwrap_or_default();
        let whole = error.without_snippet().to_string();
        // The place is said once, in front.
        let said = whole.split(" at line ").next().unwrap_or_default();
        let said = said.split(", set DuplicateKeyPolicy").next().unwrap_or_default();
        mistake(place, format!("not readable as YAML: {said}"), None)
    })
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Kind>::deserialize(deserializer)?;
        Ok(Node { at: spanned.referenced.into(), kind: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }
    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }
    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        Kind::deserialize(deserializer)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Int(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Kind, E> {
        Ok(Kind::Int(value.into()))
    }
    fn visit_i128<E>(self, value: i128) -> Result<Kind, E> {
        Ok(Kind::Int(value))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Kind, E> {
        Ok(Kind::Float(value))
    }
    fn visit_str<E>(self, text: &str) -> Result<Kind, E> {
        Ok(Kind::Text(text.to_string()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Kind::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Spanned<String>, Node>()? {
            entries.push(Entry { at: key.referenced.into(), key: key.value, value });
        }
        Ok(Kind::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_kept() {
        let documents = read("f", "a: 1\nb:\n  - x\n  - k: null\n---\n'*x': y\n").unwrap();
        assert_eq!(documents.len(), 2);
        let Kind::Map(map) = &documents[0].kind else { panic!() };
        assert_eq!((map[1].at, map[1].key.as_str()), (Place { line: 2, column: 1 }, "b"));
        let Kind::List(list) = &map[1].value.kind else { panic!() };
        assert_eq!(list[0], Node { at: Place { line: 3, column: 5 }, kind: Kind::Text("x".into()) });
        let Kind::Map(inner) = &list[1].kind else { panic!() };
        assert_eq!(inner[0].value.kind, Kind::Null);
    }

    #[test]
    fn what_is_not_strict_yaml_is_a_mistake_with_a_place() {
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n\
                    d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e]\n";
        let deep = "[".repeat(10_000);
        for bad in ["a: 1\na: 2\n", "a: [1", "a: b: c", bomb, &deep] {
            let mistake = read("f", bad).unwrap_err();
            assert!(mistake.line > 0 && mistake.column > 0, "{mistake}");
            assert!(!mistake.message.contains("line "), "{mistake}");
        }
        assert!(read("f", &" ".repeat(FILE_BYTES + 1)).is_err());
    }
}

//! The fields of one record, kept flat: the line once, and a list of nodes that point into it.
//! One JSON line costs two allocations, however many fields it has.

use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use serde::de::{Deserializer, Error as _};

use super::tape::{Root, Tape};
use super::{Map, Value, json};

/// A single value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub enum Scalar<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(&'a str),
    Address(IpAddr),
}

impl<'a> Scalar<'a> {
    /// The value as text, the form in which rules compare and groups are keyed. `buffer` is used
    /// where the value is not text already.
    pub fn text<'b>(self, buffer: &'b mut String) -> &'b str
    where
        'a: 'b,
    {
        use fmt::Write as _;
        if let Scalar::Text(text) = self {
            return text;
        }
        buffer.clear();
        // Writing to a String cannot fail.
        let _ = match self {
            Scalar::Null | Scalar::Text(_) => Ok(()),
            Scalar::Bool(value) => write!(buffer, "{value}"),
            Scalar::Unsigned(value) => write!(buffer, "{value}"),
            Scalar::Negative(value) => write!(buffer, "{value}"),
            Scalar::Float(value) => write!(buffer, "{value}"),
            Scalar::Address(value) => write!(buffer, "{value}"),
        };
        buffer
    }

    /// The value as a number, if it is one or is text that spells one.
    pub fn number(self) -> Option<f64> {
        match self {
            Scalar::Unsigned(value) => Some(value as f64),
            Scalar::Negative(value) => Some(value as f64),
            Scalar::Float(value) => Some(value),
            Scalar::Text(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
            _ => None,
        }
    }
}

impl From<Scalar<'_>> for Value {
    fn from(scalar: Scalar<'_>) -> Value {
        match scalar {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => value.into(),
            Scalar::Unsigned(value) => value.into(),
            Scalar::Negative(value) => value.into(),
            Scalar::Float(value) => value.into(),
            Scalar::Text(text) => text.into(),
            Scalar::Address(address) => address.to_string().into(),
        }
    }
}

/// A piece of the line, or (from `text.len()` on) of the side text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slice {
    pub(super) start: u32,
    pub(super) len: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(Slice),
    /// One of the texts that are unescaped when they are asked for.
    Late(u32),
    /// With the index after its last descendant.
    Array(u32),
    Object(u32),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Node {
    pub(super) key: Slice,
    /// Of the key: see [`hash`].
    pub(super) hash: u32,
    pub(super) kind: Kind,
}

impl Node {
    /// The index of the sibling behind the node of this index.
    #[inline(always)]
    fn after(&self, index: usize) -> usize {
        match self.kind {
            Kind::Array(end) | Kind::Object(end) => end as usize,
            _ => index + 1,
        }
    }
}

/// A text with escapes, as a piece of the line, and without them once it was asked for.
#[derive(Debug, Clone)]
pub(super) struct Late {
    pub(super) slice: Slice,
    pub(super) text: OnceLock<Box<str>>,
}

impl PartialEq for Late {
    fn eq(&self, other: &Self) -> bool {
        self.slice == other.slice
    }
}

/// Tells most keys apart, so that few are compared. It decides about cost only.
#[inline(always)]
pub(super) const fn hash(key: &[u8]) -> u32 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let word = match key {
        [] => 0,
        [only] => *only as u64,
        [first, last] => *first as u64 | (*last as u64) << 8 | (*last as u64) << 16,
        [first, middle, last] => *first as u64 | (*middle as u64) << 8 | (*last as u64) << 16,
        key => match (
            key.first_chunk::<8>(),
            key.last_chunk::<8>(),
            key.first_chunk::<4>(),
            key.last_chunk::<4>(),
        ) {
            (Some(first), Some(last), ..) => {
                u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29)
            }
            (_, _, Some(first), Some(last)) => {
                u32::from_le_bytes(*first) as u64 | (u32::from_le_bytes(*last) as u64) << 32
            }
            _ => 0,
        },
    };
    let sum = (word ^ key.len() as u64).wrapping_mul(ODD);
    ((sum ^ (sum >> 29)).wrapping_mul(ODD) >> 32) as u32
}

/// What [`Document::hashed_fields`] tells of a field of this name.
#[inline]
pub const fn key_hash(name: &str) -> u32 {
    hash(name.as_bytes())
}

/// Tells of most names that they are not among some others.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct KeyFilter([u64; 4]);

impl KeyFilter {
    /// Of these names.
    pub const fn of(names: &[&str]) -> KeyFilter {
        let (mut filter, mut rest) = (KeyFilter([0; 4]), names);
        while let Some((name, others)) = rest.split_first() {
            filter.add(key_hash(name));
            rest = others;
        }
        filter
    }

    /// Adds a name by its hash: see [`key_hash`].
    #[inline(always)]
    pub const fn add(&mut self, hash: u32) {
        self.0[(hash >> 6 & 3) as usize] |= 1 << (hash & 63);
    }

    /// Whether the name of this hash may be among them.
    #[inline(always)]
    pub const fn may_have(&self, hash: u32) -> bool {
        self.0[(hash >> 6 & 3) as usize] >> (hash & 63) & 1 == 1
    }
}

/// The memory of a document that is gone.
#[derive(Debug, Clone, Default)]
pub struct Spare {
    pub(super) side: String,
    pub(super) nodes: Vec<Node>,
    pub(super) late: Vec<Late>,
}

impl Spare {
    /// What is kept at most: nodes, bytes of unescaped texts, and long texts.
    const NODES: usize = 1_024;
    const BYTES: usize = 64 * 1024;
    const LATE: usize = 64;
}

/// A record: its raw line and its fields. Of duplicate keys the last one counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    text: Arc<str>,
    /// Texts that do not stand in the line as such: unescaped ones and names given by a decoder.
    side: String,
    nodes: Vec<Node>,
    late: Vec<Late>,
    verbatim: bool,
    /// The names of the top-level fields.
    keys: KeyFilter,
}

impl Document {
    /// What it takes in memory, in bytes: a line of small values takes many times its length.
    pub fn memory(&self) -> usize {
        let late = self.late.iter().map(|late| size_of::<Late>() + late.slice.len as usize);
        let nodes = self.nodes.capacity() * size_of::<Node>();
        self.text.len() + self.side.capacity() + nodes + late.sum::<usize>()
    }

    /// Reads one JSON object. Nesting is limited to 128 levels.
    pub fn parse(text: Arc<str>) -> Result<Document, serde_json::Error> {
        Document::parse_in(text, Spare::default())
    }

    /// The same, in the memory of a document that nobody needs any more.
    pub fn parse_in(text: Arc<str>, spare: Spare) -> Result<Document, serde_json::Error> {
        if u32::try_from(text.len()).is_err() {
            return Err(serde_json::Error::custom("longer than 4 GiB"));
        }
        Document::parse_quickly(text, spare).or_else(Document::parse_slowly)
    }

    /// The usual line; any other comes back.
    pub(super) fn parse_quickly(text: Arc<str>, spare: Spare) -> Result<Document, Arc<str>> {
        match json::read(&text, spare) {
            Some(json::Read { side, nodes, late, verbatim }) => {
                Ok(Document { text, side, nodes, late, verbatim, keys: KeyFilter::default() }.named())
            }
            None => Err(text),
        }
    }

    /// Its memory for another one, unless it is more than most documents take.
    pub fn into_spare(self) -> Spare {
        let Document { mut side, mut nodes, mut late, .. } = self;
        if nodes.capacity() > Spare::NODES || side.capacity() > Spare::BYTES || late.capacity() > Spare::LATE
        {
            return Spare::default();
        }
        side.clear();
        nodes.clear();
        late.clear();
        Spare { side, nodes, late }
    }

    /// Any line; with the reason why it is none.
    pub(super) fn parse_slowly(text: Arc<str>) -> Result<Document, serde_json::Error> {
        let mut tape = Tape { line: &text, side: String::new(), nodes: Vec::with_capacity(32) };
        let mut json = serde_json::Deserializer::from_str(&text);
        (&mut json).deserialize_map(Root(&mut tape))?;
        json.end()?;
        let Tape { side, nodes, .. } = tape;
        let keys = KeyFilter::default();
        Ok(Document { text, side, nodes, late: Vec::new(), verbatim: false, keys }.named())
    }

    fn named(mut self) -> Document {
        let mut keys = KeyFilter::default();
        self.hashed_fields().for_each(|(hash, _)| keys.add(hash));
        self.keys = keys;
        self
    }

    /// A record without fields yet.
    pub fn of_line(text: Arc<str>) -> Document {
        let (side, keys) = (String::new(), KeyFilter::default());
        Document { text, side, nodes: Vec::new(), late: Vec::new(), verbatim: false, keys }
    }

    /// Adds a text field. A value that is a piece of the line (see [`Document::of_line`]) is best
    /// given as its byte range with [`Document::push_range`].
    pub fn push_text(&mut self, key: &str, value: &str) {
        let value = Kind::Text(self.aside(value));
        self.push(key, value);
    }

    /// Adds a text field that stands in the line at these bytes.
    pub fn push_range(&mut self, key: &str, range: std::ops::Range<usize>) {
        let value = Slice { start: range.start as u32, len: range.end.saturating_sub(range.start) as u32 };
        self.push(key, Kind::Text(value));
    }

    /// Adds a number.
    pub fn push_number(&mut self, key: &str, value: u64) {
        self.push(key, Kind::Unsigned(value));
    }

    fn push(&mut self, key: &str, kind: Kind) {
        let hash = key_hash(key);
        self.keys.add(hash);
        let key = self.aside(key);
        self.nodes.push(Node { key, hash, kind });
    }

    fn aside(&mut self, text: &str) -> Slice {
        let start = self.text.len() + self.side.len();
        self.side.push_str(text);
        Slice { start: start as u32, len: text.len() as u32 }
    }

    /// The raw line.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The top-level field of this name.
    #[inline(always)]
    pub fn get(&self, key: &str) -> Option<Field<'_>> {
        self.hashed(key_hash(key), key)
    }

    /// The same, where the hash of the name is known: see [`key_hash`].
    #[inline]
    pub fn hashed(&self, hash: u32, key: &str) -> Option<Field<'_>> {
        if !self.keys.may_have(hash) {
            return None;
        }
        self.find(0, self.nodes.len(), hash, key)
    }

    /// The top-level fields in the order of the line; a duplicate key is there twice.
    pub fn fields(&self) -> impl Iterator<Item = (&str, Field<'_>)> {
        self.children(0, self.nodes.len())
    }

    /// The top-level fields with the hashes of their names: see [`key_hash`].
    #[inline]
    pub fn hashed_fields(&self) -> impl Iterator<Item = (u32, Field<'_>)> {
        let mut next = 0;
        std::iter::from_fn(move || {
            let node = self.nodes.get(next)?;
            let field = Field { document: self, at: next };
            next = node.after(next);
            Some((node.hash, field))
        })
    }

    /// Whether every character of a text value stands in the line as such, unless it is a control
    /// character, `"`, `\` or `/`.
    pub fn is_verbatim(&self) -> bool {
        self.verbatim
    }

    /// Every text value at any depth.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|node| self.text_of(node.kind))
    }

    /// The record as JSON.
    pub fn to_map(&self) -> Map {
        self.fields().map(|(key, field)| (key.to_string(), field.to_value())).collect()
    }

    fn text_of(&self, kind: Kind) -> Option<&str> {
        match kind {
            Kind::Text(slice) => Some(self.slice(slice)),
            Kind::Late(index) => self.late.get(index as usize).map(|late| self.unescaped(late)),
            _ => None,
        }
    }

    fn unescaped<'d>(&'d self, late: &'d Late) -> &'d str {
        late.text.get_or_init(|| {
            let mut text = String::new();
            json::unescape(self.slice(late.slice), &mut text);
            text.into_boxed_str()
        })
    }

    fn slice(&self, slice: Slice) -> &str {
        let (start, len) = (slice.start as usize, slice.len as usize);
        let whole = self.text.len();
        let (text, start) =
            if start < whole { (&*self.text, start) } else { (self.side.as_str(), start - whole) };
        text.get(start..start + len).unwrap_or_default()
    }

    /// The last of the siblings from `start` to `end` that has this key.
    fn find(&self, start: usize, end: usize, hash: u32, key: &str) -> Option<Field<'_>> {
        let mut found = None;
        let mut next = start;
        while let Some(node) = self.nodes.get(next).filter(|_| next < end) {
            if node.hash == hash && self.bytes(node.key) == key.as_bytes() {
                found = Some(Field { document: self, at: next });
            }
            next = node.after(next);
        }
        found
    }

    fn bytes(&self, slice: Slice) -> &[u8] {
        let (start, len) = (slice.start as usize, slice.len as usize);
        let (text, start) = match start.checked_sub(self.text.len()) {
            None => (self.text.as_bytes(), start),
            Some(start) => (self.side.as_bytes(), start),
        };
        text.get(start..start + len).unwrap_or_default()
    }

    fn children(&self, start: usize, end: usize) -> Children<'_> {
        Children { document: self, next: start, end }
    }
}

struct Children<'a> {
    document: &'a Document,
    next: usize,
    end: usize,
}

impl<'a> Iterator for Children<'a> {
    type Item = (&'a str, Field<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let node = self.document.nodes.get(self.next)?;
        let field = Field { document: self.document, at: self.next };
        self.next = node.after(self.next);
        Some((self.document.slice(node.key), field))
    }
}

/// One value of a document, at any depth.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    document: &'a Document,
    at: usize,
}

impl<'a> Field<'a> {
    fn kind(self) -> Kind {
        self.document.nodes.get(self.at).map_or(Kind::Null, |node| node.kind)
    }

    fn inside(self) -> Children<'a> {
        match self.kind() {
            Kind::Array(end) | Kind::Object(end) => self.document.children(self.at + 1, end as usize),
            _ => self.document.children(0, 0),
        }
    }

    /// Whether this is its name.
    #[inline]
    pub fn is_named(self, name: &str) -> bool {
        self.document.nodes.get(self.at).is_some_and(|node| self.document.bytes(node.key) == name.as_bytes())
    }

    /// Its name.
    #[inline]
    pub fn name(self) -> &'a str {
        self.document.nodes.get(self.at).map_or("", |node| self.document.slice(node.key))
    }

    /// The value, unless it is an array or an object.
    pub fn scalar(self) -> Option<Scalar<'a>> {
        Some(match self.kind() {
            Kind::Null => Scalar::Null,
            Kind::Bool(value) => Scalar::Bool(value),
            Kind::Unsigned(value) => Scalar::Unsigned(value),
            Kind::Negative(value) => Scalar::Negative(value),
            Kind::Float(value) => Scalar::Float(value),
            kind @ (Kind::Text(_) | Kind::Late(_)) => Scalar::Text(self.document.text_of(kind)?),
            Kind::Array(_) | Kind::Object(_) => return None,
        })
    }

    /// The text, if it is text.
    pub fn str(self) -> Option<&'a str> {
        self.document.text_of(self.kind())
    }

    /// The whole number, if it is one that is not negative.
    pub fn unsigned(self) -> Option<u64> {
        match self.kind() {
            Kind::Unsigned(value) => Some(value),
            _ => None,
        }
    }

    /// The field of this name, if it is an object.
    #[inline]
    pub fn get(self, key: &str) -> Option<Field<'a>> {
        match self.kind() {
            Kind::Object(end) => self.document.find(self.at + 1, end as usize, key_hash(key), key),
            _ => None,
        }
    }

    /// The fields, if it is an object.
    pub fn fields(self) -> impl Iterator<Item = (&'a str, Field<'a>)> {
        let object = matches!(self.kind(), Kind::Object(_));
        self.inside().filter(move |_| object)
    }

    /// The elements, if it is an array.
    pub fn items(self) -> impl Iterator<Item = Field<'a>> {
        let array = matches!(self.kind(), Kind::Array(_));
        self.inside().filter(move |_| array).map(|(_, field)| field)
    }

    fn to_value(self) -> Value {
        match self.scalar() {
            Some(scalar) => scalar.into(),
            None if matches!(self.kind(), Kind::Array(_)) => self.items().map(Field::to_value).collect(),
            None => self.fields().map(|(key, field)| (key.to_string(), field.to_value())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Document {
        Document::parse(text.into()).unwrap()
    }

    #[test]
    fn a_document_is_the_json_that_it_was() {
        for text in [
            r#"{}"#,
            r#"{"a":1,"b":-2,"c":1.5,"d":null,"e":true,"f":"x"}"#,
            r#"{"a":{"b":{"c":[1,[2,{"d":"e"}],[]]}},"z":[]}"#,
            r#"{"esc":"tab\there \u00e9 \ud83d\ude00","k\n":"v","":""}"#,
            r#"{"empty":"","big":18446744073709551615}"#,
        ] {
            let map: Map = serde_json::from_str(text).unwrap();
            assert_eq!(parse(text).to_map(), map, "{text}");
        }
    }

    #[test]
    fn of_duplicate_keys_the_last_counts() {
        let document = parse(r#"{"a":1,"a":2,"o":{"k":"x","k":"y"}}"#);
        assert_eq!(document.get("a").and_then(Field::unsigned), Some(2));
        assert_eq!(document.get("o").and_then(|o| o.get("k")).and_then(Field::str), Some("y"));
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
        for bad in ["", "[]", "1", "{", r#"{"a":1"#, r#"{"a":1} x"#, r#"{"a":"\ud800"}"#, "nul", &deep] {
            assert!(Document::parse(bad.into()).is_err());
        }
    }

    #[test]
    fn fields_can_be_added_by_a_decoder() {
        let mut document = Document::of_line("user alice".into());
        document.push_range("user", 5..10);
        document.push_text("kind", "login");
        document.push_number("pid", 7);
        assert_eq!(document.get("user").and_then(Field::str), Some("alice"));
        assert_eq!(document.to_map().len(), 3);
        assert_eq!(document.texts().collect::<Vec<_>>(), ["alice", "login"]);
    }
}

//! JSON text → the flat nodes of a document, without a tree between.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::document::{Kind, Node, Slice, hash};

/// What the parser writes.
pub(super) struct Tape<'t> {
    pub(super) line: &'t str,
    pub(super) side: String,
    pub(super) nodes: Vec<Node>,
}

impl Tape<'_> {
    /// A text that the parser hands out of the line is remembered by its place in it.
    fn slice(&mut self, text: &str) -> Slice {
        let len = text.len() as u32;
        let offset = (text.as_ptr() as usize).wrapping_sub(self.line.as_ptr() as usize);
        if offset < self.line.len() {
            return Slice { start: offset as u32, len };
        }
        let start = (self.line.len() + self.side.len()) as u32;
        self.side.push_str(text);
        Slice { start, len }
    }

    fn push(&mut self, (key, hash): (Slice, u32), kind: Kind) -> usize {
        self.nodes.push(Node { key, hash, kind });
        self.nodes.len() - 1
    }
}

const NO_KEY: (Slice, u32) = (Slice { start: 0, len: 0 }, 0);

/// The visitor of the outermost object.
pub(super) struct Root<'a, 't>(pub(super) &'a mut Tape<'t>);

impl<'de> Visitor<'de> for Root<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key(self.0))? {
            map.next_value_seed(Element { tape: self.0, key })?;
        }
        Ok(())
    }
}

struct Key<'a, 't>(&'a mut Tape<'t>);

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = (Slice, u32);
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = (Slice, u32);
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok((self.0.slice(text), hash(text.as_bytes())))
    }
}

struct Element<'a, 't> {
    tape: &'a mut Tape<'t>,
    key: (Slice, u32),
}

impl Element<'_, '_> {
    fn leaf<E>(self, kind: Kind) -> Result<(), E> {
        self.tape.push(self.key, kind);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Element<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        self.leaf(Kind::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.leaf(Kind::Bool(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.leaf(Kind::Unsigned(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.leaf(Kind::Negative(value))
    }
    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.leaf(Kind::Float(value))
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        let slice = self.tape.slice(text);
        self.leaf(Kind::Text(slice))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let at = self.tape.push(self.key, Kind::Array(0));
        while seq.next_element_seed(Element { tape: self.tape, key: NO_KEY })?.is_some() {}
        let end = self.tape.nodes.len() as u32;
        if let Some(node) = self.tape.nodes.get_mut(at) {
            node.kind = Kind::Array(end);
        }
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let at = self.tape.push(self.key, Kind::Object(0));
        Root(self.tape).visit_map(map)?;
        let end = self.tape.nodes.len() as u32;
        if let Some(node) = self.tape.nodes.get_mut(at) {
            node.kind = Kind::Object(end);
        }
        Ok(())
    }
}

//! How a field name in a rule finds its values in a signal.
//!
//! In this order: the record's own field of exactly this name (names with dots in them included),
//! then the path that its dots spell, then (Zeek only, whose writers put `_` for `.`) the name with
//! underscores, then the common field. An array stands for each of its elements.

use std::sync::Arc;

use crate::model::{CommonField, Field, Scalar, Signal, key_hash};

/// A field name, taken apart once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldName {
    name: Arc<str>,
    path: Vec<Box<str>>,
    underscored: Option<Box<str>>,
    common: Option<CommonField>,
    hashes: Hashes,
}

/// The hashes of the names of top-level fields by which it can be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hashes {
    name: u32,
    first: u32,
    underscored: u32,
}

impl FieldName {
    /// Takes a name apart.
    pub fn new(name: &str) -> FieldName {
        let path: Vec<Box<str>> = match name.contains('.') {
            true => name.split('.').map(Box::from).collect(),
            false => Vec::new(),
        };
        let underscored = name.replace('.', "_");
        let first = path.first().map_or(0, |first| key_hash(first));
        FieldName {
            name: name.into(),
            hashes: Hashes { name: key_hash(name), first, underscored: key_hash(&underscored) },
            underscored: (!path.is_empty()).then(|| underscored.into()),
            path,
            common: CommonField::named(name),
        }
    }

    /// The name as the rule writes it.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The name as the rule writes it.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Whether only the record's own field of this name can have the values.
    pub fn is_plain(&self) -> bool {
        self.path.is_empty() && self.common.is_none()
    }

    /// The names of top-level fields of which one must be there, unless it is a common field.
    pub fn tops(&self) -> impl Iterator<Item = &str> {
        let first = self.path.first().map(|first| &**first);
        [Some(&*self.name), first, self.underscored.as_deref()].into_iter().flatten()
    }

    /// Whether it can be a common field.
    pub fn is_common(&self) -> bool {
        self.common.is_some()
    }

    /// Whether the field is there, whatever it holds.
    pub fn present(&self, signal: &Signal) -> bool {
        self.find(signal, |_| true)
    }

    /// Whether the field is there and holds something other than null.
    pub fn filled(&self, signal: &Signal) -> bool {
        self.find(signal, |field| match field.scalar() {
            Some(scalar) => scalar != Scalar::Null,
            None => {
                field.fields().next().is_some()
                    || field.items().any(|item| item.scalar() != Some(Scalar::Null))
            }
        })
    }

    /// Whether there is a field of this name that is as asked; a common field always is.
    fn find(&self, signal: &Signal, mut test: impl FnMut(Field) -> bool) -> bool {
        if let Some(field) = signal.document.hashed(self.hashes.name, &self.name) {
            return test(field);
        }
        if let Some((first, rest)) = self.path.split_first()
            && let Some(field) = signal.document.hashed(self.hashes.first, first)
            && let Some(passed) = follow(field, rest, &mut test)
        {
            return passed;
        }
        if signal.origin.product == "zeek"
            && let Some(field) = self.underscored(signal)
        {
            return test(field);
        }
        self.common.is_some_and(|field| signal.common.get(field).is_some())
    }

    /// Whether any of the values passes the test.
    pub fn any<'s>(&self, signal: &'s Signal, mut test: impl FnMut(Scalar<'s>) -> bool) -> bool {
        if let Some(field) = signal.document.hashed(self.hashes.name, &self.name) {
            return each(field, &mut test);
        }
        if let Some((first, rest)) = self.path.split_first()
            && let Some(field) = signal.document.hashed(self.hashes.first, first)
            && let Some(passed) = follow(field, rest, &mut |field| each(field, &mut test))
        {
            return passed;
        }
        if signal.origin.product == "zeek"
            && let Some(field) = self.underscored(signal)
        {
            return each(field, &mut test);
        }
        self.common.and_then(|field| signal.common.get(field)).is_some_and(test)
    }

    fn underscored<'s>(&self, signal: &'s Signal) -> Option<Field<'s>> {
        signal.document.hashed(self.hashes.underscored, self.underscored.as_deref()?)
    }

    /// The first value that is not null.
    pub fn first<'s>(&self, signal: &'s Signal) -> Option<Scalar<'s>> {
        let mut found = None;
        self.any(signal, |value| {
            found = (value != Scalar::Null).then_some(value);
            found.is_some()
        });
        found
    }
}

/// Tests a scalar, or the elements of an array. An object is no value.
pub(super) fn each<'s>(field: Field<'s>, test: &mut impl FnMut(Scalar<'s>) -> bool) -> bool {
    match field.scalar() {
        Some(scalar) => test(scalar),
        None => field.items().any(|item| item.scalar().is_some_and(&mut *test)),
    }
}

/// Follows a path through objects and the elements of arrays. `None` if it leads nowhere.
fn follow<'s>(field: Field<'s>, path: &[Box<str>], test: &mut impl FnMut(Field<'s>) -> bool) -> Option<bool> {
    let Some((first, rest)) = path.split_first() else { return Some(test(field)) };
    if let Some(inner) = field.get(first) {
        return follow(inner, rest, test);
    }
    let mut found = None;
    for item in field.items() {
        match item.get(first).and_then(|inner| follow(inner, rest, test)) {
            Some(true) => return Some(true),
            Some(false) => found = Some(false),
            None => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Common, Document, LogSource, Timestamp};

    fn values(name: &str, json: &str, product: &'static str) -> String {
        let signal = Signal {
            at: Timestamp(0),
            weight: 1,
            origin: LogSource { product: product.into(), ..LogSource::default() },
            common: Common { user: Some("common".into()), ..Common::default() },
            document: Document::parse(json.into()).unwrap(),
            threat: None,
        };
        let mut found = Vec::new();
        FieldName::new(name).any(&signal, |value| {
            found.push(value.text(&mut String::new()).to_string());
            false
        });
        found.join(",")
    }

    #[test]
    fn names_are_looked_up_in_order() {
        for (name, json, product, expected) in [
            ("a", r#"{"a":1}"#, "", "1"),
            ("a.b", r#"{"a":{"b":2},"a.b":3}"#, "", "3"),
            ("a.b", r#"{"a":{"b":2},"a_b":3}"#, "zeek", "2"),
            ("a.b", r#"{"a_b":3}"#, "zeek", "3"),
            ("a.b", r#"{"a_b":3}"#, "suricata", ""),
            ("a.b.c", r#"{"a":[{"b":{"c":1}},{"b":[{"c":2},{"c":[3,4]}]},5]}"#, "", "1,2,3,4"),
            ("a", r#"{"a":{"b":2}}"#, "", ""),
            ("a", r#"{"a":[1,"x",null,[9]]}"#, "", "1,x,"),
            ("user", r#"{"user":"own"}"#, "", "own"),
            ("user", r#"{}"#, "", "common"),
            ("User", r#"{}"#, "", ""),
        ] {
            assert_eq!(values(name, json, product), expected, "{name} in {json}");
        }
    }
}

//! Search identifiers: the maps and lists under `detection`, compiled to a tree of tests.

use super::field::FieldName;
use super::pattern::{Anchor, Pattern};
use crate::model::{Network, Scalar, Signal};

/// One test of one value.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// The field is absent or null.
    Null,
    /// The value as text fits: numbers and booleans are compared by their text.
    Text(Pattern),
    /// The value as a number compares so.
    Compare(Order, f64),
    /// The value is an address within a network.
    Within(Network),
}

/// `lt`, `lte`, `gt`, `gte`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Order {
    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Order::Below => value < limit,
            Order::AtMost => value <= limit,
            Order::Above => value > limit,
            Order::AtLeast => value >= limit,
        }
    }
}

impl Test {
    /// The one text that passes, in lower case, if there is one.
    fn exact(&self) -> Option<&str> {
        match self {
            Test::Text(pattern) => pattern.exact(),
            _ => None,
        }
    }

    fn passes(&self, value: Scalar, buffer: &mut String) -> bool {
        match (self, value) {
            (Test::Null, value) => value == Scalar::Null,
            (_, Scalar::Null) => false,
            (Test::Text(pattern), value) => pattern.matches(value.text(buffer)),
            (Test::Compare(order, limit), value) => value.number().is_some_and(|n| order.holds(n, *limit)),
            (Test::Within(network), Scalar::Address(address)) => network.contains(address),
            (Test::Within(network), Scalar::Text(text)) => {
                text.parse().is_ok_and(|address| network.contains(address))
            }
            (Test::Within(_), _) => false,
        }
    }
}

/// A search identifier, compiled.
#[derive(Debug, Clone, PartialEq)]
pub enum Search {
    /// Every part matches.
    All(Vec<Search>),
    /// At least one part matches.
    Any(Vec<Search>),
    /// A field passes at least one test, or (`all`) every one.
    Field { field: FieldName, tests: Vec<Test>, all: bool },
    /// The field is there, or is not.
    Exists { field: FieldName, wanted: bool },
    /// At least one text, or (`all`) every one, stands somewhere in some text value.
    Keywords { patterns: Vec<Pattern>, all: bool },
}

impl Search {
    /// Whether the signal matches.
    pub fn matches(&self, signal: &Signal) -> bool {
        match self {
            Search::All(parts) => parts.iter().all(|part| part.matches(signal)),
            Search::Any(parts) => parts.iter().any(|part| part.matches(signal)),
            Search::Field { field, tests, all } => {
                let mut buffer = String::new();
                let mut holds = |test: &Test| match test {
                    Test::Null => !field.any(signal, |value| value != Scalar::Null),
                    test => field.any(signal, |value| test.passes(value, &mut buffer)),
                };
                if *all { tests.iter().all(holds) } else { tests.iter().any(&mut holds) }
            }
            Search::Exists { field, wanted } => field.any(signal, |_| true) == *wanted,
            Search::Keywords { patterns, all } => {
                let mut holds = |pattern: &Pattern| signal.document.texts().any(|text| pattern.matches(text));
                if *all { patterns.iter().all(holds) } else { patterns.iter().any(&mut holds) }
            }
        }
    }

    /// A field of which one of these values (in lower case) must be there for a match, if there is
    /// one. An index finds the rule by it.
    pub fn literals(&self) -> Option<(&FieldName, Vec<&str>)> {
        match self {
            Search::All(parts) => {
                parts.iter().filter_map(Search::literals).min_by_key(|(_, values)| values.len())
            }
            Search::Any(parts) => one_field(parts.iter().map(Search::literals)),
            Search::Field { field, tests, all } => {
                let mut exact = tests.iter().map(Test::exact);
                match all {
                    false => Some((field, exact.collect::<Option<_>>()?)),
                    true => exact.find_map(|value| value).map(|value| (field, vec![value])),
                }
            }
            Search::Exists { .. } | Search::Keywords { .. } => None,
        }
    }
}

/// The values of all alternatives, if all are about one field.
pub fn one_field<'a>(
    alternatives: impl Iterator<Item = Option<(&'a FieldName, Vec<&'a str>)>>,
) -> Option<(&'a FieldName, Vec<&'a str>)> {
    let mut sum: Option<(&FieldName, Vec<&str>)> = None;
    for alternative in alternatives {
        let (field, values) = alternative?;
        match &mut sum {
            None => sum = Some((field, values)),
            Some((first, all)) if *first == field => all.extend(values),
            Some(_) => return None,
        }
    }
    sum
}

/// How the values of a field are compared: its modifiers, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Text(Anchor),
    Compare(Order),
    Within,
    Exists,
}

//! Search identifiers: the maps and lists under `detection`, compiled to a tree of tests.

use super::expression::Expression;
use super::field::FieldName;
use super::indicator::Listed;
use super::moment::TimePart;
use super::pattern::{Anchor, Pattern, fold};
use super::text_set::TextSet;
use crate::model::{Network, Scalar, Signal};

/// One test of one value.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// The field is absent or null.
    Null,
    /// The value as text fits: numbers and booleans are compared by their text.
    Text(Pattern),
    /// One of many texts fits.
    Texts(TextSet),
    /// The expression is found in the value as text.
    Expression(Expression),
    /// The value as a number compares so.
    Compare(Order, f64),
    /// A part of the value as a date compares so.
    Part(TimePart, Order, f64),
    /// The value is an address within a network.
    Within(Network),
    /// The value stands so in a value of this other field.
    Other { field: FieldName, anchor: Anchor, cased: bool },
    /// The value is on an indicator list.
    Listed(Listed),
    /// One of these passes: what a modifier made of one value.
    Either(Vec<Test>),
}

/// `lt`, `lte`, `gt`, `gte`; and equal, for parts of dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Below,
    AtMost,
    Equal,
    Above,
    AtLeast,
}

impl Order {
    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Order::Below => value < limit,
            Order::AtMost => value <= limit,
            Order::Equal => value == limit,
            Order::Above => value > limit,
            Order::AtLeast => value >= limit,
        }
    }
}

impl Test {
    fn holds(&self, field: &FieldName, signal: &Signal, buffer: &mut String) -> bool {
        match self {
            Test::Null => !field.filled(signal),
            Test::Either(tests) => tests.iter().any(|test| test.holds(field, signal, buffer)),
            test => field.any(signal, |value| test.passes(value, signal, buffer)),
        }
    }

    /// Whether it looks at values only.
    fn is_of_values(&self) -> bool {
        match self {
            Test::Null => false,
            Test::Either(tests) => tests.iter().all(Test::is_of_values),
            _ => true,
        }
    }

    fn passes(&self, value: Scalar, signal: &Signal, buffer: &mut String) -> bool {
        match (self, value) {
            (Test::Null, value) => value == Scalar::Null,
            (_, Scalar::Null) => false,
            (Test::Text(pattern), value) => pattern.matches(value.text(buffer)),
            (Test::Texts(set), value) => set.matches(value.text(buffer)),
            (Test::Expression(expression), value) => expression.matches(value.text(buffer)),
            (Test::Compare(order, limit), value) => value.number().is_some_and(|n| order.holds(n, *limit)),
            (Test::Part(part, order, limit), value) => part.of(value).is_some_and(|n| order.holds(n, *limit)),
            (Test::Within(network), Scalar::Address(address)) => network.contains(address),
            (Test::Within(network), Scalar::Text(text)) => {
                text.parse().is_ok_and(|address| network.contains(address))
            }
            (Test::Within(_), _) => false,
            (Test::Listed(Listed { list, how }), value) => list.find(value, *how).is_some(),
            (Test::Other { field, anchor, cased }, value) => {
                let value = fold(value.text(buffer), *cased, false);
                let mut buffer = String::new();
                field.any(signal, |other| {
                    let other = (other != Scalar::Null).then(|| fold(other.text(&mut buffer), *cased, false));
                    other.is_some_and(|other| anchor.places(&value, &other))
                })
            }
            (Test::Either(tests), value) => tests.iter().any(|test| test.passes(value, signal, buffer)),
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
    /// The part does not match.
    Not(Box<Search>),
    /// A field passes at least one test, or (`all`) every one.
    Field { field: FieldName, tests: Vec<Test>, all: bool },
    /// The field is there, or is not.
    Exists { field: FieldName, wanted: bool },
    /// At least one test, or (`all`) every one, is passed by some text value at any depth.
    Keywords { tests: Vec<Test>, all: bool },
}

impl Search {
    /// Whether the signal matches.
    pub fn matches(&self, signal: &Signal) -> bool {
        match self {
            Search::All(parts) => parts.iter().all(|part| part.matches(signal)),
            Search::Any(parts) => parts.iter().any(|part| part.matches(signal)),
            Search::Not(part) => !part.matches(signal),
            Search::Field { field, tests, all } => {
                let mut buffer = String::new();
                // The field is looked up once for all tests, where one is enough.
                if !all && tests.len() > 1 && tests.iter().all(Test::is_of_values) {
                    return field.any(signal, |value| {
                        tests.iter().any(|test| test.passes(value, signal, &mut buffer))
                    });
                }
                let mut holds = |test: &Test| test.holds(field, signal, &mut buffer);
                if *all { tests.iter().all(holds) } else { tests.iter().any(&mut holds) }
            }
            Search::Exists { field, wanted } => field.present(signal) == *wanted,
            Search::Keywords { tests, all } => {
                let mut buffer = String::new();
                let mut holds = |test: &Test| {
                    signal.document.texts().any(|text| test.passes(Scalar::Text(text), signal, &mut buffer))
                };
                if *all { tests.iter().all(holds) } else { tests.iter().any(&mut holds) }
            }
        }
    }
}

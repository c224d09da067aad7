//! The compiled rules, and the way from a signal to those that can match it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::condition::Condition;
use super::correlation::{Bounds, Counted};
use super::field::FieldName;
use super::origin::Origin;
use super::search::Search;
use crate::model::{LogSource, RuleHead, Signal, Span};

/// A compiled detection: pure, and all that it needs to look at a signal.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    pub(super) searches: Vec<Search>,
    pub(super) condition: Condition,
}

impl Program {
    /// Whether the signal matches.
    pub fn matches(&self, signal: &Signal) -> bool {
        self.condition.matches(&self.searches, signal)
    }
}

/// A detection rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its head.
    pub head: Arc<RuleHead>,
    /// Which signals it is for.
    pub origin: Origin,
    /// Its compiled detection.
    pub program: Program,
    /// Whether a match is a detection by itself; not so if it only feeds correlations.
    pub emits: bool,
    /// The correlations that it feeds, by index.
    pub feeds: Vec<usize>,
}

/// A correlation rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Correlation {
    /// Its head.
    pub head: Arc<RuleHead>,
    /// What it counts.
    pub counted: Counted,
    /// The fields by which signals are grouped; a signal that lacks one does not count.
    pub group_by: Vec<FieldName>,
    /// The length of the window, ends included.
    pub timespan: Span,
    /// For which counts it fires.
    pub bounds: Bounds,
}

/// Every rule of a setup.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleSet {
    pub(super) rules: Vec<Rule>,
    pub(super) correlations: Vec<Correlation>,
}

impl RuleSet {
    /// The detection rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The correlation rules.
    pub fn correlations(&self) -> &[Correlation] {
        &self.correlations
    }

    /// The heads of the rules that can send detections: those that triggers can name.
    pub fn heads(&self) -> impl Iterator<Item = &Arc<RuleHead>> {
        let singles = self.rules.iter().filter(|rule| rule.emits).map(|rule| &rule.head);
        singles.chain(self.correlations.iter().map(|correlation| &correlation.head))
    }

    /// The rules for signals from there, indexed.
    pub fn route(&self, source: &LogSource) -> Route {
        let mut route = Route::default();
        for (number, rule) in self.rules.iter().enumerate() {
            if rule.origin.covers(source) {
                route.add(number, &rule.program);
            }
        }
        route
    }
}

/// The rules that a log source leads to. Those that need one of a few exact values of a field are
/// found by that value, the others are always asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Route {
    always: Vec<usize>,
    by_value: Vec<(FieldName, ByValue)>,
}

/// Values in lower case → the numbers of the rules that ask for them.
type ByValue = BTreeMap<Box<str>, Vec<usize>>;

impl Route {
    fn add(&mut self, number: usize, program: &Program) {
        let Some((field, values)) = program.condition.literals(&program.searches) else {
            self.always.push(number);
            return;
        };
        let known = self.by_value.iter().position(|(known, _)| known == field);
        if known.is_none() {
            self.by_value.push((field.clone(), BTreeMap::new()));
        }
        let place = known.unwrap_or(self.by_value.len() - 1);
        let Some((_, map)) = self.by_value.get_mut(place) else { return };
        for value in values {
            let numbers = map.entry(value.into()).or_default();
            if numbers.last() != Some(&number) {
                numbers.push(number);
            }
        }
    }

    /// The numbers of the rules that can match, in ascending order without repeats.
    pub fn candidates(&self, signal: &Signal, found: &mut Vec<usize>) {
        found.clear();
        found.extend_from_slice(&self.always);
        let mut buffer = String::new();
        for (field, map) in &self.by_value {
            field.any(signal, |value| {
                let text = value.text(&mut buffer);
                let hit = match text.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) {
                    true => map.get(text.to_lowercase().as_str()),
                    false => map.get(text),
                };
                found.extend(hit.into_iter().flatten());
                false
            });
        }
        if !self.by_value.is_empty() {
            found.sort_unstable();
            found.dedup();
        }
    }
}

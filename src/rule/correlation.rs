//! Reads the map under `correlation`.

use super::field::FieldName;
use super::report::Report;
use super::yaml::{Entry, Kind, Node, Place};
use crate::model::Span;

/// What is counted in the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Counted {
    /// Signals, each with its weight.
    Events,
    /// Distinct values of a field; a signal without the field does not count.
    Values(FieldName),
}

/// The counts for which a correlation fires, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub min: u64,
    pub max: u64,
}

impl Bounds {
    /// Whether the count lies within.
    pub fn hold(self, count: u64) -> bool {
        (self.min..=self.max).contains(&count)
    }
}

/// A correlation as read: the rules that it refers to are still names.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    pub counted: Counted,
    pub rules: Vec<(Place, String)>,
    pub group_by: Vec<FieldName>,
    pub timespan: Span,
    pub bounds: Bounds,
    pub generate: bool,
}

const KEYS: &[&str] = &["type", "rules", "group-by", "timespan", "condition", "generate"];
const LATER_TYPES: &[&str] =
    &["temporal", "temporal_ordered", "value_sum", "value_avg", "value_percentile", "value_median"];
/// The longest timespan: what a source can be read back for after a restart.
pub const LONGEST_TIMESPAN: Span = Span::from_secs(24 * 3600);
/// The most distinct values that a group counts.
pub const VALUES_PER_GROUP: usize = 4_096;
/// The most group-by fields.
pub const GROUP_FIELDS: usize = 16;

/// Reads a correlation.
pub fn read(node: &Node, report: &mut Report) -> Option<Draft> {
    let entries = report.map(node, "a map that describes a correlation")?;
    let before = report.mistakes.len();
    for entry in entries.iter().filter(|entry| !KEYS.contains(&entry.key.as_str())) {
        match entry.key.as_str() {
            "aliases" => report.mistake(entry.at, "`aliases` are not supported yet"),
            _ => report.unknown(entry, "correlation", KEYS),
        }
    }
    let get = |key: &str, report: &mut Report| {
        let entry = entries.iter().find(|entry| entry.key == key);
        if entry.is_none() {
            report.mistake(node.at, format!("expected `{key}` in correlation"));
        }
        entry
    };
    let kind = get("type", report).and_then(|entry| kind(&entry.value, report));
    let rules = get("rules", report).map(|entry| rules(&entry.value, report)).unwrap_or_default();
    let timespan = get("timespan", report).and_then(|entry| timespan(&entry.value, report));
    let condition = get("condition", report);
    let (bounds, field) = condition.map(|entry| condition_of(entry, report)).unwrap_or_default();
    let group_by = entries.iter().find(|entry| entry.key == "group-by");
    let group_by = group_by.map(|entry| group_by_of(entry, report)).unwrap_or_default();
    let generate = entries.iter().find(|entry| entry.key == "generate").is_some_and(|entry| {
        let Kind::Bool(value) = entry.value.kind else {
            report.expected(&entry.value, "true or false");
            return false;
        };
        value
    });
    let counted = match (kind?, field) {
        (CountedKind::Values, Some((at, _))) if bounds.is_some_and(|b| b.min > VALUES_PER_GROUP as u64) => {
            report.mistake(at, format!("expected a value_count of at most {VALUES_PER_GROUP}"));
            return None;
        }
        (CountedKind::Values, Some((_, field))) => Counted::Values(FieldName::new(&field)),
        (CountedKind::Values, None) => {
            let at = condition.map_or(node.at, |entry| entry.at);
            report.mistake(at, "expected `field` in the condition of a value_count");
            return None;
        }
        (CountedKind::Events, None) => Counted::Events,
        (CountedKind::Events, Some((at, _))) => {
            report.mistake(at, "`field` has no meaning in an event_count; did you mean value_count?");
            return None;
        }
    };
    let draft = Draft { counted, rules, group_by, timespan: timespan?, bounds: bounds?, generate };
    (report.mistakes.len() == before).then_some(draft)
}

enum CountedKind {
    Events,
    Values,
}

fn kind(node: &Node, report: &mut Report) -> Option<CountedKind> {
    let text = report.text(node, "a correlation type")?;
    match text.as_str() {
        "event_count" => Some(CountedKind::Events),
        "value_count" => Some(CountedKind::Values),
        other => {
            let message = match LATER_TYPES.contains(&other) {
                true => format!("the correlation type `{other}` is not supported yet"),
                false => format!("unknown correlation type `{other}`"),
            };
            report.hinted(node.at, message, Some("types that act: event_count, value_count"));
            None
        }
    }
}

fn rules(node: &Node, report: &mut Report) -> Vec<(Place, String)> {
    let rules = report.texts(node, "the name or id of a rule");
    if rules.is_empty() {
        report.mistake(node.at, "expected at least one rule");
    }
    rules
}

fn timespan(node: &Node, report: &mut Report) -> Option<Span> {
    let text = report.text(node, "a timespan such as 60s")?;
    match text.parse::<Span>() {
        Ok(span) if span > LONGEST_TIMESPAN => {
            report
                .mistake(node.at, format!("expected a timespan of at most {LONGEST_TIMESPAN}, found {span}"));
            None
        }
        Ok(Span::ZERO) => {
            report.mistake(node.at, "expected a timespan longer than zero");
            None
        }
        Ok(span) => Some(span),
        Err(error) => {
            report.mistake(node.at, format!("{error}; found `{text}`"));
            None
        }
    }
}

fn group_by_of(entry: &Entry, report: &mut Report) -> Vec<FieldName> {
    let names = report.texts(&entry.value, "a field name");
    if names.len() > GROUP_FIELDS {
        report.mistake(entry.at, format!("expected at most {GROUP_FIELDS} fields, found {}", names.len()));
    }
    names.iter().map(|(_, name)| FieldName::new(name)).collect()
}

type FieldAt = (Place, String);

/// `{gte: 10}`, `{gt: 5, lte: 20}`, `{field: destination_port, gte: 15}`.
fn condition_of(entry: &Entry, report: &mut Report) -> (Option<Bounds>, Option<FieldAt>) {
    let mut bounds = Bounds { min: 0, max: u64::MAX };
    let mut field = None;
    let mut stated = false;
    let Some(entries) = report.map(&entry.value, "a map such as {gte: 10}") else { return (None, None) };
    for entry in entries {
        let key = entry.key.as_str();
        if key == "field" {
            field = report.text(&entry.value, "a field name").map(|name| (entry.at, name));
            continue;
        }
        if !["gt", "gte", "lt", "lte", "eq"].contains(&key) {
            match key {
                "neq" => report.mistake(entry.at, "the condition `neq` is not supported yet"),
                _ => report.unknown(entry, "condition", &["gt", "gte", "lt", "lte", "eq", "field"]),
            }
            continue;
        }
        stated = true;
        let Kind::Int(number @ 0..=1_000_000_000) = entry.value.kind else {
            report.expected(&entry.value, "a whole number from 0 to 1000000000");
            continue;
        };
        let number = number as u64;
        match key {
            "gt" => bounds.min = bounds.min.max(number + 1),
            "gte" => bounds.min = bounds.min.max(number),
            // Nothing is below 0: the bounds are empty, and that is said below.
            "lt" if number == 0 => bounds = Bounds { min: 1, max: 0 },
            "lt" => bounds.max = bounds.max.min(number - 1),
            "lte" => bounds.max = bounds.max.min(number),
            _ => bounds = Bounds { min: bounds.min.max(number), max: bounds.max.min(number) },
        }
    }
    if !stated {
        report.mistake(entry.at, "expected one of gt, gte, lt, lte, eq in the condition");
        return (None, field);
    }
    if bounds.min > bounds.max || bounds.max == 0 {
        report.hinted(
            entry.at,
            "the condition can never hold",
            Some("it is asked when a signal arrives, so the count is at least 1"),
        );
        return (None, field);
    }
    (Some(bounds), field)
}

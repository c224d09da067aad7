//! Reads the map under `correlation`.

use super::field::FieldName;
use super::texts::{shown, text, texts};
use crate::flow::fault::{Fault, suggest};
use crate::flow::reader::Reader;
use crate::flow::yaml::{Entry, Node, Place};
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
const CONDITION_KEYS: &[&str] = &["gt", "gte", "lt", "lte", "eq", "field"];
const TYPES: [&str; 2] = ["event_count", "value_count"];
const LATER_TYPES: &[&str] =
    &["temporal", "temporal_ordered", "value_sum", "value_avg", "value_percentile", "value_median"];
/// The longest timespan: what a source can be read back for after a restart.
pub const LONGEST_TIMESPAN: Span = Span::from_secs(24 * 3600);
/// The most distinct values that a group counts.
pub const VALUES_PER_GROUP: usize = 4_096;
/// The most group-by fields.
pub const GROUP_FIELDS: usize = 16;

/// Reads a correlation.
pub fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Draft> {
    let before = reader.noted();
    reader.mapping(node, "correlation", KEYS, &["aliases"])?;
    let kind = reader.required(node, "type", "correlation").and_then(|node| kind(node, reader));
    let rules = reader.required(node, "rules", "correlation").map(|node| rules(node, reader));
    let timespan = reader.required(node, "timespan", "correlation").and_then(|node| timespan(node, reader));
    let condition = reader.required(node, "condition", "correlation").and_then(|_| node.entry("condition"));
    let (bounds, field) = condition.map(|entry| condition_of(entry, reader)).unwrap_or_default();
    let group_by = node.entry("group-by").map(|entry| group_by_of(entry, reader)).unwrap_or_default();
    let generate = node.get("generate").and_then(|node| reader.flag(node, "generate")).unwrap_or(false);
    let counted = match (kind?, field) {
        (CountedKind::Values, Some((at, _))) if bounds.is_some_and(|b| b.min > VALUES_PER_GROUP as u64) => {
            reader.wrong(at, format!("expected a value_count of at most {VALUES_PER_GROUP}"));
            return None;
        }
        (CountedKind::Values, Some((_, field))) => Counted::Values(FieldName::new(&field)),
        (CountedKind::Values, None) => {
            let at = condition.map_or(node.at, |entry| entry.at);
            reader.wrong(at, "expected `field` in the condition of a value_count");
            return None;
        }
        (CountedKind::Events, None) => Counted::Events,
        (CountedKind::Events, Some((at, _))) => {
            reader.wrong(at, "`field` has no meaning in an event_count; did you mean value_count?");
            return None;
        }
    };
    let draft = Draft { counted, rules: rules?, group_by, timespan: timespan?, bounds: bounds?, generate };
    (reader.noted() == before).then_some(draft)
}

enum CountedKind {
    Events,
    Values,
}

fn kind(node: &Node, reader: &mut Reader<'_>) -> Option<CountedKind> {
    let text = text(reader, node, "a correlation type")?;
    match text.as_str() {
        "event_count" => Some(CountedKind::Events),
        "value_count" => Some(CountedKind::Values),
        other => {
            let fault = match LATER_TYPES.contains(&other) {
                true => Fault::new(format!("the correlation type `{other}` is not supported yet"))
                    .hint(format!("types that act: {}", TYPES.join(", "))),
                false => Fault::new(format!("unknown correlation type `{}`", shown(other)))
                    .maybe_hint(suggest(other, TYPES)),
            };
            reader.wrong(node.at, fault);
            None
        }
    }
}

fn rules(node: &Node, reader: &mut Reader<'_>) -> Vec<(Place, String)> {
    let rules = texts(reader, node, "the name or id of a rule");
    if rules.is_empty() {
        reader.wrong(node.at, "expected at least one rule");
    }
    rules
}

fn timespan(node: &Node, reader: &mut Reader<'_>) -> Option<Span> {
    let span = reader.span(node, "timespan")?;
    if span > LONGEST_TIMESPAN {
        reader.wrong(node.at, format!("expected a timespan of at most {LONGEST_TIMESPAN}, found {span}"));
        return None;
    }
    Some(span)
}

fn group_by_of(entry: &Entry, reader: &mut Reader<'_>) -> Vec<FieldName> {
    let names = texts(reader, &entry.value, "a field name");
    if names.len() > GROUP_FIELDS {
        reader.wrong(entry.at, format!("expected at most {GROUP_FIELDS} fields, found {}", names.len()));
    }
    names.iter().map(|(_, name)| FieldName::new(name)).collect()
}

type FieldAt = (Place, String);

/// `{gte: 10}`, `{gt: 5, lte: 20}`, `{field: destination_port, gte: 15}`.
fn condition_of(entry: &Entry, reader: &mut Reader<'_>) -> (Option<Bounds>, Option<FieldAt>) {
    let mut bounds = Bounds { min: 0, max: u64::MAX };
    let mut field = None;
    let mut stated = false;
    let Some(entries) = reader.mapping(&entry.value, "condition", CONDITION_KEYS, &["neq"]) else {
        return (None, None);
    };
    for entry in entries {
        let key = entry.key.as_str();
        if key == "field" {
            field = text(reader, &entry.value, "a field name").map(|name| (entry.at, name));
            continue;
        }
        if !CONDITION_KEYS.contains(&key) {
            continue;
        }
        stated = true;
        let Some(number) = reader.whole(&entry.value, key, 0, 1_000_000_000) else { continue };
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
        reader.wrong(entry.at, "expected one of gt, gte, lt, lte, eq in the condition");
        return (None, field);
    }
    if bounds.min > bounds.max || bounds.max == 0 {
        let fault = Fault::new("the condition can never hold");
        reader.wrong(entry.at, fault.hint("it is asked when a signal arrives, so the count is at least 1"));
        return (None, field);
    }
    (Some(bounds), field)
}

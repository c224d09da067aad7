//! Reads the map under `correlation`.

use std::collections::BTreeMap;

use super::anomaly::{self, Anomaly};
use super::bounds::Bounds;
use super::condition::{self, Condition};
use super::field::FieldName;
use super::texts::{shown, text, texts};
use crate::flow::fault::{Fault, did_you_mean, suggest};
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Entry, Node, Place};
use crate::model::{Span, Value};

/// What is counted in the window.
#[derive(Debug, Clone, PartialEq)]
pub enum Counted {
    /// `event_count`: signals, each with its weight.
    Events,
    /// `value_count`: distinct values of a field, or of several together; a signal without one of them
    /// does not count.
    Values(Vec<FieldName>),
    /// `temporal`: distinct rules; with a condition over them, only where it holds.
    Rules(Option<Condition>),
    /// `temporal_ordered`: rules, as far as they come in their order.
    Sequence,
    /// `value_sum`: the values of a field, each as often as its signal weighs.
    Sum(FieldName),
    /// `value_avg`: their mean.
    Average(FieldName),
    /// `value_percentile`: the value at this rank, from 0 to 100, between its neighbours in proportion.
    Percentile(FieldName, f64),
    /// `quell.anomaly`: how far from what is usual for the group.
    Anomaly(Anomaly),
}

/// The names of the types.
const TYPES: [&str; 9] = [
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
    "value_sum",
    "value_avg",
    "value_percentile",
    "value_median",
    "quell.anomaly",
];

/// A correlation as read: the rules that it refers to are still names.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    pub counted: Counted,
    pub rules: Vec<(Place, String)>,
    pub group_by: Vec<Box<str>>,
    /// Alias → the name of a rule, with its place → the field there.
    pub aliases: BTreeMap<String, Vec<(Place, String, FieldName)>>,
    pub timespan: Span,
    pub bounds: Bounds,
    pub generate: bool,
}

const KEYS: &[&str] =
    &["type", "rules", "group-by", "timespan", "condition", "generate", "aliases", "baseline"];
/// The longest timespan: what a source can be read back for after a restart.
pub const LONGEST_TIMESPAN: Span = Span::from_secs(24 * 3600);
/// The most distinct values that a group counts.
pub const VALUES_PER_GROUP: usize = 4_096;
/// The most group-by fields.
pub const GROUP_FIELDS: usize = 16;
/// The most rules that one correlation refers to.
pub const RULES: usize = 256;

/// Reads a correlation.
pub fn read(node: &Node, reader: &mut Reader<'_>) -> Option<Draft> {
    let before = reader.noted();
    reader.mapping(node, "correlation", KEYS, &[])?;
    let kind = reader.required(node, "type", "correlation").and_then(|node| kind(node, reader));
    let rules = reader.required(node, "rules", "correlation").map(|node| rules(node, reader));
    let timespan = reader.required(node, "timespan", "correlation").and_then(|node| timespan(node, reader));
    let group_by = node.entry("group-by").map(|entry| group_by_of(entry, reader)).unwrap_or_default();
    let aliases = node.get("aliases").map(|node| aliases_of(node, reader)).unwrap_or_default();
    let generate = node.get("generate").and_then(|node| reader.flag(node, "generate")).unwrap_or(false);
    let (kind, rules) = (kind?, rules?);
    if let Some(entry) = node.entry("baseline").filter(|_| kind != "quell.anomaly") {
        reader.wrong(entry.at, "`baseline` belongs to `quell.anomaly`");
    }
    let (counted, bounds) = Asked { node, kind, rules: &rules }.counted(reader)?;
    let draft = Draft { counted, rules, group_by, aliases, timespan: timespan?, bounds, generate };
    (reader.noted() == before).then_some(draft)
}

fn kind(node: &Node, reader: &mut Reader<'_>) -> Option<&'static str> {
    let text = text(reader, node, "a correlation type")?;
    let known = TYPES.iter().find(|known| **known == text).copied();
    if known.is_none() {
        let fault = Fault::new(format!("unknown correlation type `{}`", shown(&text)));
        reader.wrong(node.at, fault.maybe_hint(suggest(&text, TYPES)));
    }
    known
}

/// What the type, the rules and the condition ask together.
struct Asked<'a> {
    node: &'a Node,
    kind: &'static str,
    rules: &'a [(Place, String)],
}

impl Asked<'_> {
    fn counted(&self, reader: &mut Reader<'_>) -> Option<(Counted, Bounds)> {
        let temporal = matches!(self.kind, "temporal" | "temporal_ordered");
        let Some(entry) = self.node.entry("condition") else {
            if !temporal {
                reader.wrong(self.node.at, "`condition` is missing in correlation");
                return None;
            }
            return Some((self.plain(), Bounds::at_least(self.rules.len() as f64)));
        };
        if let Data::Scalar(Value::String(_)) = &entry.value.data {
            return self.over_rules(&entry.value, reader);
        }
        if self.kind == "quell.anomaly" {
            return anomaly::read(self.node, entry, reader);
        }
        let read = Bounds::read(entry, self.kind == "value_percentile", reader)?;
        let mut fields = read.fields.into_iter();
        let counted = match (self.kind, fields.next()) {
            ("event_count" | "temporal" | "temporal_ordered", Some((at, _))) => {
                let hint = "did you mean value_count?";
                let message = format!("`field` has no meaning in {} {}", article(self.kind), self.kind);
                reader.wrong(at, format!("{message}; {hint}"));
                return None;
            }
            ("event_count" | "temporal" | "temporal_ordered", None) => self.plain(),
            (kind, None) => {
                reader.wrong(entry.at, format!("expected `field` in the condition of a {kind}"));
                return None;
            }
            ("value_count", Some((at, first))) => {
                if read.bounds.least() > VALUES_PER_GROUP as f64 {
                    reader.wrong(at, format!("expected a value_count of at most {VALUES_PER_GROUP}"));
                    return None;
                }
                let names = std::iter::once(first).chain(fields.by_ref().map(|(_, name)| name));
                Counted::Values(names.map(|name| FieldName::new(&name)).collect())
            }
            (kind, Some((_, name))) => {
                let field = FieldName::new(&name);
                match kind {
                    "value_sum" => Counted::Sum(field),
                    "value_avg" => Counted::Average(field),
                    _ => Counted::Percentile(field, read.percentile.unwrap_or(50.0)),
                }
            }
        };
        if let Some((at, _)) = fields.next() {
            reader.wrong(at, format!("expected one field for a {}", self.kind));
            return None;
        }
        let whole = !matches!(counted, Counted::Sum(_) | Counted::Average(_) | Counted::Percentile(..));
        if whole && !read.bounds.can_count() {
            let fault = Fault::new("the condition can never hold");
            reader
                .wrong(entry.at, fault.hint("it is asked when a signal arrives, so the count is at least 1"));
            return None;
        }
        Some((counted, read.bounds))
    }

    fn plain(&self) -> Counted {
        match self.kind {
            "temporal" => Counted::Rules(None),
            "temporal_ordered" => Counted::Sequence,
            _ => Counted::Events,
        }
    }

    /// `condition: rule_a and not rule_b`.
    fn over_rules(&self, node: &Node, reader: &mut Reader<'_>) -> Option<(Counted, Bounds)> {
        if self.kind != "temporal" {
            reader.wrong(
                node.at,
                format!("a condition over rules belongs to `temporal`, not to {}", self.kind),
            );
            return None;
        }
        let names: Vec<_> = self.rules.iter().map(|(at, name)| (name.as_str(), *at)).collect();
        let condition = condition::read(node, &names, reader)?;
        Some((Counted::Rules(Some(condition)), Bounds::at_least(1.0)))
    }
}

fn article(kind: &str) -> &'static str {
    if kind.starts_with('e') { "an" } else { "a" }
}

fn rules(node: &Node, reader: &mut Reader<'_>) -> Vec<(Place, String)> {
    let rules = texts(reader, node, "the name or id of a rule");
    if rules.is_empty() {
        reader.wrong(node.at, "expected at least one rule");
    }
    if rules.len() > RULES {
        reader.wrong(node.at, format!("expected at most {RULES} rules, found {}", rules.len()));
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

fn group_by_of(entry: &Entry, reader: &mut Reader<'_>) -> Vec<Box<str>> {
    let names = texts(reader, &entry.value, "a field name");
    if names.len() > GROUP_FIELDS {
        reader.wrong(entry.at, format!("expected at most {GROUP_FIELDS} fields, found {}", names.len()));
    }
    names.into_iter().map(|(_, name)| name.into()).collect()
}

fn aliases_of(node: &Node, reader: &mut Reader<'_>) -> BTreeMap<String, Vec<(Place, String, FieldName)>> {
    let mut aliases = BTreeMap::new();
    for alias in reader.entries(node, "aliases, each with a field for every rule").unwrap_or_default() {
        let mut fields = Vec::new();
        let what = "the field of each rule: `rule: field`";
        for Entry { at, key, value } in reader.entries(&alias.value, what).unwrap_or_default() {
            if let Some(field) = text(reader, value, "a field name") {
                fields.push((*at, key.clone(), FieldName::new(&field)));
            }
        }
        aliases.insert(alias.key.clone(), fields);
    }
    aliases
}

impl Draft {
    /// The fields by which signals of each rule are grouped. An alias that names no field for a rule
    /// stands for itself there.
    pub fn keys(&self) -> Vec<Vec<FieldName>> {
        let of = |rule: &str, name: &str| {
            let fields = self.aliases.get(name).into_iter().flatten();
            let mut own = fields.filter(|(_, of, _)| of == rule).map(|(_, _, field)| field.clone());
            own.next_back().unwrap_or_else(|| FieldName::new(name))
        };
        let rules = self.rules.iter();
        rules.map(|(_, rule)| self.group_by.iter().map(|name| of(rule, name)).collect()).collect()
    }

    /// Notes aliases of rules that the correlation does not have, and aliases that group nothing.
    pub fn check_aliases(&self, mut wrong: impl FnMut(Place, Fault)) {
        for (alias, fields) in &self.aliases {
            for (at, rule, _) in fields {
                if !self.group_by.iter().any(|name| **name == **alias) {
                    let fault = Fault::new(format!("nothing is grouped by the alias `{}`", shown(alias)));
                    wrong(*at, fault.hint("name it in group-by"));
                    break;
                }
                if !self.rules.iter().any(|(_, name)| name == rule) {
                    let near = did_you_mean(rule, self.rules.iter().map(|(_, name)| name.as_str()));
                    let message = format!("the correlation has no rule `{}`", shown(rule));
                    wrong(*at, Fault::new(message).maybe_hint(near));
                }
            }
        }
    }
}

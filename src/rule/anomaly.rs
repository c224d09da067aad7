//! `quell.anomaly`: a correlation that learns what is usual for each group, and fires where something is far
//! from it. Sigma has no such type.

use super::bounds::Bounds;
use super::correlation::Counted;
use super::field::FieldName;
use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Entry, Node};
use crate::model::{Span, Value};

/// What is learned, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Anomaly {
    /// The field whose values are looked at; without one the signals of each bucket of the timespan are
    /// counted.
    pub field: Option<FieldName>,
    /// Over how many values or buckets the mean and the variance reach back (the `span` of an exponentially
    /// weighted mean: each new one weighs 2 / (memory + 1)).
    pub memory: u32,
    /// How many are learned before anything is found.
    pub warm_up: u32,
    /// The least standard deviation that is reckoned with; without it 1 for counts, and a twentieth of the
    /// mean for values.
    pub floor: Option<f64>,
    /// How long a group without signals is remembered.
    pub keep: Span,
}

const KEYS: [&str; 4] = ["memory", "warm-up", "floor", "keep"];
/// What is meant where nothing is said.
const MEMORY: u64 = 100;
const WARM_UP: u64 = 30;
const KEEP: Span = Span::from_secs(24 * 3600);
/// The longest time that a group is remembered.
const LONGEST_KEEP: Span = Span::from_secs(30 * 24 * 3600);

/// Reads the condition and the map under `baseline`.
pub fn read(node: &Node, condition: &Entry, reader: &mut Reader<'_>) -> Option<(Counted, Bounds)> {
    let read = Bounds::read(condition, false, reader)?;
    let before = reader.noted();
    if let Some((at, _)) = read.fields.get(1) {
        reader.wrong(*at, "expected one field, or none, for a quell.anomaly");
    }
    let field = read.fields.first().map(|(_, name)| FieldName::new(name));
    if field.is_none() && read.bounds.hold(f64::MIN) {
        let fault = Fault::new("a rate is only found where it is higher than usual");
        reader.wrong(condition.at, fault.hint("ask for standard deviations with gt or gte"));
    }
    if read.bounds.hold(0.0) {
        let fault = Fault::new("the condition holds for what is usual");
        reader.wrong(condition.at, fault.hint("it is in standard deviations, for example `gte: 6`"));
    }
    let baseline = node.get("baseline");
    if let Some(node) = baseline {
        reader.mapping(node, "baseline", &KEYS, &[]);
    }
    let mut whole = |key: &str, least: u64, default: u64| {
        let node = baseline.and_then(|node| node.get(key));
        let number = node.and_then(|node| reader.whole(node, key, least, 1_000_000)).unwrap_or(default);
        u32::try_from(number).unwrap_or(u32::MAX)
    };
    let (memory, warm_up) = (whole("memory", 2, MEMORY), whole("warm-up", 2, WARM_UP));
    let floor = baseline.and_then(|node| node.get("floor")).and_then(|node| floor(node, reader));
    let keep = baseline.and_then(|node| node.get("keep")).and_then(|node| {
        let span = reader.span(node, "keep")?;
        if span > LONGEST_KEEP {
            reader.wrong(node.at, format!("expected at most {LONGEST_KEEP}, found {span}"));
        }
        Some(span)
    });
    let anomaly = Anomaly { field, memory, warm_up, floor, keep: keep.unwrap_or(KEEP) };
    (reader.noted() == before).then_some((Counted::Anomaly(anomaly), read.bounds))
}

fn floor(node: &Node, reader: &mut Reader<'_>) -> Option<f64> {
    let number = match &node.data {
        Data::Scalar(Value::Number(number)) => number.as_f64(),
        _ => None,
    };
    let number = number.filter(|number| number.is_finite() && *number >= 0.0);
    if number.is_none() {
        reader.expected(node, "floor: a number that is not negative");
    }
    number
}

#[cfg(test)]
mod tests {
    use crate::rule::load;

    #[test]
    fn anomalies_are_read_and_mistakes_told() {
        let rules = |rest: &str| {
            let text = format!(
                "title: b\nname: b\ndetection: {{s: {{a: b}}, condition: s}}\n---\ntitle: a\nname: a\ncorrelation:\n  type: quell.anomaly\n  rules: b\n  timespan: 1m\n{rest}\n"
            );
            load(&[("a.yml".to_owned(), text)]).map_err(|wrong| wrong[0].to_string())
        };
        for good in [
            "  condition: {gte: 6}",
            "  condition: {field: bytes_out, gt: 6}",
            "  condition: {field: bytes_out, lt: -4}",
            "  condition: {gte: 6}\n  baseline: {memory: 60, warm-up: 10, floor: 2.5, keep: 7d}",
        ] {
            assert_eq!(rules(good).err(), None, "{good}");
        }
        for (bad, expected) in [
            ("  condition: {lt: -6}", "a rate is only found where it is higher than usual"),
            ("  condition: {field: x, gte: 0}", "the condition holds for what is usual"),
            ("  condition: {field: [x, y], gte: 6}", "expected one field, or none"),
            ("  condition: {gte: 6}\n  baseline: {memory: 1}", "memory"),
            (
                "  condition: {gte: 6}\n  baseline: {floor: -1}",
                "expected floor: a number that is not negative",
            ),
            ("  condition: {gte: 6}\n  baseline: {keep: 31d}", "expected at most"),
            ("  condition: {gte: 6}\n  baseline: {warmup: 3}", "did you mean `warm-up`?"),
            ("  group-by: [x]", "`condition` is missing"),
        ] {
            let found = rules(bad).err().unwrap_or_default();
            assert!(found.contains(expected), "{bad}: {found}");
        }
    }
}

//! `blindness` in `settings.yaml`: when a source that is silent, undecodable or late is an alarm.

use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Node};
use crate::model::{Span, Value};
use crate::runtime::live::blindness::Thresholds;

pub(super) const KEYS: [&str; 3] = ["silent_after", "undecodable_above", "queue_age"];

/// What a mapping says of it; what it does not say stays.
pub(super) fn override_with(reader: &mut Reader<'_>, node: &Node, before: Thresholds) -> Thresholds {
    let mut found = before;
    span(reader, node, "silent_after", &mut found.silent_after);
    span(reader, node, "queue_age", &mut found.queue_age);
    if let Some(node) = node.get("undecodable_above") {
        match is_never(node) {
            true => found.undecodable_above = None,
            false => {
                let share = reader.permille(node, "undecodable_above");
                found.undecodable_above = share.or(found.undecodable_above);
            }
        }
    }
    found
}

fn span(reader: &mut Reader<'_>, node: &Node, key: &str, to: &mut Option<Span>) {
    let Some(node) = node.get(key) else { return };
    if is_never(node) {
        *to = None;
    } else if let Some(span) = reader.span(node, key) {
        *to = Some(span);
    }
}

fn is_never(node: &Node) -> bool {
    matches!(&node.data, Data::Scalar(Value::String(text)) if text == "never")
}

//! How a drill pretends, as files say it.

use std::sync::Arc;

use super::actions;
use crate::engine::DrillSpec;
use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Entry, Node};
use crate::model::{Map, Span, Value, ValueType};

const KEYS: [&str; 7] = ["latency", "fail", "hang", "fail_first", "fail_if", "message", "output"];

/// Reads `drill`. A mistake leaves the default in its place.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node, takes: &[(Arc<str>, ValueType)]) -> DrillSpec {
    reader.mapping(node, "a drill", &KEYS, &[]);
    let latency = node.get("latency").and_then(|n| latency(reader, n));
    let (latency_min, latency_max) = latency.unwrap_or((Span::from_millis(200), Span::from_millis(800)));
    let fail_first = node.get("fail_first").and_then(|n| reader.whole(n, "fail_first", 0, 100));
    let message = node.get("message").and_then(|n| reader.line(n, "a message"));
    DrillSpec {
        latency_min,
        latency_max,
        fail_permille: node.get("fail").and_then(|n| reader.permille(n, "fail")).unwrap_or(0),
        hang_permille: node.get("hang").and_then(|n| reader.permille(n, "hang")).unwrap_or(0),
        fail_first: fail_first.and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        fail_if: node.get("fail_if").and_then(|n| fail_if(reader, n, takes)),
        message: Arc::from(message.unwrap_or("the drill pretends that it failed")),
        output: node.get("output").map(|n| output(reader, n)).unwrap_or_default(),
    }
}

/// `300ms`, or `300ms..900ms`.
fn latency(reader: &mut Reader<'_>, node: &Node) -> Option<(Span, Span)> {
    let text = reader.text(node, "a latency")?;
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let spans = least.trim().parse().ok().zip(most.trim().parse().ok());
    let spans =
        spans.filter(|(least, most): &(Span, Span)| least <= most && *most <= Span::from_secs(86_400));
    if spans.is_none() {
        reader.expected(node, "a latency such as `300ms` or `300ms..2s`, at most 1d");
    }
    spans
}

/// `{ argument: value }`: it always fails then.
fn fail_if(
    reader: &mut Reader<'_>,
    node: &Node,
    takes: &[(Arc<str>, ValueType)],
) -> Option<(Arc<str>, Arc<str>)> {
    let entries = reader.entries(node, "argument: value")?;
    let [Entry { at, key, value }] = entries else {
        reader.wrong(node.at, Fault::new("`fail_if` names one argument and its value"));
        return None;
    };
    let argument = actions::taken(reader, *at, key, takes)?;
    let text = match &value.data {
        Data::Scalar(Value::String(text)) => text.clone(),
        Data::Scalar(other @ (Value::Number(_) | Value::Bool(_))) => other.to_string(),
        _ => {
            reader.expected(value, "one value");
            return None;
        }
    };
    Some((argument, Arc::from(text)))
}

fn output(reader: &mut Reader<'_>, node: &Node) -> Map {
    match value(node) {
        Value::Object(map) => map,
        _ => {
            reader.expected(node, "a mapping (name: value)");
            Map::new()
        }
    }
}

/// The depth of a tree is bounded where it is read.
fn value(node: &Node) -> Value {
    match &node.data {
        Data::Scalar(value) => value.clone(),
        Data::List(items) => Value::Array(items.iter().map(value).collect()),
        Data::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), value(&entry.value))).collect(),
    }
}

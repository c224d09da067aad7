//! `method`, `path`, `query`, `body` and `succeeds` of an action: the request that does it.

use std::sync::Arc;

use super::actions::word;
use crate::engine::ActionSpec;
use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Node, Place};
use crate::model::{BodyTree, HttpRequest, Method, PathFault, Value, Word};

const MAX_SEGMENTS: usize = 64;
const MAX_QUERY: usize = 64;
/// Placeholders of a body: each may be 64 KiB long.
const MAX_PLACEHOLDERS: usize = 64;

/// Reads how an action is done, whose arguments are known already, and which statuses are success.
pub(super) fn read(
    reader: &mut Reader<'_>,
    node: &Node,
    action: &ActionSpec,
) -> Option<(HttpRequest, Vec<u16>)> {
    let request = request(reader, node, action, "the action of an http agent");
    let succeeds = node.get("succeeds").map(|n| succeeds(reader, n)).unwrap_or_default();
    Some((request?, succeeds))
}

/// The request alone.
pub(super) fn request(
    reader: &mut Reader<'_>,
    node: &Node,
    action: &ActionSpec,
    what: &str,
) -> Option<HttpRequest> {
    let method = reader.required(node, "method", what).and_then(|n| method(reader, n));
    let path = reader.required(node, "path", what).and_then(|n| path(reader, n, action));
    let query = node.get("query").map(|n| query(reader, n, action)).unwrap_or_default();
    let body = node.entry("body").and_then(|entry| {
        if matches!(method, Some(Method::Get)) {
            reader.wrong(entry.at, Fault::new("a GET has no body").hint("use `query`"));
        }
        let mut placeholders = 0;
        let body = body(reader, &entry.value, action, &mut placeholders);
        if placeholders > MAX_PLACEHOLDERS {
            reader.wrong(entry.at, Fault::new(format!("a body has at most {MAX_PLACEHOLDERS} placeholders")));
        }
        body
    });
    Some(HttpRequest { method: method?, path: path?, query, body })
}

fn method(reader: &mut Reader<'_>, node: &Node) -> Option<Method> {
    let words = Method::ALL.map(|(_, name)| name);
    reader.choice(node, "a method", &words).and_then(|i| Method::ALL.get(i)).map(|(method, _)| *method)
}

fn path(reader: &mut Reader<'_>, node: &Node, action: &ActionSpec) -> Option<Vec<Word>> {
    let text = reader.text(node, "a path")?;
    let Some(rest) = text.strip_prefix('/') else {
        let fault = Fault::new(format!("expected a path that begins with `/`, found {}", node.described()));
        reader.wrong(node.at, fault.hint("scheme and host stand in `base` of the agent"));
        return None;
    };
    let segments: Vec<&str> = rest.split('/').collect();
    if segments.len() > MAX_SEGMENTS {
        reader.wrong(node.at, Fault::new(format!("a path has at most {MAX_SEGMENTS} segments")));
    }
    let mut found = Vec::new();
    for (i, text) in segments.iter().enumerate() {
        if text.is_empty() && i + 1 < segments.len() {
            reader.wrong(node.at, Fault::new("an empty segment (`//`) in a path"));
        }
        let Some(segment) = word(reader, node.at, text, &action.takes) else { continue };
        if let Some(fault) = PathFault::of(&segment) {
            let hint = match fault {
                PathFault::Ends => "put what comes after it into `query`",
                PathFault::Unencoded(_) => "write it percent-encoded, such as `%20`",
                PathFault::Dots => "write the path out",
            };
            reader.wrong(node.at, Fault::new(fault.to_string()).hint(hint));
        }
        if let Some(name) = segment.names().find(|name| action.optional.contains(name)) {
            let fault = Fault::new(format!("`{name}` is optional: there may be nothing to put here"));
            reader.wrong(node.at, fault.hint("put it into `query` or `body`, where it is left out then"));
        }
        found.push(segment);
    }
    Some(found)
}

fn query(reader: &mut Reader<'_>, node: &Node, action: &ActionSpec) -> Vec<(Arc<str>, Word)> {
    let entries = reader.entries(node, "name: value").unwrap_or_default();
    if entries.len() > MAX_QUERY {
        reader.wrong(node.at, Fault::new(format!("a query has at most {MAX_QUERY} pairs")));
    }
    let mut found = Vec::new();
    for entry in entries {
        fixed_name(reader, entry.at, &entry.key);
        let text = match &entry.value.data {
            Data::Scalar(value @ (Value::Number(_) | Value::Bool(_))) => Some(value.to_string()),
            _ => reader.text(&entry.value, "a value of the query").map(str::to_owned),
        };
        if let Some(value) = text.and_then(|text| word(reader, entry.value.at, &text, &action.takes)) {
            found.push((Arc::from(entry.key.as_str()), value));
        }
    }
    found
}

/// The depth of a tree is bounded where it is read.
fn body(reader: &mut Reader<'_>, node: &Node, action: &ActionSpec, count: &mut usize) -> Option<BodyTree> {
    Some(match &node.data {
        Data::Scalar(Value::String(text)) => {
            let word = word(reader, node.at, text, &action.takes)?;
            *count += word.names().count();
            BodyTree::Text(word)
        }
        Data::Scalar(value) => BodyTree::Fixed(value.clone()),
        Data::List(items) => {
            BodyTree::List(items.iter().filter_map(|item| body(reader, item, action, count)).collect())
        }
        Data::Map(entries) => {
            let entries = entries.iter().filter_map(|entry| {
                fixed_name(reader, entry.at, &entry.key);
                let value = body(reader, &entry.value, action, count)?;
                Some((Arc::from(entry.key.as_str()), value))
            });
            BodyTree::Map(entries.collect())
        }
    })
}

fn fixed_name(reader: &mut Reader<'_>, at: Place, key: &str) {
    if key.contains("${") {
        reader.wrong(at, Fault::new("a name is fixed: a placeholder cannot choose it"));
    }
}

fn succeeds(reader: &mut Reader<'_>, node: &Node) -> Vec<u16> {
    let before = reader.noted();
    let items = reader.items(node, "statuses that mean success");
    if items.is_empty() && reader.noted() == before {
        reader.wrong(node.at, Fault::new("an empty list: nothing would be success").hint("remove it"));
    }
    let statuses = items.iter().filter_map(|item| reader.whole(item, "a status", 200, 599));
    statuses.filter_map(|status| u16::try_from(status).ok()).collect()
}

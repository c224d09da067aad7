//! Typed inputs of a workflow: filled from a detection, or given by a person.

use std::sync::Arc;

use super::{InputSpec, Path, Scope, Template, Workflow};
use crate::flow::fault::{Fault, list, suggest};
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Entry, Node};
use crate::model::{Map, Value, ValueType};

const KEYS: [&str; 5] = ["type", "required", "default", "from", "description"];
const MAX_INPUTS: usize = 64;

impl Workflow {
    /// The inputs of a run that a detection triggers.
    ///
    /// # Errors
    /// Every input that has no value or one of the wrong type, in one message.
    pub fn inputs_from(&self, detection: &Map) -> Result<Map, String> {
        let none = Map::new();
        let scope = Scope { inputs: &none, detection: Some(detection), run: None, steps: &|_| None };
        self.fill(|input| match &input.from {
            Some(from) => match from.render(&scope) {
                Ok(value) => Ok(Some(value)),
                Err(_) if input.default.is_some() || !input.required => Ok(None),
                Err(why) => Err(why),
            },
            None => Ok(None),
        })
    }

    /// The inputs of a run that a person triggers.
    ///
    /// # Errors
    /// Every input that is unknown, missing or of the wrong type, in one message.
    pub fn inputs_given(&self, given: &Map) -> Result<Map, String> {
        let known = || self.inputs.iter().map(|input| &*input.name);
        let unknown = given.keys().filter(|name| !known().any(|known| known == name.as_str())).map(|name| {
            let fault = Fault::new(format!("there is no input `{}`", crate::model::SafeText(name).cut(40)));
            fault.maybe_hint(suggest(name, self.inputs.iter().map(|input| &*input.name))).to_string()
        });
        let mut wrong: Vec<String> = unknown.collect();
        match self.fill(|input| Ok(given.get(&*input.name).cloned())) {
            Ok(inputs) if wrong.is_empty() => return Ok(inputs),
            Ok(_) => {}
            Err(why) => wrong.push(why),
        }
        Err(wrong.join("; "))
    }

    fn fill(&self, find: impl Fn(&InputSpec) -> Result<Option<Value>, String>) -> Result<Map, String> {
        let mut inputs = Map::new();
        let mut wrong = Vec::new();
        for input in &self.inputs {
            let found = find(input).map(|value| value.or_else(|| input.default.clone()));
            match found {
                Ok(Some(value)) => match input.kind.fit(value) {
                    Ok(value) => _ = inputs.insert(input.name.to_string(), value),
                    Err(why) => wrong.push(format!("input `{}`: {why}", input.name)),
                },
                Ok(None) if !input.required => {}
                Ok(None) => wrong.push(format!("input `{}` ({}) is missing", input.name, input.kind)),
                Err(why) => wrong.push(format!("input `{}`: {why}", input.name)),
            }
        }
        if wrong.is_empty() { Ok(inputs) } else { Err(wrong.join("; ")) }
    }
}

/// Reads `inputs`: name → type, or name → {type, required, default, from, description}.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Vec<InputSpec> {
    let entries = reader.entries(node, "name: type").unwrap_or_default();
    if entries.len() > MAX_INPUTS {
        let message = format!("{} inputs, at most {MAX_INPUTS} are allowed", entries.len());
        reader.wrong(node.at, Fault::new(message));
    }
    entries.iter().filter_map(|entry| read_one(reader, entry)).collect()
}

fn read_one(reader: &mut Reader<'_>, entry: &Entry) -> Option<InputSpec> {
    let Entry { at, key, value: node } = entry;
    if !is_plain(key) {
        let fault =
            Fault::new(format!("`{}` is not a name for an input", crate::model::SafeText(key).cut(40)));
        reader.wrong(*at, fault.hint("a name has letters, digits, `_` and `-`, and begins with a letter"));
        return None;
    }
    let mut input = InputSpec {
        name: Arc::from(key.as_str()),
        kind: ValueType::Text,
        required: true,
        default: None,
        from: None,
        description: None,
    };
    if !matches!(node.data, Data::Map(_)) {
        // An input whose type is wrong is still an input.
        input.kind = reader.value_type(node).unwrap_or(ValueType::Text);
        return Some(input);
    }
    reader.mapping(node, "an input", &KEYS, &[]);
    let kind = reader.required(node, "type", "the input").and_then(|n| reader.value_type(n));
    input.kind = kind.unwrap_or(ValueType::Text);
    if let (Some(default), Some(kind)) = (node.get("default"), kind) {
        input.default = read_default(reader, default, kind);
    }
    input.required = node
        .get("required")
        .and_then(|n| reader.flag(n, "required"))
        .unwrap_or(node.get("default").is_none());
    if input.required
        && let Some(default) = node.entry("default")
    {
        reader.wrong(
            default.at,
            Fault::new("an input with a default is never missing").hint("remove `required` or `default`"),
        );
    }
    if let Some(from) = node.get("from") {
        input.from = read_from(reader, from);
    }
    input.description = node.get("description").and_then(|n| reader.line(n, "a description")).map(Arc::from);
    Some(input)
}

fn read_default(reader: &mut Reader<'_>, node: &Node, kind: ValueType) -> Option<Value> {
    let Data::Scalar(value) = &node.data else {
        reader.expected(node, &format!("one value of type {kind}"));
        return None;
    };
    match kind.fit(value.clone()) {
        Ok(value) => Some(value),
        Err(why) => {
            reader.wrong(node.at, Fault::new(format!("the default does not fit its type: {why}")));
            None
        }
    }
}

fn read_from(reader: &mut Reader<'_>, node: &Node) -> Option<Template> {
    let template = Template::read(reader, node, "a path into the detection")?;
    let others = template.paths().filter(|path| !matches!(path, Path::Detection(_)));
    let others: Vec<String> = others.map(|path| format!("`${{{path}}}`")).collect();
    if template.as_constant().is_some() {
        let fault = Fault::new("`from` is filled from a detection")
            .hint("for example `from: ${detection.source_ip}`");
        reader.wrong(node.at, fault);
    } else if !others.is_empty() {
        let others = list(others.iter().map(String::as_str));
        reader.wrong(node.at, Fault::new(format!("`from` can name only `detection.FIELD`, found {others}")));
    }
    Some(template)
}

/// Whether a name can stand in a placeholder.
pub(super) fn is_plain(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn workflow() -> Workflow {
        let text = "
workflow: w
trigger: { rule: r }
inputs:
  address: { type: address, from: '${detection.source_ip}' }
  user: { type: user, from: '${detection.user}', default: nobody }
  port: { type: port, from: '${detection.port}', required: false }
  note: { type: text, default: none }
steps:
  - { id: a, role: R, action: x, undo: 'none: it only looks' }
";
        super::super::parse("w.yaml", text)
            .map_err(|m| m.iter().map(ToString::to_string).collect::<Vec<_>>())
            .unwrap()
    }

    fn map(value: Value) -> Map {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn inputs_are_filled_from_a_detection() {
        let workflow = workflow();
        for (detection, want) in [
            (
                json!({"source_ip": "192.0.2.1", "user": "root", "port": "22", "note": "ignored"}),
                Ok(json!({"address": "192.0.2.1", "user": "root", "port": 22, "note": "none"})),
            ),
            (
                json!({"source_ip": "192.0.2.1"}),
                Ok(json!({"address": "192.0.2.1", "user": "nobody", "note": "none"})),
            ),
            (
                json!({"user": 5, "source_ip": "x"}),
                Err("input `address`: expected an IP address, found \"x\""),
            ),
            (
                json!({"user": "-rf", "port": 99_999}),
                Err(
                    "input `address`: `${detection.source_ip}` has no value: the detection has no such field (there is port, user); input `user`: expected a user name, found \"-rf\"; input `port`: expected a port (0 to 65535), found 99999",
                ),
            ),
        ] {
            let want = want.map(map).map_err(str::to_owned);
            assert_eq!(workflow.inputs_from(&map(detection)), want);
        }
    }

    #[test]
    fn what_a_person_gives_is_checked_at_once() {
        let workflow = workflow();
        let given = json!({"address": "2001:db8::1", "port": "443", "note": 7});
        let want = json!({"address": "2001:db8::1", "port": 443, "note": "7", "user": "nobody"});
        assert_eq!(workflow.inputs_given(&map(given)), Ok(map(want)));
        assert_eq!(
            workflow.inputs_given(&map(json!({"adress": "x", "port": "ssh", "user": ""}))),
            Err("there is no input `adress` (did you mean `address`?); input `address` (address) is missing; \
                 input `user`: expected a user name, found \"\"; \
                 input `port`: expected a port (0 to 65535), found \"ssh\""
                .to_owned())
        );
    }
}

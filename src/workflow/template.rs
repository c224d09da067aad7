//! Text with `${typed.path}` placeholders. A path is looked up, never evaluated (C26).

use super::Scope;
use super::path::{Found, Path, is_assumed};
use crate::flow::fault::Fault;
use crate::flow::reader::Reader;
use crate::flow::yaml::{Data, Node};
use crate::model::Value;

/// Placeholders of one template.
const MAX_PLACEHOLDERS: usize = 64;

/// A parsed template, or a constant.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Constant(Value),
    One(Path),
    Text(Vec<Piece>),
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Plain(String),
    Hole(Path),
}

impl Template {
    /// A value without placeholders.
    pub fn constant(value: Value) -> Self {
        Template { kind: Kind::Constant(value) }
    }

    /// A value of a file in which text is a template.
    pub(crate) fn read(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Self> {
        match &node.data {
            Data::Scalar(Value::Null) | Data::List(_) | Data::Map(_) => {
                reader.expected(node, &format!("one value ({what})"));
                None
            }
            Data::Scalar(Value::String(text)) => match Template::parse(text) {
                Ok(template) => Some(template),
                Err(fault) => {
                    reader.wrong(node.at, fault);
                    None
                }
            },
            Data::Scalar(value) => Some(Template::constant(value.clone())),
        }
    }

    /// Reads a text with `${path}` placeholders; `$$` is a `$`, and a `$` before anything else is itself.
    ///
    /// # Errors
    /// Says which placeholder was not understood.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut holes = 0;
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            plain.push_str(before);
            if let Some(inside) = after.strip_prefix('{') {
                let Some((path, after)) = inside.split_once('}') else {
                    return Err(Fault::new("`${` without `}`").hint("write `$${` for the text itself"));
                };
                if !plain.is_empty() {
                    pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Hole(Path::parse(path.trim())?));
                holes += 1;
                rest = after;
            } else {
                plain.push('$');
                rest = after.strip_prefix('$').unwrap_or(after);
            }
        }
        plain.push_str(rest);
        if holes > MAX_PLACEHOLDERS {
            return Err(Fault::new(format!("{holes} placeholders, at most {MAX_PLACEHOLDERS} are allowed")));
        }
        if pieces.is_empty() {
            return Ok(Template::constant(Value::String(plain)));
        }
        if !plain.is_empty() {
            pieces.push(Piece::Plain(plain));
        }
        let kind = match pieces.as_slice() {
            [Piece::Hole(path)] => Kind::One(path.clone()),
            _ => Kind::Text(pieces),
        };
        Ok(Template { kind })
    }

    /// The value, if it has no placeholder.
    pub fn as_constant(&self) -> Option<&Value> {
        match &self.kind {
            Kind::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// The path, if it is one placeholder and nothing else.
    pub fn as_path(&self) -> Option<&Path> {
        match &self.kind {
            Kind::One(path) => Some(path),
            _ => None,
        }
    }

    /// What its placeholders name, in order.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let (one, pieces): (Option<&Path>, &[Piece]) = match &self.kind {
            Kind::Constant(_) => (None, &[]),
            Kind::One(path) => (Some(path), &[]),
            Kind::Text(pieces) => (None, pieces),
        };
        one.into_iter().chain(pieces.iter().filter_map(|piece| match piece {
            Piece::Plain(_) => None,
            Piece::Hole(path) => Some(path),
        }))
    }

    /// Whether a part of it cannot be known, since it would be the output of a step that was only assumed.
    pub fn is_unknown(&self, scope: &Scope<'_>) -> bool {
        self.paths().any(|path| matches!(path, Path::Output(id, _) if is_assumed(scope, id)))
    }

    /// The value for one run: a template that is one placeholder keeps the type of what it finds.
    ///
    /// # Errors
    /// Names the placeholder that has no value, or whose value cannot stand in a text.
    pub fn render(&self, scope: &Scope<'_>) -> Result<Value, String> {
        match &self.kind {
            Kind::Constant(value) => Ok(value.clone()),
            Kind::One(path) => path.find(scope).map(Found::into_value),
            Kind::Text(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Plain(plain) => text.push_str(plain),
                        Piece::Hole(path) => push(&mut text, path, path.find(scope)?)?,
                    }
                }
                Ok(Value::String(text))
            }
        }
    }
}

fn push(text: &mut String, path: &Path, found: Found<'_>) -> Result<(), String> {
    use std::fmt::Write as _;
    let list_or_object = |what: &str| Err(format!("`${{{path}}}` is {what}: it cannot stand in a text"));
    match &found {
        Found::Text(value) | Found::Value(Value::String(value)) => text.push_str(value),
        Found::Value(Value::Array(_)) => return list_or_object("a list"),
        Found::Value(Value::Object(_)) => return list_or_object("an object"),
        Found::Value(value) => {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{value}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::StepView;
    use super::*;
    use crate::model::{Map, RunId};
    use proptest::prelude::*;
    use serde_json::json;

    fn map(value: Value) -> Map {
        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    fn render(text: &str) -> Result<Value, String> {
        let inputs = map(json!({"address": "192.0.2.7", "port": 22, "odd": "${run.id}", "none": null}));
        let detection = map(json!({
            "source_ip": "198.51.100.9", "count": 12, "ok": true, "id.orig_h": "dotted",
            "id": {"orig_h": "nested", "orig_p": 4242}, "list": [{"a": 1}, 2],
        }));
        let output = map(json!({"ports": [22, 80], "host": {"name": "web-1"}}));
        let steps = |id: &str| match id {
            "scan" => Some(StepView { status: "succeeded", output: Some(&output), assumed: false }),
            "guess" => Some(StepView { status: "succeeded", output: None, assumed: true }),
            "later" => Some(StepView { status: "pending", output: None, assumed: false }),
            _ => None,
        };
        let scope =
            Scope { inputs: &inputs, detection: Some(&detection), run: Some(RunId(42)), steps: &steps };
        Template::parse(text).map_err(|f| f.to_string())?.render(&scope)
    }

    #[test]
    fn placeholders_are_replaced() {
        for (text, value) in [
            ("plain", json!("plain")),
            ("", json!("")),
            ("${inputs.address}", json!("192.0.2.7")),
            ("${ inputs.port }", json!(22)),
            ("port ${inputs.port}", json!("port 22")),
            ("${detection.ok}!", json!("true!")),
            ("${inputs.address}:${inputs.port}", json!("192.0.2.7:22")),
            ("${run.id}", json!("run-42")),
            ("${detection.id.orig_h}", json!("dotted")),
            ("${detection.id.orig_p}", json!(4242)),
            ("${detection.list.0.a}", json!(1)),
            ("${steps.scan.output.ports}", json!([22, 80])),
            ("${steps.scan.output.ports.1}", json!(80)),
            ("${steps.scan.output.host.name}", json!("web-1")),
            ("${steps.later.status}", json!("pending")),
            ("${steps.guess.status}", json!("succeeded")),
            ("${steps.guess.output.file}", json!("${steps.guess.output.file}")),
            ("in ${steps.guess.output.a.b}!", json!("in ${steps.guess.output.a.b}!")),
            ("costs $5 and $$5 and $${x}", json!("costs $5 and $5 and ${x}")),
            ("$", json!("$")),
            ("$$", json!("$")),
            // What a placeholder brings in is text, not a template.
            ("${inputs.odd}", json!("${run.id}")),
            ("is ${inputs.odd}", json!("is ${run.id}")),
        ] {
            assert_eq!(render(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, why) in [
            (
                "${inputs.adress}",
                "`${inputs.adress}` has no value: the run has no such input (there is address, none, odd, port)",
            ),
            ("${inputs.none}", "`${inputs.none}` has no value: it is null"),
            (
                "${detection.list.9}",
                "`${detection.list.9}` has no value: the detection has no such field (there is count, id, id.orig_h, list, ok, source_ip)",
            ),
            ("${steps.nope.status}", "`${steps.nope.status}` has no value: the run has no step `nope`"),
            (
                "${steps.later.output.x}",
                "`${steps.later.output.x}` has no value: step `later` is pending and has no output",
            ),
            (
                "ports ${steps.scan.output.ports}",
                "`${steps.scan.output.ports}` is a list: it cannot stand in a text",
            ),
            (
                "on ${steps.scan.output.host}",
                "`${steps.scan.output.host}` is an object: it cannot stand in a text",
            ),
            ("${", "`${` without `}` (write `$${` for the text itself)"),
            ("${}", "`${}` names nothing (name a value, for example `${inputs.address}`)"),
            (
                "${input.a}",
                "`${input.a}`: `input` is unknown; a placeholder starts with one of inputs, detection, run, steps (did you mean `inputs`?)",
            ),
            ("${inputs}", "`${inputs}`: expected `inputs.NAME`"),
            ("${inputs.a.b}", "`${inputs.a.b}`: expected `inputs.NAME`"),
            ("${detection}", "`${detection}`: expected `detection.FIELD`"),
            ("${run.name}", "`${run.name}`: a run has only `run.id`"),
            ("${steps.scan}", "`${steps.scan}`: expected `steps.ID.output.NAME` or `steps.ID.status`"),
            (
                "${1 + 1}",
                "`${1 + 1}`: `1 + 1` is not a name (a placeholder is a path such as `inputs.address`; it is looked up, never evaluated)",
            ),
            (
                "${a..b}",
                "`${a..b}`: `` is not a name (a placeholder is a path such as `inputs.address`; it is looked up, never evaluated)",
            ),
            ("${detection.a.b.c.d.e.f.g.h}", "a placeholder has at most 8 parts and 256 bytes"),
        ] {
            assert_eq!(render(text), Err(why.to_owned()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn c26_any_text_is_read_without_panic(text in ".{0,200}") {
            let _ = Template::parse(&text);
        }

        #[test]
        fn c26_text_without_dollar_is_itself(text in "[^$]{0,60}") {
            prop_assert_eq!(Template::parse(&text).unwrap(), Template::constant(Value::String(text)));
        }

        #[test]
        fn c26_a_value_is_never_read_as_a_template(value in ".{0,60}") {
            let inputs = map(json!({ "x": value.clone() }));
            let scope = Scope { inputs: &inputs, detection: None, run: None, steps: &|_| None };
            let rendered = Template::parse("<${inputs.x}>").unwrap().render(&scope);
            prop_assert_eq!(rendered, Ok(Value::String(format!("<{value}>"))));
        }
    }
}

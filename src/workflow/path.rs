//! What stands between `${` and `}`: the typed path to one value.

use std::fmt;

use super::Scope;
use crate::flow::fault::{Fault, did_you_mean, list};
use crate::model::{Map, Value};

/// The words with which a path may start.
pub(crate) const ROOTS: [&str; 4] = ["inputs", "detection", "run", "steps"];

/// Segments of one path.
const MAX_SEGMENTS: usize = 8;

/// A path to one value of a [`Scope`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    /// `inputs.NAME`
    Input(Box<str>),
    /// `detection.a.b`: nested objects, or keys that contain dots.
    Detection(Vec<Box<str>>),
    /// `run.id`
    RunId,
    /// `steps.ID.output.a.b`
    Output(Box<str>, Vec<Box<str>>),
    /// `steps.ID.status`
    Status(Box<str>),
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// Says which part was not understood, and what may stand there.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let segments: Vec<&str> = text.split('.').collect();
        let shown = || format!("`${{{text}}}`");
        if text.is_empty() {
            return Err(
                Fault::new("`${}` names nothing").hint("name a value, for example `${inputs.address}`")
            );
        }
        if segments.len() > MAX_SEGMENTS || text.len() > 256 {
            return Err(Fault::new(format!("a placeholder has at most {MAX_SEGMENTS} parts and 256 bytes")));
        }
        if let Some(bad) = segments.iter().find(|s| !is_segment(s)) {
            let hint = "a placeholder is a path such as `inputs.address`; it is looked up, never evaluated";
            return Err(Fault::new(format!("{}: `{bad}` is not a name", shown())).hint(hint));
        }
        let owned = |from: usize| segments.iter().skip(from).map(|s| Box::from(*s)).collect();
        match segments.as_slice() {
            ["inputs", name] => Ok(Path::Input(Box::from(*name))),
            ["inputs", ..] => Err(Fault::new(format!("{}: expected `inputs.NAME`", shown()))),
            ["detection", _, ..] => Ok(Path::Detection(owned(1))),
            ["detection"] => Err(Fault::new(format!("{}: expected `detection.FIELD`", shown()))),
            ["run", "id"] => Ok(Path::RunId),
            ["run", ..] => Err(Fault::new(format!("{}: a run has only `run.id`", shown()))),
            ["steps", id, "status"] => Ok(Path::Status(Box::from(*id))),
            ["steps", id, "output", _, ..] => Ok(Path::Output(Box::from(*id), owned(3))),
            ["steps", ..] => {
                let want = "expected `steps.ID.output.NAME` or `steps.ID.status`";
                Err(Fault::new(format!("{}: {want}", shown())))
            }
            [root, ..] => {
                let known = list(ROOTS);
                Err(Fault::new(format!(
                    "{}: `{root}` is unknown; a placeholder starts with one of {known}",
                    shown()
                ))
                .maybe_hint(did_you_mean(root, ROOTS)))
            }
            [] => Err(Fault::new("`${}` names nothing")),
        }
    }

    /// The value that it leads to; `null` counts as no value.
    ///
    /// # Errors
    /// Names the path, and what there is instead.
    pub fn find<'a>(&self, scope: &Scope<'a>) -> Result<Found<'a>, String> {
        let found = match self {
            Path::Input(name) => match scope.inputs.get(&**name) {
                Some(value) => Found::Value(value),
                None => return Err(self.missing("the run has no such input", scope.inputs)),
            },
            Path::Detection(keys) => {
                let Some(detection) = scope.detection else {
                    return Err(format!(
                        "`${{{self}}}` has no value: the run was not started by a detection"
                    ));
                };
                match dig(detection, keys) {
                    Some(value) => Found::Value(value),
                    None => return Err(self.missing("the detection has no such field", detection)),
                }
            }
            Path::RunId => match scope.run {
                Some(id) => Found::Text(id.to_string()),
                None => return Err("`${run.id}` has no value: there is no run yet".to_owned()),
            },
            Path::Status(id) => match (scope.steps)(id) {
                Some(view) => Found::Text(view.status.to_owned()),
                None => return Err(format!("`${{{self}}}` has no value: the run has no step `{id}`")),
            },
            // Nobody knows it: its place is kept.
            Path::Output(id, _) if is_assumed(scope, id) => Found::Text(format!("${{{self}}}")),
            Path::Output(id, keys) => Found::Value(self.output(id, keys, scope)?),
        };
        match found {
            Found::Value(Value::Null) => Err(format!("`${{{self}}}` has no value: it is null")),
            found => Ok(found),
        }
    }

    fn output<'a>(&self, id: &str, keys: &[Box<str>], scope: &Scope<'a>) -> Result<&'a Value, String> {
        let Some(view) = (scope.steps)(id) else {
            return Err(format!("`${{{self}}}` has no value: the run has no step `{id}`"));
        };
        let Some(output) = view.output else {
            return Err(format!(
                "`${{{self}}}` has no value: step `{id}` is {} and has no output",
                view.status
            ));
        };
        dig(output, keys).ok_or_else(|| self.missing(&format!("step `{id}` has no such output"), output))
    }

    fn missing(&self, why: &str, there: &Map) -> String {
        let names = list(there.keys().map(String::as_str));
        let names = if names.is_empty() { "nothing".to_owned() } else { names };
        format!("`${{{self}}}` has no value: {why} (there is {names})")
    }
}

/// What a path led to.
#[derive(Debug, Clone, PartialEq)]
pub enum Found<'a> {
    /// A value of the scope.
    Value(&'a Value),
    /// Text made for it.
    Text(String),
}

impl Found<'_> {
    /// The value, with its type.
    pub fn into_value(self) -> Value {
        match self {
            Found::Value(value) => value.clone(),
            Found::Text(text) => Value::String(text),
        }
    }
}

/// Whether a step was assumed to succeed.
pub(crate) fn is_assumed(scope: &Scope<'_>, id: &str) -> bool {
    (scope.steps)(id).is_some_and(|step| step.assumed)
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Input(name) => write!(f, "inputs.{name}"),
            Path::Detection(keys) => write!(f, "detection.{}", keys.join(".")),
            Path::RunId => f.write_str("run.id"),
            Path::Output(id, keys) => write!(f, "steps.{id}.output.{}", keys.join(".")),
            Path::Status(id) => write!(f, "steps.{id}.status"),
        }
    }
}

fn is_segment(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '@'))
}

/// The longest key that fits comes first, so that `id.orig_h` finds the key of that name before an
/// object `id`. [`MAX_SEGMENTS`] bounds the search.
fn dig<'a>(map: &'a Map, keys: &[Box<str>]) -> Option<&'a Value> {
    (1..=keys.len()).rev().find_map(|n| {
        let (head, rest) = keys.split_at_checked(n)?;
        let value = map.get(head.join(".").as_str())?;
        within(value, rest)
    })
}

fn within<'a>(value: &'a Value, keys: &[Box<str>]) -> Option<&'a Value> {
    let Some((first, rest)) = keys.split_first() else { return Some(value) };
    match value {
        Value::Object(map) => dig(map, keys),
        Value::Array(items) => within(items.get(first.parse::<usize>().ok()?)?, rest),
        _ => None,
    }
}

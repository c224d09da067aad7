//! Conditions in CEL, compiled at load, within bounds (C26).
//!
//! The parser and the interpreter of the `cel` crate recurse, and a cost limit they have not: so the
//! source is short, its brackets and operators are counted before it is parsed, and macros that loop
//! are refused. What is left costs at most one visit of each node.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::{Context, Env, ParseError, Program};

use super::Scope;
use super::path::{ROOTS, is_assumed};
use crate::flow::fault::{Fault, list, suggest};
use crate::model::{Map, Value};

/// Bytes of source.
const MAX_SOURCE: usize = 4096;
/// Opening brackets in the source.
const MAX_BRACKETS: usize = 32;
/// Operator characters and `in` words in the source.
const MAX_OPERATORS: usize = 200;

/// Functions of CEL that are allowed besides its operators.
const FUNCTIONS: [&str; 11] =
    ["contains", "startsWith", "endsWith", "size", "int", "uint", "double", "string", "bool", "type", "dyn"];

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A compiled condition.
#[derive(Debug)]
pub struct Condition {
    source: String,
    program: Program,
    reads: Reads,
}

/// What a condition looks at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// Names of inputs.
    pub inputs: BTreeSet<String>,
    /// Ids of steps.
    pub steps: BTreeSet<String>,
    /// Those of them of which it looks at more than the status.
    pub outputs: BTreeSet<String>,
    /// Whether it looks at the detection.
    pub detection: bool,
    /// Whether it looks at the run.
    pub run: bool,
}

impl Condition {
    /// Compiles a condition.
    ///
    /// # Errors
    /// Says where the source was not understood, or what is not allowed in it.
    pub fn compile(source: &str) -> Result<Self, Fault> {
        within_bounds(source)?;
        let program = Program::compile(source).map_err(|errors| syntax(source, errors.errors.first()))?;
        let mut reads = Reads::default();
        inspect(program.expression(), &mut reads)?;
        if let Expr::Literal(literal) = &program.expression().expr
            && !matches!(literal, LiteralValue::Boolean(_))
        {
            return Err(not_bool("this value"));
        }
        Ok(Condition { source: source.to_owned(), program, reads })
    }

    /// The text that it was compiled from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it looks at.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Whether nobody can say if it holds, since it asks for the output of a step that was only assumed.
    pub fn is_undecided(&self, scope: &Scope<'_>) -> bool {
        self.reads.outputs.iter().any(|id| is_assumed(scope, id))
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// Says what could not be evaluated.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, String> {
        let mut context = Context::with_env(Arc::clone(&ENV));
        if !self.reads.inputs.is_empty() {
            context.add_variable_from_value("inputs", object(scope.inputs));
        }
        if self.reads.detection {
            let none = Map::new();
            context.add_variable_from_value("detection", object(scope.detection.unwrap_or(&none)));
        }
        if self.reads.run {
            let id = scope.run.map(|id| Value::String(id.to_string()));
            let run: Map = id.into_iter().map(|id| ("id".to_owned(), id)).collect();
            context.add_variable_from_value("run", object(&run));
        }
        if !self.reads.steps.is_empty() {
            context.add_variable_from_value("steps", self.steps(scope));
        }
        match self.program.execute(&context) {
            Ok(cel::Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!("`{}` is not true or false but a {}", self.source, other.type_of())),
            Err(error) => Err(format!("`{}`: {}", self.source, why(&error))),
        }
    }

    fn steps(&self, scope: &Scope<'_>) -> cel::Value {
        mapping(self.reads.steps.iter().filter_map(|id| {
            let view = (scope.steps)(id)?;
            let status = ("status".to_owned(), cel::Value::from(view.status));
            let output = view.output.map(|output| ("output".to_owned(), object(output)));
            Some((id.clone(), mapping([status].into_iter().chain(output))))
        }))
    }
}

fn within_bounds(source: &str) -> Result<(), Fault> {
    let over = |what: &str, most: usize| {
        Err(Fault::new(format!("the condition has more than {most} {what}"))
            .hint("split it, or move the decision into a rule"))
    };
    if source.trim().is_empty() {
        return Err(Fault::new("the condition is empty"));
    }
    if source.len() > MAX_SOURCE {
        return over("bytes", MAX_SOURCE);
    }
    if source.bytes().filter(|b| b"([{".contains(b)).count() > MAX_BRACKETS {
        return over("opening brackets", MAX_BRACKETS);
    }
    let operators = source.bytes().filter(|b| b".?:+-*/%<>=!&|".contains(b)).count();
    let ins = source.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| *word == "in").count();
    if operators + ins > MAX_OPERATORS {
        return over("operators", MAX_OPERATORS);
    }
    Ok(())
}

fn syntax(source: &str, error: Option<&ParseError>) -> Fault {
    let Some(error) = error else { return Fault::new("the condition was not understood") };
    let (line, column) = error.pos;
    let start: usize = source.split_inclusive('\n').take((line - 1).max(0) as usize).map(str::len).sum();
    let rest = source.get(start..).unwrap_or_default();
    let offset = rest.char_indices().nth((column - 1).max(0) as usize).map_or(rest.len(), |(at, _)| at);
    let near: String = rest.get(offset..).unwrap_or_default().trim_end().chars().take(20).collect();
    let at = if near.is_empty() { "its end".to_owned() } else { format!("`{near}`") };
    Fault::new(format!("the condition was not understood at {at}"))
        .hint("conditions are CEL, for example `detection.count > 10 && inputs.user != \"root\"`")
}

fn not_bool(what: &str) -> Fault {
    Fault::new(format!("{what} is not a condition: it must come out as true or false"))
}

/// Walks the whole expression. The bounds on the source bound the depth of this recursion.
fn inspect(node: &IdedExpr, reads: &mut Reads) -> Result<(), Fault> {
    if let Some((root, rest)) = chain(node) {
        return note(root, &rest, reads);
    }
    match &node.expr {
        Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) => Ok(()),
        Expr::Call(call) => {
            let name = call.func_name.as_str();
            let operator = !name.starts_with(char::is_alphabetic);
            if name == operators::OPT_INDEX || name == operators::OPT_SELECT {
                return Err(Fault::new("optional access (`?`) is not supported in conditions")
                    .hint("ask with `has(detection.user)` first"));
            }
            if !operator && !FUNCTIONS.contains(&name) {
                return Err(Fault::new(format!("`{name}` is not a function that conditions have"))
                    .maybe_hint(suggest(name, FUNCTIONS)));
            }
            let parts = call.target.as_deref().into_iter().chain(&call.args);
            parts.into_iter().try_for_each(|part| inspect(part, reads))
        }
        Expr::Comprehension(_) => Err(Fault::new(
            "`all`, `exists`, `exists_one`, `map` and `filter` are not supported in conditions",
        )
        .hint("their cost has no bound; let the step that makes the list answer the question")),
        Expr::List(items) => items.elements.iter().try_for_each(|item| inspect(item, reads)),
        Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
            EntryExpr::MapEntry(entry) => {
                inspect(&entry.key, reads).and_then(|()| inspect(&entry.value, reads))
            }
            EntryExpr::StructField(field) => inspect(&field.value, reads),
        }),
        Expr::Select(select) => inspect(&select.operand, reads),
        Expr::Struct(_) => Err(Fault::new("messages (`Name{…}`) are not supported in conditions")),
    }
}

/// The root and the literal keys of `a.b["c"]`, if the node is such a chain. A key that is not a
/// literal ends it with `None`.
fn chain(node: &IdedExpr) -> Option<(&str, Vec<Option<&str>>)> {
    let mut keys = Vec::new();
    let mut node = node;
    loop {
        match &node.expr {
            Expr::Ident(root) => {
                keys.reverse();
                return Some((root, keys));
            }
            Expr::Select(select) => {
                keys.push(Some(select.field.as_str()));
                node = &select.operand;
            }
            Expr::Call(call) if call.func_name == operators::INDEX => {
                let [operand, key] = call.args.as_slice() else { return None };
                match &key.expr {
                    Expr::Literal(LiteralValue::String(key)) => keys.push(Some(key.inner())),
                    Expr::Literal(_) => keys.push(None),
                    _ => return None,
                }
                node = operand;
            }
            _ => return None,
        }
    }
}

fn note(root: &str, keys: &[Option<&str>], reads: &mut Reads) -> Result<(), Fault> {
    let first = keys.first().copied().flatten();
    match (root, first) {
        ("inputs", Some(name)) => _ = reads.inputs.insert(name.to_owned()),
        ("inputs", None) => return Err(Fault::new("expected `inputs.NAME` in the condition")),
        ("detection", _) => reads.detection = true,
        ("run", _) => reads.run = true,
        ("steps", Some(id)) => {
            if keys.get(1).copied().flatten() != Some("status") {
                reads.outputs.insert(id.to_owned());
            }
            reads.steps.insert(id.to_owned());
        }
        ("steps", None) => {
            return Err(Fault::new("expected `steps.ID.status` or `steps.ID.output.NAME` in the condition"));
        }
        // Names of types, as in `type(x) == string`.
        ("bool" | "int" | "uint" | "double" | "string" | "list" | "map", None) => {}
        (unknown, _) => {
            let message = format!("`{unknown}` is unknown in a condition; known are {}", list(ROOTS));
            let hint = "a text is written in quotes, and a name with `-` as `steps[\"my-step\"]`";
            let near = crate::flow::fault::did_you_mean(unknown, ROOTS);
            return Err(Fault::new(message).hint(near.unwrap_or_else(|| hint.to_owned())));
        }
    }
    Ok(())
}

fn why(error: &cel::ExecutionError) -> String {
    use cel::ExecutionError as E;
    match error {
        E::NoSuchKey(key) => format!("there is no `{key}` (ask with `has(…)` first)"),
        E::UndeclaredReference(name) => format!("there is no `{name}`"),
        E::NoSuchOverload(overload) => format!(
            "`{}` does not work between {}",
            overload.function().trim_matches(['_', '@']),
            overload.argument_types().join(" and ")
        ),
        E::ValuesNotComparable(..) => "its values are of types that cannot be compared".to_owned(),
        E::DivisionByZero(_) | E::RemainderByZero(_) => "division by zero".to_owned(),
        E::Overflow(..) => "a number is too large".to_owned(),
        E::IndexOutOfBounds(_) => "a list is shorter than that".to_owned(),
        E::UnsupportedBinaryOperator(..) => "its values do not go together".to_owned(),
        E::UnexpectedType { got, want } => format!("expected {want}, found {got}"),
        E::InvalidArgumentCount { expected, actual } => {
            format!("a function takes {expected} arguments, {actual} are given")
        }
        E::FunctionError { function, .. } => format!("`{function}` cannot be worked out"),
        E::UnsupportedIndex(..) => "an index of this type does not work on this value".to_owned(),
        _ => "it cannot be evaluated".to_owned(),
    }
}

/// CEL compares `int` with `int`: so every whole number that fits is one.
fn value(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(b) => cel::Value::Bool(*b),
        Value::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(n), _) => cel::Value::Int(n),
            (None, Some(n)) => cel::Value::UInt(n),
            (None, None) => cel::Value::Float(n.as_f64().unwrap_or_default()),
        },
        Value::String(text) => cel::Value::from(text.as_str()),
        Value::Array(items) => cel::Value::from(items.iter().map(self::value).collect::<Vec<_>>()),
        Value::Object(map) => object(map),
    }
}

fn object(map: &Map) -> cel::Value {
    mapping(map.iter().map(|(key, item)| (key.clone(), value(item))))
}

/// CEL's maps are hashed. Nothing here iterates over one: macros are refused, and no message shows one.
fn mapping(entries: impl Iterator<Item = (String, cel::Value)>) -> cel::Value {
    let map = entries.map(|(key, value)| (cel::objects::Key::from(key), value)).collect();
    cel::Value::Map(cel::objects::Map { map: Arc::new(map) })
}

#[cfg(test)]
mod tests;

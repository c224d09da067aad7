//! Reads one step of a workflow.

use std::sync::Arc;

use super::approval;
use super::inputs::is_plain;
use super::trigger::condition;
use super::{OnFailure, Requirement, Retry, Step, Template, Undo};
use crate::flow::backoff::Backoff;
use crate::flow::fault::Fault;
use crate::flow::reader::{Later, Reader};
use crate::flow::yaml::{Data, Entry, Node, Place};
use crate::model::{SafeText, Span, Value};

const KEYS: [&str; 18] = [
    "id",
    "name",
    "role",
    "agent",
    "capabilities",
    "action",
    "with",
    "needs",
    "when",
    "timeout",
    "retry",
    "critical",
    "on_failure",
    "undo",
    "expires",
    "approval",
    "confirm",
    "verify",
];
const LATER: [Later; 8] =
    ["cost", "resources", "priority", "next_steps", "workflow", "select", "mode", "strategy"];
const RETRY_KEYS: [&str; 5] = ["attempts", "backoff", "factor", "max", "jitter"];
const MAX_ARGUMENTS: usize = 32;

/// A step as its file has it; `needs` are still ids.
pub(super) struct Draft<'n> {
    pub step: Step,
    pub name: Option<Arc<str>>,
    pub needs: Vec<(&'n str, &'n Node)>,
    /// Where its id stands.
    pub at: Place,
}

/// Reads a step. Gives one, with what could be read, if it has an id.
pub(super) fn read<'n>(reader: &mut Reader<'_>, node: &'n Node) -> Option<Draft<'n>> {
    reader.mapping(node, "a step", &KEYS, &LATER)?;
    let id = reader.required(node, "id", "the step").and_then(|n| reader.text(n, "an id").map(|id| (id, n)));
    let action = reader.required(node, "action", "the step").and_then(|n| reader.name(n, "an action"));
    let needs = node.get("needs").map_or(&[][..], |n| reader.items(n, "ids of steps"));
    let needs = needs.iter().filter_map(|n| reader.text(n, "the id of a step").map(|id| (id, n))).collect();
    let mut step = Step {
        id: Arc::from(id.map_or("?", |(id, _)| id)),
        requires: requirement(reader, node),
        action: Arc::from(action.unwrap_or("?")),
        with: arguments(reader, node),
        needs: Vec::new(),
        when: node.get("when").and_then(|n| condition(reader, n)),
        timeout: node.get("timeout").and_then(|n| reader.span(n, "timeout")).unwrap_or(Span::from_secs(30)),
        retry: retry(reader, node),
        critical: true,
        on_failure: OnFailure::Rollback,
        undo: undo(reader, node),
        approval: approval::read(reader, node),
        confirm: None,
        verify: node.get("verify").and_then(|n| super::verify::read(reader, n)),
    };
    step.confirm = approval::confirm(reader, node, !matches!(step.undo, Undo::None(_)));
    (step.critical, step.on_failure) = failure(reader, node);
    if let Some(expires) = node.get("expires") {
        expiry(reader, expires, &mut step);
    }
    let name = node.get("name").and_then(|n| reader.line(n, "a name")).map(Arc::from);
    let (id, at) = id?;
    if !is_plain(id) {
        let fault = Fault::new(format!("`{}` is not an id for a step", SafeText(id).cut(40)));
        reader.wrong(
            at.at,
            fault
                .hint("an id has letters, digits, `_` and `-`, begins with a letter, and is at most 64 long"),
        );
        return None;
    }
    Some(Draft { step, name, needs, at: at.at })
}

fn requirement(reader: &mut Reader<'_>, node: &Node) -> Requirement {
    let agent = node.get("agent").and_then(|n| reader.name(n, "an agent")).map(Arc::from);
    let role = node.get("role").and_then(|n| reader.name(n, "a role")).map(Arc::from);
    let capabilities = node.get("capabilities").map_or(&[][..], |n| reader.items(n, "capabilities"));
    let capabilities =
        capabilities.iter().filter_map(|n| reader.name(n, "a capability")).map(Arc::from).collect();
    if ["agent", "role", "capabilities"].iter().all(|key| node.get(key).is_none()) {
        let fault = Fault::new("the step does not say who does it");
        reader.wrong(node.at, fault.hint("give a `role`, an `agent` or `capabilities`"));
    }
    Requirement { agent, role, capabilities }
}

pub(super) fn arguments(reader: &mut Reader<'_>, node: &Node) -> Vec<(Arc<str>, Template)> {
    let Some(with) = node.get("with") else { return Vec::new() };
    let entries = reader.entries(with, "argument: value").unwrap_or_default();
    if entries.len() > MAX_ARGUMENTS {
        let message = format!("{} arguments, at most {MAX_ARGUMENTS} are allowed", entries.len());
        reader.wrong(with.at, Fault::new(message));
    }
    let mut argument = |Entry { at, key, value }: &Entry| {
        let named = reader.check_name(*at, key, "an argument");
        let template = Template::read(reader, value, &format!("argument `{}`", SafeText(key).cut(40)))?;
        named.then(|| (Arc::from(key.as_str()), template))
    };
    entries.iter().filter_map(&mut argument).collect()
}

/// `expires` is another way to write the argument of that name.
fn expiry(reader: &mut Reader<'_>, node: &Node, step: &mut Step) {
    let Some(template) = Template::read(reader, node, "expires") else { return };
    if step.with.iter().any(|(name, _)| &**name == "expires") {
        reader.wrong(node.at, Fault::new("`expires` is given twice").hint("remove it here or under `with`"));
        return;
    }
    if let Some(value) = template.as_constant()
        && let Err(why) = crate::model::ValueType::Duration.check(value)
    {
        reader.wrong(node.at, Fault::new(format!("`expires`: {why}")));
    }
    step.with.push((Arc::from("expires"), template));
}

fn retry(reader: &mut Reader<'_>, node: &Node) -> Retry {
    let mut backoff = Backoff {
        first: Span::from_secs(1),
        factor_percent: 200,
        max: Span::from_secs(60),
        jitter_percent: 10,
    };
    let Some(node) = node.get("retry") else { return Retry { attempts: 1, backoff } };
    reader.mapping(node, "a retry", &RETRY_KEYS, &[]);
    let attempts = reader.required(node, "attempts", "the retry");
    let attempts = attempts.and_then(|n| reader.whole(n, "attempts", 1, 100)).unwrap_or(1);
    if let Some(first) = node.get("backoff").and_then(|n| reader.span_or_zero(n, "backoff")) {
        backoff.first = first;
        backoff.max = backoff.max.max(first);
    }
    if let Some(n) = node.get("max")
        && let Some(max) = reader.span_or_zero(n, "max")
    {
        if max < backoff.first {
            reader.wrong(
                n.at,
                Fault::new(format!("`max` ({max}) is shorter than `backoff` ({})", backoff.first)),
            );
        }
        backoff.max = max;
    }
    if let Some(percent) = node.get("factor").and_then(|n| factor(reader, n)) {
        backoff.factor_percent = percent;
    }
    if let Some(permille) = node.get("jitter").and_then(|n| reader.permille(n, "jitter")) {
        backoff.jitter_percent = permille.div_ceil(10);
    }
    Retry { attempts: attempts as u32, backoff }
}

fn factor(reader: &mut Reader<'_>, node: &Node) -> Option<u32> {
    let factor = match &node.data {
        Data::Scalar(Value::Number(n)) => n.as_f64().filter(|n| (1.0..=10.0).contains(n)),
        _ => None,
    };
    if factor.is_none() {
        reader.expected(node, "factor: a number from 1 to 10");
    }
    factor.map(|factor| (factor * 100.0).round() as u32)
}

/// `critical` and `on_failure` say one thing in two ways: what they say must agree.
fn failure(reader: &mut Reader<'_>, node: &Node) -> (bool, OnFailure) {
    const WORDS: [&str; 4] = ["rollback", "stop", "continue", "retry_once"];
    let critical = node.get("critical").and_then(|n| reader.flag(n, "critical"));
    let on_failure = node.get("on_failure").and_then(|n| Some((n, reader.choice(n, "on_failure", &WORDS)?)));
    let Some((at, choice)) = on_failure else {
        return match critical {
            Some(false) => (false, OnFailure::Continue),
            _ => (true, OnFailure::Rollback),
        };
    };
    let choice = match choice {
        0 => OnFailure::Rollback,
        1 => OnFailure::Stop,
        2 => OnFailure::Continue,
        _ => OnFailure::RetryOnce,
    };
    let goes_on = choice == OnFailure::Continue;
    if critical == Some(goes_on) {
        let fault = Fault::new(format!("`critical: {goes_on}` contradicts this `on_failure`"));
        reader.wrong(at.at, fault.hint("`critical: false` means `on_failure: continue`; keep one of them"));
    }
    (!goes_on, choice)
}

fn undo(reader: &mut Reader<'_>, node: &Node) -> Undo {
    let Some(node) = node.get("undo") else { return Undo::Default };
    if let Data::Scalar(Value::String(text)) = &node.data {
        let why = text.strip_prefix("none:").map(str::trim).filter(|why| !why.is_empty());
        if why.is_none() {
            let fault = Fault::new("expected an undo: `{ action: …, with: … }` or `none: why`");
            reader.wrong(
                node.at,
                fault
                    .hint("write why nothing has to be undone: `undo: \"none: a message cannot be unsent\"`"),
            );
        }
        return Undo::None(Arc::from(why.unwrap_or("?")));
    }
    if let Data::Map(entries) = &node.data
        && let [entry] = entries.as_slice()
        && entry.key == "none"
    {
        let fault = Fault::new("expected an undo: `{ action: …, with: … }` or `none: why`");
        reader.wrong(node.at, fault.hint("put it in quotes: `undo: \"none: why\"`"));
        return Undo::Default;
    }
    if reader.mapping(node, "an undo", &["action", "with"], &[]).is_none() {
        return Undo::Default;
    }
    let action = reader.required(node, "action", "the undo").and_then(|n| reader.name(n, "an action"));
    Undo::Action { action: Arc::from(action.unwrap_or("?")), with: arguments(reader, node) }
}

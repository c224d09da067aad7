//! The entries of an agent's catalogue: what an action takes, what it acts on, what undoes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::endpoint::EndpointDraft;
use super::{drill, exec, probe, request};
use crate::engine::{
    ActionSpec, AgentKind, BuiltinKind, DrillSpec, HttpSpec, Means, PROBE_TIMEOUT, ProbeMeans, ProbeSpec,
    Question,
};
use crate::flow::fault::{Fault, suggest};
use crate::flow::reader::{Later, Reader};
use crate::flow::yaml::{Data, Entry, Node, Place};
use crate::model::{ValueType, Word};

/// Keys of every action that its file describes.
const KEYS: [&str; 7] = ["takes", "optional", "target", "idempotent", "lifts", "undo", "probe"];
const BUILTIN_KEYS: [&str; 3] = ["builtin", "undo", "probe"];
/// Keys that say how an action is done, and the kind of agent that does it so.
const MEANS: [(&str, AgentKind); 11] = [
    ("drill", AgentKind::Drill),
    ("builtin", AgentKind::Builtin),
    ("run", AgentKind::Exec),
    ("grace", AgentKind::Exec),
    ("method", AgentKind::Http),
    ("path", AgentKind::Http),
    ("query", AgentKind::Http),
    ("body", AgentKind::Http),
    ("succeeds", AgentKind::Http),
    ("exits", AgentKind::Exec),
    ("ask", AgentKind::Manual),
];
const LATER: [Later; 4] = ["verify", "cost", "gives", "timeout"];
const MAX_ARGUMENTS: usize = 32;
const BUILTINS: [(&str, BuiltinKind); 5] = [
    ("log", BuiltinKind::Log),
    ("notify", BuiltinKind::Notify),
    ("wait", BuiltinKind::Wait),
    ("blocklist_add", BuiltinKind::BlocklistAdd),
    ("blocklist_remove", BuiltinKind::BlocklistRemove),
];

/// Reads an action of an agent of this kind; `endpoint` is its server, if it has one.
pub(super) fn read(
    reader: &mut Reader<'_>,
    node: &Node,
    kind: AgentKind,
    endpoint: Option<&EndpointDraft>,
) -> ActionSpec {
    match kind {
        AgentKind::Builtin => builtin(reader, node),
        AgentKind::Drill => drilled(reader, node),
        AgentKind::Exec => run(reader, node),
        AgentKind::Http => asked(reader, node, endpoint),
        AgentKind::Manual => manual(reader, node),
    }
}

/// Notes the keys that say how an agent of another kind does it. Returns every key that is known.
fn means(reader: &mut Reader<'_>, node: &Node, own: &[&'static str], kind: AgentKind) -> Vec<&'static str> {
    let mut known = own.to_vec();
    for (key, of) in MEANS {
        match node.entry(key) {
            Some(entry) if of != kind => {
                let of = of.name();
                let fault = Fault::new(format!("`{key}` is how an agent of kind `{of}` acts"));
                let hint = format!("remove it: this agent is of kind `{}`", kind.name());
                reader.wrong(entry.at, fault.hint(hint));
                known.push(key);
            }
            _ if of == kind => known.push(key),
            _ => {}
        }
    }
    known
}

fn empty() -> ActionSpec {
    ActionSpec {
        lifts: None,
        takes: Vec::new(),
        optional: Vec::new(),
        target: None,
        idempotent: false,
        undo: None,
        means: Means::Drill(DrillSpec::default()),
        probe: None,
    }
}

/// What a builtin takes is part of quell: its file only names it.
fn builtin(reader: &mut Reader<'_>, node: &Node) -> ActionSpec {
    let fixed: [&'static str; 4] = ["takes", "optional", "target", "idempotent"];
    let mut spec = empty();
    if let Data::Map(entries) = &node.data {
        for entry in entries.iter().filter(|entry| fixed.contains(&entry.key.as_str())) {
            let fault = Fault::new(format!("`{}` of a builtin is fixed", entry.key));
            reader.wrong(entry.at, fault.hint("remove it"));
        }
    }
    let own: Vec<&'static str> = BUILTIN_KEYS.into_iter().chain(fixed).collect();
    let known = means(reader, node, &own, AgentKind::Builtin);
    reader.mapping(node, "a builtin action", &known, &LATER);
    let words: Vec<&str> = BUILTINS.iter().map(|(word, _)| *word).collect();
    let which =
        reader.required(node, "builtin", "the action").and_then(|n| reader.choice(n, "a builtin", &words));
    let Some((_, kind)) = which.and_then(|which| BUILTINS.get(which)) else { return spec };
    let takes: &[(&str, ValueType)] = match kind {
        BuiltinKind::Log => &[("text", ValueType::Text)],
        BuiltinKind::Notify => &[("to", ValueType::Text), ("text", ValueType::Text)],
        BuiltinKind::Wait => &[("for", ValueType::Duration)],
        BuiltinKind::BlocklistAdd => &[("address", ValueType::Address), ("expires", ValueType::Duration)],
        BuiltinKind::BlocklistRemove => &[("address", ValueType::Address)],
    };
    spec.takes = takes.iter().map(|(name, kind)| (Arc::from(*name), *kind)).collect();
    if matches!(kind, BuiltinKind::BlocklistAdd | BuiltinKind::BlocklistRemove) {
        spec.target = Some(Arc::from("address"));
    }
    if *kind == BuiltinKind::BlocklistAdd {
        spec.optional.push(Arc::from("expires"));
    }
    // Each of them looks for its key before it writes.
    spec.idempotent = true;
    spec.undo = node.get("undo").and_then(|n| reader.name(n, "an action")).map(Arc::from);
    spec.means = Means::Builtin(*kind);
    spec.probe = probe::read(reader, node, AgentKind::Builtin, &spec, None);
    if *kind == BuiltinKind::BlocklistAdd {
        spec.probe = Some(ProbeSpec { means: ProbeMeans::Builtin, timeout: PROBE_TIMEOUT });
    }
    spec
}

fn drilled(reader: &mut Reader<'_>, node: &Node) -> ActionSpec {
    let mut spec = described(reader, node, AgentKind::Drill);
    let drill = reader.required(node, "drill", "the action of a drill");
    if let Some(drill) = drill.map(|n| drill::read(reader, n, &spec.takes)) {
        spec.means = Means::Drill(drill);
    }
    spec.probe = probe::read(reader, node, AgentKind::Drill, &spec, None);
    spec
}

fn run(reader: &mut Reader<'_>, node: &Node) -> ActionSpec {
    let mut spec = described(reader, node, AgentKind::Exec);
    if let Some(exec) = exec::read(reader, node, &spec) {
        spec.means = Means::Exec(exec);
    }
    spec.probe = probe::read(reader, node, AgentKind::Exec, &spec, None);
    spec
}

fn asked(reader: &mut Reader<'_>, node: &Node, endpoint: Option<&EndpointDraft>) -> ActionSpec {
    let mut spec = described(reader, node, AgentKind::Http);
    let asked = request::read(reader, node, &spec);
    // Without a server there is a mistake already.
    if let (Some((request, succeeds)), Some(draft)) = (asked, endpoint) {
        spec.means = Means::Http(HttpSpec { endpoint: Arc::clone(&draft.endpoint), request, succeeds });
    }
    spec.probe = probe::read(reader, node, AgentKind::Http, &spec, endpoint);
    spec
}

/// What an action takes, what it acts on, what undoes it; how it is done is still open.
fn described(reader: &mut Reader<'_>, node: &Node, kind: AgentKind) -> ActionSpec {
    let mut spec = empty();
    let known = means(reader, node, &KEYS, kind);
    if reader.mapping(node, "an action", &known, &LATER).is_none() {
        return spec;
    }
    catalogued(reader, node, &mut spec);
    spec.idempotent = node.get("idempotent").and_then(|n| reader.flag(n, "idempotent")).unwrap_or(false);
    spec
}

/// What a person is asked. Asking twice is asking once.
fn manual(reader: &mut Reader<'_>, node: &Node) -> ActionSpec {
    let mut spec = ActionSpec { idempotent: true, ..empty() };
    let known = means(reader, node, &KEYS, AgentKind::Manual);
    if reader.mapping(node, "an action of a person", &known, &LATER).is_none() {
        return spec;
    }
    catalogued(reader, node, &mut spec);
    _ = probe::read(reader, node, AgentKind::Manual, &spec, None);
    if let Some(n) = node.get("idempotent")
        && reader.flag(n, "idempotent") == Some(false)
    {
        let fault = Fault::new("asking a person twice is asking once: it is always idempotent");
        reader.wrong(n.at, fault.hint("remove it"));
    }
    let asked = reader.required(node, "ask", "the action of a person");
    let Some((n, text)) = asked.and_then(|n| Some((n, reader.line(n, "a question")?))) else { return spec };
    match Question::parse(text) {
        Ok(question) => {
            for name in question.arguments() {
                let Some(name) = taken(reader, n.at, name, &spec.takes) else { continue };
                if spec.optional.contains(&name) {
                    let fault = Fault::new(format!("`{name}` may be left out: the question cannot name it"));
                    reader.wrong(n.at, fault);
                }
            }
            spec.means = Means::Manual(question);
        }
        Err(why) => reader.wrong(n.at, Fault::new(why)),
    }
    spec
}

/// What an entry of a catalogue says, however it is done.
fn catalogued(reader: &mut Reader<'_>, node: &Node, spec: &mut ActionSpec) {
    if let Some(node) = node.get("takes") {
        spec.takes = takes(reader, node);
    }
    let optional = node.get("optional").map_or(&[][..], |n| reader.items(n, "arguments"));
    spec.optional = optional.iter().filter_map(|n| argument(reader, n, &spec.takes)).collect();
    if let Some(n) = node.get("target") {
        spec.target = argument(reader, n, &spec.takes);
        if spec.target.as_ref().is_some_and(|target| spec.optional.contains(target)) {
            reader.wrong(n.at, Fault::new("the target of an action cannot be optional"));
        }
    }
    spec.lifts = node.get("lifts").and_then(|n| reader.flag(n, "lifts"));
    spec.undo = node.get("undo").and_then(|n| reader.name(n, "an action")).map(Arc::from);
}

fn takes(reader: &mut Reader<'_>, node: &Node) -> Vec<(Arc<str>, ValueType)> {
    let entries = reader.entries(node, "argument: type").unwrap_or_default();
    if entries.len() > MAX_ARGUMENTS {
        reader.wrong(node.at, Fault::new(format!("an action takes at most {MAX_ARGUMENTS} arguments")));
    }
    let mut found = Vec::new();
    for Entry { at, key, value } in entries {
        let named = reader.check_name(*at, key, "an argument");
        // An argument whose type is wrong is still an argument.
        let kind = reader.value_type(value).unwrap_or(ValueType::Text);
        if named {
            found.push((Arc::from(key.as_str()), kind));
        }
    }
    found
}

/// The name of an argument that the action takes.
fn argument(reader: &mut Reader<'_>, node: &Node, takes: &[(Arc<str>, ValueType)]) -> Option<Arc<str>> {
    let name = reader.text(node, "an argument")?;
    taken(reader, node.at, name, takes)
}

/// A name, if the action takes an argument that is called so.
pub(super) fn taken(
    reader: &mut Reader<'_>,
    at: Place,
    name: &str,
    takes: &[(Arc<str>, ValueType)],
) -> Option<Arc<str>> {
    let known = takes.iter().map(|(name, _)| &**name);
    if known.clone().any(|known| known == name) {
        return Some(Arc::from(name));
    }
    let shown = crate::model::SafeText(name).cut(40);
    reader.wrong(at, Fault::new(format!("the action takes no `{shown}`")).maybe_hint(suggest(name, known)));
    None
}

/// A text with placeholders for what the action takes.
pub(super) fn word(
    reader: &mut Reader<'_>,
    at: Place,
    text: &str,
    takes: &[(Arc<str>, ValueType)],
) -> Option<Word> {
    let faults = match Word::parse(text, takes) {
        Ok(word) => return Some(word),
        Err(faults) => faults,
    };
    for fault in faults {
        match fault.unknown {
            Some(name) => _ = taken(reader, at, &name, takes),
            None => reader.wrong(at, Fault::new(fault.message)),
        }
    }
    None
}

/// Checks that each `undo` names an action of the same agent.
pub(super) fn check_undos(reader: &mut Reader<'_>, node: &Node, actions: &BTreeMap<Arc<str>, ActionSpec>) {
    for (name, spec) in actions {
        let Some(undo) = &spec.undo else { continue };
        let Some(at) = node.get(name).and_then(|action| action.get("undo")) else { continue };
        if undo == name {
            reader.wrong(at.at, Fault::new("an action cannot undo itself"));
        } else if !actions.contains_key(undo) {
            let fault = Fault::new(format!("the agent has no action `{undo}`"));
            reader.wrong(at.at, fault.maybe_hint(suggest(undo, actions.keys().map(|name| &**name))));
        }
    }
}

/// In what two agents' idea of one action differs, if it does.
pub(super) fn difference(a: &ActionSpec, b: &ActionSpec) -> Option<&'static str> {
    let takes = |spec: &ActionSpec| {
        let mut takes: Vec<_> =
            spec.takes.iter().map(|(name, kind)| (Arc::clone(name), kind.name())).collect();
        takes.sort();
        takes
    };
    let optional =
        |spec: &ActionSpec| spec.optional.iter().cloned().collect::<std::collections::BTreeSet<_>>();
    if takes(a) != takes(b) {
        Some("what they take")
    } else if optional(a) != optional(b) {
        Some("what is optional")
    } else if a.target != b.target {
        Some("the target")
    } else if a.undo != b.undo {
        Some("the undo")
    } else if a.idempotent != b.idempotent {
        Some("`idempotent`")
    } else {
        (a.probe.is_some() != b.probe.is_some()).then_some("`probe`")
    }
}

//! `agents/*.yaml`: who can do what.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::endpoint::{self, EndpointDraft};
use super::{Folder, actions};
use crate::engine::{AgentKind, AgentSpec};
use crate::flow::fault::Fault;
use crate::flow::reader::{Later, Reader};
use crate::flow::yaml::{Entry, Node, Place};
use crate::model::Mistake;

const KEYS: [&str; 6] = ["name", "role", "capabilities", "kind", "concurrency", "actions"];
/// Keys of agents of kind `http` only.
const HTTP_KEYS: [&str; 6] = ["base", "headers", "ca", "allow", "max_bytes", "connect_timeout"];
const LATER: [Later; 9] =
    ["priority", "goals", "model", "tools", "autostart", "credentials", "health", "select", "pool"];
/// Kinds of agent.
const KINDS: [&str; 5] = ["drill", "builtin", "exec", "http", "manual"];
const MAX_AGENTS: usize = 1000;
const MAX_CAPABILITIES: usize = 64;

/// An agent as far as it could be read, and where.
pub(crate) struct AgentDraft {
    pub spec: AgentSpec,
    pub path: String,
    /// Where its name stands.
    at: Place,
    /// Its server, if it is one that speaks HTTP.
    pub endpoint: Option<EndpointDraft>,
    /// Where each of its actions stands.
    pub places: BTreeMap<Arc<str>, Place>,
}

/// Reads every agent.
pub(super) fn read(folder: &Folder, exercise: bool, mistakes: &mut Vec<Mistake>) -> Vec<AgentDraft> {
    let mut found: Vec<AgentDraft> = Vec::new();
    for (path, text) in folder.files("agents") {
        let mut reader = Reader::new(&path);
        if let Some(node) = reader.document(text) {
            reader.mapping(&node, "a file of agents", &["agents"], &[]);
            let list = reader.required(&node, "agents", "the file");
            for item in list.map_or(&[][..], |list| reader.items(list, "agents")) {
                found.extend(read_one(&mut reader, &path, item, exercise));
            }
        }
        mistakes.extend(reader.into_mistakes());
    }
    if let Some(over) = found.get(MAX_AGENTS) {
        let message = format!("{} agents, at most {MAX_AGENTS} are allowed", found.len());
        mistakes.push(over.at.mistake(&over.path, message, None));
    }
    found
}

fn read_one(reader: &mut Reader<'_>, path: &str, node: &Node, exercise: bool) -> Option<AgentDraft> {
    let entries = reader.entries(node, "an agent")?;
    let name = reader.required(node, "name", "the agent");
    let name = name.and_then(|n| reader.name(n, "an agent").map(|name| (name, n.at)));
    let role = reader.required(node, "role", "the agent").and_then(|n| reader.name(n, "a role"));
    let kind = reader.required(node, "kind", "the agent").and_then(|n| read_kind(reader, n, exercise));
    known_keys(reader, entries, node, kind);
    let endpoint = (kind == Some(AgentKind::Http)).then(|| endpoint::read(reader, node)).flatten();
    let capabilities = node.get("capabilities").map_or(&[][..], |n| reader.items(n, "capabilities"));
    if let Some(over) = capabilities.get(MAX_CAPABILITIES) {
        reader.wrong(over.at, Fault::new(format!("an agent has at most {MAX_CAPABILITIES} capabilities")));
    }
    let capabilities =
        capabilities.iter().filter_map(|n| reader.name(n, "a capability")).map(Arc::from).collect();
    let concurrency = node.get("concurrency").and_then(|n| reader.whole(n, "concurrency", 1, 1000));
    let mut actions = BTreeMap::new();
    let mut places = BTreeMap::new();
    if let Some(node) = reader.required(node, "actions", "the agent") {
        let entries = reader.entries(node, "action: what it takes").unwrap_or_default();
        for Entry { at, key, value } in entries {
            // Without a kind there is no telling what an action should say.
            let Some(kind) = kind else { continue };
            if reader.check_name(*at, key, "an action") {
                let name: Arc<str> = Arc::from(key.as_str());
                places.insert(Arc::clone(&name), *at);
                actions.insert(name, actions::read(reader, value, kind, endpoint.as_ref()));
            }
        }
        if kind.is_some() {
            actions::check_undos(reader, node, &actions);
        }
    }
    let (name, at) = name?;
    let spec = AgentSpec {
        name: Arc::from(name),
        role: Arc::from(role.unwrap_or("?")),
        capabilities,
        kind: kind.unwrap_or(AgentKind::Drill),
        concurrency: concurrency.and_then(|n| u32::try_from(n).ok()).unwrap_or(1),
        actions,
    };
    Some(AgentDraft { spec, path: path.to_owned(), at, places, endpoint })
}

/// Notes the keys that no agent of this kind has.
fn known_keys(reader: &mut Reader<'_>, entries: &[Entry], node: &Node, kind: Option<AgentKind>) {
    let mut known = KEYS.to_vec();
    for key in HTTP_KEYS {
        match (kind, node.entry(key)) {
            // Without a kind there is no telling.
            (Some(AgentKind::Http) | None, _) => known.push(key),
            (Some(kind), Some(entry)) => {
                let fault = Fault::new(format!("`{key}` belongs to agents of kind `http`"));
                let hint = format!("remove it: this agent is of kind `{}`", kind.name());
                reader.wrong(entry.at, fault.hint(hint));
                known.push(key);
            }
            (Some(_), None) => {}
        }
    }
    reader.keys(entries, "an agent", &known, &LATER);
}

fn read_kind(reader: &mut Reader<'_>, node: &Node, exercise: bool) -> Option<AgentKind> {
    match reader.choice(node, "a kind", &KINDS)? {
        0 => {
            if !exercise {
                let fault = Fault::new("a drill only pretends: it cannot be part of a real setup");
                reader
                    .wrong(node.at, fault.hint("say `exercise: true` in settings.yaml, or remove the agent"));
            }
            Some(AgentKind::Drill)
        }
        1 => Some(AgentKind::Builtin),
        2 => {
            if exercise {
                let fault = Fault::new("an exercise touches nothing, and this agent runs programs");
                let hint = "use `drill` (it pretends), or say `exercise: false` in settings.yaml";
                reader.wrong(node.at, fault.hint(hint));
            }
            Some(AgentKind::Exec)
        }
        3 => {
            if exercise {
                let fault = Fault::new("an exercise touches nothing, and this agent asks a server");
                let hint = "use `drill` (it pretends), or say `exercise: false` in settings.yaml";
                reader.wrong(node.at, fault.hint(hint));
            }
            Some(AgentKind::Http)
        }
        _ => Some(AgentKind::Manual),
    }
}

/// Names that come twice, and actions that agents of one role understand differently.
pub(super) fn conflicts(agents: &[AgentDraft]) -> Vec<Mistake> {
    let mut wrong = Vec::new();
    let mut names: BTreeMap<&str, &AgentDraft> = BTreeMap::new();
    let mut offers: BTreeMap<(&str, &str), &AgentDraft> = BTreeMap::new();
    for agent in agents {
        let name = &*agent.spec.name;
        if let Some(first) = names.insert(name, agent) {
            let message = format!("two agents have the name `{name}`");
            let hint = format!("the other one is at {}:{}", first.path, first.at.line);
            wrong.push(agent.at.mistake(&agent.path, message, Some(hint)));
        }
        for (action, spec) in &agent.spec.actions {
            let first = *offers.entry((&agent.spec.role, action)).or_insert(agent);
            let differs = first.spec.actions.get(action).and_then(|other| actions::difference(other, spec));
            let Some(differs) = differs else { continue };
            let at = agent.places.get(action).copied().unwrap_or(agent.at);
            let role = &agent.spec.role;
            let message = format!("agents of role {role} differ in {differs} of `{action}`");
            let line = first.places.get(action).copied().unwrap_or(first.at).line;
            let hint = format!("any of them may get the step; the other one is at {}:{line}", first.path);
            wrong.push(at.mistake(&agent.path, message, Some(hint)));
        }
    }
    wrong
}

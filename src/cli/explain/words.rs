//! What actions, values and spans are called in an explanation.

use crate::engine::{Actor, AgentKind, State};
use crate::model::{Action, AgentId, Map, Value};

/// `block address=192.0.2.7 for=1h`.
pub fn action(action: &Action) -> String {
    let args: String = action.args.iter().map(|(name, given)| format!(" {name}={}", value(given))).collect();
    format!("{}{args}", action.name)
}

/// `address=192.0.2.7, count=3`.
pub fn map(map: &Map) -> String {
    let pairs: Vec<String> = map.iter().map(|(name, given)| format!("{name}={}", value(given))).collect();
    pairs.join(", ")
}

/// A text as it is, everything else as JSON.
pub fn value(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `fortress-1`, and what it is if that matters.
pub fn agent(id: AgentId, state: &State) -> String {
    match state.agent(id) {
        Some(agent) if agent.kind() == AgentKind::Manual => format!("{}, a person", agent.name()),
        Some(agent) => agent.name().to_owned(),
        None => format!("agent {}", id.0),
    }
}

/// Who: a person, or quell by itself.
pub fn by(by: &Actor) -> String {
    if *by == Actor::engine() { "quell itself".to_owned() } else { by.to_string() }
}

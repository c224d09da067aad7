//! What actions, values and spans are called in an explanation.

use crate::engine::{Actor, AgentKind, State};
use crate::model::{Action, AgentId, Map, Span, Value};

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

/// How far a clock jumped, of microseconds.
pub fn jump(by: i64) -> String {
    let span = Span(by.unsigned_abs());
    format!("{} by {span}", if by < 0 { "back" } else { "ahead" })
}

/// How far a clock is ahead, of microseconds.
pub fn ahead(by: i64) -> String {
    match Span(by.unsigned_abs()) {
        Span(0) => "at one with".to_owned(),
        span => format!("{span} {}", if by < 0 { "behind" } else { "ahead of" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c22_a_jump_of_the_clock_is_told_in_words() {
        let second = 1_000_000;
        assert_eq!([jump(-90 * second), jump(6 * second)], ["back by 90s", "ahead by 6s"]);
        let told = [ahead(0), ahead(-second), ahead(3_600 * second)];
        assert_eq!(told, ["at one with", "1s behind", "1h ahead of"]);
    }
}

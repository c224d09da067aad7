//! What actions, values and spans are called in an explanation.

use crate::engine::{Actor, AgentKind, State};
use crate::model::{Action, AgentId, Map, Span, Timestamp, Value};

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

/// `340 ms`, `12.3 s`, `3m12s`, `2h05m`.
pub fn span(span: Span) -> String {
    let secs = span.0 / 1_000_000;
    match secs {
        0 if span.0 % 1_000 == 0 || span.0 >= 10_000 => format!("{} ms", span.0 / 1_000),
        0 => format!("{:.1} ms", span.0 as f64 / 1e3),
        1..60 => format!("{:.1} s", span.as_secs_f64()),
        60..3_600 => format!("{}m{:02}s", secs / 60, secs % 60),
        3_600..86_400 => format!("{}h{:02}m", secs / 3_600, secs / 60 % 60),
        _ => format!("{}d{:02}h", secs / 86_400, secs / 3_600 % 24),
    }
}

/// `fortress-1`, and what it is if that matters.
pub fn agent(id: AgentId, state: &State) -> String {
    match state.agent(id) {
        Some(agent) if agent.kind() == AgentKind::Manual => format!("{}, a person", agent.name()),
        Some(agent) => agent.name().to_owned(),
        None => format!("agent {}", id.0),
    }
}

/// `2026-11-21 14:03:22`.
pub fn moment(at: Timestamp) -> String {
    at.to_string().get(..19).map_or_else(|| at.to_string(), |text| text.replace('T', " "))
}

/// Who: a person, or quell by itself.
pub fn by(by: &Actor) -> String {
    if *by == Actor::engine() { "quell itself".to_owned() } else { by.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_one_unit_or_two() {
        for (micros, text) in [
            (0, "0 ms"),
            (400, "0.4 ms"),
            (340_000, "340 ms"),
            (12_345_678, "12.3 s"),
            (192_000_000, "3m12s"),
            (7_500_000_000, "2h05m"),
            (100_000_000_000, "1d03h"),
        ] {
            assert_eq!(span(Span(micros)), text);
        }
    }
}

//! `quell states`: the lifecycles, printed from the tables that the engine runs (C14).

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::args::States;
use super::error::Error;
use super::output::print;
use crate::engine::{AGENT, INCIDENT, OBLIGATION, RUN, STEP};
use crate::flow::machine::{Chart, Machine, Source, Status};

/// Runs the verb.
pub fn run(args: &States) -> Result<(), Error> {
    let text = if args.json {
        let tables = json!({
            "agent": as_json(&AGENT), "run": as_json(&RUN), "step": as_json(&STEP), "incident": as_json(&INCIDENT),
            "obligation": as_json(&OBLIGATION),
        });
        format!("{tables}\n")
    } else {
        let tables =
            [as_text(&AGENT), as_text(&RUN), as_text(&STEP), as_text(&INCIDENT), as_text(&OBLIGATION)];
        tables.join("\n")
    };
    print(&text)
}

fn names<S: Status>(states: &[S]) -> String {
    states.iter().map(|state| state.name()).collect::<Vec<_>>().join(", ")
}

fn from<S: Status, C: ?Sized, E>(_: &Chart<S, C, E>, source: &Source<S>) -> String {
    match source {
        Source::States(states) => names(states),
        Source::Within(name) => format!("any of {name}"),
    }
}

fn as_text<S: Status, C: ?Sized, E>(machine: &Machine<S, C, E>) -> String {
    let chart = machine.chart();
    let ended: Vec<S> = S::ALL.iter().copied().filter(|state| machine.is_terminal(*state)).collect();
    let mut text = format!("{}: begins as {}", chart.name, chart.initial.name());
    // Writing to a `String` cannot fail.
    let _ = match ended.is_empty() {
        true => writeln!(text),
        false => writeln!(text, "; nothing leads out of {}", names(&ended)),
    };
    for superstate in chart.superstates {
        let _ = writeln!(text, "  {:<9} = {}", superstate.name, names(superstate.of));
    }
    for transition in chart.transitions {
        let guard = transition.guard.as_ref().map_or(String::new(), |guard| format!("  [if {}]", guard.name));
        let source = from(chart, &transition.from);
        let _ = writeln!(text, "  {source} → {}: {}{guard}", transition.to.name(), transition.on);
    }
    text
}

fn as_json<S: Status, C: ?Sized, E>(machine: &Machine<S, C, E>) -> Value {
    let chart = machine.chart();
    let list = |states: &[S]| states.iter().map(|state| state.name()).collect::<Vec<_>>();
    let transitions: Vec<Value> = chart
        .transitions
        .iter()
        .map(|transition| {
            json!({
                "from": list(chart.sources(transition)),
                "to": transition.to.name(),
                "on": transition.on,
                "guard": transition.guard.as_ref().map(|guard| guard.name),
            })
        })
        .collect();
    let superstates: serde_json::Map<String, Value> =
        chart.superstates.iter().map(|s| (s.name.to_owned(), json!(list(s.of)))).collect();
    let terminal: Vec<&str> =
        S::ALL.iter().filter(|state| machine.is_terminal(**state)).map(|state| state.name()).collect();
    json!({
        "initial": chart.initial.name(),
        "states": list(S::ALL),
        "superstates": superstates,
        "terminal": terminal,
        "transitions": transitions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c14_the_tables_are_those_of_the_engine() {
        let run = as_text(&RUN);
        for line in [
            "run: begins as created; nothing leads out of completed, failed, rolled_back, cancelled, abandoned",
            "  running → paused: pause",
            "  any of Forward → completed: every step is done  [if every step is done]",
        ] {
            assert!(run.contains(line), "{line}\n{run}");
        }
        let agent = as_json(&AGENT);
        assert_eq!(agent["initial"], "initializing");
        assert_eq!(agent["superstates"]["Available"], json!(["idle", "executing"]));
        assert_eq!(agent["transitions"].as_array().map(Vec::len), Some(AGENT.chart().transitions.len()));
    }
}

//! What the next one on duty has to do first.

use super::gather::{LISTED, Todo, standing};
use crate::cli::next;
use crate::cli::output::words::{span, words};
use crate::engine::{Incident, IncidentStatus, ObligationStatus, RunStatus, State};
use crate::flow::machine::Status;
use crate::model::{Severity, Timestamp};

fn needs_person(status: ObligationStatus) -> bool {
    matches!(status, ObligationStatus::LiftFailed | ObligationStatus::Drifted | ObligationStatus::InDoubt)
}

/// What to do first: what stands still, then what people are asked, then what nobody has looked at.
pub fn first(state: &State, until: Timestamp) -> Vec<Todo> {
    let mut first = Vec::new();
    if state.halt().is_some() {
        let what = "everything is halted: find out why, then release it".to_owned();
        first.push(Todo { what, command: "quell release".to_owned() });
    }
    for status in [RunStatus::Stuck, RunStatus::Parked, RunStatus::Paused] {
        for run in state.runs().filter(|run| run.status() == status) {
            let why = run.why().map_or(String::new(), |why| format!(": {why}"));
            let what = format!("{} ({}) is {status}{why}", run.id(), run.workflow());
            first.push(Todo { what, command: format!("quell explain {}", run.id()) });
        }
    }
    for of in standing(state, until).filter(|of| needs_person(of.status())) {
        let (status, (run, _)) = (words(of.status().name()), of.origin());
        let target = of.target().map_or(String::new(), |target| format!(" {target}"));
        let why = of.why().map_or(String::new(), |why| format!(": {why}"));
        let what = format!("{} ({}{target}) is {status}{why}", of.id(), of.action().name);
        first.push(Todo { what, command: format!("quell explain {run}") });
    }
    for run in state.runs().filter(|run| run.asked_steps().next().is_some()) {
        for (command, _) in next::actions(run).into_iter().filter(|(command, _)| command.contains("answer")) {
            first.push(Todo {
                what: format!("{} ({}) waits for an answer", run.id(), run.workflow()),
                command,
            });
        }
    }
    for (run, step) in state.approvals() {
        let Some(run) = state.run(run) else { continue };
        let (id, step) = (run.id(), run.step_id(step));
        let what = format!("{id} ({}) waits for an approval of {step}", run.workflow());
        first.push(Todo { what, command: format!("quell approve {id} {step}") });
    }
    let mut fresh: Vec<&Incident> =
        state.incidents().filter(|incident| incident.status() == IncidentStatus::Open).collect();
    fresh.sort_by_key(|incident| (std::cmp::Reverse(incident.severity()), incident.opened_at()));
    for incident in fresh.iter().filter(|incident| incident.severity() >= Severity::High) {
        let waits = until.since(incident.opened_at());
        let (id, rule, key) = (incident.id(), &incident.first().rule.name, incident.key());
        let what = format!(
            "{id} ({}) {rule} {key}: nobody has acknowledged it for {}",
            incident.severity(),
            span(waits)
        );
        first.push(Todo { what, command: format!("quell acknowledge {id}") });
    }
    let rest = first.len().saturating_sub(LISTED);
    first.truncate(LISTED);
    if rest > 0 {
        first.push(Todo { what: format!("and {rest} more"), command: "quell incidents".to_owned() });
    }
    first
}

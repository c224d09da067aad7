//! What a run leaves behind, and what a person can do about it.

use crate::cli::output::words::words;
use crate::engine::{Obligation, ObligationStatus, Run, RunStatus, State, StepStatus};
use crate::flow::machine::Status;
use crate::model::RunId;

/// What stands on the ledger because of a run.
pub fn standing(state: &State, run: RunId) -> impl Iterator<Item = &Obligation> {
    state.ledger().of_run(run).filter(|obligation| !obligation.status().is_ended())
}

/// What stands on the ledger because of a run, and what would take it back.
pub fn in_force(state: &State, run: RunId) -> Vec<String> {
    standing(state, run).map(line).collect()
}

/// One effect in one line.
fn line(of: &Obligation) -> String {
    let target = of.target().map_or(String::new(), |target| format!(" {target}"));
    let status = match of.status() {
        ObligationStatus::InForce => "in force".to_owned(),
        other => words(other.name()),
    };
    let ends = match (of.undo(), of.until()) {
        (Some(undo), Some(at)) => {
            format!("until {}, or taken back by {}", super::output::paragraph::moment(at), undo.name)
        }
        (Some(undo), None) => format!("taken back by {}", undo.name),
        (None, Some(at)) => format!("until {}", super::output::paragraph::moment(at)),
        (None, None) => "nothing takes it back".to_owned(),
    };
    let why = of.why().map_or(String::new(), |why| format!(" ({why})"));
    format!("{}, {status}: {}{target}, by {}{why}; {ends}", of.id(), of.action().name, of.origin().1)
}

/// The commands by which a person can move it on, each with what it does.
pub fn actions(run: &Run) -> Vec<(String, String)> {
    let id = run.id();
    let mut all = Vec::new();
    for ix in run.asked_steps() {
        let undo = if run.steps()[ix.index()].status() == StepStatus::Undoing { " --undo" } else { "" };
        all.push((
            format!("quell answer {id} {} done{undo}", run.step_id(ix)),
            "say that it is done".to_owned(),
        ));
    }
    for ix in run.to_settle() {
        let ways: Vec<&str> = run.may_settle(ix).iter().map(|way| way.name()).collect();
        let step = run.step_id(ix);
        all.push((
            format!("quell settle {id} {step} {}", ways.join("|")),
            format!("say what comes of {step}"),
        ));
    }
    let verbs: &[(&str, &str)] = match run.status() {
        RunStatus::Parked => &[
            ("retry", "do what is in doubt again, and go on"),
            ("cancel", "roll back"),
            ("abandon", "give it up: nothing is undone"),
        ],
        RunStatus::Stuck => {
            &[("retry", "try the rollback again"), ("abandon", "give it up: what is in force stays")]
        }
        RunStatus::Paused => &[("resume", "go on"), ("cancel", "roll back")],
        _ => &[],
    };
    all.extend(verbs.iter().map(|(verb, what)| (format!("quell {verb} {id}"), (*what).to_owned())));
    all
}

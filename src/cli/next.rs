//! What a run leaves behind, and what a person can do about it.

use crate::engine::{Run, RunStatus, StepState, StepStatus};
use crate::model::StepIx;

/// Whether the effect of a step exists, or may.
pub fn stands(run: &Run, step: &StepState) -> bool {
    match step.status() {
        StepStatus::Succeeded => !step.is_assumed(),
        StepStatus::UndoFailed | StepStatus::InDoubt | StepStatus::UndoInDoubt => true,
        StepStatus::Cancelled | StepStatus::Failed => {
            step.in_doubt() && run.status() != RunStatus::RolledBack
        }
        _ => false,
    }
}

/// What is in force because of a run, and what would take it back.
pub fn in_force(run: &Run) -> Vec<String> {
    let steps = run.steps().iter().enumerate().filter(|(_, step)| stands(run, step));
    let line = |(i, step): (usize, &StepState)| {
        let (action, undo) = (step.action()?, step.undo()?);
        let target = action.target.as_deref().map_or(String::new(), |target| format!(" {target}"));
        let doubt = if step.status() == StepStatus::Succeeded { "" } else { ", which is in doubt" };
        let id = run.step_id(StepIx(i as u16));
        Some(format!("in force: {}{target}, by {id}{doubt}; taken back by {}", action.name, undo.name))
    };
    steps.filter_map(line).collect()
}

/// The commands by which a person can move it on, each with what it does.
pub fn actions(run: &Run) -> Vec<(String, &'static str)> {
    let id = run.id();
    let mut all = Vec::new();
    for ix in run.asked_steps() {
        let undo = if run.steps()[ix.index()].status() == StepStatus::Undoing { " --undo" } else { "" };
        all.push((format!("quell answer {id} {} done{undo}", run.step_id(ix)), "say that it is done"));
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
    all.extend(verbs.iter().map(|(verb, what)| (format!("quell {verb} {id}"), *what)));
    all
}

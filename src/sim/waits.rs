//! Every run that is live waits for something, and leases are held only by who acts.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::{ObligationStatus, Run, RunStatus, State, StepState, StepStatus, StepWait};
use crate::model::StepIx;

/// What somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Waits {
    /// A person: to resume it, to settle it, to answer, to approve.
    Person,
    /// The answer of an agent, about what it does or what it finds.
    Answer,
    /// A time.
    Time,
    /// An agent, or its turn at a target.
    Turn,
    /// Nothing can begin before the release of a halt.
    Release,
}

/// Whether each live run waits for something that can come.
pub fn everybody_waits(state: &State) -> Result<(), String> {
    for run in state.runs().filter(|run| !run.status().is_terminal()) {
        let waits = match run.status() {
            RunStatus::Paused | RunStatus::Parked | RunStatus::Stuck => BTreeSet::from([Waits::Person]),
            _ => waits(state, run)?,
        };
        if waits.is_empty() {
            return Err(waits_for_nothing(state, run));
        }
    }
    Ok(())
}

/// That a run is live and nothing that can come is waited for, with where its steps stand.
pub fn waits_for_nothing(state: &State, run: &Run) -> String {
    let steps: Vec<String> = (0..run.steps().len()).map(|i| stands(state, run, i)).collect();
    format!("{} is {} and waits for nothing: {}", run.id(), run.status(), steps.join(", "))
}

/// Whether an effect that a run takes back is being lifted by another one that waits for a person.
pub fn waits_for_others(state: &State, run: &Run) -> bool {
    (0..run.steps().len()).any(|i| {
        let obligation = match run.lifts().get(i) {
            Some(lifted) => state.ledger().get(*lifted),
            None => state.obligation_of(run.id(), StepIx(i as u16)),
        };
        let lifting = obligation.filter(|o| o.status() == ObligationStatus::Lifting);
        let by = lifting.and_then(|o| state.run(o.lifted_by()?)).filter(|by| by.id() != run.id());
        by.is_some_and(|by| by.status().waits_for_person())
    })
}

/// Where a step stands, and the effect that it holds or lifts.
fn stands(state: &State, run: &Run, step: usize) -> String {
    let obligation = match run.lifts().get(step) {
        Some(lifted) => state.ledger().get(*lifted),
        None => state.obligation_of(run.id(), StepIx(step as u16)),
    };
    let told = obligation.map_or(String::new(), |o| {
        let by = o.lifted_by().map_or(String::new(), |by| format!(" by {by}"));
        let lease = o.target().and_then(|target| state.lease(target));
        let turn = lease.map_or(String::new(), |lease| format!(", turn of {}", lease.run()));
        format!(" ({} {}{by}{turn})", o.id(), o.status())
    });
    format!("{}{told}", run.steps()[step].status())
}

fn waits(state: &State, run: &Run) -> Result<BTreeSet<Waits>, String> {
    let mut waits = BTreeSet::new();
    let back = run.status() == RunStatus::RollingBack;
    let held = state.halt().is_some();
    for (i, step) in run.steps().iter().enumerate() {
        let of_step = waits_of(step, back);
        if of_step.len() > 1 {
            return Err(format!("step {i} of {} waits for {of_step:?} at once", run.id()));
        }
        waits.extend(of_step);
        if !back && !held && !run.is_lift() && step.status() == StepStatus::Pending && is_ready(run, i) {
            return Err(format!("step {i} of {} could begin, and nobody begins it", run.id()));
        }
    }
    if waits.is_empty() && (back || run.is_lift()) && is_held_up(state, run) {
        waits.insert(Waits::Turn);
    }
    if held {
        waits.insert(Waits::Release);
    }
    Ok(waits)
}

fn waits_of(step: &StepState, back: bool) -> Vec<Waits> {
    use StepStatus::*;
    let mut waits = Vec::new();
    waits.extend(step.is_asked().then_some(Waits::Person));
    waits.extend(step.is_probing().then_some(Waits::Answer));
    match step.status() {
        Running if !step.is_asked() => waits.push(Waits::Answer),
        Waiting => match step.waits_for() {
            Some(StepWait::Agent | StepWait::Lease) => waits.push(Waits::Turn),
            Some(StepWait::Retry) => waits.push(Waits::Time),
            None => {}
        },
        AwaitingApproval => waits.push(Waits::Person),
        // Between two questions about one effect.
        Verifying | InDoubt | UndoInDoubt if !step.is_probing() && step.until().is_some() => {
            waits.push(Waits::Time)
        }
        Undoing if step.undo_in_flight() && !step.is_asked() => waits.push(Waits::Answer),
        Undoing if !step.undo_in_flight() && !step.is_probing() && back => waits.push(Waits::Time),
        _ => {}
    }
    waits
}

/// Whether everything that a step needs is done.
fn is_ready(run: &Run, step: usize) -> bool {
    let plan = run.plan().steps.get(step);
    plan.is_some_and(|plan| {
        plan.needs.iter().all(|need| run.steps().get(need.index()).is_some_and(|need| is_over(run, need)))
    })
}

fn is_over(run: &Run, need: &StepState) -> bool {
    match need.status() {
        StepStatus::Succeeded | StepStatus::Skipped => true,
        StepStatus::Failed => {
            let place = run.steps().iter().position(|step| std::ptr::eq(step, need));
            place.and_then(|i| run.plan().steps.get(i)).is_some_and(|plan| !plan.critical)
        }
        _ => false,
    }
}

/// Whether what a run takes back next is held up by others: another run acts on the target, lifts the
/// same, or the agents are busy or impaired.
fn is_held_up(state: &State, run: &Run) -> bool {
    let busy = state.agents().iter().any(|agent| !agent.selectable());
    busy || (0..run.steps().len()).any(|i| {
        let step = StepIx(i as u16);
        let obligation = match run.lifts().get(i) {
            Some(lifted) => state.ledger().get(*lifted),
            None => state.obligation_of(run.id(), step),
        };
        let target = obligation.and_then(|obligation| obligation.target());
        let taken = target.and_then(|target| state.lease(target));
        let lifted = obligation.is_some_and(|obligation| obligation.status() == ObligationStatus::Lifting);
        taken.is_some_and(|lease| lease.run() != run.id()) || lifted
    })
}

/// Whether whoever holds a lease acts (C16).
pub fn leases_are_used(state: &State) -> Result<(), String> {
    let targets: BTreeSet<&Arc<str>> = state.runs().flat_map(targets).collect();
    for target in targets {
        let Some(lease) = state.lease(target) else { continue };
        let Some(run) = state.run(lease.run()) else {
            return Err(format!("C16: {} holds {target}, and is gone", lease.run()));
        };
        if !(0..run.steps().len()).any(|i| acts_on(state, run, i, target)) {
            return Err(format!("C16: {} holds {target}, and does nothing to it", run.id()));
        }
    }
    Ok(())
}

fn targets(run: &Run) -> impl Iterator<Item = &Arc<str>> {
    run.steps().iter().filter_map(|step| step.action()?.target.as_ref())
}

fn acts_on(state: &State, run: &Run, step: usize, target: &str) -> bool {
    let (Some(step), lifted) = (run.steps().get(step), lifted_target(state, run, step)) else {
        return false;
    };
    let own = step.action().and_then(|action| action.target.as_deref());
    let busy = matches!(step.status(), StepStatus::Running | StepStatus::Verifying | StepStatus::Undoing)
        || step.undo_in_flight()
        || step.is_probing();
    busy && lifted.or(own) == Some(target)
}

fn lifted_target<'s>(state: &'s State, run: &Run, step: usize) -> Option<&'s str> {
    let lifted = run.lifts().get(step)?;
    state.ledger().get(*lifted)?.target().map(|target| &**target)
}

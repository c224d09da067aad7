//! What must hold after every step of the simulated world, whatever happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::case::Case;
use crate::engine::{Event, JournalKind, Limits, NewRun, Record, Task};
use crate::model::{Digest, RunId, StepIx};

mod doubt;
mod observe;
mod order;
mod state;

/// A promise that was broken.
#[derive(Debug)]
pub struct Violation {
    /// The world that shows it.
    pub case: Case,
    /// Which promise, and how.
    pub what: String,
    /// What happened before, oldest first.
    pub trace: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.trace.len().saturating_sub(200);
        for line in &self.trace[from..] {
            writeln!(f, "  {line}")?;
        }
        write!(f, "{}: {}", self.case, self.what)
    }
}

/// Watches the durable records and the effects that reach the world. It keeps books of its own and
/// asks the engine nothing.
#[derive(Debug, Default)]
pub struct Witness {
    /// Who said yes to what.
    pub(super) consent: super::consent::Consent,
    intents: BTreeSet<(RunId, StepIx, u32, bool)>,
    keys: BTreeMap<(RunId, StepIx, bool), Arc<str>>,
    /// Steps of each run whose outcome is durable, with what it was.
    outcomes: BTreeMap<(RunId, StepIx), Done>,
    needs: BTreeMap<RunId, Vec<Vec<StepIx>>>,
    completed: BTreeMap<RunId, Vec<StepIx>>,
    /// How many of the completed steps an undo has reached, counted from the last.
    undoing: BTreeMap<RunId, usize>,
    /// Steps that were performed, and are looked at before they count.
    verifying: BTreeSet<(RunId, StepIx)>,
    /// Steps of which an attempt ended without an answer.
    doubtful: BTreeSet<(RunId, StepIx)>,
    running: BTreeSet<(RunId, StepIx)>,
    /// The last forward attempt of each step, and whether it may be repeated without asking.
    attempts: BTreeMap<(RunId, StepIx), (u32, bool)>,
    /// Steps that may not be repeated, in doubt after a crash: a person has to say.
    unsettled: BTreeSet<(RunId, StepIx)>,
    /// Steps that have an undo, and steps that were undone.
    reversible: BTreeSet<(RunId, StepIx)>,
    undone: BTreeSet<(RunId, StepIx)>,
    /// Steps of which a person said that they are not undone, and that this is accepted.
    waived: BTreeSet<(RunId, StepIx)>,
    /// Steps whose undo a person wants tried again: others may have had their turn already.
    again: BTreeSet<(RunId, StepIx)>,
    /// Steps of which a person said that they are done.
    done_by_hand: BTreeSet<(RunId, StepIx)>,
    /// Steps of which it is asked whether their effect is there, and those where it was found since.
    asked: BTreeSet<(RunId, StepIx)>,
    seen: BTreeSet<(RunId, StepIx)>,
    /// Steps whose effect was found absent since they were asked for.
    absent: BTreeSet<(RunId, StepIx)>,
    /// Steps of which a person said that they did not happen: others may have left their effect to them.
    inherited: BTreeSet<(RunId, StepIx)>,
    /// Steps in doubt.
    in_doubt: BTreeSet<(RunId, StepIx)>,
    live: BTreeMap<(Arc<str>, Arc<str>), RunId>,
    dedup: BTreeMap<RunId, (Arc<str>, Arc<str>)>,
    /// What the journal is for, the text of each workflow that is armed, and the runs that observe.
    kind: Option<JournalKind>,
    armed: BTreeMap<Arc<str>, Digest>,
    observing: BTreeSet<RunId>,
    halted: bool,
    /// Runs that lift.
    lifts: BTreeSet<RunId>,
    /// Lifts that a person asked for: a halt does not hold them.
    by_hand: BTreeSet<RunId>,
    paused: BTreeSet<RunId>,
    ended: BTreeSet<RunId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Succeeded,
    Failed,
    Skipped,
}

impl Witness {
    /// Before anything happened, under these limits.
    pub fn new(limits: &Limits) -> Self {
        Witness { consent: super::consent::Consent::new(limits), ..Witness::default() }
    }

    /// A record became durable.
    pub fn record(&mut self, record: &Record) -> Result<(), String> {
        self.nothing_observed_acts(&record.event)?;
        if let Event::StepSettled { run, step, .. } = &record.event {
            // A person said what became of it.
            self.settled((*run, *step));
        }
        self.nothing_begins_in_a_halt(&record.event)?;
        self.consent.record(record)?;
        match &record.event {
            Event::JournalOpened { kind, .. } => self.kind = Some(*kind),
            Event::WorkflowArmed { workflow, hash, .. } => {
                self.armed.insert(Arc::clone(workflow), **hash);
            }
            Event::WorkflowDisarmed { workflow, .. } => {
                self.armed.remove(workflow);
            }
            Event::StepAssumed { run, step, .. } => {
                if !self.observing.contains(run) {
                    return Err(format!("C31: step {} of {run} is assumed, but the run is live", step.0));
                }
                self.outcomes.insert((*run, *step), Done::Succeeded);
            }
            Event::RunCreated(new) => {
                let NewRun { run, plan, workflow, dedup, takes_over, .. } = &**new;
                if !new.lifts.is_empty() {
                    self.lifts.insert(*run);
                }
                if !new.lifts.is_empty() && &*new.by.0 != "quell" {
                    self.by_hand.insert(*run);
                }
                if !new.mode.is_live() {
                    self.observing.insert(*run);
                } else if new.lifts.is_empty()
                    && self.kind == Some(JournalKind::Real)
                    && self.armed.get(workflow) != Some(&new.hash)
                {
                    return Err(format!("C31: {run} acts, but {workflow} is not armed as it is"));
                }
                self.needs.insert(*run, plan.steps.iter().map(|step| step.needs.clone()).collect());
                for step in takes_over {
                    self.outcomes.insert((*run, *step), Done::Succeeded);
                    self.completed.entry(*run).or_default().push(*step);
                    if new.retry_of.is_some_and(|earlier| self.reversible.contains(&(earlier, *step))) {
                        self.reversible.insert((*run, *step));
                    }
                }
                if let Some(key) = dedup {
                    let key = (Arc::clone(workflow), Arc::clone(key));
                    self.dedup.insert(*run, key.clone());
                    if let Some(other) = self.live.insert(key, *run) {
                        return Err(format!("C15: {run} and {other} are live for one key"));
                    }
                }
            }
            Event::StepStarted { run, step, attempt, action, undo, .. } => {
                self.settled((*run, *step));
                self.verifying.remove(&(*run, *step));
                // It let go of what an attempt before may have done: this is another effect.
                self.undone.remove(&(*run, *step));
                self.attempts.insert((*run, *step), (*attempt, action.idempotent));
                if undo.is_some() {
                    self.reversible.insert((*run, *step));
                }
                return self.intent(*run, *step, *attempt);
            }
            Event::StepSucceeded { run, step, attempt, found, .. } => {
                let last = self.attempts.get(&(*run, *step)).map(|(last, _)| *last);
                // What nobody could begin a person may have done.
                let by_hand = last.is_none() && *attempt == 0 && self.done_by_hand.contains(&(*run, *step));
                if last != Some(*attempt) && !by_hand {
                    return Err(format!(
                        "{run} step {}: an answer of attempt {attempt} counts for {last:?}",
                        step.0
                    ));
                }
                let place = (*run, *step);
                if self.asked.remove(&place) && !self.seen.contains(&place) {
                    let name = format!("{run} step {}", step.0);
                    return Err(format!("C3: {name} succeeded, but nobody found its effect"));
                }
                self.settled(place);
                self.running.remove(&place);
                self.verifying.remove(&place);
                self.outcomes.insert(place, Done::Succeeded);
                if *found {
                    if self.doubtful.contains(&place) {
                        return Err(format!(
                            "S3.5: step {} of {run} may have acted, and is said to be found",
                            step.0
                        ));
                    }
                    self.reversible.remove(&place);
                } else {
                    self.complete(*run, *step);
                }
            }
            Event::StepPerformed { run, step, .. } => {
                self.running.remove(&(*run, *step));
                self.verifying.insert((*run, *step));
                self.is_asked((*run, *step));
            }
            Event::StepProbed { run, step, undo: false, found, .. } if self.did_nothing(*run, found) => {
                let place = (*run, *step);
                if self.in_doubt.contains(&place) {
                    self.doubtful.remove(&place);
                }
                self.unsettled.remove(&place);
                self.absent.insert(place);
            }
            Event::StepFailed { run, step, failure, retry_at, .. } => {
                self.answered(*run, *step, failure.kind.in_doubt());
                self.settled((*run, *step));
                if failure.kind.in_doubt() && !self.may_repeat((*run, *step)) {
                    self.unsettled.insert((*run, *step));
                }
                if retry_at.is_none() {
                    self.outcomes.insert((*run, *step), Done::Failed);
                    self.complete_if_doubtful(*run, *step);
                }
            }
            Event::StepInDoubt { run, step, .. } => {
                self.answered(*run, *step, true);
                self.in_doubt.insert((*run, *step));
                self.is_asked((*run, *step));
                if self.attempts.get(&(*run, *step)).is_some_and(|(_, idempotent)| !idempotent) {
                    self.unsettled.insert((*run, *step));
                }
            }
            Event::RunUnparked { run, .. } => {
                self.unsettled.retain(|(other, _)| other != run);
                // It may have been paused before it was parked.
                self.paused.remove(run);
            }
            Event::StepSettled { .. } => self.settled_by_person(&record.event),
            Event::StepJoined { run, step, undo, .. } => {
                self.undone.remove(&(*run, *step));
                if undo.is_some() {
                    self.reversible.insert((*run, *step));
                }
                self.outcomes.insert((*run, *step), Done::Succeeded);
                self.complete(*run, *step);
            }
            Event::UndoSucceeded { run, step, .. } | Event::LetGo { run, step, .. } => {
                self.undone.insert((*run, *step));
            }
            Event::StepSkipped { run, step, .. } => {
                self.outcomes.insert((*run, *step), Done::Skipped);
            }
            Event::StepCancelled { run, step, in_doubt } => {
                self.answered(*run, *step, *in_doubt);
                self.complete_if_doubtful(*run, *step);
            }
            Event::UndoStarted { run, step, attempt, .. } => {
                self.intents.insert((*run, *step, *attempt, true));
                if self.undone.contains(&(*run, *step)) || self.waived.contains(&(*run, *step)) {
                    return Err(format!("C11: {run} undoes step {} once more, or though skipped", step.0));
                }
                return self.undo_in_order(*run, *step);
            }
            Event::RollbackStarted { run, .. } => {
                self.undoing.insert(*run, 0);
                self.paused.remove(run);
                let idle = self.doubtful.iter().filter(|place| {
                    place.0 == *run && !self.running.contains(place) && !self.verifying.contains(place)
                });
                for (run, step) in idle.copied().collect::<Vec<_>>() {
                    self.complete(run, step);
                }
            }
            Event::RunPaused { run, .. } => {
                self.paused.insert(*run);
            }
            Event::RunResumed { run, .. } => {
                self.paused.remove(run);
            }
            Event::RunCompleted { run } | Event::RunFailed { run, .. } | Event::RunAbandoned { run, .. } => {
                self.end(*run)
            }
            Event::RollbackCompleted { run } => {
                self.end(*run);
                return self.all_undone(*run);
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, run: RunId) {
        self.ended.insert(run);
        if let Some(key) = self.dedup.remove(&run) {
            self.live.remove(&key);
        }
    }

    /// An effect reaches the world.
    pub fn effect(&mut self, task: &Task) -> Result<(), String> {
        let (run, step, undo) = (task.run, task.step, task.undo);
        let name = format!("{run} step {} attempt {} undo {undo}", step.0, task.attempt);
        if !self.intents.contains(&(run, step, task.attempt, undo)) {
            return Err(format!("C1: {name} is performed without a durable intent"));
        }
        if self.observing.contains(&run) {
            return Err(format!("C31: {name} is performed, but its run only observes"));
        }
        let known = self.keys.entry((run, step, undo)).or_insert_with(|| Arc::clone(&task.key));
        if **known != *task.key {
            return Err(format!("C4: {name} has the key {}, and had {known} before", task.key));
        }
        Ok(())
    }
}

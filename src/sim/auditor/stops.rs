//! What has to stop is told to: by a rollback (C12), by the kill switch (C30), and when its time is over.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{Actor, AgentKind, Effect, Event};
use crate::model::{FailureKind, RunId, StepIx};

type Attempt = (RunId, StepIx, u32, bool);

/// What runs, and what has to be told to stop.
#[derive(Debug, Default)]
pub struct Stops {
    /// Attempts without an outcome, and whether a person does them.
    running: BTreeMap<Attempt, bool>,
    /// Lifts that a person asked for: the kill switch does not stop them.
    by_hand: BTreeSet<RunId>,
    /// What has to be stopped, and why.
    owed: BTreeMap<Attempt, &'static str>,
}

impl Stops {
    pub fn record(&mut self, event: &Event) {
        use Event::*;
        match event {
            RunCreated(new) if !new.lifts.is_empty() && new.by != Actor::engine() => {
                self.by_hand.insert(new.run);
            }
            StepStarted { run, step, attempt, kind, .. } => {
                self.running.insert((*run, *step, *attempt, false), *kind == AgentKind::Manual);
            }
            UndoStarted { run, step, attempt, kind, .. } => {
                self.running.insert((*run, *step, *attempt, true), *kind == AgentKind::Manual);
            }
            RollbackStarted { run, .. } => {
                let of_run = self.running.keys().filter(|(other, .., undo)| other == run && !undo);
                self.owed.extend(of_run.map(|attempt| (*attempt, "C12: its run is rolled back")));
            }
            Halted { .. } => {
                let by_hand = &self.by_hand;
                let held =
                    |((run, ..), by_person): &(&Attempt, &bool)| !**by_person && !by_hand.contains(run);
                let held = self.running.iter().filter(held);
                self.owed.extend(held.map(|(attempt, _)| (*attempt, "C30: everything is halted")));
            }
            StepFailed { run, step, attempt, failure, .. } => {
                self.over((*run, *step, *attempt, false), failure.kind == FailureKind::TimedOut);
            }
            UndoFailed { run, step, attempt, failure, .. } => {
                self.over((*run, *step, *attempt, true), failure.kind == FailureKind::TimedOut);
            }
            StepInDoubt { run, step, attempt, failure } => {
                let late = failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::TimedOut);
                self.over((*run, *step, *attempt, false), late);
            }
            UndoInDoubt { run, step, attempt, failure } => {
                let late = failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::TimedOut);
                self.over((*run, *step, *attempt, true), late);
            }
            StepSucceeded { run, step, attempt, .. } | StepPerformed { run, step, attempt, .. } => {
                self.over((*run, *step, *attempt, false), false);
            }
            UndoSucceeded { run, step, attempt } | UndoPerformed { run, step, attempt, .. } => {
                self.over((*run, *step, *attempt, true), false);
            }
            StepCancelled { run, step, .. } => {
                self.running.retain(|(r, s, _, undo), _| (r, s, *undo) != (run, step, false));
            }
            _ => {}
        }
    }

    fn over(&mut self, attempt: Attempt, late: bool) {
        if self.running.remove(&attempt).is_some() && late {
            self.owed.insert(attempt, "C33: its time is over");
        }
    }

    pub fn handed(&mut self, effects: &[Effect]) -> Result<(), String> {
        for effect in effects {
            if let Effect::Stop { run, step, attempt, undo } = effect {
                self.owed.remove(&(*run, *step, *attempt, *undo));
            }
        }
        match self.owed.first_key_value() {
            None => Ok(()),
            Some(((run, step, attempt, _), why)) => {
                Err(format!("{why}, but nobody stops attempt {attempt} of step {} of {run}", step.0))
            }
        }
    }

    pub fn crashed(&mut self) {
        self.owed.clear();
        // Agents go with the engine.
        self.running.retain(|_, by_person| *by_person);
    }
}

//! Steps and undos for which no agent was selectable when they were ready.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::choose::{Choice, best_match};
use super::{Engine, RunStatus, StepStatus};
use crate::model::{AgentId, Priority, RunId, StepIx};

/// Who waits for an agent: undos first, then by priority, then by age.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    queue: BTreeSet<Place>,
    places: BTreeMap<(RunId, StepIx), Place>,
}

type Place = (Reverse<(bool, Priority)>, RunId, StepIx);

impl Waiting {
    pub fn add(&mut self, run: RunId, step: StepIx, undo: bool, priority: Priority) {
        let place = (Reverse((undo, priority)), run, step);
        if let Some(old) = self.places.insert((run, step), place) {
            self.queue.remove(&old);
        }
        self.queue.insert(place);
    }

    pub fn remove(&mut self, run: RunId, step: StepIx) {
        if let Some(place) = self.places.remove(&(run, step)) {
            self.queue.remove(&place);
        }
    }

    pub fn is_waiting(&self, run: RunId, step: StepIx) -> bool {
        self.places.contains_key(&(run, step))
    }
}

impl Engine {
    /// Gives agents that became free to those who wait for them.
    pub(super) fn dispatch_waiting(&mut self) {
        let mut cursor = Bound::Unbounded;
        while self.state.agents().iter().any(|agent| agent.selectable()) {
            let Some(place) = self.waiting.queue.range((cursor, Bound::Unbounded)).next().copied() else {
                return;
            };
            cursor = Bound::Excluded(place);
            self.dispatch_one(place);
        }
    }

    fn dispatch_one(&mut self, (Reverse((undo, _)), run, step): Place) {
        if !self.still_waits(run, step, undo) {
            self.waiting.remove(run, step);
            return;
        }
        let paused = self.state.run(run).is_some_and(|run| run.status() == RunStatus::Paused);
        let chosen = best_match(&self.state, self.candidates(run, step, undo));
        match chosen {
            Choice::Agent(_) if undo => self.start_undo(run, step),
            Choice::Agent(_) if !paused => self.start_step(run, step),
            _ => {}
        }
    }

    fn still_waits(&self, run: RunId, step: StepIx, undo: bool) -> bool {
        self.state.run(run).is_some_and(|run| {
            let Some(step) = run.steps().get(step.index()) else { return false };
            if undo {
                run.status() == RunStatus::RollingBack && !matches!(step.status(), StepStatus::Undone)
            } else {
                matches!(run.status(), RunStatus::Running | RunStatus::Paused)
                    && step.status() == StepStatus::Waiting
            }
        })
    }

    /// The agents that can take a step, or undo it.
    pub(super) fn candidates(&self, run: RunId, step: StepIx, undo: bool) -> &[AgentId] {
        let bound = self.state.run(run).and_then(|run| self.library.get(run.hash()));
        let step = bound.and_then(|bound| bound.steps.get(step.index()));
        step.map_or(&[], |step| if undo { &step.undo } else { &step.forward })
    }
}

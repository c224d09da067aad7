//! Steps and undos for which no agent was selectable when they were ready.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::choose::{Choice, best_match};
use super::{Engine, RunStatus, StepStatus};
use crate::model::{AgentId, Digest, Priority, RunId, StepIx};

/// Who waits for an agent, in lanes. Those of one lane can be taken by the same agents, so that what
/// an agent becoming free costs depends on the number of lanes, not on how many wait.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    lanes: BTreeMap<Lane, BTreeSet<Place>>,
    places: BTreeMap<(RunId, StepIx), (Lane, Place)>,
}

/// A step of a workflow, or its undo.
type Lane = (Digest, StepIx, bool);

/// Undos first, then by priority, then by age.
type Place = (Reverse<(bool, Priority)>, RunId, StepIx);

impl Waiting {
    fn add(&mut self, lane: Lane, place: Place) {
        let (_, run, step) = place;
        self.remove(run, step);
        self.places.insert((run, step), (lane, place));
        self.lanes.entry(lane).or_default().insert(place);
    }

    pub fn remove(&mut self, run: RunId, step: StepIx) {
        let Some((lane, place)) = self.places.remove(&(run, step)) else { return };
        if let Some(places) = self.lanes.get_mut(&lane) {
            places.remove(&place);
            if places.is_empty() {
                self.lanes.remove(&lane);
            }
        }
    }

    pub fn is_waiting(&self, run: RunId, step: StepIx) -> bool {
        self.places.contains_key(&(run, step))
    }
}

impl Engine {
    /// Lets a step, or its undo, wait for an agent.
    pub(super) fn enqueue(&mut self, run: RunId, step: StepIx, undo: bool) {
        let Some(hash) = self.state.run(run).map(|run| run.hash()) else { return };
        let place = (Reverse((undo, self.priority(run))), run, step);
        self.waiting.add((hash, step, undo), place);
    }

    /// Gives agents that became free to those who wait for them.
    pub(super) fn dispatch_waiting(&mut self) {
        if self.draining || self.state.halt().is_some() {
            return;
        }
        while let Some((Reverse((undo, _)), run, step)) = self.next_waiting() {
            if !self.still_waits(run, step, undo) {
                self.waiting.remove(run, step);
            } else if undo {
                self.start_undo(run, step);
            } else {
                self.start_step(run, step);
            }
        }
    }

    /// The first in order of those that an agent could take now.
    fn next_waiting(&self) -> Option<Place> {
        let takable = self.waiting.lanes.iter().filter(|((hash, step, undo), _)| {
            matches!(best_match(&self.state, self.bound_candidates(*hash, *step, *undo)), Choice::Agent(_))
        });
        takable.filter_map(|(_, places)| places.first()).min().copied()
    }

    /// Whether it still wants an agent. What is paused asks again when it is resumed.
    fn still_waits(&self, run: RunId, step: StepIx, undo: bool) -> bool {
        self.state.run(run).is_some_and(|run| {
            let Some(step) = run.steps().get(step.index()) else { return false };
            match undo {
                true => run.status() == RunStatus::RollingBack && step.status() != StepStatus::Undone,
                false => run.status() == RunStatus::Running && step.status() == StepStatus::Waiting,
            }
        })
    }

    /// The agents that can take a step, or undo it.
    pub(super) fn candidates(&self, run: RunId, step: StepIx, undo: bool) -> &[AgentId] {
        self.state.run(run).map_or(&[], |run| self.bound_candidates(run.hash(), step, undo))
    }

    fn bound_candidates(&self, hash: Digest, step: StepIx, undo: bool) -> &[AgentId] {
        let step = self.library.get(hash).and_then(|bound| bound.steps.get(step.index()));
        step.map_or(&[], |step| if undo { &step.undo } else { &step.forward })
    }
}

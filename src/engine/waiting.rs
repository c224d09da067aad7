//! Steps and undos for which no agent was selectable when they were ready.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Engine;
use super::choose::{Choice, best_match};
use crate::model::{AgentId, Digest, Priority, RunId, StepIx};

/// Who waits for an agent, in lanes. Those of one lane can be taken by the same agents, so that what
/// an agent becoming free costs depends on the number of lanes, not on how many wait.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    lanes: BTreeMap<Lane, BTreeSet<Place>>,
    places: BTreeMap<(RunId, StepIx), (Lane, Place)>,
}

/// What wants an agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    /// A step of a workflow, or its undo.
    Step(Digest, StepIx, bool),
    /// This action, to lift what an agent of this role did.
    Lift(Arc<str>, Arc<str>),
}

/// Undos first, then by priority, then by age.
type Place = (Reverse<(bool, Priority)>, RunId, StepIx);

impl Waiting {
    fn add(&mut self, lane: Lane, place: Place) {
        let (_, run, step) = place;
        self.remove(run, step);
        self.places.insert((run, step), (lane.clone(), place));
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

    /// Lanes, and those who wait in them.
    pub fn sizes(&self) -> (usize, usize) {
        (self.lanes.len(), self.places.len())
    }

    /// What a run wanted to begin is not wanted any more.
    pub fn leave(&mut self, run: RunId) {
        let of_run = self.places.range((run, StepIx(0))..=(run, StepIx(u16::MAX)));
        for step in of_run.map(|((_, step), _)| *step).collect::<Vec<_>>() {
            self.remove(run, step);
        }
    }

    /// Undos and lifts.
    fn going_back(&self) -> Vec<(RunId, StepIx)> {
        let back = self.places.iter().filter(|(_, (_, (Reverse((back, _)), ..)))| *back);
        back.map(|(place, _)| *place).collect()
    }

    pub fn is_waiting(&self, run: RunId, step: StepIx) -> bool {
        self.places.contains_key(&(run, step))
    }
}

impl Engine {
    /// Lets a step, its undo or a lift wait for an agent.
    pub(super) fn enqueue(&mut self, run: RunId, step: StepIx, back: bool) {
        let Some(lane) = self.lane(run, step, back) else { return };
        let place = (Reverse((back, self.priority(run))), run, step);
        self.waiting.add(lane, place);
    }

    /// Agents have left: an undo or a lift that nobody can do any more is not waited for in silence.
    pub(super) fn look_for_agents_again(&mut self) {
        for (run, step) in self.waiting.going_back() {
            self.start_waiting(run, step);
        }
    }

    fn lane(&self, id: RunId, step: StepIx, back: bool) -> Option<Lane> {
        let run = self.state.run(id)?;
        let Some(lifted) = run.lifted_by_step(step) else {
            return Some(Lane::Step(run.hash(), step, back));
        };
        let obligation = self.state.ledger().get(lifted)?;
        let role = Arc::clone(&self.state.agent(obligation.agent())?.role);
        Some(Lane::Lift(Arc::clone(&obligation.undo()?.name), role))
    }

    /// Gives agents that became free to those who wait for them.
    pub(super) fn dispatch_waiting(&mut self) {
        if self.draining {
            return;
        }
        while let Some((_, run, step)) = self.next_waiting() {
            self.start_waiting(run, step);
        }
    }

    /// The first in order of those that an agent could take now. In a halt only lifts are looked at.
    fn next_waiting(&self) -> Option<Place> {
        let halted = self.state.halt().is_some();
        let takable = self.waiting.lanes.iter().filter(|(lane, _)| match lane {
            Lane::Step(hash, step, undo) => {
                let candidates = self.bound_candidates(*hash, *step, *undo);
                !halted && matches!(best_match(&self.state, candidates), Choice::Agent(_))
            }
            Lane::Lift(action, role) => {
                let candidates = self.library.of_role(action, role);
                matches!(best_match(&self.state, &candidates), Choice::Agent(_))
            }
        });
        let first = |places: &BTreeSet<Place>| places.iter().find(|(_, run, _)| !self.holds(*run)).copied();
        takable.filter_map(|(_, places)| first(places)).min()
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

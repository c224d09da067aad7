//! Two runs never act on one target at once (C16): whose turn it is, and who waits for it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::{Engine, Event, Obligation, State, StepStatus, StepWait};
use crate::model::planted::{self, Bug, planted};
use crate::model::{Action, Priority, RunId, Seq, StepIx};

/// Leases by target. Only looked up, never gone through.
pub(super) type Leases = HashMap<Arc<str>, Lease, FixedState>;

/// That a run acts on a target, from an intent to its outcome. Steps of one run share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub(super) run: RunId,
    pub(super) epoch: Seq,
    /// Intents without an outcome.
    pub(super) acting: u32,
}

impl Lease {
    /// Whose turn it is.
    pub fn run(&self) -> RunId {
        self.run
    }
    /// The record of the intent that began it: it grows from lease to lease, over restarts too.
    pub fn epoch(&self) -> Seq {
        self.epoch
    }
}

impl State {
    /// Who acts on a target now.
    pub fn lease(&self, target: &str) -> Option<&Lease> {
        self.leases.get(target)
    }

    /// What a step acts on, its undo and its lift too: the target of the forward action.
    pub(super) fn target_of(&self, run: RunId, step: StepIx) -> Option<&Arc<str>> {
        let run = self.runs.get(run.0)?;
        if let Some(lifted) = run.lifts.get(step.index()) {
            return self.ledger.get(*lifted)?.target();
        }
        run.steps.get(step.index())?.action.as_ref()?.target.as_ref()
    }

    /// The epoch under which a step does something; 0 if that is not about the target of its lease.
    pub(super) fn epoch_of(&self, run: RunId, step: StepIx, action: &Action) -> Seq {
        let target = self.target_of(run, step).filter(|target| action.target.as_ref() == Some(*target));
        let lease = target.and_then(|target| self.lease(target));
        let epoch = lease.filter(|lease| lease.run == run).map_or(0, |lease| lease.epoch);
        if planted(Bug::EpochBeginsAnew) { planted::since_restart(epoch) } else { epoch }
    }
}

/// Who waits for a turn at a target: undos and lifts first, then by priority, then by age.
#[derive(Debug, Default)]
pub(super) struct Turns {
    lines: BTreeMap<Arc<str>, BTreeSet<Turn>>,
    places: BTreeMap<(RunId, StepIx), (Arc<str>, Turn)>,
    /// Targets at which something ended.
    freed: Vec<Arc<str>>,
}

type Turn = (Reverse<(bool, Priority)>, RunId, StepIx);

impl Turns {
    fn add(&mut self, target: Arc<str>, turn: Turn) {
        let (_, run, step) = turn;
        self.take(run, step);
        self.places.insert((run, step), (Arc::clone(&target), turn));
        self.lines.entry(target).or_default().insert(turn);
    }

    pub fn remove(&mut self, run: RunId, step: StepIx) {
        let Some(target) = self.take(run, step) else { return };
        // Who stood behind it may be the first now.
        if self.lines.contains_key(&target) {
            self.freed.push(target);
        }
    }

    fn take(&mut self, run: RunId, step: StepIx) -> Option<Arc<str>> {
        let (target, turn) = self.places.remove(&(run, step))?;
        if let Some(line) = self.lines.get_mut(&target) {
            line.remove(&turn);
            if line.is_empty() {
                self.lines.remove(&target);
            }
        }
        Some(target)
    }

    /// What a run wanted to do is not wanted any more.
    fn leave(&mut self, run: RunId) {
        let of_run = self.places.range((run, StepIx(0))..=(run, StepIx(u16::MAX)));
        for step in of_run.map(|((_, step), _)| *step).collect::<Vec<_>>() {
            self.remove(run, step);
        }
    }

    /// Lines, those who stand in them, and targets at which something ended.
    pub fn sizes(&self) -> (usize, usize, usize) {
        (self.lines.len(), self.places.len(), self.freed.len())
    }

    pub fn is_waiting(&self, run: RunId, step: StepIx) -> bool {
        self.places.contains_key(&(run, step))
    }

    fn stands_at(&self, run: RunId, step: StepIx, line: &str) -> bool {
        self.places.get(&(run, step)).is_some_and(|(at, _)| **at == *line)
    }

    fn first(&self, target: &str) -> Option<Turn> {
        self.lines.get(target)?.first().copied()
    }
}

impl Engine {
    /// Whether a step, or what takes it back, may act on a target now; else it waits in line.
    pub(super) fn takes_turn(
        &mut self,
        run: RunId,
        step: StepIx,
        back: bool,
        target: Option<&Arc<str>>,
    ) -> bool {
        let Some(target) = target else { return true };
        let turn = (Reverse((back, self.priority(run))), run, step);
        let taken = match self.state.lease(target) {
            Some(lease) => lease.run != run,
            None => self.turns.first(target).is_some_and(|first| first < turn),
        };
        if taken && self.state.lease(target).is_none() {
            // Who is before it may not want to act any more, or may be held: it is looked at once more.
            self.turns.freed.push(Arc::clone(target));
        }
        if taken {
            self.wait_in_line(turn, Arc::clone(target), back);
        } else {
            self.turns.remove(run, step);
        }
        !taken
    }

    /// Lets a step wait until what another run does at a target is over.
    fn wait_in_line(&mut self, turn: Turn, target: Arc<str>, back: bool) {
        let (_, run, step) = turn;
        self.waiting.remove(run, step);
        self.turns.add(target, turn);
        if !back {
            self.wait_step(run, step, StepWait::Lease);
        }
    }

    /// Lets an undo or a lift wait until another run has lifted what it is about, or has given up.
    pub(super) fn wait_for_lift(&mut self, run: RunId, step: StepIx, key: Arc<str>) {
        let turn = (Reverse((true, self.priority(run))), run, step);
        self.wait_in_line(turn, key, true);
    }

    /// Notes where something ended, if somebody waits.
    pub(super) fn note_freed(&mut self, event: &Event) {
        if self.turns.places.is_empty() {
            return;
        }
        use Event::*;
        if let RollbackStarted { run, .. } | RunFailed { run, .. } | RunAbandoned { run, .. } = event {
            self.turns.leave(*run);
            // What it did may have been asked for still.
            let steps = self.state.run(*run).map_or(0, |run| run.steps().len());
            let targets = (0..steps).filter_map(|i| self.state.target_of(*run, StepIx(i as u16)));
            let targets: Vec<Arc<str>> = targets.cloned().collect();
            self.turns.freed.extend(targets);
        }
        let (run, step) = match event {
            StepSucceeded { run, step, .. }
            | StepFailed { run, step, .. }
            | StepCancelled { run, step, .. }
            | StepInDoubt { run, step, .. }
            | StepProbed { run, step, again_at: None, .. }
            | UndoSucceeded { run, step, .. }
            | UndoFailed { run, step, .. }
            | UndoInDoubt { run, step, .. }
            | StepSettled { run, step, .. }
            | LetGo { run, step, .. } => (*run, *step),
            ObligationExpired { obligation } => {
                let ended = self.state.ledger().get(*obligation);
                return self.turns.freed.extend(ended.map(Obligation::lift_key));
            }
            RunParked { run, .. }
            | RollbackStarted { run, .. }
            | RunAbandoned { run, .. }
            | RunStuck { run, .. } => {
                let steps = self.state.run(*run).map_or(0, |run| run.steps().len());
                let keys = (0..steps).filter_map(|i| self.about_to_lift(*run, StepIx(i as u16)));
                return self.turns.freed.extend(keys.map(Obligation::lift_key).collect::<Vec<_>>());
            }
            _ => return,
        };
        self.turns.freed.extend(self.state.target_of(run, step).cloned());
        self.turns.freed.extend(self.about_to_lift(run, step).map(Obligation::lift_key));
    }

    /// What a step of a lift lifts, or the undo of a step.
    fn about_to_lift(&self, run: RunId, step: StepIx) -> Option<&Obligation> {
        match self.state.run(run)?.lifted_by_step(step) {
            Some(lifted) => self.state.ledger().get(lifted),
            None => self.state.obligation_of(run, step),
        }
    }

    /// Gives targets that became free to those who wait for them.
    pub(super) fn dispatch_turns(&mut self) {
        while let Some(target) = self.turns.freed.pop() {
            while self.state.lease(&target).is_none()
                && let Some((_, run, step)) = self.turns.first(&target)
            {
                // It comes back to its place if it is not its turn after all.
                self.turns.take(run, step);
                self.start_waiting(run, step);
                if self.turns.stands_at(run, step, &target) {
                    break;
                }
            }
        }
    }

    /// Starts what waited for an agent or for a target, if it still wants to start.
    pub(super) fn start_waiting(&mut self, id: RunId, step: StepIx) {
        let Some(run) = self.state.run(id) else { return };
        let Some(status) = run.steps().get(step.index()).map(|step| step.status()) else { return };
        use super::RunStatus::{RollingBack, Running};
        match (run.status(), status) {
            (Running, StepStatus::Waiting) => self.start_and_go_on(id, step),
            (Running, StepStatus::Pending | StepStatus::InDoubt) if run.is_lift() => {
                self.start_and_go_on(id, step)
            }
            (RollingBack, status) if status != StepStatus::Undone && !run.is_lift() => {
                self.begin_undo(id, step);
            }
            // What is paused asks again when it is resumed.
            _ => self.waiting.remove(id, step),
        }
    }
}

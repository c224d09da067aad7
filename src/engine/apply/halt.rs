//! Everything is halted, and released.

use std::sync::Arc;

use super::Stamp;
use crate::engine::{Actor, Halt, Run, RunStatus, State, StepStatus, StepWait};
use crate::model::planted::{Bug, planted};
use crate::model::{RunId, Timestamp};

impl State {
    pub(super) fn halted(&mut self, by: &Actor, why: &Arc<str>, stamp: Stamp) {
        self.halt = Some(Halt { by: by.clone(), why: Arc::clone(why), at: stamp.at });
    }

    /// For what waited, the time of the halt did not pass.
    pub(super) fn released(&mut self, stamp: Stamp) {
        let Some(halt) = self.halt.take() else { return };
        let live = self.runs.iter().filter(|run| !run.status().is_terminal());
        let live: Vec<RunId> = live.map(|run| run.id()).collect();
        for id in live {
            if let Some(run) = self.runs.get_mut(id.0)
                && let Some(from) = run.held_since(halt.at)
            {
                run.shift(from, stamp.at);
            }
        }
    }
}

impl Run {
    /// Since when a halt holds it up. A pause keeps books of its own, from the halt on.
    fn held_since(&self, halted_at: Timestamp) -> Option<Timestamp> {
        let held = self.status() == RunStatus::Running && !self.is_lift_by_hand();
        held.then(|| halted_at.max(self.since()))
    }

    /// Moves what it waits for: its deadline, and its delays. What began to wait while time stood still
    /// has all of it before it.
    pub(super) fn shift(&mut self, since: Timestamp, now: Timestamp) {
        self.deadline = self.deadline().map(|at| at + now.since(since)).into();
        for step in &mut self.steps {
            if matches!(step.status(), StepStatus::Waiting | StepStatus::AwaitingApproval) {
                let again = planted(Bug::BackoffRestarted) && step.waits_for() == Some(StepWait::Retry);
                let from = if again { step.since() } else { since.max(step.since()) };
                let held = now.since(from);
                step.until = step.until().map(|at| at + held).into();
            }
        }
    }
}

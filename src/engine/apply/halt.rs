//! Everything is halted, and released.

use std::sync::Arc;

use super::Stamp;
use crate::engine::{Actor, Halt, Run, RunStatus, State, StepStatus};
use crate::model::{RunId, Span, Timestamp};

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
            if let Some(run) = self.runs.get_mut(id.0) {
                let held = run.held(halt.at, stamp.at);
                run.shift(held);
            }
        }
    }
}

impl Run {
    /// How long a halt held it up. A pause keeps books of its own, from the halt on.
    fn held(&self, halted_at: Timestamp, now: Timestamp) -> Span {
        match self.status() {
            RunStatus::Running => now.since(halted_at.max(self.since())),
            _ => Span::ZERO,
        }
    }

    /// Moves what it waits for: its deadline, and its delays.
    pub(super) fn shift(&mut self, held: Span) {
        self.deadline = self.deadline().map(|at| at + held).into();
        for step in &mut self.steps {
            if matches!(step.status(), StepStatus::Waiting | StepStatus::AwaitingApproval) {
                step.until = step.until().map(|at| at + held).into();
            }
        }
    }
}

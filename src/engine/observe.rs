//! Runs that only observe: what would be done is recorded, and nothing is (C31).

use std::sync::Arc;

use super::choose::{Choice, best_match};
use super::{Acts, Engine, Event, RunMode};
use crate::model::{Failure, FailureKind, RunId, StepIx};

impl Engine {
    pub(super) fn observes(&self, run: RunId) -> bool {
        self.state.run(run).is_some_and(|run| run.mode() == RunMode::Observe)
    }

    /// Why no step of a live run must be performed here after all.
    pub(super) fn must_not_act(&self) -> Option<&'static str> {
        (self.setup.acts == Acts::Never).then_some("a replay of a real setup touches nothing")
    }

    /// Records what a live run would do here. Where a live run would be refused, this one is too.
    pub(super) fn assume_step(&mut self, id: RunId, ix: StepIx, undecided: Option<Arc<str>>) {
        let fitting = self.candidates(id, ix, false);
        let agent = match (best_match(&self.state, fitting), fitting.first()) {
            (Choice::Agent(agent), _) => agent,
            // It would wait for one that is free.
            (Choice::Later, Some(agent)) => *agent,
            (Choice::Later, None) | (Choice::Never, _) => {
                let message = self.nobody_fits(id, ix);
                return self.on_step_failed(id, ix, Failure { kind: FailureKind::NotSent, message });
            }
        };
        match self.resolve(id, ix, agent) {
            Ok((action, undo)) => {
                let protected =
                    self.protects(agent, &action).map(|entry| Box::new(Arc::from(entry.to_string())));
                let undecided = undecided.map(Box::new);
                self.emit(Event::StepAssumed {
                    run: id,
                    step: ix,
                    agent,
                    action,
                    undo,
                    undecided,
                    protected,
                });
            }
            Err(message) => self.on_step_failed(id, ix, Failure { kind: FailureKind::NotSent, message }),
        }
    }
}

//! What was acted on is counted: by action, and by workflow (C28).

use std::sync::Arc;

use super::Stamp;
use crate::engine::budget::{lasts, size};
use crate::engine::{Event, State};
use crate::model::{RunId, StepIx};

impl State {
    /// Keeps the accounts, after a record was folded. A step counts once, however often it is tried.
    pub(super) fn accounts_follow(&mut self, event: &Event, stamp: Stamp) {
        match event {
            Event::StepStarted { run, step, attempt: 1, action, undo, .. } => {
                let Some(target) = &action.target else { return };
                let targets = size(target);
                let name = self.runs.get(run.0).map(|run| Arc::clone(&run.workflow));
                if let Some(name) = name {
                    self.workflow_accounts.entry(name).or_default().spend(targets, stamp.at);
                }
                let account = self.accounts.entry(Arc::clone(&action.name)).or_default();
                account.spend(targets, stamp.at);
                let until = lasts(action).map(|span| stamp.at + span);
                if undo.is_some() || until.is_some() {
                    account.enforce((*run, *step), targets, until, stamp.at);
                }
            }
            Event::StepFailed { run, step, retry_at: None, .. } => {
                let in_doubt = |state: &State| {
                    state
                        .runs
                        .get(run.0)
                        .and_then(|run| run.steps.get(step.index()))
                        .is_some_and(|s| s.in_doubt)
                };
                if !in_doubt(self) {
                    self.ends(*run, *step);
                }
            }
            Event::StepCancelled { run, step, in_doubt: false } | Event::UndoSucceeded { run, step, .. } => {
                self.ends(*run, *step);
            }
            _ => {}
        }
    }

    /// The effect of a step is no more, or never was.
    fn ends(&mut self, id: RunId, ix: StepIx) {
        let step = self.runs.get(id.0).and_then(|run| run.steps.get(ix.index()));
        let Some(name) = step.and_then(|step| step.action.as_ref()).map(|action| Arc::clone(&action.name))
        else {
            return;
        };
        if let Some(account) = self.accounts.get_mut(&name) {
            account.end((id, ix));
        }
    }
}

//! What was acted on is counted: by action, and by workflow (C28).

use std::sync::Arc;

use super::Stamp;
use crate::engine::budget::size;
use crate::engine::{Event, State};
use crate::model::planted::{Bug, planted};

impl State {
    /// Keeps the accounts, after a record was folded. A step counts once, however often it is tried.
    pub(super) fn accounts_follow(&mut self, event: &Event, stamp: Stamp) {
        let Event::StepStarted { run, attempt: 1, action, .. } = event else { return };
        if planted(Bug::BudgetNotCounted) {
            return;
        }
        let Some(target) = &action.target else { return };
        let targets = size(target);
        if let Some(run) = self.runs.get(run.0) {
            let account = match self.workflow_accounts.get_mut(&run.workflow) {
                Some(account) => account,
                None => self.workflow_accounts.entry(Arc::clone(&run.workflow)).or_default(),
            };
            account.spend(targets, stamp.at);
        }
        let account = match self.accounts.get_mut(&action.name) {
            Some(account) => account,
            None => self.accounts.entry(Arc::clone(&action.name)).or_default(),
        };
        account.spend(targets, stamp.at);
    }
}

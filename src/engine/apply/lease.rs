//! Runs take their turn at a target and give it back.

use std::sync::Arc;

use super::Stamp;
use crate::engine::lease::Lease;
use crate::engine::{State, StepState, StepStatus};
use crate::model::planted::{Bug, planted};
use crate::model::{RunId, StepIx};

impl State {
    /// From an intent on, its run has the target.
    pub(super) fn lease_taken(&mut self, id: RunId, ix: StepIx, stamp: Stamp) {
        let Some(target) = self.target_of(id, ix).filter(|_| !planted(Bug::LeaseNotTaken)).cloned() else {
            return;
        };
        let Some(step) = self.runs.get_mut(id.0).and_then(|run| run.steps.get_mut(ix.index())) else {
            return;
        };
        if std::mem::replace(&mut step.leased, true) {
            return;
        }
        let lease = self.leases.entry(target).or_insert(Lease { run: id, epoch: stamp.seq, acting: 0 });
        if lease.run != id {
            // Only a journal from before there were leases says so.
            *lease = Lease { run: id, epoch: stamp.seq, acting: 0 };
        }
        lease.acting += 1;
    }

    /// While an effect in doubt is asked for, nobody else changes it, unless another run is at it already.
    pub(super) fn lease_kept(&mut self, id: RunId, ix: StepIx, stamp: Stamp) {
        let target = self.target_of(id, ix);
        if target.and_then(|target| self.lease(target)).is_none_or(|lease| lease.run == id) {
            self.lease_taken(id, ix, stamp);
        }
    }

    /// A run turns round or ends: what it does not wait for any more holds nothing.
    pub(super) fn leases_left(&mut self, id: RunId) {
        let Some(run) = self.runs.get(id.0) else { return };
        let over = |step: &StepState| {
            let acts = matches!(step.status(), StepStatus::Running | StepStatus::Verifying)
                && !planted(Bug::LeaseBackEarly);
            step.leased && (run.status().is_terminal() || !acts)
        };
        let over = run.steps.iter().enumerate().filter(|(_, step)| over(step));
        for ix in over.map(|(i, _)| StepIx(i as u16)).collect::<Vec<_>>() {
            self.lease_returned(id, ix);
        }
    }

    /// Until its outcome.
    pub(super) fn lease_returned(&mut self, id: RunId, ix: StepIx) {
        let step = self.runs.get_mut(id.0).and_then(|run| run.steps.get_mut(ix.index()));
        if !step.is_some_and(|step| std::mem::take(&mut step.leased)) {
            return;
        }
        let Some(target) = self.target_of(id, ix).map(Arc::clone) else { return };
        let Some(lease) = self.leases.get_mut(&target).filter(|lease| lease.run == id) else { return };
        lease.acting = lease.acting.saturating_sub(1);
        if lease.acting == 0 {
            self.leases.remove(&target);
        }
    }
}

//! Runs take their turn at a target and give it back.

use std::sync::Arc;

use super::Stamp;
use crate::engine::State;
use crate::engine::lease::Lease;
use crate::model::{RunId, StepIx};

impl State {
    /// From an intent on, its run has the target.
    pub(super) fn lease_taken(&mut self, id: RunId, ix: StepIx, stamp: Stamp) {
        let Some(target) = self.target_of(id, ix).cloned() else { return };
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

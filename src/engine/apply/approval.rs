//! Approvals are asked for, given and denied.

use super::{Misfit, Stamp};
use crate::engine::{Actor, AskedApproval, Denied, Event, Permission, STEP, State, StepStatus};
use crate::model::{Digest, Moment, RunId, StepIx};

impl State {
    pub(super) fn approval_asked(&mut self, asked: &AskedApproval, stamp: Stamp) -> Result<(), Misfit> {
        let (run, _) = self.step_mut(asked.run, asked.step)?;
        let step = &mut run.steps[asked.step.index()];
        if step.status() != StepStatus::AwaitingApproval {
            STEP.enter(&mut step.place, StepStatus::AwaitingApproval, stamp.at)?;
        }
        step.until = asked.until.into();
        step.waits = None;
        step.permission = Some(Box::new(Permission {
            asked: Box::new(asked.clone()),
            asked_at: stamp.at,
            given: Vec::new(),
            denied: None,
        }));
        run.changed = stamp.seq;
        self.approvals.insert((asked.run, asked.step));
        Ok(())
    }

    pub(super) fn approval_given(
        &mut self,
        id: RunId,
        ix: StepIx,
        hash: Digest,
        by: &Actor,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        let permission = self.open(id, ix, hash, stamp)?;
        permission.given.push((by.clone(), stamp.at));
        if permission.is_granted() {
            let (run, _) = self.step_mut(id, ix)?;
            run.steps[ix.index()].until = Moment::NONE;
        }
        Ok(())
    }

    pub(super) fn approval_denied(&mut self, event: &Event, stamp: Stamp) -> Result<(), Misfit> {
        let Event::ApprovalDenied { run, step, hash, by, reason } = event else { return Ok(()) };
        let permission = self.open(*run, *step, **hash, stamp)?;
        let denied = Denied { by: Actor::clone(by), at: stamp.at, reason: reason.clone() };
        permission.denied = Some(Box::new(denied));
        Ok(())
    }

    /// What is to be decided about a step. Its run has changed for whoever looked at it before.
    fn open(&mut self, id: RunId, ix: StepIx, hash: Digest, stamp: Stamp) -> Result<&mut Permission, Misfit> {
        let (run, _) = self.step_mut(id, ix)?;
        run.changed = stamp.seq;
        let permission = run.steps[ix.index()].permission.as_deref_mut();
        permission
            .filter(|permission| permission.asked.hash == hash && permission.is_open())
            .ok_or_else(|| Misfit(format!("step {} of {id} was not asked about as {hash}", ix.0)))
    }

    /// Keeps the list of what people have to decide, after a record was folded.
    pub(super) fn approvals_follow(&mut self) {
        if self.approvals.is_empty() {
            return;
        }
        let runs = &self.runs;
        self.approvals.retain(|(run, step)| {
            let step = runs.get(run.0).and_then(|run| run.steps.get(step.index()));
            step.is_some_and(|step| step.awaits_approval())
        });
    }
}

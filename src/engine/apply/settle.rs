//! A person settled a step, or its undo.

use std::sync::Arc;

use super::{Misfit, Stamp};
use crate::engine::{Event, RunStatus, STEP, Settled, Settlement, State, StepStatus};
use crate::model::Moment;

impl State {
    pub(super) fn step_settled(&mut self, event: &Event, stamp: Stamp) -> Result<(), Misfit> {
        let Event::StepSettled { run: id, step: ix, attempt, undo, settled, reason, by } = event else {
            return Ok(());
        };
        let (run, _) = self.step_mut(*id, *ix)?;
        let step = &mut run.steps[ix.index()];
        let settlement = Settlement {
            settled: *settled,
            by: by.as_ref().clone(),
            at: stamp.at,
            attempt: *attempt,
            reason: Arc::clone(reason),
        };
        let kept = if *undo { &mut step.undo_settled } else { &mut step.settled };
        *kept = Some(Arc::new(settlement));
        match (undo, settled) {
            // It never happened: nothing is owed.
            (false, Settled::Failed) => step.in_doubt = false,
            (true, Settled::Again) => step.undo_given_up = false,
            (true, Settled::Skip) => {
                if step.status() != StepStatus::UndoFailed {
                    STEP.enter(&mut step.place, StepStatus::UndoFailed, stamp.at)?;
                }
                step.undo_given_up = true;
                step.until = Moment::NONE;
            }
            _ => {}
        }
        let goes_on = *undo && *settled == Settled::Again && run.status() == RunStatus::Stuck;
        if goes_on {
            let why = run.rollback.as_ref().map(|rollback| Arc::clone(&rollback.why));
            self.run_to(*id, RunStatus::RollingBack, why.as_ref(), stamp)?;
        }
        let run = self.run_mut(*id)?;
        run.changed = stamp.seq;
        run.changed_by = Some(by.as_ref().clone());
        Ok(())
    }
}

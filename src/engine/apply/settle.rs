//! A person settled a step, or its undo.

use std::sync::Arc;

use super::{Misfit, Stamp};
use crate::engine::{Event, ObligationStatus, RunStatus, STEP, Settled, Settlement, State, StepStatus};
use crate::model::Moment;

impl State {
    pub(super) fn step_settled(&mut self, event: &Event, stamp: Stamp) -> Result<(), Misfit> {
        let Event::StepSettled { run: id, step: ix, attempt, undo, settled, reason, by } = event else {
            return Ok(());
        };
        // Others did it, and left it to this step: then there is something to undo, whatever it did itself.
        let left_to_it = self.obligation_of(*id, *ix).is_some_and(|obligation| {
            let others = obligation.other_holders(*id, *ix, stamp.at).next();
            obligation.status() == ObligationStatus::InForce && others.is_none()
        });
        let (run, _) = self.step_mut(*id, *ix)?;
        let lifts = run.is_lift();
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
            // Its outcome follows, or its next attempt.
            (false, Settled::Again | Settled::Done | Settled::Skip) if lifts => {
                STEP.enter(&mut step.place, StepStatus::Pending, stamp.at)?;
            }
            // It never happened: nothing is owed.
            (false, Settled::Failed) => step.in_doubt = left_to_it,
            (true, Settled::Again) => step.undo_given_up = false,
            (true, Settled::Skip) => {
                if step.status() != StepStatus::UndoFailed {
                    STEP.enter(&mut step.place, StepStatus::UndoFailed, stamp.at)?;
                }
                step.undo_given_up = true;
                step.until = Moment::NONE;
                // Whether it took effect is of no interest any more.
                step.end_questions();
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

    /// The ledger, when it is settled what comes of an effect that a lift could not undo: it was undone by
    /// hand, or it stays, and that is accepted.
    pub(super) fn lift_settled(&mut self, event: &Event, stamp: Stamp) {
        let Event::StepSettled { run, step, undo: false, settled, reason, by, .. } = event else { return };
        let lifted = self.runs.get(run.0).and_then(|run| run.lifted_by_step(*step));
        let to = match settled {
            Settled::Done => ObligationStatus::Lifted,
            Settled::Skip => ObligationStatus::Waived,
            _ => return,
        };
        let Some(id) = lifted else { return };
        self.obligation_to(id, to, Some(by.as_ref().clone()), stamp);
        if let Some(obligation) = self.ledger.obligations.get_mut(id.0)
            && obligation.status() == to
            && obligation.changed == stamp.seq
        {
            obligation.why = Some(Arc::clone(reason));
        }
    }

    /// The ledger, when the undo of a step is settled. What is not undone, and that is accepted, is owed no
    /// longer; an effect of which no undo was tried is in force as before.
    pub(super) fn effect_settled(&mut self, event: &Event, stamp: Stamp) {
        use ObligationStatus::{Drifted, InDoubt, InForce, LiftFailed, Lifting, Waived};
        let Event::StepSettled { run, step, undo: true, settled, reason, by, .. } = event else { return };
        if *settled == Settled::Again
            && let Some(waived) = self.obligation_of(*run, *step).filter(|o| o.status() == Waived)
        {
            return self.obligation_owed_again(waived.id(), by, stamp);
        }
        let others = self.is_done_by_others(*run, *step, stamp);
        let Some(obligation) = self.effect_mut(*run, *step) else { return };
        let (id, status) = (obligation.id(), obligation.status());
        if matches!(settled, Settled::Skip | Settled::Done) && others {
            let held = obligation.other_holders(*run, *step, stamp.at).next().is_some();
            obligation.holders.retain(|holder| (holder.run, holder.step) != (*run, *step));
            obligation.changed = stamp.seq;
            obligation.settle_until();
            // Its undo is not under way any more.
            return match (settled, status) {
                (Settled::Skip, Lifting | LiftFailed | InDoubt) => {
                    self.obligation_to(id, InForce, None, stamp)
                }
                (_, Lifting) => self.obligation_to(id, LiftFailed, None, stamp),
                // It is gone, unless who does it anew succeeds.
                (Settled::Done, InForce) if !held => self.obligation_to(id, Drifted, None, stamp),
                _ => {}
            };
        }
        match (settled, status) {
            // By hand, before its turn came: that it is undone is said by the record that follows.
            (Settled::Done, InForce) => self.obligation_to(id, Lifting, None, stamp),
            (Settled::Skip, InForce) => return,
            (Settled::Skip, Lifting) => self.obligation_to(id, LiftFailed, None, stamp),
            _ => {}
        }
        if *settled == Settled::Skip {
            self.obligation_to(id, Waived, Some(by.as_ref().clone()), stamp);
        }
        if let Some(obligation) = self.ledger.obligations.get_mut(id.0)
            && obligation.status() == Waived
        {
            obligation.why = Some(Arc::clone(reason));
        }
    }
}

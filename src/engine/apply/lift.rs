//! What the events of a lift do to the obligations that it lifts.

use std::sync::Arc;

use super::{Misfit, Stamp};
use crate::engine::{ObligationStatus, STEP, State, StepStatus};
use crate::model::{ObligationId, RunId, StepIx};

impl State {
    pub(super) fn lifted_by_step(&self, run: RunId, step: StepIx) -> Option<ObligationId> {
        self.runs.get(run.0)?.lifted_by_step(step)
    }

    pub(super) fn lift_begins(&mut self, lifted: ObligationId, run: RunId, stamp: Stamp) {
        self.lift_to(lifted, run, ObligationStatus::Lifting, stamp);
        if let Some(obligation) = self.ledger.obligations.get_mut(lifted.0) {
            obligation.lifted_by = Some(run);
        }
    }

    /// Moves what a lift is about; the person who ordered the lift changed it.
    pub(super) fn lift_to(&mut self, lifted: ObligationId, run: RunId, to: ObligationStatus, stamp: Stamp) {
        // It was given up meanwhile: what comes of the lift is of no interest any more.
        if self.ledger.get(lifted).is_none_or(|obligation| obligation.status().is_ended()) {
            return;
        }
        let run = self.runs.get(run.0).filter(|run| run.is_lift_by_hand());
        let by = run.map(|run| run.by.clone());
        self.obligation_to(lifted, to, by, stamp);
    }

    pub(super) fn lift_failed(&mut self, lifted: ObligationId, run: RunId, why: &str, stamp: Stamp) {
        self.lift_to(lifted, run, ObligationStatus::LiftFailed, stamp);
        let obligation = self.ledger.obligations.get_mut(lifted.0);
        if let Some(obligation) = obligation.filter(|o| o.status() == ObligationStatus::LiftFailed) {
            obligation.why = Some(Arc::from(why));
        }
    }

    /// A step of a lift is over without having lifted: what it is about is in force as before, or nobody knows.
    pub(super) fn lift_left(&mut self, lifted: ObligationId, run: RunId, ix: StepIx, stamp: Stamp) {
        let step = self.runs.get(run.0).and_then(|run| run.steps.get(ix.index()));
        let in_doubt = step.is_some_and(|step| step.in_doubt);
        let to = if in_doubt { ObligationStatus::InDoubt } else { ObligationStatus::InForce };
        if self.ledger.get(lifted).is_some_and(|o| o.status() == ObligationStatus::Lifting) {
            self.lift_to(lifted, run, to, stamp);
        }
    }

    /// What a lift could not do is to be tried again.
    pub(super) fn lifts_again(&mut self, id: RunId, stamp: Stamp) -> Result<(), Misfit> {
        let run = self.run_mut(id)?;
        if !run.is_lift() {
            return Ok(());
        }
        for step in &mut run.steps {
            if matches!(step.status(), StepStatus::Failed | StepStatus::InDoubt) {
                STEP.enter(&mut step.place, StepStatus::Pending, stamp.at)?;
            }
        }
        Ok(())
    }
}

//! Effects that last only if a person confirms them (C29).

use super::{Misfit, Stamp, unknown};
use crate::engine::{Actor, State};
use crate::model::planted::{Bug, planted};
use crate::model::{RunId, StepIx, Timestamp};

impl State {
    /// The effect of a step was put in force: it lasts as long as its step has to be confirmed.
    pub(super) fn effect_unconfirmed(&mut self, id: RunId, ix: StepIx, at: Timestamp) {
        if planted(Bug::ConfirmNeverEnds) {
            return;
        }
        let plan = self.runs.get(id.0).and_then(|run| run.plan.steps.get(ix.index()));
        let Some(span) = plan.and_then(|step| step.confirm) else { return };
        let Some(obligation) = self.effect_mut(id, ix) else { return };
        let Some(holder) = obligation.holders.iter_mut().find(|h| (h.run, h.step) == (id, ix)) else {
            return;
        };
        let until = at + span;
        holder.unconfirmed = until.into();
        holder.lasts = holder.until;
        holder.until = holder.until().map_or(until, |lasts| lasts.min(until)).into();
        self.unconfirmed.insert((id, ix));
    }

    pub(super) fn effect_confirmed(
        &mut self,
        id: RunId,
        ix: StepIx,
        by: &Actor,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        let obligation = self.effect_mut(id, ix);
        let obligation =
            obligation.ok_or_else(|| unknown(format_args!("an effect of step {} of {id}", ix.0)))?;
        let holder = obligation.holders.iter_mut().find(|h| (h.run, h.step) == (id, ix));
        let holder = holder.ok_or_else(|| unknown(format_args!("step {} of {id} as a holder", ix.0)))?;
        holder.unconfirmed = crate::model::Moment::NONE;
        holder.until = holder.lasts;
        holder.confirmed = Some(Box::new((by.clone(), stamp.at)));
        (obligation.changed, obligation.changed_by) = (stamp.seq, Some(by.clone()));
        obligation.settle_until();
        Ok(())
    }

    /// Keeps the list of what waits to be confirmed, after a record was folded.
    pub(super) fn unconfirmed_follow(&mut self) {
        if self.unconfirmed.is_empty() {
            return;
        }
        let mut kept = std::mem::take(&mut self.unconfirmed);
        kept.retain(|(run, step)| self.unconfirmed_of(*run, *step).is_some());
        self.unconfirmed = kept;
    }
}

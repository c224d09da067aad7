//! The ledger follows from what became of steps: an obligation is there before its action is performed,
//! and ends with its undo, by itself, or by a person.

use std::sync::Arc;

use super::{Misfit, Stamp, unknown};
use crate::engine::{Actor, Event, OBLIGATION, ObligationStatus, Settled, State};
use crate::model::{Moment, ObligationId, Presence};

impl State {
    /// Keeps the ledger after a record that was just folded. A journal from before there was a ledger may
    /// say what the table of obligations does not permit: then an obligation stays where it is.
    pub(super) fn ledger_follows(&mut self, event: &Event, stamp: Stamp) {
        use Event::*;
        match event {
            StepStarted { run, step, .. } => {
                match self.lifted_by_step(*run, *step) {
                    Some(lifted) => self.lift_begins(lifted, *run, stamp),
                    None => self.effect_begins(event, stamp),
                }
                self.lease_taken(*run, *step, stamp);
            }
            StepSucceeded { run, step, found, .. } => {
                self.lease_returned(*run, *step);
                match self.lifted_by_step(*run, *step) {
                    Some(lifted) => self.lift_to(lifted, *run, ObligationStatus::Lifted, stamp),
                    None if *found => self.effect_never_was(*run, *step, stamp),
                    None => self.effect_done(*run, *step, stamp),
                }
            }
            StepFailed { run, step, failure, retry_at, .. } => {
                self.lease_returned(*run, *step);
                match (retry_at, self.lifted_by_step(*run, *step)) {
                    (Some(_), Some(_)) => {}
                    (Some(_), None) => self.effect_may_be(*run, *step, failure.kind.in_doubt(), stamp),
                    (None, Some(lifted)) => self.lift_failed(lifted, *run, &failure.message, stamp),
                    (None, None) => self.effect_left(*run, *step, failure.kind.in_doubt(), stamp),
                }
            }
            StepCancelled { run, step, .. } => {
                self.lease_returned(*run, *step);
                self.effect_left(*run, *step, true, stamp);
            }
            StepInDoubt { run, step, .. } => {
                self.lease_returned(*run, *step);
                match self.lifted_by_step(*run, *step) {
                    Some(lifted) => self.lift_to(lifted, *run, ObligationStatus::InDoubt, stamp),
                    None => {
                        self.effect_may_be(*run, *step, true, stamp);
                        self.effect_to(*run, *step, ObligationStatus::InDoubt, stamp);
                    }
                }
            }
            UndoStarted { run, step, .. } => {
                self.effect_to(*run, *step, ObligationStatus::Lifting, stamp);
                if let Some(obligation) = self.effect_mut(*run, *step) {
                    obligation.lifted_by = Some(*run);
                }
                self.lease_taken(*run, *step, stamp);
            }
            UndoSucceeded { run, step, .. } => {
                self.lease_returned(*run, *step);
                self.effect_undone(*run, *step, stamp);
            }
            UndoFailed { run, step, failure, retry_at, .. } => {
                self.lease_returned(*run, *step);
                if retry_at.is_none() {
                    self.undo_given_up(*run, *step, &failure.message, stamp);
                }
            }
            UndoInDoubt { run, step, .. } => {
                self.lease_returned(*run, *step);
                self.effect_to(*run, *step, ObligationStatus::InDoubt, stamp);
            }
            StepSettled { run, step, undo: true, settled, .. } => {
                // An undo that was performed and is asked for has no other outcome.
                if *settled == Settled::Skip {
                    self.lease_returned(*run, *step);
                }
                self.effect_settled(event, stamp);
            }
            StepSettled { undo: false, .. } => self.lift_settled(event, stamp),
            RunCreated(new) => {
                if let Some(earlier) = new.retry_of {
                    new.takes_over.iter().for_each(|step| self.hand_over(earlier, new.run, *step, stamp));
                }
                for lifted in &new.lifts {
                    if let Some(obligation) = self.ledger.obligations.get_mut(lifted.0) {
                        (obligation.lifted_by, obligation.changed) = (Some(new.run), stamp.seq);
                    }
                }
            }
            StepProbing { run, step, .. } => self.lease_kept(*run, *step, stamp),
            StepProbed { run, step, again_at: None, undo, found, .. } => {
                self.lease_returned(*run, *step);
                if **found == Presence::Absent && !undo {
                    self.effect_absent(*run, *step, stamp);
                }
            }
            RollbackStarted { run, .. } | RunFailed { run, .. } | RunAbandoned { run, .. } => {
                self.leases_left(*run);
                self.effects_cancelled(*run, stamp);
                if matches!(event, RunAbandoned { .. }) {
                    self.undos_abandoned(*run, stamp);
                }
            }
            _ => {}
        }
    }

    /// Moves an obligation, if its table permits it, and keeps the books.
    pub(super) fn obligation_to(
        &mut self,
        id: ObligationId,
        to: ObligationStatus,
        by: Option<Actor>,
        stamp: Stamp,
    ) {
        let Some(obligation) = self.ledger.obligations.get_mut(id.0) else { return };
        if OBLIGATION.enter(&mut obligation.place, to, stamp.at).is_err() {
            return;
        }
        (obligation.changed, obligation.changed_by, obligation.why) = (stamp.seq, by, None);
        if !to.is_ended() {
            return;
        }
        obligation.until = Moment::NONE;
        if let Some(target) = &obligation.action.target {
            let key = (Arc::clone(&obligation.action.name), Arc::clone(target));
            if self.ledger.by_effect.get(&key) == Some(&id) {
                self.ledger.by_effect.remove(&key);
            }
        }
        self.ledger.ended.push_back((stamp.at, id));
    }

    /// What was not undone, and that was accepted, is to be undone after all; unless its effect was done
    /// anew since then, for others.
    pub(super) fn obligation_owed_again(&mut self, id: ObligationId, by: &Actor, stamp: Stamp) {
        if self.ledger.get(id).is_some_and(|o| self.ledger.of_action(o.action()).is_some()) {
            return;
        }
        self.obligation_to(id, ObligationStatus::LiftFailed, Some(by.clone()), stamp);
        self.ledger.ended.retain(|(_, ended)| *ended != id);
        let effect = self.ledger.get(id).and_then(|o| Some((&o.action.name, o.target()?)));
        if let Some((name, target)) = effect.map(|(name, target)| (Arc::clone(name), Arc::clone(target))) {
            self.ledger.by_effect.entry((name, target)).or_insert(id);
        }
    }

    pub(super) fn obligation_expired(&mut self, id: ObligationId, stamp: Stamp) -> Result<(), Misfit> {
        self.ledger.get(id).ok_or_else(|| unknown(id))?;
        self.obligation_to(id, ObligationStatus::Expired, None, stamp);
        Ok(())
    }

    /// What was found moves what should be there, or may be.
    pub(super) fn obligation_probed(
        &mut self,
        id: ObligationId,
        found: &Presence,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        let entry = self.ledger.obligations.get_mut(id.0).ok_or_else(|| unknown(id))?;
        entry.probed = Some(Box::new((found.clone(), stamp.at)));
        let status = entry.status();
        match (found, status) {
            (Presence::Present, ObligationStatus::InDoubt | ObligationStatus::Drifted) => {
                self.obligation_to(id, ObligationStatus::InForce, None, stamp);
            }
            (Presence::Absent, ObligationStatus::InForce | ObligationStatus::InDoubt) => {
                self.obligation_to(id, ObligationStatus::Drifted, None, stamp);
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn obligations_retired(&mut self, obligations: &[ObligationId]) -> Result<(), Misfit> {
        for id in obligations {
            self.ledger.obligations.remove(id.0).ok_or_else(|| unknown(id))?;
            if let Some(i) = self.ledger.ended.iter().position(|(_, ended)| ended == id) {
                self.ledger.ended.remove(i);
            }
        }
        Ok(())
    }
}

//! The ledger follows from what became of steps: an obligation is there before its action is performed,
//! and ends with its undo, by itself, or by a person.

use std::sync::Arc;

use super::{Misfit, Stamp, unknown};
use crate::engine::obligation::Holder;
use crate::engine::{Actor, Event, OBLIGATION, Obligation, ObligationStatus, State, StepStatus};
use crate::flow::machine::Place;
use crate::model::{Moment, ObligationId, RunId, StepIx};

impl State {
    /// Keeps the ledger after a record that was just folded. A journal from before there was a ledger may
    /// say what the table of obligations does not permit: then an obligation stays where it is.
    pub(super) fn ledger_follows(&mut self, event: &Event, stamp: Stamp) {
        use Event::*;
        match event {
            StepStarted { .. } => self.effect_begins(event, stamp),
            StepSucceeded { run, step, .. } => self.effect_done(*run, *step, stamp),
            StepFailed { run, step, retry_at: None, .. } | StepCancelled { run, step, .. } => {
                self.effect_left(*run, *step, stamp);
            }
            StepInDoubt { run, step, .. } => self.effect_to(*run, *step, ObligationStatus::InDoubt, stamp),
            UndoStarted { run, step, .. } => {
                self.effect_to(*run, *step, ObligationStatus::Lifting, stamp);
                let run = *run;
                if let Some(obligation) = self.effect_mut(run, *step) {
                    obligation.lifted_by = Some(run);
                }
            }
            UndoSucceeded { run, step, .. } => self.effect_to(*run, *step, ObligationStatus::Lifted, stamp),
            UndoFailed { run, step, failure, retry_at: None, .. } => {
                self.effect_to(*run, *step, ObligationStatus::LiftFailed, stamp);
                if let Some(obligation) = self.effect_mut(*run, *step) {
                    obligation.why = Some(Arc::from(failure.message.as_str()));
                }
            }
            UndoInDoubt { run, step, .. } => self.effect_to(*run, *step, ObligationStatus::InDoubt, stamp),
            StepSettled { .. } => self.effect_settled(event, stamp),
            RunCreated(new) => {
                if let Some(earlier) = new.retry_of {
                    new.takes_over.iter().for_each(|step| self.hand_over(earlier, new.run, *step, stamp));
                }
            }
            RollbackStarted { run, .. } | RunFailed { run, .. } | RunAbandoned { run, .. } => {
                self.effects_cancelled(*run, stamp);
            }
            _ => {}
        }
    }

    /// The obligation of a step that stands.
    pub(super) fn effect_mut(&mut self, run: RunId, step: StepIx) -> Option<&mut Obligation> {
        let step = self.runs.get(run.0)?.steps.get(step.index())?;
        let obligation = self.ledger.obligations.get_mut(step.obligation()?.0)?;
        (!obligation.status().is_ended()).then_some(obligation)
    }

    /// Every intent whose effect can be undone, or has an end, puts the effect on the ledger, or joins the one
    /// that stands for it.
    fn effect_begins(&mut self, event: &Event, stamp: Stamp) {
        let Event::StepStarted { run: id, step: ix, agent, action, undo, deadline, .. } = event else {
            return;
        };
        if (undo.is_none() && action.expires.is_none()) || self.effect_mut(*id, *ix).is_some() {
            return;
        }
        let Some(holder) = self.holder(*id, *ix) else { return };
        let standing = self.ledger.of_action(action).map(Obligation::id);
        let obligation = standing.unwrap_or(ObligationId(self.ledger.obligations.next()));
        if standing.is_none() {
            if let Some(target) = &action.target {
                self.ledger.by_effect.insert((Arc::clone(&action.name), Arc::clone(target)), obligation);
            }
            self.ledger.obligations.push(Box::new(Obligation {
                id: obligation,
                place: Place::new(ObligationStatus::Owed, stamp.at),
                action: Arc::clone(action),
                undo: undo.clone(),
                agent: *agent,
                run: *id,
                step_id: Arc::clone(&holder.step_id),
                incident: holder.incident,
                timeout: deadline.since(stamp.at),
                holders: Vec::new(),
                done_at: Moment::NONE,
                done_seq: stamp.seq,
                until: Moment::NONE,
                self_until: Moment::NONE,
                output: None,
                why: None,
                lifted_by: None,
                changed: stamp.seq,
                changed_by: None,
            }));
        }
        if let Some(entry) = self.ledger.obligations.get_mut(obligation.0) {
            entry.holders.push(holder);
            entry.changed = stamp.seq;
            if entry.undo.is_none() {
                entry.undo.clone_from(undo);
            }
        }
        self.link(*id, *ix, obligation);
    }

    fn link(&mut self, run: RunId, step: StepIx, obligation: ObligationId) {
        if let Some(step) = self.runs.get_mut(run.0).and_then(|run| run.steps.get_mut(step.index())) {
            step.obligation = obligation.0;
        }
    }

    /// A step as one who wants an effect to last; until when is known when it has succeeded.
    fn holder(&self, id: RunId, step: StepIx) -> Option<Holder> {
        let run = self.runs.get(id.0)?;
        Some(Holder {
            run: id,
            step,
            step_id: Arc::clone(&run.plan.steps.get(step.index())?.id),
            by: run.by.clone(),
            incident: run.incident,
            until: Moment::NONE,
        })
    }

    fn effect_done(&mut self, id: RunId, ix: StepIx, stamp: Stamp) {
        let Some(step) = self.runs.get(id.0).and_then(|run| run.steps.get(ix.index())) else { return };
        let (action, output) = (step.action.clone(), step.output.clone());
        let Some(action) = action else { return };
        let expires = action.expires.map(|span| stamp.at + span);
        self.effect_to(id, ix, ObligationStatus::InForce, stamp);
        let Some(obligation) = self.effect_mut(id, ix) else { return };
        if obligation.done_at.get().is_none() {
            (obligation.done_at, obligation.done_seq) = (stamp.at.into(), stamp.seq);
        }
        if let Some(holder) = obligation.holders.iter_mut().find(|h| (h.run, h.step) == (id, ix)) {
            holder.until = expires.into();
        }
        obligation.self_until = expires.filter(|_| action.args.contains_key("expires")).into();
        obligation.output = output;
        obligation.changed = stamp.seq;
        obligation.settle_until();
    }

    /// A step is over without having succeeded. What may have acted is in doubt; what did not lets go.
    fn effect_left(&mut self, id: RunId, ix: StepIx, stamp: Stamp) {
        let step = self.runs.get(id.0).and_then(|run| run.steps.get(ix.index()));
        match step.map(|step| step.in_doubt) {
            Some(true) => self.effect_to(id, ix, ObligationStatus::InDoubt, stamp),
            Some(false) => self.effect_never_was(id, ix, stamp),
            None => {}
        }
    }

    fn effect_never_was(&mut self, id: RunId, ix: StepIx, stamp: Stamp) {
        let Some(obligation) = self.effect_mut(id, ix) else { return };
        obligation.holders.retain(|holder| (holder.run, holder.step) != (id, ix));
        obligation.changed = stamp.seq;
        // In doubt, a person may say that it never happened.
        let open = matches!(obligation.status(), ObligationStatus::Owed | ObligationStatus::InDoubt);
        match obligation.holders.is_empty() && open {
            true => self.effect_to(id, ix, ObligationStatus::Void, stamp),
            false => obligation.settle_until(),
        }
    }

    /// Steps of a run that were to be tried again will not be.
    fn effects_cancelled(&mut self, id: RunId, stamp: Stamp) {
        let Some(run) = self.runs.get(id.0) else { return };
        let cancelled = run
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| step.obligation().is_some() && step.status() == StepStatus::Cancelled);
        for ix in cancelled.map(|(i, _)| StepIx(i as u16)).collect::<Vec<_>>() {
            self.effect_left(id, ix, stamp);
        }
    }

    /// The run that tries another one again holds what it takes over.
    fn hand_over(&mut self, earlier: RunId, later: RunId, ix: StepIx, stamp: Stamp) {
        let Some(new) = self.holder(later, ix) else { return };
        let Some(obligation) = self.effect_mut(later, ix) else { return };
        if let Some(holder) = obligation.holders.iter_mut().find(|h| (h.run, h.step) == (earlier, ix)) {
            *holder = Holder { until: holder.until, ..new };
            obligation.changed = stamp.seq;
        }
    }

    /// Moves the obligation of a step, if its table permits it, and keeps the books.
    fn effect_to(&mut self, id: RunId, ix: StepIx, to: ObligationStatus, stamp: Stamp) {
        if let Some(obligation) = self.effect_mut(id, ix).map(|obligation| obligation.id) {
            self.obligation_to(obligation, to, None, stamp);
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

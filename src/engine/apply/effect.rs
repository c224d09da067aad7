//! What the events of a run do to the effects of its steps on the ledger.

use std::sync::Arc;

use super::{Misfit, Stamp, unknown};
use crate::engine::obligation::Holder;
use crate::engine::{
    Actor, Event, Obligation, ObligationStatus, RunStatus, STEP, State, StepState, StepStatus,
};
use crate::flow::machine::Place;
use crate::model::planted::{Bug, planted};
use crate::model::{Action, AgentId, Moment, ObligationId, RunId, Span, StepIx, Value};

impl State {
    /// The obligation of a step that stands.
    pub(super) fn effect_mut(&mut self, run: RunId, step: StepIx) -> Option<&mut Obligation> {
        let step = self.runs.get(run.0)?.steps.get(step.index())?;
        let obligation = self.ledger.obligations.get_mut(step.obligation()?.0)?;
        (!obligation.status().is_ended()).then_some(obligation)
    }

    /// Every intent whose effect can be undone, or has an end, puts the effect on the ledger, or joins the one
    /// that stands for it.
    pub(super) fn effect_begins(&mut self, event: &Event, stamp: Stamp) {
        let Event::StepStarted { run: id, step: ix, agent, action, undo, deadline, .. } = event else {
            return;
        };
        // It may have let go of it since its last attempt.
        let holds = |o: &mut Obligation| o.holders.iter().any(|h| (h.run, h.step) == (*id, *ix));
        if (undo.is_none() && action.expires.is_none()) || self.effect_mut(*id, *ix).is_some_and(holds) {
            return;
        }
        self.effect_owed(*id, *ix, (*agent, action, undo.as_ref()), deadline.since(stamp.at), stamp);
    }

    /// What was in doubt was lifted meanwhile, and is found all the same: it is owed anew.
    fn effect_again(&mut self, id: RunId, ix: StepIx, stamp: Stamp) {
        let Some(step) = self.runs.get(id.0).and_then(|run| run.steps.get(ix.index())) else { return };
        let earlier = step.obligation().and_then(|earlier| self.ledger.get(earlier));
        let Some(timeout) = earlier.map(|earlier| earlier.timeout) else { return };
        let (Some(agent), Some(action), undo) = (step.agent, step.action.clone(), step.undo.clone()) else {
            return;
        };
        self.effect_owed(id, ix, (agent, &action, undo.as_ref()), timeout, stamp);
    }

    fn effect_owed(
        &mut self,
        id: RunId,
        ix: StepIx,
        (agent, action, undo): (AgentId, &Arc<Action>, Option<&Arc<Action>>),
        timeout: Span,
        stamp: Stamp,
    ) {
        let Some(holder) = self.holder(id, ix) else { return };
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
                undo: undo.cloned(),
                agent,
                run: id,
                step_id: Arc::clone(&holder.step_id),
                incident: holder.incident,
                timeout,
                // Most have one, and a vector that grows by itself begins with four.
                holders: Vec::with_capacity(1),
                done_at: Moment::NONE,
                done_seq: stamp.seq,
                until: Moment::NONE,
                self_until: Moment::NONE,
                output: None,
                why: None,
                lifted_by: None,
                probed: None,
                changed: stamp.seq,
                changed_by: None,
            }));
        }
        self.holder_joins(obligation, holder, stamp);
        if let Some(entry) = self.ledger.obligations.get_mut(obligation.0).filter(|o| o.undo.is_none()) {
            entry.undo = undo.cloned();
        }
        self.link(id, ix, obligation);
    }

    /// One more wants an effect to last; so many of those who did are remembered.
    fn holder_joins(&mut self, id: ObligationId, holder: Holder, stamp: Stamp) {
        let runs = &self.runs;
        let Some(entry) = self.ledger.obligations.get_mut(id.0) else { return };
        let earlier = runs.get(holder.run.0).and_then(|run| run.retry_of);
        entry.add_holder(holder, earlier);
        entry.forget_holders(stamp.at, |run| {
            let status = runs.get(run.0).map(|run| run.status());
            status.is_none_or(|status| status.is_terminal() && status != RunStatus::Failed)
        });
        entry.changed = stamp.seq;
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
            workflow: Arc::clone(&run.workflow),
            rule: run.incident.and_then(|id| Some(Arc::clone(&self.incidents.get(id.0)?.first.rule.id))),
            until: Moment::NONE,
            acted: false,
            unconfirmed: Moment::NONE,
            lasts: Moment::NONE,
            confirmed: None,
        })
    }

    pub(super) fn effect_done(&mut self, id: RunId, ix: StepIx, stamp: Stamp) {
        let Some(step) = self.runs.get(id.0).and_then(|run| run.steps.get(ix.index())) else { return };
        let (action, output) = (step.action.clone(), step.output.clone());
        let Some(action) = action else { return };
        if self.effect_mut(id, ix).is_none() {
            self.effect_again(id, ix, stamp);
        }
        let expires = action.expires.map(|span| stamp.at + span);
        self.effect_to(id, ix, ObligationStatus::InForce, stamp);
        let Some(obligation) = self.effect_mut(id, ix) else { return };
        if obligation.done_at.get().is_none() {
            (obligation.done_at, obligation.done_seq) = (stamp.at.into(), stamp.seq);
        }
        if let Some(holder) = obligation.holders.iter_mut().find(|h| (h.run, h.step) == (id, ix)) {
            (holder.until, holder.acted) = (expires.into(), true);
        }
        obligation.self_until = expires.filter(|_| action.args.contains_key("expires")).into();
        obligation.output = output;
        obligation.changed = stamp.seq;
        self.effect_unconfirmed(id, ix, stamp.at);
        if let Some(obligation) = self.effect_mut(id, ix) {
            obligation.settle_until();
        }
    }

    /// A step is over without having succeeded. What may have acted is in doubt; what did not lets go.
    /// `acted` is whether its last attempt may have.
    pub(super) fn effect_left(&mut self, id: RunId, ix: StepIx, acted: bool, stamp: Stamp) {
        if let Some(lifted) = self.lifted_by_step(id, ix) {
            return self.lift_left(lifted, id, ix, stamp);
        }
        let step = self.runs.get(id.0).and_then(|run| run.steps.get(ix.index()));
        match step.map(|step| step.in_doubt) {
            Some(true) => {
                self.effect_may_be(id, ix, acted, stamp);
                self.effect_to(id, ix, ObligationStatus::InDoubt, stamp);
            }
            Some(false) => self.effect_never_was(id, ix, stamp),
            None => {}
        }
    }

    /// An attempt may have acted: then its step holds the effect. Whatever comes of the step, that ends as if
    /// it had just been done: after its time, and after the time in which a person would have to confirm it.
    pub(super) fn effect_may_be(&mut self, id: RunId, ix: StepIx, acted: bool, stamp: Stamp) {
        let Some(run) = self.runs.get(id.0) else { return };
        let Some(step) = run.steps.get(ix.index()).filter(|step| step.in_doubt) else { return };
        let confirm = run.plan.steps.get(ix.index()).and_then(|step| step.confirm);
        let expires = step.action.as_ref().and_then(|action| action.expires);
        let span = expires.into_iter().chain(confirm).min();
        let Some(obligation) = self.effect_mut(id, ix) else { return };
        let holder = obligation.holders.iter_mut().find(|h| (h.run, h.step) == (id, ix));
        if let Some(holder) = holder.filter(|holder| acted || !holder.acted) {
            holder.acted = true;
            holder.until = span.map(|span| stamp.at + span).into();
        }
        obligation.changed = stamp.seq;
        obligation.settle_until();
    }

    /// Whether an effect is not only of a step: others hold it, or another run is doing it anew.
    pub(super) fn is_done_by_others(&self, id: RunId, ix: StepIx, stamp: Stamp) -> bool {
        let Some(obligation) = self.obligation_of(id, ix) else { return false };
        let turn = obligation.target().and_then(|target| self.lease(target)).map(|lease| lease.run);
        let anew = |by: RunId| by != id && obligation.holders().iter().any(|holder| holder.run() == by);
        turn.is_some_and(anew) || obligation.other_holders(id, ix, stamp.at).next().is_some()
    }

    /// An effect is undone. If that is found or said of an undo in doubt while others do the same anew, it
    /// is only let go of.
    pub(super) fn effect_undone(&mut self, id: RunId, ix: StepIx, stamp: Stamp) {
        if !self.is_done_by_others(id, ix, stamp) {
            return self.effect_to(id, ix, ObligationStatus::Lifted, stamp);
        }
        let Some(obligation) = self.effect_mut(id, ix) else { return };
        obligation.holders.retain(|holder| (holder.run, holder.step) != (id, ix));
        obligation.changed = stamp.seq;
        obligation.settle_until();
        if obligation.status() == ObligationStatus::Lifting {
            self.effect_to(id, ix, ObligationStatus::LiftFailed, stamp);
        }
    }

    /// What was in doubt was looked for and is not there: nothing is owed until the next attempt.
    pub(super) fn effect_absent(&mut self, id: RunId, ix: StepIx, stamp: Stamp) {
        let step = self.runs.get(id.0).and_then(|run| run.steps.get(ix.index()));
        if step.is_none_or(|step| step.status() != StepStatus::InDoubt) {
            return;
        }
        let Some(obligation) = self.effect_mut(id, ix) else { return };
        let held = match obligation.status() {
            ObligationStatus::InDoubt => None,
            // What others did, or a person accepted, is gone too: it is done anew, not joined.
            ObligationStatus::InForce => Some(ObligationStatus::Drifted),
            _ => return,
        };
        obligation.holders.retain(|holder| (holder.run, holder.step) != (id, ix));
        obligation.changed = stamp.seq;
        obligation.settle_until();
        let to = if obligation.holders.is_empty() { Some(ObligationStatus::Void) } else { held };
        if let Some(to) = to {
            self.effect_to(id, ix, to, stamp);
        }
    }

    pub(super) fn effect_never_was(&mut self, id: RunId, ix: StepIx, stamp: Stamp) {
        let tries_again = self.runs.get(id.0).is_some_and(|run| run.retry_of.is_some());
        let Some(obligation) = self.effect_mut(id, ix) else { return };
        // What the run did that is tried again is still there.
        if tries_again && obligation.run != id && obligation.holders.len() == 1 {
            return;
        }
        obligation.holders.retain(|holder| (holder.run, holder.step) != (id, ix));
        obligation.changed = stamp.seq;
        use ObligationStatus::{Drifted, InDoubt, InForce, LiftFailed, Lifted, Owed, Void, Waived};
        match obligation.status() {
            _ if !obligation.holders.is_empty() => obligation.settle_until(),
            Owed | InDoubt => self.effect_to(id, ix, Void, stamp),
            // While this was under way, a person said of the last who held it that it is undone, or that it stays.
            Drifted | LiftFailed => self.effect_to(id, ix, Lifted, stamp),
            InForce => self.effect_to(id, ix, Waived, stamp),
            _ => obligation.settle_until(),
        }
    }

    /// Steps of a run that were to be tried again will not be.
    pub(super) fn effects_cancelled(&mut self, id: RunId, stamp: Stamp) {
        let Some(run) = self.runs.get(id.0) else { return };
        let concerned = |(i, step): &(usize, &StepState)| {
            let owed = step.obligation().is_some() || run.lifts.get(*i).is_some();
            step.status() == StepStatus::Cancelled && owed
        };
        let cancelled = run.steps.iter().enumerate().filter(concerned);
        for ix in cancelled.map(|(i, _)| StepIx(i as u16)).collect::<Vec<_>>() {
            self.effect_left(id, ix, false, stamp);
        }
    }

    /// Undos that were to be tried again will not be: somebody else may lift their effects.
    pub(super) fn undos_abandoned(&mut self, id: RunId, stamp: Stamp) {
        let Some(run) = self.runs.get(id.0) else { return };
        let undoing = run.steps.iter().enumerate().filter(|(_, step)| step.status() == StepStatus::Undoing);
        for ix in undoing.map(|(i, _)| StepIx(i as u16)).collect::<Vec<_>>() {
            self.undo_given_up(id, ix, "its run was abandoned", stamp);
        }
    }

    pub(super) fn undo_given_up(&mut self, run: RunId, step: StepIx, why: &str, stamp: Stamp) {
        self.effect_to(run, step, ObligationStatus::LiftFailed, stamp);
        if let Some(obligation) = self.effect_mut(run, step) {
            obligation.why = Some(Arc::from(why));
        }
    }

    /// The run that tries another one again holds what it takes over.
    pub(super) fn hand_over(&mut self, earlier: RunId, later: RunId, ix: StepIx, stamp: Stamp) {
        let Some(new) = self.holder(later, ix) else { return };
        let Some(obligation) = self.effect_mut(later, ix) else { return };
        if let Some(holder) = obligation.holders.iter_mut().find(|h| (h.run, h.step) == (earlier, ix)) {
            *holder = Holder { run: new.run, by: new.by, ..holder.clone() };
            obligation.changed = stamp.seq;
        }
    }

    /// Moves the obligation of a step, if its table permits it, and keeps the books.
    pub(super) fn effect_to(&mut self, id: RunId, ix: StepIx, to: ObligationStatus, stamp: Stamp) {
        if let Some(obligation) = self.effect_mut(id, ix).map(|obligation| obligation.id) {
            self.obligation_to(obligation, to, None, stamp);
        }
    }

    /// Its effect is in force already: the step is done, and holds it too.
    pub(super) fn step_joined(&mut self, event: &Event, stamp: Stamp) -> Result<(), Misfit> {
        let Event::StepJoined { run: id, step: ix, agent, action, undo, obligation } = event else {
            return Ok(());
        };
        self.agent_mut(*agent)?;
        let Some(mut holder) = self.holder(*id, *ix) else { return Err(unknown(id)) };
        (holder.until, holder.acted) = (action.expires.map(|span| stamp.at + span).into(), true);
        self.holder_joins(*obligation, holder, stamp);
        let entry = self.ledger.obligations.get_mut(obligation.0).ok_or_else(|| unknown(obligation))?;
        if entry.undo.is_none() {
            entry.undo.clone_from(undo);
        }
        entry.settle_until();
        let mut output = entry.output.as_deref().cloned().unwrap_or_default();
        output.insert("joined".to_owned(), Value::from(obligation.to_string()));
        let (run, _) = self.step_mut(*id, *ix)?;
        let step = &mut run.steps[ix.index()];
        STEP.enter(&mut step.place, StepStatus::Succeeded, stamp.at)?;
        (step.until, step.waits, step.failure) = (Moment::NONE, None, None);
        step.ended_at = stamp.at.into();
        step.agent = Some(*agent);
        step.action = Some(Arc::clone(action));
        step.undo.clone_from(undo);
        step.output = Some(Arc::new(output));
        step.obligation = obligation.0;
        run.done += 1;
        run.owes(*ix);
        Ok(())
    }

    /// A step holds its effect no longer; in a rollback it counts as undone.
    pub(super) fn let_go(&mut self, event: &Event, stamp: Stamp) -> Result<(), Misfit> {
        let Event::LetGo { run: id, step: ix, obligation, by, .. } = event else { return Ok(()) };
        if let Some(entry) = self.ledger.obligations.get_mut(obligation.0) {
            let stays = planted(Bug::HolderStays);
            entry.holders.retain(|holder| stays || (holder.run, holder.step) != (*id, *ix));
            entry.changed = stamp.seq;
            entry.changed_by = Some(by.as_ref().clone()).filter(|by| *by != Actor::engine());
            if !entry.status().is_ended() {
                entry.settle_until();
            }
        }
        let Some(run) = self.runs.get_mut(id.0).filter(|run| run.status() == RunStatus::RollingBack) else {
            return Ok(());
        };
        let step = run.steps.get_mut(ix.index()).ok_or_else(|| unknown(id))?;
        STEP.enter(&mut step.place, StepStatus::Undone, stamp.at)?;
        step.until = Moment::NONE;
        if let Some(rollback) = &mut run.rollback {
            rollback.done += 1;
        }
        Ok(())
    }

    /// What a plant forgets: the effects of runs that leave the state.
    pub(super) fn forget_effects_of(&mut self, runs: &[RunId]) {
        let standing = self.ledger.standing().filter(|o| runs.contains(&o.run)).map(Obligation::id);
        for id in standing.collect::<Vec<_>>() {
            self.ledger.obligations.remove(id.0);
        }
    }
}

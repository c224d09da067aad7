//! Effects are shared (S3.5): a step joins one that is in force already, and who lets go of one that
//! others hold leaves it to them.

use std::sync::Arc;

use super::resolve::Resolved;
use super::{Actor, Engine, Event, Obligation, ObligationStatus};
use crate::model::planted::{Bug, planted};
use crate::model::{Action, AgentId, ObligationId, RunId, StepIx};

/// What the ledger says of an undo that is to begin.
pub(super) enum Owed {
    /// There is nothing to perform: that is recorded.
    Settled,
    /// Another run is at it.
    Wait,
    /// It is to be performed.
    Undo,
}

impl Engine {
    /// Whether the effect of a step is in force for as long as the step wants it. Then nothing is
    /// performed, and the step holds it too. One that is needed for longer is performed again, if doing
    /// it twice equals doing it once.
    pub(super) fn joins(&mut self, id: RunId, ix: StepIx, agent: AgentId, resolved: &Resolved) -> bool {
        let (action, undo) = resolved;
        if undo.is_none() && action.expires.is_none() {
            return false;
        }
        let standing = self.state.ledger().of_action(action);
        let Some(standing) = standing.filter(|o| o.status() == ObligationStatus::InForce) else {
            return false;
        };
        let wanted = action.expires.map(|span| self.now + span);
        let lasts = match (standing.until(), wanted) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(until), Some(wanted)) => until >= wanted,
        };
        if !same(standing.action(), action) || (!lasts && action.idempotent) {
            return false;
        }
        let obligation = standing.id();
        self.waiting.remove(id, ix);
        self.turns.remove(id, ix);
        self.emit(Event::StepJoined {
            run: id,
            step: ix,
            agent,
            action: Arc::clone(action),
            undo: undo.clone(),
            obligation,
        });
        true
    }

    /// Why one more effect would be one too many.
    pub(super) fn ledger_is_full(&self, (action, undo): &Resolved) -> Option<String> {
        let (ledger, limit) = (self.state.ledger(), self.setup.limits.in_force);
        if ledger.standing_count() < limit || (undo.is_none() && action.expires.is_none()) {
            return None;
        }
        let joins = ledger.of_action(action).is_some();
        (!joins).then(|| format!("{limit} effects are in force, which is the limit `in_force`"))
    }

    /// What a rollback has to do about the effect of a step: nothing if it ended before, or others hold it.
    pub(super) fn owed(&mut self, id: RunId, ix: StepIx) -> Owed {
        let step = self.state.run(id).and_then(|run| run.steps().get(ix.index()));
        let Some(entry) = step.and_then(|step| step.obligation()) else {
            let target = self.state.target_of(id, ix).cloned();
            return if self.takes_turn(id, ix, true, target.as_ref()) { Owed::Undo } else { Owed::Wait };
        };
        let Some(obligation) = self.state.ledger().get(entry) else {
            self.let_go(id, ix, entry, "it ended long ago".into(), &Actor::engine());
            return Owed::Settled;
        };
        if let Some(why) = ended(obligation) {
            self.let_go(id, ix, entry, why.into(), &Actor::engine());
            return Owed::Settled;
        }
        if !obligation.holders().iter().any(|h| (h.run(), h.step()) == (id, ix)) {
            self.let_go(id, ix, entry, "it let go of it before".into(), &Actor::engine());
            return Owed::Settled;
        }
        let target = obligation.target().cloned();
        let elsewhere = obligation.lifted_by().filter(|run| {
            *run != id && obligation.status() == ObligationStatus::Lifting && self.is_live(*run)
        });
        let key = obligation.lift_key();
        if !self.takes_turn(id, ix, true, target.as_ref()) {
            return Owed::Wait;
        }
        if elsewhere.is_some() {
            self.wait_for_lift(id, ix, key);
            return Owed::Wait;
        }
        let obligation = self.state.ledger().get(entry);
        let other = obligation.and_then(|o| o.other_holders(id, ix, self.now).next());
        if let Some(run) = other.map(|holder| holder.run()).filter(|_| !planted(Bug::LiftedWhileHeld)) {
            let why = format!("held by {run}");
            self.let_go(id, ix, entry, why.into(), &Actor::engine());
            return Owed::Settled;
        }
        Owed::Undo
    }

    pub(super) fn is_live(&self, run: RunId) -> bool {
        self.state.run(run).is_some_and(|run| !run.status().is_terminal())
    }

    pub(super) fn let_go(
        &mut self,
        run: RunId,
        step: StepIx,
        obligation: ObligationId,
        why: Arc<str>,
        by: &Actor,
    ) {
        self.waiting.remove(run, step);
        self.turns.remove(run, step);
        self.emit(Event::LetGo { run, step, obligation, why, by: Box::new(by.clone()) });
    }
}

/// Why nothing is owed any more.
fn ended(obligation: &Obligation) -> Option<String> {
    Some(match obligation.status() {
        ObligationStatus::Lifted => match obligation.lifted_by() {
            Some(run) => format!("lifted already, by {run}"),
            None => "lifted already".to_owned(),
        },
        ObligationStatus::Expired => "its time was over".to_owned(),
        ObligationStatus::Void => "it never happened, or was there before".to_owned(),
        ObligationStatus::Waived => "a person gave it up".to_owned(),
        _ => return None,
    })
}

/// Whether two actions do the same, however long it lasts.
fn same(a: &Action, b: &Action) -> bool {
    a.name == b.name && (a.args == b.args || lasting(a).eq(lasting(b)))
}

/// What is done, however long it lasts.
fn lasting(action: &Action) -> impl Iterator<Item = (&str, &crate::model::Value)> {
    action.args.iter().filter(|(name, _)| *name != "expires")
}

//! Every effect that has a time ends on time (C28): by itself, or because quell undoes it. And the
//! ledger is compared with the world, by asking.

use std::collections::{BTreeMap, VecDeque};

use super::timers::TimerKey;
use super::{
    Actor, Effect, EndsBy, Engine, Event, Holder, Obligation, ObligationStatus, PROBE_TIMEOUT, Probe,
    ProbeOf, StepStatus,
};
use crate::model::{ObligationId, Presence, Span, Timestamp};

/// What is overdue, or asked for at a start: so many in a second at most (C22).
const IN_A_SECOND: u32 = 100;
const SECOND: Span = Span::from_secs(1);

/// The clockwork of the ledger; what it knows is worked out anew at every start.
#[derive(Debug, Default)]
pub(super) struct Expiries {
    /// The second that takes overdue expiries now, and how many it took.
    slot: (Timestamp, u32),
    /// Obligations that were asked for, and until when an answer is waited for.
    asked: BTreeMap<ObligationId, Timestamp>,
    /// Those that are still to be asked for since the start.
    to_ask: VecDeque<ObligationId>,
}

impl Expiries {
    /// Those that were asked for, and those that are to be.
    pub fn sizes(&self) -> (usize, usize) {
        (self.asked.len(), self.to_ask.len())
    }

    /// When one more that is overdue may end.
    fn slot(&mut self, now: Timestamp) -> Timestamp {
        let (at, used) = &mut self.slot;
        if *at + SECOND <= now {
            (*at, *used) = (now, 0);
        } else if *used >= IN_A_SECOND {
            (*at, *used) = (*at + SECOND, 0);
        }
        *used += 1;
        *at
    }
}

impl Engine {
    /// Arms the timer of an effect whose end may have changed.
    pub(super) fn note_end(&mut self, event: &Event) {
        use Event::*;
        let obligation = match event {
            StepSucceeded { run, step, .. }
            | EffectConfirmed { run, step, .. }
            | StepFailed { run, step, .. }
            | StepCancelled { run, step, .. }
            | StepInDoubt { run, step, .. }
            | StepProbed { run, step, again_at: None, .. }
            // Who was the last to want it longer let go.
            | StepSettled { run, step, undo: true, .. }
            | UndoSucceeded { run, step, .. } => {
                self.state.run(*run).and_then(|run| run.steps().get(step.index())?.obligation())
            }
            StepJoined { obligation, .. } | LetGo { obligation, .. } => Some(*obligation),
            UndoFailed { run, step, retry_at: None, .. } | UndoInDoubt { run, step, .. } => {
                return self.watch_own_end(self.state.obligation_of(*run, *step).map(Obligation::id));
            }
            _ => return,
        };
        if let Some(obligation) = obligation {
            self.watch_obligation(obligation);
        }
        if let StepFailed { run, step, .. }
        | StepCancelled { run, step, .. }
        | StepInDoubt { run, step, .. } = event
        {
            self.watch_own_end(self.state.run(*run).and_then(|run| run.lifted_by_step(*step)));
        }
    }

    /// What could not be undone may have ended by itself meanwhile. One that quell would have to undo waits
    /// for a person.
    fn watch_own_end(&mut self, id: Option<ObligationId>) {
        let obligation = id.and_then(|id| self.state.ledger().get(id));
        if let Some(obligation) = obligation.filter(|o| o.ends_by() == EndsBy::Itself) {
            self.watch_obligation(obligation.id());
        }
    }

    fn watch_obligation(&mut self, id: ObligationId) {
        let until =
            self.state.ledger().get(id).filter(|o| !o.status().is_ended()).and_then(Obligation::until);
        let Some(until) = until else { return };
        let at = if until >= self.now { until } else { self.expiries.slot(self.now) };
        self.timers.arm(at, TimerKey::Obligation(id));
    }

    /// Arms the timers of everything that has an end: after a start, and after a halt.
    pub(super) fn watch_ledger(&mut self) {
        let standing = self.state.ledger().standing().filter(|o| o.until().is_some());
        let mut ends: Vec<_> = standing.map(|o| (o.until(), o.id())).collect();
        ends.sort_unstable();
        ends.into_iter().for_each(|(_, id)| self.watch_obligation(id));
    }

    /// The time of an effect is over.
    pub(super) fn on_obligation_timer(&mut self, at: Timestamp, id: ObligationId) {
        let Some(obligation) = self.state.ledger().get(id) else { return };
        if obligation.until() == Some(at) && self.now.since(at) > SECOND {
            let slot = self.expiries.slot(self.now);
            if self.now < slot {
                return self.timers.arm(slot, TimerKey::Obligation(id));
            }
        }
        // Somebody does it again right now, or asks for it: what comes of that arms the timer anew.
        if obligation.holders().iter().any(|holder| self.is_at_it(holder)) {
            return;
        }
        match self.expiries.asked.get(&id).copied() {
            Some(deadline) if deadline <= self.now => {
                self.on_obligation_probed(id, &Presence::Unknown("no answer in time".to_owned()));
            }
            // It was asked for when it had no end yet: its timer may be gone.
            Some(deadline) => self.timers.arm(deadline, TimerKey::Obligation(id)),
            None => self.end(id),
        }
    }

    fn is_at_it(&self, holder: &Holder) -> bool {
        let run = self.state.run(holder.run());
        let step = run.and_then(|run| run.steps().get(holder.step().index()));
        step.is_some_and(|step| match step.status() {
            StepStatus::Running => true,
            StepStatus::InDoubt => step.is_probing(),
            _ => false,
        })
    }

    /// What ends by itself, or may not be there, is asked for, if somebody can be asked; anything else is
    /// undone.
    fn end(&mut self, id: ObligationId) {
        // While its undo is under way it does not end; what comes of the undo arms the timer anew.
        let Some(obligation) = self.state.ledger().get(id).filter(|o| o.status().can_be_lifted()) else {
            return;
        };
        // A lift that is at it asks for itself.
        let in_doubt = obligation.status() == ObligationStatus::InDoubt && self.lift_of(obligation).is_none();
        match obligation.ends_by() {
            EndsBy::Itself if self.ask_for(id) => {}
            EndsBy::Itself => self.emit(Event::ObligationExpired { obligation: id }),
            EndsBy::Quell if in_doubt && self.ask_for(id) => {}
            EndsBy::Quell => self.lift_overdue(id),
            EndsBy::Nobody => {}
        }
    }

    fn lift_overdue(&mut self, id: ObligationId) {
        let Some(obligation) = self.state.ledger().get(id) else { return };
        if self.lift_of(obligation).is_none()
            && obligation.undo().is_some()
            && obligation.status().can_be_lifted()
        {
            self.launch_lift(vec![id], "its time is over", &Actor::engine());
        }
    }

    /// Asks whether an effect is there. False if nobody can be asked.
    fn ask_for(&mut self, id: ObligationId) -> bool {
        let Some(obligation) = self.state.ledger().get(id).filter(|o| o.action().probe) else { return false };
        let Some(agent) = self.prober(obligation) else { return false };
        let Some(kind) = self.state.agent(agent).map(|agent| agent.kind()) else { return false };
        let (run, step) = obligation.origin();
        let deadline = self.now + PROBE_TIMEOUT;
        let probe = Probe {
            of: ProbeOf::Obligation(id),
            agent,
            kind,
            action: std::sync::Arc::clone(obligation.action()),
            key: super::advance::key(self.state.seed(), run, step, false),
            deadline,
            check: false,
        };
        self.wish(Effect::Probe(probe));
        self.expiries.asked.insert(id, deadline);
        self.timers.arm(deadline, TimerKey::Obligation(id));
        true
    }

    /// An answer about an entry of the ledger.
    pub(super) fn on_obligation_probed(&mut self, id: ObligationId, found: &Presence) {
        if self.expiries.asked.remove(&id).is_none() {
            self.stale += 1;
            return;
        }
        let Some(obligation) = self.state.ledger().get(id).filter(|o| !o.status().is_ended()) else { return };
        let over = obligation.until().is_some_and(|until| until <= self.now);
        let can = matches!(
            obligation.status(),
            ObligationStatus::InForce | ObligationStatus::InDoubt | ObligationStatus::Drifted
        );
        if over && obligation.status().can_be_lifted() && *found == Presence::Absent {
            return self.emit(Event::ObligationExpired { obligation: id });
        }
        self.emit(Event::ObligationProbed { obligation: id, found: Box::new(found.clone()) });
        if over && can {
            match self.state.ledger().get(id).is_some_and(|o| o.undo().is_some()) {
                true => self.lift_overdue(id),
                false => self.emit(Event::ObligationExpired { obligation: id }),
            }
        }
    }

    /// Asks for everything that should be in force, so many in a second: the world may have changed
    /// while nobody looked.
    pub(super) fn reconcile(&mut self) {
        use ObligationStatus::*;
        let asked = self.state.ledger().standing().filter(|o| {
            let settled_by_step = o.status() == InDoubt
                && (o.holders().iter().any(|h| self.is_live(h.run())) || self.lift_asks_for(o));
            o.action().probe && matches!(o.status(), InForce | InDoubt | Drifted) && !settled_by_step
        });
        self.expiries.to_ask = asked.map(Obligation::id).collect();
        self.go_on_asking();
    }

    pub(super) fn go_on_asking(&mut self) {
        for _ in 0..IN_A_SECOND {
            let Some(id) = self.expiries.to_ask.pop_front() else { return };
            self.ask_for(id);
        }
        if !self.expiries.to_ask.is_empty() {
            self.timers.arm(self.now + SECOND, TimerKey::Reconcile);
        }
    }
}

//! What is in force stands on the ledger, and ends when its time is over.

use std::sync::Arc;

use super::{Effect, LedgerWitness};
use crate::engine::{Holder, ObligationStatus, Run, State, StepStatus};
use crate::model::{Span, Timestamp};

/// What is overdue for longer is forgotten.
const OVERDUE: Span = Span::from_secs(10);

impl LedgerWitness {
    /// Everything that somebody holds is on the ledger, and who let go holds nothing.
    pub fn stands(&self, state: &State) -> Result<(), String> {
        let lasts = |until: &Option<Timestamp>| until.is_none_or(|until| until > state.now());
        let held = self.holders.iter().filter(|(effect, holders)| {
            holders.values().any(lasts) && effect.1.is_some() && self.present.contains(*effect)
        });
        for (effect, holders) in held {
            let stands = |o: &&crate::engine::Obligation| {
                o.action().name == effect.0 && o.target() == effect.1.as_ref()
            };
            if !state.ledger().standing().any(|o| stands(&o)) {
                let Some((run, step)) = holders.keys().next() else { continue };
                return Err(format!(
                    "S3.5: {run} holds {} by step {}, and it is not on the ledger",
                    told(effect),
                    step.0
                ));
            }
        }
        for obligation in state.ledger().standing() {
            let holds = obligation.holders().iter().find(|h| self.let_go.contains(&(h.run(), h.step())));
            if let Some(holder) = holds {
                let (id, run) = (obligation.id(), holder.run());
                return Err(format!("S3.5: step {} of {run} let go of {id}, and holds it", holder.step().0));
            }
        }
        Ok(())
    }

    /// C28: when nothing is left to happen, nothing is in force whose time is over.
    pub fn ended(&self, state: &State, now: Timestamp) -> Result<(), String> {
        for obligation in state.ledger().standing().filter(|_| state.halt().is_none()) {
            // A lift of it may be paused, or wait for a person, also after an attempt that came to nothing.
            let lifts = |run: &Run| !run.status().is_terminal() && run.lifts().contains(&obligation.id());
            if state.runs().any(lifts) || self.kept.contains(&obligation.id()) {
                continue;
            }
            // Of a step in doubt a person has to say whether it holds it, for as long as it wants. So may one
            // that waits for its next attempt in a run that is paused.
            let in_doubt = |holder: &Holder| {
                let step = state.run(holder.run()).and_then(|run| run.steps().get(holder.step().index()));
                step.is_some_and(|step| {
                    let waits = step.status() == StepStatus::Waiting && holder.until().is_none();
                    step.status() == StepStatus::InDoubt || (waits && step.in_doubt())
                })
            };
            // Of an ended run nobody will say.
            let may_be = |h: &Holder| h.until().is_none() && self.maybe.contains(&(h.run(), h.step()));
            if obligation.holders().iter().any(|holder| in_doubt(holder) || may_be(holder)) {
                continue;
            }
            let effect: Effect = (Arc::clone(&obligation.action().name), obligation.target().cloned());
            let Some(holders) = self.holders.get(&effect).filter(|holders| !holders.is_empty()) else {
                continue;
            };
            let last = holders.values().copied().reduce(|a, b| Some(a?.max(b?))).flatten();
            let overdue = last.is_some_and(|last| last + OVERDUE < now);
            if overdue && obligation.status() == ObligationStatus::InForce && obligation.undo().is_some() {
                let id = obligation.id();
                return Err(format!("C28: the time of {id}, {}, is over, and it is in force", told(&effect)));
            }
        }
        Ok(())
    }
}

fn told((name, target): &Effect) -> String {
    format!("`{name}` on {}", target.as_deref().unwrap_or("nothing"))
}

//! What nobody confirms in time is taken back (C29), also after its run has ended, also after a crash.

use std::collections::BTreeMap;

use crate::engine::{Event, ObligationStatus, Record, Run, RunStatus, State};
use crate::model::{RunId, Span, StepIx, Timestamp};

/// How long after its time it may take until it is begun to be taken back: what holds it up is a disk, a
/// halt or a start.
const PATIENCE: Span = Span::from_secs(1);

/// Books of its own, kept from the durable records.
#[derive(Debug, Default)]
pub struct Confirmed {
    /// Until when each effect lasts unless somebody confirms it.
    waits: BTreeMap<(RunId, StepIx), Timestamp>,
    /// How many were confirmed, and how many were not.
    pub kept: u64,
    pub ended: u64,
}

impl Confirmed {
    /// A record became durable; `after` is the state with it.
    pub fn record(&mut self, record: &Record, after: &State) -> Result<(), String> {
        match &record.event {
            // A step that joins what is in force already has nothing to confirm.
            Event::StepSucceeded { run, step, found: false, .. } => {
                let plan = after.run(*run).and_then(|run| run.plan().steps.get(step.index()));
                if let Some(span) = plan.and_then(|plan| plan.confirm) {
                    self.waits.insert((*run, *step), record.at + span);
                }
                Ok(())
            }
            Event::EffectConfirmed { run, step, by } => {
                let until = self.waits.remove(&(*run, *step));
                self.kept += 1;
                match until {
                    None => {
                        Err(format!("C29: step {} of {run} is confirmed, and did not wait for it", step.0))
                    }
                    // In a halt nothing is taken back, so that there is still time.
                    Some(until) if until < record.at && after.halt().is_none() => {
                        Err(format!("C29: {by} confirms step {} of {run} too late", step.0))
                    }
                    Some(_) => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// When nothing is left to happen: nothing stands that nobody confirmed.
    pub fn at_rest(&mut self, state: &State, now: Timestamp) -> Result<(), String> {
        for ((run, step), until) in std::mem::take(&mut self.waits) {
            let held = state.obligation_of(run, step).filter(|obligation| {
                // Who else holds it may keep it; a lift that did not go well is a person's.
                let lift = |run: &Run| !run.status().is_terminal() && run.lifts().contains(&obligation.id());
                // One that a person cancelled or abandoned too.
                let by_person = |run: &Run| {
                    let ended = matches!(run.status(), RunStatus::Cancelled | RunStatus::Abandoned);
                    ended && run.lifts().contains(&obligation.id())
                };
                if state.runs().any(|run| lift(run) || by_person(run)) {
                    return false;
                }
                let others = obligation.other_holders(run, step, now).next().is_some();
                let holds = obligation.holders().iter().any(|h| (h.run(), h.step()) == (run, step));
                holds && !others && obligation.status() == ObligationStatus::InForce
            });
            if held.is_some() && until + PATIENCE < now {
                return Err(format!("C29: step {} of {run} was not confirmed, and stands", step.0));
            }
            self.ended += 1;
        }
        Ok(())
    }
}

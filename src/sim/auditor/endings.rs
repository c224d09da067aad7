//! A run ends for a reason (C14): it completes when every step is done, and ends badly by itself only if
//! a critical step failed or its time is over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::clock::Clock;
use crate::engine::{Event, Record, RollbackCause};
use crate::model::{RunId, StepIx};
use crate::workflow::Plan;

/// What became of the steps of each run.
#[derive(Debug, Default)]
pub struct Endings {
    plans: BTreeMap<RunId, (Arc<Plan>, bool)>,
    /// Steps that are done or were given up.
    over: BTreeMap<RunId, BTreeSet<StepIx>>,
    failed: BTreeSet<(RunId, StepIx)>,
}

impl Endings {
    pub fn record(&mut self, record: &Record, clock: &Clock) -> Result<(), String> {
        use Event::*;
        match &record.event {
            RunCreated(new) => {
                self.plans.insert(new.run, (Arc::clone(&new.plan), !new.lifts.is_empty()));
                self.over.insert(new.run, new.takes_over.iter().copied().collect());
            }
            StepSucceeded { run, step, .. }
            | StepSkipped { run, step, .. }
            | StepAssumed { run, step, .. }
            | StepJoined { run, step, .. } => {
                self.over.entry(*run).or_default().insert(*step);
            }
            StepFailed { run, step, retry_at: None, .. } => {
                self.over.entry(*run).or_default().insert(*step);
                self.failed.insert((*run, *step));
            }
            StepStarted { run, step, .. } => {
                self.failed.remove(&(*run, *step));
                self.over.entry(*run).or_default().remove(step);
            }
            RunCompleted { run } => return self.completes(*run),
            RunFailed { run, .. } => return self.ends_badly(record, *run, clock),
            RollbackStarted { run, cause: RollbackCause::Failure, by, .. } if &*by.0 == "quell" => {
                return self.ends_badly(record, *run, clock);
            }
            _ => {}
        }
        Ok(())
    }

    fn failed_critically(&self, run: RunId) -> bool {
        let Some((plan, _)) = self.plans.get(&run) else { return false };
        let mut failed = self.failed.range((run, StepIx(0))..=(run, StepIx(u16::MAX)));
        failed.any(|(_, step)| plan.steps.get(step.index()).is_some_and(|step| step.critical))
    }

    fn completes(&self, run: RunId) -> Result<(), String> {
        let Some((plan, false)) = self.plans.get(&run) else { return Ok(()) };
        let done = self.over.get(&run).map_or(0, BTreeSet::len);
        if done < plan.steps.len() {
            return Err(format!("C14: {run} completes with {done} of {} steps done", plan.steps.len()));
        }
        match self.failed_critically(run) {
            true => Err(format!("C14: {run} completes, and a critical step failed")),
            false => Ok(()),
        }
    }

    fn ends_badly(&self, record: &Record, run: RunId, clock: &Clock) -> Result<(), String> {
        if self.failed_critically(run) || clock.is_over(run, record.at) {
            return Ok(());
        }
        Err(format!("C14: {run} ends badly, but no critical step failed and its time is not over"))
    }
}

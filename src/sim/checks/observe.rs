//! What must not act does not: runs that observe (C31), everything in a halt (C30), what quell sets off
//! itself (C36).

use super::Witness;
use crate::engine::{Actor, Event, Obligation, ObligationStatus, Record, Run, RunStatus, State, StepStatus};
use crate::model::{Map, StepIx};

impl Witness {
    /// C31: of a run that observes nothing is ever begun, answered, owed or undone.
    pub(super) fn nothing_observed_acts(&self, event: &Event) -> Result<(), String> {
        let run = match event {
            Event::StepStarted { run, .. }
            | Event::StepSucceeded { run, .. }
            | Event::StepAnswered { run, .. }
            | Event::StepInDoubt { run, .. }
            | Event::StepPerformed { run, .. }
            | Event::StepProbing { run, .. }
            | Event::UndoStarted { run, .. }
            | Event::RollbackStarted { run, .. } => run,
            _ => return Ok(()),
        };
        match self.observing.contains(run) {
            true => Err(format!("C31: {run} only observes, and {event:?}")),
            false => Ok(()),
        }
    }

    pub(super) fn nothing_begins_in_a_halt(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Halted { .. } => self.halted = true,
            Event::Released { .. } => self.halted = false,
            Event::StepStarted { run, .. } | Event::UndoStarted { run, .. }
                if self.halted && !self.by_hand.contains(run) =>
            {
                return Err(format!("C30: {run} begins a step while everything is halted"));
            }
            _ => {}
        }
        Ok(())
    }

    /// A rule does not set a workflow off with the same inputs again while an effect that it ordered
    /// stands: what quell causes does not feed quell (C36).
    pub fn nothing_answers_itself(record: &Record, before: &State) -> Result<(), String> {
        let Event::RunCreated(new) = &record.event else { return Ok(()) };
        let rule = |fields: &Map| fields.get("rule_id").cloned();
        let by_rule = new.detection.as_deref().and_then(rule);
        if new.by != Actor::engine() || by_rule.is_none() {
            return Ok(());
        }
        let same = |run: &&Run| {
            let rule = run.detection().and_then(rule);
            // After an edit it may be another thing that it does.
            run.workflow() == &*new.workflow
                && run.hash() == new.hash
                && *run.inputs() == *new.inputs
                && rule == by_rule
                && run.dedup() == new.dedup.as_deref()
        };
        let stands = |o: &Obligation| {
            o.status() == ObligationStatus::InForce && o.until().is_none_or(|end| end > record.at)
        };
        for run in before.runs().filter(same).filter(|run| run.status() == RunStatus::Completed) {
            let steps = || (0..run.steps().len()).map(|i| StepIx(i as u16));
            let done =
                run.steps().iter().all(|step| step.status() == StepStatus::Succeeded && !step.is_assumed());
            // What ended so long ago that it is not kept any more does not stand.
            let mut kept = run.steps().iter().filter_map(|step| step.obligation());
            let gone = kept.any(|id| before.ledger().get(id).is_none());
            let mut effects = steps().filter_map(|ix| before.obligation_of(run.id(), ix)).peekable();
            // What it let go of is not its own any more, nor what it wanted until a time that has passed.
            let holds = |o: &Obligation| {
                o.holders().iter().any(|holder| holder.run() == run.id() && holder.holds_at(record.at))
            };
            if done && !gone && effects.peek().is_some() && effects.all(|o| stands(o) && holds(o)) {
                return Err(format!("C36: {} repeats {}, of which everything stands", new.run, run.id()));
            }
        }
        Ok(())
    }
}

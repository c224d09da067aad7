//! Steps begin after what they need, and are undone in reverse (C2, C8, C9, C12, C13).

use super::{Done, Witness};
use crate::model::{RunId, StepIx};

impl Witness {
    pub(super) fn intent(&mut self, run: RunId, step: StepIx, attempt: u32) -> Result<(), String> {
        let name = format!("{run} step {} attempt {attempt}", step.0);
        if !self.intents.insert((run, step, attempt, false)) {
            return Err(format!("C4: {name} is started twice"));
        }
        self.running.insert((run, step));
        if self.outcomes.get(&(run, step)) == Some(&Done::Succeeded) {
            return Err(format!("C8: {name} is started, but it was completed before"));
        }
        if self.unsettled.contains(&(run, step)) {
            return Err(format!("C3: {name} is started, but it is in doubt and may not be repeated"));
        }
        if self.paused.contains(&run) {
            return Err(format!("C13: {name} is started in a pause"));
        }
        if self.ended.contains(&run) || self.undoing.contains_key(&run) {
            return Err(format!("C12: {name} is started after the run ended or began to roll back"));
        }
        let needs = self.needs.get(&run).and_then(|needs| needs.get(step.index()));
        let missing = needs.into_iter().flatten().find(|need| !self.outcomes.contains_key(&(run, **need)));
        match missing {
            Some(need) => Err(format!("C2: {name} is started before the outcome of step {}", need.0)),
            None => Ok(()),
        }
    }

    pub(super) fn complete(&mut self, run: RunId, step: StepIx) {
        let completed = self.completed.entry(run).or_default();
        if !completed.contains(&step) {
            completed.push(step);
        }
    }

    /// The undo of a step may start only when every step that completed after it had its turn.
    pub(super) fn undo_in_order(&mut self, run: RunId, step: StepIx) -> Result<(), String> {
        let completed = self.completed.get(&run).map_or(&[][..], Vec::as_slice);
        let Some(place) = completed.iter().rev().position(|done| *done == step) else {
            if self.inherited.contains(&(run, step)) {
                return Ok(());
            }
            return Err(format!("C9: {run} undoes step {}, which never acted", step.0));
        };
        let reached = self.undoing.entry(run).or_default();
        if self.again.contains(&(run, step)) {
            return Ok(());
        }
        if place < *reached {
            return Err(format!("C9: {run} undoes step {} after one that completed before it", step.0));
        }
        *reached = place;
        Ok(())
    }

    /// Everything that acted, or may have acted, and has an undo, was undone.
    pub(super) fn all_undone(&self, run: RunId) -> Result<(), String> {
        let mut acted = self.completed.get(&run).into_iter().flatten();
        let owed = acted.find(|step| {
            let place = (run, **step);
            let over = self.undone.contains(&place) || self.waived.contains(&place);
            self.reversible.contains(&place) && !over
        });
        match owed {
            Some(step) => Err(format!("C9: {run} ended its rollback, but step {} is not undone", step.0)),
            None => Ok(()),
        }
    }
}

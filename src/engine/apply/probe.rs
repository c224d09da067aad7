//! Effects are asked for: what is in doubt, and what was performed and is to be verified.

use std::sync::Arc;

use super::{Misfit, Stamp};
use crate::engine::{Event, STEP, State, StepState, StepStatus};
use crate::model::{Map, Moment, Presence, RunId, StepIx, Timestamp};

impl State {
    /// The action answered "done"; that is being verified.
    pub(super) fn step_performed(
        &mut self,
        id: RunId,
        ix: StepIx,
        output: &Map,
        until: Timestamp,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        let (run, agents) = self.step_mut(id, ix)?;
        let step = &mut run.steps[ix.index()];
        let was_running = step.status() == StepStatus::Running;
        STEP.enter(&mut step.place, StepStatus::Verifying, stamp.at)?;
        step.end_questions();
        step.until = Moment::NONE;
        step.verify_until = until.into();
        step.output = (!output.is_empty()).then(|| Arc::new(output.clone()));
        if let (Some(agent), true) = (step.agent, was_running) {
            let took = stamp.at.since(step.started_at.get().unwrap_or(stamp.at));
            agents[agent.index()].finished(true, took, stamp.at);
        }
        Ok(())
    }

    /// The undo answered "done"; that is being verified.
    pub(super) fn undo_performed(
        &mut self,
        id: RunId,
        ix: StepIx,
        until: Timestamp,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        self.undo_answered(id, ix, None, stamp)?;
        let (run, _) = self.step_mut(id, ix)?;
        let step = &mut run.steps[ix.index()];
        step.end_questions();
        step.until = Moment::NONE;
        step.verify_until = until.into();
        step.undo_performed = true;
        Ok(())
    }

    pub(super) fn step_probing(&mut self, event: &Event) -> Result<(), Misfit> {
        let Event::StepProbing { run: id, step: ix, until, .. } = event else { return Ok(()) };
        let (run, _) = self.step_mut(*id, *ix)?;
        let step = &mut run.steps[ix.index()];
        step.probing = true;
        step.until = (*until).into();
        Ok(())
    }

    pub(super) fn step_probed(&mut self, event: &Event) -> Result<(), Misfit> {
        let Event::StepProbed { run: id, step: ix, undo, found, again_at, .. } = event else {
            return Ok(());
        };
        let (run, _) = self.step_mut(*id, *ix)?;
        let step = &mut run.steps[ix.index()];
        step.probing = false;
        step.until = (*again_at).into();
        step.found = Some(Arc::new(found.as_ref().clone()));
        if **found == Presence::Absent && !undo && step.status() == StepStatus::InDoubt {
            // It never happened: nothing is owed.
            step.in_doubt = false;
        }
        Ok(())
    }
}

impl StepState {
    /// Whatever was asked about it is of no interest any more.
    pub(super) fn end_questions(&mut self) {
        self.probing = false;
        self.undo_performed = false;
        self.verify_until = Moment::NONE;
    }
}

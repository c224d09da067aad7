//! Steps are undone.

use std::sync::Arc;

use super::{Misfit, Stamp};
use crate::engine::{Event, STEP, State, StepStatus};
use crate::model::{Failure, FailureKind, Moment, RunId, StepIx, Timestamp};

impl State {
    pub(super) fn undo_started(&mut self, event: &Event, stamp: Stamp) -> Result<(), Misfit> {
        let Event::UndoStarted { run: id, step: ix, attempt, agent, deadline, .. } = event else {
            return Ok(());
        };
        self.agent_mut(*agent)?.started(*id, stamp.at);
        let (run, _) = self.step_mut(*id, *ix)?;
        let step = &mut run.steps[ix.index()];
        if step.status() != StepStatus::Undoing {
            STEP.enter(&mut step.place, StepStatus::Undoing, stamp.at)?;
        }
        step.end_questions();
        step.undo_attempt = *attempt;
        step.undo_in_flight = true;
        step.undo_started_at = stamp.at.into();
        step.agent = Some(*agent);
        step.until = (*deadline).into();
        Ok(())
    }

    pub(super) fn undo_succeeded(&mut self, id: RunId, ix: StepIx, stamp: Stamp) -> Result<(), Misfit> {
        self.undo_answered(id, ix, None, stamp)?;
        let (run, _) = self.step_mut(id, ix)?;
        let step = &mut run.steps[ix.index()];
        STEP.enter(&mut step.place, StepStatus::Undone, stamp.at)?;
        step.end_questions();
        step.until = Moment::NONE;
        if let Some(rollback) = &mut run.rollback {
            rollback.done += 1;
        }
        Ok(())
    }

    pub(super) fn undo_failed(
        &mut self,
        id: RunId,
        ix: StepIx,
        failure: &Arc<Failure>,
        retry_at: Option<Timestamp>,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        self.undo_answered(id, ix, Some(failure.kind), stamp)?;
        let (run, _) = self.step_mut(id, ix)?;
        let step = &mut run.steps[ix.index()];
        step.end_questions();
        step.failure = Some(Arc::clone(failure));
        step.until = retry_at.into();
        step.undo_given_up = retry_at.is_none();
        match retry_at {
            // Tried again by a person, and still nobody can do it.
            None if step.status() == StepStatus::UndoFailed => {}
            None => STEP.enter(&mut step.place, StepStatus::UndoFailed, stamp.at)?,
            Some(_) if step.status() != StepStatus::Undoing => {
                STEP.enter(&mut step.place, StepStatus::Undoing, stamp.at)?;
            }
            Some(_) => {}
        }
        Ok(())
    }

    pub(super) fn undo_in_doubt(
        &mut self,
        id: RunId,
        ix: StepIx,
        failure: Option<&Arc<Failure>>,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        if let Some(failure) = failure {
            self.undo_answered(id, ix, Some(failure.kind), stamp)?;
        }
        let (run, agents) = self.step_mut(id, ix)?;
        let step = &mut run.steps[ix.index()];
        STEP.enter(&mut step.place, StepStatus::UndoInDoubt, stamp.at)?;
        step.end_questions();
        step.until = Moment::NONE;
        (step.lost, step.found) = (failure.is_some(), None);
        if let Some(failure) = failure {
            step.failure = Some(Arc::clone(failure));
        }
        if let (Some(agent), true) = (step.agent, std::mem::take(&mut step.undo_in_flight)) {
            agents[agent.index()].released(stamp.at);
        }
        Ok(())
    }

    pub(super) fn undo_answered(
        &mut self,
        id: RunId,
        ix: StepIx,
        failure: Option<FailureKind>,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        let (run, agents) = self.step_mut(id, ix)?;
        let step = &mut run.steps[ix.index()];
        if let (Some(agent), true) = (step.agent, std::mem::take(&mut step.undo_in_flight)) {
            let took = stamp.at.since(step.undo_started_at.get().unwrap_or(stamp.at));
            let agent = &mut agents[agent.index()];
            agent.finished(failure.is_none(), took, stamp.at);
            if failure.is_some_and(FailureKind::impairs_agent) {
                agent.lost(stamp.at);
            }
        }
        Ok(())
    }
}

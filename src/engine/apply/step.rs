//! Steps start and end, forward.

use std::sync::Arc;

use super::{Misfit, Stamp};
use crate::engine::{Event, STEP, State, StepStatus, StepWait};
use crate::model::planted::{Bug, planted};
use crate::model::{Failure, Map, Moment, RunId, StepIx, Timestamp};

impl State {
    pub(super) fn step_started(&mut self, event: &Event, stamp: Stamp) -> Result<(), Misfit> {
        let Event::StepStarted { run: id, step: ix, attempt, agent, action, undo, deadline, .. } = event
        else {
            return Ok(());
        };
        self.agent_mut(*agent)?.started(*id, stamp.at);
        let (run, _) = self.step_mut(*id, *ix)?;
        let step = &mut run.steps[ix.index()];
        STEP.enter(&mut step.place, StepStatus::Running, stamp.at)?;
        step.end_questions();
        step.attempt = *attempt;
        step.waits = None;
        step.agent = Some(*agent);
        step.started_at = stamp.at.into();
        step.until = (*deadline).into();
        step.action = Some(Arc::clone(action));
        step.undo.clone_from(undo);
        if let Some(incident) = run.incident
            && let Some(incident) = self.incidents.get_mut(incident.0)
        {
            incident.responded_at.get_or_insert(stamp.at);
        }
        Ok(())
    }

    pub(super) fn step_succeeded(
        &mut self,
        id: RunId,
        ix: StepIx,
        output: &Map,
        found: bool,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        let (run, agents) = self.step_mut(id, ix)?;
        let step = &mut run.steps[ix.index()];
        let (was_running, verified) =
            (step.status() == StepStatus::Running, step.status() == StepStatus::Verifying);
        STEP.enter(&mut step.place, StepStatus::Succeeded, stamp.at)?;
        step.end_questions();
        step.until = Moment::NONE;
        step.failure = None;
        step.ended_at = stamp.at.into();
        if !verified {
            // Else it is known since the action answered.
            step.output = (!output.is_empty()).then(|| Arc::new(output.clone()));
        }
        if let (Some(agent), true) = (step.agent, was_running) {
            let took = stamp.at.since(step.started_at.get().unwrap_or(stamp.at));
            agents[agent.index()].finished(true, took, stamp.at);
        }
        if found {
            // What was there before is not ours to undo.
            (step.was_found, step.undo) = (true, None);
        }
        run.done += 1;
        let forgotten = planted(Bug::ParallelForgotten) && run.rollback.is_some();
        if !found && !forgotten {
            run.owes(ix);
        }
        Ok(())
    }

    pub(super) fn step_failed(
        &mut self,
        id: RunId,
        ix: StepIx,
        failure: &Arc<Failure>,
        retry_at: Option<Timestamp>,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        let (run, agents) = self.step_mut(id, ix)?;
        let step = &mut run.steps[ix.index()];
        let was_running = step.status() == StepStatus::Running;
        let to = if retry_at.is_some() { StepStatus::Waiting } else { StepStatus::Failed };
        STEP.enter(&mut step.place, to, stamp.at)?;
        step.until = retry_at.into();
        step.end_questions();
        step.waits = retry_at.map(|_| StepWait::Retry);
        step.failure = Some(Arc::clone(failure));
        step.in_doubt |= failure.kind.in_doubt();
        step.doubted |= step.in_doubt;
        if let (Some(agent), true) = (step.agent, was_running) {
            let agent = &mut agents[agent.index()];
            agent.finished(false, stamp.at.since(step.started_at.get().unwrap_or(stamp.at)), stamp.at);
            if failure.kind.impairs_agent() {
                agent.lost(stamp.at);
            }
        }
        if retry_at.is_none() {
            step.ended_at = stamp.at.into();
            let owed = step.in_doubt;
            if !run.plan.steps[ix.index()].critical {
                run.done += 1;
            }
            if owed {
                run.owes(ix);
            }
        }
        Ok(())
    }

    pub(super) fn step_waiting(
        &mut self,
        id: RunId,
        ix: StepIx,
        until: Timestamp,
        wait: StepWait,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        let (run, _) = self.step_mut(id, ix)?;
        let step = &mut run.steps[ix.index()];
        if step.status() != StepStatus::Waiting {
            STEP.enter(&mut step.place, StepStatus::Waiting, stamp.at)?;
        }
        step.until = until.into();
        step.waits = Some(wait);
        Ok(())
    }

    pub(super) fn step_skipped(&mut self, id: RunId, ix: StepIx, stamp: Stamp) -> Result<(), Misfit> {
        let (run, _) = self.step_mut(id, ix)?;
        STEP.enter(&mut run.steps[ix.index()].place, StepStatus::Skipped, stamp.at)?;
        run.done += 1;
        Ok(())
    }

    pub(super) fn step_cancelled(
        &mut self,
        id: RunId,
        ix: StepIx,
        in_doubt: bool,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        let (run, agents) = self.step_mut(id, ix)?;
        let step = &mut run.steps[ix.index()];
        let was_running = step.status() == StepStatus::Running;
        STEP.enter(&mut step.place, StepStatus::Cancelled, stamp.at)?;
        step.end_questions();
        step.until = Moment::NONE;
        step.ended_at = stamp.at.into();
        step.in_doubt |= in_doubt;
        let owed = step.in_doubt;
        if let (Some(agent), true) = (step.agent, was_running) {
            agents[agent.index()].released(stamp.at);
        }
        if owed && !planted(Bug::DoubtForgotten) {
            run.owes(ix);
        }
        Ok(())
    }

    pub(super) fn step_in_doubt(
        &mut self,
        id: RunId,
        ix: StepIx,
        failure: Option<&Arc<Failure>>,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        let (run, agents) = self.step_mut(id, ix)?;
        let step = &mut run.steps[ix.index()];
        let was_running = step.status() == StepStatus::Running;
        STEP.enter(&mut step.place, StepStatus::InDoubt, stamp.at)?;
        step.end_questions();
        step.until = Moment::NONE;
        (step.in_doubt, step.doubted, step.found) = (true, true, None);
        step.lost = failure.is_some();
        if let Some(failure) = failure {
            step.failure = Some(Arc::clone(failure));
        }
        let (Some(agent), true) = (step.agent, was_running) else { return Ok(()) };
        let took = stamp.at.since(step.started_at.get().unwrap_or(stamp.at));
        let agent = &mut agents[agent.index()];
        match failure {
            Some(failure) => {
                agent.finished(false, took, stamp.at);
                if failure.kind.impairs_agent() {
                    agent.lost(stamp.at);
                }
            }
            None => agent.released(stamp.at),
        }
        Ok(())
    }
}

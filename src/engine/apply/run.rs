//! Runs begin, wait and end.

use std::sync::Arc;

use super::{Misfit, Stamp, unknown};
use crate::engine::{
    NewRun, RUN, Rollback, RollbackCause, Run, RunStatus, STEP, State, StepState, StepStatus,
};
use crate::flow::machine::Place;
use crate::model::planted::{Bug, planted};
use crate::model::{IncidentId, Moment, RunId, StepIx};

/// How many of its runs an incident lists.
const RUNS_PER_INCIDENT: usize = 32;

impl State {
    pub(super) fn run_created(&mut self, new: &NewRun, stamp: Stamp) -> Result<(), Misfit> {
        let id = new.run;
        if id.0 != self.runs.next() {
            return Err(Misfit(format!("expected run-{}, found {id}", self.runs.next())));
        }
        let mut place = Place::new(RunStatus::Created, stamp.at);
        RUN.enter(&mut place, RunStatus::Running, stamp.at)?;
        if let Some(key) = &new.dedup {
            self.by_dedup.insert((Arc::clone(&new.workflow), Arc::clone(key)), id);
        }
        self.runs.push(Box::new(Run {
            id,
            workflow: Arc::clone(&new.workflow),
            hash: new.hash,
            plan: Arc::clone(&new.plan),
            place,
            changed: stamp.seq,
            changed_by: None,
            created_at: stamp.at,
            ended_at: Moment::NONE,
            by: new.by.clone(),
            incident: new.incident,
            detection: new.detection.clone(),
            dedup: new.dedup.clone(),
            severity: new.severity,
            inputs: Arc::clone(&new.inputs),
            deadline: new.deadline.into(),
            retry_of: new.retry_of,
            mode: new.mode,
            lifts: new.lifts.clone(),
            steps: new.plan.steps.iter().map(|_| StepState::new(stamp.at)).collect(),
            done: 0,
            completed: Vec::with_capacity(new.plan.steps.len()),
            rollback: None,
            paused_at: Moment::NONE,
            why: None,
        }));
        self.counts.live_runs += 1;
        self.counts.observed += u64::from(!new.mode.is_live());
        if let Some(earlier) = new.retry_of {
            self.take_over(id, earlier, &new.takes_over, stamp)?;
        }
        match new.incident {
            Some(incident) => self.run_joined(id, incident),
            None => Ok(()),
        }
    }

    /// A step that succeeded in the run that is tried again is done in this one, with its output and its undo.
    fn take_over(&mut self, id: RunId, earlier: RunId, steps: &[StepIx], stamp: Stamp) -> Result<(), Misfit> {
        for ix in steps {
            let from = self.runs.get(earlier.0).and_then(|run| run.steps.get(ix.index()));
            let mut step = from.ok_or_else(|| unknown(format_args!("step {} of {earlier}", ix.0)))?.clone();
            step.place = Place::new(StepStatus::Pending, stamp.at);
            STEP.enter(&mut step.place, StepStatus::Succeeded, stamp.at)?;
            let (run, _) = self.step_mut(id, *ix)?;
            run.steps[ix.index()] = step;
            run.done += 1;
            run.owes(*ix);
        }
        Ok(())
    }

    pub(super) fn run_joined(&mut self, run: RunId, incident: IncidentId) -> Result<(), Misfit> {
        let workflow = self.runs.get(run.0).map(|run| Arc::clone(&run.workflow));
        let incident = self.incident_mut(incident)?;
        incident.held_back.retain(|held| Some(held) != workflow.as_ref());
        let runs = &mut incident.runs;
        if runs.len() == RUNS_PER_INCIDENT {
            runs.remove(0);
        }
        runs.push(run);
        Ok(())
    }

    /// Moves a run and keeps the counts.
    pub(super) fn run_to(
        &mut self,
        id: RunId,
        to: RunStatus,
        why: Option<&Arc<str>>,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        let run = self.runs.get_mut(id.0).ok_or_else(|| unknown(id))?;
        let from = run.status();
        RUN.enter(&mut run.place, to, stamp.at)?;
        run.changed = stamp.seq;
        run.changed_by = None;
        run.why = why.cloned();
        self.counts.add(from, -1);
        self.counts.add(to, 1);
        Ok(())
    }

    pub(super) fn run_paused(&mut self, id: RunId, stamp: Stamp) -> Result<(), Misfit> {
        let since = self.stands_since(id, stamp)?;
        self.run_to(id, RunStatus::Paused, None, stamp)?;
        self.run_mut(id)?.paused_at = since.into();
        Ok(())
    }

    /// Since when the time of a run stands still that is held now: it may have done so in a halt.
    fn stands_since(&mut self, id: RunId, stamp: Stamp) -> Result<crate::model::Timestamp, Misfit> {
        let halted_at = self.halt.as_ref().map(|halt| halt.at);
        let run = self.run_mut(id)?;
        // What a halt does not hold went on in it.
        let halted_at = halted_at.filter(|_| !run.is_lift_by_hand());
        Ok(halted_at.map_or(stamp.at, |at| at.max(run.since())))
    }

    /// The time of a run stands still while it waits for a person, as it does in a pause.
    pub(super) fn run_parked(&mut self, id: RunId, why: &Arc<str>, stamp: Stamp) -> Result<(), Misfit> {
        let since = self.stands_since(id, stamp)?;
        self.run_to(id, RunStatus::Parked, Some(why), stamp)?;
        let run = self.run_mut(id)?;
        run.paused_at = run.paused_at.get().unwrap_or(since).into();
        Ok(())
    }

    /// Delays and the deadline go on with what was left of them (C13).
    pub(super) fn run_resumed(&mut self, id: RunId, stamp: Stamp) -> Result<(), Misfit> {
        self.run_to(id, RunStatus::Running, None, stamp)?;
        let run = self.run_mut(id)?;
        run.end_pause(stamp);
        Ok(())
    }

    pub(super) fn rollback_started(
        &mut self,
        id: RunId,
        cause: RollbackCause,
        why: &Arc<str>,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        self.run_to(id, RunStatus::RollingBack, Some(why), stamp)?;
        let run = self.run_mut(id)?;
        run.end_pause(stamp);
        for step in &mut run.steps {
            step.undo_given_up = false;
            step.end_questions();
        }
        run.cancel_ahead(stamp)?;
        // An attempt before this one may have acted without an answer, while the step waited for its next.
        for i in 0..run.steps.len() {
            let step = StepIx(i as u16);
            let state = &run.steps[i];
            let idle = matches!(state.status(), StepStatus::Cancelled | StepStatus::InDoubt);
            if idle && (state.in_doubt || state.status() == StepStatus::InDoubt) {
                run.owes(step);
            }
        }
        if run.rollback.is_none() {
            let total = run.completed.iter().filter(|s| run.steps[s.index()].undo.is_some()).count() as u32;
            let why = Arc::clone(why);
            run.rollback = Some(Box::new(Rollback { cause, why, done: 0, total, since: stamp.at }));
        }
        Ok(())
    }

    pub(super) fn rollback_completed(&mut self, id: RunId, stamp: Stamp) -> Result<(), Misfit> {
        let rollback = self.run_mut(id)?.rollback.as_ref();
        let Some((cause, why)) = rollback.map(|r| (r.cause, Arc::clone(&r.why))) else {
            return Err(Misfit(format!("{id} is not rolled back")));
        };
        let to = match cause {
            RollbackCause::Failure => RunStatus::RolledBack,
            RollbackCause::Cancel => RunStatus::Cancelled,
        };
        self.run_ended(id, to, Some(&why), stamp)
    }

    pub(super) fn run_ended(
        &mut self,
        id: RunId,
        to: RunStatus,
        why: Option<&Arc<str>>,
        stamp: Stamp,
    ) -> Result<(), Misfit> {
        self.run_to(id, to, why, stamp)?;
        let run = self.run_mut(id)?;
        run.ended_at = stamp.at.into();
        run.steps.iter_mut().for_each(StepState::end_questions);
        run.cancel_ahead(stamp)?;
        if let Some(key) = run.dedup.clone() {
            let key = (Arc::clone(&run.workflow), key);
            if self.by_dedup.get(&key) == Some(&id) {
                self.by_dedup.remove(&key);
            }
        }
        self.counts.live_runs -= 1;
        self.finished.push_back((stamp.at, id));
        Ok(())
    }
}

impl Run {
    fn end_pause(&mut self, stamp: Stamp) {
        let Some(paused_at) = std::mem::replace(&mut self.paused_at, Moment::NONE).get() else { return };
        if !planted(Bug::PauseEatsBackoff) {
            self.shift(paused_at, stamp.at);
        }
    }

    /// What did not begin will not.
    fn cancel_ahead(&mut self, stamp: Stamp) -> Result<(), Misfit> {
        for step in self.steps.iter_mut().filter(|step| STEP.is_within(step.status(), "Ahead")) {
            STEP.enter(&mut step.place, StepStatus::Cancelled, stamp.at)?;
            step.until = Moment::NONE;
        }
        Ok(())
    }

    /// The effect of a step exists or may exist: a rollback has to undo it.
    pub(super) fn owes(&mut self, step: StepIx) {
        if self.completed.contains(&step) {
            return;
        }
        self.completed.push(step);
        if planted(Bug::UndoForward) {
            self.completed.rotate_right(1);
        }
        let has_undo = self.steps[step.index()].undo.is_some();
        if let (Some(rollback), true) = (&mut self.rollback, has_undo) {
            rollback.total += 1;
        }
    }
}

//! Folding records into the state: one file per noun. Reads no clock, decides nothing.

mod agent;
mod approval;
mod arming;
mod budget;
mod confirm;
mod credit;
mod effect;
mod halt;
mod incident;
mod lease;
mod ledger;
mod lift;
mod run;
mod person;
mod settle;
mod probe;
mod step;
mod undo;

use std::fmt;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::lease::Leases;
use super::state::by_names;
use super::{AgentState, Event, IllegalEvent, Incident, Ledger, Record, Run, State};
use crate::flow::machine::{Refusal, Status};
use crate::model::planted::{Bug, planted};
use crate::model::{AgentId, IncidentId, RunId, Seq, StepIx, Timestamp};

/// Why a record does not fit; becomes an [`IllegalEvent`].
struct Misfit(String);

impl<S: Status> From<Refusal<S>> for Misfit {
    fn from(refusal: Refusal<S>) -> Self {
        Misfit(refusal.to_string())
    }
}

fn unknown(what: impl fmt::Display) -> Misfit {
    Misfit(format!("{what} is not known"))
}

/// Place and time of the record that is folded.
#[derive(Clone, Copy)]
struct Stamp {
    seq: Seq,
    at: Timestamp,
}

impl State {
    /// Folds one fact. Reads no clock, decides nothing.
    ///
    /// # Errors
    /// If the record cannot follow the ones before it; the state is then not to be used any more.
    pub fn apply(&mut self, record: &Record) -> Result<(), IllegalEvent> {
        if record.seq != self.seq + 1 {
            let why = format!("expected record {}", self.seq + 1);
            return Err(IllegalEvent { seq: record.seq, why });
        }
        let stamp = Stamp { seq: record.seq, at: record.at };
        self.fold(&record.event, stamp).map_err(|Misfit(why)| IllegalEvent { seq: record.seq, why })?;
        self.credit(&record.event);
        self.approvals_follow();
        self.accounts_follow(&record.event, stamp);
        self.ledger_follows(&record.event, stamp);
        self.unconfirmed_follow();
        self.seq = record.seq;
        self.now = self.now.max(record.at);
        Ok(())
    }

    fn fold(&mut self, event: &Event, stamp: Stamp) -> Result<(), Misfit> {
        use Event::*;
        match event {
            JournalOpened { kind, seed, .. } => {
                (self.kind, self.seed) = (Some(*kind), *seed);
                (self.by_key, self.by_dedup) = (by_names(*seed), by_names(*seed));
                self.ledger = Ledger::new(*seed);
                self.leases = Leases::with_hasher(FixedState::with_seed(*seed));
                Ok(())
            }
            Recovered { .. } | SetupLoaded { .. } | ClockJumped { .. } => Ok(()),
            AgentJoined { .. } => self.agent_joined(event, stamp),
            AgentChanged { agent, to, .. } => self.agent_changed(*agent, *to, stamp),
            WorkflowRecorded { hash, text, .. } => {
                self.workflows.insert(**hash, Arc::clone(text));
                Ok(())
            }

            WorkflowArmed { workflow, hash, by } => {
                self.workflow_armed(workflow, **hash, by, stamp);
                Ok(())
            }
            WorkflowDisarmed { workflow, by, why } => self.workflow_disarmed(workflow, by, why, stamp),

            Halted { by, why } => {
                self.halted(by, why, stamp);
                Ok(())
            }
            Released { .. } => {
                self.released(stamp);
                Ok(())
            }

            IncidentOpened { incident, detection } => self.incident_opened(*incident, detection, stamp),
            IncidentRepeated { incident, count, detection } => {
                self.incident_repeated(*incident, *count, detection, stamp)
            }
            IncidentChanged { incident, to, by, reason } => {
                self.incident_changed(*incident, *to, by, reason.as_ref(), stamp)
            }

            EchoHeard { incident, workflow, .. } => self.echo_heard(*incident, workflow),

            RunCreated(new) => self.run_created(new, stamp),
            RunJoined { run, incident } => self.run_joined(*run, *incident),
            RunPaused { run, .. } => self.run_paused(*run, stamp),
            RunResumed { run, .. } => self.run_resumed(*run, stamp),
            RunParked { run, why } => self.run_parked(*run, why, stamp),
            RunUnparked { run, .. } => {
                self.run_resumed(*run, stamp)?;
                self.lifts_again(*run, stamp)
            }
            RollbackStarted { run, cause, why, .. } => self.rollback_started(*run, *cause, why, stamp),
            RunCompleted { run } => self.run_ended(*run, super::RunStatus::Completed, None, stamp),
            RunFailed { run, why } => self.run_ended(*run, super::RunStatus::Failed, Some(why), stamp),
            RollbackCompleted { run } => self.rollback_completed(*run, stamp),
            RunStuck { run, why } => self.run_to(*run, super::RunStatus::Stuck, Some(why), stamp),
            RunAbandoned { run, .. } => self.run_ended(*run, super::RunStatus::Abandoned, None, stamp),

            StepStarted { .. } => self.step_started(event, stamp),
            StepSucceeded { run, step, output, found, .. } => {
                self.step_succeeded(*run, *step, output, *found, stamp)
            }
            StepFailed { run, step, failure, retry_at, .. } => {
                self.step_failed(*run, *step, failure, *retry_at, stamp)
            }
            StepWaiting { run, step, until, wait } => self.step_waiting(*run, *step, *until, *wait, stamp),
            StepSkipped { run, step, .. } => self.step_skipped(*run, *step, stamp),
            StepCancelled { run, step, in_doubt } => self.step_cancelled(*run, *step, *in_doubt, stamp),
            StepAssumed { .. } => self.step_assumed(event, stamp),
            StepAnswered { .. } => self.step_answered(event, stamp),
            StepSettled { .. } => self.step_settled(event, stamp),
            StepInDoubt { run, step, failure, .. } => {
                self.step_in_doubt(*run, *step, failure.as_ref(), stamp)
            }
            StepPerformed { run, step, output, until, .. } => {
                self.step_performed(*run, *step, output, *until, stamp)
            }
            StepProbing { .. } => self.step_probing(event),
            StepProbed { .. } => self.step_probed(event),
            StepJoined { .. } => self.step_joined(event, stamp),
            LetGo { .. } => self.let_go(event, stamp),

            UndoStarted { .. } => self.undo_started(event, stamp),
            UndoSucceeded { run, step, .. } => self.undo_succeeded(*run, *step, stamp),
            UndoFailed { run, step, failure, retry_at, .. } => {
                self.undo_failed(*run, *step, failure, *retry_at, stamp)
            }
            UndoInDoubt { run, step, failure, .. } => {
                self.undo_in_doubt(*run, *step, failure.as_ref(), stamp)
            }
            UndoPerformed { run, step, until, .. } => self.undo_performed(*run, *step, *until, stamp),

            ApprovalAsked(asked) => self.approval_asked(asked, stamp),
            ApprovalGiven { run, step, hash, by } => self.approval_given(*run, *step, **hash, by, stamp),
            ApprovalDenied { .. } => self.approval_denied(event, stamp),
            EffectConfirmed { run, step, by } => self.effect_confirmed(*run, *step, by, stamp),

            RequestRefused { .. } => {
                self.counts.refused += 1;
                Ok(())
            }
            ObligationExpired { obligation } => self.obligation_expired(*obligation, stamp),
            ObligationProbed { obligation, found } => self.obligation_probed(*obligation, found, stamp),
            ObligationsRetired { obligations } => self.obligations_retired(obligations),
            Retired { runs, incidents } => self.retired(runs, incidents),
        }
    }

    fn run_mut(&mut self, id: RunId) -> Result<&mut Run, Misfit> {
        self.runs.get_mut(id.0).map(|run| &mut **run).ok_or_else(|| unknown(id))
    }

    fn incident_mut(&mut self, id: IncidentId) -> Result<&mut Incident, Misfit> {
        self.incidents.get_mut(id.0).ok_or_else(|| unknown(id))
    }

    fn agent_mut(&mut self, id: AgentId) -> Result<&mut AgentState, Misfit> {
        self.agents.get_mut(id.index()).ok_or_else(|| unknown(format_args!("agent {}", id.0)))
    }

    /// A step with its run's agents beside it.
    fn step_mut(&mut self, run: RunId, step: StepIx) -> Result<(&mut Run, &mut [AgentState]), Misfit> {
        let run = self.runs.get_mut(run.0).ok_or_else(|| unknown(run))?;
        if step.index() >= run.steps.len() {
            return Err(unknown(format_args!("step {} of {}", step.0, run.id)));
        }
        Ok((run, &mut self.agents))
    }

    fn retired(&mut self, runs: &[RunId], incidents: &[IncidentId]) -> Result<(), Misfit> {
        if planted(Bug::EffectRetired) {
            self.forget_effects_of(runs);
        }
        for id in runs {
            self.runs.remove(id.0).ok_or_else(|| unknown(id))?;
            if let Some(i) = self.finished.iter().position(|(_, run)| run == id) {
                self.finished.remove(i);
            }
        }
        for id in incidents {
            let incident = self.incidents.remove(id.0).ok_or_else(|| unknown(id))?;
            let key = (Arc::clone(&incident.first.rule.id), Arc::clone(&incident.first.key));
            if self.by_key.get(&key) == Some(id) {
                self.by_key.remove(&key);
            }
            if let Some(i) = self.closed.iter().position(|(_, incident)| incident == id) {
                self.closed.remove(i);
            }
        }
        Ok(())
    }
}

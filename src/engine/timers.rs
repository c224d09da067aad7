//! What the engine waits for, and what it does when the time has come.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::mailbox::Mailbox;
use super::{
    Actor, AgentStatus, Effect, EndsBy, Engine, Event, RollbackCause, RunStatus, Setup, State, StepStatus,
    StepWait,
};
use crate::model::planted::{Bug, planted};
use crate::model::{AgentId, Failure, FailureKind, IncidentId, ObligationId, RunId, Span, StepIx, Timestamp};

/// What a timer is for. The order settles ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimerKey {
    /// The end of an effect, or of the wait for an answer about it.
    Obligation(ObligationId),
    /// More effects are to be asked for.
    Reconcile,
    /// An impaired agent.
    Agent(AgentId),
    /// The deadline of an attempt, or the end of a wait.
    Step(RunId, StepIx),
    /// The deadline of a run.
    Run(RunId),
    /// Repeats that are to be journaled.
    Incident(IncidentId),
}

impl TimerKey {
    /// Whether it still means something; most timers are overtaken by an answer.
    pub fn is_live(
        self,
        at: Timestamp,
        state: &State,
        mailbox: &BTreeMap<IncidentId, Mailbox>,
        setup: &Setup,
    ) -> bool {
        // Time stands still for what waits while everything is halted.
        let goes_on = state.halt().is_none();
        match self {
            TimerKey::Obligation(id) => state.ledger().get(id).is_some_and(|obligation| {
                obligation.until().is_some_and(|until| until <= at)
                    && obligation.status().can_be_lifted()
                    && (goes_on || planted(Bug::HaltLetsExpiry) || obligation.ends_by() == EndsBy::Itself)
            }),
            TimerKey::Reconcile => true,
            TimerKey::Agent(id) => state.agent(id).is_some_and(|agent| match agent.status() {
                AgentStatus::Error => agent.since() + half(setup) == at,
                AgentStatus::Degraded => agent.since() + rest(setup) == at,
                _ => false,
            }),
            TimerKey::Step(run, step) => state.run(run).is_some_and(|run| {
                run.steps().get(step.index()).is_some_and(|step| {
                    step.until() == Some(at)
                        && !run.status().is_terminal()
                        && match step.status() {
                            StepStatus::Running => true,
                            // The end of a question, or the time to ask again.
                            StepStatus::InDoubt | StepStatus::UndoInDoubt | StepStatus::Verifying => {
                                step.is_probing() || goes_on
                            }
                            StepStatus::Undoing if step.is_probing() => true,
                            StepStatus::Undoing => {
                                run.status() == RunStatus::RollingBack && (step.undo_in_flight || goes_on)
                            }
                            StepStatus::Waiting | StepStatus::AwaitingApproval => {
                                run.status() == RunStatus::Running && (goes_on || run.is_lift_by_hand())
                            }
                            _ => false,
                        }
                })
            }),
            TimerKey::Run(run) => state.run(run).is_some_and(|run| {
                run.deadline() == Some(at)
                    && run.status() == RunStatus::Running
                    && goes_on
                    && !planted(Bug::DeadlineIgnored)
            }),
            TimerKey::Incident(id) => mailbox.get(&id).is_some_and(|mail| mail.due == at),
        }
    }
}

/// An impaired agent is in error for the first half of the recovery time, then degraded.
fn half(setup: &Setup) -> Span {
    Span(setup.limits.agent_recovery.0 / 2)
}

fn rest(setup: &Setup) -> Span {
    Span(setup.limits.agent_recovery.0 - half(setup).0)
}

impl Engine {
    pub(super) fn on_tick(&mut self) {
        while let Some((at, key)) = self.timers.pop_due(self.now) {
            if key.is_live(at, &self.state, &self.mailbox, &self.setup) {
                self.on_timer(at, key);
            }
        }
    }

    /// Drops timers that were overtaken, once they outnumber the others four to one.
    pub(super) fn compact_timers(&mut self) {
        let (state, mailbox, setup) = (&self.state, &self.mailbox, &self.setup);
        let in_flight: u32 = state.agents().iter().map(|agent| agent.in_flight()).sum();
        let armed = state.ledger().standing_count()
            + state.counts().live_runs
            + in_flight as usize
            + mailbox.len()
            + state.agents().len();
        self.timers.compact(armed, |at, key| key.is_live(at, state, mailbox, setup));
    }

    fn on_timer(&mut self, at: Timestamp, key: TimerKey) {
        match key {
            TimerKey::Obligation(id) => self.on_obligation_timer(at, id),
            TimerKey::Reconcile => self.go_on_asking(),
            TimerKey::Agent(agent) => self.on_agent_timer(agent),
            TimerKey::Step(run, step) => self.on_step_timer(run, step),
            TimerKey::Run(run) => {
                let by = Actor::engine();
                self.start_rollback(run, RollbackCause::Failure, "the deadline of the run has passed", &by);
            }
            TimerKey::Incident(incident) => self.journal_repeats(incident),
        }
    }

    fn on_agent_timer(&mut self, agent: AgentId) {
        let Some(status) = self.state.agent(agent).map(|agent| agent.status()) else { return };
        let (to, why) = match status {
            AgentStatus::Error => (AgentStatus::Degraded, "time to recover"),
            _ => (AgentStatus::Idle, "recovery time is over"),
        };
        self.emit(Event::AgentChanged { agent, to, why: Arc::from(why) });
        self.watch_agent(agent);
    }

    /// Arms the timer of an impaired agent.
    pub(super) fn watch_agent(&mut self, id: AgentId) {
        let Some(agent) = self.state.agent(id) else { return };
        let span = match agent.status() {
            AgentStatus::Error => half(&self.setup),
            AgentStatus::Degraded => rest(&self.setup),
            _ => return,
        };
        self.timers.arm(agent.since() + span, TimerKey::Agent(id));
    }

    fn on_step_timer(&mut self, run: RunId, step: StepIx) {
        let Some(state) = self.state.run(run).and_then(|run| run.steps().get(step.index())) else { return };
        let late = |what: &str| Failure {
            kind: FailureKind::TimedOut,
            message: format!("no answer to {what} before its deadline"),
        };
        match state.status() {
            StepStatus::Running => {
                let attempt = state.attempt();
                self.wish(Effect::Stop { run, step, attempt, undo: false });
                self.on_step_failed(run, step, late("the action"));
            }
            StepStatus::Undoing if state.undo_in_flight => {
                let attempt = state.undo_attempt();
                self.wish(Effect::Stop { run, step, attempt, undo: true });
                self.on_undo_failed(run, step, late("the undo"));
            }
            StepStatus::InDoubt | StepStatus::Verifying => self.on_probe_due(run, step, false),
            StepStatus::UndoInDoubt => self.on_probe_due(run, step, true),
            StepStatus::Undoing if state.undo_is_verified() => self.on_probe_due(run, step, true),
            StepStatus::Undoing => self.begin_undo(run, step),
            StepStatus::AwaitingApproval => self.on_approval_timeout(run, step),
            StepStatus::Waiting => match state.waits_for() {
                Some(StepWait::Agent | StepWait::Lease) => self.on_waited_too_long(run, step),
                _ => self.start_and_go_on(run, step),
            },
            _ => {}
        }
    }

    /// Arms the timer of a step from its `until`.
    pub(super) fn watch_step(&mut self, run: RunId, step: StepIx) {
        let until = self.state.run(run).and_then(|run| run.steps().get(step.index())?.until());
        if let Some(at) = until {
            self.timers.arm(at, TimerKey::Step(run, step));
        }
    }
}

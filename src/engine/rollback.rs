//! Undoing a run: last completed first, one at a time (C9).

use std::sync::Arc;

use super::advance::key;
use super::choose::{Choice, best_match};
use super::join::Owed;
use super::timers::TimerKey;
use super::{Actor, Acts, Effect, Engine, Event, RollbackCause, RunStatus, StepStatus, Task};
use crate::flow::backoff::{Backoff, mix};
use crate::model::planted::{Bug, planted};
use crate::model::{AgentId, Failure, FailureKind, Outcome, Presence, RunId, Span, StepIx};

/// How often an undo is tried before a person is asked.
pub(super) const UNDO_ATTEMPTS: u32 = 5;

/// The delays between attempts to undo.
pub(super) const UNDO_BACKOFF: Backoff =
    Backoff { first: Span::from_secs(1), factor_percent: 200, max: Span::from_secs(60), jitter_percent: 10 };

/// What a rollback has to do next.
enum Next {
    /// Steps still run; they answer first.
    Wait,
    /// This one.
    Undo(StepIx),
    /// Everything owed is undone.
    Done,
    /// Everything else is undone; these could not be.
    Stuck(String),
}

impl Engine {
    /// Stops what runs, then undoes. A failed run that owes nothing has failed, and that is all.
    pub(super) fn start_rollback(&mut self, id: RunId, cause: RollbackCause, why: &str, by: &Actor) {
        let Some(run) = self.state.run(id) else { return };
        if !matches!(run.status(), RunStatus::Running | RunStatus::Paused | RunStatus::Parked) {
            return;
        }
        let busy =
            |step: &super::StepState| matches!(step.status(), StepStatus::Running | StepStatus::Verifying);
        let busy = run.steps().iter().any(busy);
        let owed = run.steps().iter().any(|step| {
            let done = step.status() == StepStatus::Succeeded && !step.is_assumed();
            let acted = step.in_doubt() || done;
            step.undo().is_some() && (acted || step.status() == StepStatus::InDoubt)
        });
        let why: Arc<str> = Arc::from(why);
        if cause == RollbackCause::Failure && !busy && !owed && run.status() != RunStatus::Parked {
            self.emit(Event::RunFailed { run: id, why });
            return self.after_bad_end(id);
        }
        self.emit(Event::RollbackStarted { run: id, cause, why, by: by.clone() });
        self.waiting.leave(id);
        if !planted(Bug::CancelStopsNothing) {
            self.stop_steps(id, false);
        }
        self.roll_on(id);
    }

    /// The next undo, or the end of the rollback.
    pub(super) fn roll_on(&mut self, id: RunId) {
        loop {
            match self.next_undo(id) {
                Next::Wait => return,
                Next::Undo(step) => {
                    if !self.start_undo(id, step) {
                        return;
                    }
                }
                Next::Done => {
                    self.emit(Event::RollbackCompleted { run: id });
                    return self.after_bad_end(id);
                }
                Next::Stuck(why) => return self.emit(Event::RunStuck { run: id, why: Arc::from(why) }),
            }
        }
    }

    fn next_undo(&self, id: RunId) -> Next {
        let Some(run) = self.state.run(id).filter(|run| run.status() == RunStatus::RollingBack) else {
            return Next::Wait;
        };
        let busy = |step: &super::StepState| {
            matches!(step.status(), StepStatus::Running | StepStatus::Verifying | StepStatus::Undoing)
                || step.is_probing()
        };
        if run.steps().iter().any(busy) {
            return Next::Wait;
        }
        let mut failed = Vec::new();
        for ix in run.completed().iter().rev() {
            let step = &run.steps()[ix.index()];
            match step.status() {
                StepStatus::Undone => {}
                StepStatus::UndoFailed if step.is_undo_skipped() => {}
                StepStatus::UndoFailed if planted(Bug::OwedForgotten) => {}
                StepStatus::UndoFailed if step.undo_given_up => failed.push(run.step_id(*ix)),
                _ if step.undo().is_none() => {}
                _ => return Next::Undo(*ix),
            }
        }
        if failed.is_empty() {
            return Next::Done;
        }
        Next::Stuck(format!("the undo of {} failed {UNDO_ATTEMPTS} times or was refused", failed.join(", ")))
    }

    /// As [`Engine::start_undo`]; if there is nothing to wait for, the rollback goes on.
    pub(super) fn begin_undo(&mut self, id: RunId, ix: StepIx) {
        if self.start_undo(id, ix) {
            self.roll_on(id);
        }
    }

    /// Starts an attempt to undo, or waits for an agent or for its turn. True if there is nothing to undo
    /// after all.
    pub(super) fn start_undo(&mut self, id: RunId, ix: StepIx) -> bool {
        if self.holds(id) && !planted(Bug::HaltLetsUndo) {
            return false;
        }
        if self.setup.acts == Acts::Never {
            self.undo_not_sent(id, ix, "a replay of a real setup touches nothing");
            return false;
        }
        if self.undoes_another(id, ix) {
            self.waiting.remove(id, ix);
            self.turns.remove(id, ix);
            return false;
        }
        match self.owed(id, ix) {
            Owed::Settled => return true,
            Owed::Wait => return false,
            Owed::Undo => {}
        }
        let agent = match best_match(&self.state, self.candidates(id, ix, true)) {
            Choice::Agent(agent) => agent,
            Choice::Later => {
                self.enqueue(id, ix, true);
                return false;
            }
            Choice::Never => {
                self.undo_not_sent(id, ix, "no agent of this setup can undo it");
                return false;
            }
        };
        self.waiting.remove(id, ix);
        self.perform_undo(id, ix, agent);
        false
    }

    /// One at a time (C9): what waited for its turn is found again when the undo that came first is over.
    fn undoes_another(&self, id: RunId, ix: StepIx) -> bool {
        let Some(run) = self.state.run(id) else { return false };
        let mut steps = run.steps().iter().enumerate();
        steps.any(|(i, step)| i != ix.index() && step.status() == StepStatus::Undoing)
    }

    fn undo_not_sent(&mut self, id: RunId, ix: StepIx, why: &str) {
        let failure = Failure { kind: FailureKind::NotSent, message: why.to_owned() };
        self.on_undo_failed(id, ix, failure);
    }

    /// The undo of an effect is one and the same, and has the same key, whoever performs it (C4).
    fn perform_undo(&mut self, id: RunId, ix: StepIx, agent: AgentId) {
        let Some(run) = self.state.run(id) else { return };
        let Some(step) = run.steps().get(ix.index()) else { return };
        let obligation = self.state.obligation_of(id, ix);
        let action = obligation.and_then(|o| o.undo().cloned()).or_else(|| step.undo.clone());
        let Some(action) = action else { return };
        let Some(kind) = self.state.agent(agent).map(|agent| agent.kind()) else { return };
        let attempt = step.undo_attempt() + 1;
        let timeout = self.definition(id, ix).map_or(Span::from_secs(30), |step| step.timeout);
        let deadline = self.now + timeout;
        let (origin, name) = obligation.map_or((id, run.step_id(ix)), |o| o.origin());
        let key = key(self.state.seed(), origin, name, true);
        let started = Arc::clone(&action);
        self.emit(Event::UndoStarted { run: id, step: ix, attempt, agent, kind, action: started, deadline });
        self.timers.arm(deadline, TimerKey::Step(id, ix));
        self.wish(Effect::Perform(Task {
            run: id,
            step: ix,
            attempt,
            undo: true,
            agent,
            kind,
            key,
            epoch: self.state.epoch_of(id, ix, &action),
            action,
            deadline,
            probe_first: false,
            context: self.context(id, ix, agent),
        }));
    }

    pub(super) fn on_undo_answered(&mut self, id: RunId, ix: StepIx, outcome: Outcome) {
        match outcome {
            Outcome::Succeeded(_) | Outcome::Found(_) => self.on_undo_performed(id, ix),
            Outcome::Failed(failure) => self.on_undo_failed(id, ix, failure),
            Outcome::NotBegun => self.on_undo_not_begun(id, ix),
            Outcome::Stopped if self.state.halt().is_some() => {
                let attempt = self.undo_attempt(id, ix);
                self.emit(Event::UndoInDoubt { run: id, step: ix, attempt, failure: None });
            }
            Outcome::Stopped => {
                let message = "the undo was stopped".to_owned();
                self.on_undo_failed(id, ix, Failure { kind: FailureKind::NoAnswer, message });
            }
        }
    }

    pub(super) fn undo_attempt(&self, id: RunId, ix: StepIx) -> u32 {
        self.state.run(id).map_or(0, |run| run.steps()[ix.index()].undo_attempt())
    }

    /// Another attempt, or this undo is given up and the others still run (C11).
    pub(super) fn on_undo_failed(&mut self, id: RunId, ix: StepIx, failure: Failure) {
        self.waiting.remove(id, ix);
        self.turns.remove(id, ix);
        let Some(step) = self.state.run(id).and_then(|run| run.steps().get(ix.index())) else { return };
        let attempt = step.undo_attempt();
        let agent = step.agent().filter(|_| failure.kind.impairs_agent());
        let again = match failure.kind {
            FailureKind::NotSent => false,
            FailureKind::Answered | FailureKind::Unreachable => true,
            FailureKind::NoAnswer | FailureKind::TimedOut => step.undo().is_some_and(|a| a.idempotent),
            FailureKind::Unverified => {
                step.found() == Some(&Presence::Present) || step.undo().is_some_and(|a| a.idempotent)
            }
        };
        // Attempts are counted over retries by a person: each such retry buys as many again.
        let left = !attempt.is_multiple_of(UNDO_ATTEMPTS);
        let hash = mix(&[self.state.seed(), id.0, u64::from(ix.0), u64::from(attempt), 1]);
        let round = attempt % UNDO_ATTEMPTS;
        let retry_at = (again && left).then(|| self.now + UNDO_BACKOFF.delay(round, hash));
        let retry_at = if planted(Bug::UndoBackoffIgnored) { retry_at.and(Some(self.now)) } else { retry_at };
        let failure = Arc::new(failure);
        if retry_at.is_none() && self.is_to_be_asked_for(id, ix, &failure) {
            self.emit(Event::UndoInDoubt { run: id, step: ix, attempt, failure: Some(failure) });
            if let Some(agent) = agent {
                self.watch_agent(agent);
            }
            return self.ask(id, ix, true);
        }
        self.emit(Event::UndoFailed { run: id, step: ix, attempt, failure, retry_at });
        if let Some(agent) = agent {
            self.watch_agent(agent);
        }
        match retry_at {
            Some(_) => self.watch_step(id, ix),
            None => self.roll_on(id),
        }
    }

    /// A run ended badly: the workflow that its workflow names for that case runs.
    pub(super) fn after_bad_end(&mut self, id: RunId) {
        let Some(run) = self.state.run(id) else { return };
        if !matches!(run.status(), RunStatus::Failed | RunStatus::RolledBack) {
            return;
        }
        let next = self.library.get(run.hash()).and_then(|bound| bound.workflow.on_failure.clone());
        let Some(next) = next else { return };
        self.launch_after(id, &next);
    }
}

//! A run moves on: steps become ready, start, and are answered.

use std::fmt::Write as _;
use std::sync::Arc;

use super::choose::{Choice, best_match};
use super::timers::TimerKey;
use super::{
    Actor, AgentKind, Effect, Engine, Event, INCIDENT, RUN, RollbackCause, RunStatus, StepStatus, StepWait,
    Task,
};
use crate::flow::backoff::mix;
use crate::model::planted::{Bug, planted};
use crate::model::{Failure, FailureKind, Outcome, Presence, RunId, StepIx};
use crate::workflow::{OnFailure, Step};

/// The idempotency key of a step (C4): a function of the journal, the run and the step.
pub(super) fn key(seed: u64, run: RunId, step: &str, undo: bool) -> Arc<str> {
    let undo = if undo { ":undo" } else { "" };
    let mut key = String::with_capacity(48 + step.len());
    let _ = write!(key, "{seed:x}.{run}.{step}{undo}");
    Arc::from(key)
}

impl Engine {
    /// The definition of a step.
    pub(super) fn definition(&self, run: RunId, step: StepIx) -> Option<&Step> {
        let bound = self.library.get(self.state.run(run)?.hash())?;
        bound.workflow.steps.get(step.index())
    }

    /// Starts every step that is ready, and ends the run when all are done.
    pub(super) fn advance(&mut self, id: RunId) {
        loop {
            let Some(run) = self.state.run(id) else { return };
            if run.is_lift() {
                return self.lift_on(id);
            }
            if !matches!(run.status(), RunStatus::Running | RunStatus::Paused) {
                return;
            }
            let (done, all) = run.progress();
            if done == all {
                return self.complete(id);
            }
            if self.holds(id) {
                return;
            }
            let ready = |(i, plan): (usize, &crate::workflow::PlanStep)| {
                let step = &run.steps[i];
                let pending = step.status() == StepStatus::Pending;
                let mut needs = plan.needs.iter().map(|need| run.steps[need.index()].is_done());
                let early = planted(Bug::NeedsNotAwaited) && needs.clone().any(|done| done);
                let ready = pending && (needs.all(|done| done) || early);
                (ready || step.is_approved()).then_some(StepIx(i as u16))
            };
            let ready: Vec<StepIx> = run.plan().steps.iter().enumerate().filter_map(ready).collect();
            let mut over = false;
            for step in ready {
                over |= self.begin_step(id, step);
            }
            // A step that is over at once may make others ready; everything else answers later.
            if !over {
                return;
            }
        }
    }

    /// Asks a ready step's condition, then starts it. Says whether the run should be looked at again.
    fn begin_step(&mut self, run: RunId, step: StepIx) -> bool {
        let ready = self.state.run(run).is_some_and(|run| {
            let step = &run.steps()[step.index()];
            let runs = run.status() == RunStatus::Running || planted(Bug::PauseIgnored);
            runs && (step.status() == StepStatus::Pending || step.is_approved())
        });
        if !ready {
            return false;
        }
        if self.observes(run) && self.is_undecided(run, step) {
            let source = self.definition(run, step).and_then(|step| step.when.as_ref());
            let undecided = source.map(|when| Arc::from(when.source()));
            self.assume_step(run, step, undecided);
            return true;
        }
        // Of what was approved the condition held when it was asked.
        let condition =
            if self.permitted(run, step).is_some() { Ok(true) } else { self.condition(run, step) };
        match condition {
            Ok(true) => {
                self.start_step(run, step);
                let state = self.state.run(run).and_then(|run| run.steps().get(step.index()));
                state.is_some_and(|step| matches!(step.status(), StepStatus::Succeeded | StepStatus::Failed))
            }
            Ok(false) if planted(Bug::SkippedIsDone) => {
                let output = crate::model::Map::new();
                self.emit(Event::StepSucceeded { run, step, attempt: 0, output, found: false });
                true
            }
            Ok(false) => {
                let why = self.definition(run, step).and_then(|s| s.when.as_ref()).map_or("", |w| w.source());
                let why = Arc::from(format!("`{why}` does not hold"));
                self.emit(Event::StepSkipped { run, step, why });
                true
            }
            Err(message) => {
                self.on_step_failed(run, step, Failure { kind: FailureKind::NotSent, message });
                true
            }
        }
    }

    fn condition(&self, run: RunId, step: StepIx) -> Result<bool, String> {
        let Some(condition) = self.definition(run, step).and_then(|step| step.when.as_ref()) else {
            return Ok(true);
        };
        self.in_scope(run, |scope| condition.holds(scope))
    }

    fn is_undecided(&self, run: RunId, step: StepIx) -> bool {
        let when = self.definition(run, step).and_then(|step| step.when.as_ref());
        when.is_some_and(|when| self.in_scope(run, |scope| when.is_undecided(scope)))
    }

    /// As [`Engine::start_step`]; if there is nothing to wait for, the run goes on.
    pub(super) fn start_and_go_on(&mut self, id: RunId, ix: StepIx) {
        if self.state.run(id).is_some_and(|run| run.is_lift()) {
            if self.start_lift(id, ix) {
                self.lift_on(id);
            }
            return;
        }
        self.start_step(id, ix);
        let step = self.state.run(id).and_then(|run| run.steps().get(ix.index()));
        if step.is_some_and(|step| step.status() == StepStatus::Succeeded) {
            self.advance(id);
        }
    }

    /// Starts an attempt, lets the step wait for an agent or for its turn, or finds that its effect is in
    /// force already. In a run that observes it is assumed.
    pub(super) fn start_step(&mut self, id: RunId, ix: StepIx) {
        if self.holds(id) && !planted(Bug::HaltAskedEarly) {
            return;
        }
        if self.observes(id) && !planted(Bug::ObserverActs) {
            return self.assume_step(id, ix, None);
        }
        let not_sent = |message: String| Failure { kind: FailureKind::NotSent, message };
        if let Some(why) = self.must_not_act() {
            let name = self.state.run(id).map_or("?", |run| run.step_id(ix));
            let message = format!("step `{name}` is not started: {why}");
            return self.on_step_failed(id, ix, not_sent(message));
        }
        let agent = match best_match(&self.state, self.candidates(id, ix, false)) {
            Choice::Agent(agent) => agent,
            Choice::Later => return self.wait_for_agent(id, ix),
            Choice::Never => {
                let message = self.nobody_fits(id, ix);
                return self.on_step_failed(id, ix, not_sent(message));
            }
        };
        let permitted = self.permitted(id, ix);
        let asks = permitted.is_none();
        let resolved = match permitted.map_or_else(|| self.resolve(id, ix, agent), Ok) {
            Ok(resolved) => resolved,
            Err(message) => return self.on_step_failed(id, ix, not_sent(message)),
        };
        if self.joins(id, ix, agent, &resolved) {
            return;
        }
        if let Some(message) = self.ledger_is_full(&resolved) {
            return self.on_step_failed(id, ix, not_sent(message));
        }
        if asks && self.asks_first(id, ix, agent, &resolved) {
            return;
        }
        let (action, undo) = resolved;
        if !self.takes_turn(id, ix, false, action.target.as_ref()) {
            return;
        }
        self.waiting.remove(id, ix);
        let Some(run) = self.state.run(id) else { return };
        let Some(kind) = self.state.agent(agent).map(|agent| agent.kind()) else { return };
        let attempt = run.steps()[ix.index()].attempt() + 1;
        let timeout = self.definition(id, ix).map_or_else(Default::default, |step| step.timeout);
        let deadline = self.now + timeout;
        let mut key = key(self.state.seed(), id, run.step_id(ix), false);
        if planted(Bug::KeyOfAttempt) {
            key = Arc::from(format!("{key}.{attempt}"));
        }
        // What is there may be ours: after an attempt that may have acted, or if the ledger has it.
        let ours = run.steps()[ix.index()].doubted || self.state.ledger().of_action(&action).is_some();
        let probe_first = action.probe && kind != AgentKind::Builtin && !ours;
        self.emit(Event::StepStarted {
            run: id,
            step: ix,
            attempt,
            agent,
            kind,
            action: Arc::clone(&action),
            undo,
            deadline,
        });
        self.timers.arm(deadline, TimerKey::Step(id, ix));
        self.wish(Effect::Perform(Task {
            run: id,
            step: ix,
            attempt,
            undo: false,
            agent,
            kind,
            key,
            epoch: self.state.epoch_of(id, ix, &action),
            action,
            deadline,
            probe_first,
            context: self.context(id, ix, agent),
        }));
        if planted(Bug::DoneWhenHandedOver) {
            self.on_performed(id, ix, crate::model::Map::new());
        }
    }

    pub(super) fn nobody_fits(&self, run: RunId, step: StepIx) -> String {
        let name = self.state.run(run).map_or("?", |run| run.step_id(step));
        match self.definition(run, step) {
            Some(definition) => format!(
                "step `{name}`: no agent may do `{}`: none has the role and the capabilities and offers it",
                definition.action
            ),
            None => format!("step `{name}`: its workflow is not known any more"),
        }
    }

    fn wait_for_agent(&mut self, run: RunId, step: StepIx) {
        if self.waiting.is_waiting(run, step) {
            return;
        }
        self.turns.remove(run, step);
        self.wait_step(run, step, StepWait::Agent);
        self.enqueue(run, step, false);
    }

    /// Lets a step wait until its deadline, which stays the same whatever it waits for.
    pub(super) fn wait_step(&mut self, run: RunId, step: StepIx, wait: StepWait) {
        let Some(state) = self.state.run(run).and_then(|run| run.steps().get(step.index())) else { return };
        let waits = state.waits_for().filter(|waits| *waits != StepWait::Retry);
        if waits != Some(wait) {
            let timeout = self.definition(run, step).map_or_else(Default::default, |step| step.timeout);
            let until = waits.and_then(|_| state.until()).unwrap_or(self.now + timeout);
            self.emit(Event::StepWaiting { run, step, until, wait });
        }
        self.watch_step(run, step);
    }

    pub(super) fn priority(&self, run: RunId) -> crate::model::Priority {
        let run = self.state.run(run);
        if run.is_some_and(|run| run.is_lift()) {
            return crate::model::Priority::Urgent;
        }
        let bound = run.and_then(|run| self.library.get(run.hash()));
        bound.map_or(crate::model::Priority::Normal, |bound| bound.workflow.priority)
    }

    pub(super) fn on_waited_too_long(&mut self, run: RunId, step: StepIx) {
        self.waiting.remove(run, step);
        self.turns.remove(run, step);
        let waits = self.state.run(run).and_then(|run| run.steps().get(step.index())?.waits_for());
        let message = match waits {
            Some(StepWait::Lease) => "another run acted on its target until the step's deadline",
            _ => "no agent became free before the step's deadline",
        };
        let message = message.to_owned();
        self.on_step_failed(run, step, Failure { kind: FailureKind::NotSent, message });
        self.advance(run);
    }

    pub(super) fn on_step_finished(
        &mut self,
        id: RunId,
        ix: StepIx,
        attempt: u32,
        undo: bool,
        outcome: Outcome,
    ) {
        let step = self.state.run(id).and_then(|run| run.steps().get(ix.index()));
        let current = step.is_some_and(|step| {
            if undo {
                step.undo_in_flight && step.undo_attempt() == attempt
            } else {
                let late = planted(Bug::LateAnswerTaken) && step.doubted;
                let current = step.attempt() == attempt || late || planted(Bug::StaleAnswerTaken);
                step.status() == StepStatus::Running && current
            }
        });
        if !current {
            self.stale += 1;
            return;
        }
        if undo {
            return self.on_undo_answered(id, ix, outcome);
        }
        match outcome {
            Outcome::Succeeded(output) => self.on_performed(id, ix, output),
            Outcome::Found(output) => {
                self.emit(Event::StepSucceeded { run: id, step: ix, attempt, output, found: true });
            }
            Outcome::Failed(failure) => return self.on_step_failed(id, ix, failure),
            Outcome::Stopped => self.on_stopped(id, ix),
            Outcome::NotBegun => self.on_not_begun(id, ix),
        }
        self.go_on(id);
    }

    /// Whatever comes next for a run of which a step was answered.
    pub(super) fn go_on(&mut self, id: RunId) {
        match self.state.run(id).map(|run| run.status()) {
            Some(RunStatus::RollingBack) => self.roll_on(id),
            Some(RunStatus::Running | RunStatus::Paused) => self.advance(id),
            _ => {}
        }
    }

    fn on_stopped(&mut self, id: RunId, ix: StepIx) {
        if self.state.run(id).is_some_and(|run| run.status() == RunStatus::RollingBack) {
            self.emit(Event::StepCancelled { run: id, step: ix, in_doubt: true });
        } else if self.state.halt().is_some() {
            // Half done: it is settled when the halt is over.
            let attempt = self.state.run(id).map_or(0, |run| run.steps()[ix.index()].attempt());
            self.emit(Event::StepInDoubt { run: id, step: ix, attempt, failure: None });
        } else {
            let message = "the action was stopped".to_owned();
            self.on_step_failed(id, ix, Failure { kind: FailureKind::NoAnswer, message });
        }
    }

    /// An attempt failed: another one, or the consequences.
    pub(super) fn on_step_failed(&mut self, id: RunId, ix: StepIx, failure: Failure) {
        if self.state.run(id).is_some_and(|run| run.is_lift()) {
            return self.on_lift_failed(id, ix, failure);
        }
        self.waiting.remove(id, ix);
        self.turns.remove(id, ix);
        let Some(run) = self.state.run(id) else { return };
        let rolling_back = run.status() == RunStatus::RollingBack;
        let attempt = run.steps()[ix.index()].attempt();
        let agent = run.steps()[ix.index()].agent().filter(|_| failure.kind.impairs_agent());
        let retry_at = if rolling_back { None } else { self.retry_at(id, ix, &failure) };
        let failure = Arc::new(failure);
        if retry_at.is_none() && !rolling_back && self.is_to_be_asked_for(id, ix, &failure) {
            self.emit(Event::StepInDoubt { run: id, step: ix, attempt, failure: Some(failure) });
            if let Some(agent) = agent {
                self.watch_agent(agent);
            }
            return self.ask(id, ix, false);
        }
        let kept = Arc::clone(&failure);
        self.emit(Event::StepFailed { run: id, step: ix, attempt, failure: kept, retry_at });
        if let Some(agent) = agent {
            self.watch_agent(agent);
        }
        if retry_at.is_some() {
            return self.watch_step(id, ix);
        }
        if rolling_back {
            return self.roll_on(id);
        }
        self.on_step_given_up(id, ix, &failure.message);
    }

    fn retry_at(&self, id: RunId, ix: StepIx, failure: &Failure) -> Option<crate::model::Timestamp> {
        let definition = self.definition(id, ix)?;
        let step = self.state.run(id)?.steps().get(ix.index())?;
        // An effect in doubt is done again only where doing it twice equals doing it once (C3).
        let again = match failure.kind {
            FailureKind::NotSent => false,
            FailureKind::Answered | FailureKind::Unreachable => true,
            FailureKind::NoAnswer | FailureKind::TimedOut => step.action().is_some_and(|a| a.idempotent),
            FailureKind::Unverified => {
                step.found() == Some(&Presence::Absent) || step.action().is_some_and(|a| a.idempotent)
            }
        };
        let once_more = u32::from(definition.on_failure == OnFailure::RetryOnce);
        let attempts = definition.retry.attempts + once_more;
        if !again || step.attempt() >= attempts {
            return None;
        }
        let hash = mix(&[self.state.seed(), id.0, u64::from(ix.0), u64::from(step.attempt())]);
        if planted(Bug::BackoffIgnored) {
            return Some(self.now);
        }
        Some(self.now + definition.retry.backoff.delay(step.attempt(), hash))
    }

    pub(super) fn on_step_given_up(&mut self, id: RunId, ix: StepIx, message: &str) {
        let Some(run) = self.state.run(id) else { return };
        let why = format!("step `{}` failed: {message}", run.step_id(ix));
        let on_failure = self.definition(id, ix).map_or(OnFailure::Rollback, |step| step.on_failure);
        match on_failure {
            OnFailure::Continue if !planted(Bug::NonCriticalStops) => self.advance(id),
            OnFailure::Continue | OnFailure::Rollback | OnFailure::RetryOnce => {
                self.start_rollback(id, RollbackCause::Failure, &why, &Actor::engine());
            }
            OnFailure::Stop => {
                self.stop_steps(id, true);
                self.emit(Event::RunFailed { run: id, why: Arc::from(why) });
                self.after_bad_end(id);
            }
        }
    }

    /// Stops what runs. With `forget`, the steps are over at once and their answers will be stale.
    pub(super) fn stop_steps(&mut self, id: RunId, forget: bool) {
        let Some(run) = self.state.run(id) else { return };
        let running = run.steps().iter().enumerate().filter_map(|(i, step)| {
            let undo = step.undo_in_flight;
            let attempt = if undo { step.undo_attempt() } else { step.attempt() };
            let busy = undo || step.status() == StepStatus::Running;
            busy.then_some((StepIx(i as u16), attempt, undo))
        });
        let verifying = run.steps().iter().enumerate();
        let verifying = verifying.filter(|(_, step)| step.status() == StepStatus::Verifying);
        let verifying: Vec<StepIx> = verifying.map(|(i, _)| StepIx(i as u16)).collect();
        for (step, attempt, undo) in running.collect::<Vec<_>>() {
            self.wish(Effect::Stop { run: id, step, attempt, undo });
            match (forget, undo) {
                (true, false) => self.emit(Event::StepCancelled { run: id, step, in_doubt: true }),
                (true, true) => self.emit(Event::UndoInDoubt { run: id, step, attempt, failure: None }),
                (false, _) => {}
            }
        }
        // It was performed: there is nothing to stop, and nobody waits for what would be found.
        for step in verifying {
            self.emit(Event::StepCancelled { run: id, step, in_doubt: true });
        }
    }

    pub(super) fn complete(&mut self, id: RunId) {
        let Some(run) = self.state.run(id) else { return };
        let mut emitted = Vec::new();
        if RUN.check(run.status(), RunStatus::Completed, self.now, run, &mut emitted).is_err() {
            return;
        }
        self.emit(Event::RunCompleted { run: id });
        for event in emitted {
            if self.permits_incident(&event) {
                self.emit(event);
            }
        }
    }

    /// Whether what a callback emitted is a change that its incident may take now.
    fn permits_incident(&self, event: &Event) -> bool {
        let Event::IncidentChanged { incident, to, .. } = event else { return true };
        self.state.incident(*incident).is_some_and(|incident| {
            INCIDENT.check(incident.status(), *to, self.now, incident, &mut Vec::new()).is_ok()
        })
    }
}

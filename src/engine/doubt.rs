//! Steps in doubt (C3): what their action declares says how they are settled. Where the effect can be
//! asked for, it is, and the answer decides.

use std::sync::Arc;

use super::timers::TimerKey;
use super::{
    Acts, AgentKind, Effect, Engine, Event, Probe, ProbeOf, RunStatus, StepState, StepStatus, advance::key,
};
use crate::model::planted::{Bug, planted};
use crate::model::{Action, AgentId, Failure, FailureKind, ObligationId, Presence, RunId, Span, StepIx};
use crate::workflow::VerifiedBy;

/// How long the system may take to hand over what was killed.
const REAP: Span = Span::from_secs(2);

/// What settles a step in doubt, or an undo in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// It is done again, under the same key.
    Again,
    /// It is asked whether the effect is there.
    Ask,
    /// A person says.
    Park,
}

/// Who is asked, for what, and how long that may take.
struct Question {
    agent: AgentId,
    kind: AgentKind,
    action: Arc<Action>,
    timeout: Span,
    check: bool,
}

/// How soon it is asked again for what another run acted on meanwhile.
const MOOT: Span = Span::from_secs(5);

impl StepState {
    /// What settles it, in doubt. One that may be done twice is done again after a crash; where no answer
    /// came, its attempts are used up already.
    pub(super) fn remedy(&self) -> Remedy {
        match self.action() {
            _ if self.is_settled_again() => Remedy::Again,
            Some(_) if planted(Bug::DoubtRepeated) => Remedy::Again,
            Some(action) if action.idempotent && !(self.lost && action.probe) => Remedy::Again,
            Some(action) if action.probe => Remedy::Ask,
            _ => Remedy::Park,
        }
    }

    /// What settles its undo, in doubt.
    pub(super) fn undo_remedy(&self) -> Remedy {
        let probe = self.action().is_some_and(|action| action.probe);
        match self.undo() {
            Some(_) if planted(Bug::UndoDoubtRepeated) => Remedy::Again,
            Some(undo) if undo.idempotent && !(self.lost && probe) => Remedy::Again,
            _ if probe => Remedy::Ask,
            _ => Remedy::Park,
        }
    }

    /// Whether it is in doubt, and what was found out about it is nothing yet.
    pub(super) fn is_still_to_be_asked_for(&self) -> bool {
        self.remedy() == Remedy::Ask && (self.found().is_none() || self.until().is_some())
    }
}

impl Engine {
    /// Whether a step of a run that goes on is in doubt: what was done about another one may have turned
    /// the run round.
    pub(super) fn is_in_doubt(&self, id: RunId, ix: StepIx) -> bool {
        let run = self.state.run(id).filter(|run| run.status() == RunStatus::Running);
        let step = run.and_then(|run| run.steps().get(ix.index()));
        step.is_some_and(|step| step.status() == StepStatus::InDoubt)
    }

    /// Whether the effect of an attempt that failed this way is asked for before it counts as failed.
    pub(super) fn is_to_be_asked_for(&self, id: RunId, ix: StepIx, failure: &Failure) -> bool {
        let step = self.state.run(id).and_then(|run| run.steps().get(ix.index()));
        matches!(failure.kind, FailureKind::NoAnswer | FailureKind::TimedOut)
            && step.and_then(StepState::action).is_some_and(|action| action.probe)
    }

    /// Asks whether the effect of a step is there: in doubt, or to verify it. While everything is halted
    /// nothing new is asked; it is when the halt is over.
    pub(super) fn ask(&mut self, id: RunId, ix: StepIx, undo: bool) {
        if self.holds(id) || !self.is_open_question(id, ix, undo) {
            return;
        }
        let Question { agent, kind, action, timeout, check } = match self.question(id, ix) {
            Ok(question) => question,
            Err(why) => return self.on_found(id, ix, undo, &Presence::Unknown(why)),
        };
        let Some(run) = self.state.run(id) else { return };
        let Some(step) = run.steps().get(ix.index()) else { return };
        let attempt = if undo { step.undo_attempt() } else { step.attempt() };
        let of = ProbeOf::Step { run: id, step: ix, attempt, undo };
        let lifted = run.lifted_by_step(ix).and_then(|lifted| self.state.ledger().get(lifted));
        let (run, name) = lifted.map_or((id, run.step_id(ix)), |obligation| obligation.origin());
        let mut key = key(self.state.seed(), run, name, false);
        if check {
            key = Arc::from(format!("{key}:verify"));
        }
        // What was cut short ends first.
        let grace = if step.lost { self.grace(agent, &action.name) } else { Span::ZERO };
        let deadline = self.now + timeout + grace;
        self.emit(Event::StepProbing { run: id, step: ix, attempt, undo, agent, until: deadline });
        self.timers.arm(deadline, TimerKey::Step(id, ix));
        self.wish(Effect::Probe(Probe { of, agent, kind, action, key, deadline, check }));
    }

    fn grace(&self, agent: AgentId, action: &str) -> Span {
        match self.library.spec(agent).and_then(|spec| Some(&spec.actions.get(action)?.means)) {
            Some(super::Means::Exec(exec)) => Span(exec.grace.0 + REAP.0),
            _ => Span::ZERO,
        }
    }

    /// Whether it is still of interest: what an answer to another question set off may have gone past it.
    fn is_open_question(&self, id: RunId, ix: StepIx, undo: bool) -> bool {
        let run = self.state.run(id).filter(|run| !run.status().is_terminal());
        let Some(step) = run.and_then(|run| run.steps().get(ix.index())) else { return false };
        match step.status() {
            StepStatus::InDoubt | StepStatus::Verifying => !undo,
            StepStatus::UndoInDoubt => undo,
            StepStatus::Undoing => undo && step.undo_performed,
            _ => false,
        }
    }

    fn question(&self, id: RunId, ix: StepIx) -> Result<Question, String> {
        if self.setup.acts == Acts::Never {
            return Err("a replay of a real setup looks at nothing".to_owned());
        }
        let step = self.state.run(id).and_then(|run| run.steps().get(ix.index()));
        let step = step.ok_or("the step is not known")?;
        let definition = self.definition(id, ix);
        let verify = definition.and_then(|step| step.verify.as_ref());
        if let (StepStatus::Verifying, Some(definition), Some(VerifiedBy::Action { action, with })) =
            (step.status(), definition, verify.map(|verify| &verify.by))
        {
            let (agent, action) =
                self.in_scope(id, |scope| self.library.resolve_check(definition, action, with, scope))?;
            let kind = self.library.spec(agent).map_or(AgentKind::Drill, |spec| spec.kind);
            return Ok(Question { agent, kind, action, timeout: definition.timeout, check: true });
        }
        if let Some(lifted) = self.state.run(id).and_then(|run| run.lifted_by_step(ix)) {
            return self.question_about(lifted);
        }
        let action = step.action.clone().ok_or("it was never begun")?;
        let mut able = step.agent.iter().chain(self.candidates(id, ix, false)).filter_map(|agent| {
            let spec = self.library.spec(*agent)?;
            let probe = spec.actions.get(&action.name)?.probe.as_ref()?;
            Some((*agent, spec.kind, probe.timeout))
        });
        let (agent, kind, timeout) =
            able.next().ok_or_else(|| format!("no agent of this setup has a probe for `{}`", action.name))?;
        Ok(Question { agent, kind, action, timeout, check: false })
    }

    /// Asks for an effect that is being lifted.
    fn question_about(&self, lifted: ObligationId) -> Result<Question, String> {
        let obligation = self.state.ledger().get(lifted).ok_or("it is not known any more")?;
        let action = Arc::clone(obligation.action());
        let found = self.prober(obligation).and_then(|agent| {
            let spec = self.library.spec(agent)?;
            let timeout = spec.actions.get(&action.name)?.probe.as_ref()?.timeout;
            Some((agent, spec.kind, timeout))
        });
        let (agent, kind, timeout) =
            found.ok_or_else(|| format!("no agent of this setup has a probe for `{}`", action.name))?;
        Ok(Question { agent, kind, action, timeout, check: false })
    }

    /// An answer to what was asked. One that nobody waits for any more is ignored and counted.
    pub(super) fn on_probed(&mut self, of: ProbeOf, found: &Presence) {
        let (run, step, attempt, undo) = match of {
            ProbeOf::Obligation(id) => return self.on_obligation_probed(id, found),
            ProbeOf::Step { run, step, attempt, undo } => (run, step, attempt, undo),
        };
        let state = self.state.run(run).filter(|run| !run.status().is_terminal());
        let state = state.and_then(|run| run.steps().get(step.index()));
        let current = state.is_some_and(|state| {
            let (about_undo, now) = match state.status() {
                StepStatus::InDoubt | StepStatus::Verifying => (false, state.attempt()),
                _ => (true, state.undo_attempt()),
            };
            state.is_probing() && about_undo == undo && now == attempt
        });
        match current {
            true => self.on_found(run, step, undo, found),
            false => self.stale += 1,
        }
    }

    /// The time of a question is over, or the time has come to ask again.
    pub(super) fn on_probe_due(&mut self, id: RunId, ix: StepIx, undo: bool) {
        let probing =
            self.state.run(id).and_then(|run| run.steps().get(ix.index())).is_some_and(StepState::is_probing);
        match probing {
            true => self.on_found(id, ix, undo, &Presence::Unknown("no answer in time".to_owned())),
            false => self.ask(id, ix, undo),
        }
    }

    fn on_found(&mut self, id: RunId, ix: StepIx, undo: bool, found: &Presence) {
        let Some(step) = self.state.run(id).and_then(|run| run.steps().get(ix.index())) else { return };
        if self.is_moot(id, ix) {
            // A person who has to say what comes of another step says it of this one too.
            let goes_on = self.state.run(id).is_some_and(|run| run.status() != RunStatus::Parked);
            let found = Presence::Unknown("another run acted on its target meanwhile".to_owned());
            self.found(id, ix, undo, &found, goes_on.then(|| self.now + MOOT));
            return self.watch_step(id, ix);
        }
        let is_lift = self.state.run(id).is_some_and(|run| run.is_lift());
        match (step.status(), undo) {
            (StepStatus::InDoubt, false) if is_lift => self.settle_lift_by(id, ix, found),
            (StepStatus::InDoubt, false) => self.settle_by(id, ix, found),
            (StepStatus::Verifying, false) => self.on_verified(id, ix, found),
            (StepStatus::UndoInDoubt, true) => self.settle_undo_by(id, ix, found),
            (StepStatus::Undoing, true) => self.on_undo_verified(id, ix, found),
            _ => {}
        }
    }

    /// Whether another run acted on the target of a step in doubt while it was asked for: then the answer may say
    /// what was there before.
    fn is_moot(&self, id: RunId, ix: StepIx) -> bool {
        let Some(run) = self.state.run(id).filter(|run| !run.is_lift()) else { return false };
        let Some(step) = run.steps().get(ix.index()) else { return false };
        let asked = step.status() == StepStatus::InDoubt && step.is_probing();
        asked && !step.leased && self.state.target_of(id, ix).is_some()
    }

    /// Records what was found.
    pub(super) fn found(
        &mut self,
        id: RunId,
        ix: StepIx,
        undo: bool,
        found: &Presence,
        again_at: Option<crate::model::Timestamp>,
    ) {
        let Some(step) = self.state.run(id).and_then(|run| run.steps().get(ix.index())) else { return };
        let attempt = if undo { step.undo_attempt() } else { step.attempt() };
        let found = Box::new(found.clone());
        self.emit(Event::StepProbed { run: id, step: ix, attempt, undo, found, again_at });
    }

    /// A step in doubt was asked for: present, it is done; absent, it is done again; else a person says.
    fn settle_by(&mut self, id: RunId, ix: StepIx, found: &Presence) {
        self.found(id, ix, false, found, None);
        let Some(step) = self.state.run(id).and_then(|run| run.steps().get(ix.index())) else { return };
        let (attempt, lost) = (step.attempt(), step.lost);
        let before = step.failure().filter(|_| lost);
        let before = before.map_or("it was cut short", |failure| &*failure.message).to_owned();
        let message = format!("its effect is absent ({before})");
        match found {
            Presence::Absent if planted(Bug::AbsentIsPresent) => {
                self.on_found_done(id, ix);
                self.go_on(id);
            }
            Presence::Present => {
                self.on_found_done(id, ix);
                self.go_on(id);
            }
            Presence::Absent if lost => {
                self.on_step_failed(id, ix, Failure { kind: FailureKind::Answered, message });
            }
            Presence::Absent => {
                // A crash is nobody's failure: it does not count as an attempt.
                let failure = Arc::new(Failure { kind: FailureKind::NotSent, message });
                let retry_at = Some(self.now);
                self.emit(Event::StepFailed { run: id, step: ix, attempt, failure, retry_at });
                self.watch_step(id, ix);
            }
            Presence::Unknown(_) => self.park_in_doubt(id, ix, &format!("whether it acted is {found}")),
        }
    }

    /// A person has to say what became of a step.
    pub(super) fn park_in_doubt(&mut self, id: RunId, ix: StepIx, why: &str) {
        let Some(run) = self.state.run(id) else { return };
        if !matches!(run.status(), RunStatus::Running | RunStatus::Paused) {
            return;
        }
        let lost = run.steps().get(ix.index()).filter(|step| step.lost).and_then(StepState::failure);
        let how = lost.map_or("it was cut short", |failure| &*failure.message);
        let why = format!("step `{}` is in doubt: {how}, and {why}", run.step_id(ix));
        self.emit(Event::RunParked { run: id, why: Arc::from(why) });
    }

    /// An undo in doubt was asked for: absent, it is undone; present, it is undone again.
    fn settle_undo_by(&mut self, id: RunId, ix: StepIx, found: &Presence) {
        self.found(id, ix, true, found, None);
        let attempt = self.undo_attempt(id, ix);
        match found {
            Presence::Absent => {
                self.emit(Event::UndoSucceeded { run: id, step: ix, attempt });
                self.roll_on(id);
            }
            Presence::Present => {
                let message = "no answer came to the undo, and its effect is still there".to_owned();
                self.on_undo_failed(id, ix, Failure { kind: FailureKind::Answered, message });
            }
            Presence::Unknown(_) => {
                let message = format!("in doubt: whether it is undone is {found}");
                self.on_undo_failed(id, ix, Failure { kind: FailureKind::NotSent, message });
            }
        }
    }
}

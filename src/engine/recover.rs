//! Starting is recovering (C8): the journal is folded, and what was in doubt is settled.

use std::fmt;
use std::sync::Arc;

use super::advance::key;
use super::doubt::Remedy;
use super::{
    AgentKind, Effect, Engine, Event, IllegalEvent, JournalKind, Record, RunStatus, Setup, State, StepState,
    StepStatus, StepWait, Task,
};
use crate::model::planted::{self, Bug, planted};
use crate::model::{Action, Failure, FailureKind, RunId, StepIx, Timestamp};

/// Why a journal cannot be taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayError {
    /// A record does not fit the ones before it.
    Illegal(IllegalEvent),
    /// The journal is for exercise and the setup for real, or the other way round.
    Kind {
        /// What the journal is for.
        journal: JournalKind,
        /// What the setup is for.
        setup: JournalKind,
    },
    /// The journal has no first record.
    Empty,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplayError::Illegal(illegal) => illegal.fmt(f),
            ReplayError::Kind { journal, setup } => {
                write!(f, "the journal is for {}, the setup for {}", journal.name(), setup.name())
            }
            ReplayError::Empty => f.write_str("the journal does not begin with its opening record"),
        }
    }
}

impl std::error::Error for ReplayError {}

impl From<IllegalEvent> for ReplayError {
    fn from(illegal: IllegalEvent) -> Self {
        ReplayError::Illegal(illegal)
    }
}

fn check_kind(state: &State, setup: &Setup) -> Result<(), ReplayError> {
    match state.kind() {
        None => Err(ReplayError::Empty),
        Some(journal) if journal != setup.kind => Err(ReplayError::Kind { journal, setup: setup.kind }),
        Some(_) => Ok(()),
    }
}

impl Engine {
    /// Rebuilds from the journal. The output settles what was in doubt, before work goes on.
    ///
    /// # Errors
    /// If the records cannot have been written by this program, or are of the other kind.
    pub fn recover(
        records: impl IntoIterator<Item = Record>,
        setup: Arc<Setup>,
        version: &str,
        now: Timestamp,
    ) -> Result<(Engine, super::Output), ReplayError> {
        let mut state = State::new();
        for record in records {
            state.apply(&record)?;
        }
        Engine::resume(state, setup, version, now)
    }

    /// As [`Engine::recover`], from a state that was folded already.
    ///
    /// # Errors
    /// If the state is of the other kind, or of an empty journal.
    pub fn resume(
        state: State,
        setup: Arc<Setup>,
        version: &str,
        now: Timestamp,
    ) -> Result<(Engine, super::Output), ReplayError> {
        check_kind(&state, &setup)?;
        let now = now.max(state.now());
        planted::restarted(state.seq());
        let mut engine = Engine::with(state, setup, now);
        if planted(Bug::DedupLost) {
            engine.state.by_dedup.clear();
        }
        engine.emit(Event::Recovered { version: Arc::from(version) });
        engine.disarm_edited();
        let live = engine.live_runs();
        for run in &live {
            engine.doubt(*run);
        }
        engine.join_agents();
        for run in &live {
            engine.keep_text(*run);
            engine.ask_again(*run);
            engine.settle(*run);
        }
        if !planted(Bug::ExpiryLost) {
            engine.watch_ledger();
        }
        engine.spare_protected();
        engine.reconcile();
        engine.dispatch_turns();
        engine.dispatch_waiting();
        let output = engine.take_output();
        Ok((engine, output))
    }

    /// An engine on a journal that nobody works on, for requests that set nothing off: no agent joins,
    /// and no run goes on. Its output is what follows from the setup alone.
    ///
    /// # Errors
    /// If the state is of the other kind, or of an empty journal.
    pub fn attend(
        state: State,
        setup: Arc<Setup>,
        now: Timestamp,
    ) -> Result<(Engine, super::Output), ReplayError> {
        check_kind(&state, &setup)?;
        let now = now.max(state.now());
        let mut engine = Engine::with(state, setup, now);
        engine.draining = true;
        engine.library = super::bound::Library::bind(&engine.setup, &engine.state);
        engine.disarm_edited();
        let output = engine.take_output();
        Ok((engine, output))
    }

    /// Journals what is held back in memory only. Called before a clean stop.
    pub fn close(&mut self, now: Timestamp) -> super::Output {
        self.now = self.now.max(now);
        self.journal_all_repeats();
        self.take_output()
    }

    pub(super) fn live_runs(&self) -> Vec<RunId> {
        self.state.runs().filter(|run| !run.status().is_terminal()).map(|run| run.id()).collect()
    }

    /// Every intent without an outcome is in doubt (C3), except that a person who was asked is asked still.
    pub(super) fn doubt(&mut self, id: RunId) {
        let Some(run) = self.state.run(id) else { return };
        let intents = run.steps().iter().enumerate().filter_map(|(i, step)| {
            let ix = StepIx(i as u16);
            match step.status() {
                _ if self.still_asked(step) => None,
                StepStatus::Running => {
                    Some(Event::StepInDoubt { run: id, step: ix, attempt: step.attempt(), failure: None })
                }
                StepStatus::Undoing if step.undo_in_flight => Some(Event::UndoInDoubt {
                    run: id,
                    step: ix,
                    attempt: step.undo_attempt(),
                    failure: None,
                }),
                _ => None,
            }
        });
        for event in intents.collect::<Vec<_>>() {
            self.emit(event);
        }
    }

    /// Whether a question stands, and the setup still asks people in that agent's name.
    fn still_asked(&self, step: &StepState) -> bool {
        let agent = step.agent().and_then(|id| self.state.agent(id));
        step.is_asked()
            && agent.is_some_and(|agent| {
                let spec = self.setup.agents.iter().find(|spec| *spec.name == *agent.name());
                spec.is_some_and(|spec| spec.kind == AgentKind::Manual)
            })
    }

    /// The key under which a step, its undo or a lift is performed: that of an undo is of the effect (C4).
    fn key_of(&self, run: RunId, ix: StepIx, undo: bool) -> Arc<str> {
        let seed = self.state.seed();
        let lifted = self.state.run(run).and_then(|run| run.lifted_by_step(ix));
        let entry = match lifted {
            Some(lifted) => self.state.ledger().get(lifted),
            None => self.state.obligation_of(run, ix).filter(|_| undo),
        };
        let name = self.state.run(run).map_or("?", |run| run.step_id(ix));
        match entry.map(|obligation| obligation.origin()) {
            Some((origin, step)) => key(seed, origin, step, true),
            None => key(seed, run, name, undo),
        }
    }

    fn asked_action(&self, run: RunId, ix: StepIx, undo: bool) -> Option<Arc<Action>> {
        let step = self.state.run(run)?.steps().get(ix.index())?;
        let owed = self.state.obligation_of(run, ix).and_then(|obligation| obligation.undo());
        match undo {
            true => owed.or(step.undo.as_ref()).cloned(),
            false => step.action.clone(),
        }
    }

    /// Puts the questions that stand again: the same attempt, under the same key and deadline.
    fn ask_again(&mut self, id: RunId) {
        let Some(run) = self.state.run(id) else { return };
        let task = |ix: StepIx| {
            let step = run.steps().get(ix.index())?;
            let undo = step.undo_in_flight();
            let action = self.asked_action(id, ix, undo)?;
            Some(Task {
                run: id,
                step: ix,
                attempt: if undo { step.undo_attempt() } else { step.attempt() },
                undo,
                agent: step.agent()?,
                kind: AgentKind::Manual,
                key: self.key_of(id, ix, undo),
                deadline: step.until()?,
                epoch: self.state.epoch_of(id, ix, &action),
                action,
                probe_first: false,
                context: self.context(id, ix, step.agent()?),
            })
        };
        for task in run.asked_steps().filter_map(task).collect::<Vec<_>>() {
            self.wish(Effect::Perform(task));
        }
    }

    /// A run keeps the workflow text that it began with (C17).
    pub(super) fn keep_text(&mut self, id: RunId) {
        let Some(run) = self.state.run(id) else { return };
        let (name, hash) = (format!("{}@{}", run.workflow(), run.hash()), run.hash());
        if self.library.get(hash).is_some() {
            return;
        }
        let text = self.state.workflow_text(hash).cloned();
        if let Some(workflow) = text.and_then(|text| crate::workflow::parse(&name, &text).ok()) {
            self.library.add(&Arc::new(workflow));
        }
    }

    /// Settles what is in doubt by what the action declares, arms the timers, and goes on.
    pub(super) fn settle(&mut self, id: RunId) {
        let Some(run) = self.state.run(id) else { return };
        if run.is_lift() && run.status() == RunStatus::Running {
            return self.settle_lift(id);
        }
        if self.library.get(run.hash()).is_none() && !run.is_lift() {
            let why = Arc::from("the text of its workflow cannot be read by this release");
            match run.status() {
                RunStatus::Running | RunStatus::Paused => self.emit(Event::RunParked { run: id, why }),
                RunStatus::RollingBack => self.emit(Event::RunStuck { run: id, why }),
                _ => {}
            }
            return;
        }
        match run.status() {
            RunStatus::Running | RunStatus::Paused => self.settle_forward(id),
            RunStatus::RollingBack => self.settle_rollback(id),
            RunStatus::Parked => self.ask_verifying(id),
            _ => {}
        }
    }

    /// A critical step failed, and the journal ends before the consequence.
    fn settle_failed(&mut self, id: RunId) -> bool {
        let Some(run) = self.state.run(id) else { return false };
        let steps = run.steps().iter().zip(&run.plan().steps).enumerate();
        let mut failed = steps.filter(|(_, (s, plan))| s.status() == StepStatus::Failed && plan.critical);
        let Some((i, (step, _))) = failed.next() else { return false };
        let message = step.failure().map_or_else(String::new, |failure| failure.message.clone());
        self.on_step_given_up(id, StepIx(i as u16), &message);
        true
    }

    fn settle_forward(&mut self, id: RunId) {
        if self.settle_failed(id) {
            return;
        }
        self.settle_denied(id);
        if !planted(Bug::TimersLost) {
            self.watch_run(id);
        }
        self.requeue(id);
        let Some(run) = self.state.run(id) else { return };
        let places = run.steps().iter().enumerate().map(|(i, step)| (StepIx(i as u16), step));
        let in_doubt = places.filter(|(_, step)| step.status() == StepStatus::InDoubt);
        let in_doubt: Vec<(StepIx, Remedy)> = in_doubt.map(|(ix, step)| (ix, step.remedy())).collect();
        self.ask_verifying(id);
        for (step, _) in in_doubt.iter().filter(|(_, remedy)| *remedy == Remedy::Ask) {
            self.ask(id, *step, false);
        }
        if let Some((step, _)) = in_doubt.iter().find(|(_, remedy)| *remedy == Remedy::Park) {
            return self.park_in_doubt(id, *step, "doing it twice may harm");
        }
        let paused = self.state.run(id).is_some_and(|run| run.status() == RunStatus::Paused);
        for (step, _) in in_doubt.iter().filter(|(_, remedy)| *remedy == Remedy::Again && !paused) {
            if self.is_in_doubt(id, *step) {
                self.start_and_go_on(id, *step);
            }
        }
        self.advance(id);
    }

    /// What was performed and is being verified is asked for anew. While a person has to say what comes of
    /// another step, so is what was in doubt and asked for: its turn at its target ends with the answer.
    fn ask_verifying(&mut self, id: RunId) {
        let Some(run) = self.state.run(id) else { return };
        let parked = run.status() == RunStatus::Parked;
        let steps = run.steps().iter().enumerate();
        let verifying = steps.filter(|(_, step)| match step.status() {
            StepStatus::Verifying => true,
            StepStatus::InDoubt => parked && step.is_probing(),
            _ => false,
        });
        for step in verifying.map(|(i, _)| StepIx(i as u16)).collect::<Vec<_>>() {
            self.ask(id, step, false);
        }
    }

    /// Steps that waited for an agent or for their turn do so again; without their place in the queue they would be
    /// taken for steps that wait for their next attempt.
    pub(super) fn requeue(&mut self, id: RunId) {
        let Some(run) = self.state.run(id) else { return };
        let waits = run.steps().iter().enumerate().filter_map(|(i, step)| {
            let waits = step.waits_for().is_some_and(|wait| wait != StepWait::Retry);
            waits.then_some(StepIx(i as u16))
        });
        for step in waits.collect::<Vec<_>>() {
            self.enqueue(id, step, false);
        }
    }

    fn settle_rollback(&mut self, id: RunId) {
        if !planted(Bug::TimersLost) {
            self.watch_run(id);
        }
        let Some(run) = self.state.run(id) else { return };
        let steps = run.steps().iter().enumerate();
        let (mut forward, mut undo) = (Vec::new(), None);
        for (i, step) in steps {
            match step.status() {
                StepStatus::InDoubt => forward.push(StepIx(i as u16)),
                StepStatus::UndoInDoubt => undo = Some((StepIx(i as u16), step.undo_remedy())),
                StepStatus::Undoing if step.undo_performed => undo = Some((StepIx(i as u16), Remedy::Ask)),
                _ => {}
            }
        }
        for step in forward {
            self.emit(Event::StepCancelled { run: id, step, in_doubt: true });
        }
        match undo {
            Some((step, Remedy::Again)) => self.begin_undo(id, step),
            Some((step, Remedy::Ask)) => self.ask(id, step, true),
            Some((step, Remedy::Park)) => {
                let message = "in doubt: it was cut short, and doing it twice may harm".to_owned();
                self.on_undo_failed(id, step, Failure { kind: FailureKind::NotSent, message });
            }
            None => self.roll_on(id),
        }
    }
}

impl JournalKind {
    /// Its word for people.
    pub fn name(self) -> &'static str {
        match self {
            JournalKind::Exercise => "exercise",
            JournalKind::Real => "real",
        }
    }
}

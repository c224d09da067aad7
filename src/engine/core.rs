//! The engine itself: its parts, and the one door through which everything enters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::bound::Library;
use super::expiry::Expiries;
use super::lease::Turns;
use super::mailbox::Mailbox;
use super::timers::TimerKey;
use super::waiting::Waiting;
use super::{Actor, AgentSpec, AgentStatus, Effect, Event, Input, Output, Record, Setup, State};
use crate::flow::timers::Timers;
use crate::model::planted::{Bug, planted};
use crate::model::{AgentId, IncidentId, ObligationId, Timestamp};

/// The orchestration engine: a deterministic state machine without I/O.
pub struct Engine {
    pub(super) state: State,
    pub(super) setup: Arc<Setup>,
    pub(super) library: Library,
    pub(super) timers: Timers<TimerKey>,
    /// Steps and undos that wait for an agent.
    pub(super) waiting: Waiting,
    /// Steps, undos and lifts that wait for their turn at a target.
    pub(super) turns: Turns,
    /// When effects end.
    pub(super) expiries: Expiries,
    /// Entries of the ledger that are protected, and could not be lifted yet.
    pub(super) to_spare: BTreeSet<ObligationId>,
    /// Repeats that are not journaled yet.
    pub(super) mailbox: BTreeMap<IncidentId, Mailbox>,
    pub(super) mailboxes: u64,
    pub(super) now: Timestamp,
    /// Nothing new is started: see [`Input::Drain`].
    pub(super) draining: bool,
    /// Answers to attempts that are over; each was ignored.
    pub(super) stale: u64,
    out: Output,
}

impl Engine {
    /// An engine on an empty journal. The output opens the journal and lets the agents join.
    pub fn new(setup: Arc<Setup>, version: &str, seed: u64, now: Timestamp) -> (Engine, Output) {
        let mut engine = Engine::with(State::new(), setup, now);
        engine.emit(Event::JournalOpened { kind: engine.setup.kind, version: Arc::from(version), seed });
        engine.join_agents();
        let output = engine.take_output();
        (engine, output)
    }

    pub(super) fn with(state: State, setup: Arc<Setup>, now: Timestamp) -> Engine {
        Engine {
            state,
            setup,
            library: Library::default(),
            timers: Timers::new(),
            waiting: Waiting::default(),
            turns: Turns::default(),
            expiries: Expiries::default(),
            to_spare: BTreeSet::new(),
            mailbox: BTreeMap::new(),
            mailboxes: 0,
            now,
            draining: false,
            stale: 0,
            out: Output::default(),
        }
    }

    /// Takes one input and says what became true and what should be done about it.
    /// `now` never goes back: an earlier one counts as the last one.
    pub fn handle(&mut self, input: Input, now: Timestamp) -> Output {
        self.now = self.now.max(now);
        match input {
            Input::Detection(detection) => self.on_detection(detection),
            Input::StepFinished { run, step, attempt, undo, outcome } => {
                self.on_step_finished(run, step, attempt, undo, outcome);
            }
            Input::Probed { of, found } => self.on_probed(of, &found),
            Input::Request { id, by, seen, request } => self.on_request(id, &by, seen, request),
            Input::Refuse { id, by, request, why } => self.refuse(id, by, request, why),
            Input::ClockJumped { by, ahead } => self.emit(Event::ClockJumped { by, ahead }),
            Input::Tick => self.on_tick(),
            Input::Drain => self.draining = true,
        }
        self.end_of_input()
    }

    /// What is done after everything that was handled.
    pub(super) fn end_of_input(&mut self) -> Output {
        self.spare_late();
        self.dispatch_turns();
        self.dispatch_waiting();
        self.retire();
        self.retire_obligations();
        self.compact_timers();
        self.take_output()
    }

    /// When to call back with [`Input::Tick`], if nothing else happens.
    pub fn next_deadline(&mut self) -> Option<Timestamp> {
        let (state, mailbox, setup) = (&self.state, &self.mailbox, &self.setup);
        self.timers.next(|at, key| key.is_live(at, state, mailbox, setup))
    }

    /// Everything that is true.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What it works with.
    pub fn setup(&self) -> &Arc<Setup> {
        &self.setup
    }

    /// Answers that came too late and were ignored.
    pub fn stale_answers(&self) -> u64 {
        self.stale
    }

    /// Records a fact: it is folded at once, and leaves with the output.
    ///
    /// # Panics
    /// If the state refuses it: the engine decided what it may not, a mistake in the code. The
    /// journal does not get the record.
    pub(super) fn emit(&mut self, event: Event) {
        let record = Record { seq: self.state.seq() + 1, at: self.now, event };
        if let Err(illegal) = self.state.apply(&record) {
            panic!("the engine may not say {:?}: {illegal}", record.event);
        }
        self.note_freed(&record.event);
        self.note_end(&record.event);
        self.out.records.push(record);
    }

    pub(super) fn wish(&mut self, effect: Effect) {
        if planted(Bug::PerformedTwice) && matches!(effect, Effect::Perform(_)) {
            self.out.effects.push(effect.clone());
        }
        self.out.effects.push(effect);
    }

    pub(super) fn take_output(&mut self) -> Output {
        std::mem::take(&mut self.out)
    }

    /// Lets the agents of the setup join, those of earlier setups leave, and binds the workflows to them.
    pub(super) fn join_agents(&mut self) {
        let setup = Arc::clone(&self.setup);
        for spec in &setup.agents {
            let known = self.state.agents().iter().find(|agent| agent.name() == &*spec.name);
            let agent = known.map_or(AgentId(self.state.agents().len() as u32), |agent| agent.id());
            self.join_agent(agent, spec);
        }
        self.leave_agents();
        self.library = Library::bind(&setup, &self.state);
    }

    /// Lets one agent join, as it is in the setup.
    pub(super) fn join_agent(&mut self, agent: AgentId, spec: &AgentSpec) {
        self.emit(Event::AgentJoined {
            agent,
            name: Arc::clone(&spec.name),
            role: Arc::clone(&spec.role),
            kind: spec.kind,
            concurrency: spec.concurrency,
        });
        self.emit(Event::AgentChanged { agent, to: AgentStatus::Idle, why: Arc::from("ready") });
    }

    /// Lets those leave that the setup does not have, and says how many.
    pub(super) fn leave_agents(&mut self) -> usize {
        let setup = Arc::clone(&self.setup);
        let gone: Vec<AgentId> = self
            .state
            .agents_present()
            .filter(|agent| !setup.agents.iter().any(|spec| *spec.name == *agent.name()))
            .map(|agent| agent.id())
            .collect();
        for agent in &gone {
            let why = Arc::from("no longer in the setup");
            self.emit(Event::AgentChanged { agent: *agent, to: AgentStatus::ShuttingDown, why });
        }
        gone.len()
    }

    /// Finished runs and closed incidents leave the state over the limit or the age (by a record).
    fn retire(&mut self) {
        let limits = &self.setup.limits;
        // Together, so that it is not a record for each; few, since to let go of a run takes a microsecond.
        let slack = (limits.finished / 10).clamp(1, 100);
        let over = |len: usize| if len >= limits.finished + slack { len - limits.finished } else { 0 };
        let old = |at: &Timestamp| self.now.since(*at) > limits.finished_for;
        let (finished, closed) = (&self.state.finished, &self.state.closed);
        if over(finished.len()) + over(closed.len()) == 0
            && !finished.front().is_some_and(|(at, _)| old(at))
            && !closed.front().is_some_and(|(at, _)| old(at))
        {
            return;
        }
        let leave = |i: usize, len: usize, at: &Timestamp| i < over(len) || (i < 100 && old(at));
        let runs = finished.iter().enumerate();
        let runs = runs.take_while(|(i, (at, _))| leave(*i, finished.len(), at)).map(|(_, (_, run))| *run);
        let incidents = closed.iter().enumerate();
        let incidents =
            incidents.take_while(|(i, (at, _))| leave(*i, closed.len(), at)).map(|(_, (_, inc))| *inc);
        let (runs, incidents) = (runs.collect(), incidents.collect());
        self.emit(Event::Retired { runs, incidents });
    }

    /// The engine as the author of what it does by itself.
    pub(super) fn itself() -> Actor {
        Actor::engine()
    }
}

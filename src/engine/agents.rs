//! Agents as the engine sees them: lifecycle, load, and how well they did lately.

use std::sync::{Arc, LazyLock};

use super::{AgentKind, Event};
use crate::flow::machine::{Chart, Machine, Place, Source, Superstate, Transition};
use crate::flow::ring::Ring;
use crate::model::planted::{Bug, planted};
use crate::model::{AgentId, Span, Timestamp};
use crate::states;

states!(
    /// Where an agent stands (S1.2).
    AgentStatus {
        /// Not ready yet.
        Initializing = "initializing",
        /// Nothing in flight.
        Idle = "idle",
        /// At least one step in flight.
        Executing = "executing",
        /// It did not answer.
        Error = "error",
        /// Coming back; not selected yet.
        Degraded = "degraded",
        /// Leaving.
        ShuttingDown = "shutting_down",
    }
);

/// The lifecycle of agents.
pub static AGENT: LazyLock<Machine<AgentStatus, AgentState, Event>> = LazyLock::new(|| {
    use AgentStatus::*;
    const fn go(
        from: Source<AgentStatus>,
        to: AgentStatus,
        on: &'static str,
    ) -> Transition<AgentStatus, AgentState, Event> {
        Transition { from, to, on, guard: None, callback: None }
    }
    Machine::new(Chart {
        name: "agent",
        initial: Initializing,
        superstates: &[
            Superstate { name: "Available", of: &[Idle, Executing] },
            Superstate { name: "Impaired", of: &[Error, Degraded] },
            Superstate { name: "Present", of: &[Initializing, Idle, Executing, Error, Degraded] },
        ],
        transitions: const {
            &[
                go(Source::States(&[Initializing]), Idle, "ready"),
                go(Source::States(&[Idle]), Executing, "a step starts"),
                go(Source::States(&[Executing]), Idle, "the last step in flight ends"),
                go(Source::States(&[Initializing, Idle, Executing]), Error, "no answer"),
                go(Source::States(&[Error, Idle]), Degraded, "coming back"),
                go(Source::States(&[Degraded]), Idle, "probes pass, or the recovery time is over"),
                go(Source::Within("Present"), ShuttingDown, "removed, or quell stops"),
            ]
        },
    })
});

/// How many outcomes the success rate and the mean response look back on.
const WINDOW: usize = 100;

/// One agent.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentState {
    pub(super) id: AgentId,
    pub(super) name: Arc<str>,
    pub(super) role: Arc<str>,
    pub(super) kind: AgentKind,
    pub(super) concurrency: u32,
    pub(super) place: Place<AgentStatus, 8>,
    pub(super) in_flight: u32,
    pub(super) outcomes: Ring<(bool, Span)>,
    pub(super) recent_successes: u32,
    pub(super) recent_response: Span,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) last_run: Option<crate::model::RunId>,
}

impl AgentState {
    pub(super) fn new(
        id: AgentId,
        name: Arc<str>,
        role: Arc<str>,
        kind: AgentKind,
        concurrency: u32,
        at: Timestamp,
    ) -> Self {
        AgentState {
            id,
            name,
            role,
            kind,
            concurrency,
            place: Place::new(AgentStatus::Initializing, at),
            in_flight: 0,
            outcomes: Ring::new(WINDOW),
            recent_successes: 0,
            recent_response: Span::ZERO,
            succeeded: 0,
            failed: 0,
            last_run: None,
        }
    }

    /// Its id.
    pub fn id(&self) -> AgentId {
        self.id
    }
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// Its role.
    pub fn role(&self) -> &str {
        &self.role
    }
    /// How it acts.
    pub fn kind(&self) -> AgentKind {
        self.kind
    }
    /// Where it stands.
    pub fn status(&self) -> AgentStatus {
        self.place.now()
    }
    /// Since when it stands there.
    pub fn since(&self) -> Timestamp {
        self.place.since()
    }
    /// The states before, with the time at which each was entered, oldest first.
    pub fn history(&self) -> impl Iterator<Item = (AgentStatus, Timestamp)> + '_ {
        self.place.history()
    }
    /// Steps that it works on now.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }
    /// Steps that it may work on at once.
    pub fn concurrency(&self) -> u32 {
        self.concurrency
    }
    /// Attempts that succeeded and failed, in all.
    pub fn totals(&self) -> (u64, u64) {
        (self.succeeded, self.failed)
    }
    /// The run that it worked for last.
    pub fn last_run(&self) -> Option<crate::model::RunId> {
        self.last_run
    }

    /// Share of the last 100 outcomes that were successes, 0 to 1; 1 if there is none yet.
    pub fn success_rate(&self) -> f64 {
        if self.outcomes.is_empty() {
            return 1.0;
        }
        f64::from(self.recent_successes) / self.outcomes.len() as f64
    }

    /// Mean time from intent to outcome over the last 100; zero if there is none yet.
    pub fn mean_response(&self) -> Span {
        Span(self.recent_response.0 / self.outcomes.len().max(1) as u64)
    }

    /// Whether it takes a step now.
    pub fn selectable(&self) -> bool {
        matches!(self.status(), AgentStatus::Idle | AgentStatus::Executing)
            && self.in_flight < self.concurrency
    }

    pub(super) fn started(&mut self, run: crate::model::RunId, at: Timestamp) {
        self.in_flight += 1;
        self.last_run = Some(run);
        if self.status() == AgentStatus::Idle {
            self.enter(AgentStatus::Executing, at);
        }
    }

    pub(super) fn finished(&mut self, ok: bool, took: Span, at: Timestamp) {
        let old = self.outcomes.push((ok, took));
        self.recent_successes += u32::from(ok);
        self.recent_response.0 += took.0;
        if let Some((was_ok, was_took)) = old {
            self.recent_successes -= u32::from(was_ok);
            self.recent_response.0 -= was_took.0;
        }
        if ok {
            self.succeeded += 1
        } else {
            self.failed += 1
        }
        self.released(at);
    }

    /// A step left it without saying anything about it: it was stopped, or its outcome was lost.
    pub(super) fn released(&mut self, at: Timestamp) {
        let off = 1 + u32::from(planted(Bug::SlotFreedTwice)) - u32::from(planted(Bug::SlotKept));
        self.in_flight = self.in_flight.saturating_sub(off);
        if self.in_flight == 0 && self.status() == AgentStatus::Executing {
            self.enter(AgentStatus::Idle, at);
        }
    }

    /// It did not answer. People are asked again all the same.
    pub(super) fn lost(&mut self, at: Timestamp) {
        if self.kind != AgentKind::Manual && AGENT.is_within(self.status(), "Available") {
            self.enter(AgentStatus::Error, at);
        }
    }

    /// Moves by the table; derived changes are chosen so that the table permits them.
    pub(super) fn enter(&mut self, to: AgentStatus, at: Timestamp) {
        let entered = AGENT.enter(&mut self.place, to, at);
        debug_assert!(entered.is_ok(), "{}: {:?}", self.name, entered);
        if to == AgentStatus::Idle && self.in_flight > 0 {
            self.enter(AgentStatus::Executing, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RunId;

    const AT: Timestamp = Timestamp(7);

    fn ready() -> AgentState {
        let (name, role) = (Arc::from("wall-1"), Arc::from("WALL"));
        let mut agent = AgentState::new(AgentId(0), name, role, AgentKind::Drill, 2, AT);
        agent.enter(AgentStatus::Idle, AT);
        agent
    }

    #[test]
    fn it_looks_back_on_a_hundred_outcomes() {
        let mut agent = ready();
        assert_eq!((agent.success_rate(), agent.mean_response()), (1.0, Span::ZERO));
        let mut ended = |ok: bool, secs: i64| {
            agent.started(RunId(1), AT);
            agent.finished(ok, Span::from_secs(secs as u64), AT);
            (agent.success_rate(), agent.mean_response().as_secs_f64(), agent.totals())
        };
        assert_eq!(ended(true, 2), (1.0, 2.0, (1, 0)));
        assert_eq!(ended(true, 4), (1.0, 3.0, (2, 0)));
        assert_eq!(ended(false, 6), (2.0 / 3.0, 4.0, (2, 1)));
        assert_eq!(ended(false, 8), (0.5, 5.0, (2, 2)));
        for _ in 0..98 {
            ended(false, 1);
        }
        // The first two have left the window: the failures of 6 s and 8 s are still in it.
        assert_eq!(ended(true, 1).0, 0.01);
        for _ in 0..100 {
            ended(true, 1);
        }
        assert_eq!(ended(true, 1), (1.0, 1.0, (104, 100)));
    }

    #[test]
    fn it_is_idle_when_the_last_step_in_flight_has_ended() {
        let mut agent = ready();
        assert_eq!(agent.status(), AgentStatus::Idle, "nothing is in flight");
        agent.started(RunId(1), AT);
        agent.started(RunId(1), AT);
        assert!(!agent.selectable());
        agent.released(AT);
        assert_eq!(agent.status(), AgentStatus::Executing);
        agent.released(AT);
        assert_eq!(agent.status(), AgentStatus::Idle);
        // It comes back with a step still in flight.
        agent.started(RunId(1), AT);
        for (to, then) in [
            (AgentStatus::Error, AgentStatus::Error),
            (AgentStatus::Degraded, AgentStatus::Degraded),
            (AgentStatus::Idle, AgentStatus::Executing),
        ] {
            agent.enter(to, AT);
            assert_eq!(agent.status(), then);
        }
        agent.released(AT);
        assert_eq!(agent.status(), AgentStatus::Idle);
    }
}

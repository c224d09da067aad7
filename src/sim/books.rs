//! The figures of the state are those that its records add up to.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{Counts, Event, IncidentStatus, Record, RollbackCause, State};
use crate::model::{AgentId, DetectionId, IncidentId, RunId, StepIx};

/// An attempt in flight: run, step, and whether it is the undo.
type Place = (RunId, StepIx, bool);

/// Books of its own, kept from the durable records.
#[derive(Debug, Default)]
pub struct Books {
    counts: Counts,
    causes: BTreeMap<RunId, RollbackCause>,
    known: BTreeSet<DetectionId>,
    open: BTreeSet<IncidentId>,
    in_flight: BTreeMap<Place, AgentId>,
    totals: BTreeMap<AgentId, (u64, u64)>,
}

impl Books {
    /// A record became durable; `after` is the state with it.
    pub fn record(&mut self, record: &Record, after: &State) -> Result<(), String> {
        self.incidents(&record.event);
        self.runs(&record.event);
        self.attempts(&record.event);
        match &record.event {
            Event::StepStarted { agent, .. } | Event::UndoStarted { agent, .. } => may_work(*agent, after),
            _ => Ok(()),
        }
    }

    fn incidents(&mut self, event: &Event) {
        match event {
            Event::IncidentOpened { incident, detection } => {
                self.counts.incidents += 1;
                self.open.insert(*incident);
                self.known.insert(detection.id);
            }
            Event::IncidentRepeated { detection, .. } => {
                self.known.insert(detection.id);
            }
            Event::IncidentChanged { incident, to, .. } => {
                match matches!(to, IncidentStatus::Resolved | IncidentStatus::Dismissed) {
                    true => self.open.remove(incident),
                    false => self.open.insert(*incident),
                };
            }
            Event::RequestRefused { .. } => self.counts.refused += 1,
            _ => {}
        }
    }

    fn runs(&mut self, event: &Event) {
        let counts = &mut self.counts;
        match event {
            Event::RunCreated(new) => {
                counts.live_runs += 1;
                counts.observed += u64::from(!new.mode.is_live());
                return;
            }
            // What it is rolled back for is said once: a retry of a stuck one does not change it.
            Event::RollbackStarted { run, cause, .. } => {
                self.causes.entry(*run).or_insert(*cause);
                return;
            }
            Event::RunCompleted { .. } => counts.completed += 1,
            Event::RunFailed { .. } => counts.failed += 1,
            Event::RunAbandoned { .. } => counts.abandoned += 1,
            Event::RollbackCompleted { run } => match self.causes.get(run) {
                Some(RollbackCause::Cancel) => counts.cancelled += 1,
                _ => counts.rolled_back += 1,
            },
            _ => return,
        }
        counts.live_runs = counts.live_runs.saturating_sub(1);
    }

    fn attempts(&mut self, event: &Event) {
        use Event::*;
        let (place, ok) = match event {
            StepStarted { run, step, agent, .. } => {
                self.in_flight.insert((*run, *step, false), *agent);
                return;
            }
            UndoStarted { run, step, agent, .. } => {
                self.in_flight.insert((*run, *step, true), *agent);
                return;
            }
            StepSucceeded { run, step, .. } | StepPerformed { run, step, .. } => {
                ((*run, *step, false), Some(true))
            }
            StepFailed { run, step, .. } => ((*run, *step, false), Some(false)),
            StepInDoubt { run, step, failure, .. } => {
                ((*run, *step, false), failure.is_some().then_some(false))
            }
            StepCancelled { run, step, .. } => ((*run, *step, false), None),
            UndoSucceeded { run, step, .. } | UndoPerformed { run, step, .. } => {
                ((*run, *step, true), Some(true))
            }
            UndoFailed { run, step, .. } => ((*run, *step, true), Some(false)),
            UndoInDoubt { run, step, failure, .. } => {
                ((*run, *step, true), failure.is_some().then_some(false))
            }
            _ => return,
        };
        let Some(agent) = self.in_flight.remove(&place) else { return };
        let (succeeded, failed) = self.totals.entry(agent).or_default();
        match ok {
            Some(true) => *succeeded += 1,
            Some(false) => *failed += 1,
            None => {}
        }
    }

    /// Whether the state says the same.
    pub fn compare(&self, state: &State) -> Result<(), String> {
        let said = state.counts();
        let mine = Counts {
            open_incidents: self.open.len(),
            detections: self.known.len() as u64,
            // These follow from the runs that are kept, and are compared with them.
            paused: said.paused,
            parked: said.parked,
            stuck: said.stuck,
            rolling_back: said.rolling_back,
            ..self.counts
        };
        if said != mine {
            return Err(format!("C20: the counts are {said:?}, the records say {mine:?}"));
        }
        for agent in state.agents() {
            let working = self.in_flight.values().filter(|id| **id == agent.id()).count();
            if agent.in_flight() as usize != working {
                let (name, said) = (agent.name(), agent.in_flight());
                return Err(format!("C20: {name} has {said} in flight, the records say {working}"));
            }
            let mine = self.totals.get(&agent.id()).copied().unwrap_or_default();
            if agent.totals() != mine {
                let (name, said) = (agent.name(), agent.totals());
                return Err(format!("C20: {name} counts {said:?}, the records say {mine:?}"));
            }
        }
        Ok(())
    }
}

/// An agent begins no more than it may, and nothing once it is gone.
fn may_work(agent: AgentId, after: &State) -> Result<(), String> {
    let Some(agent) = after.agent(agent) else {
        return Err(format!("agent {} begins, and never joined", agent.0));
    };
    if agent.in_flight() > agent.concurrency() {
        return Err(format!("C21: {} begins one more than the {} it may", agent.name(), agent.concurrency()));
    }
    match after.agents_present().any(|present| present.id() == agent.id()) {
        true => Ok(()),
        false => Err(format!("{} begins a step, and has left", agent.name())),
    }
}

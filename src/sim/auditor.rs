//! A second pair of eyes: books about what was answered, what is stopped, how time passes for a run,
//! what is counted. Each notes what goes in and out of the engine, and asks it nothing.

use std::sync::Arc;

use crate::engine::{Effect, Input, Output, Record, Setup, State};
use crate::model::Timestamp;

mod answers;
mod clock;
mod counts;
mod doubts;
mod endings;
mod seen;
mod stops;

/// All of them.
#[derive(Debug)]
pub struct Auditor {
    answers: answers::Answers,
    clock: clock::Clock,
    counts: counts::Counts,
    doubts: doubts::Doubts,
    endings: endings::Endings,
    seen: seen::Seen,
    stops: stops::Stops,
}

impl Auditor {
    /// Before anything happened.
    pub fn new(setups: &[Arc<Setup>]) -> Self {
        Auditor {
            answers: answers::Answers::default(),
            clock: clock::Clock::new(setups),
            counts: counts::Counts::default(),
            doubts: doubts::Doubts::default(),
            endings: endings::Endings::default(),
            seen: seen::Seen::default(),
            stops: stops::Stops::default(),
        }
    }

    /// Something reaches the engine.
    pub fn input(&mut self, input: &Input) {
        self.answers.input(input);
        self.counts.input(input);
        self.seen.input(input);
    }

    /// What the engine says to it, durable or not.
    pub fn said(&mut self, output: &Output) -> Result<(), String> {
        self.seen.said(output)?;
        output.records.iter().try_for_each(|record| self.answers.said(record))
    }

    /// A record became durable.
    pub fn record(&mut self, record: &Record) -> Result<(), String> {
        self.stops.record(&record.event);
        self.doubts.record(&record.event)?;
        self.clock.record(record)?;
        self.endings.record(record, &self.clock)?;
        self.counts.record(&record.event)
    }

    /// Effects are handed over, after their records became durable.
    pub fn handed(&mut self, effects: &[Effect]) -> Result<(), String> {
        self.answers.handed(effects)?;
        self.stops.handed(effects)
    }

    /// Nothing of what happened until now waits in the engine.
    pub fn settled(&self, now: Timestamp) -> Result<(), String> {
        self.clock.nothing_is_late(now)
    }

    /// The engine is gone, with all that it heard and did not say.
    pub fn crashed(&mut self) {
        self.answers.crashed();
        self.counts.crashed();
        self.seen.crashed();
        self.stops.crashed();
    }

    /// Nothing is left to happen.
    pub fn at_rest(&self, state: &State) -> Result<(), String> {
        self.counts.at_rest(state)
    }
}

//! Everything that is watched, together.

use std::sync::Arc;

use super::auditor::Auditor;
use super::books::Books;
use super::bounds::Bounds;
use super::checks::Witness;
use super::confirmed::Confirmed;
use super::findings::Findings;
use super::ledger::LedgerWitness;
use super::texts::Texts;
use super::waits::{everybody_waits, leases_are_used};
use crate::engine::{Effect, Input, Output, Record, Setup, State, Task};
use crate::model::Timestamp;

/// Books of every kind.
#[derive(Debug)]
pub struct Promises {
    /// Runs and steps.
    pub witness: Witness,
    /// What is detected.
    pub findings: Findings,
    /// What has to be confirmed.
    pub confirmed: Confirmed,
    auditor: Auditor,
    ledger: LedgerWitness,
    books: Books,
    bounds: Bounds,
    texts: Texts,
}

impl Promises {
    /// Before anything happened; these setups may be taken.
    pub fn new(setups: &[Arc<Setup>]) -> Self {
        Promises {
            witness: Witness::new(&setups[0].limits),
            findings: Findings::default(),
            confirmed: Confirmed::default(),
            auditor: Auditor::new(setups),
            ledger: LedgerWitness::default(),
            books: Books::default(),
            bounds: Bounds::default(),
            texts: Texts::default(),
        }
    }

    /// Something reaches the engine.
    pub fn input(&mut self, input: &Input) {
        self.auditor.input(input);
        if let Input::Probed { of, found } = input {
            self.witness.told(*of, found);
        }
    }

    /// What the engine says to something, durable or not.
    pub fn said(&mut self, output: &Output) -> Result<(), String> {
        self.auditor.said(output)
    }

    /// Effects are handed over, after their records became durable.
    pub fn handed(&mut self, effects: &[Effect]) -> Result<(), String> {
        self.auditor.handed(effects)
    }

    /// The engine is gone, with all that it heard and did not write down.
    pub fn gone(&mut self) {
        self.auditor.crashed();
    }

    /// The engine has done everything that is due.
    pub fn caught_up(&self, now: Timestamp) -> Result<(), String> {
        self.auditor.settled(now)
    }

    /// Nothing is left to happen.
    pub fn at_rest(&mut self, state: &State, now: Timestamp) -> Result<(), String> {
        Witness::at_rest(state)?;
        self.ledger.ended(state, now)?;
        self.auditor.at_rest(state)?;
        self.confirmed.at_rest(state, now)
    }

    /// A record became durable: it is folded into `state`.
    pub fn record(&mut self, record: &Record, state: &mut State) -> Result<(), String> {
        Witness::nothing_answers_itself(record, state)?;
        self.bounds.record(record, state)?;
        self.ledger.record(record, state)?;
        state.apply(record).map_err(|illegal| illegal.to_string())?;
        self.witness.record(record)?;
        self.auditor.record(record)?;
        self.findings.record(record)?;
        self.texts.record(record)?;
        self.confirmed.record(record, state)?;
        self.books.record(record, state)
    }

    /// An effect reaches the world.
    pub fn effect(&mut self, task: &Task, state: &State) -> Result<(), String> {
        self.witness.effect(task)?;
        self.ledger.effect(task, state)
    }

    /// What must hold of a state at any moment, between two transactions. An engine that `drains` begins
    /// nothing any more.
    pub fn state(&self, state: &State, setup: &Setup, drains: bool) -> Result<(), String> {
        Witness::state(state)?;
        self.ledger.state(state)?;
        self.ledger.stands(state)?;
        Bounds::state(state, &setup.limits)?;
        self.books.compare(state)?;
        leases_are_used(state)?;
        if drains { Ok(()) } else { everybody_waits(state) }
    }
}

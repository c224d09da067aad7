//! Everything that is watched, together.

use super::books::Books;
use super::bounds::Bounds;
use super::checks::Witness;
use super::confirmed::Confirmed;
use super::findings::Findings;
use super::ledger::LedgerWitness;
use super::texts::Texts;
use super::waits::{everybody_waits, leases_are_used};
use crate::engine::{Record, Setup, State, Task};

/// Books of every kind.
#[derive(Debug, Default)]
pub struct Promises {
    /// Runs and steps.
    pub witness: Witness,
    /// What is detected.
    pub findings: Findings,
    /// What has to be confirmed.
    pub confirmed: Confirmed,
    ledger: LedgerWitness,
    books: Books,
    bounds: Bounds,
    texts: Texts,
}

impl Promises {
    /// A record became durable: it is folded into `state`.
    pub fn record(&mut self, record: &Record, state: &mut State) -> Result<(), String> {
        Witness::nothing_answers_itself(record, state)?;
        self.bounds.record(record, state)?;
        self.ledger.record(record, state)?;
        state.apply(record).map_err(|illegal| illegal.to_string())?;
        self.witness.record(record)?;
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
        Bounds::state(state, &setup.limits)?;
        self.books.compare(state)?;
        leases_are_used(state)?;
        if drains { Ok(()) } else { everybody_waits(state) }
    }
}

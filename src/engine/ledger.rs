//! The ledger: everything that is in force because of quell, and what is owed (S3.5).

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::Equivalent;

use super::state::{ByNames, by_names};
use super::{Engine, Event, Obligation, State};
use crate::flow::slots::Slots;
use crate::model::{Action, IncidentId, ObligationId, RunId, StepIx, Timestamp};

/// The names of an effect, to look it up without a copy of them.
#[derive(Hash)]
struct Effect<'a>(&'a str, &'a str);

impl Equivalent<(Arc<str>, Arc<str>)> for Effect<'_> {
    fn equivalent(&self, key: &(Arc<str>, Arc<str>)) -> bool {
        *self.0 == *key.0 && *self.1 == *key.1
    }
}

/// Every obligation that is kept: those that stand, and those that ended lately.
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    pub(super) obligations: Slots<Box<Obligation>>,
    /// The one that stands, by name of the action and target.
    pub(super) by_effect: ByNames<ObligationId>,
    /// Those that ended, in order of their end.
    pub(super) ended: VecDeque<(Timestamp, ObligationId)>,
}

impl Ledger {
    pub(super) fn new(seed: u64) -> Self {
        Ledger { obligations: Slots::starting_at(1), by_effect: by_names(seed), ended: VecDeque::new() }
    }

    /// One obligation.
    pub fn get(&self, id: ObligationId) -> Option<&Obligation> {
        self.obligations.get(id.0).map(|obligation| &**obligation)
    }
    /// The one that stands for an effect: the name of an action, and its target.
    pub fn of_effect(&self, action: &str, target: &str) -> Option<&Obligation> {
        self.get(*self.by_effect.get(&Effect(action, target))?)
    }
    /// The one that stands for what an action does. An effect without a target is never shared.
    pub fn of_action(&self, action: &Action) -> Option<&Obligation> {
        self.of_effect(&action.name, action.target.as_ref()?)
    }
    /// Everything that is kept, by id; from either end.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Obligation> {
        self.obligations.iter().map(|obligation| &**obligation)
    }
    /// Those that stand: in force, owed, in doubt.
    pub fn standing(&self) -> impl DoubleEndedIterator<Item = &Obligation> {
        self.iter().filter(|obligation| !obligation.status().is_ended())
    }
    /// Those that a run holds or held, by id.
    pub fn of_run(&self, run: RunId) -> impl Iterator<Item = &Obligation> {
        self.iter().filter(move |o| o.origin().0 == run || o.holders().iter().any(|h| h.run() == run))
    }
    /// Those that are in force, or may be, because of an incident, and can be lifted; by id.
    pub fn of_incident(&self, incident: IncidentId) -> impl Iterator<Item = &Obligation> {
        let held = move |o: &&Obligation| o.holders().iter().any(|h| h.incident() == Some(incident));
        self.standing().filter(|o| o.status().can_be_lifted() && o.undo().is_some()).filter(held)
    }
    /// How many stand.
    pub fn standing_count(&self) -> usize {
        self.obligations.len() - self.ended.len()
    }
    /// How many are kept.
    pub fn len(&self) -> usize {
        self.obligations.len()
    }
    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.obligations.is_empty()
    }
}

impl State {
    /// Everything that is in force because of quell, and what is owed.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
    /// The obligation of a step, if it ever had one that is still kept.
    pub fn obligation_of(&self, run: RunId, step: StepIx) -> Option<&Obligation> {
        let step = self.run(run)?.steps().get(step.index())?;
        self.ledger.get(step.obligation()?)
    }
}

impl Engine {
    /// What ended on the ledger leaves the state over the limit or the age (by a record), as runs do.
    pub(super) fn retire_obligations(&mut self) {
        let (limits, ended) = (&self.setup.limits, &self.state.ledger.ended);
        // Together, so that it is not a record for each.
        let slack = (limits.finished / 10).clamp(1, 100);
        let over = if ended.len() >= limits.finished + slack { ended.len() - limits.finished } else { 0 };
        let old = |at: &Timestamp| self.now.since(*at) > limits.finished_for;
        if over == 0 && !ended.front().is_some_and(|(at, _)| old(at)) {
            return;
        }
        let leave = ended.iter().enumerate().take_while(|(i, (at, _))| *i < over || (*i < 100 && old(at)));
        let obligations = leave.map(|(_, (_, id))| *id).collect();
        self.emit(Event::ObligationsRetired { obligations });
    }
}

//! How much of the ledger stands where.

use super::{EndsBy, Ledger, Obligation, ObligationStatus};
use crate::model::{ObligationId, Timestamp};

/// Obligations by where they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Tally {
    pub owed: usize,
    pub in_force: usize,
    pub lifting: usize,
    pub in_doubt: usize,
    pub drifted: usize,
    /// Their undo was given up: a person is needed.
    pub lift_failed: usize,
    /// Kept, and over.
    pub ended: usize,
    /// Those that quell has to undo when their time is over: a halt holds them (C30).
    pub by_quell: usize,
    /// Which ends next by its time, and when.
    pub next: Option<(Timestamp, ObligationId)>,
}

impl Tally {
    /// Of some obligations.
    pub fn of<'o>(obligations: impl Iterator<Item = &'o Obligation>) -> Tally {
        let mut tally = Tally::default();
        obligations.for_each(|obligation| tally.add(obligation));
        tally
    }

    fn add(&mut self, obligation: &Obligation) {
        use ObligationStatus::*;
        let count = match obligation.status() {
            Owed => &mut self.owed,
            InForce => &mut self.in_force,
            Lifting => &mut self.lifting,
            InDoubt => &mut self.in_doubt,
            Drifted => &mut self.drifted,
            LiftFailed => &mut self.lift_failed,
            Lifted | Expired | Void | Waived => &mut self.ended,
        };
        *count += 1;
        if obligation.status().is_ended() {
            return;
        }
        self.by_quell += usize::from(obligation.ends_by() == EndsBy::Quell);
        let ends = obligation.until().map(|until| (until, obligation.id()));
        self.next = ends.into_iter().chain(self.next).min();
    }

    /// Those that stand: everything but what has ended.
    pub fn standing(&self) -> usize {
        self.owed + self.in_force + self.lifting + self.in_doubt + self.drifted + self.lift_failed
    }

    /// The figures with their words, the most urgent last; what is zero is left out, except of those in
    /// force.
    pub fn parts(&self) -> impl Iterator<Item = (usize, &'static str)> {
        let parts = [
            (self.in_force, "in force"),
            (self.owed, "owed"),
            (self.lifting, "lifting"),
            (self.in_doubt, "in doubt"),
            (self.drifted, "drifted"),
            (self.lift_failed, "stuck"),
        ];
        parts.into_iter().enumerate().filter(|(i, (n, _))| *i == 0 || *n > 0).map(|(_, part)| part)
    }
}

impl Ledger {
    /// How much stands where.
    pub fn tally(&self) -> Tally {
        Tally::of(self.iter())
    }
}

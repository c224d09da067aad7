//! What is really there, and what those say who look. They may be slow, silent or without an answer, but
//! they do not lie.

use super::World;
use crate::engine::{Input, Probe, ProbeOf, Task};
use crate::model::{Failure, FailureKind, Outcome, Presence, Span};
use crate::sim::fault::Fault;

impl World {
    /// What an attempt came to, in the world: whoever says "done" may not have done it, whoever says
    /// nothing may have.
    pub(super) fn act(&mut self, task: &Task, outcome: Option<&Outcome>) {
        let acted = match outcome {
            Some(Outcome::Succeeded(_)) => !self.goes_wrong(Fault::Lie, 10),
            Some(Outcome::Failed(Failure { kind: FailureKind::NoAnswer, .. })) | None => self.dice.chance(50),
            Some(_) => false,
        };
        if acted {
            self.there.insert((task.run, task.step), !task.undo);
        }
    }

    /// An agent looks, and answers: soon, late, twice or never.
    pub(super) fn look(&mut self, probe: &Probe) {
        let ProbeOf::Step { run, step, .. } = probe.of else { return };
        let roll = self.dice.below(100);
        if self.happens(Fault::ProbeSilent, roll < 4) {
            return;
        }
        let unknown = self.happens(Fault::ProbeUnknown, (4..10).contains(&roll));
        let there = match probe.check {
            true => self.dice.chance(80),
            false => self.there.get(&(run, step)).copied().unwrap_or(false),
        };
        let found = match unknown {
            true => Presence::Unknown("it cannot say".to_owned()),
            false if there => Presence::Present,
            false => Presence::Absent,
        };
        let delay = if self.dice.chance(5) { 15_000 } else { 2_000 };
        let at = self.now + Span::from_millis(self.dice.below(delay));
        let input = Input::Probed { of: probe.of, found };
        if self.dice.chance(5) {
            self.at(at + Span::from_millis(self.dice.clone().below(5_000)), input.clone());
        }
        self.at(at, input);
    }
}

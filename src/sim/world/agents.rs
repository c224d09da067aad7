//! Agents of the simulated world: they fail, hang, panic, lie, come late and answer twice.

use super::World;
use super::agenda::Happening;
use crate::engine::{AgentKind, Effect, Input, Task};
use crate::model::{Failure, FailureKind, Map, Outcome, RunId, Span, StepIx};
use crate::sim::fault::Fault;
use crate::sim::trace::note;

fn failed(kind: FailureKind, message: &str) -> Outcome {
    Outcome::Failed(Failure { kind, message: message.to_owned() })
}

fn finished(task: &Task, outcome: Outcome) -> Input {
    let (run, step, attempt, undo) = (task.run, task.step, task.attempt, task.undo);
    Input::StepFinished { run, step, attempt, undo, outcome }
}

impl World {
    pub(super) fn perform(&mut self, effects: Vec<Effect>) -> Result<(), String> {
        self.promises.handed(&effects)?;
        for effect in effects {
            match effect {
                Effect::Perform(task) if self.halted && !task.passes_halt() => {
                    self.at(self.now, finished(&task, Outcome::NotBegun));
                }
                Effect::Halt { .. } => self.halted = true,
                Effect::Release => self.halted = false,
                Effect::Perform(task) if self.held => {
                    return Err(format!("C6: {} acts while the disk is sick", task.run));
                }
                Effect::Perform(task) => {
                    self.promises.effect(&task, &self.replica)?;
                    self.answer(&task);
                }
                Effect::Probe(probe) => self.look(&probe),
                Effect::Stop { run, step, attempt, undo } => {
                    if !self.goes_wrong(Fault::Unstoppable, 10) {
                        let at = self.now + Span::from_millis(self.dice.below(2_000));
                        let outcome = Outcome::Stopped;
                        self.at(at, Input::StepFinished { run, step, attempt, undo, outcome });
                    }
                }
                Effect::Answer { id, answer } => note!(self, "{id} = {answer:?}"),
            }
        }
        Ok(())
    }

    /// An agent answers: soon, late, twice, badly or never.
    fn answer(&mut self, task: &Task) {
        if task.kind == AgentKind::Manual {
            return self.person_answers(task);
        }
        let roll = self.dice.below(100);
        if task.probe_first && self.dice.chance(8) {
            self.there.insert((task.run, task.step), true);
            return self.at(self.now, finished(task, Outcome::Found(Map::new())));
        }
        let mut output = Map::new();
        output.insert("key".to_owned(), task.key.to_string().into());
        let outcome = if self.happens(Fault::Refused, roll < 8) {
            failed(FailureKind::Answered, "no")
        } else if self.happens(Fault::NoAnswer, roll == 8) {
            failed(FailureKind::NoAnswer, "gone")
        } else if self.happens(Fault::Panic, roll == 9) {
            failed(FailureKind::NoAnswer, "the agent panicked: oh")
        } else if self.happens(Fault::NotSent, roll == 13) {
            failed(FailureKind::NotSent, "nobody is there")
        } else if self.happens(Fault::Silent, (10..13).contains(&roll)) {
            return self.act(task, None);
        } else {
            Outcome::Succeeded(output)
        };
        self.act(task, Some(&outcome));
        let delay = if self.goes_wrong(Fault::Late, 5) { 45_000 } else { 3_000 };
        let at = self.now + Span::from_millis(self.dice.below(delay));
        let input = finished(task, outcome);
        if self.goes_wrong(Fault::Twice, 5) {
            let at = at + Span::from_millis(self.dice.below(5_000));
            self.at(at, input.clone());
        }
        if self.goes_wrong(Fault::StrayAnswer, 2) {
            self.stray_answer(task);
        }
        self.at(at, input);
    }

    /// Somebody answers what nobody asked, or not any more: an attempt long over, one that never was, a
    /// run that is not there.
    fn stray_answer(&mut self, task: &Task) {
        let mut stray = task.clone();
        match self.dice.below(4) {
            0 => stray.attempt = stray.attempt.saturating_sub(1),
            1 => stray.attempt += 100,
            2 => stray.run = RunId(900 + self.dice.below(9)),
            _ => stray.step = StepIx(40),
        }
        let at = self.now + Span::from_millis(self.dice.below(5_000));
        let outcome = if self.dice.chance(50) { Outcome::Succeeded(Map::new()) } else { Outcome::Stopped };
        self.agenda.plan(at, Happening::Input(finished(&stray, outcome)));
    }
}

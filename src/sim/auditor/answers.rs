//! What counts is what was answered (C2, C3): nothing is done because it was begun, an answer counts for
//! the attempt that it is about, and an attempt is handed over once.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{AgentKind, Effect, Event, Input, ProbeOf, Record, Settled};
use crate::model::{Outcome, Presence, RunId, StepIx};

/// Run, step, attempt, and whether it is of the undo.
type Attempt = (RunId, StepIx, u32, bool);
/// Run, step, and whether it is about the undo.
type Place = (RunId, StepIx, bool);

/// What an agent said about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Done,
    Found,
    No,
}

/// What the engine heard since it started.
#[derive(Debug, Default)]
pub struct Answers {
    /// Attempts that were begun and not answered.
    open: BTreeSet<Attempt>,
    /// The first answer to each that was open.
    said: BTreeMap<Attempt, Said>,
    /// Attempts that answered "done", and are verified.
    verified: BTreeSet<Attempt>,
    /// What was found since it was asked for.
    found: BTreeMap<Place, Presence>,
    /// Runs that lift: what they do is done once nothing is there any more.
    lifts: BTreeSet<RunId>,
    /// Done, says a person.
    by_hand: BTreeSet<Place>,
    /// Attempts that reached an agent, and those that reached a person since the start.
    handed: BTreeSet<Attempt>,
    asked: BTreeSet<Attempt>,
}

impl Answers {
    pub fn input(&mut self, input: &Input) {
        match input {
            Input::StepFinished { run, step, attempt, undo, outcome } => {
                let attempt = (*run, *step, *attempt, *undo);
                if !self.open.contains(&attempt) {
                    return;
                }
                let said = match outcome {
                    Outcome::Succeeded(_) => Said::Done,
                    Outcome::Found(_) => Said::Found,
                    _ => Said::No,
                };
                self.said.entry(attempt).or_insert(said);
            }
            Input::Probed { of: ProbeOf::Step { run, step, undo, .. }, found } => {
                self.found.insert((*run, *step, *undo), found.clone());
            }
            _ => {}
        }
    }

    pub fn said(&mut self, record: &Record) -> Result<(), String> {
        use Event::*;
        match &record.event {
            // What was not durable never was, and its number is another's.
            RunCreated(new) if new.lifts.is_empty() => {
                self.lifts.remove(&new.run);
            }
            RunCreated(new) => {
                self.lifts.insert(new.run);
            }
            StepStarted { run, step, attempt, .. } => self.begun((*run, *step, *attempt, false)),
            UndoStarted { run, step, attempt, .. } => self.begun((*run, *step, *attempt, true)),
            StepAnswered { run, step, undo, done: true, .. } => {
                self.by_hand.insert((*run, *step, *undo));
            }
            StepSettled { run, step, undo, settled: Settled::Done, .. } => {
                self.by_hand.insert((*run, *step, *undo));
            }
            StepProbing { run, step, undo, .. } => {
                self.found.remove(&(*run, *step, *undo));
            }
            StepProbed { run, step, undo, found, .. } => self.probed((*run, *step, *undo), found)?,
            StepSucceeded { run, step, attempt, found, .. } => {
                let wanted = if *found { Said::Found } else { Said::Done };
                self.done((*run, *step, *attempt, false), wanted, "done")?;
            }
            StepPerformed { run, step, attempt, .. } => {
                let attempt = (*run, *step, *attempt, false);
                self.done(attempt, Said::Done, "performed")?;
                self.verified.insert(attempt);
            }
            UndoSucceeded { run, step, attempt } => {
                self.done((*run, *step, *attempt, true), Said::Done, "undone")?;
            }
            UndoPerformed { run, step, attempt, .. } => {
                let attempt = (*run, *step, *attempt, true);
                self.done(attempt, Said::Done, "undone")?;
                self.verified.insert(attempt);
            }
            StepFailed { run, step, attempt, .. } => self.failed((*run, *step, *attempt, false))?,
            UndoFailed { run, step, attempt, .. } => self.failed((*run, *step, *attempt, true))?,
            StepInDoubt { run, step, attempt, .. } => {
                self.open.remove(&(*run, *step, *attempt, false));
            }
            UndoInDoubt { run, step, attempt, .. } => {
                self.open.remove(&(*run, *step, *attempt, true));
            }
            StepCancelled { run, step, .. } => {
                self.open.retain(|(r, s, _, undo)| (r, s, *undo) != (run, step, false));
            }
            _ => {}
        }
        Ok(())
    }

    fn begun(&mut self, attempt: Attempt) {
        let (run, step, _, undo) = attempt;
        self.open.insert(attempt);
        self.by_hand.remove(&(run, step, undo));
        self.found.remove(&(run, step, undo));
    }

    fn probed(&self, place: Place, said: &Presence) -> Result<(), String> {
        let told = self.found.get(&place);
        match said {
            Presence::Unknown(_) => Ok(()),
            said if told == Some(said) => Ok(()),
            said => Err(format!("C3: {} was found {said}, but {told:?} was told", name(place))),
        }
    }

    /// Something counts as done: somebody has to have said so.
    fn done(&mut self, attempt: Attempt, wanted: Said, word: &str) -> Result<(), String> {
        self.open.remove(&attempt);
        let (run, step, number, undo) = attempt;
        let place = (run, step, undo);
        let back = undo || self.lifts.contains(&run);
        let looked_for = if back { Presence::Absent } else { Presence::Present };
        let said = self.said.get(&attempt);
        let answered = said == Some(&wanted) || (undo && said == Some(&Said::Found));
        // A verification may be of its own; then the answer came before it.
        let found = self.found.get(&place) == Some(&looked_for);
        let verified = self.verified.contains(&attempt);
        let ok = if verified { found } else { answered || (found && wanted == Said::Done) };
        if ok || self.by_hand.contains(&place) {
            return Ok(());
        }
        let told = (said, self.found.get(&place), verified);
        Err(format!("C2: attempt {number} of {} counts as {word}, and nobody said so: {told:?}", name(place)))
    }

    /// Something counts as failed: then it did not answer that it is done.
    fn failed(&mut self, attempt: Attempt) -> Result<(), String> {
        self.open.remove(&attempt);
        let (run, step, number, undo) = attempt;
        let done = matches!(self.said.get(&attempt), Some(Said::Done | Said::Found));
        if done && !self.verified.contains(&attempt) {
            let name = name((run, step, undo));
            return Err(format!(
                "C2: attempt {number} of {name} answered that it is done, and counts as failed"
            ));
        }
        Ok(())
    }

    pub fn handed(&mut self, effects: &[Effect]) -> Result<(), String> {
        for effect in effects {
            let Effect::Perform(task) = effect else { continue };
            let attempt = (task.run, task.step, task.attempt, task.undo);
            let to = if task.kind == AgentKind::Manual { &mut self.asked } else { &mut self.handed };
            if !to.insert(attempt) {
                let name = name((task.run, task.step, task.undo));
                return Err(format!("C4: attempt {} of {name} is handed over twice", task.attempt));
            }
        }
        Ok(())
    }

    pub fn crashed(&mut self) {
        self.open.clear();
        self.said.clear();
        self.found.clear();
        self.by_hand.clear();
        // A person is asked again.
        self.asked.clear();
    }
}

fn name((run, step, undo): Place) -> String {
    let what = if undo { "the undo of " } else { "" };
    format!("{what}step {} of {run}", step.0)
}
